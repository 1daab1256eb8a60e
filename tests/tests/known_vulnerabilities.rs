//! Regression tests for faults of other TLS stacks, as listed in `conformance.md`. Some are tested
//! in other files: CVE-2020-24659 (every alert in every state) in `alerts.rs`.

use std::collections::HashSet;

use tls_record::aead::{Algorithm, Provider, rustcrypto::RustCrypto};
use tls_record::close::WriteState;
use tls_record::{
    AlertDescription, CloseError, Config, Epoch, Event, Fault, Flood, HEADER_LEN, KeyError,
    MAX_RECORD, OpenError, Opener, ReadEnd, Role, SealError, Sealer, TrafficSecret, Version,
};
use tls_record_tests::Backend;
use tls_record_tests::records::{
    ALERT, CCS, CLOSE_NOTIFY, Connection, DATA, Got, HANDSHAKE, Suite, USER_CANCELED, header,
    key_update, message, open_all, plaintext, split,
};

fn tls13() -> Connection {
    Connection::established(Suite::Tls13, Role::Client)
}

fn fresh() -> Connection {
    Connection::new(Config::new(Role::Server))
}

/// One connection in every epoch that a direction can be in.
fn every_epoch() -> [Connection; 7] {
    [
        fresh(),
        fresh().set_version(Version::Tls12),
        fresh().set_version(Version::Tls13),
        fresh().install(Epoch::EarlyData, Suite::Tls13),
        fresh().install(Epoch::Handshake, Suite::Tls13),
        tls13(),
        Connection::established(Suite::Tls12Gcm, Role::Server),
    ]
}

/// Returns both ends of one direction under a real cipher.
fn pair<P: Provider>(
    secret: impl Fn() -> TrafficSecret<P>,
) -> (Sealer<TrafficSecret<P>>, Opener<TrafficSecret<P>>) {
    let mut sealer = Sealer::new(Config::new(Role::Client));
    let mut opener = Opener::new(Config::new(Role::Server));
    // In TLS 1.2 the Finished has used sequence number 0.
    sealer.take_over(Epoch::Application, secret(), 1).unwrap();
    opener.take_over(Epoch::Application, secret(), 1).unwrap();
    (sealer, opener)
}

const ALGORITHMS: [Algorithm; 3] =
    [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::Chacha20Poly1305];

/// Runs a test under every cipher of both backends, in both versions.
macro_rules! under_every_cipher {
    ($test:ident $(, $argument:expr)*) => {
        for suite in ALGORITHMS {
            let (secret, key) = (vec![7; suite.secret_len()], vec![7; suite.key_len()]);
            $test(pair(|| TrafficSecret::<Backend>::tls13(suite, &secret).unwrap()) $(, $argument)*);
            $test(pair(|| TrafficSecret::<Backend>::tls12(suite, &key, &[7; 12]).unwrap()) $(, $argument)*);
            $test(pair(|| TrafficSecret::<RustCrypto>::tls13(suite, &secret).unwrap()) $(, $argument)*);
            $test(pair(|| TrafficSecret::<RustCrypto>::tls12(suite, &key, &[7; 12]).unwrap()) $(, $argument)*);
        }
    };
}

type Pair<P> = (Sealer<TrafficSecret<P>>, Opener<TrafficSecret<P>>);

fn seal<P: Provider>(sealer: &mut Sealer<TrafficSecret<P>>, content: &[u8]) -> Vec<u8> {
    let mut record = vec![0; sealer.record_len(content.len())];
    let start = sealer.headroom();
    record[start..start + content.len()].copy_from_slice(content);
    sealer.seal_in_place(&mut record, content.len()).unwrap();
    record
}

