//! What the provider said, and what its own table says that means.

use serde_json::Value;
use valetkey_domain::{
    Event, Evidence, Finding,
    catalogue::{Actor, RemedyAction},
    diagnosis::EvidenceKind,
    error::ProviderEvidence,
};
use valetkey_upstream::connector::{Place, Reason};

use super::case::{Case, event_evidence};

/// The provider's words as they were kept: bounded and redacted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) status: Option<u64>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

impl Said {
    /// From the `evidence` of an event.
    pub(super) fn of_event(event: &Event) -> Self {
        let data = &event.event.data;
        let evidence = if data["evidence"].is_object() { &data["evidence"] } else { data };
        let said = Self::of_value(evidence);
        // A call that was refused again after a renewal keeps both answers.
        if said == Self::default() && evidence["call"].is_object() {
            return Self::of_value(&evidence["call"]);
        }
        said
    }

    fn of_value(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        Self { status: value["status"].as_u64(), code: text("code"), message: text("message") }
    }

    /// From an error.
    pub(super) fn of_provider(provider: Option<&ProviderEvidence>) -> Self {
        provider.map_or_else(Self::default, |provider| Self {
            status: provider.status.map(u64::from),
            code: provider.code.clone(),
            message: provider.message.clone(),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The words as evidence; its reference is the provider's own code, the number in the text where there is one.
    pub(super) fn evidence(&self, place: Place) -> Option<Evidence> {
        if self.is_empty() {
            return None;
        }
        let at = match place {
            Place::Page => "on its page",
            Place::Callback => "in the callback",
            Place::Token => "at the token endpoint",
            Place::Api => "to the call",
        };
        let mut detail = format!("The provider answered {at}");
        if let Some(status) = self.status {
            detail += &format!(" with status {status}");
        }
        let words: Vec<&str> =
            [self.code.as_deref(), self.message.as_deref()].into_iter().flatten().collect();
        if !words.is_empty() {
            detail += &format!(": {}", words.join(": "));
        }
        let evidence = Evidence::new(EvidenceKind::Provider, detail);
        match self.number().or_else(|| self.code.clone()) {
            Some(code) => Some(evidence.reference(code)),
            None => Some(evidence),
        }
    }

    /// The number that some providers put into their text: `AADSTS50173`.
    fn number(&self) -> Option<String> {
        let text = self.message.as_deref()?;
        let at = text.find("AADSTS")?;
        let digits = text[at + 6..].chars().take_while(char::is_ascii_digit).count();
        (digits > 0).then(|| text[at..at + 6 + digits].to_owned())
    }
}

impl Case<'_> {
    /// The rule of the provider's table that fits.
    pub(super) fn reason(&self, place: Place, said: &Said) -> Option<&Reason> {
        let reasons = &self.connector.as_ref()?.reasons;
        reasons.find(place, said.code.as_deref(), said.message.as_deref())
    }

    /// The finding that the provider's table makes of its words, if it knows them.
    pub(super) fn explained(&self, place: Place, said: &Said) -> Option<Finding> {
        let reason = self.reason(place, said)?;
        let finding = of_reason(reason).evidences(said.evidence(place));
        Some(finding.message(format!("{}: {}", self.who(), lower_first(reason.means.entry().meaning))))
    }

    /// The same for what an event kept.
    pub(super) fn explained_event(&self, place: Place, event: &Event) -> Option<Finding> {
        let said = Said::of_event(event);
        Some(self.explained(place, &said)?.evidence(event_evidence(event, code_word(event))))
    }
}

/// A finding as a rule of a table states it.
pub(super) fn of_reason(reason: &Reason) -> Finding {
    let mut finding = Finding::new(reason.means);
    if let Some(actor) = reason.actor {
        finding = finding.actor(actor);
    }
    if let Some(says) = &reason.says {
        finding = finding.cause(says);
    }
    match &reason.remedy {
        Some(remedy) => {
            let first =
                reason.means.entry().remedies.first().map_or(RemedyAction::CheckProvider, |(a, _)| *a);
            // What a developer must mend first is no link to follow.
            let is_link = matches!(first, RemedyAction::Authorize | RemedyAction::Reauthorize);
            let mend = is_link && finding.actor == Actor::Developer;
            let first = if mend { RemedyAction::ConfigureConnection } else { first };
            let finding = finding.remedy(first, remedy);
            // What the table says takes the place of the catalogue's first remedy; the others follow it.
            let rest = reason.means.entry().remedies.iter().skip(1);
            rest.fold(finding, |finding, (action, text)| finding.remedy(*action, *text))
        }
        None => finding.catalogue_remedies(),
    }
}

/// The catalogue code of an event, in words.
pub(super) fn code_word(event: &Event) -> String {
    event.event.code.map(|code| code.as_str().to_owned()).unwrap_or_default()
}

/// A sentence to go on with after a colon.
pub(super) fn lower_first(sentence: &str) -> String {
    let mut chars = sentence.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
