//! Whose is a failure of the token endpoint? And: nothing that it answers breaks us. R5, R7, R9, S56.

use std::{collections::BTreeMap, io::Write as _, time::Duration};

use crate::support::{
    Server,
    acme::{Acme, CLIENT_SECRET},
    answer, egress_to, json,
};
use time::macros::datetime;
use valetkey_domain::{Error, ErrorCode, ExposeSecret, SecretString, Time, credential::OAuthTokens};
use valetkey_upstream::{
    connector::Death,
    http::{Egress, EgressSettings},
    oauth::{FailureClass, LIMITS, TokenFailure, TokenReply, client_credentials, exchange_code, refresh},
};

const NOW: Time = datetime!(2026-01-01 12:00 UTC);
const REFRESH_TOKEN: &str = "rt-canary-0123456789/abcdef+xyz";
const ACCESS_TOKEN: &str = "at-canary-0123456789.abcdef";
const CODE: &str = "code-canary-0123456789";

fn tokens() -> OAuthTokens {
    OAuthTokens {
        access_token: SecretString::from(ACCESS_TOKEN),
        refresh_token: Some(SecretString::from(REFRESH_TOKEN)),
        token_type: None,
        expires_at: None,
        extra: BTreeMap::new(),
    }
}

async fn refresh_against(acme_yaml: &str, bytes: Vec<u8>) -> Result<TokenReply, TokenFailure> {
    let server = Server::http(move |_| bytes.clone()).await;
    let acme = Acme::new(acme_yaml, Some(&server));
    refresh(&egress_to(&[&server]), &acme.config(), &tokens(), &[], LIMITS.deadline, NOW).await
}

async fn exchange_against(acme_yaml: &str, bytes: Vec<u8>) -> Result<TokenReply, TokenFailure> {
    let server = Server::http(move |_| bytes.clone()).await;
    let acme = Acme::new(acme_yaml, Some(&server));
    let code = SecretString::from(CODE);
    exchange_code(&egress_to(&[&server]), &acme.config(), &code, None, &BTreeMap::new(), NOW).await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Dead,
    Transient,
    Configuration,
}
use Class::{Configuration, Dead, Transient};

fn class(failure: &TokenFailure) -> Class {
    match failure.class {
        FailureClass::Dead => Dead,
        FailureClass::Transient { .. } => Transient,
        FailureClass::Configuration => Configuration,
    }
}

