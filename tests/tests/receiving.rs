//! What arrives and what the engine answers. Which requirement each test is for, `conformance.md` says.

use tls_record::aead::Algorithm;
use tls_record::{
    AlertDescription, Config, ContentType, Epoch, Event, Fault, KeyError, OpenError, Opener,
    ReadEnd, Role, Sealer, TrafficSecret, Version, WriteEnd, close::ReadState, close::WriteState,
};
use tls_record_tests::Backend;
use tls_record_tests::records::{
    ALERT, CCS, CLOSE_NOTIFY, Connection, DATA, Got, HANDSHAKE, Suite, USER_CANCELED, header,
    key_update, message, plaintext,
};

/// One test a row: on this connection, what the closure returns is this fault, answered by this
/// alert.
macro_rules! refused {
    ($($name:ident: $connection:expr, $wire:expr => $fault:ident, $alert:ident;)*) => {$(
        #[test]
        fn $name() {
            let mut connection: Connection = $connection;
            let wire: fn(&mut Connection) -> Vec<u8> = $wire;
            let wire = wire(&mut connection);
            connection.assert_refuses(&wire, Fault::$fault, AlertDescription::$alert);
        }
    )*};
}

/// One test a row: on this connection, what the closure returns is accepted and means this.
macro_rules! accepted {
    ($($name:ident: $connection:expr, $wire:expr => $got:expr;)*) => {$(
        #[test]
        fn $name() {
            let mut connection: Connection = $connection;
            let wire: fn(&mut Connection) -> Vec<u8> = $wire;
            let wire = wire(&mut connection);
            assert_eq!(connection.receive(&wire), Ok(Vec::from($got)));
            assert_eq!(connection.layer.opener().state(), ReadState::Open);
            assert!(!connection.layer.has_control());
        }
    )*};
}

fn fresh() -> Connection {
    Connection::new(Config::new(Role::Server))
}

fn tls13() -> Connection {
    Connection::established(Suite::Tls13, Role::Client)
}

fn gcm() -> Connection {
    Connection::established(Suite::Tls12Gcm, Role::Client)
}

fn chacha() -> Connection {
    Connection::established(Suite::Tls12Chacha, Role::Client)
}

fn tls13_handshake() -> Connection {
    Connection::new(Config::new(Role::Server)).install(Epoch::Handshake, Suite::Tls13)
}

fn limited(suite: Suite, limit: u16) -> Connection {
    Connection::configured(suite, |config| config.record_size_limit = Some(limit))
}

/// How long the record is that this header announces, if the engine waits for it.
#[track_caller]
fn assert_waits(mut connection: Connection, header: Vec<u8>, length: usize) {
    let opened = connection.layer.open(&mut header.clone()).expect("a good header");
    assert_eq!(opened.event, Event::NeedMore { total: 5 + length });
}

mod sizes {
    use super::*;

    // "Before the body": the wire is the header alone.
    refused! {
        unprotected_over_2_14:
            fresh(), |_| header(HANDSHAKE, 16_385) => RecordOverflow, RECORD_OVERFLOW;
        unprotected_over_2_14_under_handshake_keys:
            tls13_handshake(), |_| header(CCS, 16_385) => RecordOverflow, RECORD_OVERFLOW;
        tls13_header_over_2_14_and_256:
            tls13(), |_| header(DATA, 16_641) => RecordOverflow, RECORD_OVERFLOW;
        tls13_handshake_header_over_2_14_and_256:
            tls13_handshake(), |_| header(DATA, 16_641) => RecordOverflow, RECORD_OVERFLOW;
        tls12_header_over_2_14_and_2048:
            gcm(), |_| header(DATA, 18_433) => RecordOverflow, RECORD_OVERFLOW;
        tls12_chacha_header_over_2_14_and_2048:
            chacha(), |_| header(HANDSHAKE, 18_433) => RecordOverflow, RECORD_OVERFLOW;
        // RFC 8449 section 4, RFC 6066 section 4
        tls13_header_over_our_limit:
            limited(Suite::Tls13, 64), |_| header(DATA, 64 + 17 + 1) => RecordOverflow, RECORD_OVERFLOW;
        tls12_gcm_header_over_our_limit:
            limited(Suite::Tls12Gcm, 64), |_| header(DATA, 64 + 24 + 1) => RecordOverflow, RECORD_OVERFLOW;
        tls12_chacha_header_over_our_limit:
            limited(Suite::Tls12Chacha, 64), |_| header(DATA, 64 + 16 + 1) => RecordOverflow, RECORD_OVERFLOW;

        // A limit of ours cannot widen that of the protocol.
        tls13_header_over_2_14_under_a_larger_limit:
            limited(Suite::Tls13, u16::MAX), |_| header(DATA, 16_385 + 17) => RecordOverflow, RECORD_OVERFLOW;
        tls12_gcm_plaintext_over_2_14_under_a_larger_limit:
            limited(Suite::Tls12Gcm, u16::MAX), |c| c.peer.seal(DATA, &[7; 16_385]) => RecordOverflow, RECORD_OVERFLOW;
        tls12_chacha_header_over_2_14_under_a_larger_limit:
            limited(Suite::Tls12Chacha, 16_385), |_| header(DATA, 16_385 + 16) => RecordOverflow, RECORD_OVERFLOW;

        tls13_inner_plaintext_over_2_14_and_1:
            tls13(), |c| c.peer.seal(DATA, &[7; 16_385]) => RecordOverflow, RECORD_OVERFLOW;
        tls13_inner_plaintext_over_2_14_and_1_by_padding:
            tls13(), |c| c.peer.seal_padded(DATA, &[7; 16_384], 1) => RecordOverflow, RECORD_OVERFLOW;
        tls13_inner_plaintext_of_nothing_but_padding_over_2_14_and_1:
            tls13(), |c| c.peer.seal_inner(&[0; 16_386]) => RecordOverflow, RECORD_OVERFLOW;
        tls13_inner_plaintext_over_our_limit:
            limited(Suite::Tls13, 64), |c| c.peer.seal(DATA, &[7; 64]) => RecordOverflow, RECORD_OVERFLOW;
        tls13_inner_plaintext_over_a_max_fragment_length_and_the_type:
            limited(Suite::Tls13, 512 + 1), |c| c.peer.seal(DATA, &[7; 513]) => RecordOverflow, RECORD_OVERFLOW;
        tls13_padding_over_our_limit:
            limited(Suite::Tls13, 64), |c| c.peer.seal_padded(DATA, &[7; 63], 1) => RecordOverflow, RECORD_OVERFLOW;
        tls12_gcm_plaintext_over_2_14:
            gcm(), |c| c.peer.seal(DATA, &[7; 16_385]) => RecordOverflow, RECORD_OVERFLOW;
        tls12_chacha_plaintext_over_2_14:
            chacha(), |c| c.peer.seal(DATA, &[7; 16_385]) => RecordOverflow, RECORD_OVERFLOW;
        tls12_gcm_plaintext_over_our_limit:
            limited(Suite::Tls12Gcm, 64), |c| c.peer.seal(DATA, &[7; 65]) => RecordOverflow, RECORD_OVERFLOW;
        tls12_chacha_plaintext_over_our_limit:
            limited(Suite::Tls12Chacha, 64), |c| c.peer.seal(DATA, &[7; 65]) => RecordOverflow, RECORD_OVERFLOW;
    }

