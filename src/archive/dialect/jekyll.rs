//! Jekyll, and GitHub's pages that it makes.

use std::path::Path;

use super::super::fields::{Fields, Habits};
use super::super::front::{Matter, Table, Value};
use super::super::markdown::HeadingIds;
use super::super::names::{Name, escape};
use super::config::Config;
use super::{Dialect, Facts, Page, Place, Site, Take, hexo, pattern, slugs, tags};
use crate::domain::post::Topic;

pub(super) const FILES: [&str; 3] = ["_config.yml", "_config.yaml", "_config.toml"];

/// What Jekyll's `permalink: pretty` and the like stand for.
const STYLES: [(&str, &str); 5] = [
    ("date", "/:categories/:year/:month/:day/:title:output_ext"),
    ("pretty", "/:categories/:year/:month/:day/:title/"),
    ("ordinal", "/:categories/:year/:y_day/:title:output_ext"),
    ("weekdate", "/:categories/:year/W:week/:short_day/:title:output_ext"),
    ("none", "/:categories/:title:output_ext"),
];

pub(super) struct Jekyll;

impl Dialect for Jekyll {
    fn name(&self) -> &'static str {
        "jekyll"
    }

    fn config(&self, folder: &Path, _: &Path) -> Option<Config> {
        Config::read(folder, &FILES).filter(|config| !hexo::is_hexo(folder, config))
    }

    fn facts(&self, site: &Site) -> Facts {
        let config = &site.config;
        let base = config.text("baseurl").unwrap_or_default();
        Facts {
            title: config.text("title").or_else(|| config.text("name")),
            url: config.text("url").map(|url| format!("{}/{}", url.trim_end_matches('/'), base.trim_matches('/'))),
            description: config.text("description"),
            language: config.text("lang").or_else(|| config.text("locale")),
            timezone: config.text("timezone"),
            author: config.text("author.name").or_else(|| config.text("author")),
        }
    }

    fn content(&self, config: &Config) -> Vec<String> {
        vec![config.text("source").unwrap_or_default()]
    }

    fn takes(&self, site: &Site, place: &Place<'_>) -> Take {
        let full = site.on_site(place.path);
        let folders: Vec<&str> = full.split('/').rev().skip(1).collect();
        if site.config.file.is_empty() || folders.contains(&"_drafts") {
            return Take::Post;
        }
        match folders.contains(&"_posts") {
            false => Take::Other,
            true if Name::of(place.path).prefix.is_none() => {
                Take::Odd("no post of Jekyll: its name does not begin with a date, like 2024-05-31-title.md")
            }
            true => Take::Post,
        }
    }

    /// `defaults` of the configuration: a later and a longer scope comes first.
    fn defaults(&self, site: &Site, path: &str) -> Table {
        let Some(Value::List(all)) = site.config.get("defaults") else { return Table::new() };
        let mut found: Vec<(usize, &Table)> = all.iter().filter_map(|one| values(one, path)).collect();
        found.sort_by_key(|(length, _)| *length);
        let mut fields = Matter::default();
        found.into_iter().rev().for_each(|(_, table)| fields.fill(table.clone()));
        fields.table().clone()
    }

    fn habits(&self, _: &Site) -> Habits {
        Habits { address: &["permalink"], blanks_part: true, has_yaml_times: true, ..Habits::default() }
    }

    fn title(&self, name: &Name) -> Option<String> {
        let words = name.slug.split('-').filter(|word| !word.is_empty()).map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
        });
        Some(words.collect::<Vec<_>>().join(" ")).filter(|title| !title.is_empty())
    }

    fn has_heading_titles(&self) -> bool {
        false
    }

    fn complete(&self, _: &Site, place: &Place<'_>, _: &Matter, fields: &mut Fields) {
        for topic in in_path(place.path).filter_map(Topic::named) {
            if fields.topics.iter().all(|known| known.slug != topic.slug) {
                fields.topics.push(topic);
            }
        }
    }

    fn address(&self, site: &Site, page: &Page<'_>) -> Result<String, String> {
        let config = &site.config;
        let pattern = config.text("collections.posts.permalink").or_else(|| config.text("permalink"));
        let pattern = pattern.unwrap_or_else(|| "date".into());
        // Only the configuration names a style; in a post `pretty` is an address.
        let style = STYLES.iter().find(|(style, _)| *style == pattern);
        filled(style.map_or(&pattern, |(_, pattern)| pattern), page)
    }

    fn written(&self, _: &Site, page: &Page<'_>, address: &str) -> Result<String, String> {
        filled(address, page)
    }

    fn heading_ids(&self, site: &Site) -> HeadingIds {
        match (site.config.get("kramdown.auto_ids"), site.config.text("kramdown.input").as_deref()) {
            (Some(Value::Bool(false)), _) => HeadingIds::None,
            (_, Some("kramdown" | "Kramdown")) => HeadingIds::Words(slugs::kramdown),
            _ => HeadingIds::GitHub,
        }
    }

    fn tags(&self) -> tags::Language {
        tags::Language::Jekyll
    }
}

