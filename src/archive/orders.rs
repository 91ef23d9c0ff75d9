//! What a post's fields say of its sending: who may read it, where it appears,
//! which newsletters carry it, under which subject.

use super::fields::{is_nothing, kind, own_fields, shown, truth, word};
use super::flaw::{Flaw, quote};
use super::front::{Matter, Value};
use super::text;
use crate::domain::directives::{Directives, Reach};
use crate::domain::post::Access;

/// Everything a post says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Orders {
    pub access: Access,
    pub send: Directives,
    /// Why it must not be public: to publish it to everybody would be what its
    /// author said not to do.
    pub withheld: Option<Flaw>,
}

/// Words of `access` for everybody, and for subscribers.
const OPEN: [&str; 5] = ["public", "everyone", "all", "open", "free"];
const CLOSED: [&str; 4] = ["subscribers", "subscriber", "members", "member"];

/// Reads them; what is odd but clear enough to go on goes to `oddities`. Where
/// the author's own fields are in a table, they are looked for in it, too.
///
/// # Errors
/// A word on where the post goes is not understood.
pub(super) fn read(matter: &Matter, own: Option<&str>, oddities: &mut Vec<Flaw>) -> Result<Orders, Flaw> {
    let own = own_fields(matter, own);
    let reader = Reader { matter, own };
    let mut orders = Orders::default();
    match reader.access()? {
        Ok(access) => orders.access = access,
        Err(flaw) => orders.withheld = Some(flaw),
    }
    let unmailed = reader.newsletters(&mut orders.send, oddities)?;
    let (mail, feeds) = (reader.says("email_only")?, reader.says("feed_only")?);
    orders.send.reach = match (mail, feeds) {
        (true, _) => Reach::Mail,
        (false, true) => Reach::Feeds,
        (false, false) if unmailed => Reach::Unmailed,
        (false, false) => Reach::Everywhere,
    };
    let never = if unmailed { "newsletter" } else { "feed_only" };
    if mail && (unmailed || feeds) {
        let reason = format!("not published: by `email_only` and `{never}` it goes to nobody");
        orders.withheld.get_or_insert(reader.flaw(never, reason).with_help("keep one of the two").withholding());
    } else if !orders.send.newsletters.is_empty() && (unmailed || feeds) {
        let reason = format!("`newsletters` is passed over: by `{never}` it is not mailed");
        oddities.push(reader.flaw("newsletters", reason));
    }
    orders.send.subject = reader.subject(oddities);
    Ok(orders)
}

struct Reader<'a> {
    matter: &'a Matter,
    /// The author's own fields.
    own: Matter,
}

impl Reader<'_> {
    fn get(&self, key: &str) -> Option<&Value> {
        self.matter.get(key).or_else(|| self.own.get(key)).filter(|value| !is_nothing(value))
    }

    fn flaw(&self, key: &str, reason: String) -> Flaw {
        Flaw::new(reason).at(self.matter.line_of(key))
    }

    fn access(&self) -> Result<Result<Access, Flaw>, Flaw> {
        let Some(value) = self.get("access") else { return Ok(Ok(Access::Public)) };
        let said = word(value).map(|word| word.to_lowercase());
        let said = said.ok_or_else(|| self.flaw("access", format!("`access` must be a text, not {}", kind(value))))?;
        Ok(match said.as_str() {
            open if OPEN.contains(&open) => Ok(Access::Public),
            closed if CLOSED.contains(&closed) => Ok(Access::Subscribers),
            _ => {
                let reason =
                    format!("not published: nobody can be meant by `access: {}`", quote(&said).trim_matches('`'));
                let help = "write `public` or `subscribers`";
                Err(self.flaw("access", reason).with_help(help).withholding())
            }
        })
    }

    /// Which newsletters carry it; whether none does.
    fn newsletters(&self, send: &mut Directives, oddities: &mut Vec<Flaw>) -> Result<bool, Flaw> {
        let mut unmailed = false;
        for key in ["newsletter", "newsletters"] {
            let names: Vec<String> = match self.get(key) {
                None => continue,
                Some(value) if truth(value).is_some() => {
                    unmailed |= truth(value) == Some(false);
                    continue;
                }
                Some(Value::Text(text)) => text.split(',').map(str::to_owned).collect(),
                Some(Value::List(values)) if values.iter().all(|value| word(value).is_some()) => {
                    values.iter().filter_map(word).collect()
                }
                Some(value) => {
                    let reason = format!("`{key}` must be the ids of newsletters, or false, not {}", kind(value));
                    return Err(self.flaw(key, reason));
                }
            };
            for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
                if !send.newsletters.iter().any(|known| known == name) {
                    send.newsletters.push(name.to_owned());
                }
            }
        }
        if matches!(self.matter.get("newsletters"), Some(Value::List(list)) if list.is_empty()) {
            let reason = "`newsletters` is empty, so it says nothing".to_owned();
            oddities.push(self.flaw("newsletters", reason).with_help("to keep it out of mail: newsletter: false"));
        }
        Ok(unmailed)
    }

    fn says(&self, key: &str) -> Result<bool, Flaw> {
        let Some(value) = self.get(key) else { return Ok(false) };
        truth(value).ok_or_else(|| self.flaw(key, format!("`{key}` must be true or false, not {}", shown(value))))
    }

    fn subject(&self, oddities: &mut Vec<Flaw>) -> Option<String> {
        let value = self.get("email_subject")?;
        let Some(said) = word(value) else {
            let reason = format!("`email_subject` is passed over: it must be a text, not {}", kind(value));
            oddities.push(self.flaw("email_subject", reason));
            return None;
        };
        let said = text::one_line(&said);
        (!said.is_empty()).then(|| text::shorten(&said, text::TITLE_LIMIT))
    }
}

