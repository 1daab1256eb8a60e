//! Handshakes that fail, and the results of those that complete.

use std::sync::{Arc, Mutex};

use crate::support::{
    Adapter, ROLES, Stack, TLS12, TLS13, client_handshake, distrustful_config, handshake, other,
    server_handshake, take_unsent,
};
use rustls::client::danger::HandshakeSignatureValid;
use tls_record_alloc::rustls::{
    self, AlertDescription, CertificateError, Error, HandshakeKind, KeyLog, ServerConnection,
};
use tls_record_alloc::tls_record::aead::{Algorithm, Provider, ring::Ring};
use tls_record_alloc::tls_record::{Epoch, Event, KeyError, MAX_RECORD};
use tls_record_alloc::{ExportError, HandshakeError, Progress};
use tls_record_tests::peers::{
    Negotiated, OpensslPeer, Peer, PeerEnd, Role, RustlsPeer, Suite, Version, pump,
    rustls_client_config, rustls_server_config,
};
use tls_record_tests::records::split;

// Failures

#[test]
fn an_untrusted_certificate_is_answered_with_an_alert() {
    const UNKNOWN_CA: u8 = 48;
    for agreed in Negotiated::all() {
        for stack in Stack::ALL {
            let mut ours = Adapter::<Ring>::over(client_handshake(distrustful_config(agreed)));
            let mut peer = stack.peer(Role::Server, agreed);
            pump(&mut ours, &mut *peer);
            let error = Error::InvalidCertificate(CertificateError::UnknownIssuer);
            assert_eq!(ours.failure, Some(HandshakeError::Tls(error)));
            assert_eq!(peer.end(), PeerEnd::Alert(UNKNOWN_CA), "{agreed:?} {stack:?}");
        }
    }
}

#[test]
fn a_client_without_a_common_suite_gets_an_alert() {
    const HANDSHAKE_FAILURE: u8 = 40;
    for version in Version::ALL {
        for stack in Stack::ALL {
            let [ours, theirs] = [Suite::Aes128Gcm, Suite::Chacha20Poly1305]
                .map(|suite| Negotiated { version, suite });
            let mut ours = Adapter::<Ring>::new(Role::Server, ours);
            let mut peer = stack.peer(Role::Client, theirs);
            pump(&mut ours, &mut *peer);
            assert!(matches!(ours.failure, Some(HandshakeError::Tls(_))));
            assert_eq!(peer.end(), PeerEnd::Alert(HANDSHAKE_FAILURE));
        }
    }
}

#[test]
fn an_alert_of_the_peer_is_the_error() {
    for version in Version::ALL {
        for stack in Stack::ALL {
            let [ours, theirs] = [Suite::Aes128Gcm, Suite::Chacha20Poly1305]
                .map(|suite| Negotiated { version, suite });
            let mut ours = Adapter::<Ring>::new(Role::Client, ours);
            let mut peer = stack.peer(Role::Server, theirs);
            pump(&mut ours, &mut *peer);
            let error = Error::AlertReceived(AlertDescription::HandshakeFailure);
            assert_eq!(ours.failure, Some(HandshakeError::Tls(error)));
        }
    }
}

#[test]
fn input_that_is_not_tls_is_refused_by_its_first_bytes() {
    for first in [&b"GET /"[..], &[22, 2, 0, 0, 100], &[99, 3, 3, 0, 9]] {
        let mut ours = handshake(Role::Server, TLS13);
        for byte in &first[..4] {
            let _ = ours.receive(&[*byte]);
            assert_eq!(ours.advance(), Ok(Progress::NeedInput));
        }
        let _ = ours.receive(&first[4..]);
        let error = ours.advance().unwrap_err();
        assert!(matches!(error, HandshakeError::Tls(Error::InvalidMessage(_))), "{error}");
    }
}

