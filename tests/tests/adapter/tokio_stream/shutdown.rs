//! Shutting down in one step or two, closing, and taking a stream apart.

use std::io::ErrorKind;
use std::task::Poll;

use tls_record_alloc::Shutdown;
use tls_record_alloc::tls_record::{AlertDescription, OpenError, ShutdownError, WriteEnd};
use tls_record_tests::peers::{PeerEnd, Role, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{for_each_stream, is_idle, read_exactly, read_some, stream};
use crate::endpoint::inner;
use crate::polling::{again, now, poll_once};
use crate::support::{Stack, TLS13, message};

#[test]
fn shutting_down_in_two_steps_waits_and_keeps_data_in_flight() {
    for_each_stream(|mut tls, agreed| {
        tls.set_shutdown(Shutdown::TwoSteps { budget: 50_000 });
        tls.transport_mut().peer.write(&message(49_990));
        tls.transport_mut().collect();
        assert_eq!(read_some(&mut tls), message(100));
        if agreed.version == Version::Tls13 {
            assert!(poll_once(tls.shutdown()).is_pending());
            assert!(!tls.transport().shut_down);
            assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
            tls.transport_mut().peer.write(b"the end");
        }
        let sent = tls.transport().sent;
        tls.transport_mut().peer.close();
        now(tls.shutdown()).unwrap();
        assert!(tls.transport().shut_down);
        if agreed.version == Version::Tls13 {
            assert_eq!(tls.transport().sent, sent, "one close_notify");
        }
        let mut rest = Vec::new();
        now(tls.read_to_end(&mut rest)).unwrap();
        assert_eq!(rest[..49_890], message(49_990)[100..]);
        assert_eq!(rest.len() - 49_890, if agreed.version == Version::Tls13 { 7 } else { 0 });
        assert!(tls.end().is_clean());
    });
}

#[test]
fn data_during_a_shutdown_has_a_budget() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.set_shutdown(Shutdown::TwoSteps { budget: 20_000 });
    tls.transport_mut().peer.write(&message(16_384));
    tls.transport_mut().peer.write(&message(16_384));
    let drained = 2 * (5 + 16_384 + 1 + 16);
    for _ in 0..2 {
        let error = now(tls.shutdown()).unwrap_err();
        assert_eq!(inner::<ShutdownError>(&error), ShutdownError::BudgetSpent { drained });
    }
    let mut data = vec![0; 32_768];
    now(tls.read_exact(&mut data)).unwrap();
    assert_eq!(data, [message(16_384), message(16_384)].concat());
    tls.set_shutdown(Shutdown::TwoSteps { budget: 40_000 });
    assert!(poll_once(tls.shutdown()).is_pending());
    tls.transport_mut().peer.close();
    now(tls.shutdown()).unwrap();
    assert!(tls.end().is_clean());
}

// 9846 6.1: the end of the peer's direction has no effect on ours.
#[test]
fn everything_is_sent_though_the_peer_was_cut_off() {
    for two_steps in [false, true] {
        for_each_stream(|mut tls, _| {
            assert!(is_idle(&mut tls), "tickets");
            if two_steps {
                tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
            }
            tls.transport_mut().piece = 7;
            tls.transport_mut().hesitates = true;
            assert_eq!(again(|| poll_once(tls.write(&message(40_000)))), 40_000);
            tls.transport_mut().ends = true;
            let mut polls = 0;
            let shut = loop {
                polls += 1;
                if let Poll::Ready(shut) = poll_once(tls.shutdown()) {
                    break shut;
                }
                assert!(!tls.transport().shut_down);
                let has_left = tls.transport().peer.end() == PeerEnd::CloseNotify;
                assert_eq!(tls.end().write == WriteEnd::Closed, has_left);
            };
            assert!(polls > 2000, "{polls}");
            if two_steps {
                assert_eq!(inner::<OpenError>(&shut.unwrap_err()), OpenError::Truncated);
            } else {
                shut.unwrap();
            }
            assert!(tls.transport().shut_down);
            assert_eq!(tls.end().write, WriteEnd::Closed);
            assert_eq!(tls.transport_mut().peer.read(), message(40_000));
            assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
        });
    }
}

#[test]
fn closing_leaves_the_transport_open_for_what_follows_tls() {
    for_each_stream(|mut tls, _| {
        assert!(is_idle(&mut tls), "tickets");
        tls.transport_mut().is_blocked = true;
        assert!(poll_once(tls.close()).is_pending());
        assert_eq!(tls.end().write, WriteEnd::Closing);
        assert_eq!(now(tls.write(b"late")).unwrap_err().kind(), ErrorKind::BrokenPipe);
        tls.transport_mut().unblock();
        now(tls.close()).unwrap();
        assert!(!tls.transport().shut_down);
        tls.transport_mut().peer.close();
        tls.transport_mut().collect().extend(b"220 plaintext\r\n");
        assert_eq!(now(tls.read(&mut [0])).unwrap(), 0);
        assert!(tls.end().is_clean());
        assert_eq!(tls.into_parts().received.filled(), b"220 plaintext\r\n");
    });
}

