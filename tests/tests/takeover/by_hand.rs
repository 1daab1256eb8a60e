//! Handshakes that no library makes, record by record, under the null cipher.

use tls_record::aead::null::{Null, NullAead};
use tls_record::{ContentType, Fault, KeyError, OpenError};
use tls_record_tests::mixed_keys::MixedKeys;
use tls_record_tests::records::{
    ALERT, CCS, DATA, HANDSHAKE, Hand, Suite as Cipher, header, key_update, message, plaintext,
};

use super::*;

const UNEXPECTED: TakeoverError = TakeoverError::Open(OpenError::Fault(Fault::UnexpectedHandshake));

/// Bytes of the secrets, by the epoch and the sender.
const CLIENT_HANDSHAKE: u8 = 10;
const SERVER_HANDSHAKE: u8 = 20;
const CLIENT_TRAFFIC: u8 = 30;
const SERVER_TRAFFIC: u8 = 40;

/// The null cipher with an HMAC that makes a key block of known bytes out of every secret: 16 of 1 for the
/// client's key, 16 of 2 for the server's, and four of each for the salts.
struct NullWithHmac;

impl Provider for NullWithHmac {
    type Aead = NullAead;
    const STACK: usize = 0;

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<NullAead> {
        Null::aead(algorithm, key)
    }

    fn hkdf_expand(_: Algorithm, _: &[u8], _: &[&[u8]], _: &mut [u8]) -> Option<()> {
        None
    }

    fn hmac(_: Algorithm, _: &[u8], message: &[&[u8]], out: &mut [u8]) -> Option<()> {
        match message {
            // The next chunk of the key block is that under which it was asked for.
            [chunk, _, _, _] => out.copy_from_slice(chunk),
            [_, _, _] => out.copy_from_slice(&[[1; 16], [2; 16]].concat()),
            _ => {
                out.fill(0);
                out[..4].fill(1);
                out[4..8].fill(2);
            }
        }
        Some(())
    }
}

fn client_hello() -> Vec<u8> {
    client_hello_with(&[])
}

fn client_hello_with(extensions: &[u8]) -> Vec<u8> {
    let len = [0, extensions.len() as u8];
    let body = [&[3, 3][..], &[0xc1; 32], &[0, 0, 2, 0x13, 1, 1, 0], &len, extensions].concat();
    message(1, &body)
}

fn server_hello(suite: u16, extensions: &[u8]) -> Vec<u8> {
    let [high, low] = suite.to_be_bytes();
    let len = extensions.len() as u8;
    message(2, &[&[3, 3][..], &[0x51; 32], &[0, high, low, 0, 0, len], extensions].concat())
}

fn tls13_server_hello() -> Vec<u8> {
    server_hello(0x1301, &[0, 43, 0, 2, 3, 4])
}

/// A TLS 1.3 handshake with both hands.
struct Tls13 {
    follower: Follower<Null>,
    client: Hand,
    server: Hand,
}

impl Tls13 {
    /// After the ServerHello, with all secrets told.
    fn after_hellos() -> Self {
        Self::after_hellos_with(&[])
    }

    fn after_hellos_with(extensions: &[u8]) -> Self {
        let mut follower = Follower::new();
        for (kind, byte) in [
            (SecretKind::ClientHandshake, CLIENT_HANDSHAKE),
            (SecretKind::ServerHandshake, SERVER_HANDSHAKE),
            (SecretKind::ClientTraffic, CLIENT_TRAFFIC),
            (SecretKind::ServerTraffic, SERVER_TRAFFIC),
        ] {
            follower.secret(kind, &[byte; 32]).unwrap();
        }
        let hello = client_hello_with(extensions);
        follow(&mut follower, Role::Client, &plaintext(HANDSHAKE, &hello)).unwrap();
        follow(&mut follower, Role::Server, &plaintext(HANDSHAKE, &tls13_server_hello())).unwrap();
        Self {
            follower,
            client: Hand::new(Cipher::Tls13, CLIENT_HANDSHAKE),
            server: Hand::new(Cipher::Tls13, SERVER_HANDSHAKE),
        }
    }

