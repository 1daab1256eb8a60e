//! Futures that are dropped, futures that must not be, and futures that wait for two things.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_io::{ErrorKind, ErrorType};
use embedded_io_async as asynch;
use tls_record_alloc::tls_record::{EmbeddedStream, MAX_RECORD, StreamError};
use tls_record_tests::peers::{Peer, PeerEnd, Role};

use crate::endpoint::embedded::{read_some, settle, stream};
use crate::polling::{again, finish, poll_once};
use crate::support::{KEY_UPDATE_RECORD, ROLES, Stack, TLS12, TLS13, message};
use crate::wire::{SharedWire, Wire, WireError};

/// A transport whose futures move their bytes at the first poll and must not be dropped before they
/// are ready.
struct Hasty(Wire<dyn Peer>);

/// A guard that such a future holds while it waits.
struct Underway;

impl Drop for Underway {
    fn drop(&mut self) {
        panic!("a future was dropped while bytes were under way");
    }
}

async fn some_polls() {
    let underway = Underway;
    for _ in 0..3 {
        let mut is_polled = false;
        std::future::poll_fn(|_| match std::mem::replace(&mut is_polled, true) {
            false => Poll::Pending,
            true => Poll::Ready(()),
        })
        .await;
    }
    std::mem::forget(underway);
}

impl ErrorType for Hasty {
    type Error = WireError;
}

impl asynch::Read for Hasty {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        self.0.assert_flushed();
        let len = self.0.receive(out);
        some_polls().await;
        len
    }
}

impl asynch::Write for Hasty {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        let sent = self.0.send(bytes);
        some_polls().await;
        sent
    }

    async fn flush(&mut self) -> Result<(), WireError> {
        some_polls().await;
        self.0.pass_on()
    }
}

#[test]
fn futures_that_are_dropped_at_every_poll_lose_nothing() {
    for role in ROLES {
        for agreed in [TLS12, TLS13] {
            for piece in [1, 7, 1000] {
                let mut tls = stream(role, agreed, Stack::Openssl);
                tls.transport_mut().piece = piece;
                tls.transport_mut().hesitates = true;
                let data = message(10_000);
                let mut written = 0;
                while written < data.len() {
                    written +=
                        again(|| poll_once(asynch::Write::write(&mut tls, &data[written..])));
                }
                again(|| poll_once(asynch::Write::flush(&mut tls)));
                assert_eq!(tls.transport_mut().peer.read(), data);

                tls.transport_mut().peer.write(&data);
                if agreed == TLS13 {
                    tls.transport_mut().peer.key_update(true);
                }
                tls.transport_mut().peer.write(b"the last");
                let mut received = Vec::new();
                let mut out = [0; 999];
                while received.len() < data.len() + 8 {
                    let len = again(|| poll_once(asynch::Read::read(&mut tls, &mut out)));
                    received.extend_from_slice(&out[..len]);
                }
                assert_eq!(received, [&data[..], b"the last"].concat());

                again(|| poll_once(tls.close_async()));
                assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
                assert!(tls.transport_mut().flushed);
                let mut rest = Vec::new();
                if agreed == TLS13 {
                    tls.transport_mut().peer.write(b"and the rest");
                    rest = b"and the rest".to_vec();
                }
                tls.transport_mut().peer.close();
                let mut drained = Vec::new();
                again(|| {
                    poll_once(tls.close_and_drain_async(99, |data| drained.extend_from_slice(data)))
                });
                assert_eq!(drained, rest);
                assert!(tls.end().is_clean());
            }
        }
    }
}

