//! The stream of tokio over transports of every temper.

use std::collections::VecDeque;
use std::error::Error;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, split,
};

use crate::support::{
    Adapter, ROLES, Stack, client_handshake, distrustful_config, handshake, other,
};
use tls_record_alloc::tls_record::aead::{ring::Ring, rustcrypto::RustCrypto};
use tls_record_alloc::tls_record::{
    AlertDescription, CloseError, End, Fault, KeyError, OpenError, ReadEnd, SealError,
    ShutdownError, WriteEnd,
};
use tls_record_alloc::{HandshakeError, Shutdown, TokioStream};
use tls_record_tests::breakable::{self, Breakable};
use tls_record_tests::peers::{
    Negotiated, OpensslPeer, Peer, PeerEnd, Role, RustlsPeer, SERVER_NAME, Suite, Version,
    rustls_client_config, rustls_server_config,
};

const TLS12: Negotiated = Negotiated { version: Version::Tls12, suite: Suite::Aes128Gcm };
const TLS13: Negotiated = Negotiated { version: Version::Tls13, suite: Suite::Aes128Gcm };

/// A KeyUpdate's record in TLS 1.3: header, message, content type, tag.
const KEY_UPDATE_RECORD: usize = 5 + 5 + 1 + 16;

const READ: usize = 0;
const WRITE: usize = 1;

