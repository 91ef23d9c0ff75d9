//! The tokens every mail and page is built from: colours for light and dark,
//! spaces, sizes, fonts. Every pair of colours that is used has its contrast
//! proven by the test below (WCAG 2.2: text 4.5, edges of controls 3.0).

pub use super::accent::Accent;

/// The colours of one ground, each `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Body text and headings.
    pub text: &'static str,
    /// Small text beside something larger: dates, footers, hints.
    pub muted: &'static str,
    /// Links, and the ground of buttons.
    pub link: &'static str,
    /// Good news.
    pub ok: &'static str,
    /// Needs a look.
    pub warn: &'static str,
    /// Failed.
    pub bad: &'static str,
    /// Edges of fields and buttons: they must be seen.
    pub border: &'static str,
    /// Lines that only divide.
    pub rule: &'static str,
    /// Ground of code.
    pub code: &'static str,
    /// The ground, and text on buttons.
    pub bg: &'static str,
}

/// On white.
pub const LIGHT: Palette = Palette {
    text: "#1b1f24",
    muted: "#57606a",
    link: "#0b57d0",
    ok: "#1a7f37",
    warn: "#8a5a00",
    bad: "#c01c28",
    border: "#767d86",
    rule: "#d0d7de",
    code: "#f3f4f6",
    bg: "#ffffff",
};

/// On near black, for readers who ask for it.
pub const DARK: Palette = Palette {
    text: "#e8eaed",
    muted: "#a6adb7",
    link: "#8ab4f8",
    ok: "#4cc167",
    warn: "#e0a83a",
    bad: "#ff7b72",
    border: "#7d8590",
    rule: "#343a42",
    code: "#22272e",
    bg: "#15181c",
};

/// System faces, so that nothing is fetched; single quotes fit a `style` attribute.
pub const SANS: &str = "-apple-system,'Segoe UI',Roboto,Arial,sans-serif";
/// Code and addresses.
pub const MONO: &str = "Menlo,Consolas,'Courier New',monospace";
/// The steps of all spaces, in pixels.
pub const SPACES: [u8; 7] = [4, 8, 12, 16, 24, 32, 48];
/// Rounding of fields, buttons and code, in pixels.
pub const RADIUS: u8 = 4;
/// Width of a mail, in pixels.
pub const MAIL_WIDTH: u32 = 600;
/// Width of text and pictures in a mail: [`MAIL_WIDTH`] without its two margins of 24.
pub const MAIL_MEASURE: u32 = 552;

impl Palette {
    /// Every colour with its name in style sheets.
    pub fn named(&self) -> [(&'static str, &'static str); 10] {
        [
            ("text", self.text),
            ("muted", self.muted),
            ("link", self.link),
            ("ok", self.ok),
            ("warn", self.warn),
            ("bad", self.bad),
            ("border", self.border),
            ("rule", self.rule),
            ("code", self.code),
            ("bg", self.bg),
        ]
    }
}

/// Puts values into a style sheet: `light(text)`, `dark(bg)`, `font(sans)`,
/// `font(mono)` become what the tokens say.
pub fn fill(css: &str) -> String {
    Accent::default().fill(css)
}

/// Calls of tokens in a style sheet that [`fill`] would leave because there is
/// no such token, with the line of each, counted from 1: `(3, "light(txt)")`.
pub fn unknown(css: &str) -> Vec<(u32, String)> {
    let filled = fill(css);
    let mut unknown = Vec::new();
    for (line, number) in filled.lines().zip(1..) {
        for call in ["light(", "dark(", "font("] {
            for (at, _) in line.match_indices(call) {
                // `light-dark(` is CSS of its own.
                let is_part = line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '-');
                let argument = line[at + call.len()..].split(')').next().unwrap_or_default();
                if !is_part {
                    unknown.push((number, format!("{call}{argument})")));
                }
            }
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::views::accent::contrast;

    #[test]
    fn every_pair_of_colours_in_use_can_be_read() {
        for (ground, p) in [("light", LIGHT), ("dark", DARK)] {
            let text = [p.text, p.muted, p.link, p.ok, p.warn, p.bad].map(|colour| (colour, p.bg, 4.5));
            let on_code = [p.text, p.muted, p.link, p.ok, p.warn, p.bad].map(|colour| (colour, p.code, 4.5));
            // The label of a button is the ground's colour on the link's; field edges touch the ground.
            let controls = [(p.bg, p.link, 4.5), (p.border, p.bg, 3.0)];
            for (colour, on, least) in text.into_iter().chain(on_code).chain(controls) {
                let ratio = contrast(colour, on).unwrap();
                assert!(ratio >= least, "{ground}: {colour} on {on} has contrast {ratio:.2}, needs {least}");
            }
        }
    }

    #[test]
    fn no_text_is_black_because_blind_inversion_would_hide_it() {
        assert!(LIGHT.named().iter().all(|(_, colour)| *colour != "#000000"));
    }

    #[test]
    fn a_style_sheet_is_filled() {
        assert_eq!(
            fill("a{color:dark(link);font-family:font(mono)}"),
            format!("a{{color:#8ab4f8;font-family:{MONO}}}")
        );
    }

    #[test]
    fn a_token_nobody_knows_is_named_with_its_line() {
        let css = "a{color:light(link)}\nb{color:light(lnk);background:light-dark(#fff,#000)}\nc{font:font(serif)}";
        assert_eq!(unknown(css), [(2, "light(lnk)".to_owned()), (3, "font(serif)".to_owned())]);
    }
}