#[test]
fn an_error_is_latched_and_its_alert_is_sent_once() {
    let mut ours = handshake(Role::Server, TLS13);
    let _ = ours.receive(b"GET / HTTP/1.0\r\n\r\n");
    let error = ours.advance().unwrap_err();
    assert_eq!(take_unsent(&mut ours), [21, 3, 3, 0, 2, 2, 50]);
    let _ = ours.receive(b"more");
    assert_eq!(ours.advance(), Err(error.clone()));
    assert_eq!(ours.eof(), Err(error));
    assert!(ours.unsent().is_empty());
    assert!(matches!(ours.finish::<Ring>(), Err(HandshakeError::Tls(Error::HandshakeNotComplete))));
}

const RECORD_OVERFLOW: u8 = 22;

#[test]
fn a_plaintext_record_over_the_limit_is_refused_by_its_header() {
    for content_type in [20, 21, 22] {
        for length in [0x4001, 0x4800, 0xffff_u16] {
            let [high, low] = length.to_be_bytes();
            for role in ROLES {
                let mut ours = handshake(role, TLS13);
                ours.advance().unwrap();
                take_unsent(&mut ours);
                let _ = ours.receive(&[content_type, 3, 3, high, low]);
                assert_eq!(ours.advance(), Err(Error::PeerSentOversizedRecord.into()));
                assert_eq!(take_unsent(&mut ours), [21, 3, 3, 0, 2, 2, RECORD_OVERFLOW]);
            }
        }
        let mut ours = handshake(Role::Server, TLS13);
        let _ = ours.receive(&[content_type, 3, 3, 0x40, 0]);
        assert_eq!(ours.advance(), Ok(Progress::NeedInput), "as long as it may be");
    }
}

#[test]
fn a_long_plaintext_record_inside_a_message_is_refused_by_its_header() {
    let mut ours = handshake(Role::Server, TLS13);
    let _ = ours.receive(&[22, 3, 1, 0, 5, 1, 0, 1, 0, 3]);
    assert_eq!(ours.advance(), Ok(Progress::NeedInput));
    let _ = ours.receive(&[22, 3, 1, 0x40, 1]);
    assert_eq!(ours.advance(), Err(Error::PeerSentOversizedRecord.into()));
    assert_eq!(take_unsent(&mut ours), [21, 3, 3, 0, 2, 2, RECORD_OVERFLOW]);
}

#[test]
fn plaintext_records_have_their_limit_in_tls13_after_the_hellos_too() {
    // rustls has keys by then, and sends no record_overflow for a header under keys.
    const DECODE_ERROR: u8 = 50;
    for role in ROLES {
        let mut ours = handshake(role, TLS13);
        let mut peer = RustlsPeer::new(&TLS13.setup(other(role)));
        ours.advance().unwrap();
        peer.receive(&take_unsent(&mut ours));
        let flight = peer.take_output();
        let hello = split(&flight).next().unwrap();
        let _ = ours.receive(hello);
        ours.advance().unwrap();
        peer.receive(&take_unsent(&mut ours));
        let _ = ours.receive(&[20, 3, 3, 0, 1, 1, 22, 3, 3, 0x40, 1]);
        assert_eq!(ours.advance(), Err(Error::PeerSentOversizedRecord.into()));
        peer.receive(&take_unsent(&mut ours));
        assert_eq!(peer.end(), PeerEnd::Alert(DECODE_ERROR));
    }
}

#[test]
fn a_protected_record_of_tls12_may_be_longer_than_a_plaintext_one() {
    // The handshake up to the Finished of the client, which is changed.
    let mut ours = handshake(Role::Server, TLS12);
    let mut client = RustlsPeer::new(&TLS12.setup(Role::Client));
    let _ = ours.receive(&client.take_output());
    ours.advance().unwrap();
    client.receive(&take_unsent(&mut ours));
    let flight = client.take_output();
    let finished = split(&flight).last().unwrap();
    let _ = ours.receive(&flight[..flight.len() - finished.len()]);
    assert_eq!(ours.advance(), Ok(Progress::NeedInput));
    let _ = ours.receive(&[22, 3, 3, 0x47, 0xff]);
    assert_eq!(ours.advance(), Ok(Progress::NeedInput), "less than 2^14 + 2048");
    let _ = ours.receive(&[0; 0x47ff]);
    assert_eq!(ours.advance(), Err(Error::DecryptError.into()));
}