    accepted! {
        unprotected_of_2_14:
            fresh(), |_| plaintext(HANDSHAKE, &message(1, &[7; 16_380])) => [Got::Message(1, 0, vec![7; 16_380])];
        unprotected_is_not_bound_by_our_limit: {
                let mut config = Config::new(Role::Server);
                config.record_size_limit = Some(64);
                Connection::new(config)
            }, |_| plaintext(HANDSHAKE, &message(1, &[7; 16_380])) => [Got::Message(1, 0, vec![7; 16_380])];
        tls13_of_2_14: tls13(), |c| c.peer.seal(DATA, &[7; 16_384]) => [Got::Data(vec![7; 16_384])];
        tls13_padded_to_2_14_and_1:
            tls13(), |c| c.peer.seal_padded(DATA, b"x", 16_383) => [Got::Data(b"x".to_vec())];
        tls13_of_our_limit:
            limited(Suite::Tls13, 64), |c| c.peer.seal(DATA, &[7; 63]) => [Got::Data(vec![7; 63])];
        tls13_padded_to_our_limit:
            limited(Suite::Tls13, 64), |c| c.peer.seal_padded(DATA, b"x", 62) => [Got::Data(b"x".to_vec())];
        // Peers count the content alone against a max_fragment_length of 512.
        tls13_of_a_max_fragment_length_and_the_type:
            limited(Suite::Tls13, 512 + 1), |c| c.peer.seal(DATA, &[7; 512]) => [Got::Data(vec![7; 512])];
        tls12_gcm_of_2_14: gcm(), |c| c.peer.seal(DATA, &[7; 16_384]) => [Got::Data(vec![7; 16_384])];
        tls12_chacha_of_2_14: chacha(), |c| c.peer.seal(DATA, &[7; 16_384]) => [Got::Data(vec![7; 16_384])];
        tls12_gcm_of_our_limit:
            limited(Suite::Tls12Gcm, 64), |c| c.peer.seal(DATA, &[7; 64]) => [Got::Data(vec![7; 64])];
        tls12_chacha_of_our_limit:
            limited(Suite::Tls12Chacha, 64), |c| c.peer.seal(DATA, &[7; 64]) => [Got::Data(vec![7; 64])];
    }

    #[test]
    fn headers_at_the_limit_are_waited_for() {
        assert_waits(fresh(), header(HANDSHAKE, 16_384), 16_384);
        assert_waits(tls13_handshake(), header(CCS, 16_384), 16_384);
        assert_waits(tls13(), header(DATA, 16_640), 16_640);
        assert_waits(gcm(), header(DATA, 18_432), 18_432);
        assert_waits(chacha(), header(ALERT, 18_432), 18_432);
        assert_waits(limited(Suite::Tls13, 64), header(DATA, 80), 80);
        assert_waits(limited(Suite::Tls12Gcm, 64), header(DATA, 88), 88);
        assert_waits(limited(Suite::Tls12Chacha, 64), header(DATA, 80), 80);
        assert_eq!(tls_record::MAX_RECORD, 5 + 18_432);
        assert_waits(limited(Suite::Tls13, 16_385), header(DATA, 16_385 + 16), 16_385 + 16);
        assert_waits(limited(Suite::Tls13, u16::MAX), header(DATA, 16_385 + 16), 16_385 + 16);
    }
}

mod any_padding {
    use super::*;

    // 9846 5.4: "from zero up to TLS record size limits".
    #[test]
    fn is_accepted_up_to_the_limit_and_not_over_it() {
        for content in 0..=63 {
            for padding in 0..=64 - content {
                let mut connection = limited(Suite::Tls13, 64);
                let content = vec![7; content];
                let record = connection.peer.seal_padded(DATA, &content, padding);
                if content.len() + 1 + padding > 64 {
                    connection.assert_refuses(
                        &record,
                        Fault::RecordOverflow,
                        AlertDescription::RECORD_OVERFLOW,
                    );
                    continue;
                }
                let got = if content.is_empty() { Got::Nothing } else { Got::Data(content) };
                assert_eq!(connection.receive(&record), Ok(vec![got]));
            }
        }
    }
}

mod protection {
    use super::*;