    fn complete() -> Self {
        Self::complete_with(&[], &[])
    }

    /// Complete, with these extensions of the ClientHello and of the EncryptedExtensions.
    fn complete_with(of_client: &[u8], of_server: &[u8]) -> Self {
        let mut this = Self::after_hellos_with(of_client);
        let encrypted = [&[0, of_server.len() as u8], of_server].concat();
        this.server(HANDSHAKE, &[message(8, &encrypted), message(20, &[0; 32])].concat()).unwrap();
        this.client(HANDSHAKE, &message(20, &[0; 32])).unwrap();
        this.server = Hand::new(Cipher::Tls13, SERVER_TRAFFIC);
        this.client = Hand::new(Cipher::Tls13, CLIENT_TRAFFIC);
        this
    }

    fn client(&mut self, content_type: ContentType, body: &[u8]) -> Result<usize, TakeoverError> {
        follow(&mut self.follower, Role::Client, &self.client.seal(content_type, body))
    }

    fn server(&mut self, content_type: ContentType, body: &[u8]) -> Result<usize, TakeoverError> {
        follow(&mut self.follower, Role::Server, &self.server.seal(content_type, body))
    }

    fn finish(&mut self) -> Result<RecordLayer<TrafficSecret<Null>>, TakeoverError> {
        self.follower.finish(Config::new(tls_record::Role::Client))
    }
}

#[test]
fn a_key_update_makes_it_busy_until_the_library_has_answered() {
    let mut this = Tls13::complete();
    this.server(HANDSHAKE, &key_update(1)).unwrap();
    this.server.update();
    assert_eq!(this.finish().err(), Some(TakeoverError::Busy));

    this.client(DATA, b"on its way").unwrap();
    assert_eq!(this.finish().err(), Some(TakeoverError::Busy));
    this.client(HANDSHAKE, &key_update(0)).unwrap();
    this.client.update();
    this.server(DATA, b"one").unwrap();

    let mut layer = this.finish().expect("the request was answered");
    let mut record = this.server.seal(DATA, b"two");
    let opened = layer.open(&mut record).unwrap();
    assert_eq!(opened.event, Event::ApplicationData(5..8));
    let mut record = [0; 64];
    let written = layer.seal(&[b"data"], &mut record).unwrap().written;
    assert_eq!(this.client.open(&record[..written]), (DATA, b"data".to_vec()));
    assert!(!layer.has_control(), "no second answer is due");
}

#[test]
fn a_record_that_goes_on_behind_the_finished_is_not_cut_off() {
    for behind in [&key_update(0)[..], &[4, 0]] {
        let mut this = Tls13::after_hellos();
        this.server(HANDSHAKE, &[message(8, &[0, 0]), message(20, &[0; 32])].concat()).unwrap();
        let mut record =
            this.client.seal(HANDSHAKE, &[&message(20, &[0; 32])[..], behind].concat());
        let client = tls_record::Role::Client;
        let consumed = this.follower.follow(client, &mut record).unwrap().consumed;
        assert!(consumed < record.len() && this.follower.is_complete());
        assert_eq!(this.finish().err(), Some(TakeoverError::Busy));

        // RFC 9846 section 5.1: no message spans a key change.
        let error = TakeoverError::Key(KeyError::Fault(Fault::SpansKeyChange));
        let followed = this.follower.follow(client, &mut record[consumed..]);
        assert_eq!(followed.err(), Some(error));
        assert_eq!(this.finish().err(), Some(error));
    }
}

