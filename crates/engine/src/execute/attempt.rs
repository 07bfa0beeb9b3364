//! One call of a tool: what can be checked here, a fresh credential, the request and its answer.

use std::time::Duration;

use serde_json::Value;
use valetkey_domain::{Account, Error, ErrorCode, catalogue::RemedyAction, execution::PhaseKind};
use valetkey_upstream::{
    oauth,
    tool::{self, Tool},
};

use super::{
    Prepared,
    call::{Renewal, not_repeated},
    refusal,
};
use crate::{Engine, context::target, executions::Run, limits::share, refresh::Ready};

/// How long a call that failed in passing waits before it is made again: at random up to this, doubled each time.
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LAST_BACK_OFF: Duration = Duration::from_secs(5);

/// Whether a failure may be over in a moment: a limit, a gateway's 502, 503 or 504, or no connection.
fn in_passing(error: &Error) -> bool {
    let status = error.details().provider.as_ref().and_then(|said| said.status);
    match error.code() {
        ErrorCode::UpstreamRateLimited
        | ErrorCode::UpstreamUnreachable
        | ErrorCode::UpstreamRefused
        | ErrorCode::UpstreamConnectTimeout
        | ErrorCode::UpstreamDnsFailed
        | ErrorCode::UpstreamResolverFailed => true,
        ErrorCode::UpstreamError => matches!(status, Some(502 | 503)),
        ErrorCode::UpstreamTimeout => matches!(status, None | Some(504)),
        _ => false,
    }
}

impl Engine {
    /// Calls with a fresh credential, and once more with another one if that is refused.
    pub(super) async fn attempt(
        &self,
        prepared: &Prepared,
        run: &mut Run,
    ) -> Result<(Account, Value), Error> {
        let Prepared { tool, account, connection, deadline, .. } = prepared;
        self.check_call(prepared)?;
        run.enter(PhaseKind::Credential);
        let ready = self.ready(account, connection, *deadline).await?;
        // A refresh may have brought fewer scopes than there were.
        require_scopes(prepared, &ready.account)?;
        let refused = match self.call_patiently(prepared, &ready, run).await {
            Err(error) if error.code() == ErrorCode::UpstreamUnauthorized => error,
            done => return done.map(|data| (ready.account, data)),
        };
        run.enter(PhaseKind::Credential);
        match deadline.hold(self.renew_refused(&ready, connection, &refused)).await? {
            Renewal::Futile(error) => Err(error),
            Renewal::Renewed(_) if !may_repeat(tool) => Err(not_repeated(refused)),
            Renewal::Renewed(renewed) => match self.call_patiently(prepared, &renewed, run).await {
                Err(error) if error.code() == ErrorCode::UpstreamUnauthorized => {
                    Err(self.refused_again(&renewed, connection, error).await)
                }
                done => done.map(|data| (renewed.account, data)),
            },
        }
    }

    /// What can be told of a call before anything is sent.
    pub(super) fn check_call(&self, prepared: &Prepared) -> Result<(), Error> {
        let Prepared { tool, account, connection, input, .. } = prepared;
        self.require_enabled(connection)?;
        if let Some(error) = refusal::refusal(account, connection) {
            return Err(error);
        }
        if !input.is_object() {
            return Err(Error::new(ErrorCode::ToolInputInvalid).field("tool_input", "must be a JSON object"));
        }
        tool.validate(input)?;
        require_scopes(prepared, account)
    }

    /// Waits for its turn and calls; a call that does no harm when repeated is made again if it failed in passing, as long
    /// as its deadline allows.
    async fn call_patiently(
        &self,
        prepared: &Prepared,
        ready: &Ready,
        run: &mut Run,
    ) -> Result<Value, Error> {
        let Prepared { connector, tool, connection, input, deadline, .. } = prepared;
        let mut tries = 1;
        loop {
            run.enter(PhaseKind::Queue);
            let leave = self.admit(connector, (tool, input), &ready.account, connection, *deadline).await?;
            let outcome = self.call_once(prepared, ready, run).await;
            drop(leave);
            let error = match outcome {
                Err(error) if may_repeat(tool) && in_passing(&error) => error,
                done => return done,
            };
            let told = error.details().retry_after_ms.map_or(Duration::ZERO, Duration::from_millis);
            let back_off = FIRST_BACK_OFF.saturating_mul(1 << tries.min(10)).min(LAST_BACK_OFF);
            let wait = told + share(back_off, &*self.0.entropy);
            if tries >= self.0.settings.call_attempts || wait >= deadline.remaining() {
                return Err(error);
            }
            tracing::debug!(%error, execution = %run.id(), tries, "a call failed in passing and is made again");
            run.enter(PhaseKind::BackOff);
            tokio::time::sleep(wait).await;
            tries += 1;
        }
    }

