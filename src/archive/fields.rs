//! What the fields of a post mean. Keys and types vary between generators and
//! between posts of one blog: taken where the meaning is clear, said where not.

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::dates;
use super::flaw::{Flaw, quote};
use super::front::{Matter, Value};
use super::orders::{self, Orders};
use super::text;
use crate::domain::Timestamp;
use crate::domain::post::{Topic, slugify};

/// What one thing is called, the usual name first.
type Names = &'static [&'static str];

const TITLE: Names = &["title", "headline", "newstitle"];
const DATE: Names =
    &["date", "pubdate", "pubdatetime", "published", "published_at", "created_at", "created", "datetime"];
const PUBLISH: Names = &["publishdate"];
const UPDATED: Names = &[
    "updated",
    "lastmod",
    "last_modified_at",
    "modified",
    "modified_time",
    "updated_at",
    "last_updated",
    "updateddate",
    "moddatetime",
    "last_update",
];
const EXPIRES: Names = &["expirydate", "expires", "expiry", "unpublishdate"];
const SUMMARY: Names = &["summary", "description", "excerpt", "abstract"];
const SLUG: Names = &["slug"];
const ID: Names = &["id", "guid"];
const LANGUAGE: Names = &["lang", "language", "locale"];
const AUTHORS: Names = &["authors", "author", "by", "author_name"];
const TOPICS: Names = &["tags", "tag", "categories", "category", "topics"];

/// The longest summary kept of what an author wrote, in characters.
pub(super) const SUMMARY_LIMIT: usize = 1000;

/// How the fields are written where a generator has its own way.
#[derive(Clone, Debug)]
pub(super) struct Habits {
    /// Keys that hold a whole address.
    pub address: Names,
    /// Keys that keep a post from being public when they are true.
    pub hides: Names,
    /// Keys that hold topics, besides the usual ones.
    pub taxonomies: Vec<String>,
    /// Whether blanks part topics, as in Jekyll.
    pub blanks_part: bool,
    /// The table in which authors keep fields of their own, beside those the
    /// generator knows.
    pub own: Option<&'static str>,
    /// Whether a day is the one the author wrote, whatever its zone, as in Hugo.
    pub is_as_written: bool,
    /// Whether a time to the second that is not in quotes is in UTC where it
    /// names no zone, as YAML 1.1 has it and Jekyll goes by.
    pub has_yaml_times: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            address: &["permalink", "url", "path"],
            hides: &[],
            taxonomies: Vec::new(),
            blanks_part: false,
            own: None,
            is_as_written: false,
            has_yaml_times: false,
        }
    }
}

/// Everything the fields say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields {
    pub title: Option<String>,
    pub date: Option<Timestamp>,
    /// What the clock showed where the author wrote the date.
    pub written_at: Option<NaiveDateTime>,
    pub draft: bool,
    pub summary: Option<String>,
    pub slug: Option<String>,
    pub address: Option<Written>,
    pub id: Option<String>,
    pub updated: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    pub language: Option<String>,
    pub topics: Vec<Topic>,
    pub authors: Vec<String>,
    /// How it is to be sent, and who may read it.
    pub orders: Orders,
}

/// An address the author wrote out, and where.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written {
    pub key: &'static str,
    pub address: String,
    pub line: Option<u32>,
}

/// Reads all fields; what is odd but clear enough to go on goes to `oddities`.
///
/// # Errors
/// A field that decides whether, when or where the post appears is not understood.
pub(super) fn read(matter: &Matter, zone: Tz, habits: &Habits, oddities: &mut Vec<Flaw>) -> Result<Fields, Flaw> {
    let own = own_fields(matter, habits.own);
    let mut reader = Reader { matter, own: &own, zone, habits, oddities };
    let (date, written_at) = reader.publication()?;
    Ok(Fields {
        title: reader.text(TITLE)?.map(|title| text::one_line(&title)).filter(|title| !title.is_empty()),
        date,
        written_at,
        draft: reader.draft()?,
        summary: reader.summary(),
        slug: reader.text(SLUG)?,
        address: reader.address()?,
        id: reader.text(ID)?.map(|id| text::one_line(&id)).filter(|id| !id.is_empty()),
        updated: reader.date(UPDATED)?,
        expires: reader.date(EXPIRES)?,
        language: reader.language(),
        topics: reader.topics(),
        authors: reader.authors(),
        orders: orders::read(matter, habits.own, reader.oddities)?,
    })
}

/// The fields in the table authors keep for their own.
pub(super) fn own_fields(matter: &Matter, table: Option<&str>) -> Matter {
    match table.and_then(|table| matter.get(table)) {
        Some(Value::Table(table)) => Matter::gathered(table.clone()),
        _ => Matter::default(),
    }
}

struct Reader<'a> {
    matter: &'a Matter,
    /// Where authors and summary may stand, too.
    own: &'a Matter,
    zone: Tz,
    habits: &'a Habits,
    oddities: &'a mut Vec<Flaw>,
}

