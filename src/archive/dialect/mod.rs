//! Dialects: what the generator of a site makes of its folder, so that Postroom
//! gives every post the address, the date and the title its site gives it.
//!
//! A generator is known by its own configuration file, which lies in the
//! archive's folder or above it. One generator is one file here and one line
//! in [`ALL`]; what they have in common stays outside.

mod astro;
mod cascade;
mod config;
mod docusaurus;
mod eleventy;
mod hexo;
mod hugo;
mod jekyll;
mod literals;
mod pattern;
mod pelican;
mod plain;
mod slugs;
mod zola;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDateTime;

use super::fields::{Fields, Habits};
use super::front::{Matter, Table};
use super::markdown::HeadingIds;
use super::names::Name;
use super::tags;
use super::walk::Kind;
use crate::domain::Fault;
use config::Config;

/// Every generator that is understood. Of two in one folder the first counts.
const ALL: [&dyn Dialect; 9] = [
    &hugo::Hugo,
    &hexo::Hexo,
    &jekyll::Jekyll,
    &zola::Zola,
    &eleventy::Eleventy,
    &astro::Astro,
    &pelican::Pelican,
    &docusaurus::Docusaurus,
    &plain::Plain,
];

/// How many folders above the archive a configuration is looked for.
const LEVELS: usize = 6;

/// What a generator does.
pub(super) trait Dialect: Sync {
    /// Its word in `archive.dialect`.
    fn name(&self) -> &'static str;

    /// The configuration in `folder`, where one of this generator for the
    /// archive at or below it is there.
    fn config(&self, folder: &Path, archive: &Path) -> Option<Config>;

    /// What the configuration says of the site.
    fn facts(&self, site: &Site) -> Facts;

    /// The folders its posts are in, below the site's; "" is the site's own.
    fn content(&self, config: &Config) -> Vec<String>;

    /// What other files of the site say once for all posts, by keys of the
    /// dialect's own; see [`Site::learnt`].
    fn learn(&self, _: &Site) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// The fields of the pages of folders (`_index.md`), where posts take some
    /// over: each with its folder below the content's.
    fn learn_sections(&self, _: &Site) -> Vec<(String, Table)> {
        Vec::new()
    }

    /// Whether a file is a post.
    fn takes(&self, _: &Site, _: &Place<'_>) -> Take {
        Take::Post
    }

    /// Fields the generator adds to those of a file.
    fn defaults(&self, _: &Site, _: &str) -> Table {
        Table::new()
    }

    /// How fields are written.
    fn habits(&self, _: &Site) -> Habits {
        Habits::default()
    }

    /// The path of a file as its post is called by: without what only tells
    /// its language.
    fn called(&self, _: &Site, path: &str) -> String {
        path.to_owned()
    }

    /// The title of a post that gives itself none.
    fn title(&self, _: &Name) -> Option<String> {
        None
    }

    /// Whether the first heading of a text is the title of a post without one.
    fn has_heading_titles(&self) -> bool {
        true
    }

    /// Whether pages lie among the posts, which are told apart by their dates.
    fn has_undated_pages(&self) -> bool {
        false
    }

    /// Topics and authors that do not stand in the fields as readers know them.
    fn complete(&self, _: &Site, _: &Place<'_>, _: &Matter, _: &mut Fields) {}

    /// The path of a post's address, encoded, below the site's. An error says
    /// why none can be made.
    fn address(&self, site: &Site, page: &Page<'_>) -> Result<String, String>;

    /// An address that stands in the fields, its placeholders filled.
    fn written(&self, _: &Site, _: &Page<'_>, address: &str) -> Result<String, String> {
        Ok(address.to_owned())
    }

    /// How headings get their ids.
    fn heading_ids(&self, _: &Site) -> HeadingIds {
        HeadingIds::GitHub
    }

    /// The template language of its texts.
    fn tags(&self) -> tags::Language {
        tags::Language::None
    }
}

/// Whether a file is a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    Post,
    /// Something else, as everybody who knows the generator expects.
    Other,
    /// Something else, which its author may not expect.
    Odd(&'static str),
}

/// A file as its generator sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The folder of the content it is in; see [`Site::within`].
    pub folder: &'a str,
    /// Its path below that.
    pub path: &'a str,
    pub kind: Kind,
    /// See [`super::walk::Found::beside_index`].
    pub beside_index: bool,
}

/// What an address is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    /// The folder of the content it is in; see [`Site::within`].
    pub folder: &'a str,
    /// Its path below that.
    pub path: &'a str,
    /// What that says.
    pub name: &'a Name,
    pub matter: &'a Matter,
    pub fields: &'a Fields,
    pub title: &'a str,
    pub slug: &'a str,
    /// Its date on the clock of the site.
    pub day: NaiveDateTime,
}

/// What the configuration says of the site; only what can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub title: Option<String>,
    pub url: Option<String>,
    pub description: Option<String>,
    pub language: Option<String>,
    pub timezone: Option<String>,
    pub author: Option<String>,
}

