use super::*;

/// The first half of a ticket has arrived.
fn amid_a_ticket() -> Connection {
    let mut connection = tls13();
    connection.accept(HANDSHAKE, &message(4, b"ticket")[..7]);
    connection
}

/// The first half of a ClientHello that asks for a renegotiation has arrived.
fn amid_a_renegotiation() -> Connection {
    let mut connection = Connection::established(Suite::Tls12Gcm, Role::Server);
    connection.accept(HANDSHAKE, &message(1, b"ClientHello")[..7]);
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
    empty_amid_a_message: amid_a_ticket(), |c| c.peer.seal(HANDSHAKE, &[]) => EmptyHandshakeRecord, UNEXPECTED_MESSAGE;

    // 9846 5.1: "there MUST NOT be any other records between them".
    data_amid_a_message: amid_a_ticket(), |c| c.peer.seal(DATA, b"data") => Interleaved, UNEXPECTED_MESSAGE;
    empty_data_amid_a_message: amid_a_ticket(), |c| c.peer.seal(DATA, b"") => Interleaved, UNEXPECTED_MESSAGE;
    padding_amid_a_message: amid_a_ticket(), |c| c.peer.seal_padded(DATA, b"", 9) => Interleaved, UNEXPECTED_MESSAGE;
    close_notify_amid_a_message: amid_a_ticket(), |c| c.peer.seal(ALERT, &CLOSE_NOTIFY) => Interleaved, UNEXPECTED_MESSAGE;
    user_canceled_amid_a_message: amid_a_ticket(), |c| c.peer.seal(ALERT, &USER_CANCELED) => Interleaved, UNEXPECTED_MESSAGE;
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
    key_update_of_length_0: tls13(), |c| c.peer.seal(HANDSHAKE, &message(24, &[])) => HandshakeLength, DECODE_ERROR;
    key_update_of_length_2: tls13(), |c| c.peer.seal(HANDSHAKE, &message(24, &[0, 0])) => HandshakeLength, DECODE_ERROR;
    key_update_of_length_2_24_by_its_header: tls13(), |c| c.peer.seal(HANDSHAKE, &[24, 255, 255, 255]) => HandshakeLength, DECODE_ERROR;
    key_update_behind_a_key_update: tls13(), |c| c.peer.seal(HANDSHAKE, &[key_update(0), key_update(0)].concat()) => SpansKeyChange, UNEXPECTED_MESSAGE;
    a_byte_behind_a_key_update: tls13(), |c| c.peer.seal(HANDSHAKE, &[&key_update(1)[..], &[4]].concat()) => SpansKeyChange, UNEXPECTED_MESSAGE;

    // 9846 4.7; another test covers the other message types.
    ticket_to_a_server: Connection::established(Suite::Tls13, Role::Server), |c| c.peer.seal(HANDSHAKE, &message(4, b"ticket")) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
    client_hello_tls13: Connection::established(Suite::Tls13, Role::Server), |c| c.peer.seal(HANDSHAKE, &message(1, b"hello")) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
    certificate_request_not_offered_for: tls13(), |c| c.peer.seal(HANDSHAKE, &message(13, b"?")) => UnexpectedHandshake, UNEXPECTED_MESSAGE;
    a_bad_message_behind_a_ticket: tls13(), |c| c.peer.seal(HANDSHAKE, &[message(4, b"ticket"), message(5, b"")].concat()) => UnexpectedHandshake, UNEXPECTED_MESSAGE;

    message_longer_than_the_limit_by_its_header: tls13(), |c| c.peer.seal(HANDSHAKE, &[4, 1, 0, 0]) => HandshakeTooLong, ILLEGAL_PARAMETER;
    message_longer_than_the_limit_before_keys: fresh(), |c| c.peer.seal(HANDSHAKE, &[1, 1, 0, 0]) => HandshakeTooLong, ILLEGAL_PARAMETER;
    message_longer_than_a_limit_of_ours:
        Connection::configured(Suite::Tls13, |config| config.limits.handshake_message = 5),
        |c| c.peer.seal(HANDSHAKE, &message(4, b"ticket")) => HandshakeTooLong, ILLEGAL_PARAMETER;

    // From the wrong role.
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
    tls12_data_amid_a_message: amid_a_renegotiation(), |c| c.peer.seal(DATA, b"data") => [Got::Data(b"data".to_vec())];
}

#[test]
fn an_error_alert_between_fragments_is_accepted() {
    for (mut connection, level) in [(amid_a_ticket(), 1), (amid_a_certificate(), 2)] {
        let record = connection.peer.seal(ALERT, &[level, 51]);
        let error = OpenError::PeerAlert(AlertDescription::DECRYPT_ERROR);
        assert_eq!(connection.receive(&record), Err(error));
    }
}

// 9846 4.7.3: "If an implementation receives any other value, it MUST terminate the connection
// with an illegal_parameter alert."
#[test]
fn key_updates_with_other_values_are_refused() {
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
fn a_key_update_fragmented_over_records_is_accepted() {
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
fn a_key_update_replaces_the_keys() {
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

// 9846 4.7.3: the sender limits the number of KeyUpdates: "receiving implementations MUST NOT
// enforce this rule". The test sends more than 16 bits can count.
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
fn only_allowed_messages_are_accepted_after_the_handshake() {
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
            let body: &[u8] = if message_type == 0 { &[] } else { &[0] };
            let record = connection.peer.seal(HANDSHAKE, &message(message_type, body));
            if permitted.contains(&message_type) {
                let got = connection.receive(&record).expect("permitted");
                let piece = match message_type {
                    24 => Got::KeyUpdate(false),
                    _ => Got::Message(message_type, 0, body.to_vec()),
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
fn a_long_message_comes_in_pieces_with_their_offsets() {
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
    for (role, request) in [(Role::Client, message(0, b"")), (Role::Server, message(1, b"hello"))] {
        let mut connection = Connection::established(Suite::Tls12Gcm, role);
        let got = connection.accept(HANDSHAKE, &request);
        assert_eq!(got, [Got::Message(request[0], 0, request[4..].to_vec())]);
        connection.halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
        assert_eq!(connection.control(), [(ALERT, vec![1, 100])]);
        assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
        assert_eq!(connection.send(b"data"), Ok(vec![b"data".to_vec()]));
    }
}

#[test]
fn a_piece_says_whether_its_message_ends_with_it() {
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

// 5246 7.4.1.1: "struct { } HelloRequest"; 9846 4.6.5: "struct {} EndOfEarlyData"; 6.2:
// decode_error.
#[test]
fn a_message_of_a_fixed_length_with_another_length_is_refused() {
    const SERVER_HELLO_DONE: u8 = 14;
    const END_OF_EARLY_DATA: u8 = 5;
    for (connection, message_type) in [
        (gcm as fn() -> Connection, 0),
        (fresh, 0),
        (fresh, SERVER_HELLO_DONE),
        (|| fresh().install(Epoch::EarlyData, Suite::Tls13), END_OF_EARLY_DATA),
    ] {
        let mut right = connection();
        let expected = [Got::Message(message_type, 0, vec![])];
        assert_eq!(right.accept(HANDSHAKE, &message(message_type, b"")), expected);
        // By the header alone, before the body arrives.
        for length in [1, 255, 65_536] {
            let mut wrong = connection();
            let [_, a, b, c] = u32::to_be_bytes(length);
            let header = wrong.peer.seal(HANDSHAKE, &[message_type, a, b, c]);
            let alert = AlertDescription::DECODE_ERROR;
            wrong.assert_refuses(&header, Fault::HandshakeLength, alert);
        }
    }
}