/// CVE-2024-32650: rustls looped forever on a close_notify during the handshake.
#[test]
fn a_close_notify_in_any_state_makes_progress() {
    for suffix in [&b""[..], b"\x16\x03\x03\x00\x00", b"more"] {
        for mut connection in every_epoch() {
            let mut wire = [connection.peer.seal(ALERT, &CLOSE_NOTIFY), suffix.to_vec()].concat();
            let (mut at, mut turns) = (0, 0);
            while at < wire.len() || connection.layer.has_control() {
                let opened = connection.layer.open(&mut wire[at..]).expect("no fault");
                assert!(opened.consumed > 0 || at == wire.len());
                at += opened.consumed;
                let sent = connection.layer.poll_control(&mut [0; 64]).expect("enough room");
                assert_eq!(
                    sent > 0,
                    turns == 0 && connection.layer.end().write != tls_record::WriteEnd::Open
                );
                turns += 1;
                assert!(turns < 4, "no end");
            }
            let epoch = connection.layer.opener().epoch();
            assert_eq!(connection.layer.eof(), ReadEnd::Closed { epoch });
            assert_eq!(connection.layer.open(&mut [0]).unwrap().event, Event::Closed);
        }
    }
}

/// CVE-2024-11738: rustls panicked on a fragmented ClientHello. For cuts of the input see
/// `buffers.rs`.
#[test]
fn a_client_hello_in_fragments_of_any_size_is_accepted() {
    let hello = message(1, b"a ClientHello of some length");
    for size in 1..=hello.len() {
        let mut connection = fresh();
        let mut body = Vec::new();
        for fragment in hello.chunks(size) {
            for got in connection.accept(HANDSHAKE, fragment) {
                match got {
                    Got::Message(1, offset, piece) => {
                        assert_eq!(offset as usize, body.len());
                        body.extend(piece);
                    }
                    got => assert_eq!(got, Got::Nothing),
                }
            }
        }
        assert_eq!(body, hello[4..]);
    }
}

/// RUSTSEC-2026-0285, CVE-2025-61730, CVE-2023-6937; 9846 5.1: "Implementations MUST verify that
/// all messages immediately preceding a key change align with a record boundary".
#[test]
fn messages_across_a_key_change_are_refused() {
    let hello = message(2, b"hello");
    let fault = Err(KeyError::Fault(Fault::SpansKeyChange));
    for (first, next) in [
        (None, Epoch::Handshake),
        (Some(Epoch::EarlyData), Epoch::Handshake),
        (Some(Epoch::Handshake), Epoch::Application),
    ] {
        // A fragment of any length after another message, a whole message, and a message of which
        // only the first part has come.
        for rest in 1..=hello.len() {
            let mut connection = match first {
                None => fresh(),
                Some(epoch) => fresh().install(epoch, Suite::Tls13),
            };
            let content = [&message(5, b""), &hello[..rest]].concat();
            let mut record = connection.peer.seal(HANDSHAKE, &content);
            let opened = connection.layer.open(&mut record).unwrap();
            assert!(matches!(opened.event, Event::Handshake(_)));
            let installed =
                connection.layer.install(next, Suite::Tls13.secret(1), Suite::Tls13.secret(2));
            assert_eq!(installed, fault);
            let error = Err(OpenError::Fault(Fault::SpansKeyChange));
            assert_eq!(connection.layer.open(&mut record[opened.consumed..]), error);
            assert_eq!(connection.control(), [(ALERT, vec![2, 10])]);
        }
    }
    let mut connection = fresh();
    connection.accept(HANDSHAKE, &hello[..5]);
    let secret = |byte| Suite::Tls13.secret(byte);
    assert_eq!(connection.layer.install(Epoch::Handshake, secret(1), secret(2)), fault);

    // TLS 1.2: a message after a Finished, and a message that a change_cipher_spec interrupts.
    let mut connection = fresh().install(Epoch::Handshake, Suite::Tls12Gcm);
    let mut record =
        connection.peer.seal(HANDSHAKE, &[message(20, b"verify"), message(0, b"")].concat());
    connection.layer.open(&mut record).unwrap();
    assert_eq!(connection.halves(|opener, _| opener.establish()), fault);
    assert_eq!(connection.control(), [(ALERT, vec![2, 10])]);
    let mut connection = fresh().set_version(Version::Tls12);
    connection.accept(HANDSHAKE, &hello[..5]);
    let record = plaintext(CCS, &[1]);
    connection.assert_refuses(&record, Fault::SpansKeyChange, AlertDescription::UNEXPECTED_MESSAGE);
}

