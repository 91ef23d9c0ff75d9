//! Hugo.

use std::path::Path;

use super::super::fields::{Fields, Habits};
use super::super::front::{Matter, Table, Value};
use super::super::markdown::HeadingIds;
use super::config::{self, Config};
use super::{Dialect, Facts, Page, Place, Site, Take, cascade, pattern, slugs, tags};

const FILES: [&str; 4] = ["hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json"];
const OLD_FILES: [&str; 4] = ["config.toml", "config.yaml", "config.yml", "config.json"];

/// Where a site keeps its configuration in several files.
const FOLDER: &str = "config/_default";

pub(super) struct Hugo;

impl Dialect for Hugo {
    fn name(&self) -> &'static str {
        "hugo"
    }

    fn config(&self, folder: &Path, archive: &Path) -> Option<Config> {
        let one = Config::read(folder, &FILES).or_else(|| old(folder, archive));
        let many = in_pieces(folder);
        match (one, many) {
            (Some(mut one), Some(many)) => {
                one.fill(many);
                Some(one)
            }
            (one, many) => one.or(many),
        }
    }

    fn facts(&self, site: &Site) -> Facts {
        let config = &site.config;
        let language = main_language(config);
        let of_language = |key: &str| config.text(&format!("languages.{language}.{key}"));
        let either = |key: &str| of_language(key).or_else(|| config.text(key));
        Facts {
            title: either("title"),
            url: config.text("baseURL"),
            description: of_language("params.description").or_else(|| config.text("params.description")),
            language: of_language("locale").or_else(|| either("languageCode")).or_else(|| Some(language.clone())),
            timezone: either("timeZone"),
            author: config.text("params.author.name").or_else(|| config.text("params.author")),
        }
    }

    fn content(&self, config: &Config) -> Vec<String> {
        let folder = config.text(&format!("languages.{}.contentDir", main_language(config)));
        vec![folder.or_else(|| config.text("contentDir")).unwrap_or_else(|| "content".into())]
    }

    fn takes(&self, site: &Site, place: &Place<'_>) -> Take {
        match language_of(site, place.path) {
            _ if place.beside_index => Take::Other,
            Some(language) if language != main_language(&site.config) => {
                Take::Odd("a translation, left out: the archive is in the site's first language")
            }
            _ => Take::Post,
        }
    }

    fn called(&self, site: &Site, path: &str) -> String {
        let bare = || {
            let (stem, ending) = path.rsplit_once('.')?;
            Some(format!("{}.{ending}", stem.strip_suffix(language_of(site, path)?)?.strip_suffix('.')?))
        };
        bare().unwrap_or_else(|| path.to_owned())
    }

    fn has_undated_pages(&self) -> bool {
        true
    }

    fn habits(&self, site: &Site) -> Habits {
        let taxonomies = site.config.table("taxonomies").iter().filter_map(|(_, value)| match value {
            Value::Text(name) => Some(name.clone()),
            _ => None,
        });
        Habits {
            address: &["url"],
            taxonomies: taxonomies.collect(),
            hides: &["headless"],
            is_as_written: true,
            own: Some("params"),
            ..Habits::default()
        }
    }

    fn learn_sections(&self, site: &Site) -> Vec<(String, Table)> {
        cascade::sections(site)
    }

    fn defaults(&self, site: &Site, path: &str) -> Table {
        cascade::defaults(site, path)
    }

    /// `build` says whether a page is made at all.
    fn complete(&self, _: &Site, _: &Place<'_>, matter: &Matter, fields: &mut Fields) {
        let build = ["build", "_build"].iter().find_map(|key| match matter.get(key) {
            Some(Value::Table(table)) => Some(Matter::gathered(table.clone())),
            _ => None,
        });
        let is_off = |key: &str| match build.as_ref().and_then(|build| build.get(key)) {
            Some(Value::Bool(made)) => !made,
            Some(Value::Text(word)) => matches!(word.as_str(), "never" | "local" | "link"),
            _ => false,
        };
        fields.draft |= is_off("render") || is_off("list");
    }

    fn address(&self, site: &Site, page: &Page<'_>) -> Result<String, String> {
        let path = page_path(site, page.path);
        let section = path.split('/').next().filter(|_| path.contains('/')).unwrap_or_default();
        let found =
            ["permalinks", "permalinks.page"].iter().find_map(|table| site.config.text(&format!("{table}.{section}")));
        let address = match found {
            Some(pattern) => filled(&pattern, page, &path)?,
            None => {
                let slug = page.fields.slug.as_deref().map(|slug| slug.trim_matches('/'));
                let (folder, last) = path.rsplit_once('/').unwrap_or(("", &path));
                format!("/{}/", slugs::hugo(format!("{folder}/{}", slug.unwrap_or(last)).trim_start_matches('/')))
            }
        };
        let ugly = site.config.is("uglyURLs") || site.config.is(&format!("uglyURLs.{section}"));
        let address = if ugly { format!("{}.html", address.trim_end_matches('/')) } else { address };
        Ok(if site.config.is("disablePathToLower") { address } else { address.to_lowercase() })
    }

    fn written(&self, site: &Site, page: &Page<'_>, address: &str) -> Result<String, String> {
        let address = match address.contains("/:") {
            true => filled(address, page, &page_path(site, page.path))?,
            false => address.to_owned(),
        };
        let last = address.rsplit('/').next().unwrap_or_default();
        let is_folder = !last.is_empty() && !last.contains('.') && !address.contains("://");
        Ok(if is_folder { address + "/" } else { address })
    }

    fn heading_ids(&self, site: &Site) -> HeadingIds {
        let parser = |key: &str| site.config.get(&format!("markup.goldmark.parser.{key}"));
        match (parser("autoHeadingID"), parser("autoHeadingIDType")) {
            (Some(Value::Bool(false)), _) => HeadingIds::None,
            (_, Some(Value::Text(way))) if way == "github-ascii" => {
                HeadingIds::Words(|words| slugs::github(&words.replace(|c: char| !c.is_ascii(), "")))
            }
            _ => HeadingIds::GitHub,
        }
    }

    fn tags(&self) -> tags::Language {
        tags::Language::Hugo
    }
}

