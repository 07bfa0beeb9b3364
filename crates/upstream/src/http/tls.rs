//! Trust for outbound TLS.

use std::sync::{Arc, LazyLock};

use rustls::{
    ClientConfig, RootCertStore,
    client::WebPkiServerVerifier,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use valetkey_domain::Error;

use super::trust::Verifier;

/// The system's roots, read once per process.
static SYSTEM_ROOTS: LazyLock<RootCertStore> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a system certificate could not be read");
    }
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(added, ignored, "system certificates read");
    if added == 0 {
        tracing::warn!(
            "this system has no root certificates: no provider will be trusted unless upstream_ca_file is set"
        );
    }
    roots
});

/// TLS 1.2 and 1.3 with HTTP/2 offered, trusting the system's roots and those of `extra_ca_pem`.
pub(super) fn client_config(extra_ca_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = SYSTEM_ROOTS.clone();
    if let Some(pem) = extra_ca_pem {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate =
                certificate.map_err(|e| ca_file_error(format!("cannot be read as PEM: {e}")))?;
            roots
                .add(certificate)
                .map_err(|e| ca_file_error(format!("holds an unusable certificate: {e}")))?;
        }
        if roots.len() == before {
            return Err(ca_file_error("holds no certificate".into()));
        }
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?;
    let mut config = if roots.is_empty() {
        // The library's own verifier cannot be made without roots; this one refuses everybody.
        builder.with_root_certificates(roots).with_no_client_auth()
    } else {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(Error::internal)?;
        // Nothing is trusted that the library does not trust: see `trust`.
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier(verifier)))
            .with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn ca_file_error(what: String) -> Error {
    Error::invalid("upstream_ca_file", what)
}
