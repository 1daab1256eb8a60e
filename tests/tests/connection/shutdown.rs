//! The answers of a shutdown in one step and in two. Tests that are named after answers of
//! `gsk_secure_socket_shutdown` check what z/OS System SSL promises of them.

use std::io::{self, ErrorKind};

use tls_record::close::OnPeerClose;
use tls_record::{
    AlertDescription, Config, Connection, End, Epoch, Fault, KeyError, OpenError, ReadEnd, Role,
    SealError, ShutdownError, WriteEnd,
};
use tls_record_tests::records::{
    self, ALERT, CLOSE_NOTIFY, DATA, Got, HANDSHAKE, Layer, Secret, Suite, key_update, message,
    plaintext,
};

use crate::support::{CLEAN, PIECES, Wired, alert, data};

#[test]
fn gsk_ok_says_that_the_transport_took_the_last_byte() {
    for suite in Suite::ALL {
        for piece in PIECES {
            let mut end = Wired::<512>::new(suite);
            assert_eq!(end.tls.write(&[b"some", b" data"]), Ok(9));
            loop {
                match end.tls.shutdown() {
                    Ok(()) => break,
                    Err(ShutdownError::WouldBlock) => {}
                    Err(error) => panic!("{error}"),
                }
                assert_ne!(end.tls.unsent(), []);
                assert_eq!(end.tls.end().write, WriteEnd::Closing);
                end.take(piece);
            }
            assert_eq!(end.tls.unsent(), []);
            assert_eq!(end.tls.end().write, WriteEnd::Closed);
            assert_eq!(end.opened(), [data(b"some data"), alert(CLOSE_NOTIFY)]);
            // One step does not depend on the peer's direction.
            assert_eq!(end.tls.end().read, ReadEnd::Open);
            assert_eq!(end.accept(DATA, b"late"), [Got::Data(b"late".to_vec())]);
        }
    }
}

#[test]
fn gsk_connection_active_while_a_slot_is_reserved() {
    for suite in Suite::ALL {
        for commits in [false, true] {
            let mut end = Wired::<512>::new(suite);
            end.tls.reserve(10).unwrap()[..4].copy_from_slice(b"slot");
            for _ in 0..3 {
                assert_eq!(end.tls.shutdown(), Err(ShutdownError::SlotReserved));
                assert_eq!(end.tls.shutdown_both(0), Err(ShutdownError::SlotReserved));
            }
            // Nothing is queued: the connection is still open.
            assert_eq!((end.tls.unsent(), end.tls.end().write), (&[][..], WriteEnd::Open));
            assert!(end.tls.may_write());
            let mut expected = Vec::new();
            if commits {
                end.tls.commit(4).unwrap();
                expected.push(data(b"slot"));
            } else {
                end.tls.discard().unwrap();
            }
            assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
            expected.push(alert(CLOSE_NOTIFY));
            assert_eq!(end.send(), expected);
            assert_eq!(end.tls.shutdown(), Ok(()));
        }
    }
}

#[test]
fn gsk_err_connection_closed_when_our_close_notify_has_left() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
        // A write after the shutdown is an error at once.
        for _ in 0..2 {
            assert_eq!(end.tls.write(&[b"late"]), Err(SealError::Closed));
            assert_eq!(end.tls.write_handshake(&[&message(4, b"")]), Err(SealError::Closed));
            assert_eq!(end.tls.reserve(4), Err(SealError::Closed));
            assert_eq!(end.tls.update_keys(false), Err(KeyError::Closed));
            assert!(!end.tls.may_write() && !end.tls.can_write());
            end.send();
        }
        assert_eq!(end.tls.shutdown(), Ok(()));
        for _ in 0..3 {
            assert_eq!(end.tls.shutdown(), Err(ShutdownError::AlreadyClosed));
            assert_eq!(end.send(), []);
        }
    }
}

