//! `POST /v1/connect/support-bundles`

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::ToSchema;
use valetkey_domain::{Caller, Error};
use valetkey_engine::{AccountRef, DiagnosisOf, SupportFacts};

use crate::{
    auth::Authenticated,
    extract::Json,
    rest::{
        accounts::{AccountBody, RefreshBody},
        common::{Reply, filled},
        connections::ConnectionBody,
        diagnoses::DiagnosisBody,
        events::EventBody,
        executions::ExecutionBody,
        openapi::Errors,
    },
    state::App,
};

/// What the bundle is about, as for a diagnosis; and what only you know.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MakeSupportBundle)]
#[serde(deny_unknown_fields)]
pub(crate) struct MakeBody {
    /// The account: `ca_…`
    account_id: Option<String>,
    /// Your own id of the end user.
    #[schema(example = "user_123")]
    identifier: Option<String>,
    /// The name (or id) of the connection.
    #[schema(example = "gmail")]
    connection_name: Option<String>,
    /// Which of several accounts of the identifier on the connection.
    account_name: Option<String>,
    /// The call: `ex_…`
    execution_id: Option<String>,
    /// What you did, step by step.
    steps: Option<String>,
    /// What should have happened.
    expected: Option<String>,
    /// Where it happened: development, staging, production.
    stage: Option<String>,
}

/// The longest text that is taken along, in characters.
const MAX_TOLD: usize = 5000;

/// Everything that a helper needs, redacted: hand it on as it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SupportBundle)]
pub(crate) struct BundleBody {
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    made_at: OffsetDateTime,
    /// The server: `version`, `public_url`, `server` (the mark of the deployment), `clock`.
    #[schema(value_type = Object)]
    server: Value,
    /// What you told: `steps`, `expected`, `stage`.
    #[schema(value_type = Object)]
    told: Value,
    /// The environment's id.
    environment_id: String,
    /// What is wrong, as far as is known here; the provider was not asked.
    #[schema(value_type = Object)]
    diagnosis: Value,
    /// The connector: `slug`, `display_name`, `docs`, `status_page`.
    #[schema(value_type = Option<Object>)]
    connector: Option<Value>,
    /// The connection.
    #[schema(value_type = Option<Object>)]
    connection: Option<Value>,
    /// The account, without label and settings.
    #[schema(value_type = Option<Object>)]
    account: Option<Value>,
    /// The call.
    #[schema(value_type = Option<Object>)]
    execution: Option<Value>,
    /// The history, newest first.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Value>,
    /// The attempts to renew the credential, newest first.
    #[schema(value_type = Vec<Object>)]
    refreshes: Vec<Value>,
    /// The latest calls, newest first.
    #[schema(value_type = Vec<Object>)]
    executions: Vec<Value>,
}

impl MakeBody {
    fn subject(&mut self) -> Result<DiagnosisOf, Error> {
        let (id, identifier) = (filled(self.account_id.take()), filled(self.identifier.take()));
        let connection_name = filled(self.connection_name.take());
        let name = filled(self.account_name.take());
        if let Some(id) = filled(self.execution_id.take()) {
            return Ok(DiagnosisOf::Execution(id));
        }
        if id.is_some() || identifier.is_some() {
            return Ok(DiagnosisOf::Account(AccountRef {
                id,
                identifier,
                connection_name,
                name,
                ..AccountRef::default()
            }));
        }
        connection_name.map(DiagnosisOf::Connection).ok_or_else(|| {
            let message =
                "is required, or identifier and connection_name, or connection_name, or execution_id";
            Error::invalid("account_id", message)
        })
    }

    fn told(&mut self) -> Result<Value, Error> {
        let mut told = json!({});
        let texts =
            [("steps", self.steps.take()), ("expected", self.expected.take()), ("stage", self.stage.take())];
        for (name, text) in texts {
            let Some(text) = filled(text) else { continue };
            if text.chars().count() > MAX_TOLD {
                return Err(Error::invalid(name, format!("must have at most {MAX_TOLD} characters")));
            }
            told[name] = text.into();
        }
        Ok(told)
    }
}

/// Make a support bundle
///
/// Ids, names, errors, times, steps, environment, versions, recent events and the diagnosis of an account, a connection
/// or a call, redacted: no credential, secret, link or personal label is in it. Nobody is asked and nothing changes.
/// Needs `connected_accounts:read`, `connections:read` and `agent_logs:read`.
#[utoipa::path(
    post, path = "/v1/connect/support-bundles", operation_id = "makeSupportBundle", tag = "diagnoses",
    request_body = MakeBody,
    responses((status = OK, description = "The bundle", body = BundleBody), Errors)
)]
pub(crate) async fn create(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Json(mut body): Json<MakeBody>,
) -> Reply<Value> {
    let of = body.subject()?;
    let told = body.told()?;
    Ok(axum::Json(bundle_of(&app, &caller, &of, told).await?))
}

/// A bundle, cleaned.
pub(crate) async fn bundle_of(
    app: &App,
    caller: &Caller,
    of: &DiagnosisOf,
    told: Value,
) -> Result<Value, Error> {
    let facts = app.engine.support_facts(caller, of).await?;
    let server = server(app).await?;
    let (bundle, redactor) = bundle(app, caller.environment.to_string(), facts, told, server);
    let mut bundle = value(bundle);
    redactor.clean(&mut bundle);
    Ok(bundle)
}

async fn server(app: &App) -> Result<Value, Error> {
    let clock = app.engine.clock_skew().map(|skew| {
        json!({"behind_ms": i64::try_from(skew.behind.whole_milliseconds()).unwrap_or(i64::MAX), "hosts": skew.hosts})
    });
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "public_url": app.options.public_url.as_str(),
        "server": app.engine.server_mark().await?,
        "clock": clock,
    }))
}

fn value(body: impl Serialize) -> Value {
    // The bodies are made of texts and numbers: there is nothing that JSON could not hold.
    serde_json::to_value(body).unwrap_or_default()
}

fn bundle(
    app: &App,
    environment_id: String,
    facts: SupportFacts,
    told: Value,
    server: Value,
) -> (BundleBody, valetkey_engine::Redactor) {
    let connector = facts.connector.map(|connector| {
        json!({
            "slug": connector.slug,
            "display_name": connector.display_name,
            "docs": connector.docs,
            "status_page": connector.status_page,
        })
    });
    let bundle = BundleBody {
        made_at: app.options.clock.now(),
        server,
        told,
        environment_id,
        diagnosis: value(DiagnosisBody::new(app, facts.diagnosis)),
        connector,
        connection: facts.connection.map(|view| value(ConnectionBody::from(view))),
        account: facts.account.map(|view| impersonal(value(AccountBody::from(view)))),
        execution: facts.execution.map(|execution| value(ExecutionBody::from(execution))),
        events: facts.events.into_iter().map(|event| value(EventBody::from(event))).collect(),
        refreshes: facts.refreshes.into_iter().map(|attempt| value(RefreshBody::from(attempt))).collect(),
        executions: facts
            .executions
            .into_iter()
            .map(|execution| value(ExecutionBody::from(execution)))
            .collect(),
    };
    (bundle, facts.redactor)
}

/// Without what names a person, and without what the caller keeps there.
fn impersonal(mut account: Value) -> Value {
    if let Some(fields) = account.as_object_mut() {
        fields.remove("label");
        fields.remove("api_config");
    }
    account
}
