//! The table of settings for people: in the terminal and, as Markdown, in the documentation.

use std::fmt::Write as _;

use super::table::{SETTINGS, Setting};

fn default_of(setting: &Setting) -> String {
    match setting.dev_default {
        Some(dev) => format!("{}; dev: {dev}", setting.default),
        None => setting.default.to_owned(),
    }
}

const SHARED: &str = "OAuth clients that connections with use_shared_credentials use, one table per connector: \
                      [shared_credentials.gmail] with client_id and client_secret, or \
                      VALETKEY_SHARED_CREDENTIALS__GMAIL__CLIENT_ID and …__CLIENT_SECRET.";

/// For the terminal.
pub(crate) fn as_text() -> String {
    let mut text = String::from(
        "Settings of `valetkey serve` and `valetkey dev`, and of the commands that work on the same database (`backup`, \
         `restore`,\n`verify`, `export`, `import`). Each can stand in the configuration file (--config FILE, \
         TOML),\nin an environment variable, or (unless it is a secret) in a flag; the later of these wins.\n",
    );
    for setting in SETTINGS {
        let _ = write!(text, "\n{}  {}\n  ", setting.name, setting.value);
        if !setting.secret {
            let _ = write!(text, "--{}  ", setting.flag());
        }
        let _ = writeln!(text, "{}", setting.variable());
        let _ = writeln!(text, "  default: {}", default_of(setting));
        let _ = writeln!(text, "  {}", setting.help);
    }
    let _ = writeln!(text, "\nshared_credentials\n  {SHARED}");
    text
}

/// For the documentation.
pub(crate) fn as_markdown() -> String {
    let mut text = String::from("| setting | default | meaning |\n|---|---|---|\n");
    let cell = |text: &str| text.replace('|', "\\|");
    for setting in SETTINGS {
        let note = if setting.secret { " (a secret: no flag)" } else { "" };
        let _ = writeln!(
            text,
            "| `{}` {} | {} | {}{note} |",
            setting.name,
            cell(setting.value),
            cell(&default_of(setting)),
            cell(setting.help)
        );
    }
    let _ = writeln!(text, "| `shared_credentials` | none | {} |", cell(SHARED));
    text
}