#[test]
fn what_the_server_chooses_is_known_once_it_was_followed() {
    let mut follower = Follower::<Null>::new();
    follow(&mut follower, Role::Client, &plaintext(HANDSHAKE, &client_hello())).unwrap();
    assert_eq!((follower.negotiated(), follower.suite(), follower.alpn()), (None, None, None));

    let alpn = [&[0, 16, 0, 5, 0, 3, 2][..], b"h2"].concat();
    let mut this = Tls13::after_hellos();
    let negotiated = Some((tls_record::Version::Tls13, Algorithm::Aes128Gcm));
    assert_eq!(this.follower.negotiated(), negotiated);
    assert_eq!((this.follower.suite(), this.follower.alpn()), (Some(0x1301), None));
    this.server(HANDSHAKE, &message(8, &[&[0, 9], &alpn[..]].concat())).unwrap();
    assert_eq!(this.follower.alpn(), Some(&b"h2"[..]));

    // In TLS 1.2 they come together.
    let mut follower = Follower::<NullWithHmac>::new();
    let hello = plaintext(HANDSHAKE, &server_hello(0xc02f, &alpn));
    follow(&mut follower, Role::Server, &hello).unwrap();
    assert_eq!((follower.suite(), follower.alpn()), (Some(0xc02f), Some(&b"h2"[..])));
}

#[test]
fn a_finished_that_is_not_protected_finishes_nothing() {
    for role in [Role::Client, Role::Server] {
        let finished = plaintext(HANDSHAKE, &message(20, &[0; 32]));
        let mut follower = Follower::<Null>::new();
        assert_eq!(follow(&mut follower, role, &finished), Err(UNEXPECTED));
        assert!(!follower.is_finished(engine_role(role)));

        let mut this = Tls13::after_hellos();
        assert_eq!(follow(&mut this.follower, role, &finished), Err(UNEXPECTED));
        assert!(!this.follower.is_finished(engine_role(role)));
    }
}

#[test]
fn hellos_out_of_place_are_refused() {
    let hello = |role, message: &[u8]| (role, plaintext(HANDSHAKE, message));
    for (role, record) in [
        hello(Role::Server, &tls13_server_hello()),
        hello(Role::Server, &server_hello(0xc02f, &[])),
        hello(Role::Client, &client_hello()),
        hello(Role::Server, &message(8, &[0, 0])),
        // Of the other role.
        hello(Role::Server, &client_hello()),
        hello(Role::Client, &tls13_server_hello()),
        hello(Role::Client, &message(8, &[0, 0])),
    ] {
        let mut this = Tls13::after_hellos();
        assert_eq!(follow(&mut this.follower, role, &record), Err(UNEXPECTED));
    }
    // Behind the EncryptedExtensions, and under keys.
    for body in [message(8, &[0, 0]), tls13_server_hello()] {
        let mut this = Tls13::after_hellos();
        this.server(HANDSHAKE, &message(8, &[0, 0])).unwrap();
        assert_eq!(this.server(HANDSHAKE, &body), Err(UNEXPECTED));
    }
    let mut this = Tls13::after_hellos();
    this.server(HANDSHAKE, &message(8, &[0, 0])).unwrap();
    assert_eq!(this.client(HANDSHAKE, &client_hello()), Err(UNEXPECTED));
}

#[test]
fn post_handshake_authentication_is_followed() {
    let mut this = Tls13::complete();
    this.server(HANDSHAKE, &message(13, &[0; 8])).unwrap();
    this.client(HANDSHAKE, &[message(11, &[0; 4]), message(20, &[0; 32])].concat()).unwrap();
    let layer = this.finish().unwrap();
    assert_eq!(layer.sealer().sequence(), Some(1));
}

#[test]
fn a_line_for_a_random_of_zeros_is_of_no_connection_before_a_client_hello() {
    let line =
        format!("CLIENT_TRAFFIC_SECRET_0 {} {}", "00".repeat(32), "aa".repeat(32)).into_bytes();
    let mut follower = Follower::<Null>::new();
    assert_eq!(follower.key_log(&line), Ok(false));
    let mut hello = client_hello();
    hello[6..38].fill(0);
    follow(&mut follower, Role::Client, &plaintext(HANDSHAKE, &hello)).unwrap();
    assert_eq!(follower.key_log(&line), Ok(true));
}

