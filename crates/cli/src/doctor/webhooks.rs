//! Webhooks that get no messages.

use valetkey_domain::{
    ErrorCode, PageRequest, Store, StoreError,
    diagnosis::{Evidence, EvidenceKind, Finding, Verdict},
    webhook::Webhook,
};

use super::Report;

/// How many webhooks of an environment are looked at: more than there may be.
const LOOKED_AT: u32 = 100;

pub(super) async fn look(store: &dyn Store, report: &mut Report) -> Result<(), StoreError> {
    let (mut seen, mut bad) = (0, Vec::new());
    for (environment, _) in store.environments().await? {
        let page = PageRequest { size: LOOKED_AT, cursor: None };
        let webhooks = store.webhooks(&environment, &page).await?.items;
        seen += webhooks.len();
        bad.extend(webhooks.into_iter().filter(Webhook::needs_somebody));
    }
    if !bad.is_empty() {
        report.found("webhooks", of_webhooks(&bad));
    } else if seen > 0 {
        report.ok("webhooks", EvidenceKind::Event, format!("What was sent last to {seen} webhooks arrived."));
    }
    Ok(())
}

fn of_webhooks(bad: &[Webhook]) -> Finding {
    let message = match bad {
        [one] => format!("The webhook {} gets no messages.", one.id),
        many => format!("{} webhooks get no messages.", many.len()),
    };
    let evidence = bad.iter().map(|webhook| {
        let error = webhook.last_error.as_deref().unwrap_or("nothing is known of its last try");
        let state = match webhook.disabled {
            Some(reason) => format!("is off ({})", reason.as_str()),
            None => "is tried again".to_owned(),
        };
        let evidence = Evidence::new(EvidenceKind::Event, format!("It {state}: {error}"));
        let evidence = evidence.reference(webhook.id.as_str());
        match webhook.failing_since {
            Some(since) => evidence.at(since),
            None => evidence,
        }
    });
    Finding::new(ErrorCode::WebhookFailing)
        .severity(Verdict::Degraded)
        .message(message)
        .evidences(evidence)
        .catalogue_remedies()
}
