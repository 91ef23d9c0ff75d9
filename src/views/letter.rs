//! Letters: the mails that are no edition. Each is a heading and a few blocks,
//! from which both parts are written, so that they say the same.

use maud::{Markup, PreEscaped, html};

use super::field::line;
use super::frame::{Frame, Holds, OwnWords, logo, rule, sender, sender_line};
use super::mail::Mail;
use super::model::{
    AlreadyMail, ConfirmMail, GoodbyeMail, MovedMail, MovingMail, ReadingMail, SiteModel, TestMail, WelcomeMail,
};
use super::sheet::{PREHEADER, SUBJECT, shorten};
use super::style::Style;
use super::text::RULE;
use super::words::Words;
use super::wrap::{COLUMNS, wrap};

/// What Outlook for Windows puts inside a button, since it ignores the padding of links.
const OUTLOOK_BEFORE: &str =
    "<!--[if mso]><i style=\"mso-font-width:150%;mso-text-raise:22px\" hidden>&emsp;</i><![endif]-->";
const OUTLOOK_AFTER: &str = "<!--[if mso]><i style=\"mso-font-width:150%\" hidden>&emsp;&#8203;</i><![endif]-->";

enum Block {
    Say(String),
    /// Label and address: the one thing to do. The bare address follows, with words before it.
    Button(String, String, String),
    /// Label and address.
    Link(String, String),
}

struct Letter<'a> {
    words: &'a Words,
    site: SiteModel,
    subject: String,
    heading: String,
    blocks: Vec<Block>,
}

/// "Confirm your subscription": one sentence on what will come, one button.
pub fn confirm(words: &Words, mail: &ConfirmMail) -> Mail {
    let site = mail.site.cleaned();
    let newsletter = line(&mail.newsletter);
    let often = words.often(mail.cadence);
    let until = words.moment(mail.valid_until, site.zone);
    let blocks = vec![
        Block::Say(words.say("mail.confirm.what", &[("newsletter", &newsletter), ("often", &often)])),
        Block::Button(
            words.say("mail.confirm.button", &[]),
            line(&mail.confirm_url),
            words.say("mail.confirm.address", &[]),
        ),
        Block::Say(words.say("mail.confirm.until", &[("moment", &until)])),
        Block::Say(words.say("mail.confirm.nothing", &[])),
    ];
    let subject = words.say("mail.confirm.subject", &[("site", &site.title)]);
    Letter { words, site, subject, heading: words.say("mail.confirm.heading", &[]), blocks }.write()
}

/// "You are already subscribed": the answer to a second request.
pub fn already(words: &Words, mail: &AlreadyMail) -> Mail {
    let site = mail.site.cleaned();
    let newsletter = line(&mail.newsletter);
    let often = words.often(mail.cadence);
    let blocks = vec![
        Block::Say(words.say("mail.already.what", &[("newsletter", &newsletter), ("often", &often)])),
        Block::Link(words.say("mail.already.manage", &[]), line(&mail.manage_url)),
        Block::Say(words.say("mail.already.nothing", &[])),
    ];
    let subject = words.say("mail.already.subject", &[("site", &site.title)]);
    Letter { words, site, subject, heading: words.say("mail.already.heading", &[]), blocks }.write()
}

/// "You are in": when the next edition comes, what to read until then, how to leave.
pub fn welcome(words: &Words, mail: &WelcomeMail) -> Mail {
    let site = mail.site.cleaned();
    let newsletter = line(&mail.newsletter);
    let often = words.often(mail.cadence);
    let mut what = words.say("mail.welcome.what", &[("newsletter", &newsletter), ("often", &often)]);
    if let Some(next) = mail.next {
        what.push(' ');
        what.push_str(&words.say("mail.welcome.next", &[("moment", &words.moment(next, site.zone))]));
    }
    let mut blocks = vec![Block::Say(what)];
    if let Some((title, url)) = &mail.latest {
        blocks.push(Block::Say(words.say("mail.welcome.latest", &[])));
        blocks.push(Block::Link(line(title), line(url)));
    }
    blocks.extend([
        Block::Say(words.say("mail.welcome.leave", &[])),
        Block::Link(words.say("mail.unsubscribe", &[]), line(&mail.unsubscribe_url)),
        Block::Link(words.say("mail.manage", &[]), line(&mail.manage_url)),
    ]);
    let subject = words.say("mail.welcome.subject", &[("site", &site.title)]);
    Letter { words, site, subject, heading: words.say("mail.welcome.heading", &[]), blocks }.write()
}

/// "Confirm your new address", to it.
pub fn moving(words: &Words, mail: &MovingMail) -> Mail {
    let site = mail.site.cleaned();
    let until = words.moment(mail.valid_until, site.zone);
    let blocks = vec![
        Block::Say(words.say("mail.moving.what", &[("site", &site.title)])),
        Block::Button(
            words.say("mail.moving.button", &[]),
            line(&mail.move_url),
            words.say("mail.confirm.address", &[]),
        ),
        Block::Say(words.say("mail.confirm.until", &[("moment", &until)])),
        Block::Say(words.say("mail.moving.nothing", &[])),
    ];
    let subject = words.say("mail.moving.subject", &[("site", &site.title)]);
    Letter { words, site, subject, heading: words.say("mail.moving.heading", &[]), blocks }.write()
}