/// Invariant: only evidence about the grant itself is held against the grant.
#[tokio::test]
async fn refresh_refused_is_classed_by_whose_it_is() {
    let rules = r#"
    errors:
      - {code: invalid_grant, text: AADSTS700082, class: dead, death: expired, note: Idle for 90 days.}
      - {code: invalid_grant, text: AADSTS7000012, class: configuration}
      - {code: odd_dead_code, class: dead, death: revoked}
      - {status: 418, class: transient}
      - {status: 400, class: transient}
"#;
    for (status, body, expected, code) in [
        (400, r#"{"error":"invalid_grant"}"#, Dead, ErrorCode::RefreshRefused),
        (401, r#"{"error":"invalid_grant"}"#, Dead, ErrorCode::RefreshRefused),
        (403, r#"{"error":"invalid_grant"}"#, Dead, ErrorCode::RefreshRefused),
        (200, r#"{"error":"bad_refresh_token"}"#, Dead, ErrorCode::RefreshRefused),
        (200, r#"{"error":"invalid_grant","access_token":"x"}"#, Dead, ErrorCode::RefreshRefused),
        (401, r#"{"error":"invalid_client"}"#, Configuration, ErrorCode::InvalidClient),
        (400, r#"{"error":"invalid_client"}"#, Configuration, ErrorCode::InvalidClient),
        (401, "", Configuration, ErrorCode::InvalidClient),
        (400, r#"{"error":"unauthorized_client"}"#, Configuration, ErrorCode::UnauthorizedClient),
        (400, r#"{"error":"unsupported_grant_type"}"#, Configuration, ErrorCode::UnauthorizedClient),
        (400, r#"{"error":"invalid_scope"}"#, Configuration, ErrorCode::InvalidScope),
        (400, r#"{"error":"invalid_request"}"#, Configuration, ErrorCode::ProviderInvalidRequest),
        (400, r#"{"error":"temporarily_unavailable"}"#, Transient, ErrorCode::UpstreamError),
        (400, r#"{"error":"never_heard_of"}"#, Transient, ErrorCode::UpstreamError),
        (403, r#"{"error":"never_heard_of"}"#, Transient, ErrorCode::UpstreamResponseInvalid),
        (404, "{}", Transient, ErrorCode::UpstreamResponseInvalid),
        (429, r#"{"error":"invalid_grant"}"#, Transient, ErrorCode::UpstreamRateLimited),
        (500, r#"{"error":"invalid_grant"}"#, Transient, ErrorCode::UpstreamError),
        (503, "<html>", Transient, ErrorCode::UpstreamError),
        (200, r#"{"error":"odd_dead_code"}"#, Dead, ErrorCode::RefreshRefused),
        (418, r#"{"error":"teapot"}"#, Transient, ErrorCode::UpstreamError),
    ] {
        let failure = refresh_against(rules, json(status, body)).await.unwrap_err();
        assert_eq!((class(&failure), failure.code), (expected, code), "{status} {body}");
        assert!(!failure.outcome_unknown, "{status} {body}");
    }

    let words =
        |words: &str| json(400, format!(r#"{{"error":"invalid_grant","error_description":"{words}"}}"#));
    let failure = refresh_against(rules, words("AADSTS700082: too old")).await.unwrap_err();
    assert_eq!((class(&failure), failure.death), (Dead, Some(Death::Expired)));
    assert_eq!(failure.note.as_deref(), Some("Idle for 90 days."));
    // A number is whole: this is another code than the one with a rule.
    let failure = refresh_against(rules, words("AADSTS7000829: something else")).await.unwrap_err();
    assert_eq!((class(&failure), failure.death, failure.note), (Dead, None, None));
    let failure = refresh_against(rules, words("AADSTS7000012: wrong tenant")).await.unwrap_err();
    assert_eq!(class(&failure), Configuration);
    for (text, death) in [
        ("Token has been expired or revoked.", None),
        ("The refresh token has expired", Some(Death::Expired)),
        ("user revoked access", Some(Death::Revoked)),
        ("grant request is invalid", None),
    ] {
        let failure = refresh_against("", words(text)).await.unwrap_err();
        assert_eq!((class(&failure), failure.death), (Dead, death), "{text}");
    }
}

#[tokio::test]
async fn exchange_refused_is_classed_by_whose_it_is() {
    let slack = r#"
    token:
      url: https://acme.example/token
      reply: {error_when: {path: ok, equals: false}}
"#;
    for (yaml, status, body, expected, code) in [
        ("", 400, r#"{"error":"invalid_grant"}"#, Dead, ErrorCode::ExchangeRefused),
        ("", 400, r#"{"error":"never_heard_of"}"#, Dead, ErrorCode::ExchangeRefused),
        ("", 200, r#"{"error":"bad_verification_code"}"#, Dead, ErrorCode::ExchangeRefused),
        ("", 200, r#"{"error":"incorrect_client_credentials"}"#, Configuration, ErrorCode::InvalidClient),
        ("", 200, r#"{"error":"redirect_uri_mismatch"}"#, Configuration, ErrorCode::RedirectUriMismatch),
        (
            "",
            400,
            r#"{"error":"invalid_grant","error_description":"redirect_uri differs"}"#,
            Configuration,
            ErrorCode::RedirectUriMismatch,
        ),
        ("", 401, r#"{"error":"invalid_client"}"#, Configuration, ErrorCode::InvalidClient),
        ("", 500, "{}", Transient, ErrorCode::ExchangeFailed),
        ("", 200, "<html>", Transient, ErrorCode::ExchangeFailed),
        (slack, 200, r#"{"ok":false,"error":"bad_client_secret"}"#, Configuration, ErrorCode::InvalidClient),
        (slack, 200, r#"{"ok":false,"error":"invalid_code"}"#, Dead, ErrorCode::ExchangeRefused),
        (slack, 200, r#"{"ok":false}"#, Dead, ErrorCode::ExchangeRefused),
    ] {
        let failure = exchange_against(yaml, json(status, body)).await.unwrap_err();
        assert_eq!((class(&failure), failure.code), (expected, code), "{status} {body}");
    }
    let form =
        answer(200, &[("Content-Type", "application/x-www-form-urlencoded")], "error=bad_verification_code");
    assert_eq!(exchange_against("", form).await.unwrap_err().code, ErrorCode::ExchangeRefused);
    let good = answer(
        200,
        &[("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
        "access_token=gho_16&scope=repo%2Cgist&token_type=bearer",
    );
    let reply = exchange_against("", good).await.unwrap();
    assert_eq!(reply.tokens.access_token.expose_secret(), "gho_16");
    assert_eq!(reply.scopes.unwrap(), ["repo", "gist"]);
}

#[tokio::test]
async fn client_credentials_refused_is_never_dead() {
    for body in [r#"{"error":"invalid_grant"}"#, r#"{"error":"x"}"#, r#"{"error":"invalid_client"}"#] {
        let server = Server::http(move |_| json(400, body)).await;
        let acme = Acme::of("client_credentials", "", Some(&server));
        let failure = client_credentials(&egress_to(&[&server]), &acme.config(), &[], LIMITS.deadline, NOW)
            .await
            .unwrap_err();
        assert_eq!(class(&failure), Configuration, "{body}");
    }
}

/// R9: every hostile success ends as "unreadable, later", none as tokens, none as a verdict on the grant.
#[tokio::test]
async fn reply_hostile_is_transient_and_never_panics() {
    let mut deep = "[".repeat(100_000);
    deep.push_str(&"]".repeat(100_000));
    let long = format!(r#"{{"access_token":"{}"}}"#, "x".repeat(40_000));
    let utf16: Vec<u8> = r#"{"access_token":"x"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let text = |text: &str| json(200, text);
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b' '; 64 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let hostile: Vec<(&str, Vec<u8>)> = vec![
        ("empty", text("")),
        ("space", text("   ")),
        ("null", text("null")),
        ("true", text("true")),
        ("number", text("1e999")),
        ("string", text("\"access_token\"")),
        ("empty object", text("{}")),
        ("empty array", text("[]")),
        ("array of tokens", text(r#"[{"access_token":"x"}]"#)),
        ("truncated", text(r#"{"access_token":"x"#)),
        ("trailing", text(r#"{"access_token":"x"} {}"#)),
        ("comment", text(r#"{"access_token":"x"/*y*/}"#)),
        ("single quotes", text("{'access_token':'x'}")),
        ("html with 200", answer(200, &[("Content-Type", "text/html")], "<html>login</html>")),
        ("html as json", text("<!doctype html>")),
        ("xml", answer(200, &[("Content-Type", "text/xml")], "<access_token>x</access_token>")),
        ("jsonp", text(r#"cb({"access_token":"x"})"#)),
        ("anti-hijack prefix", text(")]}'\n{\"access_token\":\"x\"}")),
        ("token number", text(r#"{"access_token":12345678}"#)),
        ("token bool", text(r#"{"access_token":true}"#)),
        ("token null", text(r#"{"access_token":null}"#)),
        ("token array", text(r#"{"access_token":["x"]}"#)),
        ("token object", text(r#"{"access_token":{"value":"x"}}"#)),
        ("token empty", text(r#"{"access_token":""}"#)),
        ("token space", text(r#"{"access_token":"a b"}"#)),
        ("token newline", text(r#"{"access_token":"a\r\nX-Evil: 1"}"#)),
        ("token nul", text(r#"{"access_token":"a\u0000b"}"#)),
        ("token non-ascii", text(r#"{"access_token":"tökén"}"#)),
        ("token lone surrogate", text(r#"{"access_token":"\ud800"}"#)),
        ("token huge", text(&long)),
        ("token in wrong case", text(r#"{"ACCESS_TOKEN":"x"}"#)),
        ("token nested elsewhere", text(r#"{"data":{"access_token":"x"}}"#)),
        ("refresh number", text(r#"{"access_token":"x","refresh_token":5}"#)),
        ("refresh object", text(r#"{"access_token":"x","refresh_token":{}}"#)),
        ("refresh newline", text(r#"{"access_token":"x","refresh_token":"a\nb"}"#)),
        ("deep nesting", text(&deep)),
        ("nul byte", json(200, b"{\"access_token\":\"x\"\0}")),
        ("invalid utf-8", json(200, b"{\"access_token\":\"x\xff\"}")),
        ("utf-16", answer(200, &[("Content-Type", "application/json; charset=utf-16")], utf16)),
        (
            "latin-1",
            answer(
                200,
                &[("Content-Type", "application/json; charset=latin1")],
                b"{\"access_token\":\"\xe9\"}",
            ),
        ),
        ("binary", json(200, (0..=255).collect::<Vec<u8>>())),
        ("gzip bomb", answer(200, &[("Content-Encoding", "gzip")], &bomb)),
        ("broken gzip", answer(200, &[("Content-Encoding", "gzip")], "{}")),
        ("unknown encoding", answer(200, &[("Content-Encoding", "xyz")], "{}")),
        ("1 GB announced", b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n{".to_vec()),
        ("2 MB body", json(200, vec![b' '; 2 << 20])),
        ("no content", answer(204, &[], "")),
        ("form without token", answer(200, &[("Content-Type", "application/x-www-form-urlencoded")], "a=b")),
        (
            "form with odd token",
            answer(200, &[("Content-Type", "application/x-www-form-urlencoded")], "access_token=%00"),
        ),
        ("duplicate length", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".to_vec()),
        ("not http", b"\x16\x03\x01\x02".to_vec()),
    ];
    assert!(hostile.len() >= 40);
    for (name, bytes) in hostile {
        // "not http" needs the connection to end before anybody can tell.
        let failure = tokio::time::timeout(Duration::from_secs(60), async {
            if name == "not http" || name.starts_with("1 GB") {
                let server = Server::raw(move |mut stream| {
                    let bytes = bytes.clone();
                    async move {
                        crate::support::read_request(&mut stream).await;
                        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await;
                    }
                })
                .await;
                let acme = Acme::new("", Some(&server));
                return refresh(&egress_to(&[&server]), &acme.config(), &tokens(), &[], LIMITS.deadline, NOW)
                    .await;
            }
            refresh_against("", bytes).await
        })
        .await
        .unwrap()
        .err()
        .unwrap_or_else(|| panic!("{name} gave tokens"));
        assert_eq!(class(&failure), Transient, "{name}: {failure:?}");
        assert!(failure.outcome_unknown, "{name}: tokens may have been made: {failure:?}");
    }
}

/// R9: what is only odd does not cost the grant.
#[tokio::test]
async fn reply_odd_but_usable_is_taken() {
    let hour = Some(NOW + time::Duration::hours(1));
    for (rest, expected) in [
        (r#""expires_in":3600"#, hour),
        (r#""expires_in":"3600""#, hour),
        (r#""expires_in":" 3600 ""#, hour),
        (r#""expires_in":3600.9"#, hour),
        (r#""expires_in":"3600.0""#, hour),
        (r#""expires_in":-1"#, None),
        (r#""expires_in":0"#, None),
        (r#""expires_in":9223372036854775807"#, None),
        (r#""expires_in":99999999999999999999999"#, None),
        (r#""expires_in":1e300"#, None),
        (r#""expires_in":"soon""#, None),
        (r#""expires_in":null"#, None),
        (r#""expires_in":{}"#, None),
        (r#""expires_in":[3600]"#, None),
        (r#""expires_in":true"#, None),
        (r#""scope":5,"expires_in":3600"#, hour),
        (r#""token_type":{},"expires_in":3600"#, hour),
        (r#""error":null,"expires_in":3600"#, hour),
        (r#""error":"","expires_in":3600"#, hour),
        (r#""refresh_token":"","expires_in":3600"#, hour),
        (r#""refresh_token":null,"expires_in":3600"#, hour),
    ] {
        let reply =
            refresh_against("", json(200, format!(r#"{{"access_token":"x",{rest}}}"#))).await.unwrap();
        assert_eq!(reply.tokens.expires_at, expected, "{rest}");
        assert_eq!(reply.tokens.refresh_token.unwrap().expose_secret(), REFRESH_TOKEN, "{rest}");
    }
    for (value, expected) in [
        (r#""a b""#, vec!["a", "b"]),
        (r#""a,b""#, vec!["a", "b"]),
        (r#""a+b""#, vec!["a", "b"]),
        (r#"["a","b",5,null,""]"#, vec!["a", "b"]),
        (r#"" a  b  a ""#, vec!["a", "b"]),
        (r#""""#, vec![]),
    ] {
        let reply = refresh_against("", json(200, format!(r#"{{"access_token":"x","scope":{value}}}"#)))
            .await
            .unwrap();
        assert_eq!(reply.scopes.unwrap(), expected, "{value}");
    }
    let bom = json(200, b"\xef\xbb\xbf{\"access_token\":\"x\"}");
    assert!(refresh_against("", bom).await.is_ok());
}

#[tokio::test]
async fn reply_shaped_by_the_connector_is_read_so() {
    let yaml = r#"
    token:
      url: https://acme.example/token
      reply:
        access_token: authed_user.access_token
        refresh_token: authed_user.refresh_token
        scopes: {path: scope, sets: {user: authed_user.scope}}
        expiry: {path: authed_user.expires_at, unit: iso8601}
        extra_tokens: {bot: access_token}
        metadata: {team: team.id, odd: team.odd}
        subject: [team.id, authed_user.id]
        label: [team.name]
        error_when: {path: ok, equals: false}
"#;
    let body = r#"{"ok":true,"access_token":"xoxb","scope":"chat:write","team":{"id":"T1","name":"Team","odd":"a\nb"},
        "authed_user":{"id":"U1","access_token":"xoxp","scope":"search:read","expires_at":"2026-01-02T00:00:00Z"}}"#;
    let reply = exchange_against(yaml, json(200, body)).await.unwrap();
    assert_eq!(reply.tokens.access_token.expose_secret(), "xoxp");
    assert_eq!(reply.tokens.extra["bot"].expose_secret(), "xoxb");
    assert_eq!(reply.tokens.expires_at, Some(datetime!(2026-01-02 00:00 UTC)));
    assert_eq!(reply.scopes.unwrap(), ["chat:write", "user:search:read"]);
    assert_eq!(reply.metadata, BTreeMap::from([("team".to_owned(), "T1".to_owned())]));
    let identity = reply.identity.unwrap();
    assert_eq!((identity.subject.as_deref(), identity.label.as_deref()), (Some("T1:U1"), Some("Team")));
    // Without a user token the bot's stands in.
    let bot = exchange_against(yaml, json(200, r#"{"ok":true,"access_token":"xoxb"}"#)).await.unwrap();
    assert_eq!(bot.tokens.access_token.expose_secret(), "xoxb");
    let ok_false = exchange_against(yaml, json(200, r#"{"ok":false,"access_token":"x","error":"x"}"#)).await;
    assert_eq!(class(&ok_false.unwrap_err()), Dead);
}

#[tokio::test]
async fn expiry_and_scopes_in_a_jwt_are_read() {
    let yaml = r#"
    token:
      url: https://acme.example/token
      reply: {expiry: {unit: jwt_exp, default_seconds: 60}, scopes: {jwt_claim: scp}}
"#;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims =
        URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{},"scp":["a","b"]}}"#, NOW.unix_timestamp() + 120));
    let reply =
        exchange_against(yaml, json(200, format!(r#"{{"access_token":"h.{claims}.s"}}"#))).await.unwrap();
    assert_eq!(reply.tokens.expires_at, Some(NOW + time::Duration::minutes(2)));
    assert_eq!(reply.scopes.unwrap(), ["a", "b"]);
    let opaque = exchange_against(yaml, json(200, r#"{"access_token":"opaque"}"#)).await.unwrap();
    assert_eq!(opaque.tokens.expires_at, Some(NOW + time::Duration::minutes(1)));
}

/// R7: seconds, dates, absurdities; never more than an hour.
#[tokio::test]
async fn retry_after_is_obeyed_within_reason() {
    for (value, expected) in [
        ("2", Some(2)),
        ("120", Some(120)),
        ("999999999999999999999999", Some(3600)),
        ("86400", Some(3600)),
        ("Thu, 01 Jan 2026 12:02:00 GMT", Some(120)),
        ("Thu, 01 Jan 2026 11:00:00 GMT", Some(0)),
        ("Fri, 01 Jan 2027 11:00:00 GMT", Some(3600)),
        ("-5", None),
        ("soon", None),
        ("", None),
    ] {
        for status in [429, 503] {
            let bytes = answer(status, &[("Retry-After", value)], "{}");
            let failure = refresh_against("", bytes).await.unwrap_err();
            let retry_after = expected.map(Duration::from_secs);
            assert_eq!(failure.class, FailureClass::Transient { retry_after }, "{value}");
        }
    }
}

#[tokio::test]
async fn provider_clock_is_handed_on() {
    let bytes = answer(200, &[("Date", "Thu, 01 Jan 2026 12:05:00 GMT")], r#"{"access_token":"x"}"#);
    let reply = refresh_against("", bytes).await.unwrap();
    assert_eq!(reply.provider_time, Some(datetime!(2026-01-01 12:05 UTC)));
}

/// R5: no answer, or half of one, says nothing about the grant; whether it was spent is unknown.
#[tokio::test]
async fn provider_silent_leaves_the_outcome_unknown() {
    let server = Server::raw(|mut stream| async move {
        crate::support::read_request(&mut stream).await;
    })
    .await;
    let acme = Acme::new("", Some(&server));
    let failure = refresh(&egress_to(&[&server]), &acme.config(), &tokens(), &[], LIMITS.deadline, NOW)
        .await
        .unwrap_err();
    assert_eq!((class(&failure), failure.code), (Transient, ErrorCode::UpstreamUnreachable));
    assert!(failure.outcome_unknown);

    // Never sent: surely not spent. A closed address is the configuration's fault.
    let closed = Egress::new(EgressSettings::default()).unwrap();
    let failure = refresh(&closed, &acme.config(), &tokens(), &[], LIMITS.deadline, NOW).await.unwrap_err();
    assert_eq!((class(&failure), failure.code), (Configuration, ErrorCode::UpstreamAddressBlocked));
    assert!(!failure.outcome_unknown);

    let elsewhere = answer(307, &[("Location", "https://evil.example/token")], "");
    let failure = refresh_against("", elsewhere).await.unwrap_err();
    assert_eq!((class(&failure), failure.code), (Configuration, ErrorCode::UpstreamRedirected));
}

/// S56: a provider that quotes what we sent gets its words masked before anybody keeps them.
#[tokio::test]
async fn evidence_quoting_our_secrets_is_redacted() {
    let form = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for quoted in [
        REFRESH_TOKEN.to_owned(),
        form(REFRESH_TOKEN),
        REFRESH_TOKEN[..16].to_owned(),
        ACCESS_TOKEN.to_owned(),
        CLIENT_SECRET.to_owned(),
        form(CLIENT_SECRET),
    ] {
        let body = serde_json::json!({
            "error": format!("invalid_{quoted}"),
            "error_description": format!("{}the value {quoted} is no good\r\nSet-Cookie: x", "long ".repeat(10)),
        });
        let failure = refresh_against("", json(400, body.to_string())).await.unwrap_err();
        let printed = format!("{failure:?} {:?}", Error::from(failure.clone()));
        assert!(!printed.contains(&quoted), "{printed}");
        assert!(!printed.contains("canary-0123456789"), "{printed}");
        let message = failure.evidence.message.unwrap();
        assert!(
            message.contains("[redacted]") && message.len() <= 600 && !message.contains('\n'),
            "{message}"
        );
    }
    let body = format!(r#"{{"error":"invalid_grant","error_description":"code {CODE} was used"}}"#);
    let failure = exchange_against("", json(400, body)).await.unwrap_err();
    assert_eq!(failure.evidence.message.as_deref(), Some("code [redacted] was used"));
}
