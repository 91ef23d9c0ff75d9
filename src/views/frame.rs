//! The frame of every mail: head, preheader, one centred column of 600 pixels.
//!
//! Everything that must hold is an inline style or an attribute; the style
//! sheet in the head only adds dark mode and narrow screens. Outlook for
//! Windows gets the width from a table only it sees.

use std::sync::LazyLock;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::direction::Direction;
use super::model::SiteModel;
use super::plural::primary;
use super::tokens;
use super::words::Words;

/// Keeps inboxes from showing the first words of the mail behind the preheader:
/// two columns wide, nothing to see.
const PADDING: &str = "&#8199;&#65279;&#847; ";
/// Columns an inbox shows at most, and the most and fewest paddings that fill them.
const PREVIEW: usize = 180;
const PADDINGS: (usize, usize) = (20, 40);

/// Outlook for Windows: whole pixels, one of its own fonts where it does not
/// know ours, no gaps around tables.
const OUTLOOK_HEAD: &str = "<!--[if mso]><xml><o:OfficeDocumentSettings><o:PixelsPerInch>96</o:PixelsPerInch>\
</o:OfficeDocumentSettings></xml><style>table{border-collapse:collapse;mso-table-lspace:0;mso-table-rspace:0}\
td,h1,h2,h3,p,a,li{font-family:'Segoe UI',Arial,sans-serif!important}</style><![endif]-->";

/// Style sheet of every head, tokens filled in, without comments and spare space.
static HEAD: LazyLock<String> = LazyLock::new(|| compact(&tokens::fill(include_str!("../../templates/mail.css"))));

/// What the titles of an edition add to it.
static HEAD_OF_EDITION: LazyLock<String> =
    LazyLock::new(|| compact(&tokens::fill(include_str!("../../templates/mail-edition.css"))));

/// What a whole post adds to that.
static HEAD_OF_POST: LazyLock<String> =
    LazyLock::new(|| compact(&tokens::fill(include_str!("../../templates/mail-full.css"))));

/// Inline styles of every mail.
pub struct Styles {
    /// A row's cell without its padding: font and colour, for all that is in it.
    pub cell: String,
    /// The first heading, without its margin.
    pub h1: String,
    /// The heading of one post of several.
    pub h2: String,
    /// Small text beside something larger.
    pub meta: String,
    /// A paragraph of the footer.
    pub foot: String,
    /// The site's name in small text.
    pub name: String,
    /// A link in text.
    pub link: String,
    /// A title that is a link: it has the text's colour, so the line under it must be told.
    pub title: String,
    /// A link in small muted text: the same colour as the text, underlined.
    pub quiet_link: String,
    /// The one button of a mail, 46 pixels high.
    pub button: String,
    /// The line below the name and above the footer.
    pub rule: String,
}

/// The styles, tokens filled in.
pub static STYLES: LazyLock<Styles> = LazyLock::new(|| Styles {
    cell: tokens::fill("font:16px/26px font(sans);color:light(text);word-break:break-word"),
    h1: "font-size:28px;line-height:34px;font-weight:bold".into(),
    h2: "margin:0;font-size:22px;line-height:28px".into(),
    meta: tokens::fill("margin:4px 0 0;font-size:14px;line-height:20px;color:light(muted)"),
    foot: tokens::fill("margin:12px 0 0;font-size:14px;line-height:22px;color:light(muted)"),
    name: tokens::fill("color:light(text)"),
    link: tokens::fill("color:light(link)"),
    title: tokens::fill("color:light(text);text-decoration:underline"),
    quiet_link: tokens::fill("color:light(muted)"),
    button: tokens::fill(
        "display:inline-block;padding:11px 24px;background:light(link);color:light(bg);border-radius:4px;\
         font-weight:bold;line-height:24px;text-decoration:none;mso-padding-alt:0",
    ),
    rule: tokens::fill("border-top:1px solid light(rule);font-size:0;line-height:0"),
});

/// What a mail holds beside its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// Nothing: a letter.
    Words,
    /// Titles of posts.
    Titles,
    /// A whole post.
    Post,
}

/// What the frame is told.
pub struct Frame<'a> {
    /// Where the mail comes from.
    pub site: &'a SiteModel,
    /// Title of the document and name of the article.
    pub subject: &'a str,
    /// Beside the subject in an inbox.
    pub preheader: &'a str,
    /// What its style sheet must dress.
    pub holds: Holds,
}

