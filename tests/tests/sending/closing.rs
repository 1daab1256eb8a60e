use super::*;

// 9846 6.1, rustls#3047, mbedtls#10878
#[test]
fn one_close_notify_is_sent_and_nothing_after_it() {
    for mut connection in every_epoch() {
        assert_eq!([connection.layer.close(), connection.layer.close()], [Ok(()), Ok(())]);
        assert_eq!(connection.send(b"late"), Err(SealError::Closed));
        assert_eq!(connection.layer.end().write, WriteEnd::Closing);
        assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);

        let layer = &mut connection.layer;
        assert_eq!(layer.end().write, WriteEnd::Closed);
        assert_eq!(layer.close(), Err(CloseError::AlreadyClosed));
        assert_eq!(layer.cancel(), Err(CloseError::AlreadyClosed));
        assert_eq!(layer.abort(AlertDescription::DECODE_ERROR), Err(CloseError::AlreadyClosed));
        assert_eq!(layer.seal(&[b"late"], &mut [0; 64]), Err(SealError::Closed));
        assert_eq!(layer.seal(&[], &mut [0; 64]), Err(SealError::Closed));
        assert_eq!(layer.seal_in_place(&mut [0; 64], 0), Err(SealError::Closed));
        assert_eq!(layer.seal_handshake(&[&message(4, b"")], &mut [0; 64]), Err(SealError::Closed));
        assert_eq!(layer.update_keys(true), Err(KeyError::Closed));
        let written = connection.halves(|_, sealer| sealer.change_cipher_spec(&mut [0; 64]));
        assert_eq!(written, Err(SealError::Closed));
        assert_eq!(connection.control(), []);
    }
}

// 9846 6.1: closing our direction leaves the other open, in either version.
#[test]
fn reading_goes_on_after_our_close_notify() {
    for suite in Suite::ALL {
        let mut connection = Connection::established(suite, Role::Client);
        connection.layer.close().unwrap();
        assert_eq!(connection.accept(DATA, b"one"), [Got::Data(b"one".to_vec())]);
        assert_eq!(connection.control().len(), 1);
        assert_eq!(connection.accept(DATA, b"two"), [Got::Data(b"two".to_vec())]);
        assert_eq!(connection.accept(ALERT, &CLOSE_NOTIFY), [Got::Closed]);
        assert!(connection.layer.end().is_clean());
        assert_eq!(connection.control(), []);
    }
}

// 9846 6.1: user_canceled "MUST be followed by a close_notify".
#[test]
fn user_canceled_and_close_notify_are_sealed_one_at_a_time() {
    let expected = [(ALERT, USER_CANCELED.to_vec()), (ALERT, CLOSE_NOTIFY.to_vec())];
    for mut connection in every_epoch() {
        connection.layer.cancel().unwrap();
        assert_eq!(connection.control(), expected);
        assert_eq!(connection.layer.end().write, WriteEnd::Closed);
    }
    for mut connection in every_epoch() {
        // Calls of the application between the two have no effect on them.
        connection.layer.cancel().unwrap();
        let mut out = [0; 64];
        let mut next = |connection: &mut Connection| {
            let length = connection.layer.poll_control(&mut out).expect("sealed");
            connection.mirror.open(&out[..length])
        };
        assert_eq!(next(&mut connection), expected[0]);
        assert!(connection.layer.has_control());
        assert_eq!([connection.layer.cancel(), connection.layer.close()], [Ok(()), Ok(())]);
        assert_eq!(connection.send(b"late"), Err(SealError::Closed));
        assert_eq!(connection.layer.eof(), connection.layer.end().read);
        assert_eq!(next(&mut connection), expected[1]);
        assert!(!connection.layer.has_control());
    }
    let mut connection = tls13();
    connection.layer.close().unwrap();
    connection.layer.cancel().unwrap();
    assert_eq!(connection.control(), expected[1..], "canceling is over after closing");
}

// 9846 6.1 and 5246 7.2.1
#[test]
fn the_peers_close_notify_is_answered_as_the_version_has_it() {
    use OnPeerClose::{HalfClose, Reply};
    for suite in Suite::ALL {
        for policy in [Reply, HalfClose] {
            let mut connection =
                Connection::configured(suite, |config| config.tls12_on_peer_close = policy);
            connection.send(b"sealed before").unwrap();
            connection.accept(ALERT, &CLOSE_NOTIFY);
            if suite != Suite::Tls13 && policy == Reply {
                assert_eq!(connection.send(b"data"), Err(SealError::Closed));
                assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);
                assert!(connection.layer.end().is_clean());
            } else {
                assert_eq!(connection.control(), []);
                assert_eq!(connection.send(b"data"), Ok(vec![b"data".to_vec()]));
                assert_eq!(connection.layer.end().write, WriteEnd::Open);
            }
        }
    }
}

#[test]
fn a_tls12_answer_discards_what_is_not_sealed_yet() {
    let mut connection = gcm();
    connection.halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
    connection.accept(ALERT, &CLOSE_NOTIFY);
    assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);
}
