//! The frame of every mail: head, preheader, one centred column of 600 pixels.
//!
//! Everything that must hold is an inline style or an attribute; the style
//! sheet in the head only adds dark mode and narrow screens. Outlook for
//! Windows gets the width from a table only it sees.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::direction::Direction;
use super::model::SiteModel;
use super::plural::primary;
use super::style::Style;
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
                    @for sheet in &self.site.style.head[..=self.holds as usize] { (PreEscaped(sheet)) }
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

/// The operator's logo above the first heading.
pub fn logo(site: &SiteModel) -> Markup {
    html! {
        @if let Some(logo) = &site.style.picture {
            // Its name stands below it in words.
            img src=(format!("{}{}", site.public_url, logo.path)) alt="" width=(logo.width) height=(logo.height)
                style=(site.style.logo);
        }
    }
}

/// A line from margin to margin, for a cell of its own or the top of one.
pub fn rule(style: &Style) -> Markup {
    html! { div class="r" style=(style.rule) { (PreEscaped("&nbsp;")) } }
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