#[test]
fn a_handshake_cut_anywhere_is_truncated() {
    for role in ROLES {
        for agreed in [TLS12, TLS13] {
            for stack in Stack::ALL {
                let mut cut = 0;
                while !completes_with(role, agreed, stack, cut) {
                    cut += 1;
                }
                println!("{role:?} {agreed:?} {stack:?}: complete after {cut} bytes");
                let least = if role == Role::Client { 500 } else { 200 };
                assert!(cut > least, "all of the peer's flights were cut");
            }
        }
    }
}

/// Makes a handshake of which only the first `len` bytes arrive. Returns whether it completes.
fn completes_with(role: Role, agreed: Negotiated, stack: Stack, len: usize) -> bool {
    let mut ours = handshake(role, agreed);
    let mut peer = stack.peer(other(role), agreed);
    let mut left = len;
    for _ in 0..10 {
        let progress = ours.advance().unwrap();
        if progress == Progress::Complete {
            return true;
        }
        peer.receive(&take_unsent(&mut ours));
        let flight = peer.take_output();
        let arrived = flight.len().min(left);
        left -= arrived;
        assert_eq!(ours.receive(&flight[..arrived]), arrived);
    }
    assert_eq!(ours.eof(), Err(HandshakeError::Truncated));
    assert_eq!(ours.advance(), Err(HandshakeError::Truncated));
    false
}

#[test]
fn a_changed_byte_anywhere_fails_the_handshake_or_changes_nothing() {
    for role in ROLES {
        for agreed in [TLS12, TLS13] {
            let mut at = 0_usize;
            let mut completed = 0;
            loop {
                let mut ours = handshake(role, agreed);
                let mut peer = RustlsPeer::new(&agreed.setup(other(role)));
                let mut seen = 0;
                let mut is_complete = false;
                for _ in 0..5 {
                    match ours.advance() {
                        Ok(Progress::Complete) => {
                            is_complete = true;
                            break;
                        }
                        Ok(Progress::NeedInput) => {}
                        Err(error) => {
                            let again = ours.advance().unwrap_err();
                            assert_eq!(again.to_string(), error.to_string());
                            break;
                        }
                    }
                    peer.receive(&take_unsent(&mut ours));
                    let mut flight = peer.take_output();
                    if let Some(byte) = at.checked_sub(seen).and_then(|at| flight.get_mut(at)) {
                        *byte ^= 1;
                    }
                    seen += flight.len();
                    let _ = ours.receive(&flight);
                }
                completed += usize::from(is_complete && at < seen);
                if at >= seen && is_complete {
                    break;
                }
                at += 1;
            }
            // The version fields of plaintext records are not looked at (RFC 9846 section 5.1), and
            // TLS 1.3 data after the Finished is not part of the handshake.
            println!("{role:?} {agreed:?}: {completed} of {at} changes");
            assert!(completed < at / 10, "{completed} of {at}");
        }
    }
}

#[test]
fn a_close_notify_during_a_handshake_is_no_clean_end() {
    for agreed in [TLS12, TLS13] {
        let mut ours = handshake(Role::Server, agreed);
        let mut client = RustlsPeer::new(&agreed.setup(Role::Client));
        let _ = ours.receive(&client.take_output());
        assert_eq!(ours.advance(), Ok(Progress::NeedInput));
        let _ = ours.receive(&[21, 3, 3, 0, 2, 1, 0]);
        let error = ours.eof().unwrap_err();
        match agreed.version {
            Version::Tls12 => assert_eq!(error, HandshakeError::Truncated),
            Version::Tls13 => assert!(matches!(error, HandshakeError::Tls(_))),
        }
    }
}

