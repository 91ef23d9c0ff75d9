//! The server's side of TLS, with certificates that are right or wrong in a known way.
//! `certificates/make` made them.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The authority that signed all of them but [`Certificate::SelfSigned`]: what a client has to trust.
pub const AUTHORITY: &[u8] = include_bytes!("certificates/authority.pem");

/// Which certificate the server shows.
#[derive(Clone, Copy, Debug)]
pub enum Certificate {
    /// For `localhost`, `127.0.0.1` and `::1`.
    Good,
    /// The same, until 2021.
    Expired,
    /// For another name.
    Elsewhere,
    /// Signed by itself, as `openssl req -x509` makes it.
    SelfSigned,
}

impl Certificate {
    fn pem(self) -> &'static [u8] {
        match self {
            Self::Good => include_bytes!("certificates/good.pem"),
            Self::Expired => include_bytes!("certificates/expired.pem"),
            Self::Elsewhere => include_bytes!("certificates/elsewhere.pem"),
            Self::SelfSigned => include_bytes!("certificates/selfsigned.pem"),
        }
    }
}

/// How a server speaks TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// From the first byte (smtps), not after STARTTLS.
    pub implicit: bool,
    certificate: Certificate,
}

impl Tls {
    /// After STARTTLS.
    pub fn offered(certificate: Certificate) -> Self {
        Self { implicit: false, certificate }
    }

    /// From the first byte.
    pub fn implicit(certificate: Certificate) -> Self {
        Self { implicit: true, certificate }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let chain = CertificateDer::pem_slice_iter(self.certificate.pem()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("certificates/relay.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
