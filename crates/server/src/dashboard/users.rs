//! Users and invitations.

use askama::Template;
use axum::extract::State;
use http::Uri;
use valetkey_domain::{Error, Invitation, Role, Time, User};
use valetkey_engine::{InviteLink, NewUser, UserUpdate};

use super::{
    form::Form,
    gate::Visiting,
    shell::{Answer, Shell, go_to, query_of, show},
};
use crate::{extract::Path, state::App};

/// What a role may do, in words.
pub(super) fn may_words(role: Role) -> &'static str {
    match role {
        Role::Owner => "everything, users, keys and the audit log included.",
        Role::Operator => "look at everything that happens, and change connections and accounts.",
        Role::Viewer => "look at connections, accounts and executions, and change nothing.",
    }
}

#[derive(Template)]
#[template(path = "dashboard/users.html")]
struct UsersPage {
    shell: Shell,
    own: String,
    users: Vec<User>,
    invitations: Vec<Invitation>,
    roles: [(&'static str, &'static str); 3],
    /// Whether people come in through an identity provider, and whether by a password too.
    sso: bool,
    passwords: bool,
}

/// The page.
pub(super) async fn page(State(app): State<App>, Visiting(visitor): Visiting, uri: Uri) -> Answer {
    let view = UsersPage {
        shell: Shell::of(&app, Some(&visitor), "settings", query_of(&uri)),
        own: visitor.user.id.to_string(),
        users: app.engine.list_users(&visitor.caller).await?,
        invitations: app.engine.list_invitations(&visitor.caller).await?,
        roles: Role::ALL.map(|role| (role.as_str(), may_words(role))),
        sso: app.engine.sso().is_some(),
        passwords: app.engine.takes_passwords(),
    };
    Ok(show(&view))
}

/// A link for a person, shown once.
#[derive(Template)]
#[template(path = "dashboard/invited.html")]
struct InvitedPage {
    shell: Shell,
    what: String,
    url: String,
    expires_at: Time,
}

fn shown(shell: Shell, what: String, link: InviteLink) -> Answer {
    let view = InvitedPage { shell, what, url: link.url.to_string(), expires_at: link.expires_at };
    Ok(show(&view))
}

fn role(form: &Form) -> Result<Role, Error> {
    Role::parse(form.text("role")).ok_or_else(|| Error::invalid("role", "must be owner, operator or viewer"))
}

/// Invites a person.
pub(super) async fn invite(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let role = role(&form)?;
    let link = app.engine.invite_user(&visitor.caller, role).await?;
    let shell = Shell::of(&app, Some(&visitor), "settings", "");
    shown(shell, format!("Whoever opens it becomes {} of this server", role.as_str()), link)
}

/// Adds a person who comes in through the identity provider.
pub(super) async fn add(State(app): State<App>, Visiting(visitor): Visiting, form: Form) -> Answer {
    let new = NewUser {
        email: form.text("email").to_owned(),
        name: form.text("name").to_owned(),
        role: role(&form)?,
    };
    app.engine.add_user(&visitor.caller, new).await?;
    Ok(go_to(&app, "/settings/users?done=created"))
}

/// Changes a user's role, whether they may log in, or that the identity provider knows them.
pub(super) async fn update(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    let update = match (form.ticked("unlink"), form.text("enabled")) {
        (true, _) => UserUpdate { unlink: true, ..UserUpdate::default() },
        (false, "") => UserUpdate { role: Some(role(&form)?), ..UserUpdate::default() },
        (false, enabled) => UserUpdate { enabled: Some(enabled == "yes"), ..UserUpdate::default() },
    };
    app.engine.update_user(&visitor.caller, &id, update).await?;
    Ok(go_to(&app, "/settings/users?done=saved"))
}

/// Makes a link to set a new password.
pub(super) async fn reset_link(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    let link = app.engine.reset_password_link(&visitor.caller, &id).await?;
    let shell = Shell::of(&app, Some(&visitor), "settings", "");
    shown(shell, "Whoever opens it sets a new password for this user".to_owned(), link)
}

/// Takes an invitation back.
pub(super) async fn withdraw(
    State(app): State<App>,
    Visiting(visitor): Visiting,
    Path(id): Path<String>,
    _form: Form,
) -> Answer {
    app.engine.withdraw_invitation(&visitor.caller, &id).await?;
    Ok(go_to(&app, "/settings/users?done=withdrawn"))
}