/// A transport with a peer in memory at its other end. As a real one, it wakes the task that polled
/// a direction last.
struct Wire<Q: ?Sized> {
    peer: Box<Q>,
    incoming: VecDeque<u8>,
    /// Whether the transport ends when all that the peer sent is read.
    ends: bool,
    /// The most bytes that one poll carries.
    piece: usize,
    /// Every second poll of a direction is not ready, and wakes at once.
    hesitates: bool,
    hesitated: [bool; 2],
    polls: usize,
    is_blocked: bool,
    is_broken: bool,
    fails_to_shut: bool,
    holds_back: bool,
    flushed: bool,
    shut_down: bool,
    /// Bytes that were written.
    sent: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl<Q: Peer + ?Sized> Wire<Q> {
    fn to(peer: Box<Q>) -> Self {
        Self {
            peer,
            incoming: VecDeque::new(),
            ends: false,
            piece: usize::MAX,
            hesitates: false,
            hesitated: [false; 2],
            polls: 0,
            is_blocked: false,
            is_broken: false,
            fails_to_shut: false,
            holds_back: false,
            flushed: true,
            shut_down: false,
            sent: 0,
            reader: None,
            writer: None,
        }
    }

    fn poll(&mut self, direction: usize, cx: &Context<'_>) -> Poll<()> {
        self.polls += 1;
        let hesitated = &mut self.hesitated[direction];
        *hesitated = self.hesitates && !*hesitated;
        if *hesitated {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Takes what the peer sent, to change it.
    fn collect(&mut self) -> &mut VecDeque<u8> {
        self.incoming.extend(self.peer.take_output());
        &mut self.incoming
    }

    fn unblock(&mut self) {
        self.is_blocked = false;
        self.writer.take().unwrap().wake();
    }
}

impl<Q: Peer + ?Sized> AsyncRead for Wire<Q> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        assert_ne!(out.remaining(), 0);
        if self.poll(READ, cx).is_pending() {
            return Poll::Pending;
        }
        self.collect();
        if self.incoming.is_empty() && !self.ends {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = out.remaining().min(self.piece).min(self.incoming.len());
        out.put_slice(&self.incoming.drain(..len).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl<Q: Peer + ?Sized> AsyncWrite for Wire<Q> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        assert!(!self.shut_down && !bytes.is_empty());
        if self.is_broken {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if self.is_blocked {
            self.polls += 1;
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.poll(WRITE, cx).is_pending() {
            return Poll::Pending;
        }
        let bytes = &bytes[..bytes.len().min(self.piece)];
        self.peer.receive(bytes);
        self.sent += bytes.len();
        self.flushed = false;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.holds_back {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.poll(WRITE, cx).is_pending() {
            return Poll::Pending;
        }
        if self.fails_to_shut {
            return Poll::Ready(Err(ErrorKind::NotConnected.into()));
        }
        self.shut_down = true;
        Poll::Ready(Ok(()))
    }
}

type Tls<Q = dyn Peer> = TokioStream<Wire<Q>, Ring>;

/// Polls once, and drops the future.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// What is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    match poll_once(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("not ready"),
    }
}

/// Polls with a new future each time, until one is ready.
fn again<T>(mut poll: impl FnMut() -> Poll<io::Result<T>>) -> T {
    loop {
        if let Poll::Ready(result) = poll() {
            return result.unwrap();
        }
    }
}

/// A task that counts how often it is woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Task {
    fn poll<F: Future>(self: &Arc<Self>, future: F) -> Poll<F::Output> {
        let waker = Waker::from(self.clone());
        pin!(future).poll(&mut Context::from_waker(&waker))
    }

    fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn wire_stream<Q: Peer + ?Sized>(role: Role, agreed: Negotiated, wire: Wire<Q>) -> Tls<Q> {
    let Negotiated { version, suite } = agreed;
    match role {
        Role::Client => {
            let name = SERVER_NAME.try_into().unwrap();
            let config = Arc::new(rustls_client_config(version, suite));
            now(TokioStream::connect(config, name, wire)).unwrap()
        }
        Role::Server => {
            let config = Arc::new(rustls_server_config(version, suite));
            now(TokioStream::accept(config, wire)).unwrap()
        }
    }
}

/// A stream to a peer, established.
fn stream(role: Role, agreed: Negotiated, stack: Stack) -> Tls {
    wire_stream(role, agreed, Wire::to(stack.peer(other(role), agreed)))
}

/// Runs a test on streams of every kind.
fn for_each_stream(test: impl Fn(Tls, Negotiated)) {
    for role in ROLES {
        for agreed in Negotiated::all() {
            for stack in Stack::ALL {
                println!("{role:?} {agreed:?} {stack:?}");
                test(stream(role, agreed, stack), agreed);
            }
        }
    }
}

fn message(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

fn inner<E: Error + Copy + 'static>(error: &io::Error) -> E {
    *error.get_ref().and_then(|inner| inner.downcast_ref()).expect("an error of our own")
}

fn read_exactly(tls: &mut Tls, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    now(tls.read_exact(&mut out)).unwrap();
    out
}

fn read_some(tls: &mut Tls) -> Vec<u8> {
    let mut out = [0; 100];
    let len = now(tls.read(&mut out)).unwrap();
    out[..len].to_vec()
}

fn is_idle(tls: &mut Tls) -> bool {
    poll_once(tls.read(&mut [0])).is_pending()
}

// Data

#[test]
fn data_goes_both_ways() {
    for_each_stream(|mut tls, _| {
        for len in [1, 1000, 16_384, 100_000] {
            now(tls.write_all(&message(len))).unwrap();
            assert_eq!(tls.transport_mut().peer.read(), message(len));
            tls.transport_mut().peer.write(&message(len));
            let mut data = vec![0; len];
            now(tls.read_exact(&mut data)).unwrap();
            assert_eq!(data, message(len));
        }
        assert!(!tls.wants_write() && is_idle(&mut tls));
    });
}

#[test]
fn slices_are_written_as_one_record() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(tls.is_write_vectored());
    let before = tls.transport().sent;
    let slices = [&b"many "[..], b"", b"small ", b"slices"].map(IoSlice::new);
    assert_eq!(now(tls.write_vectored(&slices)).unwrap(), 17);
    assert_eq!(tls.transport().sent - before, 5 + 17 + 1 + 16);
    assert_eq!(tls.transport_mut().peer.read(), b"many small slices");
}

#[test]
fn lines_are_read_where_they_were_decrypted() {
    let mut tls = stream(Role::Server, TLS13, Stack::Rustls);
    tls.transport_mut().peer.write(b"first\nsec");
    tls.transport_mut().peer.write(b"ond\n");
    let mut line = String::new();
    now(tls.read_line(&mut line)).unwrap();
    assert_eq!(line, "first\n");
    assert_eq!(now(tls.fill_buf()).unwrap(), b"sec");
    line.clear();
    now(tls.read_line(&mut line)).unwrap();
    assert_eq!(line, "second\n");
}

#[test]
fn no_room_reads_nothing_and_ends_nothing() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().peer.write(b"data");
    assert_eq!(now(tls.read(&mut [])).unwrap(), 0);
    assert_eq!(read_some(&mut tls), b"data");
}

// What the transport takes

#[test]
fn a_write_is_taken_or_waits_and_a_flush_waits_for_the_transport() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().is_blocked = true;
    assert_eq!(now(tls.write(b"one ")).unwrap(), 4, "it is sealed and kept");
    assert!(poll_once(tls.write(b"two")).is_pending(), "nothing of it is taken");
    assert!(poll_once(tls.flush()).is_pending());
    assert!(tls.wants_write());
    tls.transport_mut().unblock();
    tls.transport_mut().holds_back = true;
    assert!(poll_once(tls.flush()).is_pending(), "taken and not flushed");
    assert!(!tls.transport().flushed && tls.wants_write());
    tls.transport_mut().holds_back = false;
    now(tls.flush()).unwrap();
    assert!(tls.transport().flushed && !tls.wants_write());
    assert_eq!(now(tls.write(b"three")).unwrap(), 5);
    assert_eq!(tls.transport_mut().peer.read(), b"one three");
}

#[test]
fn an_error_of_the_transport_is_told_by_the_next_call() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().is_broken = true;
    assert_eq!(now(tls.write(b"one ")).unwrap(), 4, "it is sealed and kept");
    assert_eq!(now(tls.write(b"two")).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(now(tls.flush()).unwrap_err().kind(), ErrorKind::ConnectionReset);
    tls.transport_mut().peer.write(b"still here");
    assert_eq!(read_some(&mut tls), b"still here");
    tls.transport_mut().is_broken = false;
    tls.transport_mut().piece = 0;
    assert_eq!(now(tls.flush()).unwrap_err().kind(), ErrorKind::WriteZero);
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

// A proxy's buffer is longer than the records of many peers.
#[test]
fn one_read_takes_all_records_that_have_arrived_and_one_poll_of_the_transport_brings_many() {
    for_each_stream(|mut tls, _| {
        assert!(is_idle(&mut tls), "tickets");
        for _ in 0..64 {
            tls.transport_mut().peer.write(&[7; 1024]);
        }
        let polls = tls.transport().polls;
        let (mut out, mut reads) = (vec![0; 80_000], 0);
        let mut len = 0;
        while len < 64 * 1024 {
            len += now(tls.read(&mut out[len..])).unwrap();
            reads += 1;
        }
        assert_eq!(out[..len], [7; 64 * 1024]);
        // The memory grows as it is filled, from 2 KiB on.
        // The room of the caller is filled as long as the transport has more.
        assert!(reads <= 2 && tls.transport().polls - polls <= 8, "{reads} reads");
    });
}

#[test]
fn what_a_buffering_transport_holds_wants_to_be_flushed_and_reading_does() {
    for_each_stream(|mut tls, _| {
        assert!(is_idle(&mut tls), "tickets");
        now(tls.write_all(b"a request")).unwrap();
        assert!(tls.wants_write() && !tls.transport().flushed);
        assert!(is_idle(&mut tls));
        assert!(!tls.wants_write() && tls.transport().flushed);
    });
}

// A pipe of 16 bytes: neither side does anything after its handshake.
#[test]
fn a_handshake_is_complete_when_its_last_flight_has_left() {
    for agreed in [TLS12, TLS13] {
        for piece in [1, 16, 100] {
            let (near, far) = tokio::io::duplex(piece);
            let Negotiated { version, suite } = agreed;
            let client = Arc::new(rustls_client_config(version, suite));
            let server = Arc::new(rustls_server_config(version, suite));
            let name = SERVER_NAME.try_into().unwrap();
            let mut client = pin!(TokioStream::<_, Ring>::connect(client, name, near));
            let mut server = pin!(TokioStream::<_, Ring>::accept(server, far));
            let (mut ends, mut polls) = ((None, None), 0);
            while ends.0.is_none() || ends.1.is_none() {
                let cx = &mut Context::from_waker(Waker::noop());
                if ends.0.is_none()
                    && let Poll::Ready(end) = client.as_mut().poll(cx)
                {
                    ends.0 = Some(end.unwrap());
                }
                if ends.1.is_none()
                    && let Poll::Ready(end) = server.as_mut().poll(cx)
                {
                    ends.1 = Some(end.unwrap());
                }
                polls += 1;
                assert!(polls < 20_000, "one waits for the other");
            }
        }
    }
}

// A peer that sends much before it reads our Finished does not stop the handshake.
#[test]
fn a_handshake_is_complete_when_there_is_no_room_for_what_the_peer_sends_first() {
    struct Flood;
    impl AsyncRead for Flood {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            out: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            out.initialize_unfilled().fill(23);
            out.advance(out.remaining());
            Poll::Ready(Ok(()))
        }
    }
    impl AsyncWrite for Flood {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    // The client is complete, and its Finished unsent.
    let mut client = handshake(Role::Client, TLS13);
    let mut server = handshake(Role::Server, TLS13);
    client.advance().unwrap();
    assert_eq!(server.receive(client.unsent()), client.unsent().len());
    client.sent(usize::MAX);
    server.advance().unwrap();
    assert_eq!(client.receive(server.unsent()), server.unsent().len());
    assert!(poll_once(client.complete_async(&mut Flood)).is_ready());
    assert!(!client.unsent().is_empty());
}

// KeyUpdates

#[test]
fn a_stream_that_is_only_read_answers_a_key_update() {
    for role in ROLES {
        for stack in Stack::ALL {
            let mut tls = stream(role, TLS13, stack);
            tls.transport_mut().peer.key_update(true);
            let before = tls.transport().sent;
            assert!(is_idle(&mut tls));
            assert_eq!(tls.transport().sent - before, KEY_UPDATE_RECORD);
            assert!(tls.transport().flushed);
            tls.transport_mut().peer.write(b"new keys, both");
            assert_eq!(read_some(&mut tls), b"new keys, both");
            now(tls.write_all(b"ways")).unwrap();
            assert_eq!(tls.transport_mut().peer.read(), b"ways");
        }
    }
}

// 9846 4.7.3: all that one read of the transport brought is opened before an answer is sealed.
#[test]
fn all_requests_of_one_read_get_one_answer() {
    for stack in Stack::ALL {
        let mut tls = stream(Role::Client, TLS13, stack);
        assert!(is_idle(&mut tls));
        let before = tls.transport().sent;
        for _ in 0..5 {
            tls.transport_mut().peer.key_update(true);
            tls.transport_mut().peer.write(b"data");
        }
        for _ in 0..5 {
            assert_eq!(read_exactly(&mut tls, 4), b"data");
        }
        assert!(is_idle(&mut tls));
        assert_eq!(tls.transport().sent - before, KEY_UPDATE_RECORD);
        now(tls.write_all(b"in step")).unwrap();
        assert_eq!(tls.transport_mut().peer.read(), b"in step");
    }
}

// The request is held back while input behind it is not opened: writing is not refused for it.
#[test]
fn a_write_between_two_reads_answers_a_request_that_came_before_them() {
    for stack in Stack::ALL {
        let mut tls = stream(Role::Client, TLS13, stack);
        assert!(is_idle(&mut tls));
        let before = tls.transport().sent;
        tls.transport_mut().peer.key_update(true);
        for request in [b"request 1", b"request 2"] {
            tls.transport_mut().peer.write(request);
        }
        for (request, response) in [("request 1", "response 1"), ("request 2", "response 2")] {
            assert_eq!(read_exactly(&mut tls, request.len()), request.as_bytes());
            now(tls.write_all(response.as_bytes())).unwrap();
            now(tls.flush()).unwrap();
            assert_eq!(tls.transport_mut().peer.read(), response.as_bytes());
        }
        assert_eq!(tls.transport().sent - before, KEY_UPDATE_RECORD + 2 * (10 + 22));
    }
}

#[test]
fn keys_are_updated_on_request() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    for _ in 0..3 {
        tls.update_keys(true).unwrap();
        assert_eq!(tls.update_keys(true), Err(KeyError::RequestOutstanding));
        assert!(tls.wants_write());
        now(tls.flush()).unwrap();
        tls.transport_mut().peer.write(b"fro");
        assert_eq!(read_some(&mut tls), b"fro");
    }
    let mut tls = stream(Role::Client, TLS12, Stack::Openssl);
    assert_eq!(tls.update_keys(true), Err(KeyError::NoUpdate));
}

#[test]
fn a_transport_that_takes_nothing_does_not_stop_reading() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    let before = tls.transport().sent;
    tls.transport_mut().is_blocked = true;
    for _ in 0..100 {
        tls.transport_mut().peer.key_update(true);
        tls.transport_mut().peer.write(b"data");
        assert_eq!(read_some(&mut tls), b"data");
    }
    tls.transport_mut().unblock();
    now(tls.flush()).unwrap();
    assert_eq!(tls.transport().sent - before, 2 * KEY_UPDATE_RECORD, "one under way, one due");
    now(tls.write_all(b"in step")).unwrap();
    assert_eq!(tls.transport_mut().peer.read(), b"in step");
}

