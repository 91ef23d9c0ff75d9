//! Which way a text reads.

/// Reading direction of a text or a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From left to right.
    Ltr,
    /// From right to left.
    Rtl,
}

impl Direction {
    /// The value of a `dir` attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ltr => "ltr",
            Self::Rtl => "rtl",
        }
    }

    /// The side where lines begin, for clients without logical properties.
    pub const fn start(self) -> &'static str {
        match self {
            Self::Ltr => "left",
            Self::Rtl => "right",
        }
    }

    /// Of a language by its BCP 47 tag: a script named in it decides, else the
    /// script the language is usually written in.
    pub fn of_language(tag: &str) -> Self {
        const SCRIPTS: [&str; 10] = ["adlm", "arab", "aran", "hebr", "mand", "nkoo", "rohg", "samr", "syrc", "thaa"];
        const LANGUAGES: [&str; 14] =
            ["ar", "arc", "ckb", "dv", "fa", "he", "iw", "ks", "nqo", "ps", "sd", "ug", "ur", "yi"];
        let tag = tag.to_ascii_lowercase();
        let mut parts = tag.split(['-', '_']);
        let language = parts.next().unwrap_or_default();
        let rtl = match parts.find(|part| part.len() == 4 && part.bytes().all(|b| b.is_ascii_alphabetic())) {
            Some(script) => SCRIPTS.contains(&script),
            None => LANGUAGES.contains(&language),
        };
        if rtl { Self::Rtl } else { Self::Ltr }
    }

    /// Of a text by its first letter with a direction of its own; `None` when it has no letters.
    pub fn of_text(text: &str) -> Option<Self> {
        let letter = text.chars().find(|c| c.is_alphabetic())?;
        Some(if is_rtl(letter) { Self::Rtl } else { Self::Ltr })
    }
}

/// The tag of a text whose language is unknown: undetermined, in the script of its first letter.
pub fn unknown_language(text: &str) -> &'static str {
    match text.chars().find(|c| c.is_alphabetic()) {
        Some('\u{5d0}'..='\u{5f4}' | '\u{fb1d}'..='\u{fb4f}') => "und-Hebr",
        Some('\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}' | '\u{fb50}'..='\u{fefc}') => {
            "und-Arab"
        }
        Some('A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}') => "und-Latn",
        _ => "und",
    }
}

/// Letters of the blocks Unicode reserves for scripts written from right to left.
fn is_rtl(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_in_the_tag_outweighs_the_language() {
        for (tag, direction) in [
            ("en", Direction::Ltr),
            ("ar-EG", Direction::Rtl),
            ("he", Direction::Rtl),
            ("az-Arab-IR", Direction::Rtl),
            ("ks-Deva", Direction::Ltr),
            ("", Direction::Ltr),
        ] {
            assert_eq!(Direction::of_language(tag), direction, "{tag}");
        }
    }

    #[test]
    fn the_first_letter_decides_not_digits_or_marks() {
        assert_eq!(Direction::of_text("2026: שלום"), Some(Direction::Rtl));
        assert_eq!(Direction::of_text("«Rust» في"), Some(Direction::Ltr));
        assert_eq!(Direction::of_text("3.14!"), None);
        assert_eq!(unknown_language("مرحبا"), "und-Arab");
    }
}
