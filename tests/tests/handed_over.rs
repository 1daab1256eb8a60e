//! Halves whose keys were suspended or given to the kernel. They have ended here, and must send
//! nothing for the connection, which goes on elsewhere.

use tls_record::aead::{Algorithm, null::Null};
use tls_record::close::{OnPeerClose, ReadState, WriteState};
use tls_record::{
    AlertDescription, CloseError, Config, Connection, Control, Epoch, KeyError, OpenError, ReadEnd,
    Role, SealError, ShutdownError, SuspendError, TrafficSecret, WriteEnd,
};
use tls_record_tests::records::{
    self, ALERT, CLOSE_NOTIFY, DATA, Got, HANDSHAKE, Layer, Suite, header, key_update, message,
    plaintext,
};

const KEY: [u8; 32] = [0x5e; 32];

fn established(suite: Suite) -> records::Connection {
    records::Connection::established(suite, Role::Client)
}

/// Checks that this half seals nothing and writes no byte, whichever function is called.
#[track_caller]
fn assert_sends_nothing(layer: &mut Layer) {
    let mut out = [0xaa; 256];
    assert!(!layer.has_control());
    assert_eq!(layer.poll_control(&mut out), Ok(0));
    assert_eq!(layer.seal(&[b"data"], &mut out), Err(SealError::HandedOver));
    assert_eq!(layer.seal(&[], &mut out), Err(SealError::HandedOver));
    assert_eq!(layer.seal_in_place(&mut out, 4), Err(SealError::HandedOver));
    let ticket = message(4, b"ticket");
    assert_eq!(layer.seal_handshake(&[&ticket], &mut out), Err(SealError::HandedOver));
    layer.with_halves(|_, sealer| {
        assert_eq!(sealer.change_cipher_spec(&mut out), Err(SealError::HandedOver));
    });
    assert_eq!(out, [0xaa; 256]);
    let sealer = layer.sealer();
    assert_eq!((sealer.state(), sealer.sequence()), (WriteState::HandedOver, None));
    assert_eq!(sealer.end(), WriteEnd::HandedOver);
}

/// Checks that this half opens nothing, and that no input changes it.
#[track_caller]
fn assert_opens_nothing(layer: &mut Layer, record: &[u8]) {
    let close_notify = plaintext(ALERT, &CLOSE_NOTIFY);
    let error = plaintext(ALERT, &[2, 40]);
    let too_long = header(DATA, 65_535);
    for wire in [record, &close_notify, &error, &too_long, b"GET / HTTP/1.1", &[]] {
        let mut input = wire.to_vec();
        assert_eq!(layer.open(&mut input), Err(OpenError::HandedOver));
        assert_eq!(layer.open_into(&[wire], &mut [0; 512]), Err(OpenError::HandedOver));
        assert_eq!(input, wire);
    }
    assert_eq!(layer.eof(), ReadEnd::HandedOver);
    let opener = layer.opener();
    assert_eq!((opener.state(), opener.sequence()), (ReadState::HandedOver, None));
}

#[test]
fn a_suspended_connection_seals_and_opens_nothing() {
    for suite in Suite::ALL {
        let mut connection = established(suite);
        connection.layer.suspend(&KEY).unwrap();
        let record = connection.peer.seal(DATA, b"data");
        for _ in 0..2 {
            assert_opens_nothing(&mut connection.layer, &record);
            assert_sends_nothing(&mut connection.layer);
            assert_eq!(connection.layer.close(), Err(CloseError::HandedOver));
            assert_eq!(connection.layer.cancel(), Err(CloseError::HandedOver));
            let aborted = connection.layer.abort(AlertDescription::INTERNAL_ERROR);
            assert_eq!(aborted, Err(CloseError::HandedOver));
            assert_eq!(connection.layer.update_keys(true), Err(KeyError::HandedOver));
            // The peer would take its records for those of the resumed connection.
            assert_eq!(connection.layer.take_kernel_control(), None);
        }
        assert!(!connection.layer.end().is_clean());
        assert_eq!(connection.layer.suspend(&KEY).err(), Some(SuspendError::NotEstablished));
    }
}

