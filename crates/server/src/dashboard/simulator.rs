//! The provider for trials that runs beside a development server: what it holds, and buttons that have it misbehave.

use askama::Template;
use axum::extract::State;
use http::Uri;
use serde_json::{Map, Value, json};
use valetkey_domain::{Error, ErrorCode, Permission};

use super::{
    form::Form,
    gate::Visiting,
    shell::{Answer, Shell, go_to, query_of, show},
};
use crate::{SimulatorDesk, state::App};

#[derive(Template)]
#[template(path = "dashboard/simulator.html")]
struct SimulatorPage {
    shell: Shell,
    now: String,
    ahead: Option<String>,
    frozen: bool,
    faults: Vec<Vec<(String, String)>>,
    grants: Vec<Grant>,
    users: Vec<String>,
}

struct Grant {
    id: String,
    user: String,
    client: String,
    scopes: String,
    /// What ended it; nothing while it lives.
    ended: Option<String>,
    access: u64,
    refresh: u64,
}

/// What a button may tell, and which fields of its form go along: texts, and numbers.
const VERBS: [(&str, &[&str], &[&str]); 10] = [
    ("expire-access-tokens", &["user"], &["grant"]),
    ("expire-refresh-tokens", &["user"], &["grant"]),
    ("expire-grants", &["user"], &["grant"]),
    ("revoke-grants", &["user", "by"], &["grant"]),
    ("change-password", &["user"], &[]),
    ("suspend-user", &["user"], &[]),
    ("clock", &[], &["days", "hours", "minutes", "seconds"]),
    (
        "faults",
        &["endpoint", "kind", "error", "error_description", "user", "path_prefix"],
        &["times", "skip", "status", "retry_after_s", "delay_ms"],
    ),
    ("faults/clear", &[], &[]),
    ("reset", &[], &[]),
];

fn desk(app: &App) -> Result<&dyn SimulatorDesk, Error> {
    app.options.simulator.as_deref().ok_or_else(|| Error::new(ErrorCode::RouteNotFound))
}

/// The page.
pub(super) async fn page(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let desk = desk(&app)?;
    visitor.caller.require(Permission::ConnectionsWrite)?;
    let ask = async |verb| desk.ask(verb, None).await.map_err(Error::internal);
    let clock = ask("clock").await?;
    let (faults, grants, users) = (ask("faults").await?, ask("grants").await?, ask("users").await?);
    let seconds = clock["ahead_s"].as_i64().unwrap_or_default();
    let view = SimulatorPage {
        shell: Shell::of(&app, Some(&visitor), "simulator", query_of(&uri)),
        now: whole_seconds(&text(&clock["now"])),
        ahead: (seconds != 0).then(|| apart(seconds)),
        frozen: clock["frozen"] == true,
        faults: items(&faults, "faults").map(facts).collect(),
        grants: items(&grants, "grants").map(grant).collect(),
        users: items(&users, "users").map(|user| text(&user["username"])).collect(),
    };
    Ok(show(&view))
}

fn items<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer[name].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An instant without its fraction of a second.
fn whole_seconds(instant: &str) -> String {
    match instant.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => instant.to_owned(),
    }
}

fn facts(fault: &Value) -> Vec<(String, String)> {
    let fields = fault.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    fields.map(|(name, value)| (name.replace('_', " "), text(value))).collect()
}

fn grant(grant: &Value) -> Grant {
    let scopes: Vec<_> = items(grant, "scopes").map(text).collect();
    let ended = Some(text(&grant["ending"]).replace('_', " ")).filter(|ending| !ending.is_empty());
    Grant {
        id: text(&grant["id"]),
        user: text(&grant["user"]),
        client: text(&grant["client_id"]),
        scopes: scopes.join(" "),
        ended: ended.or_else(|| (grant["revoked"] == true).then(|| "revoked".to_owned())),
        access: grant["live_access_tokens"].as_u64().unwrap_or_default(),
        refresh: grant["live_refresh_tokens"].as_u64().unwrap_or_default(),
    }
}

/// How far the clock of the provider is from ours.
fn apart(seconds: i64) -> String {
    let (days, rest) = (seconds.unsigned_abs() / 86_400, seconds.unsigned_abs() % 86_400);
    let (hours, minutes) = (rest / 3600, rest % 3600 / 60);
    let side = if seconds < 0 { "behind" } else { "ahead" };
    match (days, hours, minutes) {
        (0, 0, _) => format!("{minutes} min {side}"),
        (0, ..) => format!("{hours} h {minutes} min {side}"),
        _ => format!("{days} d {hours} h {side}"),
    }
}

/// Tells it something.
pub(super) async fn tell(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let desk = desk(&app)?;
    visitor.caller.require(Permission::ConnectionsWrite)?;
    let verb = form.text("verb");
    let (verb, texts, numbers) = VERBS
        .iter()
        .find(|(known, ..)| *known == verb)
        .ok_or_else(|| Error::invalid("verb", "is none that the simulator knows"))?;
    let mut body = Map::new();
    for name in *texts {
        if let Some(text) = form.filled(name) {
            body.insert((*name).to_owned(), text.into());
        }
    }
    for name in *numbers {
        if let Some(text) = form.filled(name) {
            let number: i64 = text.parse().map_err(|_| Error::invalid(*name, "must be a number"))?;
            body.insert((*name).to_owned(), number.into());
        }
    }
    if *verb == "clock" && form.ticked("reset") {
        body.insert("reset".to_owned(), json!(true));
    }
    if *verb == "suspend-user" {
        body.insert("suspended".to_owned(), json!(form.text("suspended") != "no"));
    }
    let told = desk.ask(verb, Some(Value::Object(body))).await;
    told.map_err(|message| Error::invalid(*verb, message))?;
    Ok(go_to(&app, "/simulator?done=told"))
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn distances_of_clocks_have_two_units_at_most() {
        assert_eq!(apart(90), "1 min ahead");
        assert_eq!(apart(-7_260), "2 h 1 min behind");
        assert_eq!(apart(3 * 86_400 + 3_600), "3 d 1 h ahead");
    }
}