#[test]
fn handshake_input_is_bounded() {
    let mut ours = handshake(Role::Client, TLS12);
    assert_eq!(ours.advance(), Ok(Progress::NeedInput));
    // A Certificate of 60,000 bytes in records of one byte.
    let _ = ours.receive(&server_hello_of_openssl());
    let mut taken = 0;
    let error = loop {
        match ours.advance() {
            Ok(Progress::NeedInput) => {}
            Ok(Progress::Complete) => unreachable!(),
            Err(error) => break error,
        }
        let message = [11, 0, 0xea, 0x60];
        let byte = message.get(taken / 6).copied().unwrap_or(0);
        let record = [22, 3, 3, 0, 1, byte];
        taken += ours.receive(&record[taken % 6..]);
        assert!(taken < 100_000);
    };
    assert_eq!(error, HandshakeError::TooLong);

    /// Returns the first record of a TLS 1.2 server, for any client.
    fn server_hello_of_openssl() -> Vec<u8> {
        let mut hello = vec![22, 3, 3, 0, 44, 2, 0, 0, 40, 3, 3];
        hello.extend([7; 32]);
        hello.extend([0, 0xc0, 0x2b, 0]);
        // The client does not require extended_master_secret, and the server need not send
        // renegotiation_info.
        hello.extend([0, 0]);
        hello
    }
}

#[test]
fn a_backend_without_the_suite_is_an_error_of_keys() {
    struct None;
    impl Provider for None {
        type Aead = <Ring as Provider>::Aead;
        const STACK: usize = 0;
        fn aead(_: Algorithm, _: &[u8]) -> Option<Self::Aead> {
            Option::None
        }
        fn hkdf_expand(_: Algorithm, _: &[u8], _: &[&[u8]], _: &mut [u8]) -> Option<()> {
            Option::None
        }
    }
    for agreed in [TLS12, TLS13] {
        let ours = complete(
            handshake(Role::Client, agreed),
            &mut *Stack::Rustls.peer(Role::Server, agreed),
        );
        assert_eq!(ours.finish::<None>().unwrap_err(), HandshakeError::Keys(KeyError::Crypto));
    }
}

/// Completes a handshake without reading further.
fn complete(
    mut ours: tls_record_alloc::Handshake,
    peer: &mut dyn Peer,
) -> tls_record_alloc::Handshake {
    while ours.advance().unwrap() != Progress::Complete {
        peer.receive(&take_unsent(&mut ours));
        let _ = ours.receive(&peer.take_output());
    }
    ours
}

// Results

#[test]
fn data_after_the_last_flight_is_left_over_for_the_engine() {
    for role in ROLES {
        for agreed in Negotiated::all() {
            let mut peer: Box<dyn Peer> = match (role, agreed.version) {
                // Its client is the one that waits; but see resumption.
                (Role::Server, Version::Tls12) => continue,
                // A server that sends data before the client's Finished.
                (Role::Client, Version::Tls13) => {
                    let mut config = rustls_server_config(agreed.version, agreed.suite);
                    config.send_half_rtt_data = true;
                    Box::new(RustlsPeer::server(Arc::new(config)))
                }
                _ => Box::new(OpensslPeer::new(&agreed.setup(other(role)))),
            };
            peer.write(b"impatient");
            let mut ours = Adapter::<Ring>::new(role, agreed);
            pump(&mut ours, &mut *peer);
            assert!(ours.left_over > b"impatient".len(), "{role:?} {agreed:?}");
            assert_eq!(ours.read(), b"impatient");
        }
    }
}

