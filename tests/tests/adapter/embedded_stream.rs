//! The stream of the core over transports of embedded-io, blocking and asynchronous.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_io::{BufRead, Error, ErrorKind, ErrorType, Read, Write};
use embedded_io_async as asynch;

use crate::support::{Adapter, ROLES, Stack, handshake, other, take_unsent};
use tls_record_alloc::tls_record::aead::{Algorithm, ring::Ring};
use tls_record_alloc::tls_record::{
    self, AlertDescription, Config, Connection, EmbeddedStream, Epoch, Fault, Flood, MAX_RECORD,
    OpenError, Padding, ReadEnd, RecordBuffer, RecordLayer, RecordTooLong, SealError,
    ShutdownError, StreamError, TrafficSecret, WriteEnd, Writer,
};
use tls_record_alloc::{Established, Progress};
use tls_record_tests::peers::{Negotiated, Peer, PeerEnd, Role, Suite, Version};

const TLS12: Negotiated = Negotiated { version: Version::Tls12, suite: Suite::Aes128Gcm };
const TLS13: Negotiated = Negotiated { version: Version::Tls13, suite: Suite::Aes128Gcm };

/// A KeyUpdate's record in TLS 1.3: header, message, content type, tag.
const KEY_UPDATE_RECORD: usize = 5 + 5 + 1 + 16;

/// A transport with a peer in memory at its other end. Where a blocking one would wait for the peer
/// for ever, it is an error.
struct Wire<Q: ?Sized> {
    peer: Box<Q>,
    incoming: VecDeque<u8>,
    /// Whether the transport ends when all that the peer sent is read.
    ends: bool,
    /// The most bytes that one call carries.
    piece: usize,
    /// Every second call of a direction is not ready, and wakes at once.
    hesitates: bool,
    hesitated: [bool; 2],
    calls: usize,
    is_blocked: bool,
    /// It takes nothing and flushes nothing.
    is_broken: bool,
    /// It takes nothing now, by an error that passes.
    is_slow: bool,
    /// How often it refused to take bytes or to flush.
    refused: usize,
    /// What is written reaches the peer when it is flushed.
    holds_back: bool,
    held_back: Vec<u8>,
    flushed: bool,
    /// Bytes that were written.
    sent: usize,
    /// Calls that read.
    reads: usize,
    writer: Option<Waker>,
}

const READ: usize = 0;
const WRITE: usize = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WireError {
    WouldWait,
    Broken,
}

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for WireError {}

impl Error for WireError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::WouldWait => ErrorKind::TimedOut,
            Self::Broken => ErrorKind::NotConnected,
        }
    }
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
            calls: 0,
            is_blocked: false,
            is_broken: false,
            is_slow: false,
            refused: 0,
            holds_back: false,
            held_back: Vec::new(),
            flushed: true,
            sent: 0,
            reads: 0,
            writer: None,
        }
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

    fn hesitate(&mut self, direction: usize, cx: &Context<'_>) -> bool {
        self.calls += 1;
        let hesitated = &mut self.hesitated[direction];
        *hesitated = self.hesitates && !*hesitated;
        if *hesitated {
            cx.waker().wake_by_ref();
        }
        *hesitated
    }

    fn receive(&mut self, out: &mut [u8]) -> Option<usize> {
        assert!(!out.is_empty());
        assert!(
            self.flushed || self.is_broken || self.is_slow,
            "it waits before all that was taken is flushed"
        );
        self.reads += 1;
        self.collect();
        if self.incoming.is_empty() && !self.ends {
            return None;
        }
        let len = out.len().min(self.piece);
        Some(std::io::Read::read(&mut self.incoming, &mut out[..len]).unwrap())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        assert!(!bytes.is_empty());
        self.calls += 1;
        assert!(self.calls < 100_000, "a busy loop");
        self.check_takes()?;
        let bytes = &bytes[..bytes.len().min(self.piece)];
        if self.holds_back {
            self.held_back.extend_from_slice(bytes);
        } else {
            self.peer.receive(bytes);
        }
        self.sent += bytes.len();
        self.flushed &= bytes.is_empty();
        Ok(bytes.len())
    }

    fn pass_on(&mut self) -> Result<(), WireError> {
        self.check_takes()?;
        self.peer.receive(&std::mem::take(&mut self.held_back));
        self.flushed = true;
        Ok(())
    }

    fn check_takes(&mut self) -> Result<(), WireError> {
        let error = match (self.is_broken, self.is_slow) {
            (true, _) => WireError::Broken,
            (false, true) => WireError::WouldWait,
            (false, false) => return Ok(()),
        };
        self.refused += 1;
        Err(error)
    }
}

impl<Q: ?Sized> ErrorType for Wire<Q> {
    type Error = WireError;
}

impl<Q: Peer + ?Sized> Read for Wire<Q> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        self.receive(out).ok_or(WireError::WouldWait)
    }
}

impl<Q: Peer + ?Sized> Write for Wire<Q> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        self.send(bytes)
    }

    fn flush(&mut self) -> Result<(), WireError> {
        self.pass_on()
    }
}

impl<Q: Peer + ?Sized> asynch::Read for Wire<Q> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        std::future::poll_fn(|cx| {
            if self.hesitate(READ, cx) {
                return Poll::Pending;
            }
            match self.receive(out) {
                Some(len) => Poll::Ready(Ok(len)),
                // What the tests send later is read by another future.
                None => Poll::Pending,
            }
        })
        .await
    }
}