impl<'a> Reader<'a> {
    /// The first of the names that has a value.
    fn find(&self, names: Names) -> Option<(&'static str, &'a Value)> {
        let given = |name: &&'static str| Some((*name, self.matter.get(name).filter(|value| !is_nothing(value))?));
        names.iter().find_map(given)
    }

    fn flaw(&self, key: &str, reason: String) -> Flaw {
        Flaw::new(reason).at(self.matter.line_of(key))
    }

    fn odd(&mut self, key: &str, reason: String) {
        let flaw = self.flaw(key, reason);
        self.oddities.push(flaw);
    }

    /// A value that must be a text.
    fn text(&self, names: Names) -> Result<Option<String>, Flaw> {
        let Some((key, value)) = self.find(names) else { return Ok(None) };
        match word(value) {
            Some(text) => Ok(Some(text)),
            None => Err(self.flaw(key, format!("`{key}` must be a text, not {}", kind(value)))),
        }
    }

    fn date(&self, names: Names) -> Result<Option<Timestamp>, Flaw> {
        let Some((key, value)) = self.find(names) else { return Ok(None) };
        self.date_in(key, value).map(Some)
    }

    fn date_in(&self, key: &str, value: &Value) -> Result<Timestamp, Flaw> {
        let text = word(value).ok_or_else(|| format!("`{key}` must be a date, not {}", kind(value)));
        let is_utc =
            |text: &str| self.habits.has_yaml_times && dates::is_to_the_second(text) && !self.matter.is_quoted(key);
        let date = text.and_then(|text| dates::parse(&text, if is_utc(&text) { Tz::UTC } else { self.zone }));
        date.map_err(|reason| self.flaw(key, reason).with_help(dates::ADVICE))
    }

    /// When the post appears: its date, or its publish date when that is later.
    fn publication(&self) -> Result<(Option<Timestamp>, Option<NaiveDateTime>), Flaw> {
        // `published: true` says something else than `published: 2024-05-31`.
        let given = DATE.iter().filter_map(|name| Some((*name, self.matter.get(name)?)));
        let said = given.into_iter().find(|(_, value)| !is_nothing(value) && truth(value).is_none());
        let date = said.map(|(key, value)| self.date_in(key, value)).transpose()?;
        let publish = self.date(PUBLISH)?;
        let first = said.or_else(|| self.find(PUBLISH));
        let written_at = first.and_then(|(_, value)| dates::as_written(&word(value)?));
        Ok((date.max(publish), written_at))
    }

    fn draft(&self) -> Result<bool, Flaw> {
        let hides = self.habits.hides.iter().map(|key| (*key, true));
        // Eleventy's `permalink: false` is a post without a page.
        let no_page =
            self.habits.address.iter().map(|key| (*key, false)).filter(|(key, _)| {
                !self.habits.hides.is_empty() && matches!(self.matter.get(key), Some(Value::Bool(_)))
            });
        let keys = [("draft", true), ("published", false), ("unlisted", true)];
        for (key, drafted) in keys.into_iter().chain(hides).chain(no_page) {
            let Some(value) = self.matter.get(key).filter(|value| !is_nothing(value)) else { continue };
            match truth(value) {
                Some(said) if said == drafted => return Ok(true),
                Some(_) => {}
                None if key == "published" && self.date_in(key, value).is_ok() => {}
                None => return Err(self.flaw(key, format!("`{key}` must be true or false, not {}", shown(value)))),
            }
        }
        let status = self.matter.get("status").and_then(word).unwrap_or_default().to_lowercase();
        Ok(matches!(status.as_str(), "draft" | "hidden" | "private" | "pending" | "skip"))
    }

    fn summary(&mut self) -> Option<String> {
        let own = || SUMMARY.iter().find_map(|key| Some((*key, self.own.get(key)?)));
        let (key, value) = self.find(SUMMARY).or_else(own)?;
        let Some(said) = word(value) else {
            self.odd(key, format!("`{key}` is passed over: it must be a text, not {}", kind(value)));
            return None;
        };
        let said = text::one_line(&said);
        (!said.is_empty()).then(|| text::shorten(&said, SUMMARY_LIMIT))
    }

    fn address(&mut self) -> Result<Option<Written>, Flaw> {
        let Some((key, value)) = self.find(self.habits.address) else { return Ok(None) };
        let address =
            word(value).ok_or_else(|| self.flaw(key, format!("`{key}` must be a text, not {}", kind(value))))?;
        Ok(Some(Written { key, address, line: self.matter.line_of(key) }))
    }