    refused! {
        bad_tag_tls13: tls13(), |c| c.peer.forge(DATA, b"data") => BadRecordMac, BAD_RECORD_MAC;
        bad_tag_tls13_handshake_keys: tls13_handshake(), |c| c.peer.forge(HANDSHAKE, b"data") => BadRecordMac, BAD_RECORD_MAC;
        bad_tag_tls12_gcm: gcm(), |c| c.peer.forge(DATA, b"data") => BadRecordMac, BAD_RECORD_MAC;
        bad_tag_tls12_chacha: chacha(), |c| c.peer.forge(DATA, b"data") => BadRecordMac, BAD_RECORD_MAC;
        replayed: tls13(), |c| {
            let record = c.peer.seal(DATA, b"data");
            assert_eq!(c.receive(&record), Ok(vec![Got::Data(b"data".to_vec())]));
            record
        } => BadRecordMac, BAD_RECORD_MAC;
        one_lost: gcm(), |c| {
            let _lost = c.peer.seal(DATA, b"lost");
            let mut record = c.peer.seal(DATA, b"data");
            record[12] = 9; // The nonce fits, the sequence number in it does not.
            record
        } => BadRecordMac, BAD_RECORD_MAC;

        inner_plaintext_empty: tls13(), |c| c.peer.seal_inner(&[]) => NoContentType, UNEXPECTED_MESSAGE;
        inner_plaintext_of_one_zero: tls13(), |c| c.peer.seal_inner(&[0]) => NoContentType, UNEXPECTED_MESSAGE;
        inner_plaintext_of_zeros: tls13_handshake(), |c| c.peer.seal_inner(&[0; 100]) => NoContentType, UNEXPECTED_MESSAGE;

        plaintext_close_notify_under_application_keys:
            tls13(), |_| plaintext(ALERT, &CLOSE_NOTIFY) => UnexpectedContentType, UNEXPECTED_MESSAGE;
        plaintext_error_alert_under_application_keys:
            tls13(), |_| plaintext(ALERT, &[2, 40]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
        plaintext_close_notify_under_handshake_keys:
            tls13_handshake(), |_| plaintext(ALERT, &CLOSE_NOTIFY) => UnexpectedContentType, UNEXPECTED_MESSAGE;
        plaintext_user_canceled_under_handshake_keys:
            tls13_handshake(), |_| plaintext(ALERT, &USER_CANCELED) => UnexpectedContentType, UNEXPECTED_MESSAGE;
        plaintext_error_alert_after_a_protected_record:
            tls13_handshake(), |c| {
                c.accept(HANDSHAKE, &message(11, b"certificate"));
                plaintext(ALERT, &[2, 40])
            } => UnexpectedContentType, UNEXPECTED_MESSAGE;
        plaintext_handshake_under_handshake_keys:
            tls13_handshake(), |_| plaintext(HANDSHAKE, &message(11, b"")) => UnexpectedContentType, UNEXPECTED_MESSAGE;

        application_data_before_keys:
            fresh(), |_| plaintext(DATA, b"data") => UnexpectedContentType, UNEXPECTED_MESSAGE;
        application_data_before_keys_empty:
            fresh().set_version(Version::Tls13), |_| plaintext(DATA, b"") => UnexpectedContentType, UNEXPECTED_MESSAGE;
        application_data_before_keys_of_a_known_version:
            fresh().set_version(Version::Tls12), |_| plaintext(DATA, b"data") => UnexpectedContentType, UNEXPECTED_MESSAGE;
        application_data_under_handshake_keys:
            tls13_handshake(), |c| c.peer.seal(DATA, b"data") => UnexpectedContentType, UNEXPECTED_MESSAGE;
        application_data_under_tls12_keys_before_finished:
            fresh().install(Epoch::Handshake, Suite::Tls12Gcm), |c| c.peer.seal(DATA, b"data") => UnexpectedContentType, UNEXPECTED_MESSAGE;

        tls12_version_0x0302: gcm(), |_| vec![23, 3, 2, 0, 40] => RecordVersion, PROTOCOL_VERSION;
        tls12_version_0x0304: gcm(), |_| vec![21, 3, 4, 0, 26] => RecordVersion, PROTOCOL_VERSION;
        tls12_version_0x0000: chacha(), |_| vec![22, 0, 0, 0, 40] => RecordVersion, PROTOCOL_VERSION;
    }

    #[test]
    fn records_too_short_for_their_protection() {
        for (suite, shortest) in
            [(Suite::Tls13, 16), (Suite::Tls12Gcm, 24), (Suite::Tls12Chacha, 16)]
        {
            for length in 0..shortest {
                for content_type in [DATA, ALERT, HANDSHAKE] {
                    if suite == Suite::Tls13 && content_type != DATA {
                        continue;
                    }
                    let record = plaintext(content_type, &vec![0; length]);
                    Connection::established(suite, Role::Client).assert_refuses(
                        &record,
                        Fault::BadRecordMac,
                        AlertDescription::BAD_RECORD_MAC,
                    );
                }
            }
        }
    }

    // 9846 5.2, 5246 6.2.3.3: every bit of a record is protected, and all failures are one.
    #[test]
    fn every_bit_counts() {
        let secrets: [fn(Algorithm) -> TrafficSecret<Backend>; 2] = [
            |suite| TrafficSecret::tls13(suite, &vec![7; suite.secret_len()]).unwrap(),
            |suite| TrafficSecret::tls12(suite, &vec![7; suite.key_len()], &[7; 12]).unwrap(),
        ];
        let mut bits = 0;
        for suite in [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::Chacha20Poly1305] {
            for secret in secrets {
                let mut sealer = Sealer::new(Config::new(Role::Client));
                sealer.install(Epoch::Application, secret(suite), 0).unwrap();
                let mut out = [0; 64];
                let written = sealer.seal(&[b"data"], &mut out).unwrap().written;
                let record = &out[..written];
                let open = |record: &mut [u8]| {
                    let mut opener = Opener::new(Config::new(Role::Server));
                    opener.install(Epoch::Application, secret(suite), 0).unwrap();
                    opener.open(record).map(|opened| opened.event)
                };
                for bit in 5 * 8..written * 8 {
                    let mut record = record.to_vec();
                    record[bit / 8] ^= 1 << (bit % 8);
                    assert_eq!(open(&mut record), Err(OpenError::Fault(Fault::BadRecordMac)));
                    bits += 1;
                }
                let mut record = record.to_vec();
                assert!(matches!(open(&mut record.clone()), Ok(Event::ApplicationData(_))));
                // The additional data: the version in TLS 1.3 (as received), the type in TLS 1.2.
                let at = if sealer.headroom() + 4 + 17 == written { 1 } else { 0 };
                record[at] ^= if at == 0 { 23 ^ 22 } else { 4 };
                assert!(open(&mut record).is_err());
            }
        }
        println!("{bits} bits");
        assert!(bits > 1000);
    }

    #[test]
    fn inner_types_other_than_three() {
        for inner in (1..=255).filter(|inner| !(21..=23).contains(inner)) {
            for mut connection in [tls13(), tls13_handshake()] {
                let record = connection.peer.seal(ContentType(inner), &[1]);
                connection.assert_refuses(
                    &record,
                    Fault::UnexpectedContentType,
                    AlertDescription::UNEXPECTED_MESSAGE,
                );
            }
        }
    }

    #[test]
    fn outer_types_other_than_one_under_tls13_application_keys() {
        for outer in (0..=255).filter(|&outer| outer != 23) {
            let header = header(ContentType(outer), 2);
            tls13().assert_refuses(
                &header,
                Fault::UnexpectedContentType,
                AlertDescription::UNEXPECTED_MESSAGE,
            );
        }
    }

    #[test]
    fn unknown_content_types() {
        for outer in (0..=255).filter(|outer| !(21..=23).contains(outer)) {
            for connection in [gcm(), chacha(), fresh()] {
                let header = header(ContentType(outer), 30);
                connection.assert_refuses(
                    &header,
                    Fault::UnexpectedContentType,
                    AlertDescription::UNEXPECTED_MESSAGE,
                );
            }
        }
    }

    // A client that cannot read our flight has no keys to say so.
    #[test]
    fn a_plaintext_error_alert_is_the_failure_of_a_peer_without_keys() {
        for level in [1, 2] {
            let mut connection = tls13_handshake();
            let error = OpenError::PeerAlert(AlertDescription::HANDSHAKE_FAILURE);
            assert_eq!(connection.receive(&plaintext(ALERT, &[level, 40])), Err(error));
            assert_eq!(connection.control(), []);
            assert_eq!(connection.layer.end().write, WriteEnd::Failed);
        }
    }

    // 9846 5.1: legacy_record_version "MUST be ignored for all purposes".
    #[test]
    fn tls13_ignores_the_version_of_records() {
        for version in [0x0000_u16, 0x0300, 0x0301, 0x0304, 0x4745, 0xffff] {
            let [major, minor] = version.to_be_bytes();
            let with_version = |mut record: Vec<u8>| {
                record[1..3].copy_from_slice(&[major, minor]);
                record
            };
            let mut connection = tls13();
            let record = with_version(connection.peer.seal(DATA, b"data"));
            assert_eq!(connection.receive(&record), Ok(vec![Got::Data(b"data".to_vec())]));
            let record = with_version(plaintext(HANDSHAKE, &message(1, b"hello")));
            assert_eq!(fresh().receive(&record), Ok(vec![Got::Message(1, 0, b"hello".to_vec())]));
        }
    }

    #[test]
    fn what_is_no_tls_is_not_answered() {
        let sslv2_hello = [0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0];
        let sslv2_long = [0xff, 0xff, 1, 0, 2];
        for first in [
            &sslv2_hello[..],
            &sslv2_long,
            b"GET / HTTP/1.1\r\n",
            b"POST / HTTP/1.0",
            b"PUT / HTTP/1.1",
            b"HEAD / HTTP/1.1",
            b"DELETE / HTTP/1.1",
            b"OPTIONS * HTTP/1.1",
            b"CONNECT example.org:443 HTTP/1.1",
            b"PATCH / HTTP/1.1",
            b"TRACE / HTTP/1.1",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"HTTP/1.1 400",
        ] {
            for role in [Role::Client, Role::Server] {
                let mut connection = Connection::new(Config::new(role));
                let error = Err(OpenError::Fault(Fault::NotTls));
                assert_eq!(connection.receive(first), error);
                assert_eq!(connection.receive(&plaintext(HANDSHAKE, &message(1, b""))), error);
                assert_eq!(connection.control(), []);
                assert_eq!(connection.layer.end().read, ReadEnd::Fault(Fault::NotTls));
                assert_eq!(connection.layer.end().write, WriteEnd::Failed);
            }
        }
    }

    #[test]
    fn what_resembles_no_tls_is_answered() {
        for first in [
            &b"get / HTTP/1.1"[..],
            b"GET\t/",
            b"A8000",
            &[0x80, 0x2e, 2, 3, 1],
            &[0x40, 0, 1, 0, 2],
        ] {
            fresh().assert_refuses(
                first,
                Fault::UnexpectedContentType,
                AlertDescription::UNEXPECTED_MESSAGE,
            );
        }
        // A length in letters.
        let opened = fresh().layer.open(&mut [22, 3, 1, b' ', b'A']).unwrap();
        assert_eq!(opened.event, Event::NeedMore { total: 5 + 0x2041 });
    }

    // "As the first bytes": what comes later is a record of a peer that did speak TLS.
    #[test]
    fn what_is_no_tls_after_a_record_is_answered() {
        let mut connection = fresh();
        connection.accept(HANDSHAKE, &message(1, b"ClientHello"));
        connection.assert_refuses(
            b"GET / HTTP/1.1\r\n",
            Fault::UnexpectedContentType,
            AlertDescription::UNEXPECTED_MESSAGE,
        );
    }
}

mod alerts {
    use super::*;