impl<Q: Peer + ?Sized> asynch::Write for Wire<Q> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        std::future::poll_fn(|cx| {
            if self.is_blocked {
                self.calls += 1;
                assert!(self.calls < 100_000, "a busy loop");
                self.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if self.hesitate(WRITE, cx) {
                return Poll::Pending;
            }
            Poll::Ready(self.send(bytes))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), WireError> {
        std::future::poll_fn(|cx| {
            if self.hesitate(WRITE, cx) {
                return Poll::Pending;
            }
            Poll::Ready(self.pass_on())
        })
        .await
    }
}

/// A transport whose futures move their bytes at the first poll and must not be dropped before they
/// are ready.
struct Hasty(Wire<dyn Peer>);

/// What such a future holds while it waits.
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
        let len = self.0.receive(out);
        some_polls().await;
        len.ok_or(WireError::WouldWait)
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

type Tls<Q = dyn Peer, const RX: usize = MAX_RECORD> =
    EmbeddedStream<Wire<Q>, TrafficSecret<Ring>, RX, 2048>;

fn stream_to<Q: Peer + ?Sized, const RX: usize>(
    role: Role,
    agreed: Negotiated,
    peer: Box<Q>,
) -> Tls<Q, RX> {
    let mut wire = Wire::to(peer);
    let mut handshake = handshake(role, agreed);
    while handshake.advance().unwrap() != Progress::Complete {
        wire.peer.receive(&take_unsent(&mut handshake));
        assert_eq!(handshake.receive(wire.collect().make_contiguous()), wire.incoming.len());
        wire.incoming.clear();
    }
    wire.peer.receive(&take_unsent(&mut handshake));
    let Established { opener, sealer, received, .. } = handshake.finish().unwrap();
    let mut buffer = RecordBuffer::new();
    let left_over = received.filled();
    buffer.room().unwrap()[..left_over.len()].copy_from_slice(left_over);
    buffer.received(left_over.len());
    EmbeddedStream::new(Connection::join(*opener, Writer::new(*sealer)).unwrap(), buffer, wire)
}

/// A stream to a peer, established.
fn stream(role: Role, agreed: Negotiated, stack: Stack) -> Tls {
    stream_to(role, agreed, stack.peer(other(role), agreed))
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

fn read_some<Q: Peer + ?Sized, const RX: usize>(tls: &mut Tls<Q, RX>) -> Vec<u8> {
    let mut out = [0; 100];
    let len = Read::read(tls, &mut out).unwrap();
    out[..len].to_vec()
}

fn read_to_end(tls: &mut Tls) -> Result<Vec<u8>, StreamError<WireError>> {
    let mut data = Vec::new();
    while read_some_of(tls, &mut data)? != 0 {}
    Ok(data)
}

fn read_some_of(tls: &mut Tls, data: &mut Vec<u8>) -> Result<usize, StreamError<WireError>> {
    let mut out = [0; 100];
    let len = Read::read(tls, &mut out)?;
    data.extend_from_slice(&out[..len]);
    Ok(len)
}

fn waits<T>(result: Result<T, StreamError<WireError>>) -> bool {
    matches!(result, Err(StreamError::Transport(WireError::WouldWait)))
}

/// Passes over the tickets.
fn settle<Q: Peer + ?Sized>(tls: &mut Tls<Q>) {
    assert!(waits(Read::read(tls, &mut [0])));
}

/// Polls once, and drops the future.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls one future until it is ready.
fn finish<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..10_000 {
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(output) = polled {
            return output;
        }
    }
    panic!("it is never ready");
}

/// Polls with a new future each time, until one is ready.
fn again<T, E: std::fmt::Debug>(mut poll: impl FnMut() -> Poll<Result<T, E>>) -> T {
    loop {
        if let Poll::Ready(result) = poll() {
            return result.unwrap();
        }
    }
}

/// The two ways to call a stream. The transport is always ready here, so that no future waits.
#[derive(Clone, Copy, Debug)]
enum Calls {
    Blocking,
    Asynchronous,
}

impl Calls {
    const BOTH: [Self; 2] = [Self::Blocking, Self::Asynchronous];

    fn read(self, tls: &mut Tls, out: &mut [u8]) -> Result<usize, StreamError<WireError>> {
        match self {
            Self::Blocking => Read::read(tls, out),
            Self::Asynchronous => finish(asynch::Read::read(tls, out)),
        }
    }

    /// Reads where there is nothing to read.
    fn wait(self, tls: &mut Tls) {
        match self {
            Self::Blocking => settle(tls),
            Self::Asynchronous => {
                assert!(poll_once(asynch::Read::read(tls, &mut [0])).is_pending());
            }
        }
    }

    fn write(self, tls: &mut Tls, data: &[u8]) -> Result<usize, StreamError<WireError>> {
        match self {
            Self::Blocking => Write::write(tls, data),
            Self::Asynchronous => finish(asynch::Write::write(tls, data)),
        }
    }

    fn write_all(self, tls: &mut Tls, mut data: &[u8]) {
        while !data.is_empty() {
            data = &data[self.write(tls, data).unwrap()..];
        }
    }

    fn flush(self, tls: &mut Tls) -> Result<(), StreamError<WireError>> {
        match self {
            Self::Blocking => Write::flush(tls),
            Self::Asynchronous => finish(asynch::Write::flush(tls)),
        }
    }

    fn close(self, tls: &mut Tls) -> Result<(), StreamError<WireError>> {
        match self {
            Self::Blocking => tls.close(),
            Self::Asynchronous => finish(tls.close_async()),
        }
    }

    fn close_and_drain(
        self,
        tls: &mut Tls,
        budget: u32,
        rest: impl FnMut(&[u8]),
    ) -> Result<(), StreamError<WireError>> {
        match self {
            Self::Blocking => tls.close_and_drain(budget, rest),
            Self::Asynchronous => finish(tls.close_and_drain_async(budget, rest)),
        }
    }
}

// Blocking

#[test]
fn data_goes_both_ways() {
    for_each_stream(|mut tls, _| {
        for len in [1, 1000, 16_384, 50_000] {
            tls.write_all(&message(len)).unwrap();
            tls.flush().unwrap();
            assert_eq!(tls.transport_mut().peer.read(), message(len));
            tls.transport_mut().peer.write(&message(len));
            let mut data = vec![0; len];
            tls.read_exact(&mut data).unwrap();
            assert_eq!(data, message(len));
        }
        settle(&mut tls);
    });
}

#[test]
fn a_transport_that_carries_a_byte_at_a_time_loses_nothing() {
    for agreed in [TLS12, TLS13] {
        let mut tls = stream(Role::Client, agreed, Stack::Openssl);
        tls.transport_mut().piece = 1;
        tls.write_all(&message(5000)).unwrap();
        tls.flush().unwrap();
        assert_eq!(tls.transport_mut().peer.read(), message(5000));
        tls.transport_mut().peer.write(&message(5000));
        tls.transport_mut().collect();
        tls.transport_mut().peer.close();
        assert_eq!(read_to_end(&mut tls).unwrap(), message(5000));
        tls.close().unwrap();
        assert!(tls.end().is_clean());
    }
}

#[test]
fn written_data_leaves_at_a_flush_and_before_the_stream_waits() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.write_all(b"one ").unwrap();
    assert_eq!(tls.transport_mut().peer.read(), b"");
    tls.flush().unwrap();
    assert!(tls.transport_mut().flushed);
    assert_eq!(tls.transport_mut().peer.read(), b"one ");
    tls.write_all(b"two").unwrap();
    settle(&mut tls);
    assert_eq!(tls.transport_mut().peer.read(), b"two");
}

