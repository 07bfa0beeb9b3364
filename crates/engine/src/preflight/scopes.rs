//! Scopes: what the tools need, what lasting access needs, and what the provider wants to see before it gives them.

use std::collections::BTreeMap;

use time::Duration;
use valetkey_domain::{
    AccountStatus, Caller, Connection, Error, ErrorCode, PageRequest, Time,
    catalogue::RemedyAction,
    diagnosis::{Confidence, Evidence, EvidenceKind, Finding, Verdict},
    event::EventKind,
    refresh::RefreshOutcome,
    store::{AccountFilter, EventFilter},
};
use valetkey_upstream::connector::{Connector, OAuthProfile};

use super::{Report, asked, in_console};
use crate::{Engine, scopes::holds};

/// How many tools are named in one sentence.
const NAMED: usize = 5;

impl Engine {
    pub(super) async fn of_scopes(
        &self,
        caller: &Caller,
        connection: &Connection,
        connector: &Connector,
        profile: &OAuthProfile,
        report: &mut Report,
    ) -> Result<(), Error> {
        let scopes = asked(profile, connection);
        of_tools(connection, connector, &scopes, report);
        of_lasting_access(profile, &scopes, report);
        of_consent(connector, profile, &scopes, report);
        let lived = match profile.lifetimes.refresh_test_app_days {
            Some(days) => self.outlived(caller, connection, days).await?,
            None => None,
        };
        of_test_mode(connector, profile, &scopes, lived, report);
        Ok(())
    }

    /// An account of the connection that works although it was authorized longer ago than grants of an app in testing
    /// live: when it was.
    async fn outlived(
        &self,
        caller: &Caller,
        connection: &Connection,
        days: u32,
    ) -> Result<Option<Time>, Error> {
        let environment = &caller.environment;
        let filter = AccountFilter {
            connections: vec![connection.id.clone()],
            status: Some(AccountStatus::Active),
            ..AccountFilter::default()
        };
        let page = PageRequest { size: 20, cursor: None };
        let bound = Duration::days(i64::from(days));
        for account in self.0.store.accounts(environment, &filter, &page).await?.items {
            let filter = EventFilter {
                account: Some(account.id.clone()),
                kinds: vec![EventKind::AccountActivated],
                ..EventFilter::default()
            };
            let page = PageRequest { size: 1, cursor: None };
            let activated = self.0.store.events(environment, &filter, &page).await?.items.pop();
            let renewed = self.0.store.last_refresh(&account.id).await?;
            let renewed = renewed.filter(|attempt| attempt.outcome == Some(RefreshOutcome::Renewed));
            if let (Some(activated), Some(renewed)) = (activated, renewed)
                && renewed.started_at - activated.at > bound
            {
                return Ok(Some(activated.at));
            }
        }
        Ok(None)
    }
}

fn of_tools(connection: &Connection, connector: &Connector, scopes: &[String], report: &mut Report) {
    let mut lacking: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for tool in &connector.tools {
        for scope in tool.missing_scopes(scopes) {
            lacking.entry(scope).or_default().push(&tool.name);
        }
    }
    if lacking.is_empty() {
        report.ok(
            "scopes",
            format!("The scopes suffice for all {} tools of the connector.", connector.tools.len()),
        );
        return;
    }
    let names = |tools: &[&str]| {
        let more = if tools.len() > NAMED { ", …" } else { "" };
        format!("{}{more}", tools[..tools.len().min(NAMED)].join(", "))
    };
    let list: Vec<_> = lacking.keys().map(|scope| format!("\"{scope}\"")).collect();
    let tools: std::collections::BTreeSet<_> = lacking.values().flatten().collect();
    let finding = Finding::new(ErrorCode::ConnectionScopesMissing)
        .severity(Verdict::Degraded)
        .message(format!(
            "The connection \"{}\" does not ask for {}, so {} of {} tools cannot be used.",
            connection.name,
            list.join(", "),
            tools.len(),
            connector.tools.len()
        ))
        .evidences(lacking.iter().map(|(scope, tools)| {
            Evidence::new(EvidenceKind::Connector, format!("{scope} is needed by {}", names(tools)))
                .reference(scope)
        }))
        .remedy(
            RemedyAction::ConfigureConnection,
            format!("If these tools are to be used, add to the connection's scopes: {}.", list.join(", ")),
        );
    report.found("scopes", finding);
}

