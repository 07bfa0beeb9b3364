//! Proxied calls that fail carry the diagnosis in short; so does the record of one whose failing answer was handed on.

use axum::body::Body;
use time::Duration;
use valetkey_domain::{
    ErrorCode, SecretString,
    catalogue::Actor,
    diagnosis::{EvidenceKind, ShortDiagnosis},
};
use valetkey_engine::{ConnectionUpdate, ProxyCall, ProxyReply};
use valetkey_testkit::fake_provider::Scripted;

use crate::*;

async fn proxied(fixture: &EngineFixture) -> Result<ProxyReply, Error> {
    let call = ProxyCall {
        account: AccountRef::named("acme", "user_1"),
        method: "GET".parse().unwrap(),
        path: "/profile".into(),
        query: None,
        headers: http::HeaderMap::new(),
        body: Body::empty(),
        agent_run_id: None,
        request_id: "req_1".into(),
        deadline: None,
    };
    fixture.engine.proxy_call(&fixture.caller, call).await
}

/// What a call that failed says in short.
async fn told(fixture: &EngineFixture) -> ShortDiagnosis {
    let failure = proxied(fixture).await.err().unwrap();
    let short = failure.details().diagnosis.clone().unwrap_or_else(|| panic!("no diagnosis in {failure:?}"));
    assert!(!short.summary.contains("canary-"), "{}", short.summary);
    // The record says the same.
    let id = failure.details().execution.clone().unwrap().to_string();
    let diagnosis = diagnose_with(fixture, &DiagnosisOf::Execution(id), DiagnosisOptions::default()).await;
    assert_eq!(diagnosis.findings[0].code, short.code, "{:?}", codes(&diagnosis));
    short
}

#[tokio::test]
async fn proxied_call_on_an_account_that_ended_says_why() {
    let fixture = authorized("acme").await;
    fixture.provider.forget_grants();
    proxied(&fixture).await.err().unwrap();
    let short = told(&fixture).await;
    assert_eq!(
        (short.verdict, short.code, short.actor),
        (Verdict::Broken, ErrorCode::AccessRevokedByUser, Actor::EndUser)
    );
}

#[tokio::test]
async fn proxied_call_that_is_refused_although_the_account_is_active_says_so() {
    let fixture = authorized("acme").await;
    let no = Scripted::json(401, &json!({"error": "no"}));
    fixture.provider.script("/api/profile", [no.clone(), no]);
    let short = told(&fixture).await;
    assert_eq!((short.verdict, short.code), (Verdict::Broken, ErrorCode::ActiveButRefused));
}

#[tokio::test]
async fn proxied_call_whose_client_is_refused_blames_the_connection() {
    let fixture = authorized("acme").await;
    let secret = Some(Some(SecretString::from("canary-not-the-secret")));
    let update = ConnectionUpdate { client_secret: secret, ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "acme", update).await.unwrap();
    fixture.clock.advance(Duration::hours(2));
    let short = told(&fixture).await;
    assert_eq!((short.code, short.actor), (ErrorCode::InvalidClient, Actor::Developer));
}

#[tokio::test]
async fn proxied_call_through_a_disabled_connection_says_whose_move_it_is() {
    let fixture = authorized("acme").await;
    let off = ConnectionUpdate { enabled: Some(false), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "acme", off).await.unwrap();
    let short = told(&fixture).await;
    assert_eq!((short.code, short.actor), (ErrorCode::ConnectionDisabled, Actor::Operator));
}

#[tokio::test]
async fn proxied_call_to_where_nobody_listens_is_the_networks() {
    let fixture = authorized("acme").await;
    let mut overrides = fixture.overrides();
    overrides.api_base_url = Some("http://127.0.0.1:1/api".parse().unwrap());
    let update = ConnectionUpdate { overrides: Some(overrides), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "acme", update).await.unwrap();
    let short = told(&fixture).await;
    assert_eq!((short.code, short.actor), (ErrorCode::UpstreamRefused, Actor::Operator));
}

/// The provider's own answer is handed on as it is; what it means is in the record of the call.
#[tokio::test]
async fn proxied_answer_that_is_handed_on_is_explained_in_its_record() {
    for (status, code, actor) in [
        (403, ErrorCode::UpstreamForbidden, Actor::ProviderAdmin),
        (404, ErrorCode::UpstreamNotFound, Actor::Developer),
        (429, ErrorCode::UpstreamRateLimited, Actor::Nobody),
        (503, ErrorCode::UpstreamError, Actor::Nobody),
    ] {
        let fixture = authorized("acme").await;
        fixture.provider.script("/api/profile", [Scripted::json(status, &json!({"error": "no"}))]);
        let reply = proxied(&fixture).await.unwrap();
        assert_eq!(reply.response.status().as_u16(), status);
        let record =
            fixture.engine.get_execution(&fixture.caller, reply.execution_id.as_str()).await.unwrap();
        let short = fixture.engine.short_diagnosis_of(&fixture.caller, &record).await.unwrap().unwrap();
        assert_eq!((short.code, short.actor), (code, actor), "{status}");
        let of = DiagnosisOf::Execution(reply.execution_id.to_string());
        let diagnosis = diagnose_with(&fixture, &of, DiagnosisOptions::default()).await;
        rests_on(first(&diagnosis, code), EvidenceKind::Execution, reply.execution_id.as_str());
    }
}
