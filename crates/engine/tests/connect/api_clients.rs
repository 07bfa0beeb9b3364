//! Who may call: clients, static tokens, access tokens.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use valetkey_domain::{ErrorCode, ExposeSecret, Permission, Permissions, SecretString};
use valetkey_engine::{CreatedApiClient, NewApiClient, NewApiToken};
use valetkey_testkit::engine_fixture::{EngineFixture, PUBLIC_URL};

async fn client(fixture: &EngineFixture) -> CreatedApiClient {
    let new = NewApiClient { name: "agents".into(), permissions: None };
    fixture.engine.create_api_client(&fixture.caller, new).await.unwrap()
}

fn token_of(client: &CreatedApiClient) -> NewApiToken {
    NewApiToken { name: "t".into(), client: Some(client.client.id.to_string()), ..NewApiToken::default() }
}

async fn access_token(fixture: &EngineFixture, client: &CreatedApiClient) -> String {
    let issued = fixture.engine.issue_access_token(client.client.id.as_str(), &client.secret).await.unwrap();
    issued.token.expose_secret().to_owned()
}

fn reason(error: &valetkey_domain::Error) -> &str {
    assert_eq!(error.code(), ErrorCode::Unauthenticated);
    &error.details().message
}

/// S36: shown once, only the hash is stored.
#[tokio::test]
async fn secrets_minted_are_stored_as_hashes_only() {
    let fixture = EngineFixture::start().await;
    let client = client(&fixture).await;
    let secret = client.secret.expose_secret();
    assert!(secret.starts_with("vks_") && secret.len() >= 47);
    let new = NewApiToken { name: "curl".into(), ..NewApiToken::default() };
    let caller = fixture.engine.authenticate(&access_token(&fixture, &client).await).await.unwrap();
    let token = fixture.engine.create_api_token(&caller, new).await.unwrap();
    let text = token.secret.expose_secret();
    assert!(text.starts_with("vk_"));
    assert!(text.starts_with(token.token.hint.trim_end_matches('…')));
    let written = fixture.written();
    for secret in [secret, text, &text[3..20], &secret[4..20]] {
        assert!(!written.windows(secret.len()).any(|w| w == secret.as_bytes()));
    }
    for printed in [format!("{client:?}"), format!("{token:?}")] {
        assert!(!printed.contains(secret) && !printed.contains(text));
    }
}

#[tokio::test]
async fn access_token_carries_its_claims_and_verifies_against_jwks() {
    let fixture = EngineFixture::start().await;
    let client = client(&fixture).await;
    let token = access_token(&fixture, &client).await;
    let jwks = fixture.engine.jwks().await.unwrap();
    let key = &jwks["keys"][0];
    for name in ["kid", "kty", "n", "e", "use", "alg"] {
        assert!(key[name].is_string(), "{name}");
    }
    assert_eq!(
        (key["kty"].as_str(), key["alg"].as_str(), key["use"].as_str()),
        (Some("RSA"), Some("RS256"), Some("sig"))
    );
    assert!(key.get("d").is_none());
    let parts: Vec<_> = token.split('.').collect();
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(read(parts[0])["kid"], key["kid"]);
    let claims = read(parts[1]);
    assert_eq!(claims["iss"], PUBLIC_URL);
    assert_eq!(claims["sub"], client.client.id.as_str());
    assert_eq!(claims["client_id"], client.client.id.as_str());
    assert_eq!(claims["environment"], fixture.caller.environment.as_str());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert!(claims["scopes"].as_array().unwrap().contains(&json!("connected_accounts:read")));
    let caller = fixture.engine.authenticate(&token).await.unwrap();
    assert_eq!(caller.client, client.client.id);
    assert_eq!(caller.permissions, Permissions::standard());
    assert_eq!(caller.token, None);
}

