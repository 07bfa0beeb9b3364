//! `valetkey branding …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{Session, input::pair, show, view::details};
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what stands on the pages for end users
    Get,
    /// Change what stands on the pages for end users; what is not named stays, an empty value takes it away
    Set(Box<Set>),
    /// Set the logo: a PNG, JPEG or WebP picture of at most 256 KiB
    SetLogo {
        /// The picture
        file: PathBuf,
    },
    /// Remove the logo
    RemoveLogo,
}

/// What is set.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Who asks, as end users read it
    #[arg(long, value_name = "NAME")]
    product_name: Option<String>,
    /// The colour of buttons and links, such as #1f4fd8; white must be readable on it
    #[arg(long, value_name = "COLOUR")]
    accent: Option<String>,
    /// The same on dark pages; otherwise a lighter tone of the accent
    #[arg(long, value_name = "COLOUR")]
    accent_dark: Option<String>,
    /// Where end users get help
    #[arg(long, value_name = "URL")]
    support_url: Option<String>,
    /// The address that helps end users
    #[arg(long, value_name = "ADDRESS")]
    support_email: Option<String>,
    /// What becomes of their data
    #[arg(long, value_name = "URL")]
    privacy_url: Option<String>,
    /// Own words on the page that asks, in one language (en, de, es, fr)
    #[arg(long, value_name = "LANGUAGE=TEXT", value_parser = pair)]
    connect_text: Vec<(String, String)>,
    /// Own words on the page of success, in one language
    #[arg(long, value_name = "LANGUAGE=TEXT", value_parser = pair)]
    done_text: Vec<(String, String)>,
}

impl Set {
    /// The body of the change. Own words are set as a whole, so those that stay come from `present`.
    fn body(self, present: &Value) -> Value {
        let fields = [
            ("product_name", self.product_name),
            ("accent", self.accent),
            ("accent_dark", self.accent_dark),
            ("support_url", self.support_url),
            ("support_email", self.support_email),
            ("privacy_url", self.privacy_url),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        let mut body: Map<String, Value> = given.collect();
        if !self.connect_text.is_empty() || !self.done_text.is_empty() {
            let mut texts = present["texts"].as_object().cloned().unwrap_or_default();
            for (page, own) in [("connect", self.connect_text), ("done", self.done_text)] {
                for (language, text) in own {
                    let entry = texts.entry(language).or_insert_with(|| json!({}));
                    entry[page] = text.into();
                }
            }
            body.insert("texts".to_owned(), texts.into());
        }
        body.into()
    }
}

pub(super) async fn run(command: Command, session: &Session) -> Result<(), Failure> {
    let answer = match command {
        Command::Get => session.get(&["branding"], &[]).await?,
        Command::Set(set) => {
            let present = session.get(&["branding"], &[]).await?;
            session.patch(&["branding"], &set.body(&present)).await?
        }
        Command::SetLogo { file } => {
            let content = std::fs::read(&file)
                .map_err(|error| Failure::usage(format!("{} cannot be read: {error}", file.display())))?;
            session.put_bytes(&["branding", "logo"], content).await?
        }
        Command::RemoveLogo => session.delete(&["branding", "logo"]).await?,
    };
    show(session, &answer, text)
}

fn text(answer: &Value) -> String {
    const FIELDS: [&str; 8] = [
        "product_name",
        "logo_url",
        "accent",
        "accent_dark",
        "support_url",
        "support_email",
        "privacy_url",
        "updated_at",
    ];
    let mut text = details(answer, &FIELDS);
    for (language, own) in answer["texts"].as_object().into_iter().flatten() {
        text.push_str(&format!("\nIn {language}:\n{}", details(own, &["connect", "done"])));
    }
    if text.is_empty() { "Nothing was set: the pages have their own look.\n".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn body_keeps_the_words_of_other_languages() {
        let set = Set {
            product_name: Some("Northwind".into()),
            accent: Some(String::new()),
            accent_dark: None,
            support_url: None,
            support_email: None,
            privacy_url: None,
            connect_text: vec![("de".into(), "Hallo".into()), ("fr".into(), "Bonjour".into())],
            done_text: Vec::new(),
        };
        let present = json!({"texts": {"de": {"connect": "Alt", "done": "Fertig"}, "en": {"done": "Done"}}});
        let expected = json!({
            "product_name": "Northwind",
            "accent": "",
            "texts": {
                "de": {"connect": "Hallo", "done": "Fertig"},
                "en": {"done": "Done"},
                "fr": {"connect": "Bonjour"},
            },
        });
        assert_eq!(set.body(&present), expected);
    }
}
