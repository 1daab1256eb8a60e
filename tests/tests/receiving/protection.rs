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
fn records_too_short_for_their_protection_are_refused() {
    for (suite, shortest) in [(Suite::Tls13, 16), (Suite::Tls12Gcm, 24), (Suite::Tls12Chacha, 16)] {
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

// 9846 5.2, 5246 6.2.3.3: every bit of a record is protected, and all failures look alike.
#[test]
fn a_record_with_any_bit_changed_does_not_open() {
    let secrets: [fn(Algorithm) -> TrafficSecret<Backend>; 2] = [
        |suite| TrafficSecret::tls13(suite, &vec![7; suite.secret_len()]).unwrap(),
        |suite| TrafficSecret::tls12(suite, &vec![7; suite.key_len()], &[7; 12]).unwrap(),
    ];
    let mut bits = 0;
    for suite in [Algorithm::Aes128Gcm, Algorithm::Aes256Gcm, Algorithm::Chacha20Poly1305] {
        for secret in secrets {
            let mut sealer = Sealer::new(Config::new(Role::Client));
            sealer.take_over(Epoch::Application, secret(suite), 1).unwrap();
            let mut out = [0; 64];
            let written = sealer.seal(&[b"data"], &mut out).unwrap().written;
            let record = &out[..written];
            let open = |record: &mut [u8]| {
                let mut opener = Opener::new(Config::new(Role::Server));
                opener.take_over(Epoch::Application, secret(suite), 1).unwrap();
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
fn inner_types_other_than_three_are_refused() {
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
fn outer_types_other_than_application_data_are_refused_under_tls13_application_keys() {
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
fn unknown_content_types_are_refused() {
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

// A client that cannot read our flight has no keys to protect its alert.
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
fn input_that_is_not_tls_is_not_answered() {
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
fn records_that_resemble_other_protocols_are_answered() {
    for first in
        [&b"get / HTTP/1.1"[..], b"GET\t/", b"A8000", &[0x80, 0x2e, 2, 3, 1], &[0x40, 0, 1, 0, 2]]
    {
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

// Only the first bytes are judged: later bytes come from a peer that has sent TLS.
#[test]
fn input_that_is_not_tls_is_answered_after_a_record() {
    let mut connection = fresh();
    connection.accept(HANDSHAKE, &message(1, b"ClientHello"));
    connection.assert_refuses(
        b"GET / HTTP/1.1\r\n",
        Fault::UnexpectedContentType,
        AlertDescription::UNEXPECTED_MESSAGE,
    );
}
