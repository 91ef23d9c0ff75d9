//! Docusaurus: its blog.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::fields::{Fields, Habits};
use super::super::front::{Matter, Table, Value};
use super::super::names::{self, Name, escape};
use super::config::{self, Config};
use super::{Dialect, Facts, Page, Place, Site, Take, tags};

pub(super) struct Docusaurus;

impl Dialect for Docusaurus {
    fn name(&self) -> &'static str {
        "docusaurus"
    }

    fn config(&self, folder: &Path, _: &Path) -> Option<Config> {
        Config::read(
            folder,
            &["docusaurus.config.ts", "docusaurus.config.js", "docusaurus.config.mjs", "docusaurus.config.cjs"],
        )
    }

    fn facts(&self, site: &Site) -> Facts {
        let config = &site.config;
        let base = config.text("baseUrl").unwrap_or_default();
        Facts {
            title: config.text("title"),
            url: config.text("url").map(|url| format!("{}/{}", url.trim_end_matches('/'), base.trim_matches('/'))),
            description: config.text("tagline"),
            language: config.text("i18n.defaultLocale"),
            timezone: None,
            author: None,
        }
    }

    fn content(&self, config: &Config) -> Vec<String> {
        vec![option(config, "path").unwrap_or_else(|| "blog".into())]
    }

    /// `authors.yml` and `tags.yml`: what keys in posts stand for.
    fn learn(&self, site: &Site) -> BTreeMap<String, String> {
        let folder = site.folder.join(site.content());
        let mut names = BTreeMap::new();
        for (file, kind, key) in [("authors", "author", "name"), ("tags", "tag", "label")] {
            let found = ["yml", "yaml", "json"]
                .iter()
                .find_map(|ending| config::table(&folder.join(format!("{file}.{ending}"))).ok());
            for (name, value) in found.unwrap_or_default() {
                if let Value::Table(inside) = value
                    && let Some(text) = text(&inside, key)
                {
                    names.insert(format!("{kind}/{name}"), text);
                }
            }
        }
        names
    }

    fn habits(&self, _: &Site) -> Habits {
        Habits { address: &[], ..Habits::default() }
    }

    fn takes(&self, _: &Site, place: &Place<'_>) -> Take {
        if place.path.split('/').any(|part| part.starts_with('_')) { Take::Other } else { Take::Post }
    }

    fn title(&self, name: &Name) -> Option<String> {
        Some(name.last.clone()).filter(|title| !title.is_empty())
    }

    fn complete(&self, site: &Site, _: &Place<'_>, _: &Matter, fields: &mut Fields) {
        for author in &mut fields.authors {
            if let Some(name) = site.learnt(&format!("author/{author}")) {
                *author = name.to_owned();
            }
        }
        for topic in &mut fields.topics {
            if let Some(label) = site.learnt(&format!("tag/{}", topic.name)) {
                topic.name = label.to_owned();
            }
        }
    }

    fn address(&self, site: &Site, page: &Page<'_>) -> Result<String, String> {
        let base = option(&site.config, "routeBasePath").unwrap_or_else(|| "blog".into());
        let slug = page.fields.slug.clone().unwrap_or_else(|| from_path(page));
        let slug = slug.split('/').filter(|part| !part.is_empty()).map(escape).collect::<Vec<_>>().join("/");
        let address = format!("/{}/{slug}", base.trim_matches('/')).replace("//", "/");
        Ok(if site.config.is("trailingSlash") { format!("{address}/") } else { address })
    }

    fn tags(&self) -> tags::Language {
        tags::Language::Mdx
    }
}

/// An option of the blog, which its preset or its plugin is given.
fn option(config: &Config, key: &str) -> Option<String> {
    config.text(&format!("presets.blog.{key}")).or_else(|| config.text(&format!("blog.{key}")))
}

fn text(table: &Table, key: &str) -> Option<String> {
    table.iter().find(|(name, _)| name == key).and_then(|(_, value)| match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    })
}

/// `2024-05-31-name.md` and `2024/05/31/name/index.md` are `2024/05/31/name`.
fn from_path(page: &Page<'_>) -> String {
    let path = &page.name.path;
    match names::date_and_rest(path) {
        Some((folder, date, rest)) => format!("{}/{folder}{rest}", date.format("%Y/%m/%d")),
        None => path.clone(),
    }
}