#[test]
fn a_secret_of_the_other_version_takes_the_place_of_none() {
    let mut follower = Follower::<Null>::new();
    follower.secret(SecretKind::Master, &[1; 48]).unwrap();
    follower.secret(SecretKind::ServerHandshake, &[SERVER_HANDSHAKE; 32]).unwrap();
    follower.secret(SecretKind::ClientHandshake, &[CLIENT_HANDSHAKE; 32]).unwrap();
    // The first of a kind counts.
    follower.secret(SecretKind::ClientHandshake, &[1; 32]).unwrap();
    let mut this = Tls13 { follower, ..Tls13::after_hellos() };
    let hellos = [(Role::Client, client_hello()), (Role::Server, tls13_server_hello())];
    for (role, hello) in hellos {
        follow(&mut this.follower, role, &plaintext(HANDSHAKE, &hello)).unwrap();
    }
    this.server(HANDSHAKE, &message(8, &[0, 0])).unwrap();
    this.client(HANDSHAKE, &message(20, &[0; 32])).unwrap();
}

#[test]
fn after_an_error_nothing_is_followed_and_nothing_taken_over() {
    let errors: [(&[u8], TakeoverError); 4] = [
        (&server_hello(0x002f, &[]), TakeoverError::Suite(0x002f)),
        (&server_hello(0x1301, &[0, 43, 0, 2, 3, 5]), TakeoverError::Version(0x0305)),
        (&message(2, &[0; 9]), TakeoverError::Malformed),
        (&message(20, &[0; 32]), UNEXPECTED),
    ];
    for (hello, error) in errors {
        let mut follower = Follower::<Null>::new();
        follow(&mut follower, Role::Client, &plaintext(HANDSHAKE, &client_hello())).unwrap();
        assert_eq!(follow(&mut follower, Role::Server, &plaintext(HANDSHAKE, hello)), Err(error));
        let right = plaintext(HANDSHAKE, &tls13_server_hello());
        for role in [Role::Client, Role::Server] {
            assert_eq!(follow(&mut follower, role, &right), Err(error));
        }
        let finished = follower.finish(Config::new(tls_record::Role::Client));
        assert_eq!(finished.err(), Some(error));
    }
}

#[test]
fn a_connection_is_taken_over_with_keys_of_another_type() {
    let mut this = Tls13::complete();
    let config = Config::new(tls_record::Role::Client);
    let mut layer = this.follower.finish_as::<MixedKeys<Null>>(config).unwrap();
    let mut record = this.server.seal(DATA, b"data");
    let opened = layer.open(&mut record).unwrap();
    let Event::ApplicationData(range) = opened.event else { panic!("{opened:?}") };
    assert_eq!(record[range], *b"data");
    let mut record = [0; 64];
    let len = layer.seal(&[b"answer"], &mut record).unwrap().written;
    assert_eq!(record[..len], this.client.seal(DATA, b"answer"));

    // A second time the secrets are gone.
    let again = this.follower.finish_as::<MixedKeys<Null>>(config);
    assert_eq!(again.err(), Some(TakeoverError::NotComplete));
}

#[test]
fn after_the_take_over_nothing_is_followed() {
    let mut this = Tls13::complete();
    this.finish().unwrap();
    assert!(!this.follower.is_complete());
    let error = TakeoverError::Open(OpenError::HandedOver);
    assert_eq!(this.client(DATA, b"for the engine"), Err(error));
    assert_eq!(this.server(DATA, b"for the engine"), Err(error));
}

