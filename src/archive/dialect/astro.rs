//! Astro.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::fields::Habits;
use super::super::front::Value;
use super::super::names::escape;
use super::config::Config;
use super::{Dialect, Facts, Page, Place, Site, Take, slugs, tags};

/// Files in which themes keep what the site says of itself.
const ABOUT: [&str; 5] = ["src/consts.ts", "src/config.ts", "src/site.config.ts", "src/consts.js", "src/config.js"];

/// Files that say where collections are kept.
const COLLECTIONS: [&str; 5] = [
    "src/content.config.ts",
    "src/content.config.mjs",
    "src/content.config.js",
    "src/content/config.ts",
    "src/content/config.js",
];

/// Where content is when nothing is said.
const CONTENT: [&str; 3] = ["src/content", "src/data", "src/pages"];

/// The key this program keeps the folders of collections under, `name=folder`.
const KEPT: &str = "collections kept in";

/// How deep routes are looked for.
const DEPTH: usize = 4;

pub(super) struct Astro;

impl Dialect for Astro {
    fn name(&self) -> &'static str {
        "astro"
    }

    fn config(&self, folder: &Path, _: &Path) -> Option<Config> {
        let names = ["astro.config.mjs", "astro.config.ts", "astro.config.js", "astro.config.mts", "astro.config.cjs"];
        let mut config = Config::read(folder, &names)?;
        let text = COLLECTIONS.iter().find_map(|name| std::fs::read_to_string(folder.join(name)).ok());
        let kept = text.as_deref().map(bases).unwrap_or_default();
        let kept = kept.into_iter().map(|(name, base)| Value::Text(format!("{name}={base}"))).collect();
        config.fill(Config::of("", vec![(KEPT.to_owned(), Value::List(kept))]));
        Some(config)
    }

    fn facts(&self, site: &Site) -> Facts {
        let config = &site.config;
        let about = Config::read(&site.folder, &ABOUT).unwrap_or_default();
        let either = |one: &str, other: &str| about.text(one).or_else(|| about.text(other));
        let base = config.text("base").unwrap_or_default();
        let url =
            config.text("site").or_else(|| either("SITE.website", "SITE.url")).or_else(|| either("SITE_URL", "url"));
        Facts {
            title: either("SITE_TITLE", "SITE.title").or_else(|| about.text("title")),
            url: url.map(|url| format!("{}/{}", url.trim_end_matches('/'), base.trim_matches('/'))),
            description: either("SITE_DESCRIPTION", "SITE.desc").or_else(|| either("SITE.description", "description")),
            language: either("SITE.lang", "LANG")
                .or_else(|| config.text("i18n.defaultLocale"))
                .or_else(|| about.text("lang")),
            timezone: about.text("SITE.timezone"),
            author: either("SITE.author", "AUTHOR").or_else(|| about.text("author")),
        }
    }

    fn content(&self, config: &Config) -> Vec<String> {
        let usual = CONTENT.map(str::to_owned).into_iter();
        let is_apart = |base: &String| !CONTENT.iter().any(|folder| base.starts_with(&format!("{folder}/")));
        usual.chain(kept(config).map(|(_, base)| base.to_owned()).filter(is_apart)).collect()
    }

    /// The address each collection is shown below: the folder of the page
    /// `[...slug].astro` that asks for it. The folder of such a page that names
    /// no collection itself is known by its own name.
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
                    let shows_one = name.contains("slug") || name.contains("id]");
                    if shows_one && !place.contains('[') && collections(&text).next().is_none() {
                        routes.insert(format!("page/{place}"), place.clone());
                    }
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
        let full = format!("{}{}", page.folder, page.path);
        let of_base =
            |(name, base): (&'_ str, &'_ str)| Some((name.to_owned(), full.strip_prefix(base)?.strip_prefix('/')?));
        let (collection, rest) = kept(&site.config).find_map(of_base).unwrap_or_else(|| {
            let (folder, rest) = page.path.split_once('/').unwrap_or(("", page.path));
            (folder.to_owned(), rest)
        });
        let stem = rest.rsplit_once('.').map_or(rest, |(stem, _)| stem);
        let stem = stem.strip_suffix("/index").unwrap_or(stem);
        let shown = || {
            let names = [collection.clone(), format!("{collection}s")];
            names.iter().find_map(|name| site.learnt(&format!("page/{name}")))
        };
        let base = match site.learnt(&format!("route/{collection}")).or_else(shown) {
            _ if is_page => &collection,
            Some(route) if route.contains('[') => {
                return Err(format!(
                    "the pages of `{collection}` lie at `{route}`, whose part in brackets is not known here"
                ));
            }
            Some(route) => route,
            None => &collection,
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

/// The collections whose folders are known, each with its folder below the site's.
fn kept(config: &Config) -> impl Iterator<Item = (&str, &str)> {
    let all = match config.get(KEPT) {
        Some(Value::List(all)) => all.as_slice(),
        _ => &[],
    };
    all.iter().filter_map(|one| match one {
        Value::Text(text) => text.split_once('='),
        _ => None,
    })
}

/// The names and folders in `const blog = defineCollection({ loader: glob({ base: './blog' }) })`.
fn bases(text: &str) -> Vec<(String, String)> {
    const CALL: &str = "defineCollection(";
    let mut found = Vec::new();
    let mut before = "";
    for piece in text.split(CALL) {
        let name = before.trim_end().trim_end_matches(['=', ':']).trim_end();
        let name = name.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').next().unwrap_or_default();
        let base = piece.split("base:").nth(1).and_then(quoted);
        if let Some(base) = base.filter(|_| !name.is_empty()) {
            let parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
            found.push((name.to_owned(), parts.join("/")));
        }
        before = piece;
    }
    found
}

/// The text in quotes that comes first.
fn quoted(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    text[1..].split_once(quote).map(|(inside, _)| inside)
}

/// The names in `getCollection('blog')`.
fn collections(text: &str) -> impl Iterator<Item = String> {
    text.split("getCollection(").skip(1).filter_map(|rest| quoted(rest).map(str::to_owned))
}