#[test]
fn futures_of_the_transport_are_never_dropped_by_the_stream() {
    let (connection, received, wire) = stream(Role::Client, TLS13, Stack::Openssl).into_parts();
    let mut tls: EmbeddedStream<_, _, MAX_RECORD, 2048> =
        EmbeddedStream::new(connection, received, Hasty(wire));
    assert_eq!(finish(asynch::Write::write(&mut tls, b"request")), Ok(7));
    tls.transport_mut().0.peer.write(b"one");
    tls.transport_mut().0.peer.key_update(true);
    tls.transport_mut().0.peer.write(b"two");
    for expected in [b"one", b"two"] {
        let mut out = [0; 9];
        assert_eq!(finish(asynch::Read::read(&mut tls, &mut out)), Ok(3));
        assert_eq!(&out[..3], expected);
    }
    assert_eq!(finish(asynch::Write::write(&mut tls, b" and more")), Ok(9));
    tls.transport_mut().0.peer.write(b"the rest");
    tls.transport_mut().0.peer.close();
    let mut rest = Vec::new();
    finish(tls.close_and_drain_async(1000, |data| rest.extend_from_slice(data))).unwrap();
    assert_eq!(rest, b"the rest");
    assert_eq!(tls.transport_mut().0.peer.read(), b"request and more");
    assert!(tls.end().is_clean());
}

#[test]
fn received_data_is_read_though_the_transport_takes_nothing() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    tls.transport_mut().peer.write(b"one");
    tls.transport_mut().peer.key_update(true);
    tls.transport_mut().peer.write(b"two");
    assert_eq!(read_some(&mut tls), b"one");
    let before = tls.transport_mut().sent;
    tls.transport_mut().is_blocked = true;
    let mut out = [0; 9];
    assert_eq!(poll_once(asynch::Read::read(&mut tls, &mut out)), Poll::Ready(Ok(3)));
    // It waits until the answer is sent before it waits for the peer.
    tls.transport_mut().peer.write(b"three");
    assert!(poll_once(asynch::Read::read(&mut tls, &mut out)).is_pending());
    assert!(!tls.transport_mut().collect().is_empty());
    tls.transport_mut().unblock();
    assert_eq!(poll_once(asynch::Read::read(&mut tls, &mut out)), Poll::Ready(Ok(5)));
    assert_eq!(tls.transport_mut().sent - before, KEY_UPDATE_RECORD);
}

#[test]
fn data_is_read_though_sending_fails() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    assert_eq!(poll_once(asynch::Write::write(&mut tls, b"some")), Poll::Ready(Ok(4)));
    tls.transport_mut().is_broken = true;
    tls.transport_mut().peer.write(b"data");
    let mut out = [0; 9];
    assert_eq!(poll_once(asynch::Read::read(&mut tls, &mut out)), Poll::Ready(Ok(4)));
    let broken = Err(StreamError::Transport(WireError::Broken));
    assert_eq!(poll_once(asynch::Write::flush(&mut tls)), Poll::Ready(broken));
    assert_eq!(tls.transport_error(), Some(ErrorKind::NotConnected));
}

#[test]
fn one_future_that_reads_sends_when_the_transport_is_ready() {
    let (connection, received, wire) = stream(Role::Client, TLS13, Stack::Openssl).into_parts();
    let wire = SharedWire::new(wire);
    let mut tls: EmbeddedStream<_, _, MAX_RECORD, 2048> =
        EmbeddedStream::new(connection, received, wire.clone());
    assert!(poll_once(asynch::Read::read(&mut tls, &mut [0])).is_pending(), "tickets");
    wire.get().is_blocked = true;
    wire.get().peer.key_update(true);
    let before = wire.get().sent;
    let mut out = [0; 9];
    let mut read = pin!(asynch::Read::read(&mut tls, &mut out));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(read.as_mut().poll(&mut cx).is_pending());
    assert!(read.as_mut().poll(&mut cx).is_pending(), "woken for nothing");
    assert_eq!(wire.get().sent, before);
    wire.get().is_blocked = false;
    assert!(read.as_mut().poll(&mut cx).is_pending());
    assert_eq!(wire.get().sent - before, KEY_UPDATE_RECORD);
    wire.get().peer.write(b"data");
    assert_eq!(read.as_mut().poll(&mut cx), Poll::Ready(Ok(4)));
}
