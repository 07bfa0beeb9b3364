//! What is logged and how it looks.

use std::str::FromStr;

use tracing::level_filters::LevelFilter;

use super::{Mode, read::Reader};

/// What is logged and how it looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Logging {
    pub(crate) format: LogFormat,
    pub(crate) level: LevelFilter,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For machines: one JSON object a line.
    Json,
    /// For people.
    Text,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(()),
        }
    }
}

impl Logging {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let default = if reader.mode == Mode::Serve { LogFormat::Json } else { LogFormat::Text };
        Self {
            format: reader.parsed("log_format", "json or text").unwrap_or(default),
            level: reader
                .parsed("log_level", "off, error, warn, info, debug or trace")
                .unwrap_or(LevelFilter::INFO),
        }
    }
}
