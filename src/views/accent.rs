//! The colour of links and buttons, once for white and once for near black: no
//! single one can be read on both (WCAG 2.2: text 4.5).

use super::tokens::{DARK, LIGHT, MONO, Palette, SANS};

/// Least contrast of text.
const LEAST: f64 = 4.5;

/// The accent colours, each `#rrggbb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accent {
    /// On white.
    pub light: String,
    /// On near black.
    pub dark: String,
}

impl Default for Accent {
    fn default() -> Self {
        Self { light: LIGHT.link.into(), dark: DARK.link.into() }
    }
}

/// A colour that cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Faint {
    /// The colour.
    pub colour: String,
    /// What it is on, in words.
    pub on: &'static str,
    /// Its contrast there.
    pub contrast: f64,
    /// The nearest shade of it that can be read there.
    pub nearest: String,
}

impl Accent {
    /// An operator's colours; one that is not given is the other one in another
    /// lightness. With neither it is the program's own pair.
    ///
    /// # Errors
    /// Every colour that cannot be read on its ground.
    pub fn of(light: Option<&str>, dark: Option<&str>) -> Result<Self, Vec<Faint>> {
        let accent = match (light, dark) {
            (None, None) => return Ok(Self::default()),
            (light, dark) => {
                let given = light.or(dark).unwrap_or_default();
                Self {
                    light: light.map_or_else(|| readable(given, &LIGHT), str::to_owned),
                    dark: dark.map_or_else(|| readable(given, &DARK), str::to_owned),
                }
            }
        };
        let grounds = [
            (&accent.light, &LIGHT, LIGHT.bg, "white"),
            (&accent.light, &LIGHT, LIGHT.code, "the ground of code"),
            (&accent.dark, &DARK, DARK.bg, "near black"),
            (&accent.dark, &DARK, DARK.code, "the dark ground of code"),
        ];
        let faint = grounds.into_iter().filter_map(|(colour, palette, ground, on)| {
            let contrast = contrast(colour, ground).filter(|contrast| *contrast < LEAST)?;
            Some(Faint { colour: colour.clone(), on, contrast, nearest: readable(colour, palette) })
        });
        let mut faint: Vec<Faint> = faint.collect();
        faint.dedup_by(|later, first| later.colour == first.colour);
        if faint.is_empty() { Ok(accent) } else { Err(faint) }
    }

    /// Puts values into a style sheet: `light(text)`, `dark(bg)`, `font(sans)`,
    /// `font(mono)` become what the tokens say, links these colours.
    pub fn fill(&self, css: &str) -> String {
        let css = css.replace("light(link)", &self.light).replace("dark(link)", &self.dark);
        let mut css = css.replace("font(sans)", SANS).replace("font(mono)", MONO);
        for (ground, palette) in [("light", LIGHT), ("dark", DARK)] {
            for (name, value) in palette.named() {
                css = css.replace(&format!("{ground}({name})"), value);
            }
        }
        css
    }
}

/// The smaller contrast of a colour with the ground and with that of code, where it stands too.
fn least(colour: &str, palette: &Palette) -> f64 {
    [palette.bg, palette.code].into_iter().filter_map(|ground| contrast(colour, ground)).fold(21.0, f64::min)
}

/// The nearest shade of a colour that can be read on a palette's grounds: only
/// its lightness moves, away from the ground.
fn readable(colour: &str, palette: &Palette) -> String {
    let to = if luminance(palette.bg) > Some(0.5) { 0.0 } else { 255.0 };
    let Some(rgb) = channels(colour) else { return palette.link.to_owned() };
    let shades = (0..=100).map(|step| {
        let mixed = rgb.map(|channel| channel + (to - channel) * f64::from(step) / 100.0);
        format!("#{}", mixed.map(|channel| format!("{:02x}", channel.round() as u8)).concat())
    });
    shades.into_iter().find(|shade| least(shade, palette) >= LEAST).unwrap_or_else(|| palette.text.to_owned())
}

/// Contrast of two colours by WCAG, 1.0 to 21.0; `None` unless both are `#rrggbb`.
pub fn contrast(a: &str, b: &str) -> Option<f64> {
    let (a, b) = (luminance(a)?, luminance(b)?);
    Some((a.max(b) + 0.05) / (a.min(b) + 0.05))
}

fn luminance(colour: &str) -> Option<f64> {
    let [red, green, blue] = channels(colour)?.map(|channel| {
        let value = channel / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    Some(0.2126 * red + 0.7152 * green + 0.0722 * blue)
}

/// Red, green and blue, 0 to 255.
fn channels(colour: &str) -> Option<[f64; 3]> {
    let digits = colour.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok().map(f64::from);
    Some([channel(0)?, channel(2)?, channel(4)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_the_one_of_wcag() {
        assert!((contrast("#000000", "#ffffff").unwrap() - 21.0).abs() < 1e-9);
        assert!((contrast("#777777", "#ffffff").unwrap() - 4.478).abs() < 1e-3);
        assert_eq!(contrast("#fff", "#000000"), None);
        assert_eq!(contrast("#ffgfff", "#000000"), None);
        assert_eq!(contrast("#+1+1+1", "#000000"), None);
    }

    #[test]
    fn any_colour_gives_a_pair_that_can_be_read_and_keeps_its_hue() {
        for colour in ["#7fb8ff", "#ff0000", "#ffff00", "#00ff88", "#123456", "#808080", "#000000", "#ffffff"] {
            for (light, dark) in [(Some(colour), None), (None, Some(colour))] {
                let accent = match Accent::of(light, dark) {
                    Ok(accent) => accent,
                    Err(faint) => {
                        let nearest = faint[0].nearest.as_str();
                        assert_eq!(faint.len(), 1, "the derived one can be read");
                        Accent::of(light.map(|_| nearest), dark.map(|_| nearest)).unwrap()
                    }
                };
                for (colour, palette) in [(&accent.light, &LIGHT), (&accent.dark, &DARK)] {
                    assert!(least(colour, palette) >= LEAST, "{colour}");
                }
            }
        }
        let faint = Accent::of(Some("#7fb8ff"), None).unwrap_err();
        assert_eq!((faint[0].colour.as_str(), faint[0].on), ("#7fb8ff", "white"));
        assert_eq!(Accent::of(Some("#b3261e"), None).unwrap().light, "#b3261e");
        assert_eq!(Accent::of(None, None), Ok(Accent::default()));
    }

    #[test]
    fn links_take_the_accent_and_nothing_else_does() {
        let accent = Accent { light: "#111111".into(), dark: "#eeeeee".into() };
        assert_eq!(
            accent.fill("a{color:light(link);background:dark(link);border-color:light(text)}"),
            "a{color:#111111;background:#eeeeee;border-color:#1b1f24}"
        );
    }
}
