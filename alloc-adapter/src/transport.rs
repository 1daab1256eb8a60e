//! Calls of a transport, and the kinds of their errors.

#[cfg(feature = "tokio")]
use core::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::io::{self, ErrorKind, Write};

#[cfg(feature = "tokio")]
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::buffer::Buffer;

/// Writes unsent bytes to the transport. Bytes that it does not take stay in `unsent`.
pub(crate) fn send<T: Write>(unsent: &mut Buffer, transport: &mut T) -> io::Result<()> {
    while !unsent.is_empty() {
        match transport.write(unsent.filled()) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(len) => unsent.consume(len),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

pub(crate) fn flush<T: Write>(transport: &mut T) -> io::Result<()> {
    loop {
        match transport.flush() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            flushed => return flushed,
        }
    }
}

/// Writes unsent bytes to the transport. Bytes that it does not take stay in `unsent`.
#[cfg(feature = "tokio")]
pub(crate) fn poll_send<T: AsyncWrite + Unpin>(
    unsent: &mut Buffer,
    transport: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !unsent.is_empty() {
        match ready!(Pin::new(&mut *transport).poll_write(cx, unsent.filled()))? {
            0 => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
            len => unsent.consume(len),
        }
    }
    Poll::Ready(Ok(()))
}

/// Reads from the transport into the room of `received`, and returns the number of bytes.
#[cfg(feature = "tokio")]
pub(crate) fn poll_receive<T: AsyncRead + Unpin>(
    received: &mut Buffer,
    transport: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut room = ReadBuf::new(received.room());
    ready!(Pin::new(transport).poll_read(cx, &mut room))?;
    Poll::Ready(Ok(room.filled().len()))
}

/// Shuts down the sending direction of a transport that has taken everything.
///
/// If the peer has answered our last bytes with a reset, a socket is not connected any more. There is nothing
/// left to shut down then.
#[cfg(feature = "tokio")]
pub(crate) fn poll_shut_down<T: AsyncWrite + Unpin>(
    transport: &mut T,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    match ready!(Pin::new(transport).poll_shutdown(cx)) {
        Err(error) if error.kind() == ErrorKind::NotConnected => Poll::Ready(Ok(())),
        shut => Poll::Ready(shut),
    }
}

/// Stores the first permanent error of a transport in `first`, and returns `result`.
pub(crate) fn keep_first_error<R>(
    first: &mut Option<ErrorKind>,
    result: io::Result<R>,
) -> io::Result<R> {
    if let Err(error) = &result
        && is_lasting(error)
    {
        first.get_or_insert(error.kind());
    }
    result
}

/// A permanent error of the transport, of which every later call gets a copy.
#[derive(Clone, Copy)]
pub(crate) struct BrokenBy {
    kind: ErrorKind,
    /// Without it the copy of `ETIMEDOUT` would be the timeout of a socket.
    code: Option<i32>,
}

impl BrokenBy {
    pub(crate) const fn new(kind: ErrorKind, code: Option<i32>) -> Self {
        Self { kind, code }
    }

    pub(crate) fn to_error(self) -> io::Error {
        self.code.map_or_else(|| self.kind.into(), io::Error::from_raw_os_error)
    }
}

impl From<&io::Error> for BrokenBy {
    fn from(error: &io::Error) -> Self {
        Self::new(error.kind(), error.raw_os_error())
    }
}

/// Returns whether an error of the transport is permanent.
pub(crate) fn is_lasting(error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => false,
        // On Unix the timeout of a socket is `EAGAIN`, and `ETIMEDOUT` says that TCP has given up. On Windows
        // both are `WSAETIMEDOUT`.
        ErrorKind::TimedOut => cfg!(unix) && error.raw_os_error().is_some(),
        _ => true,
    }
}

/// Returns whether a permanent error of sending means that the peer's bytes may be lost too.
///
/// The operating system reports it once, to whichever direction asks first. A read returns 0 bytes then, as if
/// the peer had ended the connection. After `BrokenPipe` the bytes of the peer may still be whole.
pub(crate) fn cuts_both_directions(error: &io::Error) -> bool {
    let is_cut = matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::TimedOut
    );
    is_cut && is_lasting(error)
}

/// Ignores a permanent error of sending: the peer may be gone after data or an alert, and these matter
/// more. After any other error the call is repeated, until everything is sent.
pub(crate) fn ignore_lasting(sent: io::Result<()>) -> io::Result<()> {
    sent.or_else(|error| if is_lasting(&error) { Ok(()) } else { Err(error) })
}