// Wake-ups

#[test]
fn reading_that_has_to_send_leaves_a_waiting_writer_its_wake_up() {
    let (reader, writer) = (Arc::new(Task::default()), Arc::new(Task::default()));
    for is_reader_dropped in [false, true] {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        tls.transport_mut().is_blocked = true;
        now(tls.write(b"some")).unwrap();
        let wakes = writer.wakes();
        assert!(writer.poll(tls.flush()).is_pending());
        tls.transport_mut().peer.key_update(true);
        assert!(reader.poll(tls.read(&mut [0])).is_pending(), "it polled the transport last");
        tls.transport_mut().unblock();
        assert_eq!(writer.wakes() - wakes, 1);
        if !is_reader_dropped {
            // It is quicker than the writer, for whom nothing is left to do.
            assert!(reader.poll(tls.read(&mut [0])).is_pending());
        }
        assert!(writer.poll(tls.flush()).is_ready());
        assert_eq!(tls.transport_mut().peer.read(), b"some");
    }
}

#[test]
fn what_one_task_sends_for_another_wakes_it() {
    let (reader, writer) = (Arc::new(Task::default()), Arc::new(Task::default()));
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().is_blocked = true;
    now(tls.write(b"some")).unwrap();
    assert!(writer.poll(tls.flush()).is_pending());
    // The transport is ready before it wakes anyone.
    tls.transport_mut().is_blocked = false;
    assert!(reader.poll(tls.read(&mut [0])).is_pending());
    assert_eq!(writer.wakes(), 1);
    assert!(writer.poll(tls.flush()).is_ready());
}