fn of_lasting_access(profile: &OAuthProfile, scopes: &[String], report: &mut Report) {
    let Some(authorize) = &profile.authorize else {
        report.skipped(
            "offline_access",
            "The client is its own account: it asks for a new token when it needs one.",
        );
        return;
    };
    match &profile.lifetimes.offline_scope {
        Some(scope) if !holds(profile, scopes, scope) => report.found(
            "offline_access",
            Finding::new(ErrorCode::OfflineAccessMissing)
                .message(format!(
                    "The connection does not ask for \"{scope}\": access ends with the first access token."
                ))
                .evidence(Evidence::new(
                    EvidenceKind::Connection,
                    format!("It asks for: {}", scopes.join(" ")),
                ))
                .remedy(
                    RemedyAction::ConfigureConnection,
                    format!("Add \"{scope}\" to the connection's scopes."),
                ),
        ),
        Some(scope) => report.ok("offline_access", format!("Access that lasts is asked for by \"{scope}\".")),
        None if authorize.params.contains_key("access_type") => {
            report.ok("offline_access", "Access that lasts is asked for by the parameter access_type.");
        }
        None => report.ok("offline_access", "The provider asks for nothing special for access that lasts."),
    }
}

/// Who has to agree before users can: an administrator, or the provider itself.
fn of_consent(connector: &Connector, profile: &OAuthProfile, scopes: &[String], report: &mut Report) {
    let among = |listed: &[String]| -> Vec<String> {
        scopes.iter().filter(|scope| holds(profile, listed, scope)).cloned().collect()
    };
    let admin = among(&profile.scopes.admin_consent);
    if admin.is_empty() {
        report.ok(
            "admin_consent",
            "None of the scopes is known to need an administrator's consent everywhere.",
        );
    } else {
        let finding = Finding::new(ErrorCode::AdminConsentRequired)
            .severity(Verdict::Degraded)
            .message(format!("Only an administrator can consent to {}.", admin.join(", ")))
            .evidences(admin.iter().map(|scope| {
                Evidence::new(
                    EvidenceKind::Connector,
                    format!("{scope} needs the consent of an administrator"),
                )
                .reference(scope)
            }));
        let finding = in_console(
            finding,
            connector,
            "Have an administrator of each organization grant consent for the app, or do without these scopes.".into(),
        );
        report.found("admin_consent", finding);
    }
    let (restricted, sensitive) = (among(&profile.scopes.restricted), among(&profile.scopes.sensitive));
    if restricted.is_empty() && sensitive.is_empty() {
        report.ok("verification", "None of the scopes is known to need the provider's verification.");
        return;
    }
    let evidence = |kind: &'static str| {
        move |scope: &String| {
            Evidence::new(EvidenceKind::Connector, format!("{scope} is {kind}")).reference(scope)
        }
    };
    let finding = Finding::new(ErrorCode::VerificationNeeded)
        .severity(Verdict::Degraded)
        .confidence(Confidence::Possible)
        .message(format!(
            "Users outside your own organization are warned or blocked until the provider has verified the app for {}.",
            restricted.iter().chain(&sensitive).cloned().collect::<Vec<_>>().join(", ")
        ))
        .evidences(restricted.iter().map(evidence("restricted")))
        .evidences(sensitive.iter().map(evidence("sensitive")));
    let finding = in_console(
        finding,
        connector,
        "If the app is not internal, start the provider's verification early: it takes weeks for restricted scopes."
            .into(),
    );
    report.found("verification", finding);
}

/// Google: an app of user type External in testing gets refresh tokens of seven days, unless it only asks who the user is.
fn of_test_mode(
    connector: &Connector,
    profile: &OAuthProfile,
    scopes: &[String],
    outlived: Option<Time>,
    report: &mut Report,
) {
    let Some(days) = profile.lifetimes.refresh_test_app_days else {
        report.skipped("test_mode", "The provider is not known to shorten the grants of apps in testing.");
        return;
    };
    if scopes.iter().all(|scope| profile.scopes.always.contains(scope)) {
        report.ok("test_mode", "Only the user's identity is asked for: grants live on in testing too.");
        return;
    }
    if let Some(at) = outlived {
        let detail =
            format!("An account that was authorized at {at} is still renewed: the app is not in testing.");
        report.ok("test_mode", detail);
        return;
    }
    let finding = Finding::new(ErrorCode::TestModeRisk)
        .severity(Verdict::Degraded)
        .confidence(Confidence::Possible)
        .message(format!(
            "If the OAuth app is External and in testing, every grant ends {days} days after consent, and those made in \
             testing keep that end."
        ))
        .evidence(Evidence::new(
            EvidenceKind::Connector,
            format!("Grants of apps in testing live {days} days; no account of this connection has lived longer yet"),
        ));
    let finding = in_console(
        finding,
        connector,
        "Set the app's publishing status to In production, or its user type to Internal, before users authorize.".into(),
    );
    report.found("test_mode", finding);
}