impl Frame<'_> {
    /// The whole HTML part around `rows`, which are `tr` elements.
    pub fn around(&self, rows: &Markup) -> String {
        let language = &self.site.language;
        let dir = Direction::of_language(language).as_str();
        let ground = format!("margin:0;background:{}", tokens::LIGHT.bg);
        let width = tokens::MAIL_WIDTH;
        let whole = html! {
            (DOCTYPE)
            html lang=(language) dir=(dir) xmlns:o="urn:schemas-microsoft-com:office:office" {
                (self.head())
                body class="b" style=(ground) xml:lang=(language) {
                    div class="b" role="article" aria-roledescription="email" aria-label=(self.subject)
                        lang=(language) dir=(dir) style=(ground) {
                        (self.preheader())
                        (PreEscaped(format!(
                            "<!--[if mso]><table role=\"presentation\" align=\"center\" width=\"{width}\"><tr><td><![endif]-->"
                        )))
                        div style=(format!("max-width:{width}px;margin:0 auto")) {
                            table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" { (rows) }
                        }
                        (PreEscaped("<!--[if mso]></td></tr></table><![endif]-->"))
                    }
                }
            }
        };
        whole.into_string()
    }

    fn head(&self) -> Markup {
        html! {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="x-apple-disable-message-reformatting";
                meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no";
                meta name="color-scheme" content="light dark";
                meta name="supported-color-schemes" content="light dark";
                title { (self.subject) }
                (PreEscaped(OUTLOOK_HEAD))
                style {
                    (PreEscaped(HEAD.as_str()))
                    @if self.holds >= Holds::Titles { (PreEscaped(HEAD_OF_EDITION.as_str())) }
                    @if self.holds >= Holds::Post { (PreEscaped(HEAD_OF_POST.as_str())) }
                }
            }
        }
    }

    fn preheader(&self) -> Markup {
        let left = PREVIEW.saturating_sub(self.preheader.chars().count());
        let paddings = (left / 2).clamp(PADDINGS.0, PADDINGS.1);
        html! {
            div style="display:none;max-height:0;overflow:hidden;mso-hide:all" {
                (self.preheader) (PreEscaped(PADDING.repeat(paddings)))
            }
        }
    }
}

/// Attributes of an element that holds our own words: none where they read as
/// what is around them, else their language, and their direction with the side
/// of the surroundings, so that a full stop ends its sentence in both.
#[derive(Debug, Default)]
pub struct OwnWords {
    /// Language of the words where it differs.
    pub lang: Option<String>,
    /// Direction of the words where it differs.
    pub dir: Option<&'static str>,
    /// The side where lines begin around them, when the direction differs.
    pub align: Option<&'static str>,
}

impl OwnWords {
    /// For words that stand among `language` reading in `around`.
    pub fn among(words: &Words, language: &str, around: Direction) -> Self {
        let own = words.language();
        let differs = Direction::of_language(&own) != around;
        Self {
            dir: differs.then(|| Direction::of_language(&own).as_str()),
            align: differs.then(|| around.start()),
            lang: (primary(&own) != primary(language)).then_some(own),
        }
    }

    /// For words that stand in the mail itself.
    pub fn in_mail(words: &Words, site: &SiteModel) -> Self {
        Self::among(words, &site.language, Direction::of_language(&site.language))
    }
}

/// A line from margin to margin, for a cell of its own or the top of one.
pub fn rule() -> Markup {
    html! { div class="r" style=(STYLES.rule) { (PreEscaped("&nbsp;")) } }
}

/// The last line of every mail, inside a cell of our own words: it is the site's.
pub fn sender_line(words: &Words, site: &SiteModel, style: &str) -> Markup {
    let own = OwnWords::in_mail(words, site);
    let dir = own.dir.map(|_| Direction::of_language(&site.language).as_str());
    let lang = own.lang.map(|_| &site.language);
    html! { p class="m" lang=[lang] dir=[dir] style=(style) { (sender(words, site)) } }
}

/// Our name and place, as the law of many countries asks at the foot of mail.
pub fn sender(words: &Words, site: &SiteModel) -> String {
    match &site.postal_address {
        Some(address) => words.say("mail.sender", &[("site", &site.title), ("address", address)]),
        None => site.title.clone(),
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
    css.replace(": ", ":").replace(" !", "!")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_styles_stay_under_four_kilobytes_and_are_filled() {
        let all = format!("{}{}", *HEAD, *HEAD_OF_POST);
        assert!(all.len() <= 4_000, "{}", all.len());
        for left in ["dark(", "light(", "font(", "/*", "\n"] {
            assert!(!all.contains(left), "{left}");
        }
        assert!(all.contains("@media (prefers-color-scheme:dark){.b{background:#15181c!important}"), "{all}");
    }
}