#[test]
fn an_unprotected_alert_and_change_cipher_spec_may_come_before_the_first_protected_record() {
    let mut this = Tls13::after_hellos();
    this.server(HANDSHAKE, &[message(8, &[0, 0]), message(20, &[0; 32])].concat()).unwrap();
    follow(&mut this.follower, Role::Client, &plaintext(CCS, &[1])).unwrap();
    let failed = follow(&mut this.follower, Role::Client, &plaintext(ALERT, &[2, 42]));
    assert!(matches!(failed, Err(TakeoverError::Open(OpenError::PeerAlert(_)))));
}

/// Headers of early data are checked like others: no record that would be refused is waited for.
#[test]
fn early_data_in_a_record_that_is_too_long_is_refused_by_its_header() {
    const EARLY_DATA: [u8; 4] = [0, 42, 0, 0];
    let follow_early = |header: &[u8]| {
        let mut follower = Follower::<Null>::new();
        let hello = client_hello_with(&EARLY_DATA);
        follow(&mut follower, Role::Client, &plaintext(HANDSHAKE, &hello)).unwrap();
        follower.follow(tls_record::Role::Client, &mut header.to_vec())
    };
    let longest = 16_384 + 256;
    for (content_type, length) in [(DATA, longest), (CCS, 1)] {
        let opened = follow_early(&header(content_type, length)).unwrap();
        assert_eq!(opened.event, Event::NeedMore { total: 5 + length });
    }
    for (content_type, length) in [(DATA, longest + 1), (DATA, 65_535), (CCS, 0), (CCS, 2)] {
        let refused = follow_early(&header(content_type, length));
        assert!(matches!(refused, Err(TakeoverError::Open(OpenError::Fault(_)))), "{refused:?}");
    }
}

#[test]
fn record_sizes_that_were_agreed_on_are_kept() {
    // In TLS 1.3 both count the content type, but some peers do not count it for max_fragment_length
    // (RFC 6066 section 4).
    let limit = |bytes: u16| [&[0, 28, 0, 2][..], &bytes.to_be_bytes()].concat();
    let fragment = |code| vec![0, 1, 0, 1, code];
    let none: Vec<u8> = Vec::new();
    let all = usize::from(tls_record::MAX_CONTENT);
    for (of_client, of_server, sent, received) in [
        (none.clone(), none.clone(), all, all),
        (limit(300), limit(200), 199, 299),
        // Only one end has it: nothing was agreed on.
        (limit(300), none.clone(), all, all),
        (none.clone(), limit(300), all, all),
        (fragment(1), fragment(1), 511, 512),
        (fragment(4), fragment(4), 4095, 4096),
        // The server has ignored one of the two (RFC 8449 section 5).
        ([fragment(1), limit(300)].concat(), limit(200), 199, 299),
        ([fragment(1), limit(300)].concat(), fragment(1), 511, 512),
    ] {
        let mut this = Tls13::complete_with(&of_client, &of_server);
        let mut layer = this.finish().unwrap();
        // This is a limit of the caller's, and not what was agreed on.
        layer.set_fragment_limit(u16::MAX);
        let mut record = vec![0; 1 << 15];
        let len = layer.seal(&[&vec![7; all]], &mut record).unwrap().written;
        let first = first_record(&record[..len]).unwrap();
        assert_eq!(first, sent + Cipher::Tls13.overhead(), "{of_client:?} {of_server:?}");

        let mut longest = this.server.seal(DATA, &vec![7; received]);
        assert!(layer.open(&mut longest).is_ok());
        let mut longer = this.server.seal(DATA, &vec![7; received + 1]);
        let overflow = OpenError::Fault(Fault::RecordOverflow);
        assert_eq!(layer.open(&mut longer), Err(overflow), "{of_client:?} {of_server:?}");
    }
}