#[test]
fn lines_are_read_where_they_were_decrypted() {
    let mut tls = stream(Role::Server, TLS13, Stack::Rustls);
    tls.transport_mut().peer.write(b"first\nsecond");
    assert_eq!(BufRead::fill_buf(&mut tls).unwrap(), b"first\nsecond");
    BufRead::consume(&mut tls, 6);
    assert_eq!(BufRead::fill_buf(&mut tls).unwrap(), b"second");
    assert_eq!(Read::read(&mut tls, &mut []).unwrap(), 0);
    assert_eq!(read_some(&mut tls), b"second");
}

#[test]
fn lines_are_read_where_they_were_decrypted_asynchronously_too() {
    let mut tls = stream(Role::Server, TLS13, Stack::Rustls);
    tls.transport_mut().peer.write(b"first\nsecond");
    assert_eq!(finish(asynch::BufRead::fill_buf(&mut tls)).unwrap(), b"first\nsecond");
    asynch::BufRead::consume(&mut tls, 6);
    assert_eq!(finish(asynch::BufRead::fill_buf(&mut tls)).unwrap(), b"second");
}

#[test]
fn a_stream_for_a_log_says_how_far_it_is() {
    let tls = stream(Role::Server, TLS13, Stack::Openssl);
    let words = format!("{tls:?}");
    assert!(words.starts_with("EmbeddedStream(") && words.contains("Application keys"), "{words}");
}

#[test]
fn a_stream_that_is_only_read_answers_a_key_update() {
    for role in ROLES {
        for stack in Stack::ALL {
            let mut tls = stream(role, TLS13, stack);
            settle(&mut tls);
            tls.transport_mut().peer.key_update(true);
            let before = tls.transport_mut().sent;
            settle(&mut tls);
            assert_eq!(tls.transport_mut().sent - before, KEY_UPDATE_RECORD);
            assert!(tls.transport_mut().flushed);
            tls.transport_mut().peer.write(b"new keys");
            assert_eq!(read_some(&mut tls), b"new keys");
        }
    }
}

// 9846 4.7.3: all that one read of the transport brought is opened before an answer is sealed.
#[test]
fn all_requests_of_one_read_get_one_answer() {
    for stack in Stack::ALL {
        let mut tls = stream(Role::Client, TLS13, stack);
        settle(&mut tls);
        let before = tls.transport_mut().sent;
        for _ in 0..5 {
            tls.transport_mut().peer.key_update(true);
            tls.transport_mut().peer.write(b"data");
        }
        for _ in 0..5 {
            assert_eq!(read_some(&mut tls), b"data");
        }
        settle(&mut tls);
        assert_eq!(tls.transport_mut().sent - before, KEY_UPDATE_RECORD);
    }
}

// The request is held back while input behind it is not opened: writing is not refused for it.
#[test]
fn a_write_between_two_reads_answers_a_request_that_came_before_them() {
    for stack in Stack::ALL {
        let mut tls = stream(Role::Client, TLS13, stack);
        settle(&mut tls);
        let before = tls.transport_mut().sent;
        tls.transport_mut().peer.key_update(true);
        for request in [b"request 1", b"request 2"] {
            tls.transport_mut().peer.write(request);
        }
        for (request, response) in [("request 1", "response 1"), ("request 2", "response 2")] {
            assert_eq!(read_some(&mut tls), request.as_bytes());
            tls.write_all(response.as_bytes()).unwrap();
            tls.flush().unwrap();
            assert_eq!(tls.transport_mut().peer.read(), response.as_bytes());
        }
        assert_eq!(tls.transport_mut().sent - before, KEY_UPDATE_RECORD + 2 * (10 + 22));
    }
}

#[test]
fn an_error_of_the_transport_is_the_streams_and_nothing_is_lost() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.write_all(b"one").unwrap();
    tls.transport_mut().is_broken = true;
    let error = tls.flush().unwrap_err();
    assert_eq!(error, StreamError::Transport(WireError::Broken));
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert_eq!(tls.transport_error(), Some(ErrorKind::NotConnected));
    tls.transport_mut().peer.write(b"still here");
    assert_eq!(read_some(&mut tls), b"still here");
    tls.transport_mut().is_broken = false;
    tls.transport_mut().piece = 0;
    let error = tls.flush().unwrap_err();
    assert_eq!((error, error.kind()), (StreamError::WriteZero, ErrorKind::WriteZero));
    tls.transport_mut().piece = 10;
    tls.flush().unwrap();
    assert_eq!(tls.transport_mut().peer.read(), b"one");
    assert_eq!(tls.transport_error(), Some(ErrorKind::NotConnected), "the first");
}

#[test]
fn a_timeout_is_no_failure_of_the_transport() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    assert_eq!(tls.transport_error(), None);
    tls.transport_mut().piece = 0;
    tls.write_all(b"one").unwrap();
    assert_eq!(tls.flush(), Err(StreamError::WriteZero));
    assert_eq!(tls.transport_error(), Some(ErrorKind::WriteZero));
}

#[test]
fn the_source_of_an_error_is_what_caused_it() {
    fn source<E: std::error::Error + Copy + PartialEq + 'static>(
        error: StreamError<WireError>,
        cause: E,
    ) -> bool {
        std::error::Error::source(&error).unwrap().downcast_ref() == Some(&cause)
    }
    assert!(source(StreamError::Transport(WireError::Broken), WireError::Broken));
    let (too_long, alert) = (RecordTooLong { total: 9 }, AlertDescription::INTERNAL_ERROR);
    assert!(source(StreamError::TooLong(too_long), too_long));
    assert!(source(StreamError::Open(OpenError::PeerAlert(alert)), OpenError::PeerAlert(alert)));
    assert!(source(StreamError::Seal(SealError::Closed), SealError::Closed));
    assert!(source(StreamError::Shutdown(ShutdownError::Failed), ShutdownError::Failed));
    for error in [StreamError::<WireError>::WriteZero, StreamError::Truncated] {
        assert!(std::error::Error::source(&error).is_none());
    }
}

