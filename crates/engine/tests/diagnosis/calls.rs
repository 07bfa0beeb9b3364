//! Calls that failed although the account is well.

use valetkey_domain::{
    Change, ErrorCode, Permissions, Store,
    catalogue::{Actor, RemedyAction},
    diagnosis::{EvidenceKind, SubjectKind},
    execution::ExecutionStatus,
};
use valetkey_engine::ConnectionUpdate;
use valetkey_testkit::fake_provider::Scripted;

use crate::*;

/// What is found about a call that has just failed.
async fn of_failure(fixture: &EngineFixture, failure: &Error) -> Diagnosis {
    let id = failure.details().execution.clone().unwrap().to_string();
    let diagnosis =
        diagnose_with(fixture, &DiagnosisOf::Execution(id.clone()), DiagnosisOptions::default()).await;
    assert_eq!(diagnosis.subject.kind, SubjectKind::Execution);
    assert_eq!(diagnosis.subject.execution_id.as_ref().map(ToString::to_string), Some(id));
    diagnosis
}

#[tokio::test]
async fn scope_not_granted_names_tool_scope_and_accounts() {
    let fixture = fixture_with("acme").await;
    fixture.provider.grant_only(Some("read"));
    fixture.authorize("acme", "user_1").await;
    fixture.authorize("acme", "user_2").await;
    fixture.provider.grant_only(None);
    fixture.authorize("acme", "user_3").await;
    let failure = call(&fixture, "acme", "acme_create_note", json!({"text": "x"})).await.unwrap_err();
    let diagnosis = of_failure(&fixture, &failure).await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::InsufficientScope);
    assert_eq!(finding.actor, Actor::EndUser);
    assert!(finding.message.contains("acme_create_note needs write"), "{}", finding.message);
    let accounts = finding.evidence.iter().find(|e| e.detail.contains("accounts that lack it")).unwrap();
    assert!(accounts.detail.contains("user_1") && accounts.detail.contains("user_2"), "{}", accounts.detail);
    assert!(!accounts.detail.contains("user_3"), "{}", accounts.detail);
    link(finding);
    // The account itself works for the rest: degraded, with the tools that suffer.
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_degraded(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::ScopesNotGranted);
    assert!(finding.message.contains("acme_create_note"), "{}", finding.message);
}

#[tokio::test]
async fn scope_not_asked_for_is_the_developers() {
    let fixture = fixture_with("acme").await;
    let update = ConnectionUpdate { scopes: Some(vec!["read".into()]), ..ConnectionUpdate::default() };
    fixture.engine.update_connection(&fixture.caller, "acme", update).await.unwrap();
    fixture.authorize("acme", "user_1").await;
    let failure = call(&fixture, "acme", "acme_create_note", json!({"text": "x"})).await.unwrap_err();
    let diagnosis = of_failure(&fixture, &failure).await;
    let finding = first(&diagnosis, ErrorCode::ConnectionScopesMissing);
    assert_eq!(finding.actor, Actor::Developer);
    assert!(finding.remedies[0].text.contains("Add write to the scopes of the connection \"acme\""));
    assert!(finding.remedies.iter().all(|remedy| remedy.url.is_none()));
    // It is told of the connection too, before anybody calls.
    let of = DiagnosisOf::Connection("acme".into());
    let of_connection = diagnose_with(&fixture, &of, DiagnosisOptions::default()).await;
    let finding = first(&of_connection, ErrorCode::ConnectionScopesMissing);
    rests_on(finding, EvidenceKind::Connector, "acme_create_note needs write");
}

#[tokio::test]
async fn input_wrong_is_told_and_the_account_is_not_blamed() {
    let fixture = authorized("acme").await;
    let failure = call(&fixture, "acme", "acme_create_note", json!({"txt": 1})).await.unwrap_err();
    let diagnosis = of_failure(&fixture, &failure).await;
    assert_eq!(codes(&diagnosis), ["tool_input_invalid"]);
    let finding = &diagnosis.findings[0];
    assert_eq!(finding.actor, Actor::Developer);
    assert!(todo(finding).contains("/v1/connect/tools/acme_create_note"), "{}", todo(finding));
    rests_on(finding, EvidenceKind::Execution, "acme_create_note failed with tool_input_invalid");
    let short = failure.details().diagnosis.clone().unwrap();
    assert_eq!(short.code, ErrorCode::ToolInputInvalid);
    assert_eq!(codes(&diagnose(&fixture, "acme", "user_1").await), ["healthy"]);
}