#[test]
fn a_writer_learns_of_the_end_from_the_reader() {
    let writer = Arc::new(Task::default());
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.transport_mut().is_blocked = true;
    now(tls.write(b"some")).unwrap();
    assert!(writer.poll(tls.write(b"more")).is_pending());
    tls.transport_mut().peer.receive(&[23, 3, 3, 0, 30]);
    tls.transport_mut().peer.receive(&[7; 30]);
    assert!(now(tls.read(&mut [0])).is_err());
    assert_eq!(writer.wakes(), 1);
    let Poll::Ready(Err(error)) = writer.poll(tls.write(b"more")) else { panic!() };
    let alert = AlertDescription::BAD_RECORD_MAC;
    assert_eq!(inner::<OpenError>(&error), OpenError::PeerAlert(alert));
}

#[test]
fn a_reader_learns_from_the_writer_that_the_cipher_failed() {
    for is_control in [false, true] {
        let mut handshake = handshake(Role::Client, TLS13);
        let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
        now(handshake.complete_async(&mut wire)).unwrap();
        let mut tls = TokioStream::<_, Breakable>::new(handshake.finish().unwrap(), wire);
        let reader = Arc::new(Task::default());
        assert!(reader.poll(tls.read(&mut [0])).is_pending());
        breakable::set_broken(true);
        if is_control {
            assert!(now(tls.shutdown()).is_err(), "no close_notify has left");
        } else {
            assert!(now(tls.write(b"data")).is_err());
        }
        breakable::set_broken(false);
        assert_eq!(reader.wakes(), 1);
        assert!(matches!(reader.poll(tls.read(&mut [0])), Poll::Ready(Err(_))));
    }
}