#[test]
fn input_beyond_the_handshake_is_left_for_the_engine() {
    // As in the documentation of `Handshake`.
    for agreed in [TLS12, TLS13] {
        let data = (0..100_000).map(|i| (i % 251) as u8).collect::<Vec<u8>>();
        let mut client = OpensslPeer::new(&agreed.setup(Role::Client));
        client.write(&data);
        let mut handshake = handshake(Role::Server, agreed);
        let mut input = Vec::new();
        loop {
            let progress = handshake.advance();
            client.receive(handshake.unsent());
            handshake.sent(handshake.unsent().len());
            match progress.unwrap() {
                Progress::Complete => break,
                Progress::NeedInput if input.is_empty() => input = client.take_output(),
                Progress::NeedInput => {
                    let taken = handshake.receive(&input);
                    input.drain(..taken);
                }
            }
        }
        assert!(agreed == TLS12 || input.len() > 10_000, "{} bytes not taken", input.len());
        client.close();

        let mut connection = handshake.finish::<Ring>().unwrap();
        let mut delivered = Vec::new();
        loop {
            let taken = connection.received.push(&input);
            input.drain(..taken);
            let record = connection.received.filled_mut();
            let opened = connection.opener.open(record).unwrap();
            match opened.event {
                Event::ApplicationData(range) => delivered.extend_from_slice(&record[range]),
                Event::NeedMore { .. } => match client.take_output() {
                    bytes if !bytes.is_empty() => input.extend(bytes),
                    _ => {
                        connection.opener.eof();
                    }
                },
                Event::Closed => break,
                _ => {}
            }
            connection.received.consume(opened.consumed);
        }
        assert!(delivered == data, "{agreed:?}: {} bytes", delivered.len());
    }
}

#[test]
fn unsent_output_of_the_handshake_is_handed_over() {
    let mut ours = handshake(Role::Server, TLS13);
    let mut client = RustlsPeer::new(&TLS13.setup(Role::Client));
    let mut sent = 0;
    while ours.advance().unwrap() != Progress::Complete {
        let flight = take_unsent(&mut ours);
        sent += flight.len();
        client.receive(&flight);
        let _ = ours.receive(&client.take_output());
    }
    assert!(sent != 0);
    let mut ours = ours.finish::<Ring>().unwrap();
    let tickets = ours.unsent.filled().to_vec();
    assert!(!tickets.is_empty());
    assert_eq!(ours.received.push(&[0; 100_000]), MAX_RECORD, "what an engine needs");

    // The records of the engine open after them: none is missing, and none is repeated.
    let mut record = [0; 64];
    let sealed = ours.sealer.seal(&[b"after the tickets"], &mut record).unwrap();
    client.receive(&tickets);
    client.receive(&record[..sealed.written]);
    assert_eq!(client.read(), b"after the tickets");
}

#[test]
fn a_server_does_not_send_data_before_the_end_of_the_handshake() {
    let mut config = rustls_server_config(TLS13.version, TLS13.suite);
    config.send_half_rtt_data = true;
    let mut ours = Adapter::<Ring>::over(server_handshake(Arc::new(config)));
    let mut client = OpensslPeer::new(&TLS13.setup(Role::Client));
    ours.receive(&client.take_output());
    assert!(ours.is_handshaking());
    client.receive(&ours.take_output());
    client.write(b"data");
    pump(&mut ours, &mut client);
    assert_eq!(ours.read(), b"data");
}

#[test]
fn messages_in_many_small_records_are_put_together() {
    for role in ROLES {
        for agreed in Negotiated::all() {
            let Negotiated { version, suite } = agreed;
            let (mut client, mut server) =
                (rustls_client_config(version, suite), rustls_server_config(version, suite));
            client.max_fragment_size = Some(40);
            server.max_fragment_size = Some(64);
            let (client, server) = (Arc::new(client), Arc::new(server));
            let (mut ours, mut peer) = match role {
                Role::Client => {
                    (Adapter::<Ring>::over(client_handshake(client)), RustlsPeer::server(server))
                }
                Role::Server => {
                    (Adapter::<Ring>::over(server_handshake(server)), RustlsPeer::client(client))
                }
            };
            ours = ours.in_pieces_of(3);
            pump(&mut ours, &mut peer);
            peer.write(b"to us");
            ours.write(&[7; 1000]);
            let limit = ours.connection().layer.sealer().fragment_limit();
            assert_eq!(limit, if role == Role::Client { 35 } else { 59 });
            let (_, sent) = ours.handed_over_at;
            match (role, version) {
                (Role::Client, Version::Tls13) => {
                    assert_eq!(ours.tickets_stored, 2);
                    assert_eq!(sent, 0);
                }
                (Role::Server, Version::Tls13) => assert!(sent > 1, "tickets in pieces"),
                (_, Version::Tls12) => assert_eq!(sent, 1),
            }
            pump(&mut ours, &mut peer);
            assert_eq!(ours.read(), b"to us");
            assert_eq!(peer.read(), [7; 1000]);
        }
    }
}