/// CVE-2026-32283, CVE-2026-56862, CVE-2026-39304: a peer that requests KeyUpdates and does not
/// read.
#[test]
fn key_updates_of_a_peer_that_does_not_read_are_limited() {
    let mut connection = tls13();
    for _ in 0..10 {
        for _ in 0..32 {
            connection.accept(HANDSHAKE, &key_update(1));
        }
        connection.accept(DATA, b"restores the budget");
    }
    assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
    for _ in 0..32 {
        connection.accept(HANDSHAKE, &key_update(1));
    }
    connection.accept(DATA, b""); // Does not.
    let record = connection.peer.seal(HANDSHAKE, &key_update(1));
    connection.assert_refuses(
        &record,
        Fault::Flood(Flood::KeyUpdates),
        AlertDescription::UNEXPECTED_MESSAGE,
    );
}

/// CVE-2016-8610
#[test]
fn a_flood_of_warnings_ends_the_connection() {
    for (suite, alert) in [(Suite::Tls13, USER_CANCELED), (Suite::Tls12Gcm, [1, 41])] {
        let mut connection = Connection::established(suite, Role::Server);
        for _ in 0..4 {
            connection.accept(ALERT, &alert);
        }
        let record = connection.peer.seal(ALERT, &alert);
        connection.assert_refuses(
            &record,
            Fault::Flood(Flood::Warnings),
            AlertDescription::UNEXPECTED_MESSAGE,
        );
    }
}

/// CVE-2016-6305: an empty record was neither consumed nor refused.
#[test]
fn empty_records_are_consumed_and_counted() {
    for suite in Suite::ALL {
        let mut connection = Connection::established(suite, Role::Server);
        for _ in 0..32 {
            let mut record = connection.peer.seal(DATA, b"");
            let opened = connection.layer.open(&mut record).unwrap();
            assert_eq!((opened.consumed, opened.event), (record.len(), Event::Nothing));
        }
        let record = connection.peer.seal(DATA, b"");
        connection.assert_refuses(
            &record,
            Fault::Flood(Flood::EmptyRecords),
            AlertDescription::UNEXPECTED_MESSAGE,
        );
    }
}

/// CVE-2017-3737: after a fatal error the next call read or wrote without protection.
#[test]
fn after_a_fault_every_call_fails() {
    let error = OpenError::Fault(Fault::UnexpectedContentType);
    for mut connection in every_epoch() {
        assert_eq!(connection.receive(&[99, 3, 3, 0, 40]), Err(error), "no state knows the type");
        for alert_is_sealed in [false, true] {
            if alert_is_sealed {
                assert_eq!(connection.control(), [(ALERT, vec![2, 10])]);
            }
            let layer = &mut connection.layer;
            let mut out = [0xaa; 64];
            assert_eq!(layer.open(&mut [22, 3, 3, 0, 0]), Err(error));
            assert_eq!(layer.seal(&[b"data"], &mut out), Err(SealError::Failed));
            assert_eq!(layer.seal(&[], &mut out), Err(SealError::Failed));
            assert_eq!(layer.seal_in_place(&mut out, 4), Err(SealError::Failed));
            let hello = message(1, b"");
            assert_eq!(layer.seal_handshake(&[&hello], &mut out), Err(SealError::Failed));
            assert_eq!(layer.close(), Err(CloseError::Failed));
            assert_eq!(layer.cancel(), Err(CloseError::Failed));
            assert_eq!(layer.abort(AlertDescription::DECODE_ERROR), Err(CloseError::Failed));
            assert_eq!(layer.update_keys(true), Err(KeyError::Closed));
            assert_eq!(layer.eof(), ReadEnd::Fault(Fault::UnexpectedContentType));
            connection.halves(|opener, sealer| {
                let secret = || Suite::Tls13.secret(1);
                assert_eq!(sealer.change_cipher_spec(&mut out), Err(SealError::Failed));
                assert!(sealer.refuse_renegotiation().is_err());
                assert!(sealer.install(Epoch::Application, secret()).is_err());
                assert!(opener.install(Epoch::Application, secret()).is_err());
                assert!(opener.establish().is_err());
            });
            assert_eq!(out, [0xaa; 64]);
        }
    }
}

