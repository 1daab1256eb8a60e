//! Two sides that both write before they read, over transports that hold from 1 byte to 64 KiB.
//!
//! No stream can send what the peer does not read. But a read returns data while nothing can be sent, so two
//! sides that read make progress, whatever they have left unsent (rustls#2556).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use smol::io as futures;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::{
    FuturesIo, FuturesStream, Handshake, ReadHalf, Shutdown, Stream, TokioStream, WriteHalf,
};
use tls_record_tests::peers::{
    Negotiated, Role, SERVER_NAME, Suite, Version, rustls_client_config, rustls_server_config,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::polling::{poll_once, polled};
use crate::support::{ROLES, TLS12, TLS13, handshake, message};

/// How many bytes a transport holds in each direction.
const SIZES: [usize; 12] = [1, 2, 3, 5, 6, 7, 16, 22, 100, 1000, 16_384, 65_536];

/// Longer than any step takes.
const LONG: Duration = Duration::from_secs(20);

/// The most bytes to write in one call.
const PIECE: usize = 1000;

/// More than a transport of this size and the buffers of the two streams hold.
const fn len(size: usize) -> usize {
    3 * size + 5 * PIECE
}

/// The next bytes to write.
fn piece(data: &[u8], written: usize) -> &[u8] {
    &data[written..data.len().min(written + PIECE)]
}

/// One direction of a transport.
struct Pipe {
    bytes: VecDeque<u8>,
    size: usize,
    ends: bool,
}

/// One end of a transport in memory that never blocks.
#[derive(Clone)]
struct Io {
    from: Rc<RefCell<Pipe>>,
    to: Rc<RefCell<Pipe>>,
}

fn transport(size: usize) -> [Io; 2] {
    let [a, b] =
        [(); 2].map(|()| Rc::new(RefCell::new(Pipe { bytes: VecDeque::new(), size, ends: false })));
    [Io { from: a.clone(), to: b.clone() }, Io { from: b, to: a }]
}

impl Read for Io {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.from.borrow_mut();
        if pipe.bytes.is_empty() && !pipe.ends {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.bytes.read(out)
    }
}

impl Write for Io {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pipe = self.to.borrow_mut();
        let len = bytes.len().min(pipe.size - pipe.bytes.len());
        if len == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        pipe.bytes.extend(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Read::read(&mut *self, out.initialize_unfilled());
        polled(read.map(|len| out.advance(len)))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        polled(Write::write(&mut *self, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.to.borrow_mut().ends = true;
        Poll::Ready(Ok(()))
    }
}

impl futures::AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        polled(Read::read(&mut *self, out))
    }
}

impl futures::AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        polled(Write::write(&mut *self, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(self, cx)
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Blocking,
    Tokio,
    Futures,
    BlockingHalves,
    TokioHalves,
    FuturesHalves,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Blocking,
        Self::Tokio,
        Self::Futures,
        Self::BlockingHalves,
        Self::TokioHalves,
        Self::FuturesHalves,
    ];

    /// Goes on with a handshake.
    fn handshake(self, handshake: &mut Handshake, io: &mut Io) -> io::Result<()> {
        match self {
            Self::Blocking | Self::BlockingHalves => handshake.complete(io),
            Self::Tokio | Self::TokioHalves => once(handshake.complete_async(io)),
            Self::Futures | Self::FuturesHalves => {
                once(handshake.complete_async(&mut FuturesIo(io)))
            }
        }
    }

    fn stream(self, handshake: Handshake, io: Io) -> Tls {
        let established = handshake.finish().unwrap();
        let split = |io: Io| (io.clone(), io);
        match self {
            Self::Blocking => Tls::Blocking(Stream::new(established, io)),
            Self::Tokio => Tls::Tokio(TokioStream::new(established, io)),
            Self::Futures => Tls::Futures(FuturesStream::new(established, io)),
            Self::BlockingHalves | Self::TokioHalves => {
                let (read, write) = Stream::new(established, io).into_split(split);
                match self {
                    Self::BlockingHalves => Tls::BlockingHalves(read, write),
                    _ => Tls::TokioHalves(read, write),
                }
            }
            Self::FuturesHalves => {
                let (read, write) = FuturesStream::new(established, io).into_split(split);
                Tls::FuturesHalves(read, write)
            }
        }
    }
}

/// Polls a future once: `WouldBlock` if it waits.
fn once<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match poll_once(future) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

enum Tls {
    Blocking(Stream<Io, Ring>),
    Tokio(TokioStream<Io, Ring>),
    Futures(FuturesStream<Io, Ring>),
    BlockingHalves(ReadHalf<Io, Ring>, WriteHalf<Io, Ring>),
    TokioHalves(ReadHalf<Io, Ring>, WriteHalf<Io, Ring>),
    FuturesHalves(ReadHalf<FuturesIo<Io>, Ring>, WriteHalf<FuturesIo<Io>, Ring>),
}

impl Tls {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Blocking(tls) => Read::read(tls, out),
            Self::Tokio(tls) => once(AsyncReadExt::read(tls, out)),
            Self::Futures(tls) => once(futures::AsyncReadExt::read(tls, out)),
            Self::BlockingHalves(read, _) => Read::read(read, out),
            Self::TokioHalves(read, _) => once(AsyncReadExt::read(read, out)),
            Self::FuturesHalves(read, _) => once(futures::AsyncReadExt::read(read, out)),
        }
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Blocking(tls) => Write::write(tls, data),
            Self::Tokio(tls) => once(AsyncWriteExt::write(tls, data)),
            Self::Futures(tls) => once(futures::AsyncWriteExt::write(tls, data)),
            Self::BlockingHalves(_, write) => Write::write(write, data),
            Self::TokioHalves(_, write) => once(AsyncWriteExt::write(write, data)),
            Self::FuturesHalves(_, write) => once(futures::AsyncWriteExt::write(write, data)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Blocking(tls) => Write::flush(tls),
            Self::Tokio(tls) => once(AsyncWriteExt::flush(tls)),
            Self::Futures(tls) => once(futures::AsyncWriteExt::flush(tls)),
            Self::BlockingHalves(_, write) => Write::flush(write),
            Self::TokioHalves(_, write) => once(AsyncWriteExt::flush(write)),
            Self::FuturesHalves(_, write) => once(futures::AsyncWriteExt::flush(write)),
        }
    }

    /// Goes on to close both directions, and adds the data that arrives to `rest`. The only call made.
    fn close(&mut self, rest: &mut Vec<u8>) -> io::Result<()> {
        const BUDGET: u32 = 10_000_000;
        let two_steps = Shutdown::TwoSteps { budget: BUDGET };
        match self {
            Self::Blocking(tls) => return tls.close_and_read_rest(BUDGET, rest).map(drop),
            Self::Tokio(tls) => {
                tls.set_shutdown(two_steps);
                once(AsyncWriteExt::shutdown(tls))?;
            }
            Self::Futures(tls) => {
                tls.set_shutdown(two_steps);
                once(futures::AsyncWriteExt::close(tls))?;
            }
            // The two halves would be in two tasks.
            Self::BlockingHalves(..) | Self::TokioHalves(..) | Self::FuturesHalves(..) => {
                let closed = match self {
                    Self::BlockingHalves(_, write) => write.close(),
                    Self::TokioHalves(_, write) => once(AsyncWriteExt::shutdown(write)),
                    Self::FuturesHalves(_, write) => once(futures::AsyncWriteExt::close(write)),
                    _ => unreachable!(),
                };
                self.read_rest(rest)?;
                return closed;
            }
        }
        self.read_rest(rest)
    }

    fn read_rest(&mut self, rest: &mut Vec<u8>) -> io::Result<()> {
        let mut out = [0; 5000];
        loop {
            match self.read(&mut out)? {
                0 => return Ok(()),
                len => rest.extend_from_slice(&out[..len]),
            }
        }
    }
}

