//! The branding of the pages for end users: what stands on them, and what they look like before it is saved.

use std::collections::BTreeMap;

use askama::Template;
use axum::{Extension, extract::State, response::Response};
use http::Uri;
use valetkey_domain::{
    Branding, Error, ErrorCode, Language,
    branding::{Accent, PageTexts},
};
use valetkey_engine::{BrandingUpdate, Visitor};

use super::{
    form::Form,
    gate::Visiting,
    list::Filters,
    shell::{Answer, Shell, go_to, page_response, query_of, show},
};
use crate::{
    RequestContext,
    error::status_of,
    pages::{Sample, Trial, logo_path, preview},
    state::App,
};

#[derive(Template)]
#[template(path = "dashboard/branding.html")]
struct BrandingPage {
    shell: Shell,
    /// What stands there if no name is set.
    app_name: String,
    logo: Option<String>,
    logo_wrong: Option<String>,
    fields: Vec<Input>,
    texts: Vec<TextRow>,
    samples: [(&'static str, &'static str); 3],
    problem: Option<String>,
    wrong: Vec<(String, String)>,
}

struct Input {
    name: &'static str,
    label: &'static str,
    help: &'static str,
    kind: &'static str,
    value: String,
    wrong: Option<String>,
}

struct TextRow {
    tag: &'static str,
    language: &'static str,
    connect: String,
    done: String,
    open: bool,
}

/// Name, label, help and type of the plain fields.
const FIELDS: [(&str, &str, &str, &str); 6] = [
    ("product_name", "Name of your product", "Who asks, as your users read it.", "text"),
    (
        "accent",
        "Accent colour",
        "Buttons and links, as #rrggbb. White must be readable on it: a contrast of 4.5:1.",
        "text",
    ),
    (
        "accent_dark",
        "Accent colour on dark pages",
        "Left empty, a lighter tone of the accent colour is used.",
        "text",
    ),
    ("support_url", "Help page", "An https address, linked at the foot of every page.", "url"),
    ("support_email", "Help by e-mail", "Shown at the foot of every page.", "email"),
    ("privacy_url", "Privacy page", "An https address, linked at the foot of every page.", "url"),
];

const SAMPLES: [(&str, &str); 3] = [
    ("connect", "Connecting an account"),
    ("done", "An account is connected"),
    ("failed", "Access was denied"),
];

/// The page.
pub(super) async fn page(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let branding = app.engine.get_branding(&visitor.caller).await?;
    let shell = Shell::of(&app, Some(&visitor), "settings", query_of(&uri));
    let values = stored(&branding);
    Ok(show(&made(&app, shell, &branding, &values, None)))
}

/// Saves what was entered, with the picture that was chosen, if one was.
pub(super) async fn save(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    match saved(&app, &visitor, &form).await {
        Ok(()) => Ok(go_to(&app, "/settings/branding?done=saved")),
        Err(error) => again(&app, &visitor, &form, error).await,
    }
}

async fn saved(app: &App, visitor: &Visitor, form: &Form) -> Result<(), Error> {
    let caller = &visitor.caller;
    if let Some(content) = form.file("logo") {
        // Nothing is saved of a form in which something is wrong.
        app.engine.preview_branding(caller, update(form)).await?;
        app.engine.set_logo(caller, content).await?;
    }
    app.engine.update_branding(caller, update(form)).await.map(|_| ())
}

/// Shows a page with what was entered, or with what is saved.
pub(super) async fn show_preview(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    Visiting(visitor): Visiting,
    form: Form,
) -> Answer {
    let (language, sample) = chosen(form.text("language"), form.text("page"))?;
    match tried(&app, &visitor, &form).await {
        Ok(trial) => Ok(preview(&app, &context, trial, language, sample)),
        Err(error) => again(&app, &visitor, &form, error).await,
    }
}

async fn tried<'a>(app: &App, visitor: &Visitor, form: &'a Form) -> Result<Trial<'a>, Error> {
    let caller = &visitor.caller;
    let branding = app.engine.preview_branding(caller, update(form)).await?;
    let logo = match form.file("logo") {
        Some(content) => Some((app.engine.preview_logo(caller, content)?, content)),
        None => None,
    };
    Ok(Trial { branding, logo })
}

/// Shows a page with what is saved.
pub(super) async fn show_saved(
    State(app): State<App>,
    Extension(context): Extension<RequestContext>,
    Visiting(visitor): Visiting,
    uri: Uri,
) -> Answer {
    let filters = Filters::of(query_of(&uri));
    let named = |name: &str, otherwise: &str| filters.get(name).unwrap_or_else(|| otherwise.to_owned());
    let (language, sample) = chosen(&named("language", "en"), &named("page", "connect"))?;
    let branding = app.engine.get_branding(&visitor.caller).await?;
    Ok(preview(&app, &context, Trial { branding, logo: None }, language, sample))
}

/// Takes the logo away.
pub(super) async fn remove_logo(State(app): State<App>, Visiting(visitor): Visiting, _form: Form) -> Answer {
    app.engine.remove_logo(&visitor.caller).await?;
    Ok(go_to(&app, "/settings/branding?done=saved"))
}

