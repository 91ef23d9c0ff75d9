//! Which form of a word goes with a number: the plural rules of Unicode's CLDR
//! for whole numbers, by language.

/// Every form there is in some language.
pub const FORMS: [&str; 6] = ["zero", "one", "two", "few", "many", "other"];

/// The form that goes with `n` in a language, by its BCP 47 tag; languages not
/// named here have `one` for 1 and `other` for all else, as most do.
pub fn form(language: &str, n: u64) -> &'static str {
    let (last, two) = (n % 10, n % 100);
    let million = n != 0 && n.is_multiple_of(1_000_000);
    match (primary(language).as_str(), n) {
        ("id" | "ja" | "ko" | "lo" | "ms" | "my" | "th" | "vi" | "zh", _) => "other",
        ("ar", 0) => "zero",
        ("ar", 1) | ("cy", 1) | ("ga", 1) => "one",
        ("ar", 2) | ("cy", 2) | ("ga", 2) | ("he" | "iw", 2) => "two",
        ("ar", _) if (3..=10).contains(&two) => "few",
        ("ar", _) if two >= 11 => "many",
        ("cy", 0) => "zero",
        ("cy", 3) | ("ga", 3..=6) => "few",
        ("cy", 6) | ("ga", 7..=10) => "many",
        ("fr" | "pt" | "hy" | "hi" | "fa" | "bn" | "gu" | "kn" | "am" | "zu" | "si", 0) => "one",
        ("fr" | "pt" | "es" | "it" | "ca", _) if million => "many",
        ("be" | "bs" | "hr" | "ru" | "sr" | "uk", _) if last == 1 && two != 11 => "one",
        ("be" | "bs" | "hr" | "ru" | "sr" | "uk", _) if (2..=4).contains(&last) && !(12..=14).contains(&two) => "few",
        ("be" | "ru" | "uk", _) => "many",
        ("bs" | "hr" | "sr", _) => "other",
        ("pl", 1) => "one",
        ("pl", _) if (2..=4).contains(&last) && !(12..=14).contains(&two) => "few",
        ("pl", _) => "many",
        ("cs" | "sk", 2..=4) => "few",
        ("lt", _) if (11..=19).contains(&two) => "other",
        ("lt", _) if last == 1 => "one",
        ("lt", _) if last >= 2 => "few",
        ("lv", _) if last == 0 || (11..=19).contains(&two) => "zero",
        ("lv" | "is" | "mk", _) if last == 1 && two != 11 => "one",
        ("ro", 0) => "few",
        ("ro", 2..) if (1..=19).contains(&two) => "few",
        ("sl", _) if two == 1 => "one",
        ("sl", _) if two == 2 => "two",
        ("sl", _) if two == 3 || two == 4 => "few",
        ("lt" | "lv" | "is" | "mk" | "sl", _) => "other",
        (_, 1) => "one",
        _ => "other",
    }
}

/// Every form that whole numbers take in a language, in the order of [`FORMS`].
pub fn forms(language: &str) -> Vec<&'static str> {
    let taken: Vec<_> = (0..=200).chain([1_000_000]).map(|n| form(language, n)).collect();
    FORMS.into_iter().filter(|form| taken.contains(form)).collect()
}

/// The language of a tag without its script and region: `de` of `de-AT`.
pub fn primary(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_the_forms_of_their_language() {
        for (language, numbers) in [
            ("en", "0 other, 1 one, 2 other, 11 other, 1000000 other"),
            ("de-AT", "0 other, 1 one, 5 other"),
            ("fr", "0 one, 1 one, 2 other, 1000000 many, 2000000 many"),
            ("es", "0 other, 1 one, 2 other, 1000000 many"),
            ("ar", "0 zero, 1 one, 2 two, 3 few, 10 few, 11 many, 99 many, 100 other, 102 other, 103 few, 111 many"),
            ("he", "1 one, 2 two, 3 other"),
            ("ja", "0 other, 1 other, 7 other"),
            ("ru", "1 one, 2 few, 5 many, 11 many, 12 many, 21 one, 22 few, 100 many"),
            ("hr", "1 one, 3 few, 5 other, 13 other, 101 one"),
            ("pl", "0 many, 1 one, 2 few, 5 many, 12 many, 21 many, 22 few"),
            ("cs", "1 one, 3 few, 5 other, 22 other"),
            ("lt", "1 one, 2 few, 10 other, 11 other, 21 one"),
            ("lv", "0 zero, 1 one, 2 other, 11 zero, 21 one"),
            ("ro", "0 few, 1 one, 2 few, 19 few, 20 other, 101 few, 120 other"),
            ("sl", "1 one, 2 two, 3 few, 5 other, 101 one, 102 two"),
            ("cy", "0 zero, 1 one, 2 two, 3 few, 4 other, 6 many"),
            ("ga", "1 one, 2 two, 3 few, 6 few, 7 many, 10 many, 11 other"),
        ] {
            for case in numbers.split(", ") {
                let (n, expected) = case.split_once(' ').unwrap();
                assert_eq!(form(language, n.parse().unwrap()), expected, "{language} {n}");
            }
        }
        assert_eq!(forms("ar"), FORMS);
        assert_eq!(forms("en"), ["one", "other"]);
        assert_eq!(forms("ja"), ["other"]);
    }
}