fn is_done(result: io::Result<()>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    }
}

/// Makes two streams over a transport of `size` bytes.
fn streams(kind: Kind, agreed: Negotiated, size: usize) -> [Tls; 2] {
    let mut ios = transport(size);
    let mut handshakes = ROLES.map(|role| handshake(role, agreed));
    let mut are_done = [false; 2];
    for _ in 0..20_000 {
        for ((handshake, io), done) in handshakes.iter_mut().zip(&mut ios).zip(&mut are_done) {
            if !*done {
                *done = is_done(kind.handshake(handshake, io));
            }
        }
        if are_done == [true; 2] {
            let mut ios = ios.into_iter();
            return handshakes.map(|handshake| kind.stream(handshake, ios.next().unwrap()));
        }
    }
    panic!("the handshakes wait for each other");
}

/// Writes until the stream refuses, and returns the number of bytes that it took.
fn fill(tls: &mut Tls, data: &[u8]) -> usize {
    let mut written = 0;
    loop {
        match tls.write(piece(data, written)) {
            Ok(len) => written += len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return written,
            Err(error) => panic!("{error}"),
        }
        assert_ne!(written, data.len(), "the transport and the stream are never full");
    }
}

fn for_each_pair(test: impl Fn([Tls; 2], usize)) {
    for size in SIZES {
        for kind in Kind::ALL {
            for agreed in [TLS12, TLS13] {
                println!("{size} {kind:?} {agreed:?}");
                test(streams(kind, agreed, size), size);
            }
        }
    }
}

#[test]
fn two_sides_that_have_filled_the_transport_make_progress_when_they_read() {
    for_each_pair(|mut sides, size| {
        let data = message(len(size));
        let mut written = [0; 2];
        for (tls, written) in sides.iter_mut().zip(&mut written) {
            *written = fill(tls, &data);
            assert!(!is_done(tls.flush()), "a clear answer");
        }
        let mut received = [Vec::new(), Vec::new()];
        for _ in 0..1_000_000 {
            for ((tls, written), received) in sides.iter_mut().zip(&mut written).zip(&mut received)
            {
                let mut out = [0; 5000];
                if let Ok(len) = tls.read(&mut out) {
                    received.extend_from_slice(&out[..len]);
                }
                if *written < data.len() {
                    match tls.write(piece(&data, *written)) {
                        Ok(len) => *written += len,
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                    }
                }
                let _ = is_done(tls.flush());
            }
            if received.iter().all(|received| received.len() == data.len()) {
                assert!(received.iter().all(|received| *received == data));
                return;
            }
        }
        panic!("the two sides wait for each other");
    });
}

