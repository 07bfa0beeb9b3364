//! The operator's colours and logo, as files of their own: the policy of the pages lets no style in the page itself in.
//!
//! The address of the style sheet says all that is in it, so it needs no look at the database and may be cached for
//! ever. So may the logo, whose address carries the hash of its content.

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::header;
use valetkey_domain::{
    Error, ErrorCode,
    branding::{Accent, Colour, LogoRef},
};

use super::asset;
use crate::{error::ApiError, extract::Path, state::App};

/// What stands on the accent of dark pages.
const INK: Colour = Colour { red: 0x0d, green: 0x16, blue: 0x26 };

pub(super) fn routes() -> Router<App> {
    Router::new().route("/branding/{file}", get(file))
}

/// The path of the style sheet of an accent.
pub(super) fn accent_path(accent: &Accent) -> String {
    format!("/branding/accent-{}-{}.css", accent.light.digits(), accent.dark.digits())
}

/// The path of a logo.
pub(crate) fn logo_path(logo: &LogoRef) -> String {
    use std::fmt::Write as _;
    let mut path = "/branding/logo-".to_owned();
    for byte in logo.hash {
        // Writing to a string does not fail.
        let _ = write!(path, "{byte:02x}");
    }
    path + "." + logo.kind.as_str()
}

async fn file(State(app): State<App>, Path(name): Path<String>) -> Response {
    if let Some(accent) = accent_of(&name) {
        return asset("text/css; charset=utf-8", style_sheet(&accent)).into_response();
    }
    let unknown = || ApiError(Error::new(ErrorCode::RouteNotFound)).into_response();
    let Some(hash) = hash_of(&name) else { return unknown() };
    match app.engine.logo(&hash).await {
        Ok(Some(logo)) if logo_path(&LogoRef { hash, kind: logo.kind }).ends_with(&name) => {
            let cache = "public, max-age=31536000, immutable";
            let headers = [(header::CONTENT_TYPE, logo.kind.content_type()), (header::CACHE_CONTROL, cache)];
            (headers, logo.content.to_vec()).into_response()
        }
        Ok(_) => unknown(),
        Err(error) => ApiError(error).into_response(),
    }
}

fn accent_of(name: &str) -> Option<Accent> {
    let digits = name.strip_prefix("accent-")?.strip_suffix(".css")?;
    let (light, dark) = digits.split_once('-')?;
    let colour = |digits: &str| Colour::parse(&format!("#{digits}"));
    Some(Accent { light: colour(light)?, dark: colour(dark)? })
}

fn hash_of(name: &str) -> Option<[u8; 32]> {
    let digits = name.strip_prefix("logo-")?.split('.').next()?.as_bytes();
    let mut hash = [0; 32];
    // A sign would be read as part of a number.
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// The colours of the pages that are the operator's. What a pointer rests on stands out more, never less.
fn style_sheet(accent: &Accent) -> String {
    let rule = |colour: Colour, end: Colour, on: Colour| {
        let strong = colour.towards(end, 25).text();
        format!(":root{{--accent:{};--accent-strong:{strong};--on-accent:{}}}", colour.text(), on.text())
    };
    format!(
        "{}\n@media (prefers-color-scheme:dark){{{}}}\n",
        rule(accent.light, Colour::BLACK, Colour::WHITE),
        rule(accent.dark, Colour::WHITE, INK),
    )
}

#[cfg(test)]
mod tests {
    use valetkey_domain::branding::{LEAST_CONTRAST, LogoKind};

    use super::*;

    #[test]
    fn accent_path_is_read_back() {
        let accent = Accent::of(Colour::parse("#1f4fd8").expect("a colour"));
        let path = accent_path(&accent);
        assert_eq!(accent_of(path.strip_prefix("/branding/").expect("below")), Some(accent));
        for name in
            ["accent-1f4fd8.css", "accent-1f4fd8-zzzzzz.css", "accent-1f4fd8-}body{.css", "accent--.css"]
        {
            assert_eq!(accent_of(name), None, "{name}");
        }
    }

    #[test]
    fn logo_path_is_read_back() {
        let logo = LogoRef { hash: [0xa7; 32], kind: LogoKind::Webp };
        let path = logo_path(&logo);
        assert_eq!(hash_of(path.strip_prefix("/branding/").expect("below")), Some(logo.hash));
        for name in ["logo-", "logo-a7.png", &format!("logo-{}.png", "+1".repeat(32)), &"é".repeat(40)] {
            assert_eq!(hash_of(name), None, "{name}");
        }
    }

    /// WCAG 2.2, 1.4.3: also what a pointer rests on.
    #[test]
    fn text_on_the_accent_is_readable() {
        for text in ["#000000", "#1f4fd8", "#767676", "#b00020", "#00802b"] {
            let accent = Accent::of(Colour::parse(text).expect("a colour"));
            for (colour, end, on) in
                [(accent.light, Colour::BLACK, Colour::WHITE), (accent.dark, Colour::WHITE, INK)]
            {
                for tone in [colour, colour.towards(end, 25)] {
                    assert!(tone.contrast(on) >= LEAST_CONTRAST, "{text}: {} on {}", on.text(), tone.text());
                }
            }
        }
    }
}