/// The caller gets the error of its transport, and bytes that were not taken stay unsent.
#[test]
fn gsk_err_io_is_the_error_of_the_transport() {
    fn close<const TX: usize>(
        end: &mut Wired<TX>,
        mut transport: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<()> {
        loop {
            match end.tls.shutdown() {
                Ok(()) => return Ok(()),
                Err(ShutdownError::WouldBlock) => {
                    let taken = transport()?;
                    end.take(taken);
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
    for suite in Suite::ALL {
        for before in 0..suite.overhead() + 2 {
            let mut end = Wired::<512>::new(suite);
            let mut calls = 0;
            let closed = close(&mut end, || {
                calls += 1;
                if calls > before { Err(ErrorKind::ConnectionReset.into()) } else { Ok(1) }
            });
            assert_eq!(closed.unwrap_err().kind(), ErrorKind::ConnectionReset);
            assert_eq!(end.tls.end().write, WriteEnd::Closing, "{before} bytes of it left");
            // If the transport goes on, the rest follows.
            close(&mut end, || Ok(3)).unwrap();
            assert_eq!(end.opened(), [alert(CLOSE_NOTIFY)]);
        }
    }
}

#[test]
fn gsk_err_not_sslv3_when_the_peer_does_not_speak_tls() {
    for role in [Role::Client, Role::Server] {
        for first in [&b"GET / HTTP/1.1"[..], b"HTTP/1.1 400", &[0x80, 0x2e, 1, 0, 2]] {
            for hello in [false, true] {
                let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(role)));
                if hello {
                    tls.write_handshake(&[&message(1, b"hello")]).unwrap();
                    if role == Role::Client {
                        tls.sent(3);
                    }
                }
                let error = OpenError::Fault(Fault::NotTls);
                assert_eq!(tls.received(&mut first.to_vec()), Err(error), "{role:?}");
                // There is no TLS peer to alert, and no record sent in part.
                assert_eq!(tls.unsent(), []);
                for _ in 0..2 {
                    assert_eq!(tls.shutdown(), Err(ShutdownError::NotTls), "{role:?} {hello}");
                    assert_eq!(tls.shutdown_both(100), Err(ShutdownError::NotTls));
                }
                let end = End { read: ReadEnd::Fault(Fault::NotTls), write: WriteEnd::Failed };
                assert_eq!(tls.end(), end);
            }
        }
    }
}

#[test]
fn gsk_err_not_sslv3_also_after_our_close_notify() {
    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Client)));
    tls.write_handshake(&[&message(1, b"hello")]).unwrap();
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));
    tls.sent(usize::MAX);
    assert_eq!(tls.shutdown_both(100), Err(ShutdownError::AwaitingPeer { drained: 0 }));
    assert!(tls.received(&mut b"HTTP/1.1 400".to_vec()).is_err());
    assert_eq!(tls.shutdown_both(100), Err(ShutdownError::NotTls));
}

#[test]
fn gsk_err_socket_closed_before_the_peers_close_notify() {
    for suite in Suite::ALL {
        for inside_record in [false, true] {
            for shuts_down_first in [false, true] {
                let mut end = Wired::<512>::new(suite);
                if shuts_down_first {
                    assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
                }
                if inside_record {
                    end.tls.received(&mut [23, 3]).unwrap();
                }
                let read = ReadEnd::Truncated { epoch: Epoch::Application, inside_record };
                assert_eq!(end.tls.eof(), read);
                for _ in 0..3 {
                    assert_eq!(end.tls.shutdown(), Err(ShutdownError::Truncated));
                    assert_eq!(end.tls.shutdown_both(100), Err(ShutdownError::Truncated));
                }
                // The other direction may still be open.
                assert_eq!(end.tls.end(), End { read, write: WriteEnd::Closing });
                assert_eq!(end.send(), [alert(CLOSE_NOTIFY)]);
                assert_eq!(end.tls.shutdown(), Err(ShutdownError::Truncated));
                assert_eq!(end.tls.end(), End { read, write: WriteEnd::Closed });
                assert!(!end.tls.end().is_clean());
                assert_eq!(end.send(), []);
            }
        }
    }
}

