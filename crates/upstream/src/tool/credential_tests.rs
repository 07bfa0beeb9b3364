//! Where credentials go, where they never go, and how echoes are masked.

use std::collections::BTreeMap;

use http::Method;
use serde_json::json;
use url::Url;
use valetkey_domain::{
    SecretString, connection::Overrides, credential::OAuthTokens, error::ProviderEvidence,
};

use super::*;
use crate::connector::Connectors;

fn file(auth: &str) -> Connectors {
    let text = format!(
        "slug: thing\ndisplay_name: Thing\ndescription: For tests.\nprobe: thing_get_me\nauth:\n{auth}\n\
         api: {{base_url: \"https://api.example.com/v1\"}}\ntools:\n  - name: thing_get_me\n    title: Get me\n    \
         description: Tells whose credential this is.\n    read_only: true\n    input: {{}}\n    example: {{}}\n    \
         request: {{path: /me}}\n"
    );
    Connectors::from_files([("thing.yaml".to_owned(), text)]).unwrap()
}

fn attach(auth: &str, credential: &Credential, url: &str) -> Result<OutboundRequest, Error> {
    let connectors = file(auth);
    let connector = connectors.get("thing").unwrap();
    let (overrides, empty) = (Overrides::default(), BTreeMap::new());
    let target = Target { connector, overrides: &overrides, variables: &empty, metadata: &empty };
    let mut request = OutboundRequest::new(Method::GET, Url::parse(url).unwrap());
    attach_credential(&target, None, credential, &mut request)?;
    Ok(request)
}

fn fields(pairs: &[(&str, &str)]) -> Credential {
    Credential::Static(pairs.iter().map(|(n, v)| ((*n).to_owned(), SecretString::from(*v))).collect())
}

fn tokens() -> Credential {
    Credential::OAuth(OAuthTokens {
        access_token: "at-secret-1234".into(),
        refresh_token: Some("rt-secret-1234".into()),
        token_type: None,
        expires_at: None,
        extra: BTreeMap::new(),
    })
}

const OAUTH: &str =
    "  oauth:\n    authorize: {url: \"https://example.com/a\"}\n    token: {url: \"https://example.com/t\"}";
const KEY: &str = "  api_key:\n    fields: [{name: key, label: Key}]\n    attach: [{header: {name: X-Key, value: \"k {key}\"}}]";
const QUERY_KEY: &str =
    "  api_key:\n    fields: [{name: key, label: Key}]\n    attach: [{query: {name: key, value: \"{key}\"}}]";
const BASIC: &str = "  basic:\n    fields: [{name: user, label: User}, {name: pass, label: Password}]\n    \
                     attach: [{basic: {username: \"{user}\", password: \"{pass}\"}}]";

#[test]
fn credential_goes_where_the_connector_says() {
    let url = "https://api.example.com/v1/me?a=b";
    let bearer = attach(OAUTH, &tokens(), url).unwrap();
    assert_eq!(bearer.headers["authorization"], "Bearer at-secret-1234");
    assert!(bearer.headers["authorization"].is_sensitive());
    let key = attach(KEY, &fields(&[("key", "abc")]), url).unwrap();
    assert_eq!(key.headers["x-key"], "k abc");
    assert!(key.headers["x-key"].is_sensitive());
    let query = attach(QUERY_KEY, &fields(&[("key", "a&b c")]), url).unwrap();
    assert_eq!(query.url.query(), Some("a=b&key=a%26b%20c"));
    let basic = attach(BASIC, &fields(&[("user", "u"), ("pass", "p:w")]), url).unwrap();
    assert_eq!(basic.headers["authorization"], "Basic dTpwOnc=");
}

#[test]
fn credential_incomplete_is_refused_without_its_value() {
    let url = "https://api.example.com/v1/me";
    let error = attach(BASIC, &fields(&[("user", "uuuuuuuu")]), url).unwrap_err();
    assert_eq!(error.code(), ErrorCode::AccountError);
    assert!(error.to_string().contains("\"pass\"") && !error.to_string().contains("uuuuuuuu"), "{error}");
    assert!(attach(KEY, &fields(&[("key", "a\r\nb")]), url).is_err());
    assert!(attach(OAUTH, &Credential::None, url).is_err());
}

/// S46
#[test]
fn credential_never_goes_to_another_place() {
    for url in [
        "https://api.example.com.evil.example/v1/me",
        "https://evil.example/v1/me",
        "https://api.example.com:8443/v1/me",
        "http://api.example.com/v1/me",
        "https://api.example.com@evil.example/v1/me",
        "https://user@api.example.com/v1/me",
        "https://api.example.com/v2/me",
        "https://api.example.com/v10/me",
        "https://api.example.com/v1/../admin",
        "https://api.example.com./v1/me",
        "https://\u{430}pi.example.com/v1/me",
        "ftp://api.example.com/v1/me",
    ] {
        let error = attach(OAUTH, &tokens(), url).unwrap_err();
        assert!(!format!("{error:?}").contains("at-secret"), "{url}");
    }
    for url in
        ["https://API.example.com/v1/me", "https://api.example.com:443/v1/me", "https://api.example.com/v1"]
    {
        attach(OAUTH, &tokens(), url).unwrap();
    }
}

/// S51
#[test]
fn mask_hides_echoes_everywhere() {
    let mask = Mask::of(&tokens());
    let mut answer = json!({
        "echo": "Bearer at-secret-1234", "list": ["rt-secret-1234", 1], "at-secret-1234": true,
        "basic": STANDARD.encode("at-secret-1234"), "other": "stays",
    });
    mask.value(&mut answer);
    assert!(!answer.to_string().contains("secret-1234"), "{answer}");
    assert_eq!(answer["echo"], "Bearer [redacted]");
    assert_eq!(answer["basic"], "[redacted]");
    assert_eq!(answer["other"], "stays");
    let error = mask.error(
        Error::new(ErrorCode::UpstreamForbidden)
            .message("no at-secret-1234")
            .cause("at-secret-1234")
            .because("at-secret-1234")
            .provider(ProviderEvidence {
                status: Some(403),
                code: Some("at-secret-1234".into()),
                message: Some("at-secret-1234".into()),
                ..ProviderEvidence::default()
            }),
    );
    assert!(!format!("{error:?}").contains("at-secret"), "{error:?}");
}
