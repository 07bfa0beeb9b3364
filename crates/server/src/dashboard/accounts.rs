//! Connected accounts: the list, and a link for a new one.

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_domain::{
    AccountStatus, Error, ErrorCode, PageRequest, Time,
    store::{AccountFilter, ConnectionFilter},
};
use valetkey_engine::{AccountRef, AccountView, LinkOptions, Visitor};

use super::{
    account::LinkPage,
    form::Form,
    gate::Visiting,
    list::{COUNTED, Filters, Steps},
    shell::{Answer, Shell, page_response, query_of, show},
    text,
};
use crate::{error::status_of, state::App};

#[derive(Template)]
#[template(path = "dashboard/accounts.html")]
struct AccountsPage {
    shell: Shell,
    filters: Filters,
    statuses: Vec<(&'static str, &'static str)>,
    connections: Vec<String>,
    rows: Vec<Row>,
    steps: Steps,
}

/// An account in a list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) below: String,
    pub(super) connection: String,
    pub(super) status: &'static str,
    pub(super) words: &'static str,
    pub(super) tone: &'static str,
    pub(super) degraded: bool,
    pub(super) expires_at: Option<Time>,
    pub(super) last_used_at: Option<Time>,
}

impl Row {
    pub(super) fn of(view: &AccountView) -> Self {
        let account = &view.account;
        let identifier = match account.name.as_str() {
            "" => account.identifier.clone(),
            name => format!("{} ({name})", account.identifier),
        };
        let status = account.status();
        Self {
            id: account.id.to_string(),
            title: account.label.clone().unwrap_or_else(|| identifier.clone()),
            below: if account.label.is_some() { identifier } else { account.id.to_string() },
            connection: view.connection_name.clone(),
            status: status.as_str(),
            words: text::status_words(status),
            tone: text::tone(status.as_str()),
            degraded: account.degraded.is_some(),
            expires_at: account.token_expires_at,
            last_used_at: account.last_used_at,
        }
    }
}

/// Which accounts the filters of a list choose: the names of connections, and what the accounts must be like.
pub(super) fn chosen(filters: &Filters) -> Result<(Vec<String>, AccountFilter), Error> {
    let status = filters.get("status").map(|text| {
        AccountStatus::parse(&text).ok_or_else(|| Error::invalid("status", "is not a status of accounts"))
    });
    let filter = AccountFilter {
        status: status.transpose()?,
        connector: filters.get("connector"),
        organization_id: filters.get("organization"),
        identifier: filters.get("identifier"),
        query: filters.get("q"),
        degraded: filters.text("renewals") == "failing",
        ..AccountFilter::default()
    };
    Ok((Vec::from_iter(filters.get("connection")), filter))
}

/// The list.
pub(super) async fn list(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let filters = Filters::of(query_of(&uri));
    let (named, filter) = chosen(&filters)?;
    let filter = AccountFilter { count_at_most: Some(COUNTED + 1), ..filter };
    let page = app.engine.list_accounts(&visitor.caller, &named, filter, &filters.request()).await?;
    let view = AccountsPage {
        shell: Shell::of(&app, Some(&visitor), "accounts", query_of(&uri)),
        statuses: AccountStatus::ALL.map(|s| (s.as_str(), text::status_words(s))).to_vec(),
        connections: connection_names(&app, &visitor).await?,
        rows: page.items.iter().map(Row::of).collect(),
        steps: Steps::of(&page, &filters),
        filters,
    };
    Ok(show(&view))
}

/// The names of connections to choose from. Beyond a hundred they have to be typed.
async fn connection_names(app: &App, visitor: &Visitor) -> Result<Vec<String>, Error> {
    let most = PageRequest { size: 100, cursor: None };
    let page = app.engine.list_connections(&visitor.caller, &ConnectionFilter::default(), &most).await?;
    let mut names: Vec<_> = page.items.into_iter().map(|view| view.connection.name).collect();
    names.sort();
    Ok(names)
}

#[derive(Template)]
#[template(path = "dashboard/new_account.html")]
struct NewAccountPage<'a> {
    shell: Shell,
    connections: Vec<String>,
    connection: &'a str,
    identifier: &'a str,
    wrong: Option<String>,
}

/// Asks for whom the link shall be.
pub(super) async fn ask_link(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let filters = Filters::of(query_of(&uri));
    let view = NewAccountPage {
        shell: Shell::of(&app, Some(&visitor), "accounts", query_of(&uri)),
        connections: connection_names(&app, &visitor).await?,
        connection: filters.text("connection"),
        identifier: filters.text("identifier"),
        wrong: None,
    };
    Ok(show(&view))
}

/// Makes a link, and the account if there is none yet.
pub(super) async fn make_link(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let (connection, identifier) = (form.text("connection"), form.text("identifier").trim());
    let made = match identifier {
        "" => Err(Error::invalid("identifier", "is missing")),
        _ => {
            let account = AccountRef::named(connection, identifier);
            app.engine.authorization_link(&visitor.caller, &account, LinkOptions::default()).await
        }
    };
    match made {
        Ok(link) => Ok(show(&LinkPage::of(Shell::of(&app, Some(&visitor), "accounts", ""), &link)?)),
        Err(error) if error.code() == ErrorCode::PermissionDenied => Err(error.into()),
        Err(error) => {
            let field =
                error.details().fields.first().map(|field| format!("{} {}", field.field, field.message));
            let view = NewAccountPage {
                shell: Shell::of(&app, Some(&visitor), "accounts", ""),
                connections: connection_names(&app, &visitor).await?,
                connection,
                identifier,
                wrong: Some(field.unwrap_or_else(|| error.details().message.clone())),
            };
            Ok(page_response(status_of(error.code()), &view))
        }
    }
}
