//! Early data: our client sends none, and our server rejects it.

use std::io::{Read, Write};
use std::sync::Arc;

use crate::support::{Adapter, TLS13, client_handshake, server_handshake};
use tls_record_alloc::rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, MessageDecrypter, MessageEncrypter,
    Tls13AeadAlgorithm, UnsupportedOperationError,
};
use tls_record_alloc::rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, Error, HandshakeKind, ServerConfig,
    ServerConnection, SupportedCipherSuite, Tls13CipherSuite,
};
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_tests::peers::{
    Extras, Peer, RustlsPeer, SERVER_NAME, pump, rustls_client_config, rustls_client_config_with,
    rustls_server_config, rustls_server_config_with,
};
use tls_record_tests::records::split;

#[test]
fn a_client_offers_no_early_data() {
    let mut server = rustls_server_config(TLS13.version, TLS13.suite);
    server.max_early_data_size = 4096;
    let server = Arc::new(server);
    let mut client = rustls_client_config(TLS13.version, TLS13.suite);
    client.enable_early_data = true;
    let client = Arc::new(client);
    pump(&mut RustlsPeer::client(client.clone()), &mut RustlsPeer::server(server.clone()));

    let mut ours = Adapter::<Ring>::over(client_handshake(client));
    let mut theirs = ServerConnection::new(server).unwrap();
    theirs.read_tls(&mut &ours.take_output()[..]).unwrap();
    theirs.process_new_packets().unwrap();
    assert_eq!(theirs.handshake_kind(), Some(HandshakeKind::Resumed));
    assert!(theirs.early_data().is_none());
}

#[test]
fn early_data_of_an_old_ticket_is_rejected_and_the_handshake_goes_on() {
    let (version, suite) = (TLS13.version, TLS13.suite);
    let mut server = rustls_server_config(version, suite);
    server.max_early_data_size = 4096;
    let server = Arc::new(server);
    let mut client = rustls_client_config(version, suite);
    client.enable_early_data = true;
    let client = Arc::new(client);
    // rustls itself issues tickets for early data; the adapter does not.
    pump(&mut RustlsPeer::client(client.clone()), &mut RustlsPeer::server(server.clone()));

    for early in [true, false] {
        let mut theirs =
            ClientConnection::new(client.clone(), SERVER_NAME.try_into().unwrap()).unwrap();
        match theirs.early_data() {
            Some(mut data) => {
                assert!(early);
                data.write_all(&[1; 2000]).unwrap();
            }
            None => assert!(!early, "its ticket is one of the adapter"),
        }
        let mut ours = Adapter::<Ring>::over(server_handshake(server.clone()));
        for _ in 0..5 {
            let mut flight = Vec::new();
            while theirs.wants_write() {
                theirs.write_tls(&mut flight).unwrap();
            }
            ours.receive(&flight);
            theirs.read_tls(&mut &ours.take_output()[..]).unwrap();
            theirs.process_new_packets().unwrap();
        }
        assert!(!theirs.is_early_data_accepted());
        theirs.writer().write_all(b"late data").unwrap();
        ours.write(b"an answer");
        let mut flight = Vec::new();
        theirs.write_tls(&mut flight).unwrap();
        ours.receive(&flight);
        assert_eq!(ours.read(), b"late data");
        theirs.read_tls(&mut &ours.take_output()[..]).unwrap();
        theirs.process_new_packets().unwrap();
        let mut answer = [0; 9];
        theirs.reader().read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"an answer");
    }
}

/// The form in which a flight of the client arrives.
#[derive(Clone, Copy, Debug)]
enum Arrival {
    AtOnce,
    RecordByRecord,
    InPiecesOf(usize),
}

/// Gives a flight of early data to our server, and completes the handshake.
fn early_data_is_skipped(
    client: &Arc<ClientConfig>,
    server: ServerConfig,
    records: &[usize],
    arrival: Arrival,
) -> HandshakeKind {
    let mut theirs = RustlsPeer::client(client.clone());
    for len in records {
        theirs.write_early(&vec![b'e'; *len]);
    }
    let mut ours = Adapter::<Ring>::over(server_handshake(Arc::new(server)));
    for _ in 0..5 {
        let flight = theirs.take_output();
        match arrival {
            Arrival::AtOnce => ours.receive(&flight),
            Arrival::RecordByRecord => split(&flight).for_each(|record| ours.receive(record)),
            Arrival::InPiecesOf(len) => flight.chunks(len).for_each(|piece| ours.receive(piece)),
        }
        theirs.receive(&ours.take_output());
    }
    assert_eq!(ours.failure, None, "{records:?} {arrival:?}");
    ours.write(b"an answer");
    theirs.write(b"late data");
    pump(&mut ours, &mut theirs);
    assert_eq!((ours.read(), theirs.read()), (b"late data".to_vec(), b"an answer".to_vec()));
    ours.connection().info.kind
}

/// Returns a client with a ticket for early data from a server with this configuration.
fn client_with_a_ticket(extras: &Extras, server: &Arc<ServerConfig>) -> ClientConfig {
    let config = rustls_client_config_with(TLS13.version, TLS13.suite, extras);
    pump(
        &mut RustlsPeer::client(Arc::new(config.clone())),
        &mut RustlsPeer::server(server.clone()),
    );
    config
}

const EXTRAS: Extras = Extras {
    log: None,
    groups: Vec::new(),
    client_auth: false,
    early_data: 16_384,
    no_compatibility_mode: false,
};

