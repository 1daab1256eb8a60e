use super::*;

// 9846 6 and 6.2; 5246 7.2.2
#[test]
fn every_error_alert_is_fatal_and_sent_once() {
    for description in (0..=255).map(AlertDescription) {
        for mut connection in every_epoch() {
            // The closure alerts and the reserved ones: 9846 appendix B, 5246 7.2.2.
            if matches!(description.0, 0 | 90 | 21 | 30 | 41 | 60 | 100 | 111 | 114) {
                let refused = connection.layer.abort(description);
                assert_eq!(refused, Err(CloseError::NotAnErrorAlert));
                assert_eq!(connection.control(), []);
                continue;
            }
            connection.layer.abort(description).unwrap();
            assert_eq!(connection.layer.end().write, WriteEnd::AlertQueued(description));
            let again = connection.layer.abort(AlertDescription::DECODE_ERROR);
            assert_eq!(again, Err(CloseError::Failed));
            assert_eq!(connection.layer.close(), Err(CloseError::Failed));
            assert_eq!(connection.control(), [(ALERT, vec![2, description.0])]);
            assert_eq!(connection.layer.end().write, WriteEnd::AlertSent(description));
            assert_eq!(connection.layer.abort(description), Err(CloseError::Failed));
            assert_eq!(connection.control(), []);
        }
    }
}

// 9846 6.2: "a way to facilitate logging the sending [...] of alerts".
#[test]
fn alerts_are_shown_before_they_are_sent() {
    for mut connection in every_epoch() {
        let alert = |description| Some(Control::Alert(description));
        let layer = &mut connection.layer;
        assert_eq!(layer.next_control(), None);
        layer.cancel().unwrap();
        assert_eq!(layer.next_control(), alert(AlertDescription::USER_CANCELED));
        layer.poll_control(&mut [0; 64]).unwrap();
        assert_eq!(layer.next_control(), alert(AlertDescription::CLOSE_NOTIFY));
        layer.abort(AlertDescription::ACCESS_DENIED).unwrap();
        assert_eq!(layer.next_control(), alert(AlertDescription::ACCESS_DENIED));
        layer.poll_control(&mut [0; 64]).unwrap();
        assert_eq!(layer.next_control(), None);
    }
}

// 9846 6: alerts "are encrypted as specified by the current connection state", which is that of
// our own direction.
#[test]
fn an_alert_is_sealed_under_the_keys_of_our_direction() {
    let mut connection = fresh(Role::Server).set_version(Version::Tls13);
    let keys = |_: &mut _, sealer: &mut Sealer<Secret>| {
        sealer.install(Epoch::Handshake, Suite::Tls13.secret(5))
    };
    connection.layer.with_halves(keys).unwrap();
    connection.mirror = Hand::new(Suite::Tls13, 5);
    assert!(connection.receive(&plaintext(DATA, b"too early")).is_err());
    assert_eq!(connection.control(), [(ALERT, vec![2, 10])]);

    let mut connection = fresh(Role::Client).set_version(Version::Tls13);
    let keys = |opener: &mut Opener<Secret>, _: &mut _| {
        opener.install(Epoch::Handshake, Suite::Tls13.secret(6))
    };
    connection.layer.with_halves(keys).unwrap();
    connection.peer = Hand::new(Suite::Tls13, 6);
    let forged = connection.peer.forge(HANDSHAKE, b"forged");
    assert!(connection.receive(&forged).is_err());
    assert_eq!(connection.control(), [(ALERT, vec![2, 20])]);
}

// Data that looks like an alert is data. Only the state machine sends control records.
#[test]
fn only_the_state_machine_seals_alerts_and_key_updates() {
    for suite in Suite::ALL {
        let mut connection = Connection::established(suite, Role::Client);
        let mut out = [0; 64];
        for message in [&CLOSE_NOTIFY[..], &[2, 40], &key_update(0)] {
            let sealed = connection.layer.seal(&[message], &mut out).unwrap();
            let opened = connection.mirror.open(&out[..sealed.written]);
            assert_eq!(opened, (DATA, message.to_vec()));
            let sealed = connection.layer.seal_handshake(&[message], &mut out);
            assert_eq!(sealed, Err(SealError::NotHandshake));
        }
        let refused = connection.layer.abort(AlertDescription::CLOSE_NOTIFY);
        assert_eq!(refused, Err(CloseError::NotAnErrorAlert));
        assert_eq!(connection.layer.end().write, WriteEnd::Open);
    }
}

#[test]
fn after_an_abort_nothing_is_opened_or_sealed() {
    for mut connection in every_epoch() {
        connection.layer.abort(AlertDescription::BAD_CERTIFICATE).unwrap();
        let fault = Fault::Aborted(AlertDescription::BAD_CERTIFICATE);
        assert_eq!(connection.receive(&[22, 3, 3, 0, 0]), Err(OpenError::Fault(fault)));
        assert_eq!(connection.layer.end().read, ReadEnd::Fault(fault));
        assert_eq!(connection.layer.opener().sequence(), None);
        assert_eq!(connection.send(b"data"), Err(SealError::Failed));
        let ticket = message(4, b"");
        let sealed = connection.layer.seal_handshake(&[&ticket], &mut [0; 64]);
        assert_eq!(sealed, Err(SealError::Failed));
        let written = connection.halves(|_, sealer| sealer.change_cipher_spec(&mut [0; 64]));
        assert_eq!(written, Err(SealError::Failed));
        assert_eq!(connection.layer.update_keys(false), Err(KeyError::Closed));
    }
}