/// The peer has closed its direction and gone: our close_notify is still sent.
#[test]
fn gsk_err_socket_closed_is_not_said_after_the_peers_close_notify() {
    for suite in Suite::ALL {
        for policy in [OnPeerClose::Reply, OnPeerClose::HalfClose] {
            let mut end =
                Wired::<512>::configured(suite, |config| config.tls12_on_peer_close = policy);
            end.accept(ALERT, &CLOSE_NOTIFY);
            assert_eq!(end.tls.eof(), ReadEnd::Closed { epoch: Epoch::Application });
            let replies = suite != Suite::Tls13 && policy == OnPeerClose::Reply;
            assert_eq!(end.tls.unsent().is_empty(), !replies);
            assert_eq!(end.tls.may_write(), !replies);
            assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
            assert_eq!(end.send_in(1), [alert(CLOSE_NOTIFY)]);
            assert_eq!(end.tls.shutdown(), Ok(()));
            assert_eq!(end.tls.shutdown(), Err(ShutdownError::AlreadyClosed));
            assert_eq!(end.tls.end(), CLEAN);
        }
    }
}

#[test]
fn gsk_invalid_state_before_the_connection_has_started() {
    for role in [Role::Client, Role::Server] {
        let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(role)));
        for _ in 0..3 {
            assert_eq!(tls.shutdown(), Err(ShutdownError::NotStarted));
            assert_eq!(tls.shutdown_both(100), Err(ShutdownError::NotStarted));
            assert_eq!((tls.unsent(), tls.end().write), (&[][..], WriteEnd::Open));
        }
        // Nothing was queued: the handshake can start.
        tls.write_handshake(&[&message(1, b"hello")]).unwrap();
        assert_eq!(tls.unsent().len(), 14);
    }
}

/// A sealed or opened record counts as a start.
#[test]
fn gsk_invalid_state_is_not_said_once_there_is_something_to_close() {
    for takes in [0, 3, 14] {
        let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Client)));
        tls.write_handshake(&[&message(1, b"hello")]).unwrap();
        tls.sent(takes);
        assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock), "{takes} bytes have left");
        assert_eq!(tls.unsent().len(), 14 - takes + 7);
        tls.sent(usize::MAX);
        assert_eq!(tls.shutdown(), Ok(()));
        assert_eq!(tls.shutdown(), Err(ShutdownError::AlreadyClosed));
    }
    let mut layer = Layer::new(Config::new(Role::Client));
    layer.with_halves(|_, sealer| {
        sealer.seal_handshake(&[&message(1, b"hello")], &mut [0; 64]).unwrap();
    });
    let mut tls = Connection::<Secret, 512>::new(layer);
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));

    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Server)));
    tls.received(&mut plaintext(HANDSHAKE, &message(1, b"hello"))).unwrap();
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(tls.unsent(), plaintext(ALERT, &CLOSE_NOTIFY));
}

#[test]
fn gsk_invalid_state_when_the_connection_has_failed() {
    for suite in Suite::ALL {
        // By a fault of the peer, an alert of the peer, and an abort of ours.
        for how in 0..3 {
            for piece in PIECES {
                let mut end = Wired::<512>::new(suite);
                let record = match how {
                    0 => end.peer.forge(DATA, b"forged"),
                    1 => end.peer.seal(ALERT, &[2, 80]),
                    _ => vec![],
                };
                if how == 2 {
                    end.tls.abort(AlertDescription::DECODE_ERROR).unwrap();
                } else {
                    assert!(end.receive(&record).is_err());
                }
                for _ in 0..3 {
                    assert_eq!(end.tls.shutdown(), Err(ShutdownError::Failed));
                    assert_eq!(end.tls.shutdown_both(100), Err(ShutdownError::Failed));
                    assert_eq!(end.tls.write(&[b"data"]), Err(SealError::Failed));
                    assert_eq!(end.tls.reserve(4), Err(SealError::Failed));
                }
                let (sent, write) = match how {
                    0 => (
                        vec![alert([2, 20])],
                        WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC),
                    ),
                    1 => (vec![], WriteEnd::Failed),
                    _ => {
                        (vec![alert([2, 50])], WriteEnd::AlertSent(AlertDescription::DECODE_ERROR))
                    }
                };
                assert_eq!(end.send_in(piece), sent);
                assert_eq!(end.tls.end().write, write);
                assert_eq!(end.tls.shutdown(), Err(ShutdownError::Failed));
            }
        }
    }
}

