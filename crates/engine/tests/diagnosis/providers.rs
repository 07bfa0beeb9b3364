//! Grants that ended, by the provider's own words.

use time::Duration;
use valetkey_domain::{
    AccountStatus, ErrorCode, catalogue::Actor, diagnosis::EvidenceKind, event::EventKind,
};
use valetkey_testkit::fake_provider::Scripted;

use crate::*;

/// A renewal that Microsoft refuses with this number.
async fn refused_by_microsoft(error: &str, number: &str) -> EngineFixture {
    let fixture = authorized("microsoft365").await;
    fixture.clock.advance(Duration::hours(2));
    let said = format!("{number}: Something. Trace ID: 00000000-0000 Correlation ID: 11111111-1111");
    call_with(&fixture, "microsoft365", "microsoft365_get_profile", Scripted::error(400, error, &said)).await;
    fixture
}

#[tokio::test]
async fn grants_that_microsoft_ended_are_told_by_its_numbers() {
    for (number, code, actor) in [
        ("AADSTS50173", ErrorCode::PasswordChanged, Actor::EndUser),
        ("AADSTS50132", ErrorCode::PasswordChanged, Actor::EndUser),
        ("AADSTS700082", ErrorCode::RefreshTokenIdle, Actor::EndUser),
        ("AADSTS700084", ErrorCode::RefreshTokenAged, Actor::Developer),
        ("AADSTS70043", ErrorCode::SignInRequired, Actor::EndUser),
        ("AADSTS50076", ErrorCode::SignInRequired, Actor::EndUser),
        ("AADSTS53003", ErrorCode::AdminPolicy, Actor::ProviderAdmin),
        ("AADSTS65001", ErrorCode::ConsentRequired, Actor::EndUser),
        ("AADSTS50020", ErrorCode::WrongTenant, Actor::Developer),
        ("AADSTS50057", ErrorCode::ProviderAccountDisabled, Actor::ProviderAdmin),
    ] {
        let fixture = refused_by_microsoft("invalid_grant", number).await;
        let account = fixture.account("microsoft365", "user_1").await.account;
        assert!(
            matches!(account.status(), AccountStatus::Expired | AccountStatus::Revoked),
            "{number}: {:?}",
            account.status()
        );
        let diagnosis = diagnose(&fixture, "microsoft365", "user_1").await;
        is_broken(&diagnosis);
        let finding = first(&diagnosis, code);
        is_certain(finding);
        assert_eq!(finding.actor, actor, "{number}");
        let evidence = finding.evidence.iter().find(|e| e.kind == EvidenceKind::Provider).unwrap();
        assert_eq!(evidence.reference.as_deref(), Some(number));
        let kind = match account.status() {
            AccountStatus::Revoked => EventKind::AccountRevoked,
            _ => EventKind::AccountExpired,
        };
        rests_on_event(&fixture, finding, "microsoft365", kind).await;
        let is_users = actor == Actor::EndUser;
        assert_eq!(
            is_users,
            finding.remedies.iter().any(|remedy| remedy.url.is_some()),
            "{number}: {:#?}",
            finding.remedies
        );
    }
}

/// Microsoft refuses renewals with codes of OpenID Connect too. Whatever the number beside them, nothing goes on without the
/// user, and an account that only "could not be renewed for a while" would have nobody asked.
#[tokio::test]
async fn grants_that_need_the_user_again_end_whatever_the_number() {
    for (error, number) in [
        ("interaction_required", "AADSTS50074"),
        ("interaction_required", "AADSTS50072"),
        ("login_required", "AADSTS50058"),
        ("interaction_required", "AADSTS16001"),
    ] {
        let fixture = refused_by_microsoft(error, number).await;
        let account = fixture.account("microsoft365", "user_1").await.account;
        assert_eq!(account.status(), AccountStatus::Expired, "{number}");
        let diagnosis = diagnose(&fixture, "microsoft365", "user_1").await;
        assert_eq!(first(&diagnosis, ErrorCode::SignInRequired).actor, Actor::EndUser);
    }
}

