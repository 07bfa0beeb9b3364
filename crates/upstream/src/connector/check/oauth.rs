//! The sense of an OAuth profile.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use super::{Known, Refusal, header, is_identifier, placement, refuse};
use crate::connector::{
    Authorize, BodyFormat, Connector, FollowUp, JsonPath, OAuthProfile, RefreshBy, Revoke, TextTemplate,
    TokenMethod, TokenRequest,
};

/// What templates of token requests may name, beside variables and facts.
const TOKEN_NAMES: [&str; 7] =
    ["client_id", "client_secret", "redirect_uri", "code", "refresh_token", "access_token", "callback.*"];
/// Standard parameters of the authorization request.
const AUTHORIZE_PARAMS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "code_challenge",
    "code_challenge_method",
    "resource",
    "audience",
];
/// Standard parameters of token requests.
const TOKEN_PARAMS: [&str; 10] = [
    "grant_type",
    "code",
    "redirect_uri",
    "client_id",
    "client_secret",
    "code_verifier",
    "refresh_token",
    "scope",
    "resource",
    "audience",
];

/// Every fact about an account that the profile can learn.
pub(super) fn facts(profile: &OAuthProfile) -> BTreeSet<String> {
    let replies = [
        Some(&profile.token.reply),
        profile.refresh.reply.as_ref(),
        profile.exchange.as_ref().map(|e| &e.reply),
    ];
    let mut facts: BTreeSet<String> =
        replies.into_iter().flatten().flat_map(|reply| reply.metadata.keys().cloned()).collect();
    facts.extend(profile.authorize.iter().flat_map(|authorize| authorize.metadata.keys().cloned()));
    facts.extend(profile.userinfo.iter().flat_map(|userinfo| userinfo.metadata.keys().cloned()));
    facts.extend(profile.follow_ups.iter().flat_map(|call| call.metadata.keys().cloned()));
    facts
}

/// Checks a profile. `with_user` is the code flow, else client credentials.
pub(super) fn check(
    root: &str,
    connector: &Connector,
    profile: &OAuthProfile,
    with_user: bool,
) -> Result<(), Refusal> {
    let known = Known::of(connector);
    let hosts = &connector.api.hosts;
    if let Some(fact) = known.facts.iter().find(|fact| !is_identifier(fact)) {
        return refuse(
            root,
            format!("metadata \"{fact}\": expected lower-case letters, digits and underscores"),
        );
    }
    match (&profile.authorize, with_user) {
        (Some(authorize), true) => {
            check_authorize(&format!("{root}.authorize"), &known, connector, authorize)?
        }
        (None, true) => return refuse(format!("{root}.authorize"), "is missing"),
        (Some(_), false) => {
            return refuse(format!("{root}.authorize"), "client credentials have no authorization request");
        }
        (None, false) => {}
    }
    scopes(root, profile)?;
    known.url(&format!("{root}.token.url"), &profile.token.url, hosts, &[])?;
    request(&format!("{root}.token.request"), &known, &profile.token.request)?;
    refresh(root, &known, connector, profile)?;
    if let Some(exchange) = &profile.exchange {
        known.url(&format!("{root}.exchange.url"), &exchange.url, hosts, &[])?;
        request(&format!("{root}.exchange.request"), &known, &exchange.request)?;
    }
    if let Some(revoke) = &profile.revoke {
        check_revoke(&format!("{root}.revoke"), &known, connector, revoke)?;
    }
    if let Some(introspect) = &profile.introspect {
        known.url(&format!("{root}.introspect.url"), &introspect.url, hosts, &[])?;
        if introspect.tokens.is_empty() {
            return refuse(format!("{root}.introspect.tokens"), "is empty, so nothing could be asked");
        }
    }
    if let Some(userinfo) = &profile.userinfo {
        known.url(&format!("{root}.userinfo.url"), &userinfo.url, hosts, &[])?;
        for name in userinfo.headers.keys() {
            header(&format!("{root}.userinfo.headers.{name}"), name)?;
        }
    }
    if profile.follow_ups.iter().filter(|call| call.places.is_some()).count() > 1 {
        return refuse(format!("{root}.follow_ups"), "have more than one list of places");
    }
    for (index, call) in profile.follow_ups.iter().enumerate() {
        known.url(&format!("{root}.follow_ups[{index}].url"), &call.url, hosts, &[])?;
        places(&format!("{root}.follow_ups[{index}].places"), connector, call)?;
    }
    let mut parts = vec!["access_token".to_owned()];
    parts.extend(profile.token.reply.extra_tokens.keys().map(|name| format!("token.{name}")));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    placement::attach(&format!("{root}.attach"), &known, &profile.attach, &parts)?;
    rules(root, &known, profile)
}