#[cfg(test)]
mod tests {
    use super::super::front;
    use super::*;

    fn orders(yaml: &str) -> (Orders, Vec<Flaw>) {
        let (matter, _) = front::split(&format!("---\n{yaml}\n---\n")).unwrap().unwrap();
        let mut oddities = Vec::new();
        (read(&matter, Some("params"), &mut oddities).unwrap(), oddities)
    }

    fn reach(yaml: &str) -> Reach {
        orders(yaml).0.send.reach
    }

    fn withheld(yaml: &str) -> String {
        orders(yaml).0.withheld.unwrap().reason
    }

    #[test]
    fn a_post_goes_where_its_author_says() {
        assert_eq!(reach("title: a"), Reach::Everywhere);
        assert_eq!(reach("newsletter: false"), Reach::Unmailed);
        assert_eq!(reach("newsletter: yes"), Reach::Everywhere);
        assert_eq!(reach("feed_only: true"), Reach::Feeds);
        assert_eq!(reach("Email-Only: true\nfeed_only: false"), Reach::Mail);
        assert_eq!(reach("params:\n  email_only: true"), Reach::Mail);
    }

    #[test]
    fn newsletters_are_named_one_or_several() {
        let named = |yaml: &str| orders(yaml).0.send.newsletters;
        assert_eq!(named("newsletters: [tech, life, tech]"), ["tech", "life"]);
        assert_eq!(named("newsletter: tech"), ["tech"]);
        assert_eq!(named("newsletters: tech, life"), ["tech", "life"]);
        assert_eq!(orders("newsletters: []").1.len(), 1);
        assert_eq!(orders("newsletter: false\nnewsletters: [tech]").1[0].line, Some(3));
    }

    #[test]
    fn what_cannot_be_kept_keeps_the_post_from_being_public() {
        assert_eq!(orders("access: Members").0.access, Access::Subscribers);
        assert_eq!(orders("access: free").0, Orders::default());
        assert!(withheld("access: paid").contains("`access: paid`"));
        assert!(withheld("email_only: true\nnewsletter: false").contains("it goes to nobody"));
        assert!(withheld("email_only: true\nfeed_only: true").contains("it goes to nobody"));
    }

    #[test]
    fn a_word_that_is_not_understood_breaks_the_post() {
        for yaml in ["email_only: perhaps", "feed_only: [a, b]", "newsletter: {a: b}", "access: [a, b]"] {
            let (matter, _) = front::split(&format!("---\n{yaml}\n---\n")).unwrap().unwrap();
            assert!(read(&matter, None, &mut Vec::new()).is_err(), "{yaml}");
        }
    }

    #[test]
    fn a_subject_is_one_line() {
        assert_eq!(orders("email_subject: ' a\n\n  b '").0.send.subject.as_deref(), Some("a b"));
        assert_eq!(orders("email_subject: [a, b]").1.len(), 1);
    }
}
