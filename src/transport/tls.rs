//! The client's side of TLS: whom to trust, and what went wrong in words.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::relay::{RelayConfig, Tls};
use crate::domain::Fault;

/// Who may be at the other end.
#[derive(Clone)]
pub(super) struct Trust {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Trust {
    /// What `tls` asks for towards `host`; nothing when it asks for no TLS.
    pub(super) fn new(config: &RelayConfig, host: &str, tls: Tls) -> Result<Option<Self>, Fault> {
        let checked = match tls {
            Tls::None => return Ok(None),
            Tls::Implicit | Tls::Required => true,
            Tls::Opportunistic => config.username.is_some(),
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Fault::new("relay.url", format!("`{host}` is no name a certificate could be for")))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| Fault::new("relay.url", e.to_string()))?;
        let client = if checked {
            builder.with_root_certificates(roots(config)?).with_no_client_auth()
        } else {
            let anyone = Arc::new(Anyone(provider));
            builder.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth()
        };
        Ok(Some(Self { connector: TlsConnector::from(Arc::new(client)), name }))
    }

    /// Shakes hands over `stream`.
    pub(super) async fn encrypt<S>(&self, stream: S) -> std::io::Result<tokio_rustls::client::TlsStream<S>>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        self.connector.connect(self.name.clone(), stream).await
    }
}

/// The machine's own certificates, private authorities included (`SSL_CERT_FILE`
/// and `SSL_CERT_DIR` are heeded), and those of the configuration.
fn roots(config: &RelayConfig) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if let Some(pem) = &config.trusted {
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let added = certificate.map_err(|e| e.to_string()).and_then(|c| roots.add(c).map_err(|e| e.to_string()));
            added.map_err(|e| Fault::new("relay", format!("a trusted certificate cannot be read: {e}")))?;
        }
    }
    if roots.is_empty() {
        return Err(Fault::new("relay.url", "this machine trusts no certificate, so no relay can prove who it is")
            .with_help("install the package ca-certificates"));
    }
    Ok(roots)
}

/// What went wrong with TLS, said so that an operator can act; `None` when it was not TLS.
pub(super) fn words(error: &std::io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let reason = match error {
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the relay's certificate has expired".into()
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the relay's certificate is for another name".into(),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the relay's certificate is signed by nobody this machine trusts".into()
        }
        Error::InvalidCertificate(CertificateError::Other(_)) if error.to_string().contains("CaUsedAsEndEntity") => {
            "the relay's certificate is made for an authority, not for a server (self-signed)".into()
        }
        other => format!("TLS failed: {other}"),
    };
    Some(reason)
}

/// Takes any certificate, for encryption against mere listeners. The handshake
/// itself is still checked.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
