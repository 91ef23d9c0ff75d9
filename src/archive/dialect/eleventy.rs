//! Eleventy.

use std::collections::BTreeMap;
use std::path::Path;

use walkdir::{DirEntry, WalkDir};

use super::super::fields::Habits;
use super::super::front::{Matter, Table, Value};
use super::super::names::escape;
use super::super::tags::{self, Fuel, Scope};
use super::super::{MAX_DEPTH, walk};
use super::config::{self, Config};
use super::{Dialect, Facts, Page, Place, Site, Take, pattern, slugs};

/// Where sites keep what they say of themselves.
const ABOUT: [&str; 8] =
    ["metadata.js", "metadata.json", "site.json", "site.js", "site.yml", "meta.json", "meta.js", "metadata.yaml"];

pub(super) struct Eleventy;

impl Dialect for Eleventy {
    fn name(&self) -> &'static str {
        "eleventy"
    }

    fn config(&self, folder: &Path, _: &Path) -> Option<Config> {
        Config::read(
            folder,
            &[".eleventy.js", "eleventy.config.js", "eleventy.config.mjs", "eleventy.config.cjs", "eleventy.config.ts"],
        )
    }

    fn facts(&self, site: &Site) -> Facts {
        let input = site.folder.join(site.content());
        let data = site.config.text("dir.data").unwrap_or_else(|| "_data".into());
        let places = [input.join(&data), site.folder.join(&data), input.join(data.trim_start_matches("../"))];
        let Some(about) = places.iter().find_map(|folder| Config::read(folder, &ABOUT)) else {
            return Facts::default();
        };
        Facts {
            title: about.text("title").or_else(|| about.text("name")),
            url: about.text("url").or_else(|| about.text("baseUrl")),
            description: about.text("description"),
            language: about.text("language").or_else(|| about.text("lang")),
            timezone: None,
            author: about.text("author.name").or_else(|| about.text("author")),
        }
    }

    fn content(&self, config: &Config) -> Vec<String> {
        vec![config.text("dir.input").or_else(|| config.text("input")).unwrap_or_default()]
    }

    /// The data files, by their stamps: what they say, posts say.
    fn learn(&self, site: &Site) -> BTreeMap<String, String> {
        let input = site.folder.join(site.content());
        let is_entered = |entry: &DirEntry| {
            let name = entry.file_name().to_string_lossy();
            entry.depth() == 0 || !name.starts_with('.') && name != "node_modules" && name != "_site"
        };
        let files = WalkDir::new(input).max_depth(MAX_DEPTH).into_iter().filter_entry(is_entered).flatten();
        let stamped = |entry: DirEntry| {
            let stamp = walk::stamp(&entry.metadata().ok()?);
            Some((entry.path().display().to_string(), format!("{} {}", stamp.size, stamp.modified.0)))
        };
        files.filter(|entry| entry.file_type().is_file() && is_data(entry.path())).filter_map(stamped).collect()
    }

    fn takes(&self, _: &Site, place: &Place<'_>) -> Take {
        let apart = ["node_modules", "_site", "_includes", "_layouts", "_data"];
        if place.path.split('/').any(|part| apart.contains(&part)) { Take::Other } else { Take::Post }
    }

    /// The data files beside a post and in the folders above it. Their `tags`
    /// name collections, which are no topics.
    fn defaults(&self, site: &Site, path: &str) -> Table {
        let input = site.folder.join(site.content());
        let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
        let mut fields = Matter::default();
        let mut take = |base: &str| {
            for ending in ["11tydata.js", "11tydata.mjs", "11tydata.cjs", "11tydata.json", "json"] {
                if let Some(found) = config::matter(&input.join(format!("{base}.{ending}"))) {
                    fields.fill(found.table().clone());
                }
            }
        };
        take(stem);
        let folders: Vec<&str> = path.split('/').collect();
        for depth in (1..folders.len()).rev() {
            take(&format!("{}/{}", folders[..depth].join("/"), folders[depth - 1]));
        }
        fields.table().iter().filter(|(key, _)| key != "tags").cloned().collect()
    }

    fn habits(&self, _: &Site) -> Habits {
        Habits { address: &["permalink"], hides: &["eleventyExcludeFromCollections"], ..Habits::default() }
    }

    fn address(&self, _: &Site, page: &Page<'_>) -> Result<String, String> {
        // The date stays in an address that nobody wrote, and goes from `page.filePathStem`.
        let stem = page.path.rsplit_once('.').map_or(page.path, |(stem, _)| stem);
        let (folder, last) = stem.rsplit_once('/').unwrap_or(("", stem));
        // `trip/trip.md` is the page of its folder, as `trip/index.md` is.
        let is_of_folder = last == "index" || folder.rsplit('/').next() == Some(last);
        let stem = if is_of_folder { folder } else { stem };
        Ok(if stem.is_empty() { "/".to_owned() } else { format!("/{}/", escape(stem)) })
    }

    fn written(&self, site: &Site, page: &Page<'_>, address: &str) -> Result<String, String> {
        let unknown = |word: &str| pattern::unknown(address, word);
        let (value, fuel) = (|name: &str| value(name, site, page), Fuel::full());
        let scope = Scope { value: &value, filter: &filter, fuel: &fuel };
        let address = tags::expand(address, &scope).map_err(|word| unknown(&word))?;
        let address = address.strip_suffix("index.html").unwrap_or(&address);
        Ok(format!("/{}", address.trim_start_matches('/')))
    }

    fn tags(&self) -> tags::Language {
        tags::Language::Eleventy
    }
}

/// `page.filePathStem` without its first slash.
fn stem(page: &Page<'_>) -> String {
    let stem = page.path.rsplit_once('.').map_or(page.path, |(stem, _)| stem);
    let (folder, last) = stem.rsplit_once('/').map_or(("", stem), |(folder, last)| (folder, last));
    let last = if page.name.prefix.is_some() && last != "index" { page.name.last.as_str() } else { last };
    match (folder, last) {
        (folder, "index") => folder.to_owned(),
        ("", last) => last.to_owned(),
        (folder, last) => format!("{folder}/{last}"),
    }
}

/// What a pattern of an address may ask for.
fn value(name: &str, site: &Site, page: &Page<'_>) -> Option<Value> {
    let text = |text: String| Some(Value::Text(text));
    match name {
        "page.fileSlug" => text(page.name.last.clone()),
        "page.filePathStem" => text(format!("/{}", stem(page))),
        "page.date" | "date" => text(page.day.format("%Y-%m-%d %H:%M:%S").to_string()),
        "title" => text(page.title.to_owned()),
        "slug" => text(page.fields.slug.clone().unwrap_or_else(|| page.name.last.clone())),
        name => page.matter.get(name).cloned().or_else(|| site.config.get(name).cloned()),
    }
}

fn filter(name: &str, value: &str) -> Option<String> {
    match name {
        "slugify" | "slug" => Some(slugs::sindre(value)),
        "url" => Some(value.to_owned()),
        _ => None,
    }
}

/// Whether a file may be the data of the posts beside or below it.
fn is_data(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".11tydata.js", ".11tydata.mjs", ".11tydata.cjs", ".json"].iter().any(|ending| name.ends_with(ending))
}