/// Trouble at Microsoft ends no grant, even beside a code that would.
#[tokio::test]
async fn grants_live_on_when_microsoft_has_trouble() {
    let numbers = [
        "AADSTS90024",
        "AADSTS90006",
        "AADSTS50033",
        "AADSTS90090",
        "AADSTS80001",
        "AADSTS40010",
        "AADSTS90036",
        "AADSTS50166",
        "AADSTS501621",
        "AADSTS80010",
        "AADSTS80013",
    ];
    for number in numbers {
        let fixture = refused_by_microsoft("invalid_grant", number).await;
        let account = fixture.account("microsoft365", "user_1").await.account;
        assert_eq!(account.status(), AccountStatus::Active, "{number}");
    }
}

#[tokio::test]
async fn clients_that_microsoft_refuses_are_the_connections_fault() {
    for (number, code, what) in [
        ("AADSTS7000215", ErrorCode::ClientSecretWrong, "Copy the secret's Value (not the Secret ID)"),
        ("AADSTS7000222", ErrorCode::ClientSecretExpired, "Make a new client secret"),
        ("AADSTS700016", ErrorCode::ClientUnknown, "Compare the connection's client id"),
        ("AADSTS90002", ErrorCode::WrongTenant, "Correct the connection's variable tenant"),
    ] {
        let fixture = refused_by_microsoft("invalid_client", number).await;
        let diagnosis = diagnose(&fixture, "microsoft365", "user_1").await;
        is_broken(&diagnosis);
        let finding = first(&diagnosis, code);
        assert_eq!(finding.actor, Actor::Developer);
        assert!(todo(finding).contains(what), "{number}: {}", todo(finding));
        rests_on(finding, EvidenceKind::Connection, "Microsoft 365 refuses the connection");
        rests_on(finding, EvidenceKind::Provider, number);
        // The accounts are well: one mended connection mends them all.
        let account = fixture.account("microsoft365", "user_1").await.account;
        assert_eq!(account.status(), AccountStatus::Active);
        let of = DiagnosisOf::Connection("microsoft365".into());
        let of_connection = diagnose_with(&fixture, &of, DiagnosisOptions::default()).await;
        first(&of_connection, code);
    }
}

#[tokio::test]
async fn grants_that_google_ended_by_policy_are_told() {
    let fixture = authorized("gmail").await;
    fixture.clock.advance(Duration::hours(2));
    let answer = Scripted::json(
        400,
        &json!({"error": "invalid_grant", "error_subtype": "invalid_rapt", "error_description": "reauth related error (invalid_rapt)"}),
    );
    call_with(&fixture, "gmail", "gmail_get_profile", answer).await;
    let diagnosis = diagnose(&fixture, "gmail", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::SignInRequired);
    assert!(finding.cause.contains("session control"), "{}", finding.cause);
    link(finding);
}

#[tokio::test]
async fn clients_that_google_deleted_are_told() {
    let fixture = authorized("gmail").await;
    fixture.clock.advance(Duration::hours(2));
    let answer = Scripted::error(401, "deleted_client", "The OAuth client was deleted.");
    call_with(&fixture, "gmail", "gmail_get_profile", answer).await;
    let diagnosis = diagnose(&fixture, "gmail", "user_1").await;
    let finding = first(&diagnosis, ErrorCode::ClientUnknown);
    assert!(finding.cause.contains("deleted in the Google Cloud console"), "{}", finding.cause);
}

#[tokio::test]
async fn refresh_tokens_that_github_and_atlassian_refuse_are_told() {
    for (connector, tool, status, error, description, code) in [
        (
            "github",
            "github_get_user",
            200,
            "bad_refresh_token",
            "The refresh token is incorrect or expired.",
            ErrorCode::RefreshTokenAged,
        ),
        (
            "jira",
            "jira_get_myself",
            403,
            "invalid_grant",
            "Unknown or invalid refresh token.",
            ErrorCode::RefreshTokenIdle,
        ),
    ] {
        let fixture = authorized(connector).await;
        fixture.clock.advance(Duration::hours(2));
        call_with(&fixture, connector, tool, Scripted::error(status, error, description)).await;
        let diagnosis = diagnose(&fixture, connector, "user_1").await;
        is_broken(&diagnosis);
        let finding = first(&diagnosis, code);
        rests_on(finding, EvidenceKind::Provider, error);
        link(finding);
    }
}

