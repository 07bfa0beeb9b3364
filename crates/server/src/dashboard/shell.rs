//! What all pages have in common: the frame with its navigation, and how a page goes out.

use std::borrow::Cow;

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use http::Uri;
use valetkey_domain::{Error, Permission, Time, revocation::RevocationOutcome};
use valetkey_engine::Visitor;

use super::{assets, text};
use crate::{error::ApiError, pages::icon_path, state::App};

/// What was just done, in the query of the page that is shown then.
pub(super) const DONE: &str = "done";
/// What became of the grant of an account that was ended, beside it.
pub(super) const RECEIPT: &str = "grant";

/// What a handler answers with.
pub(super) type Answer = Result<Response, ApiError>;

/// The frame of a page.
pub(super) struct Shell {
    pub(super) css: String,
    pub(super) icon: String,
    pub(super) script: String,
    /// Before every path: that of the public URL.
    prefix: String,
    /// Which entry of the navigation is the present one.
    pub(super) section: &'static str,
    /// What was just done, in words.
    pub(super) note: Option<&'static str>,
    /// What became of the grant at the provider, in words.
    pub(super) receipt: Option<&'static str>,
    /// Who is logged in.
    pub(super) member: Option<Member>,
    now: Time,
}

/// Who is logged in.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) form_token: String,
    /// May change connections.
    pub(super) configures: bool,
    /// May change accounts, make links and end accounts.
    pub(super) works: bool,
    /// May manage users, keys and read the audit log.
    pub(super) manages: bool,
    /// May manage webhooks.
    pub(super) notifies: bool,
    /// There is a simulator beside this server, and they may command it.
    pub(super) simulator: bool,
}

impl Shell {
    /// The frame of a page in `section`. `query` is that of the request: it may say what was just done.
    pub(super) fn of(app: &App, visitor: Option<&Visitor>, section: &'static str, query: &str) -> Self {
        let member = visitor.map(|visitor| {
            let may = |permission| visitor.caller.permissions.allows(permission);
            Member {
                name: visitor.user.name.clone(),
                role: visitor.user.role.as_str(),
                form_token: visitor.form_token.clone(),
                configures: may(Permission::ConnectionsWrite),
                works: may(Permission::AccountsWrite)
                    && may(Permission::AccountsAccess)
                    && may(Permission::AccountsRevoke),
                manages: may(Permission::ServerManage),
                notifies: may(Permission::WebhooksWrite),
                simulator: app.options.simulator.is_some() && may(Permission::ConnectionsWrite),
            }
        });
        Self {
            css: app.options.path_of(&assets::css_path()),
            icon: app.options.path_of(&icon_path()),
            script: app.options.path_of(&assets::script_path()),
            prefix: app.options.path_of("/dashboard"),
            section,
            note: noted(query),
            receipt: value_of(query, RECEIPT)
                .and_then(|outcome| RevocationOutcome::parse(&outcome))
                .map(text::receipt_words),
            member,
            now: app.options.clock.now(),
        }
    }

    /// A path of the dashboard, as browsers write it.
    pub(super) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The token of forms.
    pub(super) fn form_token(&self) -> &str {
        self.member.as_ref().map_or("", |member| member.form_token.as_str())
    }

    pub(super) fn configures(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.configures)
    }

    pub(super) fn works(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.works)
    }

    pub(super) fn manages(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.manages)
    }

    pub(super) fn notifies(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.notifies)
    }

    /// An instant as an element: in UTC, which the script turns into the visitor's zone.
    pub(super) fn time(&self, at: &Time) -> String {
        text::time_element(*at, self.now)
    }

    /// An instant that may be unknown.
    pub(super) fn maybe_time(&self, at: &Option<Time>) -> String {
        at.as_ref().map_or_else(|| "<span class=\"quiet\">–</span>".to_owned(), |at| self.time(at))
    }
}

fn value_of<'a>(query: &'a str, wanted: &str) -> Option<Cow<'a, str>> {
    url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value)
}

/// What a redirect after a form says was done. The words are ours, not the query's.
fn noted(query: &str) -> Option<&'static str> {
    Some(match &*value_of(query, DONE)? {
        "saved" => "Saved.",
        "created" => "Created.",
        "deleted" => "Deleted. Its history and executions stay.",
        "refreshed" => "The credential was renewed.",
        "disconnected" => "Disconnected.",
        "disabled" => "Disabled: nothing it holds works any more.",
        "revoked" => "Revoked.",
        "withdrawn" => "The link does not work any more.",
        "rotated" => "The keyring was rotated. Secrets are being sealed anew in the background.",
        "password" => "Your password is set. Your other sessions have ended.",
        "ended" => "The session has ended.",
        "told" => "The simulator was told.",
        "webhook-deleted" => "Deleted, with its secret and the messages to it.",
        "webhook-on" => "Messages are sent again, those that waited first.",
        "webhook-off" => "Nothing is sent any more until it is turned on again.",
        "again" => "The message is sent again.",
        "confirmed" => "Confirmed: renewals go on.",
        _ => return None,
    })
}

/// A page with its status.
pub(super) fn page_response(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => {
            let html_type = HeaderValue::from_static("text/html; charset=utf-8");
            (status, [(header::CONTENT_TYPE, html_type)], html).into_response()
        }
        Err(error) => ApiError(Error::internal(error)).into_response(),
    }
}

/// A page.
pub(super) fn show(page: &impl Template) -> Response {
    page_response(StatusCode::OK, page)
}

/// Sends the browser on with a `GET` after a form.
pub(super) fn go_to(app: &App, path: &str) -> Response {
    let path = app.options.path_of(&format!("/dashboard{path}"));
    match HeaderValue::from_str(&path) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(error) => ApiError(Error::internal(error)).into_response(),
    }
}

/// The query of a request; empty if it has none.
pub(super) fn query_of(uri: &Uri) -> &str {
    uri.query().unwrap_or_default()
}
