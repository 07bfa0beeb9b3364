//! The tables of what providers' errors mean, row by row: each is brought about where it is seen, and what is found has the
//! row's meaning, actor and remedy.

use std::{collections::BTreeMap, fmt::Write as _};

use time::Duration;
use valetkey_domain::{
    ErrorCode, SecretString,
    catalogue::{Actor, RemedyAction},
    diagnosis::EvidenceKind,
};
use valetkey_engine::{ConnectionUpdate, NewAccount, NewConnection, NewCredential};
use valetkey_testkit::{engine_fixture::Browser, fake_provider::Scripted};
use valetkey_upstream::connector::{Connectors, Place, Reason};

use crate::*;

/// A connector per table, and the tool whose call shows the errors of its API.
const TABLES: [(&str, &str, &str); 8] = [
    ("microsoft365", "microsoft365_get_profile", "/me"),
    ("slack", "slack_get_identity", "/auth.test"),
    ("github", "github_get_user", "/user"),
    ("jira", "jira_get_myself", "/rest/api/3/myself"),
    ("gmail", "gmail_get_profile", "/gmail/v1/users/me/profile"),
    ("notion", "notion_get_self", "/v1/users/me"),
    ("hubspot", "hubspot_list_owners", "/crm/v3/owners"),
    ("salesforce", "salesforce_get_user", "/services/oauth2/userinfo"),
];

/// Connectors whose tables speak of the API alone, the tool whose call shows its errors, and that tool's input.
const OF_THE_API: [(&str, &str, &str, &str); 5] = [
    ("linear", "linear_get_viewer", "/graphql", "{}"),
    ("airtable", "airtable_list_bases", "/v0/meta/bases", "{}"),
    ("freshdesk", "freshdesk_get_me", "/agents/me", "{}"),
    ("bravesearch", "bravesearch_check_key", "/res/v1/web/search", "{}"),
    ("spotify", "spotify_check_access", "/search", "{}"),
];

fn rows(connector: &str) -> Vec<Reason> {
    let connectors = Connectors::embedded().unwrap();
    connectors.get(connector).unwrap().reasons.rules().cloned().collect()
}

/// The provider's code of OAuth and its words, as a row expects them.
fn said(row: &Reason) -> (String, String) {
    let words = row.text.clone().unwrap_or_else(|| "Something.".to_owned());
    match &row.code {
        Some(number) if number.starts_with("AADSTS") => {
            let error = match row.means {
                ErrorCode::ClientUnknown
                | ErrorCode::ClientSecretWrong
                | ErrorCode::ClientSecretExpired
                | ErrorCode::InvalidClient => "invalid_client",
                ErrorCode::UnauthorizedClient => "unauthorized_client",
                ErrorCode::InvalidScope => "invalid_scope",
                _ => "invalid_grant",
            };
            (error.to_owned(), format!("{number}: {words} Trace ID: 1 Correlation ID: 2"))
        }
        Some(code) => (code.clone(), format!("It is so: {words}")),
        None => ("invalid_grant".to_owned(), format!("It is so: {words}")),
    }
}

fn actor(row: &Reason) -> Actor {
    row.actor.unwrap_or(row.means.entry().actor)
}

fn name(row: &Reason) -> String {
    format!("{} {}", row.code.as_deref().unwrap_or_default(), row.text.as_deref().unwrap_or_default())
}

/// What does not fit between what is found and the row. `means` may be told by another code of the same sense.
fn mismatch(diagnosis: &Diagnosis, row: &Reason, told_as: &[ErrorCode]) -> Option<String> {
    let named = |finding: &&Finding| finding.code == row.means || told_as.contains(&finding.code);
    let Some(finding) = diagnosis.findings.iter().find(named) else {
        return Some(format!("{} is not among {:?}", row.means.as_str(), codes(diagnosis)));
    };
    let mut wrong = String::new();
    if finding.actor != actor(row) {
        let _ = write!(wrong, "actor {:?} instead of {:?}; ", finding.actor, actor(row));
    }
    let piece = row.code.as_ref().or(row.text.as_ref()).unwrap();
    let holds = |text: &str| text.to_ascii_lowercase().contains(&piece.to_ascii_lowercase());
    let rests = finding.evidence.iter().any(|evidence| {
        evidence.kind == EvidenceKind::Provider
            && (holds(&evidence.detail) || evidence.reference.as_deref().is_some_and(holds))
    });
    if !rests {
        let _ = write!(wrong, "no evidence with {piece}; ");
    }
    // What a mismatch of redirect URIs and a limit ask for depends on the case, not on the row.
    let of_case = matches!(
        row.means,
        ErrorCode::RedirectUriMismatch | ErrorCode::UpstreamRateLimited | ErrorCode::InsufficientScope
    );
    let of_row = finding.code == row.means && !of_case;
    if of_row && row.says.as_ref().is_some_and(|says| !finding.cause.starts_with(says.as_str())) {
        let _ = write!(wrong, "cause {:?}; ", finding.cause);
    }
    let remedy =
        row.remedy.clone().or_else(|| row.means.entry().remedies.first().map(|(_, text)| (*text).to_owned()));
    if of_row && remedy.is_some_and(|text| finding.remedies[0].text != text) {
        let _ = write!(wrong, "remedy {:?}; ", finding.remedies[0].text);
    }
    if finding.remedies.is_empty() {
        wrong.push_str("no remedy; ");
    }
    (!wrong.is_empty()).then_some(wrong)
}

