//! Hexo.

use std::path::Path;

use super::super::fields::Habits;
use super::super::front::Value;
use super::super::markdown::HeadingIds;
use super::super::names::escape;
use super::config::Config;
use super::{Dialect, Facts, Page, Place, Site, Take, jekyll, pattern, slugs, tags};

/// Keys only Hexo's configuration has.
const KEYS: [&str; 10] = [
    "new_post_name",
    "archive_dir",
    "category_dir",
    "tag_dir",
    "post_asset_folder",
    "skip_render",
    "category_map",
    "filename_case",
    "index_generator",
    "pretty_urls",
];

pub(super) struct Hexo;

/// Whether the `_config.yml` of a folder is Hexo's and not Jekyll's.
pub(super) fn is_hexo(folder: &Path, config: &Config) -> bool {
    config.has_one_of(&KEYS) || config.get("source").is_none() && folder.join("source/_posts").is_dir()
}

impl Dialect for Hexo {
    fn name(&self) -> &'static str {
        "hexo"
    }

    fn config(&self, folder: &Path, _: &Path) -> Option<Config> {
        Config::read(folder, &jekyll::FILES).filter(|config| is_hexo(folder, config))
    }

    fn facts(&self, site: &Site) -> Facts {
        let config = &site.config;
        let language = config.text("language").or_else(|| match config.get("language")? {
            Value::List(all) => all.first().and_then(|first| match first {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            }),
            _ => None,
        });
        Facts {
            title: config.text("title"),
            url: config.text("url"),
            description: config.text("description").or_else(|| config.text("subtitle")),
            language,
            timezone: config.text("timezone"),
            author: config.text("author"),
        }
    }

    fn content(&self, config: &Config) -> Vec<String> {
        let source = config.text("source_dir").unwrap_or_else(|| "source".into());
        vec![format!("{source}/_posts"), format!("{source}/_drafts")]
    }

    fn takes(&self, _: &Site, _: &Place<'_>) -> Take {
        Take::Post
    }

    fn habits(&self, _: &Site) -> Habits {
        Habits { address: &["permalink"], ..Habits::default() }
    }

    fn address(&self, site: &Site, page: &Page<'_>) -> Result<String, String> {
        let pattern = site.config.text("permalink").unwrap_or_else(|| ":year/:month/:day/:title/".into());
        let value = |word: &str| {
            Some(match word {
                "title" => escape(&name_in_address(site, page)),
                "name" => escape(name_in_address(site, page).rsplit('/').next().unwrap_or_default()),
                "post_title" => slugs::hexo(page.title),
                "category" => category(site, page),
                word => pattern::of_date(word, page.day)
                    .or_else(|| site.config.text(&format!("permalink_defaults.{word}")))
                    .or_else(|| page.matter.text(word).map(escape))?,
            })
        };
        let address = pattern::fill(&pattern, value).map_err(|word| pattern::unknown(&pattern, &word))?;
        Ok(pretty(site, &address))
    }

    fn written(&self, site: &Site, _: &Page<'_>, address: &str) -> Result<String, String> {
        Ok(pretty(site, address))
    }

    fn heading_ids(&self, site: &Site) -> HeadingIds {
        match (site.config.get("marked.headerIds"), site.config.text("marked.modifyAnchors").as_deref()) {
            (Some(Value::Bool(false)), _) => HeadingIds::None,
            (_, Some("1")) => HeadingIds::Words(|words| slugs::hexo_id(words).to_lowercase()),
            (_, Some("2")) => HeadingIds::Words(|words| slugs::hexo_id(words).to_uppercase()),
            _ => HeadingIds::Words(slugs::hexo_id),
        }
    }

    fn tags(&self) -> tags::Language {
        tags::Language::Hexo
    }
}

/// `:title`: the file's path; without its date where `new_post_name` puts one there.
fn name_in_address(site: &Site, page: &Page<'_>) -> String {
    let stem = page.path.rsplit_once('.').map_or(page.path, |(stem, _)| stem);
    let dated = site.config.text("new_post_name").is_some_and(|name| name.contains(":year"));
    let (folder, last) = stem.rsplit_once('/').map_or(("", stem), |(folder, last)| (folder, last));
    let last = if dated && page.name.prefix.is_some() && last != "index" { page.name.last.as_str() } else { last };
    let slug = page.fields.slug.as_deref().unwrap_or(last);
    if folder.is_empty() { slug.to_owned() } else { format!("{folder}/{slug}") }
}

/// The categories of a post, the first of several lines of them.
fn category(site: &Site, page: &Page<'_>) -> String {
    let names = match page.matter.get("categories").or_else(|| page.matter.get("category")) {
        Some(Value::Text(name)) => vec![name.clone()],
        Some(Value::List(all)) => {
            let text = |value: &Value| match value {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            };
            match all.first() {
                Some(Value::List(first)) => first.iter().filter_map(text).collect(),
                _ => all.iter().filter_map(text).collect(),
            }
        }
        _ => vec![site.config.text("default_category").unwrap_or_else(|| "uncategorized".into())],
    };
    let slug = |name: &String| site.config.text(&format!("category_map.{name}")).unwrap_or_else(|| slugs::hexo(name));
    names.iter().map(slug).collect::<Vec<_>>().join("/")
}

/// `pretty_urls` leaves out what a web server adds by itself.
fn pretty(site: &Site, address: &str) -> String {
    let is_off = |key: &str| matches!(site.config.get(key), Some(Value::Bool(false)));
    let address = if is_off("pretty_urls.trailing_index") {
        address.strip_suffix("index.html").unwrap_or(address)
    } else {
        address
    };
    let address =
        if is_off("pretty_urls.trailing_html") { address.strip_suffix(".html").unwrap_or(address) } else { address };
    address.to_owned()
}