/// CVE-2019-1559: a second error after the first distinguished bad padding from a bad MAC.
#[test]
fn nothing_is_decrypted_after_a_fault_and_all_faults_of_protection_are_one() {
    fn check<P: Provider>((mut sealer, mut opener): Pair<P>) {
        let (mut bad, good) = (seal(&mut sealer, b"bad"), seal(&mut sealer, b"good"));
        *bad.last_mut().unwrap() ^= 1;
        let error = Err(OpenError::Fault(Fault::BadRecordMac));
        assert_eq!(opener.open(&mut bad), error);
        for wire in [good, plaintext(DATA, b""), plaintext(ALERT, &[2, 0]), header(CCS, 65_535)] {
            let mut input = wire.clone();
            assert_eq!(opener.open(&mut input), error);
            assert_eq!(input, wire);
        }
    }
    under_every_cipher!(check);
}

/// CVE-2017-3731: an out-of-bounds read on short records.
#[test]
fn records_shorter_than_their_protection_are_refused() {
    fn check<P: Provider>((sealer, mut opener): Pair<P>, length: usize) {
        let overhead = sealer.record_len(0) - HEADER_LEN;
        let opened = opener.open(&mut plaintext(DATA, &vec![0; length.min(overhead)]));
        assert_eq!(opened, Err(OpenError::Fault(Fault::BadRecordMac)), "{length} of {overhead}");
    }
    for length in 0..=24 {
        under_every_cipher!(check, length);
    }
}

/// CVE-2016-7054: a bad tag on a long record. Plaintext that was decrypted before the tag was
/// checked does not stay in the buffer.
#[test]
fn no_plaintext_of_a_forged_record_is_left() {
    fn check<P: Provider>((mut sealer, mut opener): Pair<P>) {
        let content = vec![0xc5; 16_384];
        let start = sealer.headroom();
        let mut record = seal(&mut sealer, &content);
        *record.last_mut().unwrap() ^= 0x80;
        assert_eq!(opener.open(&mut record), Err(OpenError::Fault(Fault::BadRecordMac)));
        assert!(record[start..start + content.len()].iter().all(|&byte| byte == 0));
    }
    // The engine wipes the plaintext even if the cipher leaves it.
    check(pair(|| Suite::Tls13.secret(7)));
    check(pair(|| Suite::Tls12Gcm.secret(7)));
    under_every_cipher!(check);
}

#[test]
fn a_forged_tag_on_an_empty_plaintext_is_refused() {
    fn check<P: Provider>((mut sealer, mut opener): Pair<P>) {
        let mut record = seal(&mut sealer, b"");
        *record.last_mut().unwrap() ^= 1;
        assert_eq!(opener.open(&mut record), Err(OpenError::Fault(Fault::BadRecordMac)));
    }
    under_every_cipher!(check);
}

/// CVE-2020-25648 (a flood of them), CVE-2020-12457 (one after Finished)
#[test]
fn change_cipher_specs_are_limited_and_refused_after_finished() {
    let ccs = plaintext(CCS, &[1]);
    let mut connection = fresh().install(Epoch::Handshake, Suite::Tls13);
    for _ in 0..32 {
        assert_eq!(connection.receive(&ccs), Ok(vec![Got::Nothing]));
    }
    connection.assert_refuses(
        &ccs,
        Fault::Flood(Flood::ChangeCipherSpecs),
        AlertDescription::UNEXPECTED_MESSAGE,
    );
    let alert = AlertDescription::UNEXPECTED_MESSAGE;
    tls13().assert_refuses(&ccs, Fault::UnexpectedContentType, alert);
    Connection::established(Suite::Tls12Gcm, Role::Client).assert_refuses(
        &ccs,
        Fault::UnexpectedContentType,
        alert,
    );
}

