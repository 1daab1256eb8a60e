//! A transport in memory with a peer at its other end, for every kind of stream.
//!
//! It never blocks. Where a real transport would wait for the peer or for room, a blocking call
//! fails with [`WireError::WouldWait`] and an asynchronous one is pending.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use embedded_io_async as asynch;
use smol::io as futures;
use tls_record_tests::peers::Peer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More calls than any test needs: a stream that makes them is in a busy loop.
const MAX_CALLS: usize = 1_000_000;

const READ: usize = 0;
const WRITE: usize = 1;

pub(crate) struct Wire<Q: ?Sized> {
    pub(crate) peer: Box<Q>,
    /// Bytes on their way from the peer.
    pub(crate) incoming: VecDeque<u8>,
    /// The transport ends when all bytes of the peer have been read.
    pub(crate) ends: bool,
    /// The most bytes that one call carries.
    pub(crate) piece: usize,
    /// Every second call of `std::io` is refused, in turn with one of these.
    pub(crate) refusals: Vec<ErrorKind>,
    /// Every second asynchronous call of a direction is pending, and wakes its task at once.
    pub(crate) hesitates: bool,
    hesitated: [bool; 2],
    /// The transport has no room for bytes: writing waits.
    pub(crate) is_blocked: bool,
    /// Flushing waits.
    pub(crate) is_flush_blocked: bool,
    /// Writing and flushing fail for good.
    pub(crate) is_broken: bool,
    /// Writing and flushing fail with an error that passes, in asynchronous calls too.
    pub(crate) times_out: bool,
    /// Writing fails with this error in calls of `std::io`, as on a blocking socket whose write timeout
    /// has passed.
    pub(crate) write_timeout: Option<ErrorKind>,
    /// Shutting down fails with this error.
    pub(crate) shut_error: Option<ErrorKind>,
    /// Bytes that are written reach the peer when they are flushed.
    pub(crate) buffers: bool,
    pub(crate) buffered: Vec<u8>,
    pub(crate) flushed: bool,
    pub(crate) shut_down: bool,
    /// Calls that read, write or shut down. For `std::io`, refused calls count.
    pub(crate) calls: usize,
    /// Calls that read.
    pub(crate) reads: usize,
    /// Calls that failed to write or to flush.
    pub(crate) refused: usize,
    /// Bytes that were written.
    pub(crate) sent: usize,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireError {
    WouldWait,
    Broken,
}

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for WireError {}

impl embedded_io::Error for WireError {
    fn kind(&self) -> embedded_io::ErrorKind {
        match self {
            Self::WouldWait => embedded_io::ErrorKind::TimedOut,
            Self::Broken => embedded_io::ErrorKind::NotConnected,
        }
    }
}

impl From<WireError> for io::Error {
    fn from(error: WireError) -> Self {
        match error {
            WireError::WouldWait => ErrorKind::WouldBlock.into(),
            WireError::Broken => ErrorKind::ConnectionReset.into(),
        }
    }
}

impl<Q: Peer + ?Sized> Wire<Q> {
    pub(crate) fn to(peer: Box<Q>) -> Self {
        Self {
            peer,
            incoming: VecDeque::new(),
            ends: false,
            piece: usize::MAX,
            refusals: Vec::new(),
            hesitates: false,
            hesitated: [false; 2],
            is_blocked: false,
            is_flush_blocked: false,
            is_broken: false,
            times_out: false,
            write_timeout: None,
            shut_error: None,
            buffers: false,
            buffered: Vec::new(),
            flushed: true,
            shut_down: false,
            calls: 0,
            reads: 0,
            refused: 0,
            sent: 0,
            reader: None,
            writer: None,
        }
    }

    /// Takes the bytes that the peer has sent so far, for a test to change them.
    pub(crate) fn collect(&mut self) -> &mut VecDeque<u8> {
        self.incoming.extend(self.peer.take_output());
        &mut self.incoming
    }

