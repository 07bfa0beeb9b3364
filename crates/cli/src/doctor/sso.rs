//! The identity provider: does it answer, and is it the one that the settings name?

use valetkey_domain::{
    Error,
    diagnosis::{Evidence, EvidenceKind, Finding},
};

use super::{Report, now, setting_invalid};
use crate::{settings::Settings, wiring};

const STEP: &str = "single_sign_on";

pub(super) async fn look(settings: &Settings, report: &mut Report) {
    let sso = match wiring::single_sign_on(settings) {
        Ok(Some(sso)) => sso,
        Ok(None) => {
            report.skipped(STEP, "Single sign-on is not set up.");
            return;
        }
        Err(failure) => {
            report.found(STEP, setting_invalid("sso_issuer", &failure.text));
            return;
        }
    };
    // Nothing is sent back from there, so where this server is reached does not matter.
    let own = settings.network.public_url.clone();
    let own = own.or_else(|| format!("http://{}", settings.network.listen).parse().ok());
    let checked = match own.ok_or_else(|| Error::internal("no address")).and_then(|own| sso.provider(&own)) {
        Ok(provider) => provider.check(now()).await,
        Err(error) => Err(error),
    };
    match checked {
        Ok(()) => {
            let detail = format!("The identity provider {} answers.", sso.issuer);
            report.ok(STEP, EvidenceKind::Network, detail);
        }
        Err(error) => {
            let finding = Finding::new(error.code())
                .message(error.details().message.clone())
                .cause(error.cause_text())
                .evidence(
                    Evidence::new(EvidenceKind::Network, &error.details().message).reference(&sso.issuer),
                );
            report.found(STEP, Finding { remedies: error.remedies(), ..finding });
        }
    }
}