/// A TLS 1.2 handshake, abbreviated: the server finishes first.
fn tls12() -> (Follower<NullWithHmac>, Hand, Hand) {
    let mut follower = Follower::new();
    follower.secret(SecretKind::Master, &[7; 48]).unwrap();
    let (mut client, mut server) = (Hand::new(Cipher::Tls12Gcm, 1), Hand::new(Cipher::Tls12Gcm, 2));
    for (role, records) in [
        (Role::Client, plaintext(HANDSHAKE, &client_hello())),
        (Role::Server, plaintext(HANDSHAKE, &server_hello(0xc02f, &[]))),
        (Role::Server, plaintext(HANDSHAKE, &message(4, b"a ticket"))),
        (Role::Server, plaintext(CCS, &[1])),
        (Role::Server, server.seal(HANDSHAKE, &message(20, &[0; 12]))),
        (Role::Client, plaintext(CCS, &[1])),
        (Role::Client, client.seal(HANDSHAKE, &message(20, &[0; 12]))),
    ] {
        assert!(!follower.is_complete());
        follow(&mut follower, role, &records).unwrap();
    }
    assert!(follower.is_complete());
    (follower, client, server)
}

#[test]
fn a_provider_without_an_hmac_follows_no_tls12_record_under_keys() {
    let mut follower = Follower::<Null>::new();
    follower.secret(SecretKind::Master, &[7; 48]).unwrap();
    for (role, records) in [
        (Role::Client, plaintext(HANDSHAKE, &client_hello())),
        (Role::Server, plaintext(HANDSHAKE, &server_hello(0xc02f, &[]))),
        (Role::Server, plaintext(CCS, &[1])),
    ] {
        follow(&mut follower, role, &records).unwrap();
    }
    let finished = Hand::new(Cipher::Tls12Gcm, 2).seal(HANDSHAKE, &message(20, &[0; 12]));
    let followed = follow(&mut follower, Role::Server, &finished);
    assert_eq!(followed, Err(TakeoverError::Key(KeyError::Crypto)));
}

#[test]
fn explicit_nonces_without_a_free_range_are_refused_for_the_own_direction_only() {
    let start = 1_u64 << 63;
    for (mixed, role, is_ok) in [
        (Role::Client, Role::Client, false),
        (Role::Client, Role::Server, true),
        (Role::Server, Role::Server, false),
        (Role::Server, Role::Client, true),
    ] {
        let (mut follower, client, server) = tls12();
        // The null cipher does not look at the sequence number, but for the nonce.
        let mut hand = if mixed == Role::Client { client } else { server }.at(start | 9);
        follow(&mut follower, mixed, &hand.seal(DATA, b"random")).unwrap();
        let finished = follower.finish(Config::new(engine_role(role)));
        let error = (!is_ok).then_some(TakeoverError::ExplicitNonces);
        assert_eq!(finished.as_ref().err(), error.as_ref(), "{mixed:?} {role:?}");
        if let Ok(mut layer) = finished {
            let sequence = layer.sealer().sequence();
            assert_eq!(sequence, Some(1));
            let mut record = [0; 64];
            layer.seal(&[b"data"], &mut record).unwrap();
            assert_eq!(record[HEADER_LEN], 0x80, "the half that was not seen");
        }
    }
}

#[test]
fn tls12_refuses_what_would_renegotiate_or_change_keys_twice() {
    for (role, body) in [(Role::Client, client_hello()), (Role::Server, message(0, &[]))] {
        let (mut follower, client, server) = tls12();
        let mut hand = if role == Role::Client { client } else { server };
        let error = follow(&mut follower, role, &hand.seal(HANDSHAKE, &body)).unwrap_err();
        assert!(matches!(error, TakeoverError::Open(OpenError::Fault(Fault::Flood(_)))), "{error}");
    }
    let (mut follower, ..) = tls12();
    let error = follow(&mut follower, Role::Client, &plaintext(CCS, &[1])).unwrap_err();
    assert_eq!(error, TakeoverError::Open(OpenError::Fault(Fault::UnexpectedContentType)));
}
