//! Astro.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::fields::Habits;
use super::super::names::escape;
use super::config::Config;
use super::{Dialect, Facts, Page, Place, Site, Take, slugs, tags};

/// Files in which themes keep what the site says of itself.
const ABOUT: [&str; 5] = ["src/consts.ts", "src/config.ts", "src/site.config.ts", "src/consts.js", "src/config.js"];

/// How deep routes are looked for.
const DEPTH: usize = 4;

pub(super) struct Astro;

impl Dialect for Astro {
    fn name(&self) -> &'static str {
        "astro"
    }

    fn config(&self, folder: &Path, _: &Path) -> Option<Config> {
        Config::read(
            folder,
            &["astro.config.mjs", "astro.config.ts", "astro.config.js", "astro.config.mts", "astro.config.cjs"],
        )
    }

    fn facts(&self, site: &Site) -> Facts {
        let config = &site.config;
        let about = Config::read(&site.folder, &ABOUT).unwrap_or_default();
        let either = |one: &str, other: &str| about.text(one).or_else(|| about.text(other));
        let base = config.text("base").unwrap_or_default();
        let url = config.text("site").or_else(|| either("SITE.website", "SITE.url"));
        Facts {
            title: either("SITE_TITLE", "SITE.title").or_else(|| about.text("title")),
            url: url.map(|url| format!("{}/{}", url.trim_end_matches('/'), base.trim_matches('/'))),
            description: either("SITE_DESCRIPTION", "SITE.desc").or_else(|| about.text("SITE.description")),
            language: either("SITE.lang", "LANG").or_else(|| config.text("i18n.defaultLocale")),
            timezone: about.text("SITE.timezone"),
            author: either("SITE.author", "AUTHOR"),
        }
    }

    fn content(&self, _: &Config) -> Vec<String> {
        vec!["src/content".into(), "src/data".into(), "src/pages".into()]
    }

    /// The address each collection is shown below: the folder of the page
    /// `[...slug].astro` that asks for it.
    fn learn(&self, site: &Site) -> BTreeMap<String, String> {
        let pages = site.folder.join("src/pages");
        let mut routes = BTreeMap::new();
        let mut folders: Vec<(PathBuf, usize)> = vec![(pages.clone(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
                if path.is_dir() && depth < DEPTH {
                    folders.push((path, depth + 1));
                } else if name.starts_with('[') && name.ends_with(".astro") {
                    let text = std::fs::read_to_string(&path).unwrap_or_default();
                    let place = super::super::walk::relative(&folder, &pages);
                    collections(&text).for_each(|name| {
                        routes.entry(format!("route/{name}")).or_insert_with(|| place.clone());
                    });
                }
            }
        }
        routes
    }

    fn takes(&self, _: &Site, place: &Place<'_>) -> Take {
        if place.path.split('/').any(|part| part.starts_with('_')) { Take::Other } else { Take::Post }
    }

    fn habits(&self, _: &Site) -> Habits {
        Habits { address: &[], ..Habits::default() }
    }

    fn address(&self, site: &Site, page: &Page<'_>) -> Result<String, String> {
        let is_page = page.folder == "src/pages/";
        let (collection, rest) = page.path.split_once('/').unwrap_or(("", page.path));
        let stem = rest.rsplit_once('.').map_or(rest, |(stem, _)| stem);
        let stem = stem.strip_suffix("/index").unwrap_or(stem);
        let base = match site.learnt(&format!("route/{collection}")) {
            _ if is_page => collection,
            Some(route) if route.contains('[') => {
                return Err(format!(
                    "the pages of `{collection}` lie at `{route}`, whose part in brackets is not known here"
                ));
            }
            Some(route) => route,
            None => collection,
        };
        let name = match &page.fields.slug {
            Some(slug) if !is_page => slug.clone(),
            _ if is_page => stem.to_owned(),
            _ => stem.split('/').map(slugs::github).collect::<Vec<_>>().join("/"),
        };
        let ends = if site.config.text("trailingSlash").as_deref() == Some("never") { "" } else { "/" };
        Ok(format!("/{base}/{}{ends}", escape(name.trim_matches('/'))).replace("//", "/"))
    }

    fn tags(&self) -> tags::Language {
        tags::Language::Mdx
    }
}

/// The names in `getCollection('blog')`.
fn collections(text: &str) -> impl Iterator<Item = String> {
    text.split("getCollection(").skip(1).filter_map(|rest| {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
        rest[1..].split_once(quote).map(|(name, _)| name.to_owned())
    })
}
