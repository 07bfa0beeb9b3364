//! What goes to authorization and token endpoints: S01, S04, S08, S09.

#![expect(clippy::unwrap_used, reason = "a test helper that fails fails the test")]

use std::collections::{BTreeMap, HashMap};

use crate::support::{
    Server,
    acme::{Acme, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI},
    egress_to, json,
};
use serde_json::{Value, json};
use time::macros::datetime;
use url::Url;
use valetkey_domain::{
    Credential, ErrorCode, ExposeSecret, Language, SecretString, Time, credential::OAuthTokens,
};
use valetkey_upstream::{
    connector::{ExpectedIssuer, IntrospectedToken, RevokedToken},
    oauth::{
        Introspected, LIMITS, RevokeOutcome, TokenReply, ask_in, authorize_url, check_issuer,
        client_credentials, exchange_code, follow_up, identity, introspect, pkce, refresh, requested_scopes,
        revoke,
    },
};

const NOW: Time = datetime!(2026-01-01 12:00 UTC);

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn scopes(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

fn query(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

fn old_tokens() -> OAuthTokens {
    OAuthTokens {
        access_token: secret("old-access-token"),
        refresh_token: Some(secret("old-refresh-token")),
        token_type: Some("Bearer".into()),
        expires_at: None,
        extra: BTreeMap::from([("user".to_owned(), secret("old-user-token"))]),
    }
}

async fn token_server() -> Server {
    Server::http(|_| json(200, r#"{"access_token":"new","token_type":"Bearer","expires_in":3600}"#)).await
}

async fn exchange(acme: &Acme, server: &Server) -> TokenReply {
    let (code, verifier) = (secret("the-code"), secret("the-verifier"));
    let callback = BTreeMap::from([("realmId".to_owned(), "42".to_owned())]);
    exchange_code(&egress_to(&[server]), &acme.config(), &code, Some(&verifier), &callback, NOW)
        .await
        .unwrap()
}

/// S01, S08.
#[test]
fn authorize_url_plain_has_all_and_no_secret() {
    let acme = Acme::new("    scopes: {default: [a, b, c], always: [openid]}\n", None);
    let challenge = pkce::challenge(&secret("v"));
    let url = authorize_url(&acme.config(), &[], &secret("st&te"), Some(&challenge)).unwrap();
    let query = query(&url);
    assert_eq!(url.host_str(), Some("acme.example"));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "a b c openid"),
        ("state", "st&te"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!url.as_str().contains("s3cret"));
    assert!(url.as_str().contains("scope=a%20b%20c%20openid"), "{url}");
}

#[test]
fn authorize_url_quirky_says_what_the_connector_says() {
    let acme = Acme::new(
        r#"
    scopes:
      separator: ","
      default: [read]
      sets: [{name: user, param: user_scope, default: [search]}]
    resource: "https://r.example"
    authorize:
      url: https://acme.example/authorize
      params: {access_type: offline, nonce: "{nonce}", response_mode: query}
      rename: {client_id: client_key}
      drop: [response_type]
      pkce: off
"#,
        None,
    );
    let config = acme.config();
    let url = authorize_url(&config, &[], &secret("s1"), Some("challenge")).unwrap();
    let pairs = query(&url);
    assert_eq!(pairs["scope"], "read");
    assert_eq!(pairs["user_scope"], "search");
    assert_eq!(pairs["client_key"], CLIENT_ID);
    assert_eq!(pairs["access_type"], "offline");
    assert_eq!(pairs["resource"], "https://r.example");
    assert!(!pairs.contains_key("response_type") && !pairs.contains_key("code_challenge"));
    let other = authorize_url(&config, &[], &secret("s2"), None).unwrap();
    assert_ne!(pairs["nonce"], query(&other)["nonce"]);

    let wanted = scopes(&["x", "y", "user:z"]);
    let pairs = query(&authorize_url(&config, &wanted, &secret("s"), None).unwrap());
    assert_eq!((pairs["scope"].as_str(), pairs["user_scope"].as_str()), ("x,y", "z"));
    assert_eq!(requested_scopes(acme.profile(), &[]), ["read", "user:search"]);
}

/// OpenID Connect Core §3.1.2.1: where the connector names the parameter, and nothing that it fixes is changed.
#[test]
fn language_is_told_where_the_connector_says_how() {
    let told = |authorize: &str| {
        let authorize = format!("    authorize: {{url: \"https://acme.example/authorize\"{authorize}}}\n");
        let acme = Acme::new(&authorize, None);
        let mut url = authorize_url(&acme.config(), &[], &secret("s"), None).unwrap();
        ask_in(&mut url, acme.profile(), Language::French);
        query(&url)
    };
    assert_eq!(told(", locale_param: ui_locales")["ui_locales"], "fr");
    assert_eq!(told(", locale_param: hl")["hl"], "fr");
    assert_eq!(told(", locale_param: hl, params: {hl: de}")["hl"], "de");
    assert!(!told("").contains_key("ui_locales"));
    assert_eq!(told(", locale_param: hl")["state"], "s");
}

/// S09: nothing but what is configured, and what the connector cannot do without.
#[test]
fn scopes_requested_are_the_connections_own() {
    let acme = Acme::new("    scopes: {default: [a, b], always: [offline_access]}\n", None);
    assert_eq!(requested_scopes(acme.profile(), &scopes(&["c", "c"])), ["c", "offline_access"]);
    assert_eq!(requested_scopes(acme.profile(), &scopes(&["offline_access"])), ["offline_access"]);
}

/// S04: iss present or absent × promised or not; plain text comparison.
#[test]
fn issuer_of_callback_is_compared_byte_for_byte() {
    let issuer = "https://as.example";
    let exact = |required| ExpectedIssuer::Exact { issuer: issuer.into(), required };
    let near_misses = [
        "https://as.example/",
        "https://AS.example",
        "HTTPS://as.example",
        "https://as.example:443",
        "http://as.example",
        "https://as.example.",
        "https://as.example/x",
        "https://evil.example",
        "",
        " ",
        "https://as.example ",
        "https://as.example\0",
        "https://as.example@evil.example",
        "as.example",
        "https://xn--as.example",
        "https://as.example?x",
        "https://as.example#x",
        "//as.example",
        "https://as%2Eexample",
        "https://as.example.evil.example",
    ];
    for required in [true, false] {
        assert!(check_issuer(&exact(required), Some(issuer)).is_ok());
        for iss in near_misses {
            let error = check_issuer(&exact(required), Some(iss)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::IssuerMismatch, "{iss}");
        }
    }
    assert!(check_issuer(&exact(true), None).is_err());
    assert!(check_issuer(&exact(false), None).is_ok());

    let same = ExpectedIssuer::SameOrigin("https://as.example/oauth/authorize".parse().unwrap());
    assert!(check_issuer(&same, None).is_ok());
    assert!(check_issuer(&same, Some("https://as.example/tenant")).is_ok());
    for iss in
        ["https://as.example.evil.example", "https://as.example:443", "https://as.example@evil.example", ""]
    {
        assert!(check_issuer(&same, Some(iss)).is_err(), "{iss}");
    }
    assert!(check_issuer(&ExpectedIssuer::Unknown, Some("https://any.example")).is_ok());
}

#[tokio::test]
async fn exchange_plain_is_a_form_with_verifier() {
    let server = token_server().await;
    let reply = exchange(&Acme::new("", Some(&server)), &server).await;
    assert_eq!(reply.tokens.access_token.expose_secret(), "new");
    assert_eq!(reply.tokens.expires_at, Some(NOW + time::Duration::hours(1)));
    assert_eq!(reply.scopes, None);
    let got = server.last();
    assert_eq!((got.method.as_str(), got.target.as_str()), ("POST", "/token"));
    assert_eq!(got.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(got.header("accept"), Some("application/json"));
    for (name, value) in [
        ("grant_type", "authorization_code"),
        ("code", "the-code"),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", "the-verifier"),
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
    ] {
        assert_eq!(got.field(name).as_deref(), Some(value), "{name}");
    }
}

/// S08; RFC 6749 §2.3.1.
#[tokio::test]
async fn client_proves_itself_as_the_connector_says() {
    // base64 of: form-encoded pair; raw pair; secret and nothing.
    let encoded = "cli+ent%3A1:s3cret%26with%3Dodd%2Fchars%2B%25";
    let raw = format!("{CLIENT_ID}:{CLIENT_SECRET}");
    let alone = format!("{CLIENT_SECRET}:");
    for (auth, basic, in_body) in [
        ("basic", Some(encoded), None),
        ("basic_raw", Some(raw.as_str()), None),
        ("basic_secret_as_username", Some(alone.as_str()), None),
        ("none", None, Some(CLIENT_ID)),
        ("nothing", None, None),
    ] {
        let server = token_server().await;
        let yaml = format!("    token: {{url: 'https://acme.example/t', request: {{auth: {auth}}}}}\n");
        exchange(&Acme::new(&yaml, Some(&server)), &server).await;
        let got = server.last();
        let expected = basic.map(|pair| {
            use base64::Engine as _;
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        });
        assert_eq!(got.header("authorization"), expected.as_deref(), "{auth}");
        assert_eq!(got.field("client_id").as_deref(), in_body, "{auth}");
        assert_eq!(got.field("client_secret"), None, "{auth}");
        assert!(!got.target.contains("s3cret"), "{auth}");
    }
    let server = token_server().await;
    exchange(&Acme::new("", Some(&server)).public(), &server).await;
    assert_eq!(server.last().field("client_id").as_deref(), Some(CLIENT_ID));
    assert_eq!(server.last().field("client_secret"), None);
}

#[tokio::test]
async fn exchange_quirky_is_put_together_as_told() {
    let server = token_server().await;
    let acme = Acme::new(
        r#"
    authorize:
      url: https://acme.example/authorize
      metadata: {realm: realmId}
    token:
      url: https://acme.example/token
      request:
        body: json
        rename: {client_id: app_id, code: auth_code}
        drop: [redirect_uri]
        in_query: [grant_type]
        params: {realm: "{callback.realmId}", never: "{refresh_token}"}
        headers: {X-Api-Key: "{client_secret}"}
"#,
        Some(&server),
    );
    let reply = exchange(&acme, &server).await;
    assert_eq!(reply.metadata["realm"], "42");
    let got = server.last();
    assert_eq!(got.target, "/token?grant_type=authorization_code");
    assert_eq!(got.header("x-api-key"), Some(CLIENT_SECRET));
    let body: Value = serde_json::from_slice(&got.body).unwrap();
    assert_eq!(
        body,
        json!({"app_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "auth_code": "the-code",
               "code_verifier": "the-verifier", "realm": "42"})
    );
}

#[tokio::test]
async fn exchange_in_two_steps_gives_the_longer_token() {
    let server = Server::http(|request| match request.method.as_str() {
        "POST" => json(200, r#"{"access_token":"short","user_id":7}"#),
        _ => json(200, r#"{"access_token":"long","expires_in":5184000}"#),
    })
    .await;
    let acme = Acme::new(
        r#"
    exchange:
      url: https://acme.example/long
      grant_type: ig_exchange_token
      request: {method: GET, auth: nothing, params: {access_token: "{access_token}"}}
    token:
      url: https://acme.example/token
      reply: {subject: [user_id]}
"#,
        Some(&server),
    );
    let reply = exchange(&acme, &server).await;
    assert_eq!(reply.tokens.access_token.expose_secret(), "long");
    assert_eq!(reply.tokens.expires_at, Some(NOW + time::Duration::days(60)));
    assert_eq!(reply.identity.unwrap().subject.as_deref(), Some("7"));
    assert_eq!(server.last().target, "/long?grant_type=ig_exchange_token&access_token=short");
}

#[tokio::test]
async fn refresh_reply_without_refresh_token_keeps_the_old_one() {
    let server = token_server().await;
    let acme = Acme::new("    refresh: {send_scopes: true}\n    scopes: {default: [a]}\n", Some(&server));
    let reply =
        refresh(&egress_to(&[&server]), &acme.config(), &old_tokens(), &scopes(&["b"]), LIMITS.deadline, NOW)
            .await
            .unwrap();
    assert_eq!(reply.tokens.refresh_token.unwrap().expose_secret(), "old-refresh-token");
    assert_eq!(reply.tokens.extra["user"].expose_secret(), "old-user-token");
    let got = server.last();
    assert_eq!(got.field("grant_type").as_deref(), Some("refresh_token"));
    assert_eq!(got.field("refresh_token").as_deref(), Some("old-refresh-token"));
    assert_eq!(got.field("scope").as_deref(), Some("b"));
    assert_eq!(got.field("redirect_uri"), None);
}

#[tokio::test]
async fn refresh_separate_goes_elsewhere_and_reads_another_shape() {
    let server =
        Server::http(|_| json(200, r#"{"data":{"token":"n","next":"r2","expires":1767272400000}}"#)).await;
    let acme = Acme::new(
        r#"
    refresh:
      url: https://acme.example/oauth/refresh
      request: {auth: basic}
      reply:
        access_token: data.token
        refresh_token: data.next
        expiry: {path: data.expires, unit: unix_milliseconds}
"#,
        Some(&server),
    );
    let reply = refresh(&egress_to(&[&server]), &acme.config(), &old_tokens(), &[], LIMITS.deadline, NOW)
        .await
        .unwrap();
    assert_eq!(reply.tokens.refresh_token.unwrap().expose_secret(), "r2");
    assert_eq!(reply.tokens.expires_at, Some(datetime!(2026-01-01 13:00 UTC)));
    assert_eq!(server.last().target, "/oauth/refresh");
    assert!(server.last().header("authorization").is_some());
}

#[tokio::test]
async fn refresh_by_access_token_exchanges_it() {
    let server = token_server().await;
    let acme = Acme::new(
        r#"
    refresh:
      by: access_token
      grant_type: fb_exchange_token
      request: {params: {fb_exchange_token: "{access_token}"}}
"#,
        Some(&server),
    );
    refresh(&egress_to(&[&server]), &acme.config(), &old_tokens(), &[], LIMITS.deadline, NOW).await.unwrap();
    assert_eq!(server.last().field("fb_exchange_token").as_deref(), Some("old-access-token"));
    assert_eq!(server.last().field("refresh_token"), None);
}

#[tokio::test]
async fn refresh_without_means_is_not_possible() {
    let server = token_server().await;
    let without = OAuthTokens { refresh_token: None, ..old_tokens() };
    for (yaml, tokens) in [("", without), ("    refresh: {by: never}\n", old_tokens())] {
        let acme = Acme::new(yaml, Some(&server));
        let failure = refresh(&egress_to(&[&server]), &acme.config(), &tokens, &[], LIMITS.deadline, NOW)
            .await
            .unwrap_err();
        assert_eq!(failure.code, ErrorCode::RefreshNotPossible);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn client_credentials_name_scopes_and_audience() {
    let server = token_server().await;
    let acme =
        Acme::of("client_credentials", "    scopes: {default: [a, b]}\n    audience: aud\n", Some(&server));
    client_credentials(&egress_to(&[&server]), &acme.config(), &[], LIMITS.deadline, NOW).await.unwrap();
    let got = server.last();
    assert_eq!(got.field("grant_type").as_deref(), Some("client_credentials"));
    assert_eq!(got.field("scope").as_deref(), Some("a b"));
    assert_eq!(got.field("audience").as_deref(), Some("aud"));
}

/// S13: RFC 7009, the refresh token first.
#[tokio::test]
async fn revocation_standard_hands_in_both_tokens() {
    let server = Server::http(|_| json(200, "")).await;
    let mut acme = Acme::new("    revoke: {url: https://acme.example/revoke}\n", Some(&server));
    let egress = egress_to(&[&server]);
    // The tokens come from an overridden endpoint: they do not go to the connector's own.
    let outcome = revoke(&egress, &acme.config(), &old_tokens(), NOW).await.unwrap();
    assert_eq!(outcome, RevokeOutcome::NotOffered);
    acme.overrides.revoke_url = Some(server.url("/revoke"));
    let outcome = revoke(&egress, &acme.config(), &old_tokens(), NOW).await.unwrap();
    assert!(matches!(outcome, RevokeOutcome::Revoked { ref tokens, .. } if tokens.len() == 2), "{outcome:?}");
    let got = server.received();
    let field = |index: usize, name: &str| got[index].field(name).unwrap();
    assert_eq!(
        (field(0, "token").as_str(), field(0, "token_type_hint").as_str()),
        ("old-refresh-token", "refresh_token")
    );
    assert_eq!(
        (field(1, "token").as_str(), field(1, "token_type_hint").as_str()),
        ("old-access-token", "access_token")
    );
    assert_eq!(field(0, "client_secret"), CLIENT_SECRET);
}

#[tokio::test]
async fn revocation_as_a_deleted_resource_fits_the_connector() {
    let server = Server::http(|_| crate::support::answer(204, &[], "")).await;
    let mut acme = Acme::new(
        r#"
    revoke:
      url: https://acme.example/applications/{client_id}/grant
      method: DELETE
      auth: basic
      body: json
      params: {access_token: "{token}"}
      tokens: [access_token]
      reach: user_and_client
"#,
        Some(&server),
    );
    acme.overrides.revoke_url = Some(server.url("/applications/x/grant"));
    let outcome = revoke(&egress_to(&[&server]), &acme.config(), &old_tokens(), NOW).await.unwrap();
    assert!(matches!(outcome, RevokeOutcome::Revoked { .. }), "{outcome:?}");
    let got = server.last();
    assert_eq!(
        (got.method.as_str(), got.text().as_str()),
        ("DELETE", r#"{"access_token":"old-access-token"}"#)
    );
    assert!(got.header("authorization").unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn revocation_refused_says_so_without_secrets() {
    for (status, body, transient) in [
        (503, "{}", true),
        (400, r#"{"error":"invalid_client","error_description":"bad s3cret&with=odd/chars+%"}"#, false),
        (200, r#"{"ok":false,"error":"no_permission"}"#, false),
    ] {
        let server = Server::http(move |_| {
            crate::support::answer(
                status,
                &[("Retry-After", "7"), ("Content-Type", "application/json")],
                body,
            )
        })
        .await;
        let mut acme = Acme::new("", Some(&server));
        acme.overrides.revoke_url = Some(server.url("/revoke"));
        match revoke(&egress_to(&[&server]), &acme.config(), &old_tokens(), NOW).await.unwrap() {
            RevokeOutcome::Refused { evidence, transient: found, retry_after, tokens } => {
                assert_eq!(tokens, [], "{body}");
                assert_eq!(found, transient, "{body}");
                assert_eq!(retry_after.unwrap().as_secs(), 7);
                assert!(!format!("{evidence:?}").contains("s3cret"), "{evidence:?}");
            }
            other => panic!("{body}: {other:?}"),
        }
    }
}

/// S13: a grant whose refresh token is refused lives on, whatever became of its access token.
#[tokio::test]
async fn revocation_of_the_access_token_alone_is_not_enough() {
    let server = Server::http(|request| {
        let refresh = request.field("token").is_some_and(|token| token == "old-refresh-token");
        crate::support::answer(if refresh { 503 } else { 200 }, &[("Retry-After", "9")], "")
    })
    .await;
    let mut acme = Acme::new("", Some(&server));
    acme.overrides.revoke_url = Some(server.url("/revoke"));
    match revoke(&egress_to(&[&server]), &acme.config(), &old_tokens(), NOW).await.unwrap() {
        RevokeOutcome::Refused { tokens, retry_after, transient, .. } => {
            assert_eq!(tokens, [RevokedToken::AccessToken]);
            assert_eq!((retry_after.unwrap().as_secs(), transient), (9, true));
        }
        other => panic!("{other:?}"),
    }
}

/// Where each token is revoked by itself, one that stays alive is not passed over.
#[tokio::test]
async fn revocation_that_reaches_one_token_needs_all_of_them() {
    for (reach, whole) in [("token", false), ("grant", true)] {
        let server = Server::http(|request| {
            let refresh = request.field("token").is_some_and(|token| token == "old-refresh-token");
            crate::support::answer(if refresh { 200 } else { 500 }, &[], "")
        })
        .await;
        let file = format!("    revoke: {{url: https://acme.example/revoke, reach: {reach}}}\n");
        let mut acme = Acme::new(&file, Some(&server));
        acme.overrides.revoke_url = Some(server.url("/revoke"));
        let outcome = revoke(&egress_to(&[&server]), &acme.config(), &old_tokens(), NOW).await.unwrap();
        assert_eq!(matches!(outcome, RevokeOutcome::Revoked { .. }), whole, "{reach}: {outcome:?}");
        assert_eq!(server.received().len(), 2);
    }
}

#[tokio::test]
async fn identity_comes_from_userinfo_and_follow_ups() {
    let server = Server::http(|request| match request.target.as_str() {
        "/api/me" => json(200, r#"{"team":{"id":"T1"},"id":"U1","mail":"a@b.c"}"#),
        "/api/sites" => json(200, r#"[{"id":"cloud-1"}]"#),
        _ => json(404, "{}"),
    })
    .await;
    let acme = Acme::new(
        r#"
    userinfo: {url: /me, subject: [team.id, id], label: [nothing, mail], metadata: {team: team.id}}
    follow_ups: [{url: /sites, metadata: {cloud_id: "[0].id"}}]
"#,
        Some(&server),
    );
    let credential = Credential::OAuth(old_tokens());
    let egress = egress_to(&[&server]);
    let found = identity(&egress, &acme.target(), &credential).await.unwrap().unwrap();
    assert_eq!((found.subject.as_deref(), found.label.as_deref()), (Some("T1:U1"), Some("a@b.c")));
    assert_eq!(found.metadata["team"], "T1");
    assert_eq!(server.last().header("authorization"), Some("Bearer old-access-token"));
    let facts = follow_up(&egress, &acme.target(), &credential, &BTreeMap::new()).await.unwrap();
    assert_eq!(facts["cloud_id"], "cloud-1");
}

const INTROSPECT: &str = r#"
    introspect: {url: "https://acme.example/oauth/introspect", tokens: [access_token, refresh_token]}
"#;

/// RFC 7662 §2.1: the token, a hint, and the client's own proof; the endpoint moves with the token endpoint.
#[tokio::test]
async fn introspection_asks_as_the_token_endpoint_and_reads_active_and_expiry() {
    let server = Server::http(|_| json(200, r#"{"active":true,"exp":1767272400}"#)).await;
    let acme = Acme::new(INTROSPECT, Some(&server));
    let egress = egress_to(&[&server]);
    let asked =
        introspect(&egress, &acme.config(), &old_tokens(), IntrospectedToken::RefreshToken).await.unwrap();
    let until = time::macros::datetime!(2026-01-01 13:00 UTC);
    assert_eq!(asked, Some(Introspected { active: true, expires_at: Some(until) }));
    let seen = server.last();
    assert_eq!(seen.target, "/oauth/introspect");
    let refresh_token = old_tokens().refresh_token.unwrap();
    assert_eq!(seen.field("token").as_deref(), Some(refresh_token.expose_secret()));
    assert_eq!(seen.field("token_type_hint").as_deref(), Some("refresh_token"));
    assert_eq!(seen.field("client_secret").as_deref(), Some(CLIENT_SECRET));
}

/// A provider says `active: false` about kinds of tokens that it does not know: nothing is asked that is not stated.
#[tokio::test]
async fn introspection_of_a_kind_that_is_not_stated_asks_nobody() {
    let server = Server::http(|_| json(200, r#"{"active":false}"#)).await;
    let acme = Acme::new("    introspect: {url: \"https://acme.example/introspect\"}", Some(&server));
    let egress = egress_to(&[&server]);
    let asked = introspect(&egress, &acme.config(), &old_tokens(), IntrospectedToken::RefreshToken).await;
    assert_eq!(asked.unwrap(), None);
    assert_eq!(server.received().len(), 0);
}

/// Anything but a clear yes or no says nothing about the token.
#[tokio::test]
async fn introspection_without_a_clear_answer_is_an_error() {
    for (status, body) in
        [(200, "{}"), (200, r#"{"active":"true"}"#), (200, "<html>"), (401, "{}"), (503, "")]
    {
        let server = Server::http(move |_| json(status, body)).await;
        let acme = Acme::new(INTROSPECT, Some(&server));
        let egress = egress_to(&[&server]);
        let asked = introspect(&egress, &acme.config(), &old_tokens(), IntrospectedToken::AccessToken).await;
        assert!(asked.is_err(), "{status} {body}: {asked:?}");
    }
}
