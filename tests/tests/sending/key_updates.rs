use super::*;

// 9846 4.7.3: "prior to sending its next Application Data record".
#[test]
fn the_answer_is_sent_before_the_next_data() {
    let mut connection = tls13();
    connection.accept(HANDSHAKE, &key_update(1));
    let first = Err(SealError::ControlFirst);
    assert_eq!(
        connection.layer.seal(&[b"data"], &mut [0; 64]),
        first.map(|_: usize| Sealed::default())
    );
    assert_eq!(connection.layer.seal_in_place(&mut [0; 64], 4), first);
    assert_eq!(connection.layer.seal_handshake(&[&message(4, b"")], &mut [0; 64]), first);
    assert_eq!(connection.layer.sealer().sequence(), Some(0));
    // Sealed under the old key, alone in its record. Later records are sealed under the new key:
    // `control` and `send` compare every tag.
    assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
    assert_eq!(connection.layer.sealer().sequence(), Some(0));
    assert_eq!(connection.send(b"data"), Ok(vec![b"data".to_vec()]));
    connection.layer.close().unwrap();
    assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);
}

// 9846 4.7.3: "multiple KeyUpdates while it is silent [...] a single update".
#[test]
fn many_requests_get_one_answer() {
    let mut connection = tls13();
    for _ in 0..32 {
        assert_eq!(connection.accept(HANDSHAKE, &key_update(1)), [Got::KeyUpdate(true)]);
    }
    assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
}

#[test]
fn a_key_update_without_a_request_is_not_answered() {
    let mut connection = tls13();
    connection.accept(HANDSHAKE, &key_update(0));
    assert_eq!(connection.control(), []);
}

// The read keys are updated, but no record may follow our close_notify (9846 6.1).
#[test]
fn none_is_sent_after_our_close_notify() {
    for is_sealed in [false, true] {
        let mut connection = tls13();
        connection.layer.close().unwrap();
        let mut sent = if is_sealed { connection.control() } else { vec![] };
        assert_eq!(connection.accept(HANDSHAKE, &key_update(1)), [Got::KeyUpdate(true)]);
        assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
        sent.extend(connection.control());
        assert_eq!(sent, [(ALERT, CLOSE_NOTIFY.to_vec())]);
    }
}

// 9846 4.7.3: "Until receiving a subsequent KeyUpdate from the peer, the sender MUST NOT send
// another KeyUpdate with request_update set to update_requested."
#[test]
fn one_request_is_outstanding_at_a_time() {
    for answer in [0, 1] {
        let mut connection = tls13();
        assert_eq!(connection.layer.update_keys(true), Ok(()));
        assert_eq!(connection.layer.update_keys(true), Err(KeyError::RequestOutstanding));
        assert_eq!(connection.control(), [(HANDSHAKE, key_update(1))]);
        assert_eq!(connection.layer.update_keys(true), Err(KeyError::RequestOutstanding));
        assert_eq!(connection.layer.update_keys(false), Ok(()));
        assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
        connection.accept(DATA, b"data");
        assert_eq!(connection.layer.update_keys(true), Err(KeyError::RequestOutstanding));

        // "If [...] they cross in flight, then each side will also send a response".
        connection.accept(HANDSHAKE, &key_update(answer));
        let reply = [(HANDSHAKE, key_update(0))];
        assert_eq!(connection.control(), reply[..usize::from(answer)]);
        assert_eq!(connection.layer.update_keys(true), Ok(()));
        assert_eq!(connection.control(), [(HANDSHAKE, key_update(1))]);
    }
}

#[test]
fn are_for_tls13_application_keys() {
    for mut connection in every_epoch() {
        let is_there = connection.mirror.suite == Suite::Tls13
            && connection.layer.sealer().epoch() == Epoch::Application;
        let expected = if is_there { Ok(()) } else { Err(KeyError::NoUpdate) };
        assert_eq!(connection.layer.update_keys(false), expected);
        assert_eq!(connection.layer.has_control(), is_there);
    }
}

// Data waits for a due KeyUpdate.
#[test]
fn data_waits_for_a_key_update_with_a_request_and_without() {
    for request in [false, true] {
        let mut connection = tls13();
        connection.layer.update_keys(request).unwrap();
        assert_eq!(connection.send(b"data"), Err(SealError::ControlFirst));
        let in_place = connection.layer.seal_in_place(&mut [0; 64], 4);
        assert_eq!(in_place, Err(SealError::ControlFirst));
        assert_eq!(connection.control(), [(HANDSHAKE, key_update(request.into()))]);
        assert_eq!(connection.send(b"data"), Ok(vec![b"data".to_vec()]));
    }
}

#[test]
fn all_requests_of_one_input_get_one_answer() {
    let mut connection = tls13();
    let mut batch = Vec::new();
    for round in 0..4_u8 {
        batch.extend(connection.peer.seal(HANDSHAKE, &key_update(1)));
        connection.peer.update();
        batch.extend(connection.peer.seal(DATA, &[round]));
    }
    let mut at = 0;
    while at < batch.len() {
        assert!(!connection.layer.has_control(), "after {at} bytes");
        at += connection.layer.open(&mut batch[at..]).unwrap().consumed;
    }
    assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
}

// A record that is opened message by message ends with its last message.
#[test]
fn a_request_after_a_ticket_gets_no_answer_of_its_own() {
    for splits in [false, true] {
        let mut connection = tls13();
        let first = connection.peer.seal(HANDSHAKE, &key_update(1));
        connection.peer.update();
        let ticket = message(4, b"ticket");
        let mut input = connection.peer.seal(HANDSHAKE, &[ticket, key_update(1)].concat());
        if splits {
            // Another read of the transport, which the engine cannot know.
            connection.receive(&first).unwrap();
            assert!(connection.layer.has_control());
            assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
        } else {
            input = [first, input].concat();
        }
        let mut at = 0;
        while at < input.len() {
            assert!(!connection.layer.has_control(), "after {at} bytes");
            at += connection.layer.open(&mut input[at..]).unwrap().consumed;
        }
        assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
    }
}
