//! What a token that an agent holds is bounded to (S41): looked at before anything else of a call, whatever door it came
//! through.

use http::Method;
use valetkey_domain::{
    Account, Bounds, Caller, Connection, Error, ErrorCode, Execution, catalogue::RemedyAction,
};

use super::{
    ExecuteTool,
    resolve::{given, no_such_account},
};
use crate::{AccountRef, Engine};

impl Engine {
    /// Whether the caller's token may call this tool for this account. A refusal is in the audit log.
    ///
    /// # Errors
    /// `permission_denied`; `account_not_found` for the id of another user's account, as for one that is none;
    /// `invalid_argument` if a token that is bounded to users names none.
    pub(super) async fn require_within(&self, caller: &Caller, call: &ExecuteTool) -> Result<(), Error> {
        let Some(bounds) = &caller.bounds else { return Ok(()) };
        let (connector, tool) = self.tool_named(&call.tool_name)?;
        if !bounds.allow_tool(&connector.slug, &tool.name, tool.read_only) {
            let refused = refused(bounds, &format!("call the tool \"{}\"", tool.name));
            return self.refuse_call(caller, Some(&tool.name), refused).await;
        }
        self.require_user_within(caller, bounds, &call.account, Some(&tool.name)).await
    }

    /// Whether the caller's token may use this account, as far as its user goes. For a call that is handed on, then
    /// [`Engine::require_proxied_within`] once the account is known.
    ///
    /// # Errors
    /// As [`Engine::require_within`].
    pub(crate) async fn require_user(&self, caller: &Caller, wanted: &AccountRef) -> Result<(), Error> {
        match &caller.bounds {
            Some(bounds) => self.require_user_within(caller, bounds, wanted, None).await,
            None => Ok(()),
        }
    }

    /// Whether the caller's token may have a call with this method handed on to the API of this connection.
    ///
    /// # Errors
    /// `permission_denied`.
    pub(crate) async fn require_proxied_within(
        &self,
        caller: &Caller,
        connection: &Connection,
        method: &Method,
    ) -> Result<(), Error> {
        match &caller.bounds {
            Some(bounds) if !bounds.allow_proxied(&connection.connector, method.is_safe()) => {
                let what = format!("make this {method} call to {} through the proxy", connection.connector);
                self.refuse_call(caller, None, refused(bounds, &what)).await
            }
            _ => Ok(()),
        }
    }

    async fn require_user_within(
        &self,
        caller: &Caller,
        bounds: &Bounds,
        wanted: &AccountRef,
        tool: Option<&str>,
    ) -> Result<(), Error> {
        if bounds.identifiers.is_empty() {
            return Ok(());
        }
        if let Some(id) = given(wanted.id.as_ref()) {
            let (account, _) = self.account_by_id(&caller.environment, id).await?;
            return if reaches(caller, &account) { Ok(()) } else { Err(no_such_account()) };
        }
        match given(wanted.identifier.as_ref()) {
            Some(identifier) if bounds.allow_user(identifier) => Ok(()),
            // Said before anything is looked up: it is the same for users that there are and that there are not.
            Some(_) => self.refuse_call(caller, tool, refused(bounds, "use the accounts of this user")).await,
            None => Err(Error::invalid("identifier", "is missing: this API token is bounded to some users")),
        }
    }
}

/// Whether the caller's token may use this account.
pub(crate) fn reaches(caller: &Caller, account: &Account) -> bool {
    caller.bounds.as_ref().is_none_or(|bounds| bounds.allow_user(&account.identifier))
}

/// Whether the caller's token could have made this call.
pub(super) fn could_have_made(caller: &Caller, execution: &Execution) -> bool {
    caller.bounds.as_ref().is_none_or(|bounds| {
        let called = match &execution.tool {
            Some(tool) => bounds.allow_tool(&execution.connector, tool, true),
            None => bounds.allow_proxied(&execution.connector, true),
        };
        called && bounds.allow_user(&execution.identifier)
    })
}

fn refused(bounds: &Bounds, what: &str) -> Error {
    Error::new(ErrorCode::PermissionDenied)
        .message(format!("This API token may not {what}: it is bounded to {}.", bounds.in_words()))
        .remedy(
            RemedyAction::FixRequest,
            "Use what the token is bounded to, or ask whoever made it for another one.",
        )
}