/// The configuration of a name that many programs give theirs: it is Hugo's
/// where it says so, or where the archive lies in the content beside it. What
/// cannot be read says nothing.
fn old(folder: &Path, archive: &Path) -> Option<Config> {
    let says_so = |config: &Config| !config.spells("base_url") && config.get("baseURL").is_some();
    let is_beside = archive.starts_with(folder.join("content"));
    Config::read(folder, &OLD_FILES).filter(|config| says_so(config) || is_beside && !config.spells("base_url"))
}

/// `config/_default/languages.en.toml` holds what stands under `languages.en`.
fn in_pieces(folder: &Path) -> Option<Config> {
    let mut names: Vec<String> = std::fs::read_dir(folder.join(FOLDER))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| [".toml", ".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending)))
        .collect();
    names.sort_by_key(|name| (!name.starts_with("hugo.") && !name.starts_with("config."), name.clone()));
    let mut all: Option<Config> = None;
    for name in names {
        let piece = match config::table(&folder.join(FOLDER).join(&name)) {
            Ok(table) => Config::of(&format!("{FOLDER}/{name}"), placed(&name, table)),
            Err(flaw) => Config::broken(&format!("{FOLDER}/{name}"), flaw),
        };
        match &mut all {
            None => all = Some(piece),
            Some(all) => all.fill(piece),
        }
    }
    all
}

fn placed(file: &str, table: Table) -> Table {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    if stem == "hugo" || stem == "config" {
        return table;
    }
    stem.rsplit('.').fold(table, |inside, key| vec![(key.to_owned(), Value::Table(inside))])
}

fn main_language(config: &Config) -> String {
    config.text("defaultContentLanguage").unwrap_or_else(|| "en".into())
}

/// The language in a file's name: `post.fr.md`.
fn language_of<'a>(site: &Site, path: &'a str) -> Option<&'a str> {
    let stem = path.rsplit_once('.')?.0;
    let (_, language) = stem.rsplit('/').next()?.rsplit_once('.')?;
    site.config.get(&format!("languages.{language}")).map(|_| language)
}

/// The path of a page without ending, language and `index`.
pub(super) fn page_path(site: &Site, path: &str) -> String {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let stem =
        language_of(site, path).and_then(|language| stem.strip_suffix(language)?.strip_suffix('.')).unwrap_or(stem);
    stem.strip_suffix("/index").unwrap_or(stem).to_owned()
}

fn filled(pattern: &str, page: &Page<'_>, path: &str) -> Result<String, String> {
    let last = path.rsplit('/').next().unwrap_or_default();
    let sections: Vec<&str> = path.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect();
    let slug = page.fields.slug.as_deref();
    let value = |word: &str| {
        Some(match word {
            "section" => slugs::hugo(sections.first().unwrap_or(&"")),
            "sections" => slugs::hugo(&sections.join("/")),
            "sections[1:]" => slugs::hugo(&sections.get(1..).unwrap_or_default().join("/")),
            "sections[last]" => slugs::hugo(sections.last().unwrap_or(&"")),
            "title" => slugs::hugo(page.title),
            "slug" => slugs::hugo(slug.unwrap_or(page.title)),
            "filename" | "contentbasename" => slugs::hugo(last),
            "slugorfilename" | "slugorcontentbasename" => slugs::hugo(slug.unwrap_or(last)),
            word => pattern::of_date(word, page.day)?,
        })
    };
    let address = pattern::fill(pattern, value).map_err(|word| pattern::unknown(pattern, &word))?;
    Ok(address.replace("//", "/"))
}
