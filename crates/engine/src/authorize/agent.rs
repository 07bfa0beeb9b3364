//! Which browser it was, in words.
//!
//! Whether an authorization ended in the browser that it began in, the cookie tells. Which two browsers they were helps
//! the person who has to explain it; family and system are enough for that, and all that is kept.

/// The families, the more particular before those that they pretend to be.
const FAMILIES: [(&str, &str); 14] = [
    ("edg", "Edge"),
    ("opr/", "Opera"),
    ("samsungbrowser", "Samsung Internet"),
    ("fban", "the browser inside Facebook"),
    ("instagram", "the browser inside Instagram"),
    ("slack", "the browser inside Slack"),
    ("teams/", "the browser inside Teams"),
    ("fxios", "Firefox"),
    ("firefox", "Firefox"),
    ("crios", "Chrome"),
    ("; wv)", "a browser inside an app"),
    ("chrome", "Chrome"),
    ("safari", "Safari"),
    ("applewebkit", "a browser inside an app"),
];

/// The systems, the more particular first.
const SYSTEMS: [(&str, &str); 7] = [
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("android", "Android"),
    ("windows", "Windows"),
    ("mac os", "macOS"),
    ("cros", "ChromeOS"),
    ("linux", "Linux"),
];

/// The browser behind a `User-Agent`, such as "Firefox on Windows"; `None` if nothing in it is known.
pub(super) fn browser_name(user_agent: Option<&str>) -> Option<String> {
    let text = user_agent?.to_ascii_lowercase();
    let find = |names: &[(&str, &'static str)]| {
        names.iter().find(|(piece, _)| text.contains(piece)).map(|(_, name)| *name)
    };
    match (find(&FAMILIES), find(&SYSTEMS)) {
        (Some(family), Some(system)) => Some(format!("{family} on {system}")),
        (Some(family), None) => Some(family.to_owned()),
        (None, Some(system)) => Some(format!("a browser on {system}")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_by_family_and_system_only() {
        for (text, name) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 Version/4.0 Chrome/126.0 Mobile Safari/537.36",
                "a browser inside an app on Android",
            ),
        ] {
            assert_eq!(browser_name(Some(text)).as_deref(), Some(name));
        }
        assert_eq!(browser_name(Some("curl/8.5.0")), None);
        assert_eq!(browser_name(None), None);
    }
}