/// A list of places: what it names must be there, and only one list can say where an account is.
fn places(place: &str, connector: &Connector, call: &FollowUp) -> Result<(), Refusal> {
    let Some(places) = &call.places else { return Ok(()) };
    if let Some(fact) = places.facts().find(|fact| !call.metadata.contains_key(*fact)) {
        return refuse(place, format!("\"{fact}\" is not among the metadata of this follow-up"));
    }
    if places.list.as_ref().is_some_and(JsonPath::is_plural) {
        return refuse(format!("{place}.list"), "must lead to one list");
    }
    match connector.variables.get(&places.variable) {
        None => refuse(format!("{place}.variable"), format!("\"{}\" is not a variable", places.variable)),
        // Most users have one place, and then nothing has to be said.
        Some(variable) if !variable.optional || variable.default.is_some() => {
            refuse(format!("{place}.variable"), "must be optional and without a default")
        }
        Some(_) => Ok(()),
    }
}

fn rules(root: &str, known: &Known, profile: &OAuthProfile) -> Result<(), Refusal> {
    if profile.issuer.as_ref().is_some_and(|issuer| Url::parse(issuer).is_err()) {
        return refuse(format!("{root}.issuer"), "is not a URL");
    }
    if profile.issuer.is_none() && (profile.issuer_required || profile.issuer_is_constant) {
        return refuse(format!("{root}.issuer"), "is missing");
    }
    for (name, template) in [("resource", &profile.resource), ("audience", &profile.audience)] {
        if let Some(template) = template {
            known.text(&format!("{root}.{name}"), template, &[])?;
        }
    }
    for (index, rule) in profile.errors.iter().enumerate() {
        if rule.code.is_none() && rule.text.is_none() && rule.status.is_none() {
            return refuse(format!("{root}.errors[{index}]"), "names neither code nor text nor status");
        }
    }
    Ok(())
}

fn check_authorize(
    root: &str,
    known: &Known,
    connector: &Connector,
    authorize: &Authorize,
) -> Result<(), Refusal> {
    if authorize.url.names().any(|name| name.starts_with("account.")) {
        return refuse(format!("{root}.url"), "nothing is known about the account yet");
    }
    known.url(&format!("{root}.url"), &authorize.url, &connector.api.hosts, &[])?;
    for (name, template) in &authorize.params {
        // The binding of the attempt is not a connector's to change.
        if *name == authorize.state_param || name.starts_with("code_challenge") {
            return refuse(format!("{root}.params.{name}"), "is not a connector's to set");
        }
        if template.names().any(|name| name.starts_with("account.")) {
            return refuse(format!("{root}.params.{name}"), "nothing is known about the account yet");
        }
        known.text(&format!("{root}.params.{name}"), template, &["client_id", "redirect_uri", "nonce"])?;
    }
    standard(root, &authorize.rename, &authorize.drop, &AUTHORIZE_PARAMS)?;
    if authorize.drop.iter().any(|name| name.starts_with("code_challenge")) {
        return refuse(format!("{root}.drop"), "say pkce: \"off\" instead");
    }
    if authorize.code_param.is_empty() || authorize.state_param.is_empty() {
        return refuse(root, "code_param and state_param cannot be empty");
    }
    Ok(())
}