    refused! {
        empty_tls13: tls13(), |c| c.peer.seal(ALERT, &[]) => EmptyAlert, UNEXPECTED_MESSAGE;
        empty_and_padded_tls13: tls13(), |c| c.peer.seal_padded(ALERT, &[], 9) => EmptyAlert, UNEXPECTED_MESSAGE;
        empty_tls13_handshake: tls13_handshake(), |c| c.peer.seal(ALERT, &[]) => EmptyAlert, UNEXPECTED_MESSAGE;
        empty_tls12: gcm(), |c| c.peer.seal(ALERT, &[]) => EmptyAlert, UNEXPECTED_MESSAGE;
        empty_unprotected: fresh(), |c| c.peer.seal(ALERT, &[]) => EmptyAlert, UNEXPECTED_MESSAGE;
        half_tls13: tls13(), |c| c.peer.seal(ALERT, &[1]) => AlertLength, DECODE_ERROR;
        half_and_padded_tls13: tls13(), |c| c.peer.seal_padded(ALERT, &[2], 1) => AlertLength, DECODE_ERROR;
        // 5246 6.2.1 would allow a fragment.
        half_tls12: chacha(), |c| c.peer.seal(ALERT, &[1]) => AlertLength, DECODE_ERROR;
        half_unprotected: fresh(), |c| c.peer.seal(ALERT, &[2]) => AlertLength, DECODE_ERROR;
        one_and_a_half_tls13: tls13(), |c| c.peer.seal(ALERT, &[1, 0, 2]) => AlertLength, DECODE_ERROR;
        two_tls13: tls13(), |c| c.peer.seal(ALERT, &[1, 90, 1, 0]) => AlertLength, DECODE_ERROR;
        two_tls12: gcm(), |c| c.peer.seal(ALERT, &[1, 90, 1, 0]) => AlertLength, DECODE_ERROR;
        two_unprotected: fresh(), |c| c.peer.seal(ALERT, &[1, 90, 1, 0]) => AlertLength, DECODE_ERROR;
        a_record_full_of_them: tls13(), |c| c.peer.seal(ALERT, &[0; 16_384]) => AlertLength, DECODE_ERROR;
    }

    #[test]
    fn the_end_says_how_early_the_peer_closed() {
        for (mut connection, epoch) in [
            (fresh(), Epoch::Plaintext),
            (fresh().install(Epoch::EarlyData, Suite::Tls13), Epoch::EarlyData),
            (tls13_handshake(), Epoch::Handshake),
            (fresh().install(Epoch::Handshake, Suite::Tls12Gcm), Epoch::Handshake),
            (tls13(), Epoch::Application),
            (gcm(), Epoch::Application),
        ] {
            assert_eq!(connection.accept(ALERT, &CLOSE_NOTIFY), [Got::Closed]);
            assert_eq!(connection.layer.end().read, ReadEnd::Closed { epoch });
            assert_eq!(connection.layer.eof(), ReadEnd::Closed { epoch });
        }
    }

    // 9846 6.1: "Receiving implementations SHOULD continue to read data from the peer until a
    // close_notify is received".
    #[test]
    fn reading_goes_on_after_user_canceled() {
        for level in [0, 1, 2, 255] {
            let mut connection = tls13();
            let warning = Got::Warning(AlertDescription::USER_CANCELED);
            assert_eq!(connection.accept(ALERT, &[level, 90]), [warning]);
            assert_eq!(connection.accept(DATA, b"last"), [Got::Data(b"last".to_vec())]);
            assert_eq!(connection.accept(ALERT, &[level, 0]), [Got::Closed]);
        }
    }

    // 9846 6.1: "Any data received after a closure alert has been received MUST be ignored."
    #[test]
    fn what_follows_a_close_notify_is_not_looked_at() {
        for suite in Suite::ALL {
            let mut connection = Connection::established(suite, Role::Client);
            connection.accept(ALERT, &CLOSE_NOTIFY);
            let sequence = connection.layer.opener().sequence();
            let data = connection.peer.seal(DATA, b"data");
            let error = connection.peer.seal(ALERT, &[2, 40]);
            for wire in
                [data, error, b"GET / HTTP/1.1".to_vec(), header(DATA, 65_535), vec![1], vec![]]
            {
                let mut input = wire.clone();
                let opened = connection.layer.open(&mut input).expect("no error");
                assert_eq!((opened.consumed, opened.event), (wire.len(), Event::Closed));
                assert_eq!(input, wire);
            }
            assert_eq!(connection.layer.opener().sequence(), sequence);
            assert_eq!(connection.layer.end().read, ReadEnd::Closed { epoch: Epoch::Application });
        }
    }

    #[test]
    fn the_peers_error_alert_is_not_answered_and_takes_everything_with_it() {
        for suite in Suite::ALL {
            let mut connection = Connection::established(suite, Role::Server);
            if suite == Suite::Tls13 {
                connection.layer.update_keys(true).unwrap();
            } else {
                connection.halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
            }
            let record = connection.peer.seal(ALERT, &[2, 80]);
            let error = Err(OpenError::PeerAlert(AlertDescription::INTERNAL_ERROR));
            assert_eq!(connection.receive(&record), error);
            assert_eq!(connection.receive(&record), error);
            let (opener, sealer) = (connection.layer.opener(), connection.layer.sealer());
            assert_eq!((opener.sequence(), sealer.sequence()), (None, None));
            assert_eq!((opener.state(), sealer.state()), (ReadState::Failed, WriteState::Failed));
            assert_eq!(connection.control(), []);
            let end = connection.layer.end();
            assert_eq!(end.read, ReadEnd::PeerAlert(AlertDescription::INTERNAL_ERROR));
            assert_eq!(end.write, WriteEnd::Failed);
        }
    }
}

mod handshake {
    use super::*;