// After a sealed close_notify, not even the alert is sent.
#[test]
fn a_fault_replaces_a_close_notify_that_is_not_sealed() {
    let fatal = (ALERT, vec![2, AlertDescription::BAD_RECORD_MAC.0]);
    let close_notify = (ALERT, CLOSE_NOTIFY.to_vec());
    let user_canceled = (ALERT, USER_CANCELED.to_vec());
    for suite in Suite::ALL {
        for cancels in [false, true] {
            let all = if cancels { 2 } else { 1 };
            for left_before in 0..=all {
                let mut connection = Connection::established(suite, Role::Server);
                if cancels {
                    connection.layer.cancel().unwrap();
                } else {
                    connection.layer.close().unwrap();
                }
                let (mut out, mut sent) = ([0; 64], Vec::new());
                for _ in 0..left_before {
                    let length = connection.layer.poll_control(&mut out).unwrap();
                    sent.push(connection.mirror.open(&out[..length]));
                }
                let forged = connection.peer.forge(DATA, b"forged");
                let error = OpenError::Fault(Fault::BadRecordMac);
                assert_eq!(connection.receive(&forged), Err(error));
                sent.extend(connection.control());

                let mut expected = vec![user_canceled.clone(), close_notify.clone()];
                expected.drain(..2 - all);
                expected.truncate(left_before);
                if left_before < all {
                    expected.push(fatal.clone());
                }
                assert_eq!(sent, expected);
                let end = connection.layer.end();
                assert_eq!(end.read, ReadEnd::Fault(Fault::BadRecordMac));
                assert_eq!(end.write == WriteEnd::Closed, left_before == all);
            }
        }
    }
}

#[test]
fn a_fault_clears_due_key_updates() {
    let mut connection = tls13();
    connection.accept(HANDSHAKE, &key_update(1));
    connection.layer.update_keys(true).unwrap();
    let forged = connection.peer.forge(DATA, b"forged");
    assert!(connection.receive(&forged).is_err());
    assert_eq!(connection.control(), [(ALERT, vec![2, 20])]);
}

// 9846 5.1: legacy_record_version "MUST be set to 0x0303 for all records generated by a TLS 1.3
// implementation other than an initial ClientHello".
#[test]
fn alerts_before_keys_carry_version_0x0303() {
    for role in [Role::Client, Role::Server] {
        for description in [AlertDescription::CLOSE_NOTIFY, AlertDescription::DECODE_ERROR] {
            let mut layer = fresh(role).layer;
            if layer.abort(description).is_err() {
                layer.close().unwrap();
            }
            let mut out = [0; 7];
            assert_eq!(layer.poll_control(&mut out), Ok(7));
            assert_eq!(out, Alert::new(description).plaintext_record(), "{role:?}");
        }
    }
}

// 9846 5.1: 0x0303 "for all records generated by a TLS 1.3 implementation other than an initial
// ClientHello (i.e., one not generated after a HelloRetryRequest)".
#[test]
fn only_an_initial_client_hello_carries_another_record_version() {
    let hello = message(1, b"hello");
    let mut out = [0; 14];
    for (connection, minor) in [
        (fresh(Role::Client), 1),
        (fresh(Role::Client).set_version(Version::Tls13), 3),
        (fresh(Role::Server), 3),
    ] {
        let Connection { mut layer, .. } = connection;
        // A HelloRetryRequest may arrive between the two, so that received records do not decide
        // the version.
        for minor in [minor, 3] {
            assert_eq!(layer.seal_handshake(&[&hello], &mut out), Ok(14));
            assert_eq!(out[..5], [22, 3, minor, 0, 9]);
        }
    }
}

// 9846 5.1 speaks of the "records" of an initial ClientHello.
#[test]
fn all_records_of_an_initial_client_hello_carry_its_record_version() {
    let mut layer = fresh(Role::Client).layer;
    layer.set_fragment_limit(4);
    for minor in [1, 3] {
        let mut out = [0; 24];
        assert_eq!(layer.seal_handshake(&[&message(1, b"hello")], &mut out), Ok(24));
        for (record, len) in [(0, 4), (9, 4), (18, 1)] {
            assert_eq!(out[record..][..5], [22, 3, minor, 0, len]);
        }
    }
}

#[test]
fn no_renegotiation_is_a_warning_and_sent_in_tls12_only() {
    let mut connection = tls13();
    let refused = connection.halves(|_, sealer| sealer.refuse_renegotiation());
    assert_eq!(refused, Err(KeyError::Epoch));
    let mut connection = fresh(Role::Server).install(Epoch::Handshake, Suite::Tls12Gcm);
    let refused = connection.halves(|_, sealer| sealer.refuse_renegotiation());
    assert_eq!(refused, Err(KeyError::Epoch));

    let mut connection = gcm();
    connection.halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
    connection.halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
    assert_eq!(connection.control(), vec![(ALERT, vec![1, 100]); 2]);
    connection.layer.close().unwrap();
    connection.control();
    let refused = connection.halves(|_, sealer| sealer.refuse_renegotiation());
    assert_eq!(refused, Err(KeyError::Closed));
}
