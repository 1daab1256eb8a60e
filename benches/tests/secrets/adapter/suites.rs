//! The handshakes: suites, certificates, and a log of the secrets.

use std::sync::{Arc, Mutex};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    CipherSuite, ClientConfig, KeyLog, RootCertStore, ServerConfig, SupportedCipherSuite,
};
use tls_record::Version;
use tls_record::aead::Algorithm;

use crate::memory::Masked;

/// A key log for both ends of a handshake, which masks the secrets at once.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<Logged>>);

#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub(super) label: String,
    pub(super) client_random: Vec<u8>,
    pub(super) secret: Masked,
}

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let (label, client_random) = (label.to_owned(), client_random.to_owned());
        self.0.lock().unwrap().push(Logged { label, client_random, secret: Masked::new(secret) });
    }
}

impl Log {
    pub(super) fn get(&self, label: &str) -> Logged {
        let logged = self.0.lock().unwrap();
        logged.iter().find(|logged| logged.label == label).unwrap().clone()
    }
}

/// The cipher suite of a handshake, with its algorithm.
#[derive(Clone, Copy)]
pub(super) struct Suite {
    provider: fn() -> CryptoProvider,
    pub(super) suite: SupportedCipherSuite,
    pub(super) algorithm: Algorithm,
}

impl Suite {
    pub(super) fn all(provider: fn() -> CryptoProvider) -> [Self; 6] {
        let suites = provider().cipher_suites;
        [
            CipherSuite::TLS13_AES_128_GCM_SHA256,
            CipherSuite::TLS13_AES_256_GCM_SHA384,
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ]
        .map(|name| {
            let suite = *suites.iter().find(|suite| suite.suite() == name).unwrap();
            Self { provider, suite, algorithm: Algorithm::from_suite(name.into()).unwrap() }
        })
    }

    pub(super) fn version(&self) -> Version {
        match self.suite {
            SupportedCipherSuite::Tls12(_) => Version::Tls12,
            SupportedCipherSuite::Tls13(_) => Version::Tls13,
        }
    }

    pub(super) fn configs(&self, log: Arc<dyn KeyLog>) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
        let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = identity.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let mut provider = (self.provider)();
        provider.cipher_suites = vec![self.suite];
        let provider = Arc::new(provider);
        let mut client = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())
            .unwrap();
        (client.key_log, server.key_log) = (log.clone(), log);
        (client.enable_secret_extraction, server.enable_secret_extraction) = (true, true);
        (Arc::new(client), Arc::new(server))
    }
}

pub(super) fn server_name() -> ServerName<'static> {
    "localhost".try_into().unwrap()
}