#[test]
fn shutting_down_in_two_steps_leaves_a_waiting_reader_its_wake_up() {
    let (reader, closer) = (Arc::new(Task::default()), Arc::new(Task::default()));
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.set_shutdown(Shutdown::TwoSteps { budget: 100 });
    assert!(reader.poll(tls.read(&mut [0])).is_pending());
    assert!(closer.poll(tls.shutdown()).is_pending(), "it polled the transport last");
    assert_eq!(reader.wakes(), 0);
    tls.transport_mut().peer.write(b"for the reader");
    tls.transport_mut().reader.take().unwrap().wake();
    assert_eq!((reader.wakes(), closer.wakes()), (1, 1));
    // Whoever comes first.
    assert!(reader.poll(tls.read(&mut [0; 4])).is_ready());
    assert!(closer.poll(tls.shutdown()).is_pending());
    assert_eq!(read_some(&mut tls), b"the reader");
    assert!(reader.poll(tls.read(&mut [0])).is_pending());
    tls.transport_mut().peer.close();
    assert!(closer.poll(tls.shutdown()).is_ready());
    assert_eq!(reader.wakes(), 2);
    assert_eq!(read_some(&mut tls), b"");
}

#[test]
fn nothing_is_polled_that_was_not_woken() {
    for_each_stream(|mut tls, _| {
        assert!(is_idle(&mut tls), "tickets");
        let task = Arc::new(Task::default());
        let before = tls.transport().polls;
        assert!(task.poll(tls.read(&mut [0])).is_pending());
        assert_eq!(tls.transport().polls - before, 1);
        tls.transport_mut().is_blocked = true;
        assert!(task.poll(tls.write(b"one")).is_ready());
        let before = tls.transport().polls;
        assert!(task.poll(tls.write(b"two")).is_pending());
        assert!(task.poll(tls.flush()).is_pending());
        assert_eq!(tls.transport().polls - before, 2);
        assert_eq!(task.wakes(), 0);
        tls.transport_mut().unblock();
        assert_eq!(task.wakes(), 1);
    });
}

// Ends

#[test]
fn no_bytes_are_read_only_after_close_notify() {
    for_each_stream(|mut tls, agreed| {
        tls.transport_mut().peer.write(b"the last");
        tls.transport_mut().peer.close();
        let mut data = Vec::new();
        assert_eq!(now(tls.read_to_end(&mut data)).unwrap(), 8);
        assert_eq!(read_some(&mut tls), b"");
        // RFC 5246 section 7.2.1 demands an answer at once.
        let is_answered = tls.transport().peer.end() == PeerEnd::CloseNotify;
        assert_eq!(is_answered, agreed.version == Version::Tls12);
        if agreed.version == Version::Tls13 {
            now(tls.write_all(b"an answer")).unwrap();
            assert_eq!(tls.transport_mut().peer.read(), b"an answer");
        } else {
            let error = now(tls.write(b"an answer")).unwrap_err();
            assert_eq!(inner::<SealError>(&error), SealError::Closed);
        }
        now(tls.shutdown()).unwrap();
        assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
        assert!(tls.transport().shut_down && tls.end().is_clean());
    });
}

