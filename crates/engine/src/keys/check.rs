//! Whether everything that is sealed in a database opens.

use std::collections::BTreeMap;

use valetkey_domain::{Error, ErrorCode, Store};

use super::{SecretKind, place::context};
use crate::keyring::VaultKeeper;

/// How many records are read at once.
const BATCH: u32 = 500;

/// What came of opening every secret that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretsChecked {
    /// How many of each kind opened.
    pub opened: BTreeMap<SecretKind, u64>,
    /// Where those are that did not open.
    pub refused: Vec<String>,
}

/// Opens every secret that is stored and forgets it at once.
///
/// # Errors
/// What storage says. A secret that does not open is a finding and no error.
pub async fn check_secrets(store: &dyn Store, keeper: &VaultKeeper) -> Result<SecretsChecked, Error> {
    let mut checked = SecretsChecked::default();
    let mut after = None;
    loop {
        let records = store.sealed_records(after.as_ref(), BATCH).await?;
        let Some(last) = records.last() else { return Ok(checked) };
        after = Some(last.place.clone());
        for record in &records {
            let opened = match context(record) {
                Some(context) => keeper.open_latest(&context, &record.sealed).await.map(drop),
                None => Err(Error::new(ErrorCode::SealRefused)),
            };
            match opened {
                Ok(()) => *checked.opened.entry(SecretKind::of(&record.place)).or_default() += 1,
                Err(error) if error.code() == ErrorCode::SealRefused => {
                    checked.refused.push(format!("{:?}", record.place));
                }
                Err(error) => return Err(error),
            }
        }
    }
}
