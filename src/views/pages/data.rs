//! `/s/TOKEN/data`: what is kept about a reader, to take away or to erase.

use maud::{Markup, html};

use super::form::typed_address;
use super::frame::{Head, Site, Tab};

/// Whose data.
pub struct Data<'a> {
    /// Masked.
    pub address: &'a str,
    /// `/s/TOKEN`, which both actions stand under.
    pub path: &'a str,
    /// What was typed is not the address.
    pub is_wrong: bool,
}

/// What is kept, and two buttons behind one field.
pub fn data(site: &Site<'_>, model: &Data<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.data.title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead { (words.say("page.data.lead", &[("address", model.address)])) }
            form method="post" action={ (model.path) "/data" } {
                (typed_address(site, "page.data.address", model.is_wrong))
                p { button { (words.say("page.data.download", &[])) } }
                section.aside {
                    h2 { (words.say("page.data.erase_title", &[])) }
                    p { (words.say("page.data.erase_hint", &[])) }
                    p { button.quiet formaction={ (model.path) "/erase" } { (words.say("page.data.erase", &[])) } }
                }
            }
        },
    )
}

/// It is gone.
pub fn erased(site: &Site<'_>) -> Markup {
    let words = site.words;
    let title = words.say("page.data.erased_title", &[]);
    site.page(
        Head { title: &title, tab: Tab::Elsewhere, canonical: None },
        html! {
            h1 { (title) }
            p.lead role="status" { (words.say("page.data.erased", &[])) }
        },
    )
}
