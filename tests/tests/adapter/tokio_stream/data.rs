//! Data, over transports that are not ready, and by futures that are dropped.

use tls_record_alloc::Shutdown;
use tls_record_tests::peers::{PeerEnd, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{for_each_stream, is_idle, stream};
use crate::endpoint::tokio::Tls;
use crate::polling::{again, now, poll_once};
use crate::support::{ROLES, Stack, TLS12, TLS13, handshake, message, other};
use crate::wire::Wire;

#[test]
fn a_write_is_taken_or_waits_and_a_flush_waits_for_the_transport() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().is_blocked = true;
    assert_eq!(now(tls.write(b"one ")).unwrap(), 4, "it is sealed and kept");
    assert!(poll_once(tls.write(b"two")).is_pending(), "nothing of it is taken");
    assert!(poll_once(tls.flush()).is_pending());
    assert!(tls.wants_write());
    tls.transport_mut().unblock();
    tls.transport_mut().is_flush_blocked = true;
    assert!(poll_once(tls.flush()).is_pending(), "taken and not flushed");
    assert!(!tls.transport().flushed && tls.wants_write());
    tls.transport_mut().is_flush_blocked = false;
    now(tls.flush()).unwrap();
    assert!(tls.transport().flushed && !tls.wants_write());
    assert_eq!(now(tls.write(b"three")).unwrap(), 5);
    assert_eq!(tls.transport_mut().peer.read(), b"one three");
}

#[test]
fn futures_that_are_dropped_at_every_poll_lose_nothing() {
    for role in ROLES {
        for agreed in [TLS12, TLS13] {
            for piece in [1, 7, 1000] {
                let mut handshake = handshake(role, agreed);
                let mut wire = Wire::to(Stack::Openssl.peer(other(role), agreed));
                wire.piece = piece;
                wire.hesitates = true;
                again(|| poll_once(handshake.complete_async(&mut wire)));
                let mut tls = Tls::new(handshake.finish().unwrap(), wire);

                let data = message(20_000);
                let mut written = 0;
                while written < data.len() {
                    written += again(|| poll_once(tls.write(&data[written..])));
                }
                again(|| poll_once(tls.flush()));
                assert!(!tls.wants_write());
                assert_eq!(tls.transport_mut().peer.read(), data);

                tls.transport_mut().peer.write(&data);
                if agreed == TLS13 {
                    tls.transport_mut().peer.key_update(true);
                }
                tls.transport_mut().peer.write(b"the last");
                let mut received = Vec::new();
                let mut out = [0; 999];
                while received.len() < data.len() + 8 {
                    let len = again(|| poll_once(tls.read(&mut out)));
                    received.extend_from_slice(&out[..len]);
                }
                assert_eq!(received, [&data[..], b"the last"].concat());

                tls.set_shutdown(Shutdown::TwoSteps { budget: 100 });
                let mut is_answered = false;
                while poll_once(tls.shutdown()).map(Result::unwrap).is_pending() {
                    let peer = &mut tls.transport_mut().peer;
                    if peer.end() == PeerEnd::CloseNotify && !is_answered {
                        is_answered = true;
                        if agreed == TLS13 {
                            peer.write(b"and the rest");
                        }
                        peer.close();
                    }
                }
                assert!(is_answered && tls.transport().shut_down);
                let rest = again(|| poll_once(tls.read(&mut out)));
                assert_eq!(rest, if agreed == TLS13 { 12 } else { 0 });
                assert!(tls.end().is_clean());
            }
        }
    }
}

// A proxy reads with a buffer that is longer than many records.
#[test]
fn one_read_takes_all_records_that_have_arrived_and_one_poll_of_the_transport_brings_many() {
    for_each_stream(|mut tls, _| {
        assert!(is_idle(&mut tls), "tickets");
        for _ in 0..64 {
            tls.transport_mut().peer.write(&[7; 1024]);
        }
        let polls = tls.transport().calls;
        let (mut out, mut reads) = (vec![0; 80_000], 0);
        let mut len = 0;
        while len < 64 * 1024 {
            len += now(tls.read(&mut out[len..])).unwrap();
            reads += 1;
        }
        assert_eq!(out[..len], [7; 64 * 1024]);
        // The buffer grows from 2 KiB as it is filled. A read fills the room of the caller as long
        // as the transport has more.
        assert!(reads <= 2 && tls.transport().calls - polls <= 8, "{reads} reads");
    });
}

#[test]
fn reading_does_not_try_a_broken_transport_again_and_flushing_does() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.transport_mut().is_broken = true;
    assert_eq!(now(tls.write(b"data")).unwrap(), 4);
    tls.transport_mut().is_broken = false;
    let before = tls.transport().sent;
    assert!(is_idle(&mut tls));
    assert_eq!(tls.transport().sent, before);
    now(tls.flush()).unwrap();
    assert_eq!(tls.transport_mut().peer.read(), b"data");
}
