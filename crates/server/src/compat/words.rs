//! The words of errors: fields under their names on this wire, and texts that fit into trailers.

use valetkey_domain::Error;

/// The message and its cause, with fields under the names that `names` gives them.
pub(super) fn text(error: &Error, names: fn(&str) -> String) -> String {
    let details = error.details();
    let composed = |name: fn(&str) -> String| {
        let parts: Vec<String> =
            details.fields.iter().map(|v| format!("{}: {}", name(&v.field), v.message)).collect();
        parts.join("; ")
    };
    // The message of a field error is put together from its fields unless somebody wrote another one.
    let mut text = if !details.fields.is_empty() && composed(str::to_owned) == details.message {
        composed(names)
    } else {
        details.message.clone()
    };
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    if let Some(cause) = &details.cause {
        text.push(' ');
        text.push_str(cause);
    }
    text
}

/// A field of the native vocabulary under its name in the compatible API.
pub(super) fn compatible_field(native: &str) -> String {
    const DETAILS: &str = "connected_account.authorization_details";
    const NAMES: [(&str, &str); 3] = [
        ("connection_name", "connector"),
        ("tool_input", "params"),
        ("api_config", "connected_account.api_config"),
    ];
    match native.split_once('.') {
        None if native == "credential" => return DETAILS.to_owned(),
        Some(("credential", field @ ("access_token" | "refresh_token" | "scopes" | "domain"))) => {
            return format!("{DETAILS}.oauth_token.{field}");
        }
        Some(("credential", field)) => return format!("{DETAILS}.static_auth.details.{field}"),
        _ => {}
    }
    for (from, to) in NAMES {
        if let Some(rest) = native.strip_prefix(from)
            && (rest.is_empty() || rest.starts_with(['.', '[']))
        {
            return format!("{to}{rest}");
        }
    }
    native.to_owned()
}

/// The first `max` bytes, at a character's end.
pub(super) fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(max.saturating_sub('…'.len_utf8()))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_get_their_compatible_names() {
        let details = "connected_account.authorization_details";
        let cases = [
            ("connection_name", "connector".to_owned()),
            ("connection_names", "connection_names".to_owned()),
            ("tool_input.to[0]", "params.to[0]".to_owned()),
            ("credential", details.to_owned()),
            ("credential.access_token", format!("{details}.oauth_token.access_token")),
            ("credential.api_key", format!("{details}.static_auth.details.api_key")),
        ];
        for (native, compatible) in cases {
            assert_eq!(compatible_field(native), compatible);
        }
    }

    #[test]
    fn text_is_cut_at_a_character() {
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("aéb", 3), "…");
        assert_eq!(cut("aéb", 4), "aéb");
        assert_eq!(cut("aébcde", 6), "aé…");
    }

    #[test]
    fn text_written_by_hand_stays() {
        let error = Error::invalid("tool_input.to", "is missing").message("Say to whom");
        assert_eq!(text(&error, compatible_field), "Say to whom.");
        let error = Error::invalid("tool_input.to", "is missing").cause("Mail needs it.");
        assert_eq!(text(&error, compatible_field), "params.to: is missing. Mail needs it.");
    }
}
