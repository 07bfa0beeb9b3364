//! Log lines to stderr: JSON for machines, text for people.

use std::io::{IsTerminal as _, stderr};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::settings::{LogFormat, Logging};

/// Starts logging. Only our own crates follow `log_level`: at debug and trace the HTTP and TLS libraries write headers
/// and frames, and with them bearers (S56).
pub(crate) fn start(logging: Logging) {
    let others = logging.level.min(LevelFilter::WARN);
    let filter = EnvFilter::new(format!("{others},valetkey={}", logging.level));
    let registry = tracing_subscriber::registry().with(filter);
    // A second start in one process (tests) keeps the first.
    let _ = match logging.format {
        LogFormat::Json => registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_current_span(true)
                    .with_span_list(false)
                    .with_writer(stderr),
            )
            .try_init(),
        LogFormat::Text => registry
            .with(fmt::layer().with_target(false).with_ansi(stderr().is_terminal()).with_writer(stderr))
            .try_init(),
    };
    std::panic::set_hook(Box::new(report_panic));
}

/// The message of a panic may quote anything, so only the place is written.
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let trace = std::backtrace::Backtrace::capture();
    match trace.status() {
        std::backtrace::BacktraceStatus::Captured => tracing::error!(place, %trace, "panic"),
        _ => tracing::error!(place, "panic"),
    }
}