#[tokio::test]
async fn signing_key_is_made_once_and_kept() {
    let fixture = EngineFixture::start().await;
    let sets = futures::future::join_all((0..5).map(|_| fixture.engine.jwks())).await;
    let first = sets[0].as_ref().unwrap();
    assert!(sets.iter().all(|set| set.as_ref().unwrap() == first));
    assert_eq!(first["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn credentials_wrong_are_refused_alike() {
    let fixture = EngineFixture::start().await;
    let client = client(&fixture).await;
    let id = client.client.id.as_str();
    let wrong = SecretString::from("vks_wrong");
    let mut errors = Vec::new();
    for (id, secret) in [(id, &wrong), ("vkc_unknown", &client.secret), ("", &wrong), ("a/b c", &wrong)] {
        errors.push(fixture.engine.issue_access_token(id, secret).await.unwrap_err());
    }
    fixture.engine.disable_api_client(&fixture.caller, id).await.unwrap();
    errors.push(fixture.engine.issue_access_token(id, &client.secret).await.unwrap_err());
    for error in &errors {
        assert_eq!(error.code(), ErrorCode::InvalidClientCredentials);
        assert_eq!(error, &errors[0]);
    }
}

#[tokio::test]
async fn access_token_bad_in_any_way_is_refused_and_says_why() {
    let fixture = EngineFixture::start().await;
    let client = client(&fixture).await;
    let token = access_token(&fixture, &client).await;
    let parts: Vec<_> = token.split('.').collect();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let kid = fixture.engine.jwks().await.unwrap()["keys"][0]["kid"].clone();
    let header = |alg: &str, kid: &Value| encode(&json!({"alg": alg, "typ": "JWT", "kid": kid}));
    let table = [
        (String::new(), "malformed"),
        ("garbage".to_owned(), "malformed"),
        ("a.b.c".to_owned(), "malformed"),
        (format!("{}.{}.", header("none", &kid), parts[1]), "malformed"),
        (format!("{}.{}.{}", header("HS256", &kid), parts[1], parts[2]), "algorithm"),
        (format!("{}.{}.{}", header("PS256", &kid), parts[1], parts[2]), "algorithm"),
        (format!("{}.{}.{}", header("ES256", &kid), parts[1], parts[2]), "algorithm"),
        (format!("{}.{}.{}", header("RS256", &json!("other")), parts[1], parts[2]), "unknown key"),
        (format!("{}.{}.{}", parts[0], encode(&json!({"sub": "x"})), parts[2]), "signature"),
        (format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([7; 256])), "signature"),
        ("x".repeat(100_000), "malformed"),
    ];
    for (token, why) in table {
        let error = fixture.engine.authenticate(&token).await.unwrap_err();
        assert!(reason(&error).contains(why), "{why}: {error}");
    }
    fixture.clock.advance(time::Duration::seconds(3599));
    assert!(fixture.engine.authenticate(&token).await.is_ok());
    fixture.clock.advance(time::Duration::seconds(1));
    let error = fixture.engine.authenticate(&token).await.unwrap_err();
    assert!(reason(&error).contains("expired"));
}

#[tokio::test]
async fn api_token_works_until_revoked_expired_or_client_disabled() {
    let fixture = EngineFixture::start().await;
    let client = client(&fixture).await;
    let create = |expires_at| {
        let new = NewApiToken {
            name: "t".into(),
            client: Some(client.client.id.to_string()),
            permissions: None,
            expires_at,
            ..NewApiToken::default()
        };
        async { fixture.engine.create_api_token(&fixture.caller, new).await.unwrap() }
    };
    let engine = &fixture.engine;
    let token = create(None).await;
    let caller = engine.authenticate(token.secret.expose_secret()).await.unwrap();
    assert_eq!((caller.token.as_ref(), &caller.client), (Some(&token.token.id), &client.client.id));
    assert_eq!(caller.actor(), format!("token:{}", token.token.id));
    engine.revoke_api_token(&fixture.caller, token.token.id.as_str()).await.unwrap();
    let error = engine.authenticate(token.secret.expose_secret()).await.unwrap_err();
    assert!(reason(&error).contains("revoked"));

    let short = create(Some(fixture.now() + time::Duration::minutes(1))).await;
    assert!(engine.authenticate(short.secret.expose_secret()).await.is_ok());
    fixture.clock.advance(time::Duration::minutes(1));
    let error = engine.authenticate(short.secret.expose_secret()).await.unwrap_err();
    assert!(reason(&error).contains("expired"));

    let last = create(None).await;
    let jwt = access_token(&fixture, &client).await;
    assert!(engine.authenticate(&jwt).await.is_ok());
    engine.disable_api_client(&fixture.caller, client.client.id.as_str()).await.unwrap();
    for bearer in [last.secret.expose_secret(), jwt.as_str()] {
        assert!(reason(&engine.authenticate(bearer).await.unwrap_err()).contains("disabled"));
    }
    let mut typo = last.secret.expose_secret().to_owned();
    typo.replace_range(10..11, if &typo[10..11] == "x" { "y" } else { "x" });
    assert!(reason(&engine.authenticate(&typo).await.unwrap_err()).contains("malformed"));
}

#[tokio::test]
async fn permissions_never_grow() {
    let fixture = EngineFixture::start().await;
    let client = client(&fixture).await;
    let caller = fixture.engine.authenticate(&access_token(&fixture, &client).await).await.unwrap();
    let greedy: Permissions = [Permission::CredentialsRead].into_iter().collect();
    let token = NewApiToken { name: "t".into(), permissions: Some(greedy.clone()), ..NewApiToken::default() };
    let error = fixture.engine.create_api_token(&caller, token).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PermissionDenied);
    assert_eq!(error.details().fields[0].field, "permissions");
    let new = NewApiClient { name: "c".into(), permissions: Some(greedy) };
    let error = fixture.engine.create_api_client(&caller, new).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PermissionDenied);
    let narrow: Permissions = [Permission::ApiClientsManage, Permission::ToolsRead].into_iter().collect();
    let token = NewApiToken { name: "t".into(), permissions: Some(narrow.clone()), ..NewApiToken::default() };
    let token = fixture.engine.create_api_token(&caller, token).await.unwrap();
    let by_token = fixture.engine.authenticate(token.secret.expose_secret()).await.unwrap();
    assert_eq!(by_token.permissions, narrow);
    let inherited = NewApiToken { name: "u".into(), ..NewApiToken::default() };
    let inherited = fixture.engine.create_api_token(&by_token, inherited).await.unwrap();
    assert_eq!(inherited.token.permissions, narrow, "a token makes no stronger token");
}