#[test]
fn a_handshake_with_a_hello_retry_request_completes() {
    use rustls::crypto::ring::kx_group::SECP256R1;
    for role in ROLES {
        let config = rustls_server_config(TLS13.version, TLS13.suite);
        let mut provider = (**config.crypto_provider()).clone();
        provider.kx_groups = vec![SECP256R1];
        let server = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(config.cert_resolver.clone());
        let client = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
        let server = Arc::new(server);
        let (mut ours, mut peer) = match role {
            Role::Client => {
                (Adapter::<Ring>::over(client_handshake(client)), RustlsPeer::server(server))
            }
            Role::Server => {
                (Adapter::<Ring>::over(server_handshake(server)), RustlsPeer::client(client))
            }
        };
        pump(&mut ours, &mut peer);
        let info = &ours.connection().info;
        assert_eq!(info.kind, HandshakeKind::FullWithHelloRetryRequest);
        assert_eq!(info.group, Some(rustls::NamedGroup::secp256r1));
        peer.write(b"data");
        pump(&mut ours, &mut peer);
        assert_eq!(ours.read(), b"data");
    }
}

#[test]
fn alpn_and_the_certificate_of_a_client_are_in_the_info() {
    for version in Version::ALL {
        let suite = Suite::Aes128Gcm;
        let base = rustls_server_config(version, suite);
        let client_identity = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
        let certificate = client_identity.cert.der().clone();
        let mut server =
            rustls::ServerConfig::builder_with_provider(base.crypto_provider().clone())
                .with_protocol_versions(&[match version {
                    Version::Tls12 => &rustls::version::TLS12,
                    Version::Tls13 => &rustls::version::TLS13,
                }])
                .unwrap()
                .with_client_cert_verifier(Arc::new(AnyClient(base.crypto_provider().clone())))
                .with_cert_resolver(base.cert_resolver.clone());
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut client = rustls_client_config(version, suite);
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(
            client_identity.signing_key.serialize_der(),
        );
        let signer = client.crypto_provider().key_provider.load_private_key(key.into()).unwrap();
        let certified = rustls::sign::CertifiedKey::new(vec![certificate.clone()], signer);
        client.client_auth_cert_resolver =
            Arc::new(rustls::sign::SingleCertAndKey::from(certified));

        let mut client = Adapter::<Ring>::over(client_handshake(Arc::new(client)));
        let mut server = Adapter::<Ring>::over(server_handshake(Arc::new(server)));
        pump(&mut client, &mut server);
        assert_eq!(client.connection().info.alpn.as_deref(), Some(&b"http/1.1"[..]));
        assert_eq!(server.connection().info.alpn.as_deref(), Some(&b"http/1.1"[..]));
        assert_eq!(server.connection().info.peer_certificates, [certificate]);
    }
}

/// Accepts every client certificate.
#[derive(Debug)]
struct AnyClient(Arc<rustls::crypto::CryptoProvider>);