    /// One request and its answer. Nothing of the credential is in what comes back.
    async fn call_once(&self, prepared: &Prepared, ready: &Ready, run: &mut Run) -> Result<Value, Error> {
        let Prepared { connector, tool, connection, input, deadline, .. } = prepared;
        let target = target(connector, connection, &ready.account.metadata);
        let mut request = tool::render(&target, tool, input)?;
        let (method, path) = (request.method.clone(), request.url.path().to_owned());
        tool::attach_credential(&target, Some(tool), &ready.credential, &mut request)?;
        let limits = deadline.limits(self.call_limits())?;
        if !tool.read_only || run.is_kept() {
            run.enter(PhaseKind::Record);
            self.announce_run(run).await?;
        }
        run.enter(PhaseKind::Provider);
        run.leaves_for(&method, &path);
        let mask = tool::Mask::of(&ready.credential);
        let response = self.0.egress.send(request, limits).await;
        run.enter(PhaseKind::Answer);
        let response = response.map_err(|fault| {
            if !fault.sent {
                run.came_back();
            }
            deadline.explain(fault.into())
        })?;
        run.answered(response.status);
        let rules = &connector.api.limits;
        match tool::shape(tool, &response) {
            Ok(mut data) => {
                match tool.exhausted(&response) {
                    Some(wait) => self.learn_exhausted(rules, &ready.account, connection, wait),
                    None => self.learn_accepted(&ready.account, connection),
                }
                run.proved(ready.generation);
                mask.value(&mut data);
                Ok(data)
            }
            Err(error) if error.code() == ErrorCode::UpstreamRateLimited => {
                let error = self.learn_refused(rules, &ready.account, connection, error);
                Err(mask.error(error))
            }
            Err(error) => Err(mask.error(error)),
        }
    }
}

/// What broke off a call that may have an effect, after it had left: it may have happened all the same, and that is the first
/// thing to look at.
pub(super) fn in_doubt(error: Error, tool: &Tool, has_left: bool) -> Error {
    let broke_off = matches!(
        error.code(),
        ErrorCode::UpstreamUnreachable
            | ErrorCode::UpstreamTimeout
            | ErrorCode::UpstreamResponseInvalid
            | ErrorCode::UpstreamResponseTooLarge
    );
    if !has_left || !broke_off || may_repeat(tool) {
        return error;
    }
    let others = error.remedies();
    let has_own = !error.details().remedies.is_empty();
    let error = error.remedy(
        RemedyAction::CheckProvider,
        "The call may have had its effect: check at the provider whether it happened before making it again.",
    );
    match has_own {
        true => error,
        false => others.into_iter().fold(error, |error, other| error.remedy(other.action, other.text)),
    }
}

/// Whether a call that was refused with 401 may be sent again with another credential. A 401 says that the call was
/// not carried out, but not every provider checks the credential first.
fn may_repeat(tool: &Tool) -> bool {
    tool.read_only || tool.idempotent || tool.method().is_safe()
}

/// S09: what the user did not grant is not even tried.
fn require_scopes(prepared: &Prepared, account: &Account) -> Result<(), Error> {
    let Prepared { connector, tool, connection, .. } = prepared;
    let missing = tool.missing_scopes(&account.scopes);
    if missing.is_empty() {
        return Ok(());
    }
    let asked = connector.auth.oauth().map(|profile| oauth::requested_scopes(profile, &connection.scopes));
    let asked = asked.unwrap_or_default();
    let list = missing.join("\", \"");
    let mut error = Error::new(ErrorCode::InsufficientScope)
        .message(format!(
            "The tool {} needs the scope \"{list}\", which this account does not have.",
            tool.name
        ))
        .connection(&connection.id);
    if !tool.missing_scopes(&asked).is_empty() {
        error = error.cause("The connection does not ask for the scope.").remedy(
            RemedyAction::ConfigureConnection,
            format!("Add the scope \"{list}\" to the connection \"{}\".", connection.name),
        );
    } else {
        error = error.cause("The connection asks for the scope, but the user did not grant it.");
    }
    Err(error.remedy(
        RemedyAction::Reauthorize,
        format!("Send the user a new authorization link and ask for the scope \"{list}\"."),
    ))
}