#[test]
fn a_transport_that_ends_anywhere_is_truncated() {
    for agreed in [TLS12, TLS13] {
        // Where the two records end.
        let [first, second] = [0, 1].map(|last| {
            let mut tls = stream(Role::Client, agreed, Stack::Rustls);
            assert!(is_idle(&mut tls), "tickets");
            tls.transport_mut().peer.write(b"whole");
            (0..last).for_each(|_| tls.transport_mut().peer.write(b"cut"));
            tls.transport_mut().collect().len()
        });
        for cut in 0..=second {
            let mut tls = stream(Role::Client, agreed, Stack::Rustls);
            assert!(is_idle(&mut tls), "tickets");
            tls.transport_mut().peer.write(b"whole");
            tls.transport_mut().peer.write(b"cut");
            tls.transport_mut().collect().truncate(cut);
            tls.transport_mut().ends = true;
            let mut data = Vec::new();
            let error = now(tls.read_to_end(&mut data)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            assert_eq!(inner::<OpenError>(&error), OpenError::Truncated);
            let whole = match cut {
                _ if cut == second => &b"wholecut"[..],
                _ if cut >= first => b"whole",
                _ => b"",
            };
            assert_eq!(data, whole);
            assert!(now(tls.read(&mut [0])).is_err(), "still truncated");
            let ReadEnd::Truncated { inside_record, .. } = tls.end().read else { panic!() };
            assert_eq!(inside_record, ![0, first, second].contains(&cut));
            // 9846 6.1: our direction is closed all the same.
            now(tls.shutdown()).unwrap();
            assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
            assert!(tls.transport().shut_down && !tls.end().is_clean());
        }
    }
}

#[test]
fn truncation_can_be_tolerated_and_is_still_told() {
    for shutdown in [Shutdown::OneStep, Shutdown::TwoSteps { budget: 100 }] {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        tls.tolerate_truncation(true);
        tls.set_shutdown(shutdown);
        tls.transport_mut().peer.write(b"all there is");
        tls.transport_mut().ends = true;
        let mut data = Vec::new();
        now(tls.read_to_end(&mut data)).unwrap();
        assert_eq!(data, b"all there is");
        assert_eq!(read_some(&mut tls), b"");
        assert!(matches!(tls.end().read, ReadEnd::Truncated { inside_record: false, .. }));
        now(tls.shutdown()).unwrap();
        assert!(!tls.end().is_clean());
    }
}

#[test]
fn writing_after_shutdown_is_an_error_and_reading_goes_on() {
    for_each_stream(|mut tls, agreed| {
        now(tls.shutdown()).unwrap();
        assert!(tls.transport().flushed && tls.transport().shut_down);
        assert_eq!(tls.transport().peer.end(), PeerEnd::CloseNotify);
        let error = now(tls.write(b"too late")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert_eq!(inner::<SealError>(&error), SealError::Closed);
        if agreed.version == Version::Tls13 {
            tls.transport_mut().peer.write(b"late enough");
            assert_eq!(read_some(&mut tls), b"late enough");
        }
    });
}

#[test]
fn shutting_down_in_two_steps_waits_and_keeps_what_is_under_way() {
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
fn what_comes_during_a_shutdown_has_a_budget() {
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

#[test]
fn the_budget_counts_records_without_data() {
    /// A NewSessionTicket's record, which holds 5 bytes.
    const TICKET_RECORD: u32 = 5 + 5 + 1 + 16;

    let wire = Wire::to(Box::new(Adapter::<Ring>::new(Role::Server, TLS13)));
    let mut tls = wire_stream(Role::Client, TLS13, wire);
    // Tickets that come later are passed over.
    tls.update_keys(false).unwrap();
    assert!(poll_once(tls.read(&mut [0])).is_pending());
    for _ in 0..100 {
        tls.transport_mut().peer.write_handshake(&[4, 0, 0, 1, 9]);
    }
    tls.set_shutdown(Shutdown::TwoSteps { budget: 10 * TICKET_RECORD });
    let error = now(tls.shutdown()).unwrap_err();
    let drained = 11 * TICKET_RECORD;
    assert_eq!(inner::<ShutdownError>(&error), ShutdownError::BudgetSpent { drained });
}

#[test]
fn a_close_notify_that_is_discarded_was_not_sent() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.transport_mut().is_blocked = true;
    assert!(poll_once(tls.shutdown()).is_pending());
    tls.transport_mut().peer.receive(&[23, 3, 3, 0, 30]);
    tls.transport_mut().peer.receive(&[7; 30]);
    assert!(now(tls.read(&mut [0])).is_err());
    let error = now(tls.shutdown()).unwrap_err();
    assert_eq!(inner::<CloseError>(&error), CloseError::Failed);
    assert_eq!(tls.end().write, WriteEnd::Failed);
    assert!(!tls.transport().shut_down);
}

#[test]
fn a_failure_of_the_transport_is_remembered() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls));
    assert_eq!(tls.transport_error(), None);
    tls.transport_mut().is_broken = true;
    assert_eq!(now(tls.write(b"data")).unwrap(), 4);
    assert_eq!(tls.transport_error(), Some(ErrorKind::ConnectionReset));
    tls.transport_mut().ends = true;
    assert!(now(tls.read(&mut [0])).is_err());
    assert!(matches!(tls.end().read, ReadEnd::Truncated { .. }), "which is no failure of it");
    assert_eq!(tls.transport_error(), Some(ErrorKind::ConnectionReset));
}

