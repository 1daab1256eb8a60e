//! Random calls over unreliable transports, compared with a model of two queues of bytes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{KeyError, ReadEnd, WriteEnd};
use tls_record_alloc::{Handshake, ReadHalf, Shutdown, Stream, TokioStream, WriteHalf};
use tls_record_tests::peers::{Negotiated, Peer, PeerEnd, Role, Suite, Version};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::endpoint::RingOutOfPlace;
use crate::polling::polled;
use crate::support::{Adapter, handshake, other};

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn len(&mut self) -> usize {
        let top = [2, 30, 700, 5000, 40_000][self.below(5)];
        self.below(top)
    }
}

struct State {
    peer: Adapter<Ring>,
    incoming: VecDeque<u8>,
    /// Bytes in a buffering transport that are not flushed.
    held: Vec<u8>,
    buffers: bool,
    is_async: bool,
    temper: usize,
    ends: bool,
    /// The transport must not be read.
    sealed_off: bool,
    shut: bool,
    rng: Rng,
}

#[derive(Clone)]
struct Wire(Rc<RefCell<State>>);

impl State {
    fn refuse(&mut self) -> io::Result<()> {
        if self.temper != 0 && self.rng.one_in(self.temper) {
            let interrupted = !self.is_async && self.rng.one_in(2);
            return Err(
                if interrupted { ErrorKind::Interrupted } else { ErrorKind::WouldBlock }.into()
            );
        }
        Ok(())
    }

    fn piece(&mut self, len: usize) -> usize {
        let most = [1, 7, 500, usize::MAX][self.rng.below(4)];
        if self.temper == 0 { len } else { len.min(most) }
    }

    fn collect(&mut self) {
        let out = self.peer.take_output();
        self.incoming.extend(out);
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        assert!(!out.is_empty());
        assert!(
            !self.sealed_off,
            "nothing was pending, and yet data came or the transport was read"
        );
        self.refuse()?;
        self.collect();
        if self.incoming.is_empty() {
            return if self.ends { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let len = self.piece(out.len());
        self.incoming.read(&mut out[..len])
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!bytes.is_empty() && !self.shut);
        self.refuse()?;
        let len = self.piece(bytes.len());
        if self.buffers {
            self.held.extend(&bytes[..len]);
        } else {
            self.peer.receive(&bytes[..len]);
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.refuse()?;
        let held = std::mem::take(&mut self.held);
        self.peer.receive(&held);
        Ok(())
    }
}

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(out)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.0.borrow_mut().read(out.initialize_unfilled());
        polled(read.map(|len| out.advance(len)))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        polled(self.0.borrow_mut().write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        polled(self.0.borrow_mut().flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.0.borrow_mut();
        let flushed = state.flush();
        state.shut |= flushed.is_ok();
        polled(flushed)
    }
}

fn once<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

enum Tls {
    Std(Stream<Wire, RingOutOfPlace>),
    Tokio(TokioStream<Wire, RingOutOfPlace>),
    Halves(bool, ReadHalf<Wire, RingOutOfPlace>, WriteHalf<Wire, RingOutOfPlace>),
    Gone,
}

impl Tls {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Std(tls) => Read::read(tls, out),
            Self::Tokio(tls) => once(AsyncReadExt::read(tls, out)),
            Self::Halves(false, read, _) => Read::read(read, out),
            Self::Halves(true, read, _) => once(AsyncReadExt::read(read, out)),
            Self::Gone => unreachable!(),
        }
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Std(tls) => Write::write(tls, data),
            Self::Tokio(tls) => once(AsyncWriteExt::write(tls, data)),
            Self::Halves(false, _, write) => Write::write(write, data),
            Self::Halves(true, _, write) => once(AsyncWriteExt::write(write, data)),
            Self::Gone => unreachable!(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Std(tls) => Write::flush(tls),
            Self::Tokio(tls) => once(AsyncWriteExt::flush(tls)),
            Self::Halves(false, _, write) => Write::flush(write),
            Self::Halves(true, _, write) => once(AsyncWriteExt::flush(write)),
            Self::Gone => unreachable!(),
        }
    }

    fn close(&mut self) -> io::Result<()> {
        match self {
            Self::Std(tls) => tls.close(),
            Self::Tokio(tls) => once(AsyncWriteExt::shutdown(tls)),
            Self::Halves(false, _, write) => write.close(),
            Self::Halves(true, _, write) => once(AsyncWriteExt::shutdown(write)),
            Self::Gone => unreachable!(),
        }
    }

    fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        match self {
            Self::Std(tls) => tls.update_keys(request),
            Self::Tokio(tls) => tls.update_keys(request),
            Self::Halves(_, _, write) => write.update_keys(request),
            Self::Gone => unreachable!(),
        }
    }

    fn has_pending(&self) -> bool {
        match self {
            Self::Std(tls) => tls.has_pending(),
            Self::Tokio(tls) => tls.has_pending(),
            Self::Halves(_, read, _) => read.has_pending(),
            Self::Gone => unreachable!(),
        }
    }

    fn end(&mut self) -> (ReadEnd, WriteEnd) {
        match self {
            Self::Std(tls) => (tls.end().read, tls.end().write),
            Self::Tokio(tls) => (tls.end().read, tls.end().write),
            Self::Halves(_, read, write) => (read.end(), write.end()),
            Self::Gone => unreachable!(),
        }
    }

    fn split_or_join(&mut self) {
        *self = match std::mem::replace(self, Self::Gone) {
            Self::Std(tls) => {
                let (read, write) = tls.into_split(|wire| (wire.clone(), wire));
                Self::Halves(false, read, write)
            }
            Self::Tokio(tls) => {
                let (read, write) = tls.into_split(|wire| (wire.clone(), wire));
                Self::Halves(true, read, write)
            }
            Self::Halves(false, read, write) => {
                Self::Std(Stream::join(read, write, |wire, _| wire).unwrap())
            }
            Self::Halves(true, read, write) => {
                Self::Tokio(TokioStream::join(read, write, |wire, _| wire).unwrap())
            }
            Self::Gone => unreachable!(),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn connect(rng: &mut Rng, role: Role, agreed: Negotiated, is_async: bool) -> (Tls, Wire) {
    let temper = [0, 2, 3, 10][rng.below(4)];
    let wire = Wire(Rc::new(RefCell::new(State {
        peer: Adapter::new(other(role), agreed).in_pieces_of(1 + rng.len()),
        incoming: VecDeque::new(),
        held: Vec::new(),
        buffers: rng.one_in(2),
        is_async,
        temper,
        ends: false,
        sealed_off: false,
        shut: false,
        rng: Rng(rng.next() | 1),
    })));
    let mut handshake: Handshake = handshake(role, agreed);
    let mut transport = wire.clone();
    if rng.one_in(2) {
        wire.0.borrow_mut().peer.write(b"");
    }
    for tries in 0.. {
        assert!(tries < 1_000_000, "the handshake hangs");
        let done = if is_async {
            once(handshake.complete_async(&mut transport))
        } else {
            handshake.complete(&mut transport)
        };
        match done {
            Ok(()) => break,
            Err(error) => assert!(is_passing(&error), "{error}"),
        }
    }
    let established = handshake.finish().unwrap();
    let tls = if is_async {
        let mut tls = TokioStream::new(established, transport);
        if rng.one_in(2) {
            tls.set_shutdown(Shutdown::TwoSteps { budget: 10_000_000 });
        }
        Tls::Tokio(tls)
    } else {
        Tls::Std(Stream::new(established, transport))
    };
    (tls, wire)
}

fn bytes(count: &mut usize, len: usize) -> Vec<u8> {
    let from = *count;
    *count += len;
    (from..from + len).map(|i| (i * 31 % 251) as u8).collect()
}

fn run(seed: u64) {
    let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..5 {
        rng.next();
    }
    let role = if rng.one_in(2) { Role::Client } else { Role::Server };
    let version = if rng.one_in(2) { Version::Tls12 } else { Version::Tls13 };
    let agreed = Negotiated { version, suite: Suite::Aes128Gcm };
    let is_async = rng.one_in(2);
    let (mut tls, wire) = connect(&mut rng, role, agreed, is_async);
    let (mut to_peer, mut at_peer, mut from_peer, mut read) = (0, 0, 0, 0);
    let (mut written, mut expected) = (Vec::new(), Vec::new());
    let is_13 = version == Version::Tls13;
    let check_peer = |at_peer: &mut usize, written: &Vec<u8>| {
        let got = wire.0.borrow_mut().peer.read();
        assert_eq!(
            got[..],
            written[*at_peer..*at_peer + got.len()],
            "seed {seed}: what the peer gets"
        );
        *at_peer += got.len();
    };
    let take = |tls: &mut Tls, rng: &mut Rng, read: &mut usize, expected: &Vec<u8>| {
        let mut out = vec![0; 1 + rng.len()];
        let got = tls.read(&mut out);
        if let Ok(len) = got {
            assert_eq!(out[..len], expected[*read..*read + len], "seed {seed}: what is read");
            *read += len;
        }
        got
    };
    for _ in 0..rng.below(120) {
        match rng.below(12) {
            0..3 => {
                let len = 1 + rng.len();
                let mut count = to_peer;
                let data = bytes(&mut count, len);
                match tls.write(&data) {
                    Ok(taken) => {
                        assert_ne!(taken, 0);
                        written.extend(&data[..taken]);
                        to_peer += taken;
                    }
                    Err(error) => assert!(is_passing(&error), "seed {seed}: {error}"),
                }
            }
            3 => match tls.flush() {
                Ok(()) => {
                    check_peer(&mut at_peer, &written);
                    assert_eq!(at_peer, written.len(), "seed {seed}: flushed");
                }
                Err(error) => assert!(is_passing(&error), "seed {seed}: {error}"),
            },
            4..7 => {
                if let Err(error) = take(&mut tls, &mut rng, &mut read, &expected) {
                    assert!(is_passing(&error), "seed {seed}: {error}");
                }
            }
            7 => {
                let len = rng.len();
                let data = bytes(&mut from_peer, len);
                wire.0.borrow_mut().peer.write(&data);
                expected.extend(data);
            }
            8 if is_13 => {
                let request = rng.one_in(2);
                // A request may wait for its answer.
                let mut state = wire.0.borrow_mut();
                let _ = state.peer.connection().layer.update_keys(request);
                state.peer.send_control();
            }
            9 if is_13 => {
                let request = rng.one_in(2);
                match tls.update_keys(request) {
                    Ok(()) | Err(KeyError::RequestOutstanding) => {}
                    Err(error) => panic!("seed {seed}: {error}"),
                }
            }
            10 => tls.split_or_join(),
            _ => {
                let is_halves = matches!(tls, Tls::Halves(..));
                if !tls.has_pending() && !is_async && !is_halves {
                    // No data is pending, so that the transport is read first.
                    let before = read;
                    let temper = std::mem::replace(&mut wire.0.borrow_mut().temper, 1);
                    assert!(take(&mut tls, &mut rng, &mut read, &expected).is_err(), "seed {seed}");
                    assert_eq!(read, before);
                    wire.0.borrow_mut().temper = temper;
                }
                check_peer(&mut at_peer, &written);
            }
        }
    }
    // The end: a close_notify, a truncation, or a forged record.
    let ending = rng.below(4);
    let we_close_first = rng.one_in(2);
    if we_close_first && ending != 3 {
        close(
            seed,
            &mut tls,
            &mut |tls| take(tls, &mut rng, &mut read, &expected).map(drop),
            &wire,
            ending,
        );
    }
    match ending {
        0 | 1 => wire.0.borrow_mut().peer.close(),
        2 => wire.0.borrow_mut().ends = true,
        _ => {
            let mut state = wire.0.borrow_mut();
            state.peer.write(b"forged");
            state.collect();
            let index = state.incoming.len() - 1;
            state.incoming[index] ^= 1;
            state.ends = true;
        }
    }
    let mut end = None;
    for _ in 0..200_000 {
        match take(&mut tls, &mut rng, &mut read, &expected) {
            Ok(0) => {
                end = Some(None);
                break;
            }
            Ok(_) => {}
            Err(error) if is_passing(&error) => {}
            Err(error) => {
                end = Some(Some(error.kind()));
                break;
            }
        }
    }
    let end = end.unwrap_or_else(|| panic!("seed {seed}: reading hangs, {:?}", tls.end()));
    assert!(tls.has_pending(), "seed {seed}");
    assert_eq!(read, expected.len(), "seed {seed}: all is read, {end:?}");
    match ending {
        0 | 1 => assert_eq!(end, None, "seed {seed}"),
        // In TLS 1.2 the peer replies to our close_notify.
        2 if we_close_first && !is_13 => {}
        2 => assert_eq!(end, Some(ErrorKind::UnexpectedEof), "seed {seed}"),
        _ => assert_eq!(end, Some(ErrorKind::InvalidData), "seed {seed}"),
    }
    if rng.one_in(3) {
        tls.split_or_join();
    }
    if ending == 3 {
        for tries in 0.. {
            assert!(tries < 200_000, "seed {seed}: the alert is not sent");
            match tls.close() {
                Err(error) if is_passing(&error) => {}
                Err(_) => break,
                Ok(()) => panic!("seed {seed}: it has failed"),
            }
        }
        for _ in 0..100_000 {
            let _ = tls.flush();
        }
        check_peer(&mut at_peer, &written);
        assert_eq!(wire.0.borrow().peer.end(), PeerEnd::Alert(20), "seed {seed}");
    } else {
        close(seed, &mut tls, &mut |_| Ok(()), &wire, ending);
        check_peer(&mut at_peer, &written);
        assert_eq!(wire.0.borrow().peer.end(), PeerEnd::CloseNotify, "seed {seed}");
        assert_eq!(tls.end().1, WriteEnd::Closed, "seed {seed}");
    }
    assert_eq!(at_peer, written.len(), "seed {seed}: everything is sent");
}

fn close(
    seed: u64,
    tls: &mut Tls,
    read: &mut dyn FnMut(&mut Tls) -> io::Result<()>,
    wire: &Wire,
    ending: usize,
) {
    for tries in 0..200_000 {
        match tls.close() {
            Ok(()) => return,
            Err(error) if is_passing(&error) => {}
            // In two steps the truncation is an error.
            Err(error) if ending == 2 && error.kind() == ErrorKind::UnexpectedEof => return,
            Err(error) => panic!("seed {seed}: {error}"),
        }
        if tries > 50 {
            // In two steps it waits for the peer.
            let mut state = wire.0.borrow_mut();
            if ending == 2 { state.ends = true } else { state.peer.close() }
        }
        let _ = read(tls);
    }
    panic!("seed {seed}: closing hangs");
}

#[test]
fn random_calls_lose_nothing_and_never_hang() {
    let from = std::env::var("SEED").map_or(0, |seed| seed.parse().unwrap());
    let count = std::env::var("COUNT").map_or(300, |count| count.parse().unwrap());
    let mut failed = Vec::new();
    for seed in from..from + count {
        if std::panic::catch_unwind(|| run(seed)).is_err() {
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