    fn language(&mut self) -> Option<String> {
        let (key, value) = self.find(LANGUAGE)?;
        let tag = word(value).unwrap_or_default().trim().replace('_', "-");
        let is_tag = (2..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !is_tag {
            self.odd(key, format!("`{key}` is passed over: {} is not a language tag", shown(value)));
        }
        is_tag.then_some(tag)
    }

    fn topics(&mut self) -> Vec<Topic> {
        let mut topics: Vec<Topic> = Vec::new();
        let nested = match self.matter.get("taxonomies") {
            Some(Value::Table(table)) => Matter::gathered(table.clone()),
            _ => Matter::default(),
        };
        let habits = self.habits;
        let own = habits.taxonomies.iter().map(String::as_str).filter(|key| !TOPICS.contains(key));
        for key in TOPICS.iter().copied().chain(own) {
            for value in [self.matter.get(key), nested.get(key)].into_iter().flatten() {
                for name in self.names(key, value) {
                    let topic = Topic::named(name.trim().trim_start_matches('#'));
                    match topic {
                        Some(topic) => match topics.iter().find(|known| known.slug == topic.slug) {
                            None => topics.push(topic),
                            Some(known) if is_same_name(&known.name, &topic.name) => {}
                            Some(known) => {
                                let other = quote(&known.name);
                                self.odd(
                                    key,
                                    format!(
                                        "the topic {} is passed over: its address is that of {other}",
                                        quote(&name)
                                    ),
                                );
                            }
                        },
                        None => self.odd(key, format!("the topic {} is passed over: no letter in it", quote(&name))),
                    }
                }
            }
        }
        topics
    }

    fn authors(&mut self) -> Vec<String> {
        let mut authors: Vec<String> = Vec::new();
        for key in AUTHORS {
            let Some(value) = self.matter.get(key).or_else(|| self.own.get(key)) else { continue };
            for name in self.names(key, value) {
                let name = text::shorten(&text::one_line(&name), text::TITLE_LIMIT);
                if !name.is_empty() && !authors.contains(&name) {
                    authors.push(name);
                }
            }
            if !authors.is_empty() {
                break;
            }
        }
        authors
    }

    /// The names in a text, a list, a table with a name, or a list of those.
    fn names(&mut self, key: &str, value: &Value) -> Vec<String> {
        match value {
            _ if is_nothing(value) => Vec::new(),
            // "Josh, Alex" under `author` may be one name; under `authors` and `tags` it is two.
            Value::Text(text) if ["authors", "tags", "categories", "topics"].contains(&key) => self.listed(key, text),
            Value::Text(text) => vec![text.clone()],
            Value::List(values) => values.iter().flat_map(|value| self.listed_name(key, value)).collect(),
            Value::Table(_) | Value::Bool(_) | Value::Null => self.listed_name(key, value),
        }
    }

    /// One member of a list; lists in lists are Hexo's sub-categories.
    fn listed_name(&mut self, key: &str, value: &Value) -> Vec<String> {
        match value {
            Value::Null => Vec::new(),
            Value::Text(text) => vec![text.clone()],
            Value::List(values) => values.iter().flat_map(|value| self.listed_name(key, value)).collect(),
            Value::Bool(_) | Value::Table(_) => {
                let inside =
                    if let Value::Table(table) = value { Matter::gathered(table.clone()) } else { Matter::default() };
                let name = ["name", "label", "title", "key"].iter().find_map(|name| inside.get(name).and_then(word));
                if name.is_none() {
                    self.odd(key, format!("`{key}` is passed over: {} where a name is wanted", kind(value)));
                }
                name.into_iter().collect()
            }
        }
    }

    /// A list in a text: parted by semicolons, else by commas. Blanks part
    /// topics in Jekyll and belong to them elsewhere, so they are asked about.
    fn listed(&mut self, key: &str, text: &str) -> Vec<String> {
        let mark = if text.contains(';') { ';' } else { ',' };
        if self.habits.blanks_part && key != "authors" && !text.contains(mark) {
            return text.split_whitespace().map(str::to_owned).collect();
        }
        if key != "authors" && !text.contains(mark) && text.trim().contains(char::is_whitespace) {
            self.odd(key, format!("`{key}` is taken as one topic: {}; write a list if several are meant", quote(text)));
        }
        text.split(mark).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }
}

/// The text of a value that is one, alone or in a list of one.
pub(super) fn word(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.trim().to_owned()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::List(values) if values.len() == 1 => word(&values[0]),
        _ => None,
    }
}

/// Whether two topics differ in capitals and gaps alone.
fn is_same_name(a: &str, b: &str) -> bool {
    let bare = |text: &str| slugify(text).replace('-', "");
    bare(a) == bare(b) && a.matches(['+', '#']).eq(b.matches(['+', '#']))
}

/// `true`, and what older YAML and people write for it.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match word(value)?.to_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(values) => values.is_empty(),
        Value::Table(table) => table.is_empty(),
        Value::Bool(_) => false,
    }
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Table(_) => "a table",
    }
}

pub(super) fn shown(value: &Value) -> String {
    word(value).map_or_else(|| kind(value).to_owned(), |text| quote(&text))
}

#[cfg(test)]
#[path = "fields_test.rs"]
mod tests;