// CVE-2026-5446: installing the same secret again at sequence number 0 would repeat every nonce.
#[test]
fn a_handed_over_half_takes_no_keys_again() {
    let mut connection = established(Suite::Tls13);
    connection.layer.suspend(&KEY).unwrap();
    let secret = |byte| Suite::Tls13.secret(byte);
    let installed = connection.layer.install(Epoch::Application, secret(1), secret(2));
    assert_eq!(installed, Err(KeyError::HandedOver));
    for writer in [Role::Client, Role::Server] {
        let installed = connection.layer.install_one(writer, Epoch::Application, secret(1));
        assert_eq!(installed, Err(KeyError::HandedOver));
    }
    connection.layer.with_halves(|opener, sealer| {
        for epoch in [Epoch::EarlyData, Epoch::Handshake, Epoch::Application] {
            assert_eq!(opener.install(epoch, secret(1)), Err(KeyError::HandedOver));
            assert_eq!(sealer.install(epoch, secret(2)), Err(KeyError::HandedOver));
            assert_eq!(opener.take_over(epoch, secret(1), 9), Err(KeyError::HandedOver));
            assert_eq!(sealer.take_over(epoch, secret(2), 9), Err(KeyError::HandedOver));
        }
    });
}

#[test]
fn a_suspended_connection_in_any_closing_state_is_handed_over() {
    for (read, write) in [(true, false), (false, true), (true, true)] {
        let mut connection = established(Suite::Tls13);
        if write {
            connection.layer.close().unwrap();
            connection.control();
        }
        if read {
            connection.accept(ALERT, &CLOSE_NOTIFY);
        } else {
            connection.layer.eof();
        }
        connection.layer.suspend(&KEY).unwrap();
        assert_opens_nothing(&mut connection.layer, &[]);
        assert_sends_nothing(&mut connection.layer);
        assert!(!connection.layer.end().is_clean());
    }
}

// The kernel would seal every record that we write as application data.
#[test]
fn a_sealer_in_the_kernel_offers_its_close_notify_once_and_seals_none() {
    for suite in Suite::ALL {
        let mut connection = established(suite);
        let kernel = connection.layer.hand_sender_to_kernel();
        assert!(kernel.is_ok());
        assert_eq!(connection.layer.take_kernel_control(), None, "nothing is due");
        for round in 0..3 {
            assert_eq!(connection.layer.close(), Err(CloseError::HandedOver));
            assert_sends_nothing(&mut connection.layer);
            let control = connection.layer.take_kernel_control();
            let close_notify = Control::Alert(AlertDescription::CLOSE_NOTIFY);
            assert_eq!(control, (round == 0).then_some(close_notify));
        }
        // The other direction continues to its own end.
        assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
        assert_eq!(connection.accept(ALERT, &CLOSE_NOTIFY), [Got::Closed]);
        assert!(
            !connection.layer.end().is_clean(),
            "how the kernel's direction ended is not known"
        );
    }
}

#[test]
fn a_sealer_in_the_kernel_offers_user_canceled_and_then_its_close_notify() {
    let mut connection = established(Suite::Tls13);
    connection.layer.hand_sender_to_kernel().unwrap();
    assert_eq!(connection.layer.cancel(), Err(CloseError::HandedOver));
    let due: Vec<_> = std::iter::from_fn(|| connection.layer.take_kernel_control()).collect();
    let expected = [AlertDescription::USER_CANCELED, AlertDescription::CLOSE_NOTIFY];
    assert_eq!(due, expected.map(Control::Alert));
}

