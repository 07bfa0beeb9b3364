//! Settings: defaults, then the configuration file, then `VALETKEY_…` variables, then flags. Unknown names are
//! refused; everything that is wrong is told at once.

mod background;
mod keys;
mod limits;
mod logging;
mod network;
mod print;
mod read;
mod source;
mod sso;
mod storage;
mod table;
mod upstreams;

use std::ffi::OsString;

use valetkey_domain::SecretString;

pub(crate) use background::{Role, Work};
pub(crate) use limits::Limits;
pub(crate) use logging::{LogFormat, Logging};
pub(crate) use network::{Network, Tls};
pub(crate) use print::{as_markdown, as_text};
pub(crate) use read::Problem;
pub(crate) use source::Flags;
pub(crate) use sso::Sso;
pub(crate) use storage::Storage;
pub(crate) use upstreams::Upstreams;

use crate::master_key::MasterKeySource;
use read::Reader;

/// Which defaults and which rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// `valetkey serve`: whatever is weak or missing is refused.
    Serve,
    /// `valetkey dev`: what is missing is made.
    Dev,
    /// A command beside the server that works on the same database: the server's own address does not matter.
    Beside,
}

/// Everything that can be set, read and checked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) network: Network,
    pub(crate) storage: Storage,
    pub(crate) master_key: Option<MasterKeySource>,
    pub(crate) previous_master_key: Option<MasterKeySource>,
    pub(crate) bootstrap: Option<(String, SecretString)>,
    pub(crate) upstreams: Upstreams,
    pub(crate) limits: Limits,
    pub(crate) work: Work,
    pub(crate) logging: Logging,
    pub(crate) app_name: Option<String>,
    pub(crate) sso: Option<Sso>,
}

impl Settings {
    /// Reads and checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the table.
    pub(crate) fn load(
        mode: Mode,
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Vec<Problem>> {
        match Self::read(mode, flags, environment) {
            (settings, problems) if problems.is_empty() => Ok(settings),
            (_, problems) => Err(problems),
        }
    }

    /// Reads all settings as far as they can be read, and tells what is wrong: for diagnosis, which goes on with what
    /// there is.
    pub(crate) fn read(
        mode: Mode,
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let figment = source::gather(flags, environment, &mut problems);
        let mut reader = Reader::new(figment, mode, problems);
        let network = Network::read(&mut reader);
        let storage = Storage::read(&mut reader);
        let master_key = keys::master_key(&mut reader);
        let previous_master_key = keys::previous_master_key(&mut reader);
        let bootstrap = keys::bootstrap(&mut reader);
        let upstreams = Upstreams::read(&mut reader);
        let app_name = app_name(&mut reader);
        let sso = Sso::read(&mut reader);
        let limits = Limits::read(&mut reader);
        let work = Work::read(&mut reader);
        let logging = Logging::read(&mut reader);
        let settings = Self {
            network,
            storage,
            master_key,
            previous_master_key,
            bootstrap,
            upstreams,
            limits,
            work,
            logging,
            app_name,
            sso,
        };
        (settings, reader.problems)
    }
}

fn app_name(reader: &mut Reader) -> Option<String> {
    let name = reader.text("app_name")?;
    if name.chars().count() > 100 || name.chars().any(char::is_control) {
        reader.refuse("app_name", "must have at most 100 characters, all printable");
    }
    Some(name)
}

#[cfg(test)]
mod tests;