#[test]
fn every_error_says_what_failed() {
    let errors = [
        StreamError::Transport(WireError::Broken),
        StreamError::WriteZero,
        StreamError::Truncated,
        StreamError::TooLong(RecordTooLong { total: 9 }),
        StreamError::Open(OpenError::Fault(Fault::Flood(Flood::EmptyRecords))),
        StreamError::Seal(SealError::Closed),
        StreamError::Shutdown(ShutdownError::Failed),
    ];
    let words = errors.map(|error| error.to_string());
    for (at, sentence) in words.iter().enumerate() {
        assert!(sentence.len() > 10, "{sentence}");
        assert!(!words[..at].contains(sentence), "{sentence}");
    }
}

#[test]
fn no_bytes_are_read_only_after_close_notify() {
    for_each_stream(|mut tls, agreed| {
        tls.transport_mut().peer.write(b"the last");
        tls.transport_mut().peer.close();
        assert_eq!(read_to_end(&mut tls).unwrap(), b"the last");
        assert_eq!(read_some(&mut tls), b"");
        // RFC 5246 section 7.2.1 demands an answer at once.
        let is_answered = tls.transport_mut().peer.end() == PeerEnd::CloseNotify;
        assert_eq!(is_answered, agreed.version == Version::Tls12);
        if agreed.version == Version::Tls13 {
            tls.write_all(b"an answer").unwrap();
            tls.flush().unwrap();
            assert_eq!(tls.transport_mut().peer.read(), b"an answer");
        }
        tls.close().unwrap();
        tls.close().unwrap();
        assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
        assert!(tls.end().is_clean());
        let error = tls.write(b"too late").unwrap_err();
        assert_eq!(error, StreamError::Seal(SealError::Closed));
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_transport_that_ends_anywhere_is_truncated() {
    for agreed in [TLS12, TLS13] {
        let whole = {
            let mut tls = stream(Role::Client, agreed, Stack::Rustls);
            settle(&mut tls);
            tls.transport_mut().peer.write(b"whole");
            tls.transport_mut().collect().len()
        };
        for cut in 0..=whole {
            let mut tls = stream(Role::Client, agreed, Stack::Rustls);
            settle(&mut tls);
            tls.transport_mut().peer.write(b"whole");
            tls.transport_mut().collect().truncate(cut);
            tls.transport_mut().ends = true;
            let mut data = Vec::new();
            let error = loop {
                if let Err(error) = read_some_of(&mut tls, &mut data) {
                    break error;
                }
            };
            assert_eq!((error, error.kind()), (StreamError::Truncated, ErrorKind::ConnectionReset));
            assert_eq!(data, if cut == whole { &b"whole"[..] } else { b"" });
            let ReadEnd::Truncated { inside_record, .. } = tls.end().read else { panic!() };
            assert_eq!(inside_record, ![0, whole].contains(&cut));
            tls.close().unwrap();
            assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
            assert_eq!(tls.end().write, WriteEnd::Closed);
        }
    }
}

// RFC 9846 section 6.1: the two directions are apart.
#[test]
fn closing_sends_everything_though_the_peers_direction_was_cut() {
    for calls in Calls::BOTH {
        for_each_stream(|mut tls, _| {
            tls.transport_mut().piece = 7;
            let data = message(40_000);
            calls.write_all(&mut tls, &data[..15_000]);
            tls.transport_mut().ends = true;
            assert_eq!(calls.read(&mut tls, &mut [0]), Err(StreamError::Truncated));
            calls.write_all(&mut tls, &data[15_000..]);
            assert!(!tls.connection().unsent().is_empty());
            for _ in 0..2 {
                calls.close(&mut tls).unwrap();
                assert_eq!(tls.end().write, WriteEnd::Closed);
            }
            assert_eq!(tls.transport_mut().peer.read(), data);
            assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
            assert!(tls.transport_mut().flushed);
            assert!(matches!(tls.end().read, ReadEnd::Truncated { .. }));
            assert_eq!(calls.read(&mut tls, &mut [0]), Err(StreamError::Truncated));
        });
    }
}

#[test]
fn closing_in_two_steps_tells_of_a_cut_when_everything_is_sent() {
    for calls in Calls::BOTH {
        for is_known in [false, true] {
            for_each_stream(|mut tls, _| {
                tls.transport_mut().piece = 7;
                tls.transport_mut().ends = true;
                if is_known {
                    assert_eq!(calls.read(&mut tls, &mut [0]), Err(StreamError::Truncated));
                }
                calls.write_all(&mut tls, &message(5000));
                for _ in 0..2 {
                    let closed =
                        calls.close_and_drain(&mut tls, 9999, |_| panic!("there is no data"));
                    assert_eq!(closed, Err(StreamError::Truncated));
                }
                assert_eq!(tls.transport_mut().peer.read(), message(5000));
                assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
                tls.tolerate_truncation(true);
                calls.close_and_drain(&mut tls, 0, |_| panic!("there is no data")).unwrap();
            });
        }
    }
}

#[test]
fn truncation_can_be_tolerated_and_is_still_told() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.tolerate_truncation(true);
    tls.transport_mut().peer.write(b"all there is");
    tls.transport_mut().ends = true;
    assert_eq!(read_to_end(&mut tls).unwrap(), b"all there is");
    tls.close_and_drain(0, |_| panic!("there is no more")).unwrap();
    assert!(matches!(tls.end().read, ReadEnd::Truncated { inside_record: false, .. }));
}

#[test]
fn closing_in_two_steps_delivers_what_is_under_way() {
    for_each_stream(|mut tls, _| {
        tls.transport_mut().peer.write(&message(20_000));
        tls.transport_mut().collect();
        assert_eq!(read_some(&mut tls), message(100));
        tls.transport_mut().peer.close();
        let mut rest = Vec::new();
        tls.close_and_drain(30_000, |data| rest.extend_from_slice(data)).unwrap();
        assert_eq!(rest, message(20_000)[100..]);
        assert!(tls.end().is_clean());
    });
}

#[test]
fn draining_has_a_budget() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    for _ in 0..3 {
        tls.transport_mut().peer.write(&message(1000));
    }
    let mut rest = Vec::new();
    let error = tls.close_and_drain(1500, |data| rest.extend_from_slice(data)).unwrap_err();
    let drained = 2 * (5 + 1000 + 1 + 16);
    assert_eq!(error, StreamError::Shutdown(ShutdownError::BudgetSpent { drained }));
    assert_eq!(rest.len(), 2000);
    tls.transport_mut().peer.close();
    tls.close_and_drain(10_000, |data| rest.extend_from_slice(data)).unwrap();
    assert_eq!(rest.len(), 3000);
    assert!(tls.end().is_clean());
}

#[test]
fn the_budget_counts_records_without_data() {
    /// A NewSessionTicket's record, which holds 5 bytes.
    const TICKET_RECORD: u32 = 5 + 5 + 1 + 16;

    let flooded = || {
        let peer = Box::new(Adapter::<Ring>::new(Role::Server, TLS13));
        let mut tls = stream_to::<_, MAX_RECORD>(Role::Client, TLS13, peer);
        settle(&mut tls);
        for _ in 0..100 {
            tls.transport_mut().peer.write_handshake(&[4, 0, 0, 1, 9]);
        }
        tls
    };
    let spent = ShutdownError::BudgetSpent { drained: 11 * TICKET_RECORD };
    let no_data = |_: &[u8]| panic!("there is no data");
    let result = flooded().close_and_drain(10 * TICKET_RECORD, no_data);
    assert_eq!(result, Err(StreamError::Shutdown(spent)));
    let mut tls = flooded();
    let result = poll_once(tls.close_and_drain_async(10 * TICKET_RECORD, no_data));
    assert_eq!(result, Poll::Ready(Err(StreamError::Shutdown(spent))));
}

#[test]
fn a_broken_record_is_answered_with_an_alert() {
    for_each_stream(|mut tls, _| {
        settle(&mut tls);
        tls.transport_mut().peer.write(b"bad");
        *tls.transport_mut().collect().back_mut().unwrap() ^= 1;
        for _ in 0..2 {
            let error = Read::read(&mut tls, &mut [0]).unwrap_err();
            assert_eq!(error, StreamError::Open(OpenError::Fault(Fault::BadRecordMac)));
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
        let alert = AlertDescription::BAD_RECORD_MAC;
        assert_eq!(tls.transport_mut().peer.end(), PeerEnd::Alert(alert.0));
        let error = Write::write(&mut tls, b"more").unwrap_err();
        assert_eq!(error, StreamError::Open(OpenError::Fault(Fault::BadRecordMac)));
        assert_eq!(tls.close(), Err(StreamError::Shutdown(ShutdownError::Failed)));
        assert_eq!(tls.end().write, WriteEnd::AlertSent(alert));
    });
}

#[test]
fn an_alert_of_the_peer_is_the_error_of_reading_and_writing() {
    for_each_stream(|mut tls, _| {
        let forged = [23, 3, 3, 0, 30].into_iter().chain([7; 30]).collect::<Vec<_>>();
        tls.transport_mut().peer.receive(&forged);
        let alert = AlertDescription::BAD_RECORD_MAC;
        let expected = StreamError::Open(OpenError::PeerAlert(alert));
        let error = Read::read(&mut tls, &mut [0]).unwrap_err();
        assert_eq!((error, error.kind()), (expected, ErrorKind::ConnectionAborted));
        assert_eq!(Write::write(&mut tls, b"more"), Err(expected));
    });
}

#[test]
fn a_record_that_never_fits_is_refused_before_it_is_waited_for() {
    let peer = Stack::Openssl.peer(Role::Client, TLS13);
    let mut tls = stream_to::<_, 512>(Role::Server, TLS13, peer);
    tls.transport_mut().peer.write(&message(1000));
    tls.transport_mut().collect().truncate(5);
    let total = 5 + 1000 + 1 + 16;
    let error = Read::read(&mut tls, &mut [0]).unwrap_err();
    assert_eq!(error, StreamError::TooLong(RecordTooLong { total }));
    let alert = AlertDescription::RECORD_OVERFLOW;
    assert_eq!(tls.transport_mut().peer.end(), PeerEnd::Alert(alert.0));
    let error = Read::read(&mut tls, &mut [0]).unwrap_err();
    assert_eq!(error, StreamError::Open(OpenError::Fault(Fault::Aborted(alert))));
}

#[test]
fn a_renegotiation_is_refused() {
    let peer = Box::new(Adapter::<Ring>::new(Role::Server, TLS12));
    let mut tls = stream_to::<_, MAX_RECORD>(Role::Client, TLS12, peer);
    const HELLO_REQUEST: [u8; 4] = [0, 0, 0, 0];
    tls.transport_mut().peer.write_handshake(&HELLO_REQUEST);
    tls.transport_mut().peer.write(b"and data");
    assert_eq!(read_some(&mut tls), b"and data");
    settle(&mut tls);
    assert_eq!(tls.transport_mut().peer.warnings, [AlertDescription::NO_RENEGOTIATION]);
}

#[test]
fn a_renegotiation_in_pieces_is_refused_once() {
    let peer = Box::new(Adapter::<Ring>::new(Role::Client, TLS12));
    let mut tls = stream_to::<_, MAX_RECORD>(Role::Server, TLS12, peer);
    let peer = &mut tls.transport_mut().peer;
    peer.connection().layer.with_halves(|_, sealer| sealer.set_fragment_limit(16));
    let mut client_hello = vec![1, 0, 0, 40];
    client_hello.extend([7; 40]);
    peer.write_handshake(&client_hello);
    settle(&mut tls);
    assert_eq!(tls.transport_mut().peer.warnings, [AlertDescription::NO_RENEGOTIATION]);
}

#[test]
fn a_stream_can_be_taken_apart_and_goes_on() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().peer.write(b"one");
    tls.transport_mut().peer.write(b"two");
    assert_eq!(read_some(&mut tls), b"one");
    let (connection, received, wire) = tls.into_parts();
    let mut tls: Tls = EmbeddedStream::new(connection, received, wire);
    assert_eq!(read_some(&mut tls), b"two");
}

// FTP's CCC, LDAP: what lies behind the peer's close_notify is plaintext.
#[test]
fn what_follows_tls_on_the_transport_stays_in_the_buffer() {
    for calls in Calls::BOTH {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        settle(&mut tls);
        tls.transport_mut().peer.close();
        tls.transport_mut().collect().extend(b"220 plaintext\r\n");
        for _ in 0..3 {
            assert_eq!(calls.read(&mut tls, &mut [0; 9]), Ok(0));
        }
        calls.close(&mut tls).unwrap();
        let (_, mut received, _) = tls.into_parts();
        assert_eq!(received.filled(), b"220 plaintext\r\n");
    }
}

#[test]
fn reading_does_not_try_again_to_send_what_the_transport_refused() {
    for calls in Calls::BOTH {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        settle(&mut tls);
        calls.write_all(&mut tls, b"some");
        tls.transport_mut().is_broken = true;
        for _ in 0..100 {
            tls.transport_mut().peer.write(b"x");
            assert_eq!(calls.read(&mut tls, &mut [0]), Ok(1));
        }
        assert_eq!(tls.transport_mut().refused, 1);
        // The caller may ask for it.
        let broken = StreamError::Transport(WireError::Broken);
        assert_eq!(calls.flush(&mut tls), Err(broken));
        assert_eq!(calls.close(&mut tls), Err(broken));
        assert_eq!(tls.transport_mut().refused, 3);
        tls.transport_mut().is_broken = false;
        tls.transport_mut().peer.write(b"x");
        assert_eq!(calls.read(&mut tls, &mut [0]), Ok(1));
        assert_eq!(tls.transport_mut().peer.read(), b"");
        calls.close(&mut tls).unwrap();
        assert_eq!(tls.transport_mut().peer.read(), b"some");
        assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
    }
}

#[test]
fn reading_sends_again_when_the_transport_has_taken_something() {
    for calls in Calls::BOTH {
        for is_write in [false, true] {
            let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
            settle(&mut tls);
            calls.write_all(&mut tls, b"some");
            tls.transport_mut().is_broken = true;
            calls.wait(&mut tls);
            if is_write {
                let data = message(3000);
                let written = calls.write(&mut tls, &data).unwrap();
                let broken = Err(StreamError::Transport(WireError::Broken));
                assert_eq!(calls.write(&mut tls, &data[written..]), broken);
                tls.transport_mut().is_broken = false;
                calls.write_all(&mut tls, &data[written..]);
            } else {
                tls.transport_mut().is_broken = false;
                calls.flush(&mut tls).unwrap();
                calls.write_all(&mut tls, &message(3000));
            }
            calls.wait(&mut tls);
            assert_eq!(tls.transport_mut().peer.read(), [b"some", &message(3000)[..]].concat());
        }
    }
}

#[test]
fn a_flush_that_failed_is_not_repeated_by_reading() {
    for calls in Calls::BOTH {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        settle(&mut tls);
        calls.write_all(&mut tls, b"some");
        calls.flush(&mut tls).unwrap();
        tls.transport_mut().is_broken = true;
        let broken = Err(StreamError::Transport(WireError::Broken));
        assert_eq!(calls.flush(&mut tls), broken);
        for _ in 0..10 {
            calls.wait(&mut tls);
        }
        assert_eq!(tls.transport_mut().refused, 1);
        tls.transport_mut().is_broken = false;
        calls.flush(&mut tls).unwrap();
    }
}

#[test]
fn reading_tries_again_after_an_error_that_passes() {
    for calls in Calls::BOTH {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        settle(&mut tls);
        calls.write_all(&mut tls, b"some");
        tls.transport_mut().is_slow = true;
        calls.wait(&mut tls);
        assert_eq!(tls.transport_mut().peer.read(), b"");
        tls.transport_mut().is_slow = false;
        calls.wait(&mut tls);
        assert_eq!(tls.transport_mut().peer.read(), b"some");
    }
}

// A transport with a buffer of its own passes bytes on when it is flushed. That it is flushed before
// every wait is what `Wire` asserts.
#[test]
fn what_a_write_gave_to_a_buffering_transport_is_flushed_before_reading_waits() {
    for calls in Calls::BOTH {
        for_each_stream(|mut tls, _| {
            settle(&mut tls);
            tls.transport_mut().holds_back = true;
            calls.write_all(&mut tls, &message(5000));
            assert!(!tls.transport_mut().held_back.is_empty());
            calls.wait(&mut tls);
            assert_eq!(tls.transport_mut().peer.read(), message(5000));
        });
    }
}

// The peer's alert discards what is unsent. What the transport has taken before is on its way.
#[test]
fn what_the_transport_took_is_flushed_though_the_rest_was_discarded() {
    for calls in Calls::BOTH {
        for_each_stream(|mut tls, _| {
            settle(&mut tls);
            tls.transport_mut().peer.write(b"x");
            let mut forged = [0; 48];
            forged[..5].copy_from_slice(&[23, 3, 3, 0, 43]);
            tls.transport_mut().peer.receive(&forged);
            assert_eq!(calls.read(&mut tls, &mut [0]), Ok(1));
            tls.transport_mut().holds_back = true;
            calls.write_all(&mut tls, &message(5000));
            assert!(!tls.transport_mut().flushed);
            let error = calls.read(&mut tls, &mut [0]).unwrap_err();
            assert!(matches!(error, StreamError::Open(OpenError::PeerAlert(_))), "{error:?}");
            assert!(tls.transport_mut().flushed);
        });
    }
}

/// Receives a record and, by the same read of the transport, what `behind` adds; reads the record.
/// Whether reading goes on without the transport then, which is tried.
fn goes_on<const RX: usize>(
    calls: Calls,
    agreed: Negotiated,
    behind: impl FnOnce(&mut Wire<dyn Peer>),
) -> bool {
    let peer = Stack::Rustls.peer(Role::Client, agreed);
    let mut tls = stream_to::<_, RX>(Role::Server, agreed, peer);
    tls.transport_mut().peer.write(b"first");
    behind(tls.transport_mut());
    assert!(!tls.has_pending(), "nothing is received");
    assert_eq!(Read::read(&mut tls, &mut [0; 4]), Ok(4));
    assert!(tls.has_pending(), "a byte is not read");
    assert_eq!(Read::read(&mut tls, &mut [0; 4]), Ok(1));
    let (has_pending, reads) = (tls.has_pending(), tls.transport_mut().reads);
    match calls {
        Calls::Blocking => drop(Read::read(&mut tls, &mut [0])),
        Calls::Asynchronous => drop(poll_once(asynch::Read::read(&mut tls, &mut [0]))),
    }
    assert_eq!(has_pending, tls.transport_mut().reads == reads);
    has_pending
}

#[test]
fn a_whole_record_is_pending_and_a_part_of_one_is_not() {
    for calls in Calls::BOTH {
        for agreed in [TLS12, TLS13] {
            let mut is_whole = false;
            for len in 0.. {
                let has_pending = goes_on::<MAX_RECORD>(calls, agreed, |wire| {
                    let first = wire.collect().len();
                    wire.peer.write(b"second");
                    is_whole = len == wire.collect().len() - first;
                    wire.incoming.truncate(first + len);
                });
                assert_eq!(has_pending, is_whole, "{agreed:?} {len}");
                if is_whole {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_header_that_will_be_refused_is_pending_when_it_is_whole() {
    const OVER_THE_LIMIT: [u8; 5] = [23, 3, 3, 0x49, 0];
    const OF_NO_TYPE: [u8; 5] = [99, 3, 3, 0, 30];
    const OF_ANOTHER_VERSION: [u8; 5] = [23, 3, 1, 0, 30];
    /// Of 600 bytes, for a buffer of 512.
    const LONGER_THAN_THE_BUFFER: [u8; 5] = [23, 3, 3, 2, 0x53];
    for calls in Calls::BOTH {
        for (agreed, header, is_refused) in [
            (TLS12, OVER_THE_LIMIT, true),
            (TLS13, OVER_THE_LIMIT, true),
            (TLS12, OF_NO_TYPE, true),
            (TLS13, OF_NO_TYPE, true),
            (TLS12, OF_ANOTHER_VERSION, true),
            (TLS13, OF_ANOTHER_VERSION, false),
            (TLS12, LONGER_THAN_THE_BUFFER, true),
            (TLS13, LONGER_THAN_THE_BUFFER, true),
        ] {
            for len in 0..=5 {
                let behind = |wire: &mut Wire<dyn Peer>| wire.collect().extend(&header[..len]);
                let has_pending = goes_on::<512>(calls, agreed, behind);
                assert_eq!(has_pending, is_refused && len == 5, "{agreed:?} {header:?} {len}");
            }
        }
    }
}

#[test]
fn the_end_is_pending_as_often_as_it_is_asked() {
    for_each_stream(|mut tls, _| {
        tls.transport_mut().peer.close();
        assert!(!tls.has_pending(), "nothing is received");
        for _ in 0..2 {
            assert_eq!(Read::read(&mut tls, &mut [0]), Ok(0));
            assert!(tls.has_pending());
        }
    });
    for_each_stream(|mut tls, _| {
        tls.transport_mut().ends = true;
        for _ in 0..2 {
            assert_eq!(Read::read(&mut tls, &mut [0]), Err(StreamError::Truncated));
            assert!(tls.has_pending());
        }
    });
}

#[test]
fn a_record_without_data_is_pending() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    tls.transport_mut().peer.write(b"data");
    tls.transport_mut().peer.key_update(false);
    assert_eq!(read_some(&mut tls), b"data");
    assert!(tls.has_pending());
    settle(&mut tls);
    assert!(!tls.has_pending());
}

// A handshake may have opened a record in part.
#[test]
fn the_rest_of_a_record_that_was_opened_in_part_is_pending() {
    const TICKET: [u8; 5] = [4, 0, 0, 1, 9];
    let peer = Box::new(Adapter::<Ring>::new(Role::Server, TLS13));
    let mut tls = stream_to::<_, MAX_RECORD>(Role::Client, TLS13, peer);
    settle(&mut tls);
    tls.transport_mut().peer.write_handshake(&[TICKET, TICKET].concat());
    let mut record = Vec::from(std::mem::take(tls.transport_mut().collect()));
    let (mut connection, _, wire) = tls.into_parts();
    let opened = connection.received(&mut record).unwrap();
    assert_ne!(opened.consumed, record.len());
    let rest = &record[opened.consumed..];

    let mut received = RecordBuffer::new();
    received.room().unwrap()[..rest.len()].copy_from_slice(rest);
    received.received(rest.len() - 1);
    let tls: Tls<_> = EmbeddedStream::new(connection, received, wire);
    assert!(!tls.has_pending());
    let (connection, mut received, wire) = tls.into_parts();
    received.received(1);
    let mut tls: Tls<_> = EmbeddedStream::new(connection, received, wire);
    assert!(tls.has_pending());
    settle(&mut tls);
    assert!(!tls.has_pending());
}

/// A peer that never stops sending, at the other end of a transport that takes everything.
struct Endless {
    peer: RecordLayer<TrafficSecret<Ring>>,
    sends: Sends,
    incoming: VecDeque<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Sends {
    Data,
    EmptyRecords,
    PaddedEmptyRecords,
    Tickets,
    KeyUpdates,
}

impl Endless {
    fn record(&mut self) -> Vec<u8> {
        let mut record = vec![0; 2000];
        let len = match self.sends {
            Sends::Data => self.peer.seal(&[&message(1000)], &mut record).unwrap().written,
            Sends::EmptyRecords | Sends::PaddedEmptyRecords => {
                self.peer.seal_in_place(&mut record, 0).unwrap()
            }
            Sends::Tickets => self.peer.seal_handshake(&[&[4, 0, 0, 1, 9]], &mut record).unwrap(),
            Sends::KeyUpdates => {
                self.peer.update_keys(false).unwrap();
                self.peer.poll_control(&mut record).unwrap()
            }
        };
        record.truncate(len);
        record
    }
}

impl ErrorType for Endless {
    type Error = WireError;
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        if self.incoming.is_empty() {
            let record = self.record();
            self.incoming.extend(record);
        }
        Ok(std::io::Read::read(&mut self.incoming, out).unwrap())
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), WireError> {
        Ok(())
    }
}

impl asynch::Read for Endless {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        Read::read(self, out)
    }
}

impl asynch::Write for Endless {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        Write::write(self, bytes)
    }

    async fn flush(&mut self) -> Result<(), WireError> {
        Ok(())
    }
}

#[test]
fn a_peer_that_never_stops_sending_does_not_keep_a_stream_from_closing() {
    let established = |role, padding| {
        let secret =
            |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap();
        let mut layer = RecordLayer::new(Config { padding, ..Config::new(role) });
        layer.install(Epoch::Application, secret(1), secret(2)).unwrap();
        layer
    };
    let budget = 500;
    for calls in Calls::BOTH {
        for sends in [
            Sends::Data,
            Sends::EmptyRecords,
            Sends::PaddedEmptyRecords,
            Sends::Tickets,
            Sends::KeyUpdates,
        ] {
            let padding = match sends {
                Sends::PaddedEmptyRecords => Padding::Block(64),
                _ => Padding::None,
            };
            let peer = established(tls_record::Role::Server, padding);
            let transport = Endless { peer, sends, incoming: VecDeque::new() };
            let connection =
                Connection::<_, 512>::new(established(tls_record::Role::Client, Padding::None));
            let mut tls =
                EmbeddedStream::<_, _, 2048, 512>::new(connection, RecordBuffer::new(), transport);
            let mut len = 0;
            let rest = |data: &[u8]| len += data.len();
            let closed = match calls {
                Calls::Blocking => tls.close_and_drain(budget, rest),
                Calls::Asynchronous => finish(tls.close_and_drain_async(budget, rest)),
            };
            let Err(StreamError::Shutdown(ShutdownError::BudgetSpent { drained })) = closed else {
                panic!("{sends:?}: {closed:?}");
            };
            assert!(drained > budget && drained < budget + 2000, "{sends:?}: {drained}");
            assert_eq!(len, if matches!(sends, Sends::Data) { 1000 } else { 0 });
            assert_eq!(tls.end().write, WriteEnd::Closed);
        }
    }
}

// Asynchronous

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
fn what_has_arrived_is_read_though_the_transport_takes_nothing() {
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
    // Before it waits for the peer it waits until the answer has left.
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
    use std::cell::RefCell;

    /// Shared, so that the test can change it while a future has it.
    struct Shared<'a>(&'a RefCell<Wire<dyn Peer>>);

    impl ErrorType for Shared<'_> {
        type Error = WireError;
    }

    impl asynch::Read for Shared<'_> {
        async fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
            std::future::poll_fn(|cx| {
                poll_now(asynch::Read::read(&mut *self.0.borrow_mut(), out), cx)
            })
            .await
        }
    }

    impl asynch::Write for Shared<'_> {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
            std::future::poll_fn(|cx| {
                poll_now(asynch::Write::write(&mut *self.0.borrow_mut(), bytes), cx)
            })
            .await
        }

        async fn flush(&mut self) -> Result<(), WireError> {
            self.0.borrow_mut().pass_on()
        }
    }

    fn poll_now<F: Future>(future: F, cx: &mut Context<'_>) -> Poll<F::Output> {
        pin!(future).poll(cx)
    }

    let (connection, received, wire) = stream(Role::Client, TLS13, Stack::Openssl).into_parts();
    let wire = RefCell::new(wire);
    let wire: &RefCell<Wire<dyn Peer>> = &wire;
    let mut tls: EmbeddedStream<_, _, MAX_RECORD, 2048> =
        EmbeddedStream::new(connection, received, Shared(wire));
    assert!(poll_once(asynch::Read::read(&mut tls, &mut [0])).is_pending(), "tickets");
    wire.borrow_mut().is_blocked = true;
    wire.borrow_mut().peer.key_update(true);
    let before = wire.borrow().sent;
    let mut out = [0; 9];
    let mut read = pin!(asynch::Read::read(&mut tls, &mut out));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(read.as_mut().poll(&mut cx).is_pending());
    assert!(read.as_mut().poll(&mut cx).is_pending(), "woken for nothing");
    assert_eq!(wire.borrow().sent, before);
    wire.borrow_mut().is_blocked = false;
    assert!(read.as_mut().poll(&mut cx).is_pending());
    assert_eq!(wire.borrow().sent - before, KEY_UPDATE_RECORD);
    wire.borrow_mut().peer.write(b"data");
    assert_eq!(read.as_mut().poll(&mut cx), Poll::Ready(Ok(4)));
}

