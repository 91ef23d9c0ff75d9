//! Zola.

use std::path::Path;

use super::super::fields::Habits;
use super::super::markdown::HeadingIds;
use super::super::names::escape;
use super::super::walk::Kind;
use super::config::Config;
use super::{Dialect, Facts, Page, Place, Site, Take, slugs, tags};

pub(super) struct Zola;

impl Dialect for Zola {
    fn name(&self) -> &'static str {
        "zola"
    }

    fn config(&self, folder: &Path, _: &Path) -> Option<Config> {
        Config::read(folder, &["zola.toml", "config.toml"]).filter(|config| config.spells("base_url"))
    }

    fn facts(&self, site: &Site) -> Facts {
        let config = &site.config;
        Facts {
            title: config.text("title"),
            url: config.text("base_url"),
            description: config.text("description"),
            language: config.text("default_language"),
            timezone: None,
            author: config.text("author"),
        }
    }

    fn content(&self, _: &Config) -> Vec<String> {
        vec!["content".into()]
    }

    fn takes(&self, site: &Site, place: &Place<'_>) -> Take {
        let stem = place.path.rsplit_once('.').map_or(place.path, |(stem, _)| stem);
        let language = stem.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, language)| language);
        match place.kind {
            Kind::Html => Take::Other,
            _ if language.is_some_and(|tag| site.config.get(&format!("languages.{tag}")).is_some()) => {
                Take::Odd("a translation, left out: the archive is in the site's first language")
            }
            _ => Take::Post,
        }
    }

    fn has_undated_pages(&self) -> bool {
        true
    }

    fn habits(&self, _: &Site) -> Habits {
        Habits { address: &["path"], own: Some("extra"), ..Habits::default() }
    }

    fn address(&self, site: &Site, page: &Page<'_>) -> Result<String, String> {
        let keeps = site.config.is("slugify.paths_keep_dates") || site.config.is("slugify_paths_keep_dates");
        let stem = page.path.rsplit_once('.').map_or(page.path, |(stem, _)| stem);
        let stem = stem.strip_suffix("/index").unwrap_or(stem);
        let (folder, last) = stem.rsplit_once('/').map_or(("", stem), |(folder, last)| (folder, last));
        let last = if keeps { last } else { &page.name.last };
        let slug = page.fields.slug.as_deref().unwrap_or(last);
        let made = match site.config.text("slugify.paths").as_deref() {
            Some("off") => escape(slug),
            Some("safe") => escape(&safe(slug)),
            _ => slugs::zola(slug),
        };
        // Sections keep their folders' names, made into addresses part by part.
        let folders: Vec<String> = folder
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| match site.config.text("slugify.paths").as_deref() {
                Some("off") => escape(part),
                Some("safe") => escape(&safe(part)),
                _ => slugs::zola(part),
            })
            .collect();
        let folders = if folders.is_empty() { String::new() } else { format!("{}/", folders.join("/")) };
        Ok(format!("/{folders}{made}/"))
    }

    fn written(&self, _: &Site, _: &Page<'_>, address: &str) -> Result<String, String> {
        Ok(format!("/{}/", address.trim_matches('/')))
    }

    fn heading_ids(&self, site: &Site) -> HeadingIds {
        match site.config.text("slugify.anchors").as_deref() {
            Some("off") | Some("safe") => HeadingIds::Words(safe),
            _ => HeadingIds::Words(slugs::zola),
        }
    }

    fn tags(&self) -> tags::Language {
        tags::Language::Zola
    }
}

/// What no address can hold is left out.
fn safe(text: &str) -> String {
    text.trim()
        .chars()
        .filter(|c| !"<>:\"/\\|?*#".contains(*c) && !c.is_control())
        .map(|c| if c == ' ' { '_' } else { c })
        .collect()
}
