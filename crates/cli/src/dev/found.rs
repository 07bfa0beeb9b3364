//! What a development server has made up for itself, read from its folder for whoever looks at it from outside.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::{ENV_FILE, keys, tls};
use crate::{
    client::values_of,
    master_key::{InFile, MasterKeySource},
    settings::{Problem, Settings, Tls},
};

/// Completes the settings of a development server with what is in its folder: the key, the address of its last start, its
/// certificates. Nothing is made. `None` if no development server has worked there; else what is wrong with the folder.
pub(crate) fn complete(settings: &mut Settings) -> Option<Vec<Problem>> {
    let folder = settings.storage.data_dir.clone();
    let (key, env) = (folder.join(keys::MASTER_KEY), folder.join(ENV_FILE));
    if !key.exists() && !env.exists() {
        return None;
    }
    let mut problems = Vec::new();
    if settings.master_key.is_none() {
        match MasterKeySource::fetch(&InFile { setting: "master_key_file", path: key.clone() }) {
            Ok(source) => settings.master_key = Some(source),
            Err(error) => {
                problems.push(Problem::new("master_key_file", format!("{}: {error}", key.display())));
            }
        }
    }
    let url = values_of(&env).ok().and_then(|values| Url::parse(values.get("VALETKEY_URL")?).ok());
    if let Some(url) = url.filter(|_| settings.network.public_url.is_none()) {
        // Without a public URL of its own it is told by the port that it got.
        if let Some(address) = address_of(&url) {
            settings.network.listen = address;
        }
        settings.network.public_url = Some(url);
    }
    if settings.network.tls.is_none() {
        let read = |name: &str| std::fs::read(folder.join(name)).ok();
        settings.network.tls = read(tls::CERT)
            .zip(read(tls::KEY))
            .map(|(certificates, key)| Tls { certificates, key: key.into() });
    }
    if let Ok(ca) = std::fs::read(folder.join(tls::CA_CERT)) {
        settings.upstreams.ca_pem.get_or_insert_default().extend_from_slice(&ca);
    }
    Some(problems)
}

fn address_of(url: &Url) -> Option<SocketAddr> {
    let ip = match url.host()? {
        Host::Ipv4(ip) => IpAddr::from(ip),
        Host::Ipv6(ip) => ip.into(),
        Host::Domain(_) => return None,
    };
    Some(SocketAddr::new(ip, url.port_or_known_default()?))
}