#[test]
fn closing_in_two_steps_sends_before_it_reads() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    tls.transport_mut().is_blocked = true;
    assert_eq!(poll_once(asynch::Write::write(&mut tls, b"some")), Poll::Ready(Ok(4)));
    tls.transport_mut().peer.write(&message(500));
    let closing = tls.close_and_drain_async(1000, |_| panic!("nothing has left"));
    assert!(poll_once(closing).is_pending());
    tls.transport_mut().unblock();
    let mut rest = Vec::new();
    let closing = tls.close_and_drain_async(1000, |data| rest.extend_from_slice(data));
    assert!(poll_once(closing).is_pending());
    assert_eq!(rest, message(500));
    assert_eq!(tls.transport_mut().peer.read(), b"some");
    assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
    tls.transport_mut().peer.close();
    let closing = tls.close_and_drain_async(1000, |_| panic!("there is no more"));
    assert_eq!(poll_once(closing), Poll::Ready(Ok(())));
    assert!(tls.end().is_clean());
}

#[test]
fn closing_in_two_steps_waits_until_the_transport_has_flushed() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    tls.transport_mut().hesitates = true;
    tls.transport_mut().peer.close();
    finish(tls.close_and_drain_async(0, |_| panic!("there is no more"))).unwrap();
    assert!(tls.end().is_clean() && tls.transport_mut().flushed);
}

