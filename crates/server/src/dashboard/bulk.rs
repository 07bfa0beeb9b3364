//! The same for many accounts: first what it would hit, then how far it is, then what did not work.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Uri, header};
use valetkey_domain::{AccountId, Error, ErrorCode};
use valetkey_engine::{BulkAction, BulkChoice, BulkView, MAX_BULK, Siblings, Visitor};

use super::{
    accounts::{Row, chosen},
    form::Form,
    gate::Visiting,
    list::Filters,
    shell::{Answer, Shell, go_to, query_of, show},
    text,
};
use crate::{extract::Path, state::App};

/// How many accounts can be ticked one by one: more than a page of a list has.
const TICKED: usize = 100;

#[derive(Template)]
#[template(path = "dashboard/bulk_ask.html")]
struct AskPage {
    shell: Shell,
    words: Words,
    /// What was chosen, to be sent along.
    fields: Vec<(String, String)>,
    total: u64,
    more: bool,
    most: u32,
    rows: Vec<Row>,
    back: String,
    ends: bool,
}

#[derive(Template)]
#[template(path = "dashboard/bulk.html")]
struct WorkPage {
    shell: Shell,
    title: &'static str,
    work: BulkView,
    share: u64,
    tone: &'static str,
    took: Option<String>,
}

#[derive(Template)]
#[template(path = "dashboard/bulks.html")]
struct WorksPage {
    shell: Shell,
    rows: Vec<WorkRow>,
}

/// A piece of work in the list.
struct WorkRow {
    title: &'static str,
    tone: &'static str,
    work: BulkView,
}

/// An action in words.
struct Words {
    /// What the page is called.
    title: &'static str,
    /// What the button says.
    button: &'static str,
    /// What it does with each account.
    hits: &'static str,
    /// Whether it cannot be taken back.
    grave: bool,
}

fn words(action: BulkAction) -> Words {
    match action {
        BulkAction::Refresh => Words {
            title: "Refresh accounts",
            button: "Refresh them now",
            hits: "The credential of each account is renewed at the provider, whether or not it is due. Accounts that \
                   cannot be renewed stay as they are.",
            grave: false,
        },
        BulkAction::Link => Words {
            title: "New authorization links",
            button: "Make the links",
            hits: "Each account gets a new link, to be sent to its user. The accounts go on as they are until a link is \
                   used.",
            grave: false,
        },
        BulkAction::Disconnect => Words {
            title: "Disconnect accounts",
            button: "Disconnect them",
            hits: "The stored credential of each account is erased and its grant is revoked at the provider, where the \
                   provider lets us. Calls for these accounts fail until their users authorize them again.",
            grave: true,
        },
        BulkAction::Delete => Words {
            title: "Delete accounts",
            button: "Delete them",
            hits: "Each account is gone, with its credential; its grant is revoked at the provider, where the provider \
                   lets us. Events and executions stay readable.",
            grave: true,
        },
    }
}

/// What a piece of work is called.
fn title(action: Option<BulkAction>) -> &'static str {
    action.map_or("Work that another version of the server began", |action| words(action).title)
}

fn tone(work: &BulkView) -> &'static str {
    match (work.ended_at.is_some(), work.failed, work.stopped) {
        (false, ..) => "note",
        (true, 0, false) => "good",
        (true, _, false) if work.done > 0 => "note",
        _ => "bad",
    }
}

/// What the fields of a query or a form choose: the accounts that were ticked, or all that fit the filters.
fn choice_of(fields: &Filters) -> Result<(BulkAction, BulkChoice), Error> {
    let action = fields.text("action");
    let action = BulkAction::parse(action)
        .ok_or_else(|| Error::invalid("action", "must be refresh, link, disconnect or delete"))?;
    let all = fields.text("of") == "all";
    let choice = match all {
        true => {
            let (connections, filter) = chosen(fields)?;
            BulkChoice::Fitting { connections, filter: Box::new(filter) }
        }
        false => {
            let ids: Result<Vec<AccountId>, _> = fields.all("account").map(str::parse).collect();
            let mut ids = ids.map_err(|_| Error::invalid("account", "is the id of an account: ca_…"))?;
            ids.sort();
            ids.dedup();
            if ids.is_empty() {
                return Err(Error::invalid("account", "Tick at least one account in the list."));
            }
            if ids.len() > TICKED {
                return Err(Error::invalid("account", format!("At most {TICKED} accounts can be ticked.")));
            }
            BulkChoice::Accounts(ids)
        }
    };
    Ok((action, choice))
}