    /// The first half of a ticket has arrived.
    fn amid_a_ticket(suite: Suite) -> Connection {
        let mut connection = Connection::established(suite, Role::Client);
        let ticket = if suite == Suite::Tls13 { 4 } else { 0 };
        connection.accept(HANDSHAKE, &message(ticket, b"ticket")[..7]);
        connection
    }

    /// The first half of a Certificate has arrived.
    fn amid_a_certificate() -> Connection {
        let mut connection = tls13_handshake();
        connection.accept(HANDSHAKE, &message(11, b"certificate")[..2]);
        connection
    }

    refused! {
        empty_tls13: tls13(), |c| c.peer.seal(HANDSHAKE, &[]) => EmptyHandshakeRecord, UNEXPECTED_MESSAGE;
        empty_and_padded_tls13: tls13(), |c| c.peer.seal_padded(HANDSHAKE, &[], 99) => EmptyHandshakeRecord, UNEXPECTED_MESSAGE;
        empty_under_handshake_keys: tls13_handshake(), |c| c.peer.seal(HANDSHAKE, &[]) => EmptyHandshakeRecord, UNEXPECTED_MESSAGE;
        empty_tls12: gcm(), |c| c.peer.seal(HANDSHAKE, &[]) => EmptyHandshakeRecord, UNEXPECTED_MESSAGE;
        empty_unprotected: fresh(), |c| c.peer.seal(HANDSHAKE, &[]) => EmptyHandshakeRecord, UNEXPECTED_MESSAGE;
        empty_amid_a_message: amid_a_ticket(Suite::Tls13), |c| c.peer.seal(HANDSHAKE, &[]) => EmptyHandshakeRecord, UNEXPECTED_MESSAGE;

        // 9846 5.1: "there MUST NOT be any other records between them".
        data_amid_a_message: amid_a_ticket(Suite::Tls13), |c| c.peer.seal(DATA, b"data") => Interleaved, UNEXPECTED_MESSAGE;
        empty_data_amid_a_message: amid_a_ticket(Suite::Tls13), |c| c.peer.seal(DATA, b"") => Interleaved, UNEXPECTED_MESSAGE;
        padding_amid_a_message: amid_a_ticket(Suite::Tls13), |c| c.peer.seal_padded(DATA, b"", 9) => Interleaved, UNEXPECTED_MESSAGE;
        close_notify_amid_a_message: amid_a_ticket(Suite::Tls13), |c| c.peer.seal(ALERT, &CLOSE_NOTIFY) => Interleaved, UNEXPECTED_MESSAGE;
        user_canceled_amid_a_message: amid_a_ticket(Suite::Tls13), |c| c.peer.seal(ALERT, &USER_CANCELED) => Interleaved, UNEXPECTED_MESSAGE;
        close_notify_amid_a_header: amid_a_certificate(), |c| c.peer.seal(ALERT, &CLOSE_NOTIFY) => Interleaved, UNEXPECTED_MESSAGE;
        ccs_amid_a_header: amid_a_certificate(), |_| plaintext(CCS, &[1]) => Interleaved, UNEXPECTED_MESSAGE;
        ccs_amid_a_client_hello: fresh().set_version(Version::Tls13), |c| {
            c.accept(HANDSHAKE, &message(1, b"ClientHello")[..9]);
            plaintext(CCS, &[1])
        } => Interleaved, UNEXPECTED_MESSAGE;
        close_notify_amid_a_client_hello: fresh(), |c| {
            c.accept(HANDSHAKE, &message(1, b"ClientHello")[..9]);
            plaintext(ALERT, &CLOSE_NOTIFY)
        } => Interleaved, UNEXPECTED_MESSAGE;

        // 9846 4.7.3
        key_update_before_keys: fresh(), |c| c.peer.seal(HANDSHAKE, &key_update(0)) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        key_update_under_early_keys: fresh().install(Epoch::EarlyData, Suite::Tls13), |c| c.peer.seal(HANDSHAKE, &key_update(0)) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        key_update_before_finished: tls13_handshake(), |c| c.peer.seal(HANDSHAKE, &key_update(1)) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        key_update_behind_finished: tls13_handshake(), |c| c.peer.seal(HANDSHAKE, &[message(20, b"verify"), key_update(0)].concat()) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        key_update_tls12: gcm(), |c| c.peer.seal(HANDSHAKE, &key_update(0)) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        key_update_tls12_server: Connection::established(Suite::Tls12Chacha, Role::Server), |c| c.peer.seal(HANDSHAKE, &key_update(0)) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        key_update_tls12_before_finished: fresh().install(Epoch::Handshake, Suite::Tls12Gcm), |c| c.peer.seal(HANDSHAKE, &key_update(0)) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        key_update_of_length_0: tls13(), |c| c.peer.seal(HANDSHAKE, &message(24, &[])) => KeyUpdateLength, DECODE_ERROR;
        key_update_of_length_2: tls13(), |c| c.peer.seal(HANDSHAKE, &message(24, &[0, 0])) => KeyUpdateLength, DECODE_ERROR;
        key_update_of_length_2_24_by_its_header: tls13(), |c| c.peer.seal(HANDSHAKE, &[24, 255, 255, 255]) => KeyUpdateLength, DECODE_ERROR;
        key_update_behind_a_key_update: tls13(), |c| c.peer.seal(HANDSHAKE, &[key_update(0), key_update(0)].concat()) => SpansKeyChange, UNEXPECTED_MESSAGE;
        a_byte_behind_a_key_update: tls13(), |c| c.peer.seal(HANDSHAKE, &[&key_update(1)[..], &[4]].concat()) => SpansKeyChange, UNEXPECTED_MESSAGE;

        // 9846 4.7; which other types are refused is a test of its own.
        ticket_to_a_server: Connection::established(Suite::Tls13, Role::Server), |c| c.peer.seal(HANDSHAKE, &message(4, b"ticket")) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        client_hello_tls13: Connection::established(Suite::Tls13, Role::Server), |c| c.peer.seal(HANDSHAKE, &message(1, b"hello")) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        certificate_request_not_offered_for: tls13(), |c| c.peer.seal(HANDSHAKE, &message(13, b"?")) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        a_bad_message_behind_a_ticket: tls13(), |c| c.peer.seal(HANDSHAKE, &[message(4, b"ticket"), message(5, b"")].concat()) => UnexpectedHandshake, UNEXPECTED_MESSAGE;

        message_longer_than_the_limit_by_its_header: tls13(), |c| c.peer.seal(HANDSHAKE, &[4, 1, 0, 0]) => HandshakeTooLong, ILLEGAL_PARAMETER;
        message_longer_than_the_limit_before_keys: fresh(), |c| c.peer.seal(HANDSHAKE, &[1, 1, 0, 0]) => HandshakeTooLong, ILLEGAL_PARAMETER;
        message_longer_than_a_limit_of_ours:
            Connection::configured(Suite::Tls13, |config| config.limits.handshake_message = 5),
            |c| c.peer.seal(HANDSHAKE, &message(4, b"ticket")) => HandshakeTooLong, ILLEGAL_PARAMETER;

        // In the wrong direction.
        hello_request_to_a_server: Connection::established(Suite::Tls12Gcm, Role::Server), |c| c.peer.seal(HANDSHAKE, &message(0, b"")) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        client_hello_to_a_client: gcm(), |c| c.peer.seal(HANDSHAKE, &message(1, b"hello")) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        server_hello_established: gcm(), |c| c.peer.seal(HANDSHAKE, &message(2, b"hello")) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
    }

