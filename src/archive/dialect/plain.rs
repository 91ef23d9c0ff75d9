//! No generator, or one of the author's own: the file's path is the address
//! the settings make of it.

use std::path::Path;

use super::super::flaw::quote;
use super::super::names::escape;
use super::config::Config;
use super::pattern;
use super::{Dialect, Facts, Page, Site};

pub(super) struct Plain;

impl Dialect for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn config(&self, _: &Path, _: &Path) -> Option<Config> {
        None
    }

    fn facts(&self, _: &Site) -> Facts {
        Facts::default()
    }

    fn content(&self, _: &Config) -> Vec<String> {
        vec![String::new()]
    }

    fn address(&self, _: &Site, page: &Page<'_>) -> Result<String, String> {
        let slug = || Some(escape(page.slug));
        pattern::fill(
            "/:year/:month/:slug/",
            |word| if word == "slug" { slug() } else { pattern::of_date(word, page.day) },
        )
    }

    /// A pattern of another generator is no address.
    fn written(&self, _: &Site, _: &Page<'_>, address: &str) -> Result<String, String> {
        let is_word = ["date", "pretty", "ordinal", "weekdate", "none", "true", "false"].contains(&address);
        if is_word || address.contains("/:") || address.contains(['{', '}']) {
            return Err(format!("{} is not an address", quote(address)));
        }
        Ok(address.to_owned())
    }

    fn tags(&self) -> super::tags::Language {
        super::tags::Language::Unknown
    }
}