#[tokio::test]
async fn bootstrap_client_is_idempotent_and_follows_its_secret() {
    let fixture = EngineFixture::start().await;
    let engine = &fixture.engine;
    let (one, two) = (SecretString::from("first-secret-0123"), SecretString::from("second-secret-456"));
    let first = engine.ensure_bootstrap_client("skc_123", &one).await.unwrap();
    assert_eq!(engine.ensure_bootstrap_client("skc_123", &one).await.unwrap(), first);
    assert!(engine.issue_access_token("skc_123", &one).await.is_ok());
    engine.ensure_bootstrap_client("skc_123", &two).await.unwrap();
    assert!(engine.issue_access_token("skc_123", &one).await.is_err());
    assert!(engine.issue_access_token("skc_123", &two).await.is_ok());
    let short = engine.ensure_bootstrap_client("skc_123", &SecretString::from("short")).await.unwrap_err();
    assert_eq!(short.details().fields[0].field, "bootstrap_client_secret");
    let bad = engine.ensure_bootstrap_client("a b", &one).await.unwrap_err();
    assert_eq!(bad.details().fields[0].field, "bootstrap_client_id");
}

/// S39: another environment's clients and tokens are as good as none.
#[tokio::test]
async fn clients_and_tokens_stay_in_their_environment() {
    let fixture = EngineFixture::start().await;
    let client = client(&fixture).await;
    let new = NewApiToken {
        name: "t".into(),
        client: Some(client.client.id.to_string()),
        ..NewApiToken::default()
    };
    let token = fixture.engine.create_api_token(&fixture.caller, new.clone()).await.unwrap();
    let stranger = fixture.stranger().await;
    let engine = &fixture.engine;
    let error = engine.disable_api_client(&stranger, client.client.id.as_str()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ApiClientNotFound);
    let error = engine.revoke_api_token(&stranger, token.token.id.as_str()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ApiTokenNotFound);
    assert_eq!(
        engine.create_api_token(&stranger, new).await.unwrap_err().code(),
        ErrorCode::ApiClientNotFound
    );
    assert!(engine.list_api_clients(&stranger).await.unwrap().is_empty());
    assert!(engine.list_api_tokens(&stranger).await.unwrap().is_empty());
    assert!(engine.authenticate(token.secret.expose_secret()).await.is_ok());
}

/// S42: what is revoked at one replica is refused there at once, and two seconds later at every other, for tokens and for
/// clients, a hundred times.
#[tokio::test]
async fn revocation_at_one_replica_holds_at_all_after_two_seconds() {
    let fixture = EngineFixture::start().await;
    let replicas = [fixture.replica().await, fixture.replica().await, fixture.replica().await];
    let kept =
        fixture.engine.create_api_token(&fixture.caller, token_of(&client(&fixture).await)).await.unwrap();
    let mut revoked = Vec::new();
    for number in 0..100 {
        let client = client(&fixture).await;
        let made = fixture.engine.create_api_token(&fixture.caller, token_of(&client)).await.unwrap();
        let bearer = made.secret.expose_secret().to_owned();
        for replica in &replicas {
            replica.authenticate(&bearer).await.unwrap();
        }
        let here = &replicas[number % replicas.len()];
        match number % 2 {
            0 => drop(here.revoke_api_token(&fixture.caller, made.token.id.as_str()).await.unwrap()),
            _ => drop(here.disable_api_client(&fixture.caller, client.client.id.as_str()).await.unwrap()),
        }
        assert_eq!(here.authenticate(&bearer).await.unwrap_err().code(), ErrorCode::Unauthenticated);
        revoked.push(bearer);
    }
    // The bound itself: whoever asks from now on asks two seconds or more after each of them.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    for replica in &replicas {
        for bearer in &revoked {
            let refused = replica.authenticate(bearer).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::Unauthenticated);
        }
        replica.authenticate(kept.secret.expose_secret()).await.unwrap();
    }
}