    accepted! {
        a_key_update_without_a_request: tls13(), |c| c.peer.seal(HANDSHAKE, &key_update(0)) => [Got::KeyUpdate(false)];
        a_ticket_and_a_key_update_in_one_record: tls13(), |c| c.peer.seal(HANDSHAKE, &[message(4, b"ticket"), key_update(0)].concat())
            => [Got::Message(4, 0, b"ticket".to_vec()), Got::KeyUpdate(false)];
        a_message_of_the_limit: tls13(), |c| {
            c.accept(HANDSHAKE, &message(4, b"another"));
            c.peer.seal(HANDSHAKE, &[4, 0, 255, 255, 7])
        } => [Got::Message(4, 0, vec![7])];
        messages_of_no_length: tls13_handshake(), |c| c.peer.seal(HANDSHAKE, &[message(8, b""), message(8, b"")].concat())
            => [Got::Message(8, 0, vec![]), Got::Message(8, 0, vec![])];
        post_handshake_authentication:
            Connection::configured(Suite::Tls13, |config| config.post_handshake_auth = true),
            |c| c.peer.seal(HANDSHAKE, &message(13, b"?")) => [Got::Message(13, 0, b"?".to_vec())];
        // 5246 6.2.1 lets other records come between the fragments of a message.
        tls12_data_amid_a_message: amid_a_ticket(Suite::Tls12Gcm), |c| c.peer.seal(DATA, b"data") => [Got::Data(b"data".to_vec())];
    }

    #[test]
    fn an_error_alert_amid_a_message_is_taken_first() {
        for (mut connection, level) in [(amid_a_ticket(Suite::Tls13), 1), (amid_a_certificate(), 2)]
        {
            let record = connection.peer.seal(ALERT, &[level, 51]);
            let error = OpenError::PeerAlert(AlertDescription::DECRYPT_ERROR);
            assert_eq!(connection.receive(&record), Err(error));
        }
    }

    // 9846 4.7.3: "If an implementation receives any other value, it MUST terminate the connection
    // with an illegal_parameter alert."
    #[test]
    fn key_updates_of_other_values() {
        for value in 2..=255 {
            let mut connection = tls13();
            let record = connection.peer.seal(HANDSHAKE, &key_update(value));
            connection.assert_refuses(
                &record,
                Fault::KeyUpdateValue,
                AlertDescription::ILLEGAL_PARAMETER,
            );
        }
    }

    #[test]
    fn a_key_update_split_over_records() {
        for at in 1..5 {
            let mut connection = tls13();
            let (front, back) = (&key_update(0)[..at], &key_update(0)[at..]);
            assert_eq!(connection.accept(HANDSHAKE, front), [Got::Nothing]);
            assert_eq!(connection.accept(HANDSHAKE, back), [Got::KeyUpdate(false)]);
            assert_eq!(connection.accept(DATA, b"new keys"), [Got::Data(b"new keys".to_vec())]);
        }
    }

    // 9846 4.7.3: "both sides MUST enforce that a KeyUpdate with the old key is received before
    // accepting any messages encrypted with the new key".
    #[test]
    fn new_keys_come_with_the_key_update_and_old_ones_go() {
        let connection = tls13();
        let mut new_keys = connection.peer.clone();
        new_keys.update();
        connection.assert_refuses(
            &new_keys.seal(DATA, b"new"),
            Fault::BadRecordMac,
            AlertDescription::BAD_RECORD_MAC,
        );

        let mut connection = tls13();
        let mut old_keys = connection.peer.clone();
        connection.accept(HANDSHAKE, &key_update(0));
        assert_eq!(connection.layer.opener().sequence(), Some(0));
        old_keys.sequence = 0;
        connection.assert_refuses(
            &old_keys.seal(DATA, b"old"),
            Fault::BadRecordMac,
            AlertDescription::BAD_RECORD_MAC,
        );
    }

    // 9846 4.7.3: the number of key updates is for the sender to keep: "receiving implementations MUST
    // NOT enforce this rule". More of them than 16 bits can count.
    #[test]
    fn any_number_of_key_updates_is_received() {
        let mut connection = tls13();
        for count in 0..=1 << 16 {
            if count % 32 == 0 {
                connection.accept(DATA, b"restores the budget");
            }
            connection.accept(HANDSHAKE, &key_update(0));
        }
        assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
    }

    // 9846 4.7, 5246 7.4.1.1
    #[test]
    fn which_messages_come_after_the_handshake() {
        for message_type in 0..=255 {
            for (suite, role, post_handshake_auth, permitted) in [
                (Suite::Tls13, Role::Client, false, &[4, 24][..]),
                (Suite::Tls13, Role::Client, true, &[4, 13, 24]),
                (Suite::Tls13, Role::Server, false, &[24]),
                (Suite::Tls13, Role::Server, true, &[11, 15, 20, 24]),
                (Suite::Tls12Gcm, Role::Client, true, &[0]),
                (Suite::Tls12Gcm, Role::Server, true, &[1]),
            ] {
                let mut connection = Connection::configured(suite, |config| {
                    (config.role, config.post_handshake_auth) = (role, post_handshake_auth);
                });
                let record = connection.peer.seal(HANDSHAKE, &message(message_type, &[0]));
                if permitted.contains(&message_type) {
                    let got = connection.receive(&record).expect("permitted");
                    let piece = match message_type {
                        24 => Got::KeyUpdate(false),
                        _ => Got::Message(message_type, 0, vec![0]),
                    };
                    assert_eq!(got, [piece]);
                } else {
                    connection.assert_refuses(
                        &record,
                        Fault::UnexpectedHandshake,
                        AlertDescription::UNEXPECTED_MESSAGE,
                    );
                }
            }
        }
    }

    #[test]
    fn a_long_message_comes_in_pieces_with_their_places() {
        let mut connection = tls13();
        let ticket = message(4, b"0123456789");
        let mut got = Vec::new();
        for piece in [&ticket[..3], &ticket[3..4], &ticket[4..5], &ticket[5..11], &ticket[11..]] {
            got.extend(connection.accept(HANDSHAKE, piece));
        }
        let piece = |offset, piece: &[u8]| Got::Message(4, offset, piece.to_vec());
        let pieces = [piece(0, b"0"), piece(1, b"123456"), piece(7, b"789")];
        assert_eq!(got[..2], [Got::Nothing, Got::Nothing]);
        assert_eq!(got[2..], pieces);
        assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
    }

    #[test]
    fn a_request_to_renegotiate_is_refused_by_a_warning_and_the_connection_goes_on() {
        for (role, request) in
            [(Role::Client, message(0, b"")), (Role::Server, message(1, b"hello"))]
        {
            let mut connection = Connection::established(Suite::Tls12Gcm, role);
            let got = connection.accept(HANDSHAKE, &request);
            assert_eq!(got, [Got::Message(request[0], 0, request[4..].to_vec())]);
            connection.halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
            assert_eq!(connection.control(), [(ALERT, vec![1, 100])]);
            assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
            assert_eq!(connection.send(b"data"), Ok(vec![b"data".to_vec()]));
        }
    }
}

mod change_cipher_spec {
    use super::*;

