//! Words as parts of addresses, the way each generator writes them.

use super::super::names::escape;

/// Hugo: spaces become hyphens, letters and digits and a few marks stay.
pub(super) fn hugo(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    let (mut pending, mut hyphen) = (false, false);
    for c in text.trim().chars() {
        if c.is_alphanumeric() || matches!(c, '.' | '/' | '\\' | '_' | '#' | '+' | '~' | '-' | '@') || is_mark(c) {
            hyphen = c == '-';
            if std::mem::take(&mut pending) && !hyphen {
                slug.push('-');
            }
            slug.push(c);
        } else if c.is_whitespace() && !slug.is_empty() && !hyphen {
            pending = true;
        }
    }
    escape(&slug)
}

/// A mark that belongs to the letter before it.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{903}' | '\u{93a}'..='\u{94f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}')
}

/// Jekyll's `:title`: what may stand in an address stays, the rest is one hyphen.
pub(super) fn jekyll(text: &str) -> String {
    hyphened(text, |c| c.is_alphanumeric() || is_mark(c) || "._~!$&'()+,;=@".contains(c))
}

/// Jekyll's `:slug`, categories: letters and digits, lower case.
pub(super) fn jekyll_plain(text: &str) -> String {
    hyphened(&text.to_lowercase(), |c| c.is_alphanumeric() || is_mark(c))
}

/// Hexo's categories and `:post_title`: blanks and punctuation become a hyphen.
pub(super) fn hexo(text: &str) -> String {
    let slug =
        hyphened(text, |c| !c.is_control() && !c.is_whitespace() && !"~`!@#$%^&*()-_+=[]{}|\\;:\"'<>,.?/".contains(c));
    escape(&slug)
}

/// Hexo's ids of headings: the same with its capitals, not encoded.
pub(super) fn hexo_id(text: &str) -> String {
    hyphened(text, |c| !c.is_control() && !c.is_whitespace() && !"~`!@#$%^&*()-_+=[]{}|\\;:\"'<>,.?/".contains(c))
}

/// The ids of kramdown's own dialect: from the first Latin letter on.
pub(super) fn kramdown(text: &str) -> String {
    let from = text.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let kept = from.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// Zola: letters of every script written in ASCII, lower case.
pub(super) fn zola(text: &str) -> String {
    hyphened(&deunicode::deunicode(text).to_lowercase(), |c| c.is_ascii_alphanumeric())
}

/// Pelican: other marks vanish, blanks and hyphens become one hyphen.
pub(super) fn pelican(text: &str) -> String {
    let ascii = deunicode::deunicode(text);
    let kept: String = ascii.chars().filter(|c| c.is_ascii_alphanumeric() || "_- \t\n".contains(*c)).collect();
    hyphened(&kept.to_lowercase(), |c| c.is_ascii_alphanumeric() || c == '_')
}

/// GitHub's way, which Astro uses for file names.
pub(super) fn github(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept = lower.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ => (c.is_alphanumeric() || is_mark(c)).then_some(c),
    });
    kept.collect()
}

/// Eleventy's `slugify` filter.
pub(in crate::archive) fn sindre(text: &str) -> String {
    let mut words = text.replace('\'', "").replace(" & ", " and ").to_lowercase();
    for (letter, spelt) in [("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")] {
        words = words.replace(letter, spelt);
    }
    hyphened(&deunicode::deunicode(&words).to_lowercase(), |c| c.is_ascii_alphanumeric())
}

fn hyphened(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars() {
        if stays(c) {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug.trim_start_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generator_writes_words_its_own_way() {
        let text = "It's C++ & Größe: 1.5 -- ok";
        assert_eq!(hugo(text), "Its-C++-Größe-1.5--ok");
        assert_eq!(jekyll(text), "It's-C++-&-Größe-1.5-ok");
        assert_eq!(jekyll_plain(text), "it-s-c-größe-1-5-ok");
        assert_eq!(hexo(text), "It-s-C-Größe-1-5-ok");
        assert_eq!(zola(text), "it-s-c-grosse-1-5-ok");
        assert_eq!(pelican(text), "its-c-grosse-15-ok");
        assert_eq!(github(text), "its-c--größe-15----ok");
        assert_eq!(sindre(text), "its-c-and-groesse-1-5-ok");
    }
}