#[tokio::test]
async fn resource_that_the_provider_does_not_know_is_told() {
    let fixture = authorized("acme").await;
    fixture.provider.script("/api/profile", [Scripted::json(404, &json!({"error": "gone"}))]);
    let failure = call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let diagnosis = of_failure(&fixture, &failure).await;
    assert_eq!(codes(&diagnosis), ["upstream_not_found"]);
    rests_on(
        &diagnosis.findings[0],
        EvidenceKind::Execution,
        "acme_get_profile failed with upstream_not_found",
    );
    assert!(diagnosis.findings[0].cause.contains("The account itself works"));
    assert_eq!(diagnosis.findings[0].actor, Actor::Developer);
    assert!(todo(&diagnosis.findings[0]).contains("id"), "{}", todo(&diagnosis.findings[0]));
}

#[tokio::test]
async fn policy_of_the_provider_is_its_administrators() {
    let fixture = authorized("acme").await;
    fixture.provider.script("/api/profile", [Scripted::json(403, &json!({"error": "policy"}))]);
    let failure = call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let diagnosis = of_failure(&fixture, &failure).await;
    let finding = first(&diagnosis, ErrorCode::UpstreamForbidden);
    assert_eq!(
        (finding.actor, finding.remedies[0].action),
        (Actor::ProviderAdmin, RemedyAction::CheckProvider)
    );
    rests_on(finding, EvidenceKind::Execution, "failed with upstream_forbidden");
    let fixture = authorized("gmail").await;
    let said = json!({"error": {"code": 403, "message": "Forbidden by policy", "errors": [{"reason": "domainPolicy"}]}});
    fixture.provider.script("/api/gmail/v1/users/me/profile", [Scripted::json(403, &said)]);
    let failure = call(&fixture, "gmail", "gmail_get_profile", json!({})).await.unwrap_err();
    let short = failure.details().diagnosis.clone().unwrap();
    assert_eq!((short.code, short.actor), (ErrorCode::AdminPolicy, Actor::ProviderAdmin));
    let diagnosis = of_failure(&fixture, &failure).await;
    let finding = first(&diagnosis, ErrorCode::AdminPolicy);
    rests_on(finding, EvidenceKind::Provider, "domainPolicy");
    assert!(finding.cause.contains("Workspace administrator"), "{}", finding.cause);
    assert!(todo(finding).contains("administrator"), "{}", todo(finding));
}

/// A scope that our record has and the provider says is gone: it is named, and who can give it back.
#[tokio::test]
async fn scope_that_the_provider_took_back_is_named() {
    let fixture = authorized("gmail").await;
    let said = json!({"error": {"code": 403, "message": "Request had insufficient authentication scopes.",
        "errors": [{"reason": "insufficientPermissions"}]}});
    fixture.provider.script("/api/gmail/v1/users/me/profile", [Scripted::json(403, &said)]);
    let failure = call(&fixture, "gmail", "gmail_get_profile", json!({})).await.unwrap_err();
    let diagnosis = of_failure(&fixture, &failure).await;
    let finding = first(&diagnosis, ErrorCode::InsufficientScope);
    assert!(finding.message.contains("needs https://www.googleapis.com/auth/gmail."), "{}", finding.message);
    assert!(finding.message.contains("which the provider says the token lacks"), "{}", finding.message);
    assert!(todo(finding).contains("https://www.googleapis.com/auth/gmail."), "{}", todo(finding));
    assert_eq!((finding.actor, finding.remedies[0].action), (Actor::EndUser, RemedyAction::Reauthorize));
    rests_on(finding, EvidenceKind::Provider, "insufficientPermissions");
    rests_on(finding, EvidenceKind::Credential, "granted: ");
}

