//! Alerts that an end discards are not reported as sent; alerts that are sealed are reported once.

use tls_record::{AlertDescription, CloseError, ShutdownError, WriteEnd};
use tls_record_tests::records::{ALERT, DATA, Suite};

use crate::support::{Wired, alert, data};

#[test]
fn a_fatal_alert_of_the_peer_discards_unsent_records() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        end.tls.write(&[b"data"]).unwrap();
        end.take(3);
        let error = end.peer.seal(ALERT, &[2, 80]);
        assert!(end.receive(&error).is_err());
        assert_eq!(end.tls.unsent(), []);
        assert_eq!(end.tls.end().write, WriteEnd::Failed);
        assert_eq!(end.tls.shutdown(), Err(ShutdownError::Failed));
    }
}

#[test]
fn a_discarded_close_notify_is_not_reported_as_sent() {
    for suite in Suite::ALL {
        for taken in 0..=suite.overhead() + 2 {
            let mut end = Wired::<512>::new(suite);
            let _ = end.tls.shutdown();
            assert_eq!(end.take(taken), taken);
            let error = end.peer.seal(ALERT, &[2, 80]);
            assert!(end.receive(&error).is_err());
            assert_eq!(end.tls.unsent(), []);
            let left = taken == suite.overhead() + 2;
            let write = if left { WriteEnd::Closed } else { WriteEnd::Failed };
            assert_eq!(end.tls.end().write, write, "{taken} bytes had left");
            if !left {
                assert_eq!(end.tls.shutdown(), Err(ShutdownError::Failed));
            }
        }
    }
}

/// Two fatal alerts cross: ours was sealed before the notice of theirs arrived.
#[test]
fn a_discarded_alert_is_not_reported_as_sent() {
    for suite in Suite::ALL {
        for taken in 0..=suite.overhead() + 2 {
            let Wired { tls, mut peer, .. } = Wired::<512>::new(suite);
            let (mut opener, mut writer) = tls.split();
            writer.abort(AlertDescription::DECODE_ERROR).unwrap();
            writer.sent(taken);
            assert!(opener.open(&mut peer.seal(ALERT, &[2, 80])).is_err());
            writer.apply(opener.take_notice());
            assert_eq!(writer.unsent(), []);
            let left = taken == suite.overhead() + 2;
            let sent = WriteEnd::AlertSent(AlertDescription::DECODE_ERROR);
            assert_eq!(writer.end(), if left { sent } else { WriteEnd::Failed }, "{taken}");
        }
    }
}

#[test]
fn a_fatal_alert_of_ours_is_queued_until_its_last_byte_was_taken() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        end.tls.write(&[b"data"]).unwrap();
        let forged = end.peer.forge(DATA, b"forged");
        assert!(end.receive(&forged).is_err());
        while !end.tls.unsent().is_empty() {
            let queued = WriteEnd::AlertQueued(AlertDescription::BAD_RECORD_MAC);
            assert_eq!(end.tls.end().write, queued);
            end.take(1);
        }
        let sent = WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC);
        assert_eq!(end.tls.end().write, sent);
        assert_eq!(end.opened(), [data(b"data"), alert([2, 20])], "data leaves before it");
    }
}

#[test]
fn a_fatal_alert_waits_for_room() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        end.fill();
        let waits = end.tls.unsent().len();
        end.tls.abort(AlertDescription::DECODE_ERROR).unwrap();
        assert_eq!(end.tls.unsent().len(), waits);
        assert_eq!(end.tls.abort(AlertDescription::DECODE_ERROR), Err(CloseError::Failed));
        let records = end.send_in(5);
        assert_eq!(records.last(), Some(&alert([2, 50])));
    }
}

// RFC 9846 section 6.2: implementations should log the alerts that they send and receive.
#[test]
fn every_sealed_alert_is_reported_once_and_in_order() {
    let mut told = Vec::new();
    let mut tls12 = Wired::<512>::new(Suite::Tls12Gcm);
    for _ in 0..2 {
        tls12.tls.with_halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
    }
    tls12.tls.with_halves(|_, sealer| sealer.cancel()).unwrap();
    while let Some(description) = tls12.tls.take_sealed_alert() {
        told.push(description);
    }
    use AlertDescription as Alert;
    let expected = [
        Alert::NO_RENEGOTIATION,
        Alert::NO_RENEGOTIATION,
        Alert::USER_CANCELED,
        Alert::CLOSE_NOTIFY,
    ];
    assert_eq!(told, expected);

    let mut tls13 = Wired::<512>::new(Suite::Tls13);
    assert_eq!(tls13.tls.take_sealed_alert(), None);
    tls13.tls.abort(Alert::INTERNAL_ERROR).unwrap();
    assert_eq!(tls13.tls.take_sealed_alert(), Some(Alert::INTERNAL_ERROR));
    assert_eq!(tls13.tls.take_sealed_alert(), None);
}