// 9846 6.2: one fatal alert, in place of a close_notify that was not sent, and nothing after it.
#[test]
fn a_fault_is_offered_to_the_kernel_as_a_value_and_nothing_after_it() {
    for suite in Suite::ALL {
        for closes_before in [false, true] {
            let mut connection = established(suite);
            connection.layer.hand_sender_to_kernel().unwrap();
            if closes_before {
                connection.layer.close().unwrap_err();
            }
            let forged = connection.peer.forge(DATA, b"forged");
            connection.receive(&forged).unwrap_err();
            assert_sends_nothing(&mut connection.layer);
            let alert = Control::Alert(AlertDescription::BAD_RECORD_MAC);
            assert_eq!(connection.layer.take_kernel_control(), Some(alert));
            connection.layer.close().unwrap_err();
            connection.layer.abort(AlertDescription::INTERNAL_ERROR).unwrap_err();
            assert_eq!(connection.layer.take_kernel_control(), None);
        }
        // After a close_notify was offered, the alert is not sent.
        let mut connection = established(suite);
        connection.layer.hand_sender_to_kernel().unwrap();
        connection.layer.close().unwrap_err();
        assert!(connection.layer.take_kernel_control().is_some());
        let forged = connection.peer.forge(DATA, b"forged");
        connection.receive(&forged).unwrap_err();
        assert_eq!(connection.layer.take_kernel_control(), None);
    }
}

// 9846 4.7.3: one answer to several requests.
#[test]
fn a_requested_key_update_is_offered_to_the_kernel_as_a_value() {
    let mut connection = established(Suite::Tls13);
    connection.layer.hand_sender_to_kernel().unwrap();
    for _ in 0..3 {
        connection.accept(HANDSHAKE, &key_update(1));
    }
    assert_sends_nothing(&mut connection.layer);
    let control = connection.layer.take_kernel_control().unwrap();
    assert_eq!(control, Control::KeyUpdate { request: false });
    assert_eq!(control.message().content_type(), HANDSHAKE);
    assert_eq!(control.message().as_bytes(), key_update(0));
    assert_eq!(connection.layer.take_kernel_control(), None);
}

// 5246 7.2.1: "The other party MUST respond with a close_notify alert of its own".
#[test]
fn the_reply_of_tls12_to_a_close_notify_is_offered_to_the_kernel() {
    for (on_peer_close, is_due) in [(OnPeerClose::Reply, true), (OnPeerClose::HalfClose, false)] {
        let mut connection = records::Connection::configured(Suite::Tls12Gcm, |config| {
            config.tls12_on_peer_close = on_peer_close;
        });
        connection.layer.hand_sender_to_kernel().unwrap();
        connection.accept(ALERT, &CLOSE_NOTIFY);
        assert_sends_nothing(&mut connection.layer);
        let close_notify = Control::Alert(AlertDescription::CLOSE_NOTIFY);
        assert_eq!(connection.layer.take_kernel_control(), is_due.then_some(close_notify));
    }
}

// 9846 6: an error alert is not answered.
#[test]
fn after_the_peers_error_alert_nothing_is_offered_to_the_kernel() {
    let mut connection = established(Suite::Tls13);
    connection.layer.hand_sender_to_kernel().unwrap();
    connection.layer.close().unwrap_err();
    connection.accept(HANDSHAKE, &key_update(1));
    let record = connection.peer.seal(ALERT, &[2, 40]);
    connection.receive(&record).unwrap_err();
    assert_eq!(connection.layer.take_kernel_control(), None);
}

#[test]
fn an_opener_in_the_kernel_does_not_affect_the_sealer() {
    for suite in Suite::ALL {
        let mut connection = established(suite);
        connection.layer.hand_receiver_to_kernel().unwrap();
        let record = connection.peer.seal(DATA, b"data");
        assert_opens_nothing(&mut connection.layer, &record);
        assert_eq!(connection.send(b"data"), Ok(vec![b"data".to_vec()]));
        assert_eq!(connection.layer.close(), Ok(()));
        assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);
        assert_eq!(connection.layer.take_kernel_control(), None);
        assert!(!connection.layer.end().is_clean());
    }
}