/// Every row that is seen in the redirect back to us, as an error that brings the user back.
#[tokio::test]
async fn rows_seen_in_the_callback_each_have_their_finding_actor_and_remedy() {
    let mut wrong = String::new();
    for (connector, ..) in TABLES {
        let fixture = fixture_with(connector).await;
        let rows: Vec<Reason> =
            rows(connector).into_iter().filter(|row| row.is_seen_at(Place::Callback)).collect();
        assert!(!rows.is_empty());
        for (number, row) in rows.iter().enumerate() {
            let user = format!("user_{number}");
            let made = fixture.link(connector, &user).await;
            let mut browser = Browser::default();
            let url = browser.go(&fixture.engine, &made.url).await.unwrap();
            let consent = fixture.provider.consent(&url);
            let (error, description) = said(row);
            let params = BTreeMap::from([
                ("state".to_owned(), consent.params["state"].clone()),
                ("error".to_owned(), error),
                ("error_description".to_owned(), description),
            ]);
            browser.come_back(&fixture.engine, &consent.redirect_uri, &params).await;
            let diagnosis = diagnose(&fixture, connector, &user).await;
            if let Some(why) = mismatch(&diagnosis, row, &[]) {
                let _ = writeln!(wrong, "{connector}: {}: {why}", name(row));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// A connection of its own for a row, whose token endpoint and API answer as the row says.
async fn lead_astray(fixture: &EngineFixture, connection: &str, number: usize) {
    let mut overrides = fixture.overrides();
    overrides.token_url = Some(fixture.provider.url(&format!("/token-{number}")));
    overrides.api_base_url = Some(fixture.provider.url(&format!("/api-{number}")));
    let update = ConnectionUpdate { overrides: Some(overrides), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, connection, update).await.unwrap();
}

async fn authorized_apart(fixture: &EngineFixture, connector: &str, number: usize) -> String {
    let connection = format!("{connector}_{number}");
    fixture.connection(&connection, connector).await;
    if connector == "slack" {
        let reply = json!({
            "ok": true, "access_token": "canary-xoxb", "token_type": "bot", "scope": "chat:write,channels:read",
            "refresh_token": format!("canary-xoxe-{number}"), "expires_in": 43200,
            "team": {"id": "T1", "name": "Team"}, "authed_user": {"id": "U1"}, "app_id": "A1",
        });
        fixture.provider.script("/token", [Scripted::json(200, &reply)]);
    }
    if connector == "notion" {
        let reply = json!({
            "access_token": "canary-ntn", "token_type": "bearer", "refresh_token": format!("canary-nrt-{number}"),
            "expires_in": 3600, "bot_id": "b1", "workspace_id": "w1", "workspace_name": "Acme",
            "owner": {"type": "user", "user": {"id": "u1", "name": "Ada"}},
        });
        fixture.provider.script("/token", [Scripted::json(200, &reply)]);
    }
    fixture.authorize(&connection, "user_1").await;
    lead_astray(fixture, &connection, number).await;
    connection
}

/// Every row that is seen at the token endpoint, as the answer to a renewal.
#[tokio::test]
async fn rows_seen_at_the_token_endpoint_each_have_their_finding_actor_and_remedy() {
    let mut wrong = String::new();
    for (connector, tool, _) in TABLES {
        let rows: Vec<Reason> =
            rows(connector).into_iter().filter(|row| row.is_seen_at(Place::Token)).collect();
        assert!(!rows.is_empty());
        for row in &rows {
            // Each alone: an endpoint that fails for many is left alone after a while.
            let fixture = fixture().await;
            let connection = authorized_apart(&fixture, connector, 0).await;
            fixture.clock.advance(Duration::hours(13));
            let (error, description) = said(row);
            let answer = match connector {
                "slack" => Scripted::json(
                    200,
                    &json!({"ok": false, "error": error, "error_description": description}),
                ),
                // These two do not answer as RFC 6749 has it, but as their APIs do.
                "notion" => Scripted::json(400, &json!({"code": error, "message": description})),
                "hubspot" => Scripted::json(400, &json!({"status": error, "message": description})),
                _ => Scripted::error(400, &error, &description),
            };
            fixture.provider.script("/token-0", vec![answer; 20]);
            call(&fixture, &connection, tool, json!({})).await.unwrap_err();
            let diagnosis = diagnose(&fixture, &connection, "user_1").await;
            // What passes is told as renewals that fail, with the row's words as their cause.
            if let Some(why) = mismatch(&diagnosis, row, &[ErrorCode::RenewalsFailing]) {
                let _ = writeln!(wrong, "{connector}: {}: {why}", name(row));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// An answer of the API as the provider writes it.
fn refusal(connector: &str, row: &Reason) -> Scripted {
    let code = row.code.as_deref().unwrap_or("other");
    let text = format!("It is so: {}", row.text.as_deref().unwrap_or("something"));
    let status = match row.means {
        ErrorCode::UpstreamNotFound => 404,
        ErrorCode::UpstreamConflict => 409,
        ErrorCode::UpstreamRateLimited => 429,
        ErrorCode::UpstreamInvalidRequest => 400,
        ErrorCode::UpstreamError => 503,
        ErrorCode::ActiveButRefused => 401,
        _ => 403,
    };
    match connector {
        "slack" => Scripted::json(200, &json!({"ok": false, "error": code})),
        "microsoft365" => Scripted::json(status, &json!({"error": {"code": code, "message": text}})),
        "gmail" => Scripted::json(
            status,
            &json!({"error": {"code": status, "message": text, "errors": [{"reason": code}]}}),
        ),
        "linear" => Scripted::json(
            if status == 429 { 400 } else { 200 },
            &json!({"errors": [{"message": text, "extensions": {"code": code}}]}),
        ),
        "notion" => Scripted::json(
            status,
            &json!({"object": "error", "status": status, "code": code, "message": text}),
        ),
        // A limit has a policy, and no category.
        "hubspot" if status == 429 && code != "RATE_LIMITS" => Scripted::json(
            status,
            &json!({"status": "error", "errorType": "RATE_LIMIT", "policyName": code, "message": text}),
        ),
        "hubspot" => Scripted::json(status, &json!({"status": "error", "category": code, "message": text})),
        "salesforce" => Scripted::json(status, &json!([{"errorCode": code, "message": text}])),
        "airtable" => Scripted::json(status, &json!({"error": {"type": code, "message": text}})),
        "freshdesk" => Scripted::json(status, &json!({"code": code, "message": text})),
        "bravesearch" => Scripted::json(422, &json!({"error": {"code": code, "detail": text}})),
        "spotify" => {
            Scripted::json(status, &json!({"error": {"status": status, "message": text, "reason": code}}))
        }
        _ => Scripted::json(status, &json!({"message": text})),
    }
}

/// Every row that is seen in answers of the API alone, as the answer to a call.
#[tokio::test]
async fn rows_seen_in_the_api_each_have_their_finding_actor_and_remedy() {
    let mut wrong = String::new();
    for (connector, tool, path) in TABLES {
        let fixture = fixture().await;
        let rows: Vec<Reason> = rows(connector).into_iter().filter(|row| row.at == [Place::Api]).collect();
        assert!(!rows.is_empty());
        for (number, row) in rows.iter().enumerate() {
            let connection = authorized_apart(&fixture, connector, number).await;
            // A credential that is refused is renewed once: the renewal works, and it is refused again.
            let fresh = json!({
                "ok": true, "access_token": "canary-fresh", "token_type": "Bearer", "expires_in": 43200,
                "refresh_token": format!("canary-fresh-{number}"),
            });
            fixture.provider.script(&format!("/token-{number}"), [Scripted::json(200, &fresh)]);
            fixture.provider.script(&format!("/api-{number}{path}"), vec![refusal(connector, row); 20]);
            let failure = call(&fixture, &connection, tool, json!({})).await.unwrap_err();
            let short = failure.details().diagnosis.clone().unwrap();
            if (short.code, short.actor) != (row.means, actor(row)) {
                let _ = writeln!(
                    wrong,
                    "{connector}: {}: in short {} {:?} instead of {} {:?}",
                    name(row),
                    short.code.as_str(),
                    short.actor,
                    row.means.as_str(),
                    actor(row)
                );
            }
            let id = failure.details().execution.clone().unwrap().to_string();
            let of = DiagnosisOf::Execution(id);
            let diagnosis = diagnose_with(&fixture, &of, DiagnosisOptions::default()).await;
            if let Some(why) = mismatch(&diagnosis, row, &[]) {
                let _ = writeln!(wrong, "{connector}: {}: {why}", name(row));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// An account of a connector that takes a key, or calls as itself.
async fn with_a_key(fixture: &EngineFixture, connector: &str, number: usize) -> String {
    let name = format!("{connector}_{number}");
    let oauth = connector == "spotify";
    let mut connection = NewConnection {
        variables: match connector {
            "freshdesk" => [("domain".to_owned(), "acme".to_owned())].into(),
            _ => BTreeMap::new(),
        },
        ..fixture.new_connection(&name, connector)
    };
    if !oauth {
        (connection.client_id, connection.client_secret) = (None, None);
    }
    fixture.engine.create_connection(&fixture.caller, connection).await.unwrap();
    if oauth {
        let token = json!({"access_token": "canary-app", "token_type": "Bearer", "expires_in": 3600});
        fixture.provider.script("/token", [Scripted::json(200, &token)]);
    }
    let field = if connector == "airtable" { "token" } else { "api_key" };
    let key = [(field.to_owned(), SecretString::from("canary-key-of-some-length"))].into();
    let new = NewAccount {
        credential: (!oauth).then_some(NewCredential::Static(key)),
        probe: false,
        ..NewAccount::new(&name, "user_1")
    };
    fixture.engine.create_account(&fixture.caller, new).await.unwrap();
    lead_astray(fixture, &name, number).await;
    name
}

/// Every row of the providers whose API alone has errors of its own, as the answer to a call.
#[tokio::test]
async fn rows_of_providers_with_errors_of_their_api_alone_are_each_told() {
    let mut wrong = String::new();
    for (connector, tool, path, input) in OF_THE_API {
        let fixture = fixture().await;
        let rows = rows(connector);
        assert!(!rows.is_empty() && rows.iter().all(|row| row.at == [Place::Api]), "{connector}");
        for (number, row) in rows.iter().enumerate() {
            let connection = match connector {
                "linear" => authorized_apart(&fixture, connector, number).await,
                _ => with_a_key(&fixture, connector, number).await,
            };
            let token = json!({
                "access_token": format!("canary-fresh-{number}"), "token_type": "Bearer", "expires_in": 3600,
                "refresh_token": format!("canary-refresh-{number}"),
            });
            fixture.provider.script(&format!("/token-{number}"), vec![Scripted::json(200, &token); 3]);
            fixture.provider.script(&format!("/api-{number}{path}"), vec![refusal(connector, row); 20]);
            let input = serde_json::from_str(input).unwrap();
            let failure = call(&fixture, &connection, tool, input).await.unwrap_err();
            let id = failure.details().execution.clone().unwrap().to_string();
            let of = DiagnosisOf::Execution(id);
            let diagnosis = diagnose_with(&fixture, &of, DiagnosisOptions::default()).await;
            if let Some(why) = mismatch(&diagnosis, row, &[]) {
                let _ = writeln!(wrong, "{connector}: {}: {why} ({})", name(row), failure.code().as_str());
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// What a page of the provider shows sends nobody back: it is told as what the user may have seen.
#[tokio::test]
async fn rows_seen_on_pages_are_all_told_of_a_user_who_did_not_come_back() {
    for (connector, ..) in TABLES {
        let fixture = fixture_with(connector).await;
        let made = fixture.link(connector, "user_1").await;
        let mut browser = Browser::default();
        browser.go(&fixture.engine, &made.url).await.unwrap();
        fixture.clock.advance(Duration::minutes(30));
        let diagnosis = diagnose(&fixture, connector, "user_1").await;
        for row in rows(connector).iter().filter(|row| row.at == [Place::Page]) {
            let finding = found(&diagnosis, row.means);
            rests_on(finding, EvidenceKind::Connector, row.sees.as_deref().unwrap());
            assert_eq!(finding.confidence, Confidence::Possible);
            if row.means == ErrorCode::RedirectUriMismatch {
                assert_eq!(finding.remedies[0].action, RemedyAction::RegisterRedirectUri);
            }
        }
    }
}