#[test]
fn gsk_invalid_state_after_a_failure_before_the_version_was_known() {
    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Server)));
    tls.abort(AlertDescription::HANDSHAKE_FAILURE).unwrap();
    for _ in 0..2 {
        assert_eq!(tls.shutdown(), Err(ShutdownError::Failed));
        tls.sent(usize::MAX);
    }
    assert_eq!(
        tls.end().write,
        WriteEnd::AlertSent(AlertDescription::HANDSHAKE_FAILURE),
        "it has left"
    );
}

#[test]
fn gsk_would_block_write_loses_nothing_and_sends_the_alert_once() {
    for suite in Suite::ALL {
        for piece in PIECES {
            let mut end = Wired::<512>::new(suite);
            end.fill();
            let waits = end.tls.unsent().len();
            // There is no room for the alert yet.
            for _ in 0..3 {
                assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
                assert_eq!(end.tls.unsent().len(), waits);
            }
            let mut calls = 0;
            while end.tls.shutdown() == Err(ShutdownError::WouldBlock) {
                end.take(piece);
                calls += 1;
                assert!(calls < 1000, "it does not end");
            }
            let mut records = end.opened();
            assert_eq!(records.pop(), Some(alert(CLOSE_NOTIFY)));
            assert!(!records.is_empty() && records.iter().all(|record| record.0 == DATA));
            assert_eq!(end.tls.shutdown(), Err(ShutdownError::AlreadyClosed));
            assert_eq!(end.send(), []);
        }
    }
}

#[test]
fn gsk_would_block_write_until_the_last_byte_though_it_is_sealed() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    for taken in 0..24 {
        assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock), "{taken} bytes have left");
        assert_eq!(end.tls.end().write, WriteEnd::Closing);
        end.take(1);
    }
    assert_eq!(end.tls.shutdown(), Ok(()));
}

/// A handle never means another connection: not in its own set, not in another.

// Two steps

#[test]
fn two_steps_deliver_data_in_flight() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        assert_eq!(end.accept(DATA, b"before"), [Got::Data(b"before".to_vec())]);
        assert_eq!(end.tls.shutdown_both(1000), Err(ShutdownError::WouldBlock));
        assert_eq!(end.accept(DATA, b"under way"), [Got::Data(b"under way".to_vec())]);
        assert_eq!(end.send_in(1), [alert(CLOSE_NOTIFY)]);
        let drained = (suite.overhead() + 9) as u32;
        assert_eq!(end.tls.shutdown_both(1000), Err(ShutdownError::AwaitingPeer { drained }));
        // A partial record is not drained yet.
        let record = end.peer.seal(DATA, b"more");
        end.tls.received(&mut record[..10].to_vec()).unwrap();
        assert_eq!(end.tls.shutdown_both(1000), Err(ShutdownError::AwaitingPeer { drained }));
        end.receive(&record).unwrap();
        let drained = drained + record.len() as u32;
        assert_eq!(end.tls.shutdown_both(1000), Err(ShutdownError::AwaitingPeer { drained }));
        end.accept(ALERT, &CLOSE_NOTIFY);
        for _ in 0..3 {
            assert_eq!(end.tls.shutdown_both(1000), Ok(()));
            assert_eq!(end.tls.end(), CLEAN);
        }
    }
}

