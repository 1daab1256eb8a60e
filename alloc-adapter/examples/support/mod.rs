//! Code shared by the examples: protocol versions, certificates and rustls configs.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};

/// A choice of protocol versions.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Tls {
    /// Only TLS 1.2.
    #[value(name = "1.2")]
    V12,
    /// Only TLS 1.3.
    #[value(name = "1.3")]
    V13,
    /// Either version.
    #[default]
    Any,
}

impl Tls {
    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::V12 => const { &[&TLS12] },
            Self::V13 => const { &[&TLS13] },
            Self::Any => rustls::ALL_VERSIONS,
        }
    }
}

/// A certificate chain and its key.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads the certificate chain and its key from PEM files.
    pub(crate) fn from_files(chain: &Path, key: &Path) -> Result<Self, Box<dyn Error>> {
        let chain = read_certificates(chain)?;
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| format!("{}: {error}", key.display()))?;
        Ok(Self { chain, key })
    }

    /// Makes a self-signed certificate for localhost.
    pub(crate) fn self_signed() -> Result<Self, Box<dyn Error>> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        Ok(Self { chain: vec![made.cert.der().clone()], key: key.into() })
    }

    /// Makes the config of a server with this identity.
    pub(crate) fn server_config(&self, tls: Tls) -> Result<ServerConfig, rustls::Error> {
        ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(tls.versions())?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
    }

    /// Makes the config of a client that trusts only this identity.
    pub(crate) fn client_config(&self, tls: Tls) -> Result<ClientConfig, Box<dyn Error>> {
        client_trusting(self.chain.clone(), tls)
    }
}

/// Makes the config of a client that trusts the certificate authorities in a PEM file.
pub(crate) fn client_config(authorities: &Path, tls: Tls) -> Result<ClientConfig, Box<dyn Error>> {
    client_trusting(read_certificates(authorities)?, tls)
}

fn client_trusting(
    authorities: Vec<CertificateDer<'static>>,
    tls: Tls,
) -> Result<ClientConfig, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority)?;
    }
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(tls.versions())?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

/// Makes the config of a client that accepts any certificate.
pub(crate) fn insecure_client_config(tls: Tls) -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(tls.versions())?
        .dangerous()
        .with_custom_certificate_verifier(any_certificate())
        .with_no_client_auth())
}

/// Returns a verifier that accepts any certificate.
pub(crate) fn any_certificate() -> Arc<dyn ServerCertVerifier> {
    Arc::new(AcceptAnyCertificate(provider()))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error>> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if certificates.is_empty() {
        return Err(format!("{}: no certificates", path.display()).into());
    }
    Ok(certificates)
}

/// Verifies the peer's signature with the key of its certificate, but accepts any certificate.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