/// The work that the visitor began.
async fn list(app: &App, visitor: &Visitor) -> Answer {
    let works = app.engine.bulks(&visitor.caller).await?;
    let rows = works.into_iter().map(|work| WorkRow { title: title(work.action), tone: tone(&work), work });
    let view = WorksPage { shell: Shell::of(app, Some(visitor), "accounts", ""), rows: rows.collect() };
    Ok(show(&view))
}

/// Says what it would hit, how many of them, and asks. Without a question it lists what was begun.
pub(super) async fn ask(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let fields = Filters::of(query_of(&uri));
    if !fields.any() {
        return list(&app, &visitor).await;
    }
    let (action, choice) = choice_of(&fields)?;
    let preview = app.engine.preview_bulk(&visitor.caller, action, &choice).await?;
    let shell = Shell::of(&app, Some(&visitor), "accounts", "");
    let view = AskPage {
        words: words(action),
        back: shell.to(&format!("/accounts{}", fields.without(&["action", "of", "account"]))),
        fields: fields.pairs().to_vec(),
        total: preview.total,
        more: preview.more,
        most: MAX_BULK,
        rows: preview.named.iter().map(Row::of).collect(),
        ends: matches!(action, BulkAction::Disconnect | BulkAction::Delete),
        shell,
    };
    Ok(show(&view))
}

/// Begins, and leads to the page that shows how far it is.
pub(super) async fn begin(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let fields = Filters::from_form(&form);
    let (action, choice) = choice_of(&fields)?;
    if words(action).grave && !form.ticked("sure") {
        return Err(Error::invalid("sure", "must be ticked: this cannot be taken back").into());
    }
    let siblings = Siblings::parse(form.text("siblings")).unwrap_or_default();
    let work = app.engine.start_bulk(&visitor.caller, action, choice, siblings).await?;
    Ok(go_to(&app, &format!("/bulk/{}", work.id)))
}

async fn found(app: &App, visitor: &Visitor, id: &str) -> Result<BulkView, Error> {
    app.engine.bulk(&visitor.caller, id).await?.ok_or_else(|| Error::new(ErrorCode::RouteNotFound))
}

/// How far it is. The page comes again by itself until it has ended.
pub(super) async fn watch(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
) -> Answer {
    let work = found(&app, &visitor, &id).await?;
    let worked = work.done + work.failed;
    let view = WorkPage {
        shell: Shell::of(&app, Some(&visitor), "accounts", ""),
        title: title(work.action),
        share: (worked * 100).checked_div(work.total).unwrap_or(100).min(100),
        tone: tone(&work),
        took: work.ended_at.map(|ended| {
            let micros = (ended - work.began_at).whole_microseconds();
            text::took(u64::try_from(micros).unwrap_or_default())
        }),
        work,
    };
    Ok(show(&view))
}

/// Has it end after what it is at.
pub(super) async fn stop(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    let work = found(&app, &visitor, &id).await?;
    app.engine.stop_bulk(&visitor.caller, &work.id).await?;
    Ok(go_to(&app, &format!("/bulk/{}", work.id)))
}

/// The links that were made, as a file for whatever sends them.
pub(super) async fn links(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    let work = found(&app, &visitor, &id).await?;
    let mut lines = String::from("account_id,identifier,connection,link\r\n");
    for (view, link) in &work.links {
        let account = &view.account;
        let fields = [account.id.as_str(), &account.identifier, &view.connection_name, link];
        lines.push_str(&fields.map(cell).join(","));
        lines.push_str("\r\n");
    }
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"links.csv\"")),
    ];
    let response: Response = (headers, lines).into_response();
    Ok(response)
}

/// A field of a table of values (RFC 4180 §2). One that a spreadsheet would take for a formula is made a text.
fn cell(text: &str) -> String {
    let text = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    };
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_texts_and_never_formulas() {
        assert_eq!(cell("user_1"), "\"user_1\"");
        assert_eq!(cell("a\"b,c"), "\"a\"\"b,c\"");
        assert_eq!(cell("=1+2"), "\"'=1+2\"");
        assert_eq!(cell("@x"), "\"'@x\"");
    }
}
