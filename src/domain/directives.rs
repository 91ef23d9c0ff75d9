//! What an author says in a post of how it is to be sent.

/// Where a public post appears. Who may read it there in full is
/// [`super::post::Access`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Reach {
    /// In feeds, on pages, in mail.
    #[default]
    Everywhere,
    /// In feeds and on pages: `newsletter: false`.
    Unmailed,
    /// In feeds alone: `feed_only: true`.
    Feeds,
    /// In mail alone: `email_only: true`.
    Mail,
}

impl Reach {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Everywhere, Self::Unmailed, Self::Feeds, Self::Mail];

    /// The word for it in SQL and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Everywhere => "everywhere",
            Self::Unmailed => "unmailed",
            Self::Feeds => "feeds",
            Self::Mail => "mail",
        }
    }

    /// Whether feeds carry it.
    pub fn is_in_feeds(self) -> bool {
        self != Self::Mail
    }

    /// Whether the pages for everybody show it.
    pub fn is_on_pages(self) -> bool {
        matches!(self, Self::Everywhere | Self::Unmailed)
    }

    /// Whether editions may carry it.
    pub fn is_mailed(self) -> bool {
        matches!(self, Self::Everywhere | Self::Mail)
    }
}

impl std::str::FromStr for Reach {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|reach| reach.as_str() == text).ok_or_else(|| format!("`{text}` is not a reach"))
    }
}

/// All an author says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Directives {
    /// Where it appears.
    pub reach: Reach,
    /// Ids of the newsletters it is for, whatever their topics; empty means
    /// those whose topics it has.
    pub newsletters: Vec<String>,
    /// What stands in the place of its title in the subject of a mail that it leads.
    pub subject: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reach_is_somewhere_and_is_known_by_its_word() {
        for reach in Reach::ALL {
            assert!(reach.is_in_feeds() || reach.is_on_pages() || reach.is_mailed(), "{reach:?}");
            assert_eq!(reach.as_str().parse(), Ok(reach));
        }
    }
}