#[test]
fn two_steps_in_any_order_of_the_peers_close() {
    for suite in Suite::ALL {
        for policy in [OnPeerClose::Reply, OnPeerClose::HalfClose] {
            for peer_closes_before in 0..3 {
                let mut end =
                    Wired::<512>::configured(suite, |config| config.tls12_on_peer_close = policy);
                for step in 0..3 {
                    if step == peer_closes_before {
                        end.accept(ALERT, &CLOSE_NOTIFY);
                    }
                    match step {
                        0 => {
                            let blocked = Err(ShutdownError::WouldBlock);
                            assert_eq!(end.tls.shutdown_both(1000), blocked);
                        }
                        1 => assert_eq!(end.send(), [alert(CLOSE_NOTIFY)]),
                        _ => assert_eq!(end.tls.shutdown_both(1000), Ok(())),
                    }
                }
                assert_eq!(end.tls.end(), CLEAN);
            }
        }
    }
}

#[test]
fn the_budget_is_spent_by_one_byte_too_many() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        let _ = end.tls.shutdown();
        end.send();
        end.accept(DATA, b"0123456789");
        let drained = (suite.overhead() + 10) as u32;
        let spent = Err(ShutdownError::BudgetSpent { drained });
        let awaiting = Err(ShutdownError::AwaitingPeer { drained });
        assert_eq!(end.tls.shutdown_both(drained), awaiting);
        assert_eq!(end.tls.shutdown_both(drained - 1), spent);
        assert_eq!(end.tls.shutdown_both(0), spent);
        // A larger budget continues.
        assert_eq!(end.tls.shutdown_both(drained), awaiting);
        end.accept(ALERT, &CLOSE_NOTIFY);
        assert_eq!(end.tls.shutdown_both(0), Ok(()));
    }
}

#[test]
fn records_received_in_pieces_count_for_the_budget() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    let _ = end.tls.shutdown();
    end.send();
    let record = end.peer.seal(DATA, b"in pieces");
    let mut out = [0; 64];
    let opened = end.tls.received_into(&[&record[..7], &record[7..]], &mut out).unwrap();
    assert_eq!(Got::of(&opened.event, &out), Some(Got::Data(b"in pieces".to_vec())));
    assert_eq!(end.tls.shutdown_both(30), Err(ShutdownError::BudgetSpent { drained: 31 }));
    // Its notices are delivered, as by the other call.
    let forged = end.peer.forge(DATA, b"forged");
    assert!(end.tls.received_into(&[&forged], &mut out).is_err());
    assert_eq!(end.tls.shutdown_both(100), Err(ShutdownError::Failed));
    let mut end = Wired::<512>::new(Suite::Tls13);
    let request = end.peer.seal(HANDSHAKE, &key_update(1));
    end.tls.received_into(&[&request], &mut out).unwrap();
    assert_eq!(end.send(), [(HANDSHAKE, key_update(0))]);
}

/// A peer sends forever and does not read: our alert cannot be sent, and waiting is bounded
/// nevertheless.
#[test]
fn the_budget_holds_while_our_alert_waits_for_the_transport() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    assert_eq!(end.tls.shutdown_both(50), Err(ShutdownError::WouldBlock));
    end.accept(DATA, &[0; 28]);
    assert_eq!(end.tls.shutdown_both(50), Err(ShutdownError::WouldBlock));
    end.accept(DATA, b"");
    assert_eq!(end.tls.shutdown_both(50), Err(ShutdownError::BudgetSpent { drained: 72 }));
    assert_eq!(end.tls.end().write, WriteEnd::Closing, "it has not left");
}

