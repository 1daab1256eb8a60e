use tls_record_tests::chip::Chip;

use super::*;

const BUDGET: u32 = 100;

/// A server that tolerates [`BUDGET`] bytes of early data.
fn server() -> Connection {
    let mut config = Config::new(Role::Server);
    config.limits.early_data = BUDGET;
    Connection::new(config)
}

/// A server that has rejected early data and sent its flight.
fn by_trial() -> Connection {
    skip(server().install(Epoch::Handshake, Suite::Tls13), false)
}

/// A server that has sent a HelloRetryRequest.
fn by_type() -> Connection {
    skip(server().set_version(Version::Tls13), true)
}

/// A server that has accepted early data.
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
fn the_default_budget_is_16_384_bytes() {
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
fn is_skipped_only_where_it_can_come() {
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

// TLS 1.2 has no early data: a record that does not open is forged.
#[test]
fn tls12_skips_no_early_data() {
    for suite in [Suite::Tls12Gcm, Suite::Tls12Chacha] {
        let mut connection = server();
        // Before the version is chosen.
        connection.halves(|opener, _| opener.skip_early_data(false)).unwrap();
        connection = connection.install(Epoch::Handshake, suite);
        let refused = connection.halves(|opener, _| opener.skip_early_data(false));
        assert_eq!(refused, Err(KeyError::Epoch));
        let forged = connection.peer.forge(HANDSHAKE, b"forged");
        connection.assert_refuses(&forged, Fault::BadRecordMac, AlertDescription::BAD_RECORD_MAC);
    }
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
fn early_data_that_is_skipped_again_is_charged_to_the_same_budget() {
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

// After the first record that opens, a record that does not is forged and not early data.
#[test]
fn skipping_does_not_start_again_after_a_record_has_opened() {
    let mut connection = server().install(Epoch::Handshake, Suite::Tls13);
    connection.accept(HANDSHAKE, &message(11, b"certificate"));
    let skipped = connection.halves(|opener, _| opener.skip_early_data(false));
    assert_eq!(skipped, Err(KeyError::Epoch));
    let forged = connection.peer.forge(HANDSHAKE, b"forged");
    connection.assert_refuses(&forged, Fault::BadRecordMac, AlertDescription::BAD_RECORD_MAC);

    let mut connection = by_trial();
    connection.receive(&early(50)).unwrap();
    connection.accept(HANDSHAKE, &message(11, b"certificate"));
    let skipped = connection.halves(|opener, _| opener.skip_early_data(false));
    assert_eq!(skipped, Err(KeyError::Epoch));
}

// Each dropped record would be another attempt to forge a tag of eight bytes.
#[test]
fn early_data_is_not_skipped_by_trial_under_short_tags() {
    let chip = Chip::new();
    for tag_len in [1, 8, 15, 16, 17] {
        chip.tag_len.set(tag_len);
        let expected = if tag_len < 16 { Err(KeyError::ShortTag) } else { Ok(()) };
        let mut opener = Opener::new(Config::new(Role::Server));
        opener.install(Epoch::Handshake, chip.slot()).unwrap();
        assert_eq!(opener.skip_early_data(false), expected, "{tag_len}");

        let mut opener = Opener::new(Config::new(Role::Server));
        opener.skip_early_data(false).unwrap();
        assert_eq!(opener.install(Epoch::Handshake, chip.slot()), expected, "{tag_len}");
        if expected.is_err() {
            // Nothing has changed: there are no keys, and others may be installed.
            assert_eq!((opener.epoch(), opener.sequence()), (Epoch::Plaintext, None));
            chip.tag_len.set(16);
            assert_eq!(opener.install(Epoch::Handshake, chip.slot()), Ok(()));
        }
        // Skipping by content type decrypts nothing.
        chip.tag_len.set(tag_len);
        let mut opener = Opener::new(Config::new(Role::Server));
        opener.skip_early_data(true).unwrap();
        assert_eq!(opener.install(Epoch::Handshake, chip.slot()), Ok(()));
    }
}

// Only a server receives early data.
#[test]
fn a_client_skips_no_early_data() {
    for epoch in [None, Some(Epoch::Handshake)] {
        for by_type in [false, true] {
            let mut connection = Connection::new(Config::new(Role::Client));
            if let Some(epoch) = epoch {
                connection = connection.install(epoch, Suite::Tls13);
            }
            let skipped = connection.halves(|opener, _| opener.skip_early_data(by_type));
            assert_eq!(skipped, Err(KeyError::Epoch));
        }
    }
}
