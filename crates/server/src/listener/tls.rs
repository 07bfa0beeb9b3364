//! The TLS side of the listener.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file holds no certificate that can be read.
    #[error("the certificate file holds no readable PEM certificate: {0}")]
    Certificate(String),
    /// The key file holds no private key that can be read.
    #[error("the key file holds no readable PEM private key")]
    Key,
    /// Certificate and key do not fit together or are not supported.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The TLS configuration for a PEM certificate chain (leaf first) and its PEM private key: TLS 1.2 and 1.3, ALPN
/// `h2` and `http/1.1`.
///
/// # Errors
/// When either cannot be read or they do not belong together.
pub fn server_config(certificates: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(certificates)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| TlsError::Certificate(e.to_string()))?;
    if chain.is_empty() {
        return Err(TlsError::Certificate("it holds none".into()));
    }
    // The parser's own message may quote a line of the file, so it is not passed on.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
