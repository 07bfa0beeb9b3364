//! Where requests go, with overrides, variables and facts.

use std::collections::BTreeMap;

use url::Url;
use valetkey_domain::{ErrorCode, connection::Overrides};

use super::*;
use crate::connector::Connectors;

const FILE: &str = r#"
slug: thing
display_name: Thing
description: For tests.
variables:
  tenant: {label: Tenant, pattern: "[a-zA-Z0-9.-]+", example: acme}
auth:
  oauth:
    authorize: {url: "https://{var.tenant}.example.com/authorize"}
    token:
      url: "https://{var.tenant}.example.com/token"
      reply: {metadata: {instance_url: instance_url}}
    refresh: {url: "https://{var.tenant}.example.com/refresh"}
    revoke: {url: "https://{var.tenant}.example.com/revoke"}
    userinfo: {url: /me}
    issuer: https://example.com
api:
  base_url: "{account.instance_url}/services/v1"
  hosts: ["*.example.com"]
"#;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with<T>(
    overrides: &Overrides,
    variables: &[(&str, &str)],
    metadata: &[(&str, &str)],
    act: impl FnOnce(&Target<'_>) -> T,
) -> T {
    let connectors = Connectors::from_files([("thing.yaml".to_owned(), FILE.to_owned())]).unwrap();
    let connector = connectors.get("thing").unwrap();
    let (variables, metadata) = (map(variables), map(metadata));
    act(&Target { connector, overrides, variables: &variables, metadata: &metadata })
}

fn url(text: &str) -> Option<Url> {
    Some(Url::parse(text).unwrap())
}

#[test]
fn endpoints_come_from_templates() {
    let facts = [("instance_url", "https://eu1.example.com")];
    with(&Overrides::default(), &[("tenant", "acme")], &facts, |target| {
        assert_eq!(target.api_base().unwrap().as_str(), "https://eu1.example.com/services/v1");
        assert_eq!(target.authorize_url().unwrap(), url("https://acme.example.com/authorize"));
        assert_eq!(target.token_url().unwrap(), url("https://acme.example.com/token"));
        assert_eq!(target.refresh_url().unwrap(), url("https://acme.example.com/refresh"));
        assert_eq!(target.revoke_url(|_| None).unwrap(), url("https://acme.example.com/revoke"));
        assert_eq!(target.userinfo_url().unwrap(), url("https://eu1.example.com/services/v1/me"));
        let expected = ExpectedIssuer::Exact { issuer: "https://example.com".into(), required: false };
        assert_eq!(target.issuer().unwrap(), expected);
    });
}

#[test]
fn overridden_token_endpoint_takes_its_neighbours_along() {
    let overrides = Overrides {
        authorize_url: url("http://127.0.0.1:4000/auth"),
        token_url: url("http://127.0.0.1:4000/oauth/token?x=1"),
        api_base_url: url("http://127.0.0.1:4000/api"),
        ..Overrides::default()
    };
    with(&overrides, &[("tenant", "acme")], &[], |target| {
        assert_eq!(target.api_base().unwrap(), url("http://127.0.0.1:4000/api").unwrap());
        // The refresh token goes where it came from, never to the provider's own host.
        assert_eq!(target.refresh_url().unwrap(), url("http://127.0.0.1:4000/refresh"));
        assert_eq!(target.revoke_url(|_| None).unwrap(), None);
        assert_eq!(target.userinfo_url().unwrap(), url("http://127.0.0.1:4000/api/me"));
        assert_eq!(
            target.issuer().unwrap(),
            ExpectedIssuer::SameOrigin(url("http://127.0.0.1:4000/auth").unwrap())
        );
    });
    let stated = [("tenant", "acme"), ("issuer", "https://idp.example")];
    with(&overrides, &stated, &[], |target| {
        let expected = ExpectedIssuer::Exact { issuer: "https://idp.example".into(), required: false };
        assert_eq!(target.issuer().unwrap(), expected);
    });
}

#[test]
fn missing_values_say_what_to_set() {
    with(&Overrides::default(), &[], &[], |target| {
        let error = target.token_url().unwrap_err();
        assert_eq!(error.code(), ErrorCode::ConnectionNotConfigured);
        assert_eq!(error.details().fields[0].field, "variables.tenant");
        assert_eq!(target.api_base().unwrap_err().code(), ErrorCode::AccountError);
    });
}

/// S46: a value never chooses another host.
#[test]
fn values_cannot_choose_the_host() {
    for tenant in
        ["a/b", "a@b", "a:1", "a#", "a?b", "a\\b", "", "-a", "a..b", "a b", "evil.com/", "x.", "%2f"]
    {
        with(&Overrides::default(), &[("tenant", tenant)], &[], |target| {
            assert!(target.token_url().is_err(), "{tenant}");
        });
    }
    for instance in [
        "https://evil.com",
        "http://eu1.example.com",
        "https://example.com.evil.com",
        "https://evilexample.com",
        "https://user@eu1.example.com",
        "https://eu1.example.com:8443",
        "https://eu1.example.com?x=1",
        "https://127.0.0.1",
        "https://[::1]",
        "//evil.com",
        "evil.com",
        "https://eu1.example.com#x",
        "https://eu1.example.com@evil.com",
        "javascript:alert(1)",
        "",
        "https://evil.com\\.example.com",
    ] {
        with(&Overrides::default(), &[("tenant", "acme")], &[("instance_url", instance)], |target| {
            assert!(target.api_base().is_err(), "{instance}: {:?}", target.api_base());
        });
    }
    for instance in ["https://eu1.example.com", "https://EU1.Example.com/", "eu1.example.com"] {
        with(&Overrides::default(), &[("tenant", "acme")], &[("instance_url", instance)], |target| {
            assert_eq!(
                target.api_base().unwrap().as_str(),
                "https://eu1.example.com/services/v1",
                "{instance}"
            );
        });
    }
}

#[test]
fn variables_are_checked_by_name() {
    let connectors = Connectors::from_files([("thing.yaml".to_owned(), FILE.to_owned())]).unwrap();
    let connector = connectors.get("THING").unwrap();
    let fault = |given: &[(&str, &str)]| {
        connector.check_variables(&map(given)).err().map(|error| error.details().fields[0].field.clone())
    };
    assert_eq!(fault(&[("tenant", "acme")]), None);
    assert_eq!(fault(&[("tenant", "acme"), ("issuer", "https://x.example")]), None);
    assert_eq!(fault(&[]).as_deref(), Some("variables.tenant"));
    assert_eq!(fault(&[("tenant", "a b")]).as_deref(), Some("variables.tenant"));
    assert_eq!(fault(&[("tenant", "acme"), ("colour", "red")]).as_deref(), Some("variables.colour"));
    assert_eq!(fault(&[("tenant", "acme"), ("issuer", "x")]).as_deref(), Some("variables.issuer"));
}