/// The form once more, with what was wrong.
async fn again(app: &App, visitor: &Visitor, form: &Form, error: Error) -> Answer {
    if error.code() != ErrorCode::InvalidArgument {
        return Err(error.into());
    }
    let branding = app.engine.get_branding(&visitor.caller).await?;
    let sent = |name: &str| form.text(name).to_owned();
    let values = FIELDS.iter().map(|(name, ..)| (*name).to_owned()).chain(text_fields());
    let values = values.map(|name| (name.clone(), sent(&name))).collect();
    refused(app, visitor, &branding, &values, &error)
}

fn refused(
    app: &App,
    visitor: &Visitor,
    branding: &Branding,
    values: &BTreeMap<String, String>,
    error: &Error,
) -> Answer {
    let shell = Shell::of(app, Some(visitor), "settings", "");
    let view = made(app, shell, branding, values, Some(error));
    let mut response: Response = page_response(status_of(error.code()), &view);
    response.extensions_mut().insert(error.code());
    Ok(response)
}

fn chosen(language: &str, page: &str) -> Result<(Language, Sample), Error> {
    let language = Language::ALL.into_iter().find(|known| known.as_str() == language);
    let language = language.ok_or_else(|| Error::invalid("language", "is no language of the pages"))?;
    let sample = Sample::parse(page).ok_or_else(|| Error::invalid("page", "is none of the pages"))?;
    Ok((language, sample))
}

/// The names of the fields for own words.
fn text_fields() -> impl Iterator<Item = String> {
    let fields =
        |language: Language| ["connect", "done"].map(|page| format!("texts.{}.{page}", language.as_str()));
    Language::ALL.into_iter().flat_map(fields)
}

/// Everything that the form holds, since it shows everything.
fn update(form: &Form) -> BrandingUpdate {
    let field = |name: &str| Some(form.filled(name));
    let texts = Language::ALL.map(|language| {
        let tag = language.as_str();
        let own = |page: &str| form.filled(&format!("texts.{tag}.{page}"));
        (tag.to_owned(), PageTexts { connect: own("connect"), done: own("done") })
    });
    BrandingUpdate {
        product_name: field("product_name"),
        accent: field("accent"),
        accent_dark: field("accent_dark"),
        support_url: field("support_url"),
        support_email: field("support_email"),
        privacy_url: field("privacy_url"),
        texts: Some(texts.into()),
    }
}

/// What stands in the fields of a branding.
fn stored(branding: &Branding) -> BTreeMap<String, String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    // A tone that was made of the accent is not shown as one that was chosen: it goes with the accent.
    let chosen = branding.accent.filter(|accent| Accent::of(accent.light) != *accent);
    let mut values: BTreeMap<String, String> = [
        ("product_name", text(&branding.product_name)),
        ("accent", branding.accent.map(|accent| accent.light.text()).unwrap_or_default()),
        ("accent_dark", chosen.map(|accent| accent.dark.text()).unwrap_or_default()),
        ("support_url", text(&branding.support_url)),
        ("support_email", text(&branding.support_email)),
        ("privacy_url", text(&branding.privacy_url)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (language, own) in &branding.texts {
        let tag = language.as_str();
        values.insert(format!("texts.{tag}.connect"), text(&own.connect));
        values.insert(format!("texts.{tag}.done"), text(&own.done));
    }
    values
}

fn made(
    app: &App,
    shell: Shell,
    branding: &Branding,
    values: &BTreeMap<String, String>,
    error: Option<&Error>,
) -> BrandingPage {
    let violations = error.map(|error| error.details().fields.as_slice()).unwrap_or_default();
    let wrong: Vec<_> = violations.iter().map(|it| (it.field.clone(), it.message.clone())).collect();
    let wrong_at = |name: &str| wrong.iter().find(|(field, _)| field == name).map(|(_, text)| text.clone());
    let value = |name: &str| values.get(name).cloned().unwrap_or_default();
    let fields = FIELDS.iter().map(|(name, label, help, kind)| Input {
        name,
        label,
        help,
        kind,
        value: value(name),
        wrong: wrong_at(name),
    });
    let texts = Language::ALL.map(|language| {
        let tag = language.as_str();
        let (connect, done) = (value(&format!("texts.{tag}.connect")), value(&format!("texts.{tag}.done")));
        let open = !connect.is_empty() || !done.is_empty();
        TextRow { tag, language: language.name(), connect, done, open }
    });
    BrandingPage {
        shell,
        app_name: app.options.app_name.clone().unwrap_or_default(),
        logo: branding.logo.as_ref().map(|logo| app.options.path_of(&logo_path(logo))),
        logo_wrong: wrong_at("logo"),
        fields: fields.collect(),
        texts: texts.into(),
        samples: SAMPLES,
        problem: error.map(|_| "Nothing was saved: something has to be changed first.".to_owned()),
        wrong,
    }
}