    /// Makes room for bytes, and wakes the task that waits to write.
    pub(crate) fn unblock(&mut self) {
        self.is_blocked = false;
        self.writer.take().unwrap().wake();
    }

    fn count(&mut self) {
        self.calls += 1;
        assert!(self.calls < MAX_CALLS, "a busy loop");
    }

    fn refuse(&mut self) -> io::Result<()> {
        if self.calls.is_multiple_of(2) && !self.refusals.is_empty() {
            self.count();
            return Err(self.refusals[self.calls / 2 % self.refusals.len()].into());
        }
        Ok(())
    }

    fn hesitate(&mut self, direction: usize, cx: &Context<'_>) -> bool {
        let hesitated = &mut self.hesitated[direction];
        *hesitated = self.hesitates && !*hesitated;
        if *hesitated {
            cx.waker().wake_by_ref();
        }
        *hesitated
    }

    /// Checks that a stream has flushed its bytes before it waits for the peer. It is not called
    /// for the tokio stream, which flushes after it has read, because its reading does not wait.
    pub(crate) fn assert_flushed(&self) {
        let cannot_flush = self.is_broken
            || self.times_out
            || self.write_timeout.is_some()
            || self.is_blocked
            || self.is_flush_blocked
            || !self.refusals.is_empty();
        assert!(self.flushed || cannot_flush, "it reads before it has flushed what it has written");
    }

    pub(crate) fn receive(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        assert!(!out.is_empty());
        self.count();
        self.reads += 1;
        self.collect();
        if self.incoming.is_empty() && !self.ends {
            return Err(WireError::WouldWait);
        }
        let len = out.len().min(self.piece);
        Ok(io::Read::read(&mut self.incoming, &mut out[..len]).unwrap())
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        assert!(!self.shut_down && !bytes.is_empty());
        self.count();
        if self.is_blocked {
            return Err(WireError::WouldWait);
        }
        self.check_writable()?;
        let bytes = &bytes[..bytes.len().min(self.piece)];
        if self.buffers {
            self.buffered.extend_from_slice(bytes);
        } else {
            self.peer.receive(bytes);
        }
        self.sent += bytes.len();
        self.flushed &= bytes.is_empty();
        Ok(bytes.len())
    }

    pub(crate) fn pass_on(&mut self) -> Result<(), WireError> {
        if self.is_flush_blocked {
            return Err(WireError::WouldWait);
        }
        self.check_writable()?;
        self.peer.receive(&std::mem::take(&mut self.buffered));
        self.flushed = true;
        Ok(())
    }

    fn check_writable(&mut self) -> Result<(), WireError> {
        let error = match (self.is_broken, self.times_out) {
            (true, _) => WireError::Broken,
            (false, true) => WireError::WouldWait,
            (false, false) => return Ok(()),
        };
        self.refused += 1;
        Err(error)
    }

    fn poll_receive(&mut self, cx: &Context<'_>, out: &mut [u8]) -> Poll<Result<usize, WireError>> {
        if self.hesitate(READ, cx) {
            return Poll::Pending;
        }
        match self.receive(out) {
            Err(WireError::WouldWait) => {
                self.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            received => Poll::Ready(received),
        }
    }

    fn poll_send(&mut self, cx: &Context<'_>, bytes: &[u8]) -> Poll<Result<usize, WireError>> {
        if self.is_blocked {
            self.count();
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.hesitate(WRITE, cx) {
            return Poll::Pending;
        }
        Poll::Ready(self.send(bytes))
    }

    fn poll_pass_on(&mut self, cx: &Context<'_>) -> Poll<Result<(), WireError>> {
        if self.is_flush_blocked {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(self.pass_on())
    }
}

impl<Q: Peer + ?Sized> io::Read for Wire<Q> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.assert_flushed();
        self.refuse()?;
        Ok(self.receive(out)?)
    }
}

impl<Q: Peer + ?Sized> io::Write for Wire<Q> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.refuse()?;
        if let Some(kind) = self.write_timeout {
            return Err(kind.into());
        }
        Ok(self.send(bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        // With nothing to flush a socket does not notice that it is broken.
        if self.flushed { Ok(()) } else { Ok(self.pass_on()?) }
    }
}

impl<Q: Peer + ?Sized> AsyncRead for Wire<Q> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = self.poll_receive(cx, out.initialize_unfilled());
        polled.map(|received| {
            out.advance(received?);
            Ok(())
        })
    }
}

