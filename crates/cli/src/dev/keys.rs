//! The master key, the API client and the API token of a development server: made once, kept in the data folder.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use valetkey_domain::{
    ApiClientId, Caller, ExposeSecret, Permission, SecretString, SystemClock, entropy::random_bytes,
};
use valetkey_engine::{Engine, NewApiToken};
use valetkey_vault::{MasterKey, SystemEntropy};

use super::folder::{Folder, secret_text};
use crate::{
    failure::Failure,
    master_key::{InFile, MasterKeySource},
    settings::Settings,
};

pub(super) const MASTER_KEY: &str = "master.key";
const ACCESS: &str = "access.json";

/// A secret of 256 random bits.
pub(super) fn random_secret(prefix: &str) -> SecretString {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>(&SystemEntropy))).into()
}

/// The master key of the settings, else the data folder's own, made at the first start.
pub(super) fn master_key(settings: &Settings, folder: &Folder) -> Result<MasterKeySource, Failure> {
    if let Some(source) = &settings.master_key {
        return Ok(source.clone());
    }
    let path = folder.file(MASTER_KEY);
    if !path.exists() {
        // S34: a new key beside an old database would open nothing that is in it.
        if settings.storage.database.exists() {
            let message = format!(
                "{} is gone, but the database {} was made with it; bring the file back, or delete the data folder \
                 to start anew",
                path.display(),
                settings.storage.database.display()
            );
            return Err(Failure::setting("master_key_file", message));
        }
        let key = MasterKey::generate().map_err(|error| Failure::setting("master_key", error))?;
        folder.write(MASTER_KEY, format!("{}\n", key.to_text().expose_secret()).as_bytes())?;
    }
    MasterKeySource::fetch(&InFile { setting: "master_key_file", path: path.clone() })
        .map_err(|error| Failure::setting("master_key_file", format!("{}: {error}", path.display())))
}

/// How the developer's programs get in.
pub(super) struct Access {
    pub(super) client_id: String,
    pub(super) client_secret: SecretString,
    pub(super) api_token: SecretString,
    /// Who sets things up at the start.
    pub(super) caller: Caller,
}

/// What is kept of it.
#[derive(Serialize, Deserialize)]
struct Kept {
    client_id: String,
    #[serde(with = "secret_text")]
    client_secret: SecretString,
    #[serde(with = "secret_text")]
    api_token: SecretString,
}

/// The API client and token of the last start as far as they still work, else new ones.
pub(super) async fn access(settings: &Settings, folder: &Folder, engine: &Engine) -> Result<Access, Failure> {
    let kept: Option<Kept> = folder.read_json(ACCESS)?;
    let (client_id, client_secret) = match (&settings.bootstrap, &kept) {
        (Some((id, secret)), _) => (id.clone(), secret.clone()),
        (None, Some(kept)) => (kept.client_id.clone(), kept.client_secret.clone()),
        (None, None) => (ApiClientId::new(&SystemClock, &SystemEntropy).to_string(), random_secret("vks_")),
    };
    let client = engine.ensure_bootstrap_client(&client_id, &client_secret).await.map_err(refused)?;
    let caller = engine.operator(client.environment).map_err(refused)?;
    let token = kept.filter(|kept| kept.client_id == client_id).map(|kept| kept.api_token);
    let api_token = match token {
        Some(token) if is_current(engine, &token).await => token,
        _ => {
            let client = Some(client_id.clone());
            let new = NewApiToken { name: "valetkey dev".to_owned(), client, ..NewApiToken::default() };
            let created = engine.create_api_token(&caller, new).await.map_err(refused)?.secret;
            let kept = Kept {
                client_id: client_id.clone(),
                client_secret: client_secret.clone(),
                api_token: created.clone(),
            };
            folder.write_json(ACCESS, &kept)?;
            created
        }
    };
    Ok(Access { client_id, client_secret, api_token, caller })
}

/// Whether a token of an earlier start still works, for all that one made now would be for.
async fn is_current(engine: &Engine, token: &SecretString) -> bool {
    let caller = engine.authenticate(token.expose_secret()).await;
    caller.is_ok_and(|caller| caller.permissions.allows(Permission::ServerManage))
}

fn refused(error: valetkey_domain::Error) -> Failure {
    Failure::setting("data_dir", format!("the API client of the last start cannot be used: {error}"))
}