#[tokio::test]
async fn account_active_but_refused_is_told() {
    let fixture = authorized("acme").await;
    // The renewal works, and its credential is refused all the same; elsewhere it is good.
    let no = Scripted::json(401, &json!({"error": "no"}));
    fixture.provider.script("/api/profile", [no.clone(), no]);
    let failure = call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    assert_eq!(failure.code(), ErrorCode::UpstreamUnauthorized);
    let diagnosis = diagnose(&fixture, "acme", "user_1").await;
    is_broken(&diagnosis);
    let finding = first(&diagnosis, ErrorCode::ActiveButRefused);
    rests_on(finding, EvidenceKind::Status, "ACTIVE");
    rests_on_event(&fixture, finding, "acme", valetkey_domain::event::EventKind::CredentialRefused).await;
    link(finding);
    // A call that works since refutes it.
    fixture.clock.advance(time::Duration::minutes(1));
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap();
    assert_eq!(codes(&diagnose(&fixture, "acme", "user_1").await), ["healthy"]);
}

#[tokio::test]
async fn call_of_unknown_outcome_is_told() {
    let fixture = authorized("acme").await;
    call(&fixture, "acme", "acme_create_note", json!({"text": "x"})).await.unwrap();
    let account = fixture.account("acme", "user_1").await.account;
    let filter = valetkey_domain::store::ExecutionFilter { account: Some(account.id), ..Default::default() };
    let page = valetkey_domain::PageRequest::default();
    let mut execution =
        fixture.engine.list_executions(&fixture.caller, &filter, &page).await.unwrap().items.remove(0);
    // A server that went away while a call was under way.
    execution.id = valetkey_domain::ExecutionId::new(&*fixture.clock, &*fixture.entropy);
    execution.status = ExecutionStatus::Running;
    execution.instance = None;
    execution.duration_us = None;
    fixture.store.commit(Change::InsertExecution(execution.clone()).into()).await.unwrap();
    fixture.engine.abandon_executions().await.unwrap();
    let of = DiagnosisOf::Execution(execution.id.to_string());
    let diagnosis = diagnose_with(&fixture, &of, DiagnosisOptions::default()).await;
    let finding = first(&diagnosis, ErrorCode::ExecutionOutcomeUnknown);
    assert!(todo(finding).contains("before repeating"), "{}", todo(finding));
    rests_on(finding, EvidenceKind::Execution, execution.id.as_str());
}

#[tokio::test]
async fn call_on_an_account_that_ended_carries_the_cause_in_short() {
    let fixture = authorized("acme").await;
    fixture.provider.forget_grants();
    call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let failure = call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap_err();
    let short = failure.details().diagnosis.clone().unwrap();
    assert_eq!((short.verdict, short.code), (Verdict::Broken, ErrorCode::AccessRevokedByUser));
    assert_eq!(short.actor, Actor::EndUser);
    assert!(!short.summary.contains("canary-"));
    let diagnosis = of_failure(&fixture, &failure).await;
    first(&diagnosis, ErrorCode::AccessRevokedByUser);
}

#[tokio::test]
async fn call_that_succeeded_is_healthy() {
    let fixture = authorized("acme").await;
    let outcome = call(&fixture, "acme", "acme_get_profile", json!({})).await.unwrap();
    let of = DiagnosisOf::Execution(outcome.execution_id.to_string());
    let diagnosis = diagnose_with(&fixture, &of, DiagnosisOptions::default()).await;
    assert_eq!(diagnosis.verdict, Verdict::Healthy);
}

/// S39: what belongs to another environment is answered like what does not exist.
#[tokio::test]
async fn strangers_find_nothing_to_diagnose() {
    let fixture = authorized("acme").await;
    let failure = call(&fixture, "acme", "acme_create_note", json!({})).await.unwrap_err();
    let stranger = fixture.stranger().await;
    let account = fixture.account("acme", "user_1").await.account.id.to_string();
    let execution = failure.details().execution.clone().unwrap().to_string();
    for (of, code) in [
        (DiagnosisOf::Account(AccountRef::id(account)), ErrorCode::AccountNotFound),
        (of_account("acme", "user_1"), ErrorCode::ConnectionNotFound),
        (DiagnosisOf::Connection("acme".into()), ErrorCode::ConnectionNotFound),
        (DiagnosisOf::Execution(execution), ErrorCode::ExecutionNotFound),
    ] {
        for probe in [false, true] {
            let options = DiagnosisOptions { probe, ..DiagnosisOptions::default() };
            let error = fixture.engine.diagnose(&stranger, &of, &options).await.unwrap_err();
            assert_eq!(error.code(), code, "{of:?}");
        }
    }
}

