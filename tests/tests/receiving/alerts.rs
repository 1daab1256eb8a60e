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
fn the_end_reports_how_early_the_peer_closed() {
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
fn records_after_a_close_notify_are_ignored() {
    for suite in Suite::ALL {
        let mut connection = Connection::established(suite, Role::Client);
        connection.accept(ALERT, &CLOSE_NOTIFY);
        let sequence = connection.layer.opener().sequence();
        let data = connection.peer.seal(DATA, b"data");
        let error = connection.peer.seal(ALERT, &[2, 40]);
        for wire in [data, error, b"GET / HTTP/1.1".to_vec(), header(DATA, 65_535), vec![1]] {
            let mut input = wire.clone();
            let opened = connection.layer.open(&mut input).expect("no error");
            assert_eq!((opened.consumed, opened.event), (wire.len(), Event::Closed));
            assert_eq!(input, wire);
        }
        // A loop that opens until `NeedMore` ends.
        let need_more = Opened { consumed: 0, event: Event::NeedMore { total: 5 } };
        assert_eq!(connection.layer.open(&mut []), Ok(need_more.clone()));
        assert_eq!(connection.layer.open_into(&[], &mut []), Ok(need_more));
        assert_eq!(connection.layer.opener().sequence(), sequence);
        assert_eq!(connection.layer.end().read, ReadEnd::Closed { epoch: Epoch::Application });
    }
}

#[test]
fn the_peers_error_alert_is_not_answered_and_ends_both_directions() {
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

// 9846 6: "The level can safely be ignored." A client of TLS 1.3 alone must not take a server's
// handshake_failure for a warning of TLS 1.2.
#[test]
fn a_pinned_version_applies_to_alerts_from_the_first_byte() {
    let failure = AlertDescription::HANDSHAKE_FAILURE;
    for role in [Role::Client, Role::Server] {
        let connection = |version| {
            let mut config = Config::new(role);
            config.version = version;
            Connection::new(config)
        };
        let record = plaintext(ALERT, &[1, failure.0]);
        let is_error = Err(OpenError::PeerAlert(failure));
        let is_warning = Ok(vec![Got::Warning(failure)]);
        assert_eq!(connection(Some(Version::Tls13)).receive(&record), is_error);
        assert_eq!(connection(Some(Version::Tls12)).receive(&record), is_warning);
        assert_eq!(connection(None).receive(&record), is_warning);
        // A level that TLS 1.2 does not define.
        let record = plaintext(ALERT, &[3, failure.0]);
        assert_eq!(connection(Some(Version::Tls13)).receive(&record), is_error);
        let fault = Err(OpenError::Fault(Fault::AlertLevel));
        assert_eq!(connection(Some(Version::Tls12)).receive(&record), fault);
        // It does not replace the ServerHello: a change_cipher_spec before it is still too early.
        if role == Role::Server {
            let record = plaintext(CCS, &[1]);
            let fault = Err(OpenError::Fault(Fault::UnexpectedContentType));
            assert_eq!(connection(Some(Version::Tls13)).receive(&record), fault);
        }
    }
}
