//! `/embed.js`: what the operator's own site may show of this one.

use super::direction::Direction;
use super::words::Words;

const SCRIPT: &str = include_str!("../../templates/embed.js");

/// Spaces around these are for people; no text of the script has any of them.
const SPACED: [&str; 13] = [" = ", " => ", ", ", ": ", " ? ", " : ", " || ", " && ", " + ", " - ", " / ", " > ", " {"];

/// The script, its words and the address it speaks to filled in; comments and
/// indentation stay behind.
pub fn script(words: &Words, site: &str, public_url: &str) -> String {
    let language = words.language();
    let said = [
        ("title", words.say("page.subscribe.title", &[("newsletter", site)])),
        ("keep", words.say("embed.keep", &[])),
        ("lead", words.say("embed.lead", &[("site", site)])),
        ("on", words.say("embed.on", &[])),
        ("email", words.say("page.form.email", &[])),
        ("submit", words.say("page.form.submit", &[])),
        ("sent", words.say("page.sent.lead", &[])),
        ("dir", Direction::of_language(&language).as_str().to_owned()),
        ("language", language),
    ];
    let said: Vec<String> = said.iter().map(|(name, text)| format!("{name}: {}", literal(text))).collect();
    let said = format!("{{{}}}", said.join(", "));
    let lines = SCRIPT.lines().map(str::trim_start).filter(|line| !line.starts_with("//") && !line.is_empty());
    // After these nothing ends that a line break would have to end.
    let joined = |line: &str| if line.ends_with(['{', '(', ',', ';']) { line.to_owned() } else { format!("{line}\n") };
    let code: String = lines.map(joined).collect();
    let code = SPACED.iter().fold(code, |code, spaced| code.replace(spaced, spaced.trim()));
    code.replacen("BASE", &literal(public_url), 1).replacen("WORDS", &said, 1)
}

/// A text as JavaScript writes it.
fn literal(text: &str) -> String {
    let escaped = text.chars().flat_map(|c| match c {
        '"' | '\\' => vec!['\\', c],
        // Neither may end a line of code, nor the element a page wraps around it.
        '<' | '\u{2028}' | '\u{2029}' => format!("\\u{:04x}", u32::from(c)).chars().collect(),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)).chars().collect(),
        c => vec![c],
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_small_and_nothing_is_left_to_fill_in() {
        for language in Words::languages() {
            let script = script(&Words::of(language), "The Example Blog", "https://news.example.org");
            assert!(script.len() <= 5 * 1_024, "{language}: {} bytes", script.len());
        }
        let script = script(&Words::english(), "The \"Test\" </script> Blog", "https://news.example.org");
        for left in ["BASE", "WORDS", "//", "</script", "eval(", "Function("] {
            assert!(!script.replace("https://", "").contains(left), "{left}");
        }
        // What a handler returns decides whether the button under it still sends its form.
        assert!(!SCRIPT.contains(".onclick = event => event"), "a handler that gives back false");
        assert!(script.contains(r#"title: "Subscribe to The \"Test\" \u003c/script> Blog""#), "{script}");
    }
}
