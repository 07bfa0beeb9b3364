//! Where the time of a call went, as a drawing and as a table.

use valetkey_domain::execution::{Phase, PhaseKind};

use super::text;

/// A bar of the drawing, and a line of the table.
pub(super) struct Bar {
    pub(super) words: &'static str,
    pub(super) kind: &'static str,
    pub(super) began: String,
    pub(super) took: String,
    /// Where it begins and how wide it is, in thousandths of the whole.
    pub(super) x: u64,
    pub(super) width: u64,
}

fn words(kind: PhaseKind) -> &'static str {
    match kind {
        PhaseKind::Check => "Checked here",
        PhaseKind::Credential => "Getting a fresh credential",
        PhaseKind::Queue => "Waiting for its turn",
        PhaseKind::Record => "Recorded before it left",
        PhaseKind::Provider => "With the provider",
        PhaseKind::BackOff => "Waiting before it was made again",
        PhaseKind::Answer => "Reading the answer",
    }
}

/// The bars of a call that took `whole` microseconds. A bar is never too thin to be seen, and none leaves the drawing.
pub(super) fn bars(phases: &[Phase], whole: Option<u64>) -> Vec<Bar> {
    let end = phases.iter().map(|phase| phase.from_us.saturating_add(phase.took_us)).max().unwrap_or(0);
    let whole = u128::from(whole.unwrap_or(0).max(end).max(1));
    let share = |micros: u64| u64::try_from(u128::from(micros) * 1000 / whole).unwrap_or(1000);
    let bars = phases.iter().map(|phase| {
        let x = share(phase.from_us).min(997);
        Bar {
            words: words(phase.kind),
            kind: phase.kind.as_str(),
            began: text::took(phase.from_us),
            took: text::took(phase.took_us),
            x,
            width: share(phase.took_us).clamp(3, 1000 - x),
        }
    });
    bars.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_stay_inside_and_can_be_seen() {
        let phase = |kind, from_us, took_us| Phase { kind, from_us, took_us };
        let phases = [
            phase(PhaseKind::Check, 0, 0),
            phase(PhaseKind::Provider, 10, 980),
            phase(PhaseKind::Answer, 990, 10),
        ];
        let drawn: Vec<_> = bars(&phases, Some(1000)).iter().map(|bar| (bar.x, bar.width)).collect();
        assert_eq!(drawn, [(0, 3), (10, 980), (990, 10)]);
        // A record whose parts say more than the whole.
        let drawn = bars(&[phase(PhaseKind::Queue, u64::MAX, u64::MAX)], Some(1));
        assert_eq!((drawn[0].x, drawn[0].width), (997, 3));
        assert!(bars(&[], None).is_empty());
    }
}