/// A workspace of Slack: its token reply is shaped otherwise, and tokens live 12 hours if `rotates`.
async fn slack(rotates: bool) -> EngineFixture {
    let fixture = fixture_with("slack").await;
    let mut reply = json!({
        "ok": true, "access_token": "canary-xoxb", "token_type": "bot", "scope": "chat:write,channels:read,users:read",
        "team": {"id": "T1", "name": "Team"}, "authed_user": {"id": "U1"}, "app_id": "A1",
    });
    if rotates {
        reply["refresh_token"] = json!("canary-xoxe-1");
        reply["expires_in"] = json!(43200);
    }
    fixture.provider.script("/token", [Scripted::json(200, &reply)]);
    fixture.authorize("slack", "user_1").await;
    fixture
}

#[tokio::test]
async fn errors_of_slacks_methods_are_told() {
    for (error, code, actor, what) in [
        ("token_revoked", ErrorCode::AccessRevokedByUser, Actor::EndUser, "new authorization link"),
        (
            "account_inactive",
            ErrorCode::ProviderAccountDisabled,
            Actor::ProviderAdmin,
            "administrator whether the user",
        ),
        ("missing_scope", ErrorCode::InsufficientScope, Actor::EndUser, "scope"),
        (
            "restricted_action",
            ErrorCode::AdminPolicy,
            Actor::ProviderAdmin,
            "Ask an administrator of the workspace",
        ),
        (
            "team_access_not_granted",
            ErrorCode::WorkspaceRestricted,
            Actor::ProviderAdmin,
            "add the app to the workspace",
        ),
        ("not_in_channel", ErrorCode::UpstreamForbidden, Actor::EndUser, "/invite"),
        ("messages_tab_disabled", ErrorCode::UpstreamForbidden, Actor::Developer, "App Home"),
    ] {
        let fixture = slack(false).await;
        let answer = Scripted::json(200, &json!({"ok": false, "error": error, "needed": "reactions:write"}));
        fixture.provider.script("/api/auth.test", [answer.clone(), answer]);
        let failure = call(&fixture, "slack", "slack_get_identity", json!({})).await.unwrap_err();
        let id = failure.details().execution.clone().unwrap().to_string();
        let diagnosis =
            diagnose_with(&fixture, &DiagnosisOf::Execution(id.clone()), DiagnosisOptions::default()).await;
        is_broken(&diagnosis);
        let finding = found(&diagnosis, code);
        assert_eq!(finding.actor, actor, "{error}: {finding:#?}");
        rests_on(finding, EvidenceKind::Provider, error);
        assert!(todo(finding).contains(what), "{error}: {}", todo(finding));
        assert_eq!(failure.details().diagnosis.as_ref().map(|short| short.actor), Some(actor), "{error}");
    }
}

#[tokio::test]
async fn rotation_of_slack_that_went_wrong_is_told() {
    for (error, code) in [
        ("invalid_refresh_token", ErrorCode::RefreshTokenAged),
        ("token_revoked", ErrorCode::AccessRevokedByUser),
        ("account_inactive", ErrorCode::ProviderAccountDisabled),
        ("token_expired", ErrorCode::RefreshTokenMissing),
    ] {
        let fixture = slack(true).await;
        fixture.clock.advance(Duration::hours(13));
        let answer = Scripted::json(200, &json!({"ok": false, "error": error}));
        call_with(&fixture, "slack", "slack_get_identity", answer).await;
        let diagnosis = diagnose(&fixture, "slack", "user_1").await;
        is_broken(&diagnosis);
        let finding = first(&diagnosis, code);
        rests_on(finding, EvidenceKind::Provider, error);
        assert!(!finding.remedies.is_empty(), "{error}");
    }
}