/// Renaming or dropping what is never sent would be ignored silently.
fn standard(
    root: &str,
    rename: &BTreeMap<String, String>,
    drop: &[String],
    params: &[&str],
) -> Result<(), Refusal> {
    if let Some(name) = rename.keys().find(|name| !params.contains(&name.as_str())) {
        return refuse(format!("{root}.rename.{name}"), "is no standard parameter");
    }
    if let Some(name) = drop.iter().find(|name| !params.contains(&name.as_str())) {
        return refuse(format!("{root}.drop"), format!("\"{name}\" is no standard parameter"));
    }
    Ok(())
}

fn scopes(root: &str, profile: &OAuthProfile) -> Result<(), Refusal> {
    let scopes = &profile.scopes;
    if scopes.separator.is_empty() || scopes.separator.len() > 3 {
        return refuse(format!("{root}.scopes.separator"), "expected one to three characters");
    }
    let sets = scopes.sets.iter().flat_map(|set| &set.default);
    let all = scopes.default.iter().chain(&scopes.always).chain(sets);
    let odd =
        |scope: &&String| scope.is_empty() || scope.chars().any(|c| c.is_whitespace() || c.is_control());
    if let Some(scope) = all.into_iter().find(odd) {
        return refuse(format!("{root}.scopes"), format!("\"{scope}\" is not a scope"));
    }
    for (index, set) in scopes.sets.iter().enumerate() {
        let taken =
            scopes.sets[..index].iter().any(|other| other.name == set.name || other.param == set.param);
        if taken || !is_identifier(&set.name) || set.param.is_empty() || set.param == scopes.param {
            return refuse(format!("{root}.scopes.sets[{index}]"), "needs a name and a parameter of its own");
        }
    }
    Ok(())
}

fn request(root: &str, known: &Known, request: &TokenRequest) -> Result<(), Refusal> {
    for (name, template) in &request.params {
        known.text(&format!("{root}.params.{name}"), template, &TOKEN_NAMES)?;
    }
    for (name, template) in &request.headers {
        header(&format!("{root}.headers.{name}"), name)?;
        known.text(&format!("{root}.headers.{name}"), template, &TOKEN_NAMES)?;
    }
    standard(root, &request.rename, &request.drop, &TOKEN_PARAMS)?;
    if request.method == TokenMethod::Get && !matches!(request.body, BodyFormat::Query | BodyFormat::Form) {
        return refuse(format!("{root}.body"), "a GET has no body");
    }
    Ok(())
}

fn refresh(root: &str, known: &Known, connector: &Connector, profile: &OAuthProfile) -> Result<(), Refusal> {
    let refresh = &profile.refresh;
    if let Some(url) = &refresh.url {
        known.url(&format!("{root}.refresh.url"), url, &connector.api.hosts, &[])?;
    }
    if let Some(own) = &refresh.request {
        request(&format!("{root}.refresh.request"), known, own)?;
    }
    let used = refresh.request.as_ref().unwrap_or(&profile.token.request);
    let sends = |template: &TextTemplate| template.names().any(|name| name == "access_token");
    if refresh.by == RefreshBy::AccessToken && !used.params.values().any(sends) {
        let place = format!("{root}.refresh.request.params");
        return refuse(place, "must send {access_token}, since that is what is exchanged");
    }
    Ok(())
}

fn check_revoke(root: &str, known: &Known, connector: &Connector, revoke: &Revoke) -> Result<(), Refusal> {
    // S08: a secret does not belong into a URL, so the path knows none but the token itself.
    known.url(&format!("{root}.url"), &revoke.url, &connector.api.hosts, &["client_id", "token"])?;
    let names = ["token", "token_type_hint", "client_id", "client_secret"];
    for (name, template) in revoke.params.iter().flatten() {
        known.text(&format!("{root}.params.{name}"), template, &names)?;
    }
    if revoke.tokens.is_empty() {
        return refuse(format!("{root}.tokens"), "is empty, so nothing would be revoked");
    }
    Ok(())
}