#[test]
fn a_connection_gives_its_sealer_to_the_kernel_only_when_nothing_is_unsent() {
    let records::Connection { layer, mut peer, .. } = established(Suite::Tls13);
    let mut tls = Connection::<_, 512>::new(layer);
    assert_eq!(tls.write(&[b"data"]), Ok(4));
    assert_eq!(tls.hand_sender_to_kernel().err(), Some(SuspendError::Busy));
    let given = tls.with_halves(|_, sealer| sealer.hand_to_kernel().err());
    assert_eq!(given, Some(SuspendError::Busy), "nor by the half");
    tls.sent(tls.unsent().len());

    tls.reserve(4).unwrap();
    assert_eq!(tls.hand_sender_to_kernel().err(), Some(SuspendError::Busy));
    tls.discard().unwrap();

    assert!(tls.hand_sender_to_kernel().is_ok());
    assert_eq!(tls.write(&[b"data"]), Err(SealError::HandedOver));
    assert_eq!(tls.shutdown(), Err(ShutdownError::HandedOver));
    assert_eq!(tls.shutdown_both(100), Err(ShutdownError::HandedOver));
    assert_eq!(tls.unsent().len(), 0);
    let close_notify = Control::Alert(AlertDescription::CLOSE_NOTIFY);
    assert_eq!(tls.take_kernel_control(), Some(close_notify));
    assert_eq!(tls.take_kernel_control(), None);

    // The second step can be asked for alone; its budget counts from the first.
    let mut under_way = peer.seal(DATA, b"under way");
    let drained = under_way.len() as u32;
    tls.received(&mut under_way).unwrap();
    assert_eq!(tls.check_closed(drained), Err(ShutdownError::AwaitingPeer { drained }));
    assert_eq!(tls.check_closed(drained - 1), Err(ShutdownError::BudgetSpent { drained }));
    tls.received(&mut peer.seal(ALERT, &CLOSE_NOTIFY)).unwrap();
    assert_eq!(tls.check_closed(0), Ok(()));
}

#[test]
fn a_connection_whose_opener_is_in_the_kernel_shuts_down_in_one_step() {
    let mut tls = Connection::<_, 512>::new(established(Suite::Tls13).layer);
    assert!(tls.hand_receiver_to_kernel().is_ok());
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));
    tls.sent(tls.unsent().len());
    assert_eq!(tls.shutdown(), Ok(()));
    assert_eq!(tls.shutdown_both(100), Err(ShutdownError::HandedOver));
}

// The kernel counts from the sequence number that it is given: a second time it would repeat
// nonces.
#[test]
fn the_kernel_gets_the_keys_of_each_generation_once() {
    let secret = |byte| TrafficSecret::<Null>::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap();
    let mut layer = Layer::new(Config::new(Role::Client));
    layer.install(Epoch::Application, secret(1), secret(2)).unwrap();
    let mut kernel = layer.hand_sender_to_kernel().unwrap();
    for _ in 0..3 {
        assert!(kernel.crypto_info().is_ok());
        assert_eq!(kernel.crypto_info().err(), Some(KeyError::HandedOver));
        kernel.update().unwrap();
    }
}

// 5246 7.2.2: a renegotiation is refused with an alert.
#[test]
fn a_refusal_to_renegotiate_is_offered_to_the_kernel_for_each_request() {
    let mut connection = established(Suite::Tls12Gcm);
    connection.layer.hand_sender_to_kernel().unwrap();
    for _ in 0..2 {
        connection.accept(HANDSHAKE, &message(0, b""));
        assert_eq!(connection.layer.refuse_renegotiation(), Ok(()));
    }
    let refusal = Control::Alert(AlertDescription::NO_RENEGOTIATION);
    let due: Vec<_> = std::iter::from_fn(|| connection.layer.take_kernel_control()).collect();
    assert_eq!(due, [refusal; 2]);
    assert_sends_nothing(&mut connection.layer);
    connection.layer.suspend(&KEY).unwrap_err();
}