    refused! {
        of_no_byte: tls13_handshake(), |_| plaintext(CCS, &[]) => BadChangeCipherSpec, UNEXPECTED_MESSAGE;
        of_another_byte: tls13_handshake(), |_| plaintext(CCS, &[0]) => BadChangeCipherSpec, UNEXPECTED_MESSAGE;
        of_two_bytes: tls13_handshake(), |_| plaintext(CCS, &[1, 1]) => BadChangeCipherSpec, UNEXPECTED_MESSAGE;
        of_another_byte_before_keys: fresh().set_version(Version::Tls13), |_| plaintext(CCS, &[2]) => BadChangeCipherSpec, UNEXPECTED_MESSAGE;
        of_another_byte_tls12: fresh().set_version(Version::Tls12), |_| plaintext(CCS, &[2]) => BadChangeCipherSpec, UNEXPECTED_MESSAGE;
        protected_under_handshake_keys: tls13_handshake(), |c| c.peer.seal(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
        protected_under_application_keys: tls13(), |c| c.peer.seal(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
        before_the_client_hello: fresh(), |_| plaintext(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
        after_finished: tls13(), |_| plaintext(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
        after_finished_tls12: gcm(), |c| c.peer.seal(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
        under_tls12_keys_before_finished: fresh().install(Epoch::Handshake, Suite::Tls12Gcm), |c| c.peer.seal(CCS, &[1]) => UnexpectedContentType, UNEXPECTED_MESSAGE;
        amid_a_message_tls12: fresh().set_version(Version::Tls12), |c| {
            c.accept(HANDSHAKE, &message(16, b"key exchange")[..6]);
            plaintext(CCS, &[1])
        } => SpansKeyChange, UNEXPECTED_MESSAGE;
        // CVE-2014-0224: what follows it is under keys, or it is nothing.
        then_plaintext_tls12: fresh().set_version(Version::Tls12), |c| {
            assert_eq!(c.accept(CCS, &[1]), [Got::ChangeCipherSpec]);
            plaintext(HANDSHAKE, &message(20, b"verify data"))
        } => UnexpectedContentType, UNEXPECTED_MESSAGE;
        twice_tls12: fresh().set_version(Version::Tls12), |c| {
            assert_eq!(c.accept(CCS, &[1]), [Got::ChangeCipherSpec]);
            plaintext(CCS, &[1])
        } => UnexpectedContentType, UNEXPECTED_MESSAGE;
    }

    accepted! {
        dropped_by_a_client_that_waits_for_the_server_hello: Connection::new(Config::new(Role::Client)), |_| plaintext(CCS, &[1]) => [Got::Nothing];
        dropped_before_keys: fresh().set_version(Version::Tls13), |_| plaintext(CCS, &[1]) => [Got::Nothing];
        dropped_under_early_keys: fresh().install(Epoch::EarlyData, Suite::Tls13), |_| plaintext(CCS, &[1]) => [Got::Nothing];
        dropped_under_handshake_keys: tls13_handshake(), |_| plaintext(CCS, &[1]) => [Got::Nothing];
        dropped_between_protected_records: tls13_handshake(), |c| {
            c.accept(HANDSHAKE, &message(11, b"certificate"));
            [plaintext(CCS, &[1]), c.peer.seal(HANDSHAKE, &message(20, b"verify"))].concat()
        } => [Got::Nothing, Got::Message(20, 0, b"verify".to_vec())];
        announces_keys_in_tls12: fresh().set_version(Version::Tls12), |_| plaintext(CCS, &[1]) => [Got::ChangeCipherSpec];
    }

    #[test]
    fn tls12_keys_follow_it() {
        let mut connection = fresh().set_version(Version::Tls12);
        connection.accept(CCS, &[1]);
        let mut connection = connection.install(Epoch::Handshake, Suite::Tls12Gcm);
        let finished = connection.accept(HANDSHAKE, &message(20, b"verify data"));
        assert_eq!(finished, [Got::Message(20, 0, b"verify data".to_vec())]);
        connection.halves(|opener, _| opener.establish()).unwrap();
        assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
    }
}

mod early_data {
    use super::*;

    const BUDGET: u32 = 100;

    /// A server that tolerates [`BUDGET`] bytes of early data.
    fn server() -> Connection {
        let mut config = Config::new(Role::Server);
        config.limits.early_data = BUDGET;
        Connection::new(config)
    }

    /// A server that rejected early data, and sent its flight.
    fn by_trial() -> Connection {
        skip(server().install(Epoch::Handshake, Suite::Tls13), false)
    }

    /// A server that sent a HelloRetryRequest.
    fn by_type() -> Connection {
        skip(server().set_version(Version::Tls13), true)
    }

    /// A server that accepted early data.
    fn accepted() -> Connection {
        server().install(Epoch::EarlyData, Suite::Tls13)
    }

    fn skip(mut connection: Connection, after_hello_retry_request: bool) -> Connection {
        connection.halves(|opener, _| opener.skip_early_data(after_hello_retry_request)).unwrap();
        connection
    }

    /// A record of early data: `length` bytes on the wire.
    fn early(length: usize) -> Vec<u8> {
        plaintext(DATA, &vec![0xaa; length - 5])
    }

    refused! {
        by_trial_over_the_budget: by_trial(), |_| [early(99), early(5)].concat() => TooMuchEarlyData, UNEXPECTED_MESSAGE;
        by_trial_over_the_budget_at_once: by_trial(), |_| early(101) => TooMuchEarlyData, UNEXPECTED_MESSAGE;
        by_trial_over_the_budget_with_headers: by_trial(), |_| early(5).repeat(21) => TooMuchEarlyData, UNEXPECTED_MESSAGE;
        by_trial_until_one_opens: by_trial(), |c| {
            c.accept(HANDSHAKE, &message(20, b"verify"));
            early(50)
        } => BadRecordMac, BAD_RECORD_MAC;
        by_trial_no_longer_than_a_record: by_trial(), |_| header(DATA, 16_641) => RecordOverflow, RECORD_OVERFLOW;
        by_trial_but_not_under_application_keys: by_trial().install(Epoch::Application, Suite::Tls13), |_| early(50) => BadRecordMac, BAD_RECORD_MAC;
        by_type_over_the_budget: by_type(), |_| [early(50), early(46), early(5)].concat() => TooMuchEarlyData, UNEXPECTED_MESSAGE;
        by_type_until_the_second_client_hello: by_type(), |c| {
            c.accept(HANDSHAKE, &message(1, b"again"));
            early(50)
        } => UnexpectedContentType, UNEXPECTED_MESSAGE;
        by_type_no_longer_than_a_record: by_type(), |_| header(DATA, 16_641) => RecordOverflow, RECORD_OVERFLOW;
        not_skipped: server().set_version(Version::Tls13), |_| early(50) => UnexpectedContentType, UNEXPECTED_MESSAGE;

        // 9846 4.7.1
        accepted_over_the_maximum: accepted(), |c| {
            c.accept(DATA, &[7; BUDGET as usize]);
            c.peer.seal(DATA, b"x")
        } => TooMuchEarlyData, UNEXPECTED_MESSAGE;
        accepted_over_the_maximum_at_once: accepted(), |c| c.peer.seal(DATA, &[7; BUDGET as usize + 1]) => TooMuchEarlyData, UNEXPECTED_MESSAGE;
        accepted_and_forged: accepted(), |c| c.peer.forge(DATA, b"early") => BadRecordMac, BAD_RECORD_MAC;
        accepted_amid_end_of_early_data: accepted(), |c| {
            c.accept(HANDSHAKE, &[5]);
            c.peer.seal(DATA, b"early")
        } => Interleaved, UNEXPECTED_MESSAGE;
        accepted_with_another_message_than_its_end: accepted(), |c| c.peer.seal(HANDSHAKE, &message(20, b"verify")) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
        accepted_until_handshake_keys: accepted().install(Epoch::Handshake, Suite::Tls13), |c| c.peer.seal(DATA, b"early") => UnexpectedContentType, UNEXPECTED_MESSAGE;
    }

    accepted! {
        skipped_by_trial_up_to_the_budget: by_trial(), |c| {
            [early(50), plaintext(CCS, &[1]), early(45), early(5), c.peer.seal(HANDSHAKE, &message(20, b"verify"))].concat()
        } => [Got::Nothing, Got::Nothing, Got::Nothing, Got::Nothing, Got::Message(20, 0, b"verify".to_vec())];
        skipped_by_trial_although_the_keys_came_later: skip(server().set_version(Version::Tls13), false).install(Epoch::Handshake, Suite::Tls13),
            |_| early(100) => [Got::Nothing];
        skipped_by_type_up_to_the_budget: by_type(), |_| {
            [early(50), plaintext(CCS, &[1]), early(50), plaintext(HANDSHAKE, &message(1, b"again"))].concat()
        } => [Got::Nothing, Got::Nothing, Got::Nothing, Got::Message(1, 0, b"again".to_vec())];
        accepted_up_to_the_maximum: accepted(), |c| {
            [c.peer.seal(DATA, &[7; 60]), c.peer.seal_padded(DATA, &[7; 40], 500), c.peer.seal(HANDSHAKE, &message(5, b""))].concat()
        } => [Got::Data(vec![7; 60]), Got::Data(vec![7; 40]), Got::Message(5, 0, vec![])];
    }

    #[test]
    fn the_default_budget() {
        let connection = skip(fresh().install(Epoch::Handshake, Suite::Tls13), false);
        connection.assert_refuses(
            &[early(16_384), early(5)].concat(),
            Fault::TooMuchEarlyData,
            AlertDescription::UNEXPECTED_MESSAGE,
        );
        let mut connection = skip(fresh().set_version(Version::Tls13), true);
        assert_eq!(connection.receive(&early(16_384)), Ok(vec![Got::Nothing]));
    }

    #[test]
    fn is_skipped_where_it_can_come_alone() {
        for (epoch, after_hello_retry_request) in [
            (Epoch::EarlyData, false),
            (Epoch::EarlyData, true),
            (Epoch::Handshake, true),
            (Epoch::Application, false),
            (Epoch::Application, true),
        ] {
            let mut connection = server().install(epoch, Suite::Tls13);
            let refused =
                connection.halves(|opener, _| opener.skip_early_data(after_hello_retry_request));
            assert_eq!(refused, Err(KeyError::Epoch), "{epoch:?}");
        }
    }

    // There is no early data: whatever does not open is a forgery.
    #[test]
    fn tls12_skips_nothing() {
        for suite in [Suite::Tls12Gcm, Suite::Tls12Chacha] {
            let mut connection = server();
            // Before the version was chosen.
            connection.halves(|opener, _| opener.skip_early_data(false)).unwrap();
            connection = connection.install(Epoch::Handshake, suite);
            let refused = connection.halves(|opener, _| opener.skip_early_data(false));
            assert_eq!(refused, Err(KeyError::Epoch));
            let forged = connection.peer.forge(HANDSHAKE, b"forged");
            connection.assert_refuses(
                &forged,
                Fault::BadRecordMac,
                AlertDescription::BAD_RECORD_MAC,
            );
        }
    }
}

mod limits_learnt_late {
    use super::*;

    // 8449 4: a limit binds the peer once it has confirmed it.
    #[test]
    fn a_record_size_limit_counts_from_its_confirmation_on() {
        let mut connection = tls13();
        connection.accept(DATA, &[0; 1000]);
        connection.layer.with_halves(|opener, _| opener.set_record_size_limit(512));
        connection.accept(DATA, &[0; 511]);
        let record = connection.peer.seal(DATA, &[0; 512]);
        connection.assert_refuses(
            &record,
            Fault::RecordOverflow,
            AlertDescription::RECORD_OVERFLOW,
        );
    }

    // The client sent its early data before it knew a limit of ours.
    #[test]
    fn rejected_early_data_may_be_over_it() {
        let mut config = Config::new(Role::Server);
        config.record_size_limit = Some(64);
        let mut connection = Connection::new(config).install(Epoch::Handshake, Suite::Tls13);
        connection.layer.with_halves(|opener, _| opener.skip_early_data(false)).unwrap();
        let mut early = vec![23, 3, 3, 4, 0];
        early.resize(5 + 1024, 0x5a);
        assert_eq!(connection.receive(&early), Ok(vec![Got::Nothing]));
        connection.accept(HANDSHAKE, &message(20, &[0; 32]));
        let record = connection.peer.seal(HANDSHAKE, &message(20, &[0; 64]));
        connection.assert_refuses(
            &record,
            Fault::RecordOverflow,
            AlertDescription::RECORD_OVERFLOW,
        );
    }
}

#[test]
fn a_piece_tells_whether_its_message_ends_with_it() {
    let mut connection = tls13();
    let ticket = message(4, b"0123456789");
    let mut last = Vec::new();
    for piece in [&ticket[..4], &ticket[4..9], &ticket[9..13], &ticket[13..]] {
        let mut record = connection.peer.seal(HANDSHAKE, piece);
        match connection.layer.open(&mut record).unwrap().event {
            Event::Handshake(piece) => last.push(piece.is_last()),
            event => assert_eq!(event, Event::Nothing),
        }
    }
    assert_eq!(last, [false, false, true]);
}

// 9846 5.2: 2^14 + 256
#[test]
fn early_data_that_is_skipped_by_type_may_be_as_long_as_a_record() {
    let mut connection = fresh();
    connection.layer.with_halves(|opener, _| opener.skip_early_data(true)).unwrap();
    assert_waits(connection, header(DATA, 16_640), 16_640);
}

// There is one budget, however often the caller says that early data is rejected.
#[test]
fn early_data_that_is_skipped_again_is_charged_to_what_is_left() {
    let mut connection = fresh();
    let skip = |connection: &mut Connection| {
        connection.layer.with_halves(|opener, _| opener.skip_early_data(true)).unwrap();
    };
    // Of the 16,384 bytes of `Limits::DEFAULT`.
    let half = plaintext(DATA, &[0; 8_192 - 5]);
    for _ in 0..2 {
        skip(&mut connection);
        let opened = connection.layer.open(&mut half.clone()).unwrap();
        assert_eq!((opened.consumed, opened.event), (half.len(), Event::Nothing));
    }
    skip(&mut connection);
    let opened = connection.layer.open(&mut half.clone());
    assert_eq!(opened, Err(OpenError::Fault(Fault::TooMuchEarlyData)));
}