#[test]
fn two_steps_end_with_the_transport_or_with_a_failure() {
    for suite in Suite::ALL {
        let closing = || {
            let mut end = Wired::<512>::new(suite);
            let _ = end.tls.shutdown();
            end.send();
            let awaiting = Err(ShutdownError::AwaitingPeer { drained: 0 });
            assert_eq!(end.tls.shutdown_both(0), awaiting);
            end
        };
        let mut end = closing();
        end.tls.eof();
        assert_eq!(end.tls.shutdown_both(0), Err(ShutdownError::Truncated));

        let mut end = closing();
        let forged = end.peer.forge(DATA, b"forged");
        assert!(end.receive(&forged).is_err());
        // Nothing follows a close_notify, not even an alert.
        assert_eq!(end.send(), []);
        assert_eq!(end.tls.shutdown_both(0), Err(ShutdownError::Failed));
        assert_eq!(end.tls.end().write, WriteEnd::Closed);

        let mut end = closing();
        let error = end.peer.seal(ALERT, &[2, 80]);
        assert!(end.receive(&error).is_err());
        assert_eq!(end.tls.shutdown_both(0), Err(ShutdownError::Failed));
    }
}

// Before the end of the handshake a close_notify is not authenticated.
#[test]
fn a_close_notify_in_mid_handshake_is_no_shutdown_of_both() {
    let fresh = || records::Connection::new(Config::new(Role::Client));
    for (connection, epoch) in [
        (fresh(), Epoch::Plaintext),
        (fresh().install(Epoch::Handshake, Suite::Tls13), Epoch::Handshake),
        (fresh().install(Epoch::Handshake, Suite::Tls12Gcm), Epoch::Handshake),
    ] {
        let mut end = Wired::<512>::over(connection);
        assert_eq!(end.accept(ALERT, &CLOSE_NOTIFY), [Got::Closed]);
        assert_eq!(end.tls.end().read, ReadEnd::Closed { epoch });
        assert_eq!(end.tls.shutdown_both(1_000), Err(ShutdownError::WouldBlock));
        end.send();
        // Our close_notify has been sent: one step is complete, and the other never will be.
        for _ in 0..2 {
            assert_eq!(end.tls.shutdown_both(1_000), Err(ShutdownError::ClosedInHandshake));
        }
        assert!(!end.tls.end().is_clean());
    }
}

// Both steps, with split halves and notices carried by hand.
#[test]
fn split_halves_shut_down_in_two_steps_within_a_budget() {
    for suite in Suite::ALL {
        let Wired { tls, mut peer, .. } = Wired::<512>::new(suite);
        let (mut opener, mut writer) = tls.split();
        let mut receive = |opener: &mut tls_record::Opener<Secret>, content: &[u8]| {
            let mut record = peer.seal(DATA, content);
            opener.open(&mut record).unwrap();
            record.len() as u32
        };
        receive(&mut opener, b"before");
        assert_eq!(opener.check_closed(0), Err(ShutdownError::AwaitingPeer { drained: 0 }));
        assert_eq!(writer.shutdown(), Err(ShutdownError::WouldBlock));
        let mut drained = 0;
        for content in [&b"under way"[..], b"", b"and more"] {
            drained += receive(&mut opener, content);
            assert_eq!(opener.check_closed(1_000), Err(ShutdownError::AwaitingPeer { drained }));
            assert_eq!(opener.check_closed(drained), Err(ShutdownError::AwaitingPeer { drained }));
            assert_eq!(
                opener.check_closed(drained - 1),
                Err(ShutdownError::BudgetSpent { drained })
            );
        }
        opener.open(&mut peer.seal(ALERT, &CLOSE_NOTIFY)).unwrap();
        assert_eq!(opener.check_closed(0), Ok(()));
    }
}