// 9846 6.1: the end of the peer's direction has no effect on ours.
#[test]
fn everything_leaves_though_the_peer_was_cut_off() {
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
fn a_stream_that_is_taken_apart_gives_back_what_was_not_read_and_not_sent() {
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
fn an_aborted_connection_sends_its_alert_and_nothing_else() {
    for_each_stream(|mut tls, _| {
        tls.abort(AlertDescription::INTERNAL_ERROR).unwrap();
        assert!(now(tls.write(b"late")).is_err() && now(tls.read(&mut [0])).is_err());
        let error = now(tls.shutdown()).unwrap_err();
        assert_eq!(inner::<CloseError>(&error), CloseError::Failed);
        assert_eq!(tls.transport().peer.end(), PeerEnd::Alert(80));
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

// What was decrypted before shutting down counts for no budget, and is kept.
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
    tls.transport_mut().fails_to_shut = true;
    assert_eq!(now(tls.shutdown()).unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(tls.transport_error(), Some(ErrorKind::NotConnected));
    assert_eq!(tls.end().write, WriteEnd::Closed, "our close_notify has left");
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
    // The peer reads only when its own data is taken.
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
fn a_broken_record_is_answered_with_an_alert() {
    for_each_stream(|mut tls, _| {
        assert!(is_idle(&mut tls), "tickets");
        tls.transport_mut().peer.write(b"good");
        tls.transport_mut().peer.write(b"bad");
        *tls.transport_mut().collect().back_mut().unwrap() ^= 1;
        assert_eq!(read_some(&mut tls), b"good");
        for _ in 0..2 {
            let error = now(tls.read(&mut [0])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            assert_eq!(inner::<OpenError>(&error), OpenError::Fault(Fault::BadRecordMac));
        }
        let alert = AlertDescription::BAD_RECORD_MAC;
        assert_eq!(tls.transport().peer.end(), PeerEnd::Alert(alert.0));
        assert!(tls.transport().flushed);
        let error = now(tls.write(b"more")).unwrap_err();
        assert_eq!(inner::<OpenError>(&error), OpenError::Fault(Fault::BadRecordMac));
        let error = now(tls.shutdown()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        assert_eq!(inner::<CloseError>(&error), CloseError::Failed);
        let read = ReadEnd::Fault(Fault::BadRecordMac);
        assert_eq!(tls.end(), End { read, write: WriteEnd::AlertSent(alert) });
    });
}

#[test]
fn shutting_down_a_failed_stream_waits_until_its_alert_has_left() {
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

#[test]
fn an_alert_of_the_peer_is_the_error_of_reading_and_writing() {
    for_each_stream(|mut tls, _| {
        // The peer fails at a forged record, which the stream does not know of.
        let forged = [23, 3, 3, 0, 30].into_iter().chain([7; 30]).collect::<Vec<_>>();
        tls.transport_mut().peer.receive(&forged);
        for _ in 0..2 {
            let error = now(tls.read(&mut [0])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
            let alert = AlertDescription::BAD_RECORD_MAC;
            assert_eq!(inner::<OpenError>(&error), OpenError::PeerAlert(alert));
            let error = now(tls.write(b"more")).unwrap_err();
            assert_eq!(inner::<OpenError>(&error), OpenError::PeerAlert(alert));
        }
        assert!(now(tls.shutdown()).is_err());
        assert!(!tls.wants_write());
    });
}

// Handshakes

#[test]
fn a_failed_handshake_sends_its_alert_before_the_error_returns() {
    let mut handshake = client_handshake(distrustful_config(TLS13));
    let mut wire = Wire::to(Box::new(RustlsPeer::new(&TLS13.setup(Role::Server))));
    let error = now(handshake.complete_async(&mut wire)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.get_ref().unwrap().is::<HandshakeError>());
    assert_eq!(wire.peer.end(), PeerEnd::Alert(AlertDescription::UNKNOWN_CA.0));
    assert!(wire.flushed);
}

#[test]
fn a_handshake_over_a_transport_that_ends_is_truncated() {
    let mut wire = Wire::to(Box::new(RustlsPeer::new(&TLS13.setup(Role::Client))));
    wire.collect().truncate(100);
    wire.ends = true;
    let config = Arc::new(rustls_server_config(Version::Tls13, Suite::Aes128Gcm));
    let error = now(TokioStream::<_, Ring>::accept(config, wire)).unwrap_err();
    assert_eq!(error.error.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_handshake_over_a_broken_transport_is_its_error() {
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
    wire.is_broken = true;
    let error = now(handshake(Role::Client, TLS13).complete_async(&mut wire)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_server_that_cannot_send_its_tickets_reads_all_the_same() {
    let mut peer = Stack::Openssl.peer(Role::Client, TLS13);
    peer.write(b"impatient");
    let mut handshake = handshake(Role::Server, TLS13);
    let mut wire = Wire::to(peer);
    // Up to the client's last flight.
    assert!(handshake.receive(&wire.peer.take_output()) != 0);
    handshake.advance().unwrap();
    now(wire.write_all(handshake.unsent())).unwrap();
    handshake.sent(handshake.unsent().len());
    wire.is_blocked = true;
    now(handshake.complete_async(&mut wire)).unwrap();
    assert!(!handshake.unsent().is_empty());
    let mut tls = Tls::new(handshake.finish().unwrap(), wire);
    assert_eq!(read_some(&mut tls), b"impatient");
}

#[test]
fn a_renegotiation_is_refused() {
    let wire = Wire::to(Box::new(Adapter::<Ring>::new(Role::Server, TLS12)));
    let mut tls = wire_stream(Role::Client, TLS12, wire);
    const HELLO_REQUEST: [u8; 4] = [0, 0, 0, 0];
    tls.transport_mut().peer.write_handshake(&HELLO_REQUEST);
    assert!(poll_once(tls.read(&mut [0])).is_pending());
    assert_eq!(tls.transport().peer.warnings, [AlertDescription::NO_RENEGOTIATION]);
}

// Real transports

#[test]
fn streams_and_their_futures_move_between_threads() {
    fn is_send<T: Send>(_: T) {}
    type Tcp = TokioStream<tokio::net::TcpStream, Ring>;
    fn check(mut tls: Tcp, tcp: tokio::net::TcpStream) {
        let config = Arc::new(rustls_server_config(Version::Tls13, Suite::Aes128Gcm));
        is_send(Tcp::accept(config, tcp));
        is_send(async move { tls.read_u8().await });
    }
    let _ = check;
}

/// An OpenSSL that sends back what it receives, and asks for a KeyUpdate now and then.
fn echo(mut tcp: TcpStream, agreed: Negotiated) -> usize {
    let mut peer = OpensslPeer::new(&agreed.setup(Role::Server));
    let mut echoed = 0;
    let mut updates = 0;
    let mut buffer = vec![0; 40_000];
    while peer.end() == PeerEnd::Open {
        let len = tcp.read(&mut buffer).unwrap();
        assert_ne!(len, 0, "the client closes first");
        peer.receive(&buffer[..len]);
        let data = peer.read();
        peer.write(&data);
        echoed += data.len();
        if agreed.version == Version::Tls13 && echoed / 100_000 > updates {
            updates += 1;
            peer.key_update(true);
        }
        tcp.write_all(&peer.take_output()).unwrap();
    }
    peer.close();
    let _ = tcp.write_all(&peer.take_output());
    echoed
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap()
}

#[test]
fn two_tasks_transfer_both_ways_at_once() {
    const LEN: usize = 3_000_000;
    for agreed in [TLS12, TLS13] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || echo(listener.accept().unwrap().0, agreed));
        runtime().block_on(async {
            let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
            let config = Arc::new(rustls_client_config(agreed.version, agreed.suite));
            let name = SERVER_NAME.try_into().unwrap();
            let tls = TokioStream::<_, RustCrypto>::connect(config, name, tcp).await.unwrap();
            let (mut reader, mut writer) = split(tls);
            let writing = tokio::spawn(async move {
                writer.write_all(&message(LEN)).await.unwrap();
                writer.flush().await.unwrap();
                writer
            });
            let mut data = vec![0; LEN];
            reader.read_exact(&mut data).await.unwrap();
            assert!(data == message(LEN));
            let mut tls = reader.unsplit(writing.await.unwrap());
            // KeyUpdates may be under way.
            tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
            tls.shutdown().await.unwrap();
            assert!(tls.end().is_clean());
        });
        assert_eq!(server.join().unwrap(), LEN);
    }
}
