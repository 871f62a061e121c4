//! TLS to servers, by rustls with aws-lc-rs: encrypted to anyone (`sslmode=require`), to whoever has a
//! certificate by an authority that is trusted (`verify-ca`, and `require` where `sslrootcert` says whom to
//! trust), or to who can prove its name (`verify-full`). As in libpq, the first keeps out who only listens,
//! and not who answers in the server's place.

use super::OpenError;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Whose certificate is good enough.
pub(super) enum Trust {
    /// Anybody's.
    Anyone,
    /// One that is signed by a certificate of this file, or by one that the system trusts.
    Signed(Option<PathBuf>),
    /// The same, for the host's name.
    Named(Option<PathBuf>),
}

/// What connections are encrypted by.
pub(super) fn connector(setting: &'static str, trust: &Trust) -> Result<MakeRustlsConnect, OpenError> {
    let wrong = |error: String| OpenError::Tls { setting, error };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Anyone => Arc::new(Nameless { roots: None, provider: Arc::clone(&provider) }),
        Trust::Signed(file) => {
            let roots = Some(roots(file.as_deref()).map_err(wrong)?);
            Arc::new(Nameless { roots, provider: Arc::clone(&provider) })
        }
        Trust::Named(file) => {
            let roots = Arc::new(roots(file.as_deref()).map_err(wrong)?);
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                .build()
                .map_err(|error| wrong(error.to_string()))?
        }
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// What is wrong with the certificate of a server, where that is why there is no connection.
pub(super) fn certificate_error(error: &tokio_postgres::Error) -> Option<&CertificateError> {
    // What an error of IO holds is not among its causes.
    let held = error.source()?.downcast_ref::<io::Error>()?.get_ref()?;
    match held.downcast_ref()? {
        Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let certificates = match file {
        Some(file) => CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| format!("sslrootcert={} cannot be read: {error}", file.display()))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() {
        return Err("there is no certificate to trust: name a file of them with sslrootcert".into());
    }
    Ok(roots)
}

/// Takes a certificate for any name, signed by one of the roots
/// if there are some; whoever has it must still have its key.
#[derive(Debug)]
struct Nameless {
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Nameless {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(certificate)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, between, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
