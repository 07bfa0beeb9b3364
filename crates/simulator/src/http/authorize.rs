//! The authorization endpoint and its consent page (RFC 6749 §4.1.1, §4.1.2).

use askama::Template;
use axum::{
    Extension,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use url::{Url, form_urlencoded};
use valetkey_domain::Time;

use super::{
    oauth_error::{OAuthError, scopes},
    observe::Forced,
    turned_away::{self, TurnedAway},
};
use crate::{
    SCOPES, Settings, Simulator,
    hash::{Hashed, fresh_token},
    journal::Trace,
    settings::seconds,
    state::{Ask, Code, State as Everything},
    world::{APP_USER, Person},
};

/// How long a consent page may stay open.
const ASK_TTL: time::Duration = time::Duration::minutes(10);

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    client_id: &'a str,
    request: &'a str,
    people: Vec<Choice>,
    scopes: Vec<(&'a str, &'static str)>,
    redirect_host: String,
}

struct Choice {
    username: String,
    name: String,
    email: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage<'a> {
    message: &'a str,
}

fn describe(scope: &str) -> &'static str {
    match scope {
        "profile" => "See your name and e-mail address",
        "messages.read" => "Read your messages",
        "messages.send" => "Send messages in your name",
        "events.read" => "See your calendar",
        "events.write" => "Add events to your calendar",
        "files.read" => "Read your files",
        "files.write" => "Create and change your files",
        _ => "",
    }
}

/// A page that no other site may frame and that loads nothing foreign. The form's answer is a redirect, and browsers
/// hold `form-action` against that target too.
fn secured(page: Result<String, askama::Error>, status: StatusCode, form_target: &str) -> Response {
    let Ok(html) = page else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = (status, Html(html)).into_response();
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {form_target}; frame-ancestors 'none'; base-uri 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// RFC 6749 §4.1.2.1: with an unknown client or redirect URI the user is told and not sent anywhere.
fn refused(message: &str, trace: Trace) -> Response {
    let mut response = secured(RefusedPage { message }.render(), StatusCode::BAD_REQUEST, "");
    response.extensions_mut().insert(Trace { note: Some(message.to_owned()), ..trace });
    response
}

fn redirect(to: &Url, trace: Trace) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(to.as_str()) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response.extensions_mut().insert(trace);
    response
}

/// The redirect URI with the answer's parameters, `state` and `iss` (RFC 9207 §2) among them.
fn callback(ask: &Ask, settings: &Settings, answer: &[(&str, &str)]) -> Option<Url> {
    let mut url = Url::parse(&ask.redirect_uri).ok()?;
    {
        let mut query = url.query_pairs_mut();
        query.extend_pairs(answer);
        if let Some(state) = &ask.state {
            query.append_pair("state", state);
        }
        if settings.send_iss {
            query.append_pair("iss", &settings.issuer);
        }
    }
    Some(url)
}

fn send_back(ask: &Ask, settings: &Settings, answer: &[(&str, &str)], mut trace: Trace) -> Response {
    if let Some((_, error)) = answer.iter().find(|(name, _)| *name == "error") {
        trace.note = Some((*error).to_owned());
    }
    match callback(ask, settings, answer) {
        Some(url) => redirect(&url, trace),
        None => refused("The redirect URI cannot be used.", trace),
    }
}

/// Ends an authorization without a code.
fn turn_away(ask: &Ask, settings: &Settings, how: TurnedAway, trace: Trace) -> Response {
    match how {
        TurnedAway::Page(message) => refused(&message, trace),
        TurnedAway::Back { error, description } => {
            let mut answer = vec![("error", error.as_str())];
            answer.extend(description.as_deref().map(|text| ("error_description", text)));
            send_back(ask, settings, &answer, trace)
        }
    }
}

struct Query(Vec<(String, String)>);

impl Query {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    fn repeated(&self) -> Option<&str> {
        let first = |i: usize, name: &str| self.0[..i].iter().any(|(n, _)| n == name);
        self.0.iter().enumerate().find(|(i, (name, _))| first(*i, name)).map(|(_, (name, _))| name.as_str())
    }
}

