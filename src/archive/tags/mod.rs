//! Template languages inside posts: what can be carried out without the site's
//! generator is, what cannot is left out and told.

mod hugo;
mod liquid;
mod mdx;
mod pieces;
mod values;
mod zola;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;

use super::front::Value;

pub(super) use liquid::expand;

/// What texts are written in besides Markdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Nothing: braces are braces.
    None,
    /// Perhaps something: tags stay and are told of.
    Unknown,
    Hugo,
    Zola,
    Jekyll,
    Hexo,
    Eleventy,
    Pelican,
    Mdx,
}

/// How much work the tags of one post may be: pieces written, and every 64
/// bytes of values. No post of an author's needs a tenth of it, and it is gone
/// in a moment.
const FUEL: usize = 1_000_000;

/// What is left of that.
pub(super) struct Fuel(Cell<usize>);

impl Fuel {
    pub fn full() -> Self {
        Self(Cell::new(FUEL))
    }

    /// Takes the price of a step that handles `bytes`; whether there was enough.
    fn spend(&self, bytes: usize) -> bool {
        self.0.set(self.0.get().saturating_sub(1 + bytes / 64));
        !self.is_gone()
    }

    fn is_gone(&self) -> bool {
        self.0.get() == 0
    }
}

/// What names stand for, and how values are turned into others.
pub(super) struct Scope<'a> {
    /// The value of `page.title` and the like.
    pub value: &'a dyn Fn(&str) -> Option<Value>,
    /// A filter only this generator has.
    pub filter: &'a dyn Fn(&str, &str) -> Option<String>,
    pub fuel: &'a Fuel,
}

/// What a text is rendered with.
pub(super) struct Surroundings<'a> {
    pub scope: Scope<'a>,
    /// The address of another file of the site, by its path or name.
    pub link: &'a dyn Fn(&str) -> Option<String>,
}

/// What was left out of a text.
#[derive(Debug, Default)]
pub(super) struct Notes {
    dropped: BTreeMap<String, (u32, usize)>,
    endless: Option<u32>,
}

impl Notes {
    /// Notes that `tag` at a byte of the text was left out.
    fn drop(&mut self, tag: impl Into<String>, text: &str, byte: usize) {
        self.dropped.entry(tag.into()).or_insert_with(|| (line_at(text, byte), 0)).1 += 1;
    }

    /// Notes that the work was given up at a byte of the text.
    fn give_up(&mut self, text: &str, byte: usize) {
        self.endless.get_or_insert_with(|| line_at(text, byte));
    }

    /// The line, counted from 1 within the text, whose loops were given up.
    pub fn endless(&self) -> Option<u32> {
        self.endless
    }

    /// What was left out, each with the line where it stands first, counted
    /// from 1 within the text, and how often it stands there.
    pub fn all(self) -> Vec<(String, u32, usize)> {
        let mut all: Vec<_> = self.dropped.into_iter().map(|(tag, (line, times))| (tag, line, times)).collect();
        all.sort_by_key(|(_, line, _)| *line);
        all
    }
}

/// Carries out the tags of a text.
pub(super) fn render<'t>(
    language: Language,
    text: &'t str,
    around: &Surroundings<'_>,
    notes: &mut Notes,
) -> Cow<'t, str> {
    match language {
        Language::None | Language::Unknown | Language::Pelican => Cow::Borrowed(text),
        Language::Mdx => mdx::render(text, notes),
        _ if !text.contains("{{") && !text.contains("{%") => Cow::Borrowed(text),
        Language::Hugo => Cow::Owned(hugo::render(text, around, notes)),
        Language::Zola => Cow::Owned(zola::render(text, notes)),
        Language::Jekyll | Language::Hexo | Language::Eleventy => {
            Cow::Owned(liquid::render(language, text, around, notes))
        }
    }
}

/// The byte at which the first of `marks`, all of which begin with `{`, stands
/// at or after `from`.
fn next_mark(text: &str, from: usize, marks: [&str; 2]) -> Option<usize> {
    let rest = text.get(from..)?;
    let is_mark = |at: &usize| marks.iter().any(|mark| rest[*at..].starts_with(mark));
    rest.match_indices('{').map(|(at, _)| at).find(is_mark).map(|at| from + at)
}

/// The line of a byte, counted from 1.
fn line_at(text: &str, byte: usize) -> u32 {
    let breaks = text.as_bytes()[..byte.min(text.len())].iter().filter(|b| **b == b'\n').count();
    u32::try_from(breaks + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "tags_test.rs"]
mod tests;