/// "Your address was changed", to the one before.
pub fn moved(words: &Words, mail: &MovedMail) -> Mail {
    let site = mail.site.cleaned();
    let address = line(&mail.address);
    let blocks = vec![
        Block::Say(words.say("mail.moved.what", &[("site", &site.title), ("address", &address)])),
        Block::Say(words.say("mail.moved.stranger", &[("moment", &words.moment(mail.undo_until, site.zone))])),
        Block::Link(words.say("mail.moved.keep", &[]), line(&mail.undo_url)),
    ];
    let subject = words.say("mail.moved.subject", &[("site", &site.title)]);
    Letter { words, site, subject, heading: words.say("mail.moved.heading", &[]), blocks }.write()
}

/// "You have left": the last mail, with a way back for whoever did not mean to.
pub fn goodbye(words: &Words, mail: &GoodbyeMail) -> Mail {
    let site = mail.site.cleaned();
    let newsletter = line(&mail.newsletter);
    let until = words.moment(mail.undo_until, site.zone);
    let blocks = vec![
        Block::Say(words.say("mail.goodbye.what", &[("newsletter", &newsletter)])),
        Block::Say(words.say("mail.goodbye.undo", &[("moment", &until)])),
        Block::Link(words.say("page.unsubscribe.undo", &[]), line(&mail.unsubscribe_url)),
    ];
    let subject = words.say("mail.goodbye.subject", &[("site", &site.title)]);
    Letter { words, site, subject, heading: words.say("mail.goodbye.heading", &[]), blocks }.write()
}

/// A link to read on the web.
pub fn reading(words: &Words, mail: &ReadingMail) -> Mail {
    let site = mail.site.cleaned();
    let blocks = vec![
        Block::Say(words.say("mail.reading.what", &[("site", &site.title)])),
        Block::Button(
            words.say("mail.reading.button", &[]),
            line(&mail.read_url),
            words.say("mail.confirm.address", &[]),
        ),
        Block::Say(words.say("mail.reading.nothing", &[])),
    ];
    let subject = words.say("mail.reading.subject", &[("site", &site.title)]);
    Letter { words, site, subject, heading: words.say("mail.reading.heading", &[]), blocks }.write()
}

/// The operator's test mail.
pub fn test(words: &Words, mail: &TestMail) -> Mail {
    let site = mail.site.cleaned();
    let moment = words.moment(mail.at, site.zone);
    let blocks = vec![
        Block::Say(words.say("mail.test.what", &[("moment", &moment), ("relay", &line(&mail.relay))])),
        Block::Say(words.say("mail.test.look", &[])),
        Block::Say(words.say("mail.test.links", &[])),
        Block::Link(site.public_url.clone(), site.public_url.clone()),
    ];
    let subject = words.say("mail.test.subject", &[("site", &site.title)]);
    Letter { words, site, subject, heading: words.say("mail.test.heading", &[]), blocks }.write()
}

impl Letter<'_> {
    fn write(self) -> Mail {
        let subject = shorten(&self.subject, SUBJECT);
        let said = self.blocks.iter().filter_map(|block| match block {
            Block::Say(said) => Some(said.as_str()),
            _ => None,
        });
        let preheader = shorten(&said.collect::<Vec<_>>().join(" "), PREHEADER.1);
        let frame = Frame { site: &self.site, subject: &subject, preheader: &preheader, holds: Holds::Words };
        let html = frame.around(&self.html());
        Mail { text: self.text(&subject), subject, preheader, html, shortened: 0, more: 0 }
    }

    fn html(&self) -> Markup {
        let style = &*self.site.style;
        let top = format!("padding:24px 24px 0;{}", style.cell);
        let foot = format!("padding:40px 24px 48px;{}", style.cell);
        let own = OwnWords::in_mail(self.words, &self.site);
        html! {
            tr {
                td class="p t" style=(top) lang=[own.lang] dir=[own.dir] align=[own.align] {
                    (logo(&self.site))
                    p class="m" style=(style.meta) { b class="t" style=(style.name) { (self.site.title) } }
                    h1 class="h" style=(format!("margin:16px 0 0;{}", style.h1)) { (self.heading) }
                    @for block in &self.blocks { (block.html(style)) }
                }
            }
            tr {
                td class="p t" style=(foot) {
                    (rule(style))
                    (sender_line(self.words, &self.site, &style.foot))
                }
            }
        }
    }

    fn text(&self, subject: &str) -> String {
        let mut parts = vec![wrap(subject, COLUMNS, 0)];
        parts.extend(self.blocks.iter().map(|block| block.text(self.words)));
        parts.push(format!("{RULE}\n{}", wrap(&sender(self.words, &self.site), COLUMNS, 0)));
        parts.join("\n\n") + "\n"
    }
}

impl Block {
    fn html(&self, style: &Style) -> Markup {
        match self {
            Self::Say(said) => html! { p style="margin:16px 0 0" { (said) } },
            Self::Link(label, url) => html! {
                p style="margin:8px 0 0" { a class="a" href=(url) style=(style.link) { (label) } }
            },
            Self::Button(label, url, address) => html! {
                p style="margin:24px 0 0" {
                    a class="k" href=(url) style=(style.button) {
                        (PreEscaped(OUTLOOK_BEFORE)) (label) (PreEscaped(OUTLOOK_AFTER))
                    }
                }
                p class="m" style=(style.foot) {
                    (address) br;
                    a class="a" href=(url) style=(format!("{};word-break:break-all", style.link)) { (url) }
                }
            },
        }
    }

    fn text(&self, words: &Words) -> String {
        match self {
            Self::Say(said) => wrap(said, COLUMNS, 0),
            Self::Link(label, url) if label == url => url.clone(),
            Self::Link(label, url) | Self::Button(label, url, _) => {
                format!("{}\n{url}", wrap(&words.label(label), COLUMNS, 0))
            }
        }
    }
}