/// `GET /oauth/authorize`
pub(super) async fn page(
    State(simulator): State<Simulator>,
    RawQuery(query): RawQuery,
    forced: Option<Extension<Forced>>,
) -> Response {
    let query = query.unwrap_or_default();
    let query = Query(form_urlencoded::parse(query.as_bytes()).into_owned().collect());
    let trace = Trace { client_id: query.get("client_id").map(str::to_owned), ..Trace::default() };
    let now = simulator.now();
    let ticket = fresh_token("req_", simulator.entropy());
    let mut state = simulator.state();
    let (mut ask, may_ask) = match trusted(&query, &state, now) {
        Ok(found) => found,
        Err(message) => return refused(&message, trace),
    };
    let profile = state.settings.profile;
    if let Some(how) = forced.and_then(|Extension(Forced(fault))| turned_away::forced(&fault, profile)) {
        return turn_away(&ask, &state.settings, how, trace);
    }
    match check(&query, may_ask, &state.settings) {
        Ok(scopes) => ask.scopes = scopes,
        Err(error) => {
            let answer = [("error", error.code()), ("error_description", error.description())];
            return send_back(&ask, &state.settings, &answer, trace);
        }
    }
    if state.settings.admin_consent_required {
        return turn_away(&ask, &state.settings, turned_away::needs_admin(profile), trace);
    }
    ask.offline = profile.asks_offline(query.get("access_type"), &ask.scopes);
    if !state.keep_ask(&ticket, ask.clone(), now) {
        return send_back(&ask, &state.settings, &[("error", "temporarily_unavailable")], trace);
    }
    state.counters.authorizations += 1;
    let people = choices(&state, query.get("login_hint"));
    drop(state);
    consent_page(&ask, &ticket, people, trace)
}

/// The part of the request that decides whether anybody may be sent anywhere; with it, whether the client may use the
/// code flow.
fn trusted(query: &Query, state: &Everything, now: Time) -> Result<(Ask, bool), String> {
    let client_id = query.get("client_id").unwrap_or_default();
    let profile = state.settings.profile;
    let client = state.clients.get(client_id).ok_or_else(|| turned_away::unknown_client(profile))?;
    // RFC 6749 §3.1.2.3 and RFC 9700 §4.1.3: compared as strings, nothing normalised.
    let redirect_uri = query.get("redirect_uri").unwrap_or_default();
    if !client.redirect_uris.iter().any(|registered| registered == redirect_uri) {
        return Err(turned_away::mismatch(profile, redirect_uri, client_id, &client.redirect_uris));
    }
    let ask = Ask {
        client_id: client_id.to_owned(),
        redirect_uri: redirect_uri.to_owned(),
        scopes: Vec::new(),
        state: query.get("state").map(str::to_owned),
        code_challenge: query.get("code_challenge").map(str::to_owned),
        offline: true,
        expires_at: now + ASK_TTL,
    };
    Ok((ask, client.may_use("authorization_code")))
}

/// Who can be chosen on the page, with the hinted one chosen already; without a hint it is Ada, who has mail.
fn choices(state: &Everything, hint: Option<&str>) -> Vec<Choice> {
    let people = state.world.people.values().filter(|person| person.username != APP_USER);
    let is = |person: &Person, name: &str| person.username == name || person.email == name;
    let hint = hint.filter(|hint| people.clone().any(|person| is(person, hint))).unwrap_or("ada");
    people
        .map(|person| Choice {
            username: person.username.clone(),
            name: person.name.clone(),
            email: person.email.clone(),
            chosen: is(person, hint),
        })
        .collect()
}

fn consent_page(ask: &Ask, ticket: &str, people: Vec<Choice>, trace: Trace) -> Response {
    let target = Url::parse(&ask.redirect_uri).ok();
    let page = ConsentPage {
        client_id: &ask.client_id,
        request: ticket,
        people,
        scopes: ask.scopes.iter().map(|s| (s.as_str(), describe(s))).collect(),
        redirect_host: target.as_ref().and_then(Url::host_str).unwrap_or("the app").to_owned(),
    };
    let form_target = match target.as_ref().map(Url::origin) {
        Some(origin) if origin.is_tuple() => origin.ascii_serialization(),
        _ => target.as_ref().map(|url| format!("{}:", url.scheme())).unwrap_or_default(),
    };
    let mut response = secured(page.render(), StatusCode::OK, &form_target);
    response.extensions_mut().insert(trace);
    response
}

