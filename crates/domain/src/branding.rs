//! How the operator's own name, colours and words stand on the pages for end users.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Language, Time};

/// What WCAG 2.2 asks of text (success criterion 1.4.3, level AA).
pub const LEAST_CONTRAST: f64 = 4.5;

/// A colour (sRGB).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
}

impl Colour {
    /// White: the card of a page in light, and what stands on the accent there.
    pub const WHITE: Self = Self { red: 0xff, green: 0xff, blue: 0xff };
    /// Black.
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0 };
    /// The card of a page in dark.
    pub const DARK_CARD: Self = Self { red: 0x17, green: 0x1e, blue: 0x29 };

    /// Reads `#rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let part = |from: usize| u8::from_str_radix(digits.get(from..from + 2)?, 16).ok();
        Some(Self { red: part(0)?, green: part(2)?, blue: part(4)? })
    }

    /// The six digits, in lower case.
    #[must_use]
    pub fn digits(self) -> String {
        format!("{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }

    /// `#rrggbb`
    #[must_use]
    pub fn text(self) -> String {
        format!("#{}", self.digits())
    }

    /// Relative luminance, 0 to 1 (WCAG 2.2, glossary).
    fn luminance(self) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// The contrast with another colour, 1 to 21 (WCAG 2.2, glossary).
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// `percent` of the way to another colour.
    #[must_use]
    pub fn towards(self, other: Self, percent: u8) -> Self {
        let percent = u32::from(percent.min(100));
        let mix = |from: u8, to: u8| {
            let mixed = (u32::from(from) * (100 - percent) + u32::from(to) * percent + 50) / 100;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Self {
            red: mix(self.red, other.red),
            green: mix(self.green, other.green),
            blue: mix(self.blue, other.blue),
        }
    }

    /// The nearest tone towards `end` that can be read on `ground`. The end itself if none can.
    #[must_use]
    pub fn readable_on(self, ground: Self, end: Self) -> Self {
        (0..=100)
            .map(|percent| self.towards(end, percent))
            .find(|tone| tone.contrast(ground) >= LEAST_CONTRAST)
            .unwrap_or(end)
    }
}

/// The colour of buttons and links, in light and in dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Accent {
    /// On a white card, with white text on it.
    pub light: Colour,
    /// On a dark card, with dark text on it.
    pub dark: Colour,
}

impl Accent {
    /// The accent with a tone for dark pages made of the light one: as much lighter as it must be.
    #[must_use]
    pub fn of(light: Colour) -> Self {
        Self { light, dark: light.readable_on(Colour::DARK_CARD, Colour::WHITE) }
    }
}

/// The operator's own words on a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageTexts {
    /// On the page of a link, below the sentence that says who asks for what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<String>,
    /// On the page of success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
}

/// The kinds of pictures that a logo may be. SVG is none of them: it is a document that can hold scripts and links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogoKind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl LogoKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Png, Self::Jpeg, Self::Webp];

    /// The name in storage and the ending in the address.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }

    /// The content type that it is served with, whatever it was sent as.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What a picture is by its first bytes.
    #[must_use]
    pub fn of_content(content: &[u8]) -> Option<Self> {
        if content.starts_with(b"\x89PNG\r\n\x1a\n") && content.get(12..16) == Some(b"IHDR") {
            Some(Self::Png)
        } else if content.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(Self::Jpeg)
        } else if content.starts_with(b"RIFF") && content.get(8..12) == Some(b"WEBP") {
            Some(Self::Webp)
        } else {
            None
        }
    }
}

/// Which logo there is. Its bytes are kept beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogoRef {
    /// SHA-256 of the picture.
    pub hash: [u8; 32],
    /// What it is.
    pub kind: LogoKind,
}

/// A logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// SHA-256 of the picture.
    pub hash: [u8; 32],
    /// What it is.
    pub kind: LogoKind,
    /// The picture.
    pub content: Arc<[u8]>,
    /// When it came.
    pub created_at: Time,
}

/// The branding of a server: one for all its environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branding {
    /// Who asks, as end users read it. Default: the setting `app_name`.
    pub product_name: Option<String>,
    /// The logo.
    pub logo: Option<LogoRef>,
    /// The colour of buttons and links.
    pub accent: Option<Accent>,
    /// Where end users get help.
    pub support_url: Option<String>,
    /// The address that helps end users.
    pub support_email: Option<String>,
    /// What becomes of their data.
    pub privacy_url: Option<String>,
    /// Own words, by language. A page in another language does without them.
    pub texts: BTreeMap<Language, PageTexts>,
    /// Counts changes; 0 while there was none.
    pub version: u64,
    /// When it was changed last.
    pub updated_at: Time,
}

impl Default for Branding {
    /// Nothing of its own: the look of the project.
    fn default() -> Self {
        Self {
            product_name: None,
            logo: None,
            accent: None,
            support_url: None,
            support_email: None,
            privacy_url: None,
            texts: BTreeMap::new(),
            version: 0,
            updated_at: Time::UNIX_EPOCH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        Colour::parse(text).expect("a colour")
    }

    #[test]
    fn colour_reads_six_digits_only() {
        assert_eq!(colour("#1F4fd8"), Colour { red: 0x1f, green: 0x4f, blue: 0xd8 });
        assert_eq!(colour("#1F4fd8").text(), "#1f4fd8");
        for text in ["1f4fd8", "#1f4fd", "#1f4fd80", "#1f4fdg", "#+f4fd8", "", "#é4fd", "red"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }

    /// Figures of WCAG's own definition.
    #[test]
    fn contrast_of_known_pairs() {
        let near = |a: f64, b: f64| (a - b).abs() < 0.01;
        assert!(near(Colour::BLACK.contrast(Colour::WHITE), 21.0));
        assert!(near(colour("#777777").contrast(Colour::WHITE), 4.48));
        assert!(near(colour("#767676").contrast(Colour::WHITE), 4.54));
        assert!(near(Colour::WHITE.contrast(colour("#0000ff")), 8.59));
    }

    #[test]
    fn accent_dark_tone_is_readable_whatever_the_light_one_is() {
        for text in ["#000000", "#1f4fd8", "#767676", "#a00000", "#0000ff", "#00802b"] {
            let accent = Accent::of(colour(text));
            assert!(accent.dark.contrast(Colour::DARK_CARD) >= LEAST_CONTRAST, "{text}");
        }
        let light = colour("#ffcc00").readable_on(Colour::WHITE, Colour::BLACK);
        assert!(light.contrast(Colour::WHITE) >= LEAST_CONTRAST, "{}", light.text());
    }

    #[test]
    fn logo_kind_is_told_by_the_content_alone() {
        assert_eq!(LogoKind::of_content(b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00"), Some(LogoKind::Png));
        assert_eq!(LogoKind::of_content(b"\xff\xd8\xff\xe0\x00\x10JFIF"), Some(LogoKind::Jpeg));
        assert_eq!(LogoKind::of_content(b"RIFF\x00\x00\x00\x00WEBPVP8 "), Some(LogoKind::Webp));
        for other in [
            &b""[..],
            b"\x89PNG\r\n\x1a\n",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            b"GIF89a",
            b"RIFF\x00\x00\x00\x00WAVE",
            b"<!doctype html><script>",
        ] {
            assert_eq!(LogoKind::of_content(other), None);
        }
    }
}