#[tokio::test]
async fn errors_of_githubs_api_are_told() {
    for (status, message, code, actor) in [
        (
            403,
            "Resource protected by organization SAML enforcement.",
            ErrorCode::WorkspaceRestricted,
            Actor::EndUser,
        ),
        (
            403,
            "Although you appear to have the correct authorization credentials, the organization has enabled OAuth App access restrictions",
            ErrorCode::AppApprovalRequired,
            Actor::ProviderAdmin,
        ),
        (
            403,
            "your IP address is not on the IP allow list of the organization",
            ErrorCode::AdminPolicy,
            Actor::ProviderAdmin,
        ),
        (404, "Not Found", ErrorCode::UpstreamNotFound, Actor::Developer),
    ] {
        let fixture = authorized("github").await;
        fixture.provider.script("/api/user", [Scripted::json(status, &json!({ "message": message }))]);
        let failure = call(&fixture, "github", "github_get_user", json!({})).await.unwrap_err();
        let id = failure.details().execution.clone().unwrap().to_string();
        let diagnosis =
            diagnose_with(&fixture, &DiagnosisOf::Execution(id), DiagnosisOptions::default()).await;
        let finding = first(&diagnosis, code);
        assert_eq!(finding.actor, actor, "{message}");
        rests_on(finding, EvidenceKind::Provider, message);
        assert!(!finding.remedies.is_empty(), "{message}");
    }
}

#[tokio::test]
async fn errors_of_atlassians_api_are_told() {
    for (status, message, code) in [
        (401, "Unauthorized; scope does not match", ErrorCode::InsufficientScope),
        (403, "Blocked by a data security policy of the organization", ErrorCode::AdminPolicy),
        (403, "The current user does not have access to this project", ErrorCode::UpstreamForbidden),
    ] {
        let fixture = authorized("jira").await;
        let answer = Scripted::json(status, &json!({ "message": message }));
        fixture.provider.script("/api/rest/api/3/myself", [answer.clone(), answer]);
        let failure = call(&fixture, "jira", "jira_get_myself", json!({})).await.unwrap_err();
        let id = failure.details().execution.clone().unwrap().to_string();
        let diagnosis =
            diagnose_with(&fixture, &DiagnosisOf::Execution(id), DiagnosisOptions::default()).await;
        let finding = found(&diagnosis, code);
        rests_on(finding, EvidenceKind::Provider, message);
        assert!(!finding.remedies.is_empty(), "{message}");
    }
}

/// What Notion, HubSpot and Salesforce answer, each in its own shape.
#[tokio::test]
async fn errors_of_notion_hubspot_and_salesforce_are_told() {
    let notion = ("notion", "notion_get_self", "/api/v1/users/me");
    let hubspot = ("hubspot", "hubspot_list_owners", "/api/crm/v3/owners");
    let salesforce = ("salesforce", "salesforce_get_user", "/api/services/oauth2/userinfo");
    for ((connector, tool, path), status, body, code, actor) in [
        (
            notion,
            404,
            json!({"object": "error", "status": 404, "code": "object_not_found", "message": "Could not find page with ID: b55c9c91."}),
            ErrorCode::UpstreamNotFound,
            Actor::EndUser,
        ),
        (
            notion,
            403,
            json!({"object": "error", "status": 403, "code": "restricted_resource", "message": "Insufficient permissions for this endpoint."}),
            ErrorCode::UpstreamForbidden,
            Actor::Developer,
        ),
        (
            hubspot,
            403,
            json!({"status": "error", "category": "MISSING_SCOPES", "message": "This app hasn't been granted all required scopes to make this call."}),
            ErrorCode::InsufficientScope,
            Actor::EndUser,
        ),
        (
            salesforce,
            403,
            json!([{"errorCode": "API_DISABLED_FOR_ORG", "message": "The REST API is not enabled for this Organization."}]),
            ErrorCode::UpstreamForbidden,
            Actor::ProviderAdmin,
        ),
    ] {
        let fixture = fixture_with(connector).await;
        if connector == "notion" {
            let owner = json!({"type": "user", "user": {"id": "u1", "name": "Ada"}});
            let reply = json!({
                "access_token": "canary-ntn", "token_type": "bearer", "refresh_token": "canary-nrt", "bot_id": "b1",
                "workspace_id": "w1", "workspace_name": "Acme", "owner": owner,
            });
            fixture.provider.script("/token", [Scripted::json(200, &reply)]);
        }
        fixture.authorize(connector, "user_1").await;
        let answer = Scripted::json(status, &body);
        fixture.provider.script(path, [answer.clone(), answer]);
        let failure = call(&fixture, connector, tool, json!({})).await.unwrap_err();
        let id = failure.details().execution.clone().unwrap().to_string();
        let diagnosis =
            diagnose_with(&fixture, &DiagnosisOf::Execution(id), DiagnosisOptions::default()).await;
        let finding = found(&diagnosis, code);
        assert_eq!(finding.actor, actor, "{connector}: {body}");
    }
}