#[test]
fn closing_after_the_peer_waits_for_the_transport() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().peer.close();
    assert_eq!(read_some(&mut tls), b"");
    tls.transport_mut().is_blocked = true;
    let calls = tls.transport_mut().calls;
    assert!(poll_once(tls.close_and_drain_async(0, |_| {})).is_pending());
    assert_eq!(tls.transport_mut().calls - calls, 1);
    tls.transport_mut().unblock();
    assert_eq!(poll_once(tls.close_and_drain_async(0, |_| {})), Poll::Ready(Ok(())));
    assert!(tls.end().is_clean() && tls.transport_mut().flushed);
}

#[test]
fn closing_over_a_broken_transport_is_its_error() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    tls.transport_mut().is_broken = true;
    let broken = StreamError::Transport(WireError::Broken);
    assert_eq!(tls.close(), Err(broken));
    assert_eq!(tls.close_and_drain(0, |_| {}), Err(broken));
    assert_eq!(poll_once(tls.close_async()), Poll::Ready(Err(broken)));
    assert_eq!(poll_once(tls.close_and_drain_async(0, |_| {})), Poll::Ready(Err(broken)));
    tls.transport_mut().is_broken = false;
    tls.close().unwrap();
    assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
}

// Data that was taken will never arrive: a flush must not say that it has left.
#[test]
fn a_flush_tells_of_data_that_the_peers_alert_has_discarded() {
    for_each_stream(|mut tls, _| {
        tls.write_all(b"never").unwrap();
        let mut forged = [0; 48];
        forged[..5].copy_from_slice(&[23, 3, 3, 0, 43]);
        tls.transport_mut().peer.receive(&forged);
        // Reading sends what is due before it waits, so that the transport has to refuse it.
        tls.transport_mut().is_broken = true;
        let error = read_some_of(&mut tls, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, StreamError::Open(OpenError::PeerAlert(_))), "{error:?}");
        tls.transport_mut().is_broken = false;
        for _ in 0..2 {
            let error = tls.flush().unwrap_err();
            assert!(matches!(error, StreamError::Open(OpenError::PeerAlert(_))), "{error:?}");
        }
    });
}