impl<Q: Peer + ?Sized> AsyncWrite for Wire<Q> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, bytes).map_err(Into::into)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_pass_on(cx).map_err(Into::into)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.count();
        if self.hesitate(WRITE, cx) {
            return Poll::Pending;
        }
        if let Some(kind) = self.shut_error {
            return Poll::Ready(Err(kind.into()));
        }
        self.shut_down = true;
        Poll::Ready(Ok(()))
    }
}

impl<Q: Peer + ?Sized> futures::AsyncRead for Wire<Q> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_receive(cx, out).map_err(Into::into)
    }
}

impl<Q: Peer + ?Sized> futures::AsyncWrite for Wire<Q> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(self, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(self, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(self, cx)
    }
}

impl<Q: ?Sized> embedded_io::ErrorType for Wire<Q> {
    type Error = WireError;
}

impl<Q: Peer + ?Sized> embedded_io::Read for Wire<Q> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        self.assert_flushed();
        self.receive(out)
    }
}

impl<Q: Peer + ?Sized> embedded_io::Write for Wire<Q> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        self.send(bytes)
    }

    fn flush(&mut self) -> Result<(), WireError> {
        self.pass_on()
    }
}

impl<Q: Peer + ?Sized> asynch::Read for Wire<Q> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        self.assert_flushed();
        std::future::poll_fn(|cx| self.poll_receive(cx, out)).await
    }
}

impl<Q: Peer + ?Sized> asynch::Write for Wire<Q> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        std::future::poll_fn(|cx| self.poll_send(cx, bytes)).await
    }

    async fn flush(&mut self) -> Result<(), WireError> {
        std::future::poll_fn(|cx| match self.hesitate(WRITE, cx) {
            true => Poll::Pending,
            false => self.poll_pass_on(cx),
        })
        .await
    }
}

/// A [`Wire`] that a test can change while a stream, or each half of one, has it.
pub(crate) struct SharedWire<Q: ?Sized>(Rc<RefCell<Wire<Q>>>);

impl<Q: ?Sized> Clone for SharedWire<Q> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Q: ?Sized> SharedWire<Q> {
    pub(crate) fn new(wire: Wire<Q>) -> Self {
        Self(Rc::new(RefCell::new(wire)))
    }

    pub(crate) fn get(&self) -> RefMut<'_, Wire<Q>> {
        self.0.borrow_mut()
    }
}

impl<Q: Peer + ?Sized> io::Read for SharedWire<Q> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // The half that reads does not flush.
        let mut wire = self.get();
        wire.refuse()?;
        Ok(wire.receive(out)?)
    }
}

impl<Q: Peer + ?Sized> io::Write for SharedWire<Q> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.get(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(&mut *self.get())
    }
}

impl<Q: ?Sized> embedded_io::ErrorType for SharedWire<Q> {
    type Error = WireError;
}

impl<Q: Peer + ?Sized> asynch::Read for SharedWire<Q> {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        self.get().assert_flushed();
        std::future::poll_fn(|cx| self.get().poll_receive(cx, out)).await
    }
}

impl<Q: Peer + ?Sized> asynch::Write for SharedWire<Q> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        std::future::poll_fn(|cx| self.get().poll_send(cx, bytes)).await
    }

    async fn flush(&mut self) -> Result<(), WireError> {
        std::future::poll_fn(|cx| self.get().poll_pass_on(cx)).await
    }
}