impl rustls::server::danger::ClientCertVerifier for AnyClient {
    fn root_hint_subjects(&self) -> &[rustls::DistinguishedName] {
        &[]
    }
    fn verify_client_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::server::danger::ClientCertVerified, Error> {
        Ok(rustls::server::danger::ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

// Secrets

#[derive(Debug)]
struct Log {
    wanted: bool,
    labels: Mutex<Vec<String>>,
}

impl KeyLog for Log {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        assert!(self.wanted && secret.len() >= 32);
        self.labels.lock().unwrap().push(label.to_owned());
    }

    fn will_log(&self, _: &str) -> bool {
        self.wanted
    }
}

#[test]
fn the_key_log_of_the_configuration_gets_every_secret() {
    for role in ROLES {
        for agreed in [TLS12, TLS13] {
            for wanted in [false, true] {
                let log = Arc::new(Log { wanted, labels: Mutex::default() });
                let handshake = match role {
                    Role::Client => {
                        let mut config = rustls_client_config(agreed.version, agreed.suite);
                        config.key_log = log.clone();
                        client_handshake(Arc::new(config))
                    }
                    Role::Server => {
                        let mut config = rustls_server_config(agreed.version, agreed.suite);
                        config.key_log = log.clone();
                        server_handshake(Arc::new(config))
                    }
                };
                let mut ours = Adapter::<Ring>::over(handshake);
                pump(&mut ours, &mut *Stack::Openssl.peer(other(role), agreed));
                assert_eq!(ours.connection().layer.opener().epoch(), Epoch::Application);
                let mut labels = log.labels.lock().unwrap().clone();
                labels.sort();
                let expected: &[&str] = match (wanted, agreed.version) {
                    (false, _) => &[],
                    (true, Version::Tls12) => &["CLIENT_RANDOM"],
                    (true, Version::Tls13) => &[
                        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                        "CLIENT_TRAFFIC_SECRET_0",
                        "EXPORTER_SECRET",
                        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                        "SERVER_TRAFFIC_SECRET_0",
                    ],
                };
                assert_eq!(labels, expected);
            }
        }
    }
}

#[test]
fn both_ends_export_the_same_keying_material() {
    for suite in Suite::ALL {
        let agreed = Negotiated { version: Version::Tls13, suite };
        let mut ours = Adapter::<Ring>::new(Role::Client, agreed);
        let config = rustls_server_config(Version::Tls13, suite);
        let mut theirs = ServerConnection::new(Arc::new(config)).unwrap();
        for _ in 0..3 {
            theirs.read_tls(&mut &ours.take_output()[..]).unwrap();
            theirs.process_new_packets().unwrap();
            let mut flight = Vec::new();
            while theirs.wants_write() {
                theirs.write_tls(&mut flight).unwrap();
            }
            ours.receive(&flight);
        }
        let exporter = ours.connection().exporter.as_ref().unwrap();
        for (label, context) in
            [(&b"EXPORTER-Channel-Binding"[..], &b""[..]), (b"label", b"some context")]
        {
            let mut exported = [0; 77];
            exporter.export(label, context, &mut exported).unwrap();
            let expected = theirs.export_keying_material([0; 77], label, Some(context)).unwrap();
            assert_eq!(exported, expected);
        }
        assert_eq!(exporter.export(&[b'x'; 250], b"", &mut [0; 32]), Err(ExportError));
        assert_eq!(exporter.export(b"label", b"", &mut [0; 255 * 48 + 1]), Err(ExportError));
    }
}

#[test]
fn tls12_has_no_exporter_and_no_later_tickets() {
    let mut ours = Adapter::<Ring>::new(Role::Client, TLS12);
    pump(&mut ours, &mut *Stack::Openssl.peer(Role::Server, TLS12));
    assert!(ours.connection().exporter.is_none() && ours.connection().tickets.is_none());
}

#[test]
fn a_config_of_the_other_role_changes_no_role_of_the_engine() {
    use tls_record_alloc::tls_record::{Config, Role as EngineRole};

    let mut client = client_handshake(rustls_client_config(TLS13.version, TLS13.suite).into());
    let mut server = server_handshake(rustls_server_config(TLS13.version, TLS13.suite).into());
    *client.engine_config() = Config::new(EngineRole::Server);
    *server.engine_config() = Config::new(EngineRole::Client);
    while [client.advance().unwrap(), server.advance().unwrap()] != [Progress::Complete; 2] {
        let taken = server.receive(client.unsent());
        client.sent(taken);
        let taken = client.receive(server.unsent());
        server.sent(taken);
    }
    assert_eq!(client.finish::<Ring>().unwrap().opener.role(), EngineRole::Client);
    assert_eq!(server.finish::<Ring>().unwrap().opener.role(), EngineRole::Server);
}