#[tokio::test]
async fn grants_that_hubspot_and_salesforce_ended_are_told() {
    for (connector, tool, body, code, said) in [
        (
            "hubspot",
            "hubspot_list_owners",
            json!({"status": "BAD_REFRESH_TOKEN", "message": "missing or invalid refresh token"}),
            ErrorCode::AccessRevokedByUser,
            "BAD_REFRESH_TOKEN",
        ),
        (
            "salesforce",
            "salesforce_get_user",
            json!({"error": "invalid_grant", "error_description": "inactive user"}),
            ErrorCode::ProviderAccountDisabled,
            "invalid_grant",
        ),
    ] {
        let fixture = authorized(connector).await;
        fixture.clock.advance(Duration::hours(13));
        call_with(&fixture, connector, tool, Scripted::json(400, &body)).await;
        let account = fixture.account(connector, "user_1").await.account;
        assert_eq!(account.status(), AccountStatus::Revoked, "{connector}");
        let diagnosis = diagnose(&fixture, connector, "user_1").await;
        is_broken(&diagnosis);
        rests_on(first(&diagnosis, code), EvidenceKind::Provider, said);
    }
}

/// The code is the one of a grant that ended, but an address or an hour that the org does not allow ends no grant: the next
/// renewal may come from another address or at another hour.
#[tokio::test]
async fn grants_live_on_when_salesforce_refuses_the_address() {
    let fixture = authorized("salesforce").await;
    fixture.clock.advance(Duration::hours(13));
    let body = json!({"error": "invalid_grant", "error_description": "ip restricted or invalid login hours"});
    call_with(&fixture, "salesforce", "salesforce_get_user", Scripted::json(400, &body)).await;
    let account = fixture.account("salesforce", "user_1").await.account;
    assert_eq!(account.status(), AccountStatus::Active);
    let diagnosis = diagnose(&fixture, "salesforce", "user_1").await;
    let finding = found(&diagnosis, ErrorCode::RenewalsFailing);
    assert_eq!(finding.actor, Actor::ProviderAdmin);
    assert!(finding.cause.contains("network address"), "{}", finding.cause);
    rests_on(finding, EvidenceKind::Provider, "ip restricted or invalid login hours");
    assert!(todo(finding).contains("Login IP Ranges"), "{}", todo(finding));
}

/// Which of HubSpot's limits is reached is told by its policy; the one of a day does not pass in a moment.
#[tokio::test]
async fn limits_of_hubspot_are_told_by_their_policy() {
    for (policy, said) in [("DAILY", "midnight"), ("TEN_SECONDLY_ROLLING", "ten seconds")] {
        let fixture = authorized("hubspot").await;
        let body = json!({
            "status": "error", "errorType": "RATE_LIMIT", "policyName": policy,
            "message": format!("You have reached your {} limit.", policy.to_lowercase()),
        });
        let answer = Scripted::json(429, &body);
        fixture.provider.script("/api/crm/v3/owners", vec![answer; 5]);
        let failure = call(&fixture, "hubspot", "hubspot_list_owners", json!({})).await.unwrap_err();
        let id = failure.details().execution.clone().unwrap().to_string();
        let diagnosis =
            diagnose_with(&fixture, &DiagnosisOf::Execution(id), DiagnosisOptions::default()).await;
        let finding = found(&diagnosis, ErrorCode::UpstreamRateLimited);
        assert_eq!(finding.actor, Actor::Nobody);
        assert!(finding.cause.contains(said), "{policy}: {}", finding.cause);
        rests_on(finding, EvidenceKind::Provider, policy);
    }
}