#[test]
fn two_sides_that_close_while_the_transport_is_full_deliver_everything() {
    for_each_pair(|mut sides, size| {
        let data = message(len(size));
        let written: Vec<_> = sides.iter_mut().map(|tls| fill(tls, &data)).collect();
        let mut rest = [Vec::new(), Vec::new()];
        let mut are_done = [false; 2];
        for _ in 0..1_000_000 {
            for ((tls, rest), done) in sides.iter_mut().zip(&mut rest).zip(&mut are_done) {
                *done = *done || is_done(tls.close(rest));
            }
            if are_done == [true; 2] {
                assert!(rest[0] == data[..written[1]] && rest[1] == data[..written[0]]);
                return;
            }
        }
        panic!("the two sides wait for each other");
    });
}

// The wake-ups of real tasks: each side has one task for each direction.
#[test]
fn the_tasks_of_two_sides_that_write_and_read_wake_each_other() {
    async fn transfer<T>(tls: TokioStream<T, Ring>, data: &'static [u8], is_split_by_us: bool)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        async fn exchange(
            mut read: impl AsyncRead + Unpin,
            mut write: impl AsyncWrite + Unpin + Send + 'static,
            data: &'static [u8],
        ) {
            let writing = tokio::spawn(async move {
                write.write_all(data).await.unwrap();
                write.shutdown().await.unwrap();
            });
            let mut received = Vec::new();
            read.read_to_end(&mut received).await.unwrap();
            assert!(received == data);
            writing.await.unwrap();
        }
        if is_split_by_us {
            let (read, write) = tls.into_split(tokio::io::split);
            exchange(read, write, data).await;
        } else {
            let (read, write) = tokio::io::split(tls);
            exchange(read, write, data).await;
        }
    }

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for size in SIZES {
        for is_split_by_us in [false, true] {
            println!("{size} {is_split_by_us}");
            let data: &'static [u8] = message(len(size)).leak();
            let (near, far) = tokio::io::duplex(size);
            let client = rustls_client_config(Version::Tls13, Suite::Aes128Gcm);
            let server = rustls_server_config(Version::Tls13, Suite::Aes128Gcm);
            let name = SERVER_NAME.try_into().unwrap();
            let both = async {
                tokio::join!(
                    async {
                        let tls = TokioStream::connect(Arc::new(client), name, near).await;
                        transfer(tls.unwrap(), data, is_split_by_us).await;
                    },
                    async {
                        let tls = TokioStream::accept(Arc::new(server), far).await;
                        transfer(tls.unwrap(), data, is_split_by_us).await;
                    },
                )
            };
            let done = runtime.block_on(async { tokio::time::timeout(LONG, both).await });
            done.expect("the two sides wait for each other");
        }
    }
}

// Blocking sockets with timeouts, and one thread a side.
#[test]
fn a_blocking_write_that_times_out_has_lost_nothing_and_reading_makes_progress() {
    fn run(mut tls: Stream<UnixStream, Ring>, data: &[u8]) {
        let (mut written, mut received, mut timeouts) = (0, Vec::new(), 0);
        let mut out = [0; 50_000];
        while written < data.len() || received.len() < data.len() {
            if written < data.len() {
                match tls.write(&data[written..]) {
                    Ok(len) => {
                        written += len;
                        continue;
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
                timeouts += 1;
            }
            match tls.read(&mut out) {
                Ok(len) => received.extend_from_slice(&out[..len]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        while !is_done(tls.flush()) {}
        assert!(received == data);
        assert!(timeouts > 0, "the socket was full");
        let mut rest = Vec::new();
        while !is_done(tls.close_and_read_rest(10_000_000, &mut rest).map(drop)) {}
        assert!(rest.is_empty() && tls.end().is_clean());
    }

    for agreed in [TLS12, TLS13] {
        let [near, far]: [UnixStream; 2] = UnixStream::pair().unwrap().into();
        let data: &'static [u8] = message(3_000_000).leak();
        let start = move |role: Role, socket: UnixStream| {
            thread::spawn(move || {
                let tls = Stream::from_handshake(handshake(role, agreed), socket).unwrap();
                let timeout = Some(Duration::from_millis(1));
                tls.transport().set_write_timeout(timeout).unwrap();
                tls.transport().set_read_timeout(timeout).unwrap();
                run(tls, data);
            })
        };
        let sides = [start(Role::Client, near), start(Role::Server, far)];
        for side in sides {
            side.join().unwrap();
        }
    }
}
