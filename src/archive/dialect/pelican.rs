//! Pelican.

use std::path::Path;

use super::super::fields::{Fields, Habits};
use super::super::front::{Matter, Value};
use super::super::names::escape;
use super::config::Config;
use super::{Dialect, Facts, Page, Place, Site, Take, slugs, tags};
use crate::domain::post::Topic;

pub(super) struct Pelican;

impl Dialect for Pelican {
    fn name(&self) -> &'static str {
        "pelican"
    }

    /// What is published may differ from what is tried at home: `publishconf.py` comes first.
    fn config(&self, folder: &Path, _: &Path) -> Option<Config> {
        let mut base = Config::read(folder, &["pelicanconf.py"])?;
        // Whoever gives the folder on the command line, as in `pelican .`, keeps articles beside the settings.
        if !folder.join("content").is_dir() {
            base.fill(Config::of("", vec![("PATH".to_owned(), Value::Text(".".into()))]));
        }
        match Config::read(folder, &["publishconf.py"]) {
            Some(mut published) => {
                published.fill(base);
                Some(published)
            }
            None => Some(base),
        }
    }

    fn facts(&self, site: &Site) -> Facts {
        let config = &site.config;
        Facts {
            title: config.text("SITENAME"),
            url: config.text("SITEURL"),
            description: config.text("SITESUBTITLE"),
            language: config.text("DEFAULT_LANG"),
            timezone: config.text("TIMEZONE"),
            author: config.text("AUTHOR"),
        }
    }

    fn content(&self, config: &Config) -> Vec<String> {
        vec![config.text("PATH").unwrap_or_else(|| "content".into())]
    }

    fn takes(&self, site: &Site, place: &Place<'_>) -> Take {
        let under = |folders: &[String]| {
            folders.iter().any(|folder| {
                let folder = folder.trim_matches('/');
                folder.is_empty() || place.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
            })
        };
        let pages = listed(site, "PAGE_PATHS").unwrap_or_else(|| vec!["pages".into()]);
        let fixed = listed(site, "STATIC_PATHS").unwrap_or_else(|| vec!["images".into()]);
        let articles = listed(site, "ARTICLE_PATHS").unwrap_or_else(|| vec![String::new()]);
        if under(&pages) || under(&fixed) || !under(&articles) { Take::Other } else { Take::Post }
    }

    fn habits(&self, _: &Site) -> Habits {
        Habits { address: &["url"], ..Habits::default() }
    }

    fn complete(&self, site: &Site, place: &Place<'_>, matter: &Matter, fields: &mut Fields) {
        if matter.get("category").is_none()
            && let Some(topic) = folder(site, place.path).and_then(|name| Topic::named(&name))
            && fields.topics.iter().all(|known| known.slug != topic.slug)
        {
            fields.topics.insert(0, topic);
        }
    }

    fn address(&self, site: &Site, page: &Page<'_>) -> Result<String, String> {
        let pattern = site.config.text("ARTICLE_URL").unwrap_or_else(|| "{slug}.html".into());
        filled(&pattern, site, page)
    }

    fn written(&self, site: &Site, page: &Page<'_>, address: &str) -> Result<String, String> {
        filled(address, site, page)
    }

    fn tags(&self) -> tags::Language {
        tags::Language::Pelican
    }
}

fn listed(site: &Site, key: &str) -> Option<Vec<String>> {
    match site.config.get(key)? {
        Value::List(all) => Some(
            all.iter()
                .filter_map(|one| match one {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
        ),
        _ => None,
    }
}

/// The category a folder stands for.
fn folder(site: &Site, path: &str) -> Option<String> {
    let off = matches!(site.config.get("USE_FOLDER_AS_CATEGORY"), Some(Value::Bool(false)));
    let folder = path.rsplit_once('/').map(|(folders, _)| folders.rsplit('/').next().unwrap_or_default().to_owned());
    folder.filter(|_| !off).or_else(|| site.config.text("DEFAULT_CATEGORY"))
}

fn filled(pattern: &str, site: &Site, page: &Page<'_>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(|| super::pattern::unknown(pattern, "{"))?;
        filled.push_str(before);
        filled.push_str(
            &value(name, site, page).ok_or_else(|| super::pattern::unknown(pattern, &format!("{{{name}}}")))?,
        );
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value(name: &str, site: &Site, page: &Page<'_>) -> Option<String> {
    let by_name = site.config.text("SLUGIFY_SOURCE").as_deref() == Some("basename");
    let stem = page.path.rsplit_once('.').map_or(page.path, |(stem, _)| stem);
    Some(match name.split_once(':').map_or((name, ""), |(name, format)| (name, format)) {
        ("slug", _) => match &page.fields.slug {
            Some(slug) => escape(slug),
            None if by_name => slugs::pelican(stem.rsplit('/').next()?),
            None => slugs::pelican(page.title),
        },
        ("date", format) if format.chars().all(|c| "%YymdjBbHMSe-/_.".contains(c)) => {
            page.day.format(format).to_string()
        }
        ("category", _) => slugs::pelican(
            &page
                .matter
                .text("category")
                .map(str::to_owned)
                .or_else(|| folder(site, page.path))
                .unwrap_or_else(|| "misc".into()),
        ),
        ("author", _) => {
            slugs::pelican(page.fields.authors.first().cloned().or_else(|| site.config.text("AUTHOR"))?.as_str())
        }
        ("lang", _) => {
            page.fields.language.clone().or_else(|| site.config.text("DEFAULT_LANG")).unwrap_or_else(|| "en".into())
        }
        ("path_no_ext" | "filename", _) => escape(stem),
        (other, _) => escape(page.matter.text(other)?),
    })
}
