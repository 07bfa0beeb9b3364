//! The dashboard: pages for the people who run the server. One more client of the engine: a visitor is a caller with the
//! permissions of their role, and every page and button is a use case that the API has too.
//!
//! Pages are read and used without scripts; the one script copies texts and shows times in the visitor's zone. Whatever
//! changes something is a form that carries the session's token and comes from this origin (S44), and answers with a
//! redirect, or with what is shown only once.

mod account;
mod accounts;
mod assets;
mod audit;
mod branding;
mod bulk;
mod chart;
mod clients;
mod connection;
mod connection_form;
mod connections;
mod connectors;
mod cookie;
mod diagnosis;
mod end;
mod executions;
mod failure;
mod form;
mod gate;
mod keys;
mod list;
mod login;
mod overview;
mod person;
mod secret;
mod shell;
mod simulator;
mod sso;
mod support;
mod text;
mod users;
mod waterfall;
mod webhook;
mod webhooks;
mod welcome;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{MethodRouter, get, post},
};
use valetkey_domain::{Error, ErrorCode};

use crate::{error::ApiError, state::App};

/// The routes of the dashboard. Those that need no session are the login, the way through the identity provider, and
/// the links by which a person sets a password.
pub(crate) fn routes(app: &App) -> Router<App> {
    let open = Router::new()
        .route("/dashboard/login", get(login::page).post(login::log_in))
        .route("/dashboard/sso", get(sso::begin))
        .route("/dashboard/sso/callback", get(sso::callback))
        .route("/dashboard/welcome/{token}", get(welcome::page).post(welcome::accept));
    let closed = looked_at().merge(managed());
    let closed = closed.route_layer(from_fn_with_state(app.clone(), gate::require_visitor));
    // Whoever types the address of a button in gets a page too.
    let other_method = || async { ApiError(Error::new(ErrorCode::MethodNotAllowed)) };
    let pages = open.merge(closed).method_not_allowed_fallback(other_method);
    let pages = pages.layer(from_fn_with_state(app.clone(), gate::require_same_site));
    pages.merge(assets::routes())
}

/// Connections, accounts and what happened to them.
fn looked_at() -> Router<App> {
    let new_connection: MethodRouter<App> = get(connection_form::blank).post(connection_form::create);
    Router::new()
        .route("/dashboard", get(overview::page))
        .route("/dashboard/store/confirm", post(overview::confirm))
        .route("/dashboard/logout", post(login::log_out))
        .route("/dashboard/connectors", get(connectors::list))
        .route("/dashboard/connectors/{slug}", get(connectors::one))
        .route("/dashboard/connections", get(connections::list))
        .route("/dashboard/connections/new", new_connection)
        .route("/dashboard/connections/{id}", get(connection::page))
        .route("/dashboard/connections/{id}/edit", get(connection_form::filled).post(connection_form::update))
        .route("/dashboard/connections/{id}/test", post(connection::test))
        .route("/dashboard/connections/{id}/preflight", post(connection::preflight))
        .route("/dashboard/connections/{id}/delete", get(connection::ask_delete).post(connection::delete))
        .route("/dashboard/accounts", get(accounts::list))
        .route("/dashboard/accounts/new", get(accounts::ask_link).post(accounts::make_link))
        .route("/dashboard/accounts/{id}", get(account::page))
        .route("/dashboard/accounts/{id}/probe", post(account::probe))
        .route("/dashboard/accounts/{id}/refresh", post(account::refresh))
        .route("/dashboard/accounts/{id}/link", post(account::link))
        .route("/dashboard/accounts/{id}/end", get(end::ask).post(end::carry_out))
        .route("/dashboard/accounts/{id}/support", get(support::of_account))
        .route("/dashboard/bulk", get(bulk::ask).post(bulk::begin))
        .route("/dashboard/bulk/{id}", get(bulk::watch))
        .route("/dashboard/bulk/{id}/stop", post(bulk::stop))
        .route("/dashboard/bulk/{id}/links", post(bulk::links))
        .route("/dashboard/executions", get(executions::list))
        .route("/dashboard/executions/tail", get(executions::tail))
        .route("/dashboard/executions/{id}", get(executions::one))
}

/// Who may do what, and the record of it.
fn managed() -> Router<App> {
    Router::new()
        .route("/dashboard/settings", get(person::page))
        .route("/dashboard/settings/password", post(person::change_password))
        .route("/dashboard/settings/sessions", post(person::end_sessions))
        .route("/dashboard/settings/clients", get(clients::page).post(clients::create))
        .route("/dashboard/settings/clients/{id}/disable", post(clients::disable))
        .route("/dashboard/settings/tokens", post(clients::create_token))
        .route("/dashboard/settings/tokens/{id}/revoke", post(clients::revoke_token))
        .route("/dashboard/settings/users", get(users::page).post(users::invite))
        .route("/dashboard/settings/users/add", post(users::add))
        .route("/dashboard/settings/users/{id}", post(users::update))
        .route("/dashboard/settings/users/{id}/link", post(users::reset_link))
        .route("/dashboard/settings/invitations/{id}/withdraw", post(users::withdraw))
        .route("/dashboard/settings/webhooks", get(webhooks::page).post(webhooks::create))
        .route("/dashboard/settings/webhooks/{id}", get(webhook::page).post(webhook::save))
        .route("/dashboard/settings/webhooks/{id}/switch", post(webhook::switch))
        .route("/dashboard/settings/webhooks/{id}/rotate", post(webhook::rotate))
        .route("/dashboard/settings/webhooks/{id}/test", post(webhook::test))
        .route("/dashboard/settings/webhooks/{id}/delete", get(webhook::ask_delete).post(webhook::delete))
        .route("/dashboard/settings/webhooks/{id}/deliveries/{delivery}/again", post(webhook::again))
        .route("/dashboard/settings/branding", get(branding::page).post(branding::save))
        .route("/dashboard/settings/branding/preview", get(branding::show_saved).post(branding::show_preview))
        .route("/dashboard/settings/branding/logo/remove", post(branding::remove_logo))
        .route("/dashboard/settings/keys", get(keys::page).post(keys::rotate))
        .route("/dashboard/simulator", get(simulator::page).post(simulator::tell))
        .route("/dashboard/audit", get(audit::page).post(audit::verify))
        .route("/dashboard/audit/export", get(audit::export))
}