/// The site an archive belongs to.
pub(super) struct Site {
    pub dialect: &'static dyn Dialect,
    pub config: Config,
    /// Where the configuration lies.
    pub folder: PathBuf,
    /// The archive's folder below that, `/` at its end; empty when they are one.
    prefix: String,
    content: Vec<String>,
    names: BTreeMap<String, String>,
    /// See [`Dialect::learn_sections`].
    sections: Vec<(String, Table)>,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").field("dialect", &self.dialect.name()).field("folder", &self.folder).finish()
    }
}

impl Site {
    /// The site of the archive at `root`: of the generator `named`, else of
    /// the one whose configuration is nearest.
    pub fn of(root: &Path, named: Option<&str>) -> Self {
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let wanted = |dialect: &&&'static dyn Dialect| named.is_none_or(|name| dialect.name() == name);
        let above = root.ancestors().take(LEVELS + 1);
        let found = above.flat_map(|folder| ALL.iter().filter(wanted).map(move |dialect| (folder, *dialect)));
        let mut found = found.filter_map(|(folder, dialect)| Some((folder, dialect, dialect.config(folder, &root)?)));
        let (folder, dialect, config) = found.next().unwrap_or_else(|| {
            let dialect = ALL.iter().rfind(wanted).copied().unwrap_or(&plain::Plain);
            (&root, dialect, Config::default())
        });
        let prefix = super::walk::relative(&root, folder);
        let prefix = if prefix.is_empty() { prefix } else { prefix + "/" };
        let content = dialect.content(&config).iter().map(|folder| tidy(folder)).collect();
        let folder = folder.to_owned();
        let mut site = Self { dialect, config, folder, prefix, content, names: BTreeMap::new(), sections: Vec::new() };
        site.names = dialect.learn(&site);
        site.sections = dialect.learn_sections(&site);
        site
    }

    /// The folder of the content a file of the archive is in, and its path
    /// below that; `None` when it lies elsewhere on the site.
    pub fn within(&self, path: &str) -> Option<(&str, String)> {
        let full = format!("{}{path}", self.prefix);
        let found =
            self.content.iter().find_map(|folder| Some((folder.as_str(), full.strip_prefix(folder)?.to_owned())));
        // An archive apart from the content is content all the same.
        let around = self.content.iter().any(|folder| folder.starts_with(&self.prefix));
        found.or_else(|| (!around).then(|| ("", path.to_owned())))
    }

    /// The archive's folder below the site's, `/` at its end; empty when they are one.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The path of a file below the site's folder.
    pub fn on_site(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The first folder of the content, below the site's; empty or with `/` at its end.
    pub fn content(&self) -> &str {
        self.content.first().map_or("", String::as_str)
    }

    /// What [`Dialect::learn`] found under a key.
    pub fn learnt(&self, key: &str) -> Option<&str> {
        self.names.get(key).map(String::as_str)
    }

    /// Everything said about the site, for telling whether it changed.
    pub fn said(&self) -> impl std::fmt::Debug {
        (&self.config, &self.names, &self.sections, &self.prefix)
    }

    /// What is wrong with the configuration.
    pub fn fault(&self) -> Option<Fault> {
        let place = self.folder.join(&self.config.file).display().to_string();
        self.config.flaw.clone().map(|flaw| {
            let mut fault = flaw.in_file(&place);
            let help = "mend it, or set archive.dialect to \"plain\"; nothing was changed";
            fault.help = Some(help.into());
            fault
        })
    }

    /// What `[site]` is filled from, by the keys of the settings.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let facts = self.dialect.facts(self);
        [
            ("site.title", facts.title.and_then(line)),
            ("site.url", facts.url.and_then(address)),
            ("site.description", facts.description.and_then(line)),
            ("site.language", facts.language.and_then(language)),
            ("site.timezone", facts.timezone.filter(|name| name.parse::<chrono_tz::Tz>().is_ok())),
            ("site.author", facts.author.and_then(line)),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
    }
}

/// `./blog/` as the beginning of a path: `blog/`; the site's own folder is "".
fn tidy(folder: &str) -> String {
    let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.is_empty() { String::new() } else { parts.join("/") + "/" }
}

/// One line of words; markup in it is left out.
fn line(text: String) -> Option<String> {
    let line = super::text::plain(&text);
    (!line.is_empty()).then_some(line)
}

fn address(text: String) -> Option<String> {
    let url = url::Url::parse(&text).ok()?;
    let is_site = matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && url.query().is_none();
    is_site.then(|| text.trim_end_matches('/').to_owned())
}

/// `en_US.UTF-8` is `en-US`.
fn language(text: String) -> Option<String> {
    let tag = text.split(['.', '@']).next().unwrap_or_default().trim().replace('_', "-");
    let is_tag = (2..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_tag.then_some(tag)
}

#[cfg(test)]
#[path = "content_test.rs"]
mod content_tests;

#[cfg(test)]
#[path = "dialect_test.rs"]
mod tests;