// Without an output buffer the budget counts from `close` or `cancel` on.
#[test]
fn a_record_layer_shuts_down_in_two_steps_and_counts_from_the_first() {
    for suite in Suite::ALL {
        for begin in [Layer::close, Layer::cancel] {
            let records::Connection { mut layer, mut peer, .. } =
                records::Connection::established(suite, Role::Client);
            layer.open(&mut peer.seal(DATA, b"before")).unwrap();
            begin(&mut layer).unwrap();
            let mut under_way = peer.seal(DATA, b"under way");
            let drained = under_way.len() as u32;
            layer.open(&mut under_way).unwrap();
            assert_eq!(layer.check_closed(drained), Err(ShutdownError::AwaitingPeer { drained }));
            assert_eq!(
                layer.check_closed(drained - 1),
                Err(ShutdownError::BudgetSpent { drained })
            );
            layer.open(&mut peer.seal(ALERT, &CLOSE_NOTIFY)).unwrap();
            assert_eq!(layer.check_closed(0), Ok(()));
        }
    }
}

// The transport takes nothing any more: the answer must not be to wait.
#[test]
fn gsk_err_io_when_the_transport_has_failed() {
    for suite in Suite::ALL {
        // Before anything, with data in flight, and with our close_notify queued.
        for steps in 0..3 {
            for peer_closes in [false, true] {
                let mut end = Wired::<512>::new(suite);
                if peer_closes {
                    end.accept(ALERT, &CLOSE_NOTIFY);
                }
                if steps > 0 {
                    let _ = end.tls.write(&[b"data"]);
                }
                if steps > 1 {
                    assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
                }
                let read = end.tls.transport_failed();
                assert_eq!(matches!(read, ReadEnd::Closed { .. }), peer_closes);
                for _ in 0..2 {
                    assert_eq!(end.tls.shutdown(), Err(ShutdownError::TransportFailed));
                    assert_eq!(end.tls.shutdown_both(100), Err(ShutdownError::TransportFailed));
                    assert!(end.tls.write(&[b"late"]).is_err());
                    assert_eq!(end.tls.unsent(), []);
                    assert_eq!(end.tls.end().write, WriteEnd::Failed);
                }
                assert!(!end.tls.end().is_clean());
            }
        }
        // Records sent before stay sent.
        let mut end = Wired::<512>::new(suite);
        let _ = end.tls.shutdown();
        end.send();
        end.accept(ALERT, &CLOSE_NOTIFY);
        end.tls.transport_failed();
        assert_eq!(end.tls.shutdown(), Ok(()));
        assert_eq!(end.tls.end(), CLEAN);
    }
}

// An end before the failure of the transport keeps its answer.
#[test]
fn a_failed_transport_changes_no_earlier_end() {
    type Finish = fn(&mut Wired<512>);
    for suite in Suite::ALL {
        let ends: [(Finish, ShutdownError); 4] = [
            (
                |end| {
                    let alert = end.peer.seal(ALERT, &[2, 40]);
                    let _ = end.receive(&alert);
                },
                ShutdownError::Failed,
            ),
            (
                |end| {
                    end.tls.abort(AlertDescription::INTERNAL_ERROR).unwrap();
                    end.send();
                },
                ShutdownError::Failed,
            ),
            (
                |end| {
                    end.tls.suspend(&[3; 32]).unwrap();
                },
                ShutdownError::HandedOver,
            ),
            (
                |end| {
                    let _ = end.tls.shutdown();
                    end.send();
                    end.tls.shutdown().unwrap();
                },
                ShutdownError::AlreadyClosed,
            ),
        ];
        for (finish, answer) in ends {
            let mut end = Wired::<512>::new(suite);
            finish(&mut end);
            let before = end.tls.end().write;
            assert_eq!(end.tls.shutdown(), Err(answer));
            end.tls.transport_failed();
            for _ in 0..2 {
                assert_eq!(end.tls.shutdown(), Err(answer));
            }
            assert_eq!(end.tls.end().write, before);
        }
    }
    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Server)));
    tls.received(&mut b"GET / HTTP/1.0".to_vec()).unwrap_err();
    assert_eq!(tls.shutdown(), Err(ShutdownError::NotTls));
    tls.transport_failed();
    assert_eq!(tls.shutdown(), Err(ShutdownError::NotTls));
}