/// CVE-2026-5446: a nonce was repeated. The null cipher's tag holds the nonce and identifies the
/// key.
#[test]
fn nonces_are_unique_also_across_key_updates() {
    let mut seen = HashSet::new();
    let mut connection = Connection::configured(Suite::Tls13, |config| config.key_limit = 20);
    let mut out = vec![0; 4096];
    for turn in 0..500 {
        if turn % 7 == 0 {
            connection.accept(DATA, b"data");
            connection.accept(HANDSHAKE, &key_update(1));
        }
        if turn % 11 == 0 {
            let _ = connection.layer.update_keys(true);
        }
        if turn == 499 {
            connection.layer.cancel().unwrap();
        }
        loop {
            let written = match connection.layer.poll_control(&mut out).unwrap() {
                0 if turn == 499 => break,
                0 => connection.layer.seal(&[&[7; 9][..turn % 10]], &mut out).unwrap().written,
                written => written,
            };
            assert!(seen.len() < 10_000, "control does not end");
            for record in split(&out[..written]) {
                assert!(seen.insert(record[record.len() - 16..].to_vec()), "a nonce is repeated");
            }
            if !connection.layer.has_control() {
                break;
            }
        }
    }
    println!("{} nonces", seen.len());
    assert!(seen.len() > 400);
}

/// CVE-2021-28165, CVE-2026-45416: the length in a header made the receiver wait or allocate.
#[test]
fn a_record_that_is_too_long_is_refused_by_its_header() {
    let edges = (16_380..16_400).chain(16_630..16_650).chain(18_425..18_440);
    for length in (0..=u16::MAX).step_by(101).chain(edges).chain([u16::MAX]) {
        for content_type in [DATA, HANDSHAKE, ALERT] {
            for mut connection in every_epoch() {
                let opened = connection.layer.open(&mut header(content_type, length.into()));
                match opened.map(|opened| opened.event) {
                    Ok(Event::NeedMore { total }) => assert!(total <= MAX_RECORD),
                    Ok(event) => assert_eq!((length, event), (0, Event::Nothing)),
                    Err(OpenError::Fault(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
}

/// CVE-2023-40217: data before the handshake was read as if it were protected.
#[test]
fn bytes_before_the_handshake_are_not_data() {
    for version in [None, Some(Version::Tls12), Some(Version::Tls13)] {
        for hello in [false, true] {
            let mut connection = fresh();
            if hello {
                connection.accept(HANDSHAKE, &message(1, b"hello"));
            }
            if let Some(version) = version {
                connection = connection.set_version(version);
            }
            connection.assert_refuses(
                &plaintext(DATA, b"GET /secret"),
                Fault::UnexpectedContentType,
                AlertDescription::UNEXPECTED_MESSAGE,
            );
        }
    }
}

/// ktls#78, mbedtls#8859: a close that could not be written was lost, or sent twice.
#[test]
fn a_shutdown_without_room_loses_no_alert_and_sends_it_once() {
    for mut connection in every_epoch() {
        for _ in 0..3 {
            connection.layer.close().unwrap();
            let Err(SealError::NoSpace { need }) = connection.layer.poll_control(&mut [0; 6])
            else {
                panic!("six bytes are too few");
            };
            assert!(need > 6 && connection.layer.has_control());
            assert_eq!(connection.layer.sealer().state(), WriteState::CloseQueued);
        }
        assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);
        assert_eq!(connection.layer.close(), Err(CloseError::AlreadyClosed));
        assert_eq!(connection.control(), []);
    }
}

/// ntex#899: the answer to a KeyUpdate waited for a write that never came.
#[test]
fn the_answer_to_a_key_update_is_sent_on_an_idle_connection() {
    let mut connection = tls13();
    assert!(!connection.layer.has_control());
    connection.accept(HANDSHAKE, &key_update(1));
    assert!(connection.layer.has_control());
    assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
}

/// rustls#3047, mbedtls#10878
#[test]
fn a_write_after_our_close_notify_is_an_error() {
    for suite in Suite::ALL {
        let mut connection = Connection::established(suite, Role::Client);
        connection.layer.close().unwrap();
        assert_eq!(connection.send(b"late"), Err(SealError::Closed));
        connection.control();
        assert_eq!(connection.send(b"late"), Err(SealError::Closed));
        let record = connection.peer.seal(DATA, b"still read");
        let (got, _) = open_all(|input| connection.layer.open(input), &record);
        assert_eq!(got, [Got::Data(b"still read".to_vec())]);
    }
}