const FLIGHTS: [&[usize]; 7] =
    [&[1], &[1; 10], &[6, 7, 8, 9], &[2000], &[900; 5], &[400; 8], &[200; 60]];

const ARRIVALS: [Arrival; 4] =
    [Arrival::AtOnce, Arrival::RecordByRecord, Arrival::InPiecesOf(1), Arrival::InPiecesOf(700)];

#[test]
fn rejected_early_data_in_any_number_of_records_is_skipped() {
    let server = rustls_server_config_with(TLS13.version, TLS13.suite, &EXTRAS);
    for records in FLIGHTS {
        for arrival in ARRIVALS {
            let client = client_with_a_ticket(&EXTRAS, &Arc::new(server.clone()));
            let kind = early_data_is_skipped(&Arc::new(client), server.clone(), records, arrival);
            assert_eq!(kind, HandshakeKind::Resumed);
        }
    }
}

#[test]
fn a_client_certificate_in_many_records_follows_rejected_early_data() {
    let extras = Extras { client_auth: true, ..EXTRAS };
    let issuer = Arc::new(rustls_server_config_with(TLS13.version, TLS13.suite, &extras));
    for fragment in [32, 33, 38, 40, 100] {
        for arrival in ARRIVALS {
            for records in [&[][..], &[900; 5], &[1; 10]] {
                let mut client = client_with_a_ticket(&extras, &issuer);
                // Early data comes in such records too.
                client.max_fragment_size = Some(fragment);
                // It does not know the ticket, and requires the certificate.
                let server = rustls_server_config_with(TLS13.version, TLS13.suite, &extras);
                let kind = early_data_is_skipped(&Arc::new(client), server, records, arrival);
                assert_eq!(kind, HandshakeKind::Full);
            }
        }
    }
}

#[test]
fn early_data_before_a_hello_retry_request_is_skipped() {
    use tls_record_tests::peers::Group;
    let issuer = Extras { groups: vec![Group::X25519], ..EXTRAS };
    let issuer = Arc::new(rustls_server_config_with(TLS13.version, TLS13.suite, &issuer));
    for arrival in ARRIVALS {
        let client = client_with_a_ticket(&EXTRAS, &issuer);
        let other_group = Extras { groups: vec![Group::P256], ..EXTRAS };
        let server = rustls_server_config_with(TLS13.version, TLS13.suite, &other_group);
        let kind = early_data_is_skipped(&Arc::new(client), server, &[900; 5], arrival);
        assert_eq!(kind, HandshakeKind::FullWithHelloRetryRequest);
    }
}

#[test]
fn more_rejected_early_data_than_rustls_skips_fails_the_handshake() {
    let server = Arc::new(rustls_server_config_with(TLS13.version, TLS13.suite, &EXTRAS));
    let client = client_with_a_ticket(&EXTRAS, &server);
    let mut theirs = RustlsPeer::client(Arc::new(client));
    // 18 KiB with the overhead of the records.
    for _ in 0..1024 {
        theirs.write_early(&[b'e'; 1]);
    }
    let mut ours = Adapter::<Ring>::over(server_handshake(server));
    ours.receive(&theirs.take_output());
    assert_eq!(ours.failure, Some(Error::DecryptError.into()));
}

#[test]
fn early_data_is_skipped_with_a_cipher_that_leaves_it_unchanged() {
    let server = rustls_server_config_with(TLS13.version, TLS13.suite, &EXTRAS);
    let mut provider = (**server.crypto_provider()).clone();
    for suite in &mut provider.cipher_suites {
        let SupportedCipherSuite::Tls13(original) = *suite else { unreachable!() };
        let aead_alg = Box::leak(Box::new(Careful(original.aead_alg)));
        let common = tls_record_alloc::rustls::crypto::CipherSuiteCommon {
            suite: original.common.suite,
            hash_provider: original.common.hash_provider,
            confidentiality_limit: original.common.confidentiality_limit,
        };
        let careful = Tls13CipherSuite {
            common,
            hkdf_provider: original.hkdf_provider,
            aead_alg,
            quic: None,
        };
        *suite = SupportedCipherSuite::Tls13(Box::leak(Box::new(careful)));
    }
    let mut careful = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&tls_record_alloc::rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(server.cert_resolver.clone());
    careful.session_storage = server.session_storage.clone();
    for records in FLIGHTS {
        for arrival in ARRIVALS {
            let client = client_with_a_ticket(&EXTRAS, &Arc::new(server.clone()));
            let kind = early_data_is_skipped(&Arc::new(client), careful.clone(), records, arrival);
            assert_eq!(kind, HandshakeKind::Resumed);
        }
    }
}

/// A cipher that leaves a record unchanged if it cannot decrypt it; ring overwrites it.
struct Careful(&'static dyn Tls13AeadAlgorithm);

impl Tls13AeadAlgorithm for Careful {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        self.0.encrypter(key, iv)
    }
    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(CarefulDecrypter(self.0.decrypter(key, iv)))
    }
    fn key_len(&self) -> usize {
        self.0.key_len()
    }
    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        self.0.extract_keys(key, iv)
    }
}

struct CarefulDecrypter(Box<dyn MessageDecrypter>);

impl MessageDecrypter for CarefulDecrypter {
    fn decrypt<'a>(
        &mut self,
        message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let mut copy = message.payload.to_vec();
        let copy = InboundOpaqueMessage::new(message.typ, message.version, &mut copy);
        self.0.decrypt(copy, sequence)?;
        self.0.decrypt(message, sequence)
    }
}