#[test]
fn a_stream_that_is_taken_apart_gives_back_unread_and_unsent_bytes() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
    tls.transport_mut().is_blocked = true;
    assert_eq!(now(tls.write(b"unsent")).unwrap(), 6);
    tls.transport_mut().peer.write(b"data");
    assert!(poll_once(tls.shutdown()).is_pending());
    tls.transport_mut().peer.write(b"more");
    tls.transport_mut().peer.write(b"waits");
    assert_eq!(read_exactly(&mut tls, 6), b"datamo");
    let parts = tls.into_parts();
    assert_eq!(parts.unread.filled(), b"re");
    assert_eq!(parts.received.filled().len(), 5 + 5 + 1 + 16);
    assert_eq!(parts.unsent.filled().len(), 5 + 6 + 1 + 16);
}

#[test]
fn session_tickets_in_flight_count_for_the_budget_of_a_shutdown() {
    let mut tls = stream(Role::Client, TLS13, Stack::Rustls);
    tls.transport_mut().peer.close();
    tls.set_shutdown(Shutdown::TwoSteps { budget: 100 });
    let error = now(tls.shutdown()).unwrap_err();
    assert!(matches!(inner(&error), ShutdownError::BudgetSpent { .. }));
    tls.set_shutdown(Shutdown::TwoSteps { budget: 10_000 });
    now(tls.shutdown()).unwrap();
    assert!(tls.end().is_clean());
}

// Data that was decrypted before the shutdown does not count for the budget, and is kept.
#[test]
fn data_that_is_half_read_survives_a_shutdown_without_a_budget() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.transport_mut().peer.write(&message(16_384));
    assert_eq!(read_exactly(&mut tls, 10), message(10));
    tls.set_shutdown(Shutdown::TwoSteps { budget: 0 });
    assert!(poll_once(tls.shutdown()).is_pending());
    tls.transport_mut().peer.write(b"one byte too many");
    let error = now(tls.shutdown()).unwrap_err();
    assert!(matches!(inner(&error), ShutdownError::BudgetSpent { .. }));
    let all = [message(16_384), b"one byte too many".to_vec()].concat();
    assert_eq!(read_exactly(&mut tls, all.len() - 10), all[10..]);
}

#[test]
fn an_error_of_shutting_the_transport_down_is_remembered() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().shut_error = Some(ErrorKind::PermissionDenied);
    assert_eq!(now(tls.shutdown()).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(tls.transport_error(), Some(ErrorKind::PermissionDenied));
    assert_eq!(tls.end().write, WriteEnd::Closed, "our close_notify has left");
}

// A socket whose peer answers our close_notify with a reset is not connected any more: ENOTCONN.
#[test]
fn a_transport_that_is_not_connected_any_more_is_shut_down() {
    for is_two_steps in [false, true] {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        if is_two_steps {
            tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
        }
        tls.transport_mut().peer.close();
        assert_eq!(now(tls.read(&mut [0])).unwrap(), 0);
        tls.transport_mut().shut_error = Some(ErrorKind::NotConnected);
        for _ in 0..2 {
            now(tls.shutdown()).unwrap();
        }
        assert_eq!(tls.transport_error(), None);
        assert!(tls.end().is_clean());
    }
}

#[test]
fn a_writing_half_shuts_down_a_transport_that_is_not_connected_any_more() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().shut_error = Some(ErrorKind::NotConnected);
    let (_read, mut write) = tls.into_split(tokio::io::split);
    for _ in 0..2 {
        now(write.shutdown()).unwrap();
    }
    assert_eq!(write.transport_error(), None);
    assert_eq!(write.end(), WriteEnd::Closed);
}

#[test]
fn shutting_down_in_two_steps_is_truncated_by_the_end_of_the_transport() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.set_shutdown(Shutdown::TwoSteps { budget: 100 });
    tls.transport_mut().peer.write(b"under way");
    tls.transport_mut().ends = true;
    let error = now(tls.shutdown()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(read_some(&mut tls), b"under way");
    assert_eq!(now(tls.read(&mut [0])).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn shutting_down_in_two_steps_reads_while_it_cannot_send() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
    tls.transport_mut().is_blocked = true;
    now(tls.write(b"some")).unwrap();
    // The peer reads only after its own data is taken.
    tls.transport_mut().peer.write(&message(500));
    assert!(poll_once(tls.shutdown()).is_pending());
    assert!(tls.transport_mut().collect().is_empty());
    tls.transport_mut().unblock();
    assert!(poll_once(tls.shutdown()).is_pending());
    assert_eq!(tls.transport_mut().peer.read(), b"some");
    tls.transport_mut().peer.close();
    now(tls.shutdown()).unwrap();
    let mut rest = Vec::new();
    now(tls.read_to_end(&mut rest)).unwrap();
    assert_eq!(rest, message(500));
}

#[test]
fn shutting_down_a_failed_stream_waits_until_its_alert_is_sent() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.transport_mut().peer.write(b"bad");
    *tls.transport_mut().collect().back_mut().unwrap() ^= 1;
    tls.transport_mut().is_blocked = true;
    assert!(now(tls.read(&mut [0])).is_err());
    assert!(poll_once(tls.shutdown()).is_pending());
    tls.transport_mut().unblock();
    assert!(now(tls.shutdown()).is_err());
    let alert = AlertDescription::BAD_RECORD_MAC;
    assert_eq!(tls.transport().peer.end(), PeerEnd::Alert(alert.0));
}