/// The values of one of `defaults` where its scope holds the path.
fn values<'a>(one: &'a Value, path: &str) -> Option<(usize, &'a Table)> {
    let Value::Table(one) = one else { return None };
    let of = |table: &'a Table, key: &str| match table.iter().find(|(name, _)| name == key) {
        Some((_, Value::Table(inside))) => Some(inside),
        _ => None,
    };
    let scope = of(one, "scope")?;
    let text = |key: &str| {
        scope.iter().find(|(name, _)| name == key).and_then(|(_, value)| match value {
            Value::Text(text) => Some(text.trim_matches('/')),
            _ => None,
        })
    };
    let folder = text("path").unwrap_or_default();
    let is_mine =
        folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_post = text("type").is_none_or(|kind| kind == "posts" || kind == "post");
    (is_mine && is_post).then_some(())?;
    Some((folder.len(), of(one, "values")?))
}

/// The folders above `_posts` are categories.
fn in_path(path: &str) -> impl Iterator<Item = &str> {
    let end = path.find("_posts/").or_else(|| path.find("_drafts/")).unwrap_or(0);
    path[..end].split('/').filter(|part| !part.is_empty())
}

fn categories(page: &Page<'_>) -> String {
    let mut all: Vec<String> = in_path(page.path).map(str::to_owned).collect();
    for key in ["category", "categories"] {
        match page.matter.get(key) {
            Some(Value::Text(text)) if key == "category" => all.push(text.clone()),
            Some(Value::Text(text)) => all.extend(text.split_whitespace().map(str::to_owned)),
            Some(Value::List(values)) => all.extend(values.iter().filter_map(|value| match value {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            })),
            _ => {}
        }
    }
    let mut unique: Vec<String> = Vec::new();
    for name in all.iter().map(|name| escape(&name.trim().to_lowercase())).filter(|name| !name.is_empty()) {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique.join("/")
}

fn filled(pattern: &str, page: &Page<'_>) -> Result<String, String> {
    let slug = page.fields.slug.as_deref().unwrap_or(&page.name.last);
    let value = |word: &str| {
        Some(match word {
            "title" => escape(&slugs::jekyll(slug)),
            "slug" => slugs::jekyll_plain(slug),
            "categories" => categories(page),
            "slugified_categories" => {
                categories(page).split('/').map(slugs::jekyll_plain).collect::<Vec<_>>().join("/")
            }
            "output_ext" => ".html".to_owned(),
            "collection" => "posts".to_owned(),
            "name" | "basename" => slugs::jekyll_plain(page.name.path.rsplit('/').next().unwrap_or_default()),
            word => pattern::of_date(word, page.day)?,
        })
    };
    let address = pattern::fill(pattern, value).map_err(|word| pattern::unknown(pattern, &word))?;
    Ok(address.replace("//", "/"))
}