#[tokio::test]
async fn permissions_are_asked_for_and_links_go_only_to_those_who_may_make_them() {
    let fixture = fixture_with("acme").await;
    fixture.link("acme", "user_1").await;
    let mut reader = fixture.caller.clone();
    reader.permissions = Permissions::from_iter([valetkey_domain::Permission::AccountsRead]);
    let of = of_account("acme", "user_1");
    let plain = DiagnosisOptions::default();
    let diagnosis = fixture.engine.diagnose(&reader, &of, &plain).await.unwrap();
    assert!(diagnosis.findings[0].remedies.iter().all(|remedy| remedy.url.is_none()));
    let probing = DiagnosisOptions { probe: true, ..plain.clone() };
    let refused = |error: Error| assert_eq!(error.code(), ErrorCode::PermissionDenied);
    refused(fixture.engine.diagnose(&reader, &of, &probing).await.unwrap_err());
    let connection = DiagnosisOf::Connection("acme".into());
    refused(fixture.engine.diagnose(&reader, &connection, &plain).await.unwrap_err());
    reader.permissions = Permissions::default();
    refused(fixture.engine.diagnose(&reader, &of, &plain).await.unwrap_err());
}

#[tokio::test]
async fn provider_that_fails_or_cannot_be_reached_is_told_with_its_status_page() {
    let fixture = authorized("limits").await;
    fixture.provider.script("/api/profile", vec![Scripted::json(503, &json!({"error": "down"})); 20]);
    let failure = call(&fixture, "limits", "limits_get_profile", json!({})).await.unwrap_err();
    let diagnosis = of_failure(&fixture, &failure).await;
    let finding = first(&diagnosis, ErrorCode::UpstreamError);
    assert_eq!(finding.actor, Actor::Nobody);
    rests_on(finding, EvidenceKind::Provider, "503");
    let pages = finding.remedies.iter().filter_map(|remedy| remedy.url.as_deref());
    assert_eq!(pages.collect::<Vec<_>>(), ["https://limits.example/status"]);
    // The same account behind addresses where nobody is, and behind a name that is none.
    for (address, code) in [
        ("http://127.0.0.1:1/api", ErrorCode::UpstreamRefused),
        ("https://no-such-host.invalid/api", ErrorCode::UpstreamDnsFailed),
    ] {
        fixture.clock.advance(time::Duration::seconds(1));
        let mut overrides = fixture.overrides();
        overrides.api_base_url = Some(address.parse().unwrap());
        let update = ConnectionUpdate { overrides: Some(overrides), ..ConnectionUpdate::default() };
        fixture.engine.update_connection(&fixture.caller, "limits", update).await.unwrap();
        let failure = call(&fixture, "limits", "limits_get_profile", json!({})).await.unwrap_err();
        let diagnosis = of_failure(&fixture, &failure).await;
        let finding = first(&diagnosis, code);
        assert_eq!(
            (finding.actor, finding.remedies[0].action),
            (Actor::Operator, RemedyAction::CheckNetwork)
        );
        rests_on(finding, EvidenceKind::Execution, code.as_str());
        rests_on(
            finding,
            EvidenceKind::Network,
            address.split('/').nth(2).unwrap().split(':').next().unwrap(),
        );
        let pages = finding.remedies.iter().filter_map(|remedy| remedy.url.as_deref());
        assert_eq!(pages.collect::<Vec<_>>(), ["https://limits.example/status"], "{finding:#?}");
        let account = diagnose(&fixture, "limits", "user_1").await;
        is_degraded(&account);
        first(&account, code);
    }
}