/// What the provider refuses before it asks the user; gives the scopes asked for.
fn check(query: &Query, may_ask: bool, settings: &Settings) -> Result<Vec<String>, OAuthError> {
    if let Some(name) = query.repeated() {
        return Err(OAuthError::new("invalid_request", format!("{name} is there twice")));
    }
    match query.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(OAuthError::new("unsupported_response_type", "response_type must be code")),
        None => return Err(OAuthError::new("invalid_request", "response_type is missing")),
    }
    if !may_ask {
        return Err(OAuthError::new("unauthorized_client", "the client may not use the code flow"));
    }
    let method = query.get("code_challenge_method");
    match query.get("code_challenge") {
        // RFC 9700 §2.1.1: plain (also the default of an absent method) protects nothing (S01).
        Some(_) if method != Some("S256") => {
            return Err(OAuthError::new("invalid_request", "code_challenge_method must be S256"));
        }
        Some(challenge) if challenge.len() != 43 => {
            return Err(OAuthError::new("invalid_request", "code_challenge is not an S256 challenge"));
        }
        None if settings.require_pkce => {
            return Err(OAuthError::new("invalid_request", "code_challenge is missing"));
        }
        _ => {}
    }
    let profile = settings.profile;
    scopes(query.get("scope"), profile.separator(), SCOPES, |scope| profile.knows(scope))
}

/// `POST /oauth/authorize/decision`
pub(super) async fn decision(State(simulator): State<Simulator>, body: Bytes) -> Response {
    let form = Query(form_urlencoded::parse(&body).into_owned().collect());
    let now = simulator.now();
    let mut state = simulator.state();
    let ticket = Hashed::of(form.get("request").unwrap_or_default());
    let Some(ask) = state.asks.remove(&ticket).filter(|ask| ask.expires_at > now) else {
        let message = "This page is no longer valid. Go back to the app and start again.";
        return refused(message, Trace::default());
    };
    let mut trace = Trace { client_id: Some(ask.client_id.clone()), ..Trace::default() };
    if form.get("decision") != Some("allow") {
        state.counters.denials += 1;
        return turn_away(&ask, &state.settings, turned_away::denied(state.settings.profile), trace);
    }
    let user = form.get("user").unwrap_or("ada").to_owned();
    let person = state.world.people.get(&user).filter(|_| user != APP_USER);
    let Some(person) = person else {
        return refused("Nobody of this name has an account here.", trace);
    };
    let profile = state.settings.profile;
    if person.suspended {
        return turn_away(&ask, &state.settings, turned_away::suspended(profile), trace);
    }
    let home = state.clients.get(&ask.client_id).and_then(|client| client.tenant.as_ref());
    if home.is_some_and(|tenant| *tenant != person.tenant) {
        return turn_away(&ask, &state.settings, turned_away::foreign(profile), trace);
    }
    let granted = granted_scopes(&form, &ask.scopes);
    trace.user = Some(user.clone());
    let text = fresh_token("sac_", simulator.entropy());
    let expires_at = now + seconds(state.settings.code_ttl_s);
    let code = Code { ask: ask.clone(), user, scopes: granted, expires_at, exchanged_for: None };
    if !state.keep_code(&text, code, now) {
        return send_back(&ask, &state.settings, &[("error", "temporarily_unavailable")], trace);
    }
    state.counters.consents += 1;
    state.counters.codes_issued += 1;
    send_back(&ask, &state.settings, &[("code", &text)], trace)
}

/// The scopes whose boxes stayed ticked. Without the page's mark that it showed boxes, all that were asked for: a
/// script need not repeat them.
fn granted_scopes(form: &Query, asked: &[String]) -> Vec<String> {
    if form.get("scopes_shown").is_none() {
        return asked.to_vec();
    }
    // A name of its own for each box: scripts that keep a form as a map keep every one of them.
    let ticked = |scope: &String| form.get(&format!("scope.{scope}")).is_some();
    asked.iter().filter(|scope| ticked(scope)).cloned().collect()
}
