//! What mails are dressed in: the style sheets of `templates/` with their
//! tokens filled in, an operator's own in their place, and the logo.

use std::sync::{Arc, LazyLock};

use super::tokens::Accent;

/// Gmail drops every style sheet of a mail that has more bytes of them than this.
pub const MOST: usize = 16_000;
/// Where a logo may be, and what it is: what every mail program can show.
pub const LOGOS: [(&str, &str); 3] =
    [("/logo.png", "image/png"), ("/logo.jpg", "image/jpeg"), ("/logo.gif", "image/gif")];
/// The logo is shown no wider and no higher than this, in pixels.
const LOGO: (usize, usize) = (240, 56);

/// The style sheets of mails by the names of their files, none filled in yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheets {
    /// `mail.css`: the head of every mail.
    pub mail: String,
    /// `mail-edition.css`: added to the head of an edition.
    pub edition: String,
    /// `mail-full.css`: added to the head of a mail that holds a whole post.
    pub full: String,
    /// `mail-post.css`: written into the elements of a whole post.
    pub post: String,
    /// `mail-parts.css`: written into the elements of the mail around it.
    pub parts: String,
}

impl Default for Sheets {
    fn default() -> Self {
        Self {
            mail: include_str!("../../templates/mail.css").into(),
            edition: include_str!("../../templates/mail-edition.css").into(),
            full: include_str!("../../templates/mail-full.css").into(),
            post: include_str!("../../templates/mail-post.css").into(),
            parts: include_str!("../../templates/mail-parts.css").into(),
        }
    }
}

/// A picture that stands for the site's name at the top of mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Where it is on our pages, one of [`LOGOS`].
    pub path: &'static str,
    /// As it is shown, in pixels.
    pub width: usize,
    /// As it is shown, in pixels.
    pub height: usize,
}

impl Logo {
    /// A picture of so many pixels, shown no larger than the head of a mail bears.
    pub fn new(path: &'static str, width: usize, height: usize) -> Self {
        let (most_width, most_height) = LOGO;
        let scale = |n: usize, (to, of): (usize, usize)| (n * to).div_ceil(of.max(1)).max(1);
        let by = [(1, 1), (most_width, width), (most_height, height)];
        let by = by.into_iter().min_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1))).unwrap_or((1, 1));
        Self { path, width: scale(width, by), height: scale(height, by) }
    }
}

/// The inline styles of every part of a mail; `templates/mail-parts.css` tells
/// what each is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the style sheet tells what each part is")]
pub struct Style {
    pub cell: String,
    pub h1: String,
    pub h2: String,
    pub meta: String,
    pub foot: String,
    pub name: String,
    pub logo: String,
    pub link: String,
    pub title: String,
    pub quiet: String,
    pub button: String,
    pub rule: String,
    /// The sheets of the head: of every mail, of an edition, of a whole post.
    pub head: [String; 3],
    /// The sheet that is written into a whole post that reads from left to right.
    pub post: String,
    /// The picture at the top.
    pub picture: Option<Logo>,
}

impl Style {
    /// That of this program.
    pub fn usual() -> Arc<Self> {
        static USUAL: LazyLock<Arc<Style>> = LazyLock::new(|| {
            // A test proves that the embedded sheets have no faults.
            Arc::new(Style::new(&Sheets::default(), &Accent::default()).unwrap_or_default())
        });
        Arc::clone(&USUAL)
    }

    /// From style sheets, in the accent colours. A part that `mail-parts.css`
    /// leaves out is as in this program's.
    ///
    /// # Errors
    /// The name of a part there is none of.
    pub fn new(sheets: &Sheets, accent: &Accent) -> Result<Self, String> {
        let filled = |css: &str| compact(&accent.fill(css));
        let mut style = Self {
            head: [&sheets.mail, &sheets.edition, &sheets.full].map(|css| filled(css)),
            post: filled(&sheets.post),
            ..Self::default()
        };
        for css in [&Sheets::default().parts, &sheets.parts] {
            for rule in filled(css).split_terminator('}') {
                let (name, rules) = rule.split_once('{').unwrap_or((rule, ""));
                *style.part(name.trim()).ok_or_else(|| name.trim().to_owned())? =
                    rules.trim_end_matches(';').to_owned();
            }
        }
        Ok(style)
    }

    fn part(&mut self, name: &str) -> Option<&mut String> {
        Some(match name {
            "cell" => &mut self.cell,
            "h1" => &mut self.h1,
            "h2" => &mut self.h2,
            "meta" => &mut self.meta,
            "foot" => &mut self.foot,
            "name" => &mut self.name,
            "logo" => &mut self.logo,
            "link" => &mut self.link,
            "title" => &mut self.title,
            "quiet" => &mut self.quiet,
            "button" => &mut self.button,
            "rule" => &mut self.rule,
            _ => return None,
        })
    }
}

/// A style sheet without comments, line breaks and the spaces around marks.
pub fn compact(css: &str) -> String {
    let mut kept = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, after)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    let mut css = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    for mark in ["{", "}", ";", ","] {
        css = css.replace(&format!("{mark} "), mark).replace(&format!(" {mark}"), mark);
    }
    css.replace(": ", ":").replace(" !", "!").replace('"', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_styles_stay_under_four_kilobytes_and_are_filled() {
        let style = Style::usual();
        let all = style.head.concat();
        assert!(all.len() <= 4_000, "{}", all.len());
        for left in ["dark(", "light(", "font(", "/*", "\n"] {
            assert!(!all.contains(left) && !style.post.contains(left) && !style.cell.contains(left), "{left}");
        }
        assert!(all.contains("@media (prefers-color-scheme:dark){.b{background:#15181c!important}"), "{all}");
        assert!(style.button.contains("background:#0b57d0;color:#ffffff"), "{}", style.button);
    }

    #[test]
    fn own_parts_take_their_place_and_unknown_ones_are_named() {
        let own = |parts: &str| Style::new(&Sheets { parts: parts.into(), ..Sheets::default() }, &Accent::default());
        let style = own("/* mine */ h1 { font: 30px/36px \"Georgia\"; color: light(link); }").unwrap();
        assert_eq!(style.h1, "font:30px/36px 'Georgia';color:#0b57d0");
        assert_eq!(style.cell, Style::usual().cell);
        assert_eq!(own("h1 {} h9 { color: red }").unwrap_err(), "h9");
    }

    #[test]
    fn a_logo_fits_the_head_and_keeps_its_shape() {
        let shown = |width, height| {
            let logo = Logo::new(LOGOS[0].0, width, height);
            (logo.width, logo.height)
        };
        assert_eq!(shown(100, 40), (100, 40));
        assert_eq!(shown(480, 48), (240, 24));
        assert_eq!(shown(112, 112), (56, 56));
        assert_eq!(shown(5_000, 1), (240, 1));
    }
}
