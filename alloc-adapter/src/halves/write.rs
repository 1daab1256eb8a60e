//! The writing half of a split stream.

use std::io::{self, ErrorKind, IoSlice, Write};

use tls_record::aead::Provider;
use tls_record::{AlertDescription, CloseError, KeyError, SealError, WriteEnd};

use super::link::LinkedSealer;
use crate::resumption::Resumption;
use crate::session::outbox::{Outbox, Sender};
use crate::session::{close_result, parts, seal_error};
#[cfg(feature = "listener")]
use crate::time_limit::TimeLimit;
use crate::transport::{cuts_both_directions, keep_first_error};

/// The writing half of a split [`Stream`](crate::Stream) or `TokioStream`.
///
/// It also sends the alerts and KeyUpdates that the [`ReadHalf`](super::ReadHalf) causes. It writes
/// like the stream: with [`Write`] over a blocking transport, with `AsyncWrite` over a transport of
/// tokio or futures-io (in a `FuturesIo`). After the connection has failed, a write fails with
/// [`ConnectionAborted`](ErrorKind::ConnectionAborted): the inner error is
/// [`OpenError::PeerAlert`](tls_record::OpenError::PeerAlert) if the reading half has received a fatal alert,
/// and otherwise [`SealError::Failed`]; the reading half's [`end`](super::ReadHalf::end) gives the reason. A task
/// that waits to write is woken when the reading half finds the failure; a thread that waits in a blocking
/// transport is not.
pub struct WriteHalf<T, P: Provider> {
    pub(crate) transport: T,
    pub(crate) outbox: Outbox,
    pub(super) sealer: LinkedSealer<P>,
    pub(super) resumption: Resumption,
    pub(crate) transport_error: Option<ErrorKind>,
    /// Kept for the stream that is joined of the halves.
    #[cfg(feature = "listener")]
    pub(super) time_limit: Option<TimeLimit>,
}

impl<T, P: Provider> WriteHalf<T, P> {
    /// Returns whether flushing would send anything.
    pub fn wants_write(&mut self) -> bool {
        self.exchange();
        self.outbox.wants_write(&self.sealer)
    }

    /// Updates the sending keys: see [`Stream::update_keys`](crate::Stream::update_keys).
    ///
    /// The KeyUpdate is sent by the next call that writes, flushes or closes.
    ///
    /// # Errors
    /// The errors of [`Sealer::update_keys`](tls_record::Sealer::update_keys).
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.exchange();
        self.sealer.update_keys(request)
    }

    /// Ends the connection with a fatal alert. Flush to send it.
    ///
    /// Nothing more is written or read. A reading half that waits for its transport is not woken.
    ///
    /// # Errors
    /// The errors of [`Sealer::abort`](tls_record::Sealer::abort).
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        self.exchange();
        let aborted = self.sealer.abort(description);
        // After a close, too: the reading half fails, unless the peer has closed, which this half does not know.
        if aborted != Err(CloseError::NotAnErrorAlert) {
            self.resumption.forget();
        }
        aborted
    }

    /// Returns how the sending direction ended, or that it is open.
    ///
    /// It has ended once the transport has taken the last byte. A fault or an alert that the reading half
    /// has found counts at once.
    pub fn end(&mut self) -> WriteEnd {
        self.exchange();
        self.outbox.end(self.sealer.sealer().end())
    }

    /// Returns the first permanent error of this half's transport.
    pub const fn transport_error(&self) -> Option<ErrorKind> {
        self.transport_error
    }

    /// Returns this half of the transport. Do not write to it: its bytes belong to the stream.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    /// Takes the notice and the demands of the reading half.
    pub(crate) fn exchange(&mut self) {
        self.sealer.exchange(&mut self.outbox);
    }

    pub(crate) fn may_write(&self) -> bool {
        self.sealer.sealer().end() == WriteEnd::Open
    }

    pub(crate) fn seal(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        let sealed = self.outbox.seal(&mut self.sealer, parts);
        self.drop_old_tickets();
        sealed.map_err(|error| seal_error(error, self.sealer.read_end()))
    }

    pub(crate) fn drop_old_tickets(&mut self) {
        if core::mem::take(&mut self.outbox.keys_updated) {
            self.sealer.keys_were_updated();
        }
    }

    pub(crate) fn queue_close(&mut self) -> io::Result<()> {
        self.exchange();
        close_result(self.sealer.close(), self.outbox.has_discarded)
    }

    pub(crate) fn check_nothing_discarded(&self) -> io::Result<()> {
        if self.outbox.has_discarded {
            return Err(seal_error(SealError::Failed, self.sealer.read_end()));
        }
        Ok(())
    }

    /// Records the result of shutting down the transport.
    #[cfg(feature = "tokio")]
    pub(crate) fn note_sent(&mut self, result: io::Result<()>) -> io::Result<()> {
        let result = self.outbox.note_sent(result);
        self.keep_first_error(result)
    }

    /// Records the result of a transport call that sends.
    pub(crate) fn keep_first_error<R>(&mut self, result: io::Result<R>) -> io::Result<R> {
        if let Err(error) = &result
            && cuts_both_directions(error)
        {
            self.sealer.transport_broke(error);
        }
        keep_first_error(&mut self.transport_error, result)
    }
}

impl<T: Write, P: Provider> WriteHalf<T, P> {
    /// Closes the sending direction: see [`Stream::close`](crate::Stream::close).
    ///
    /// # Errors
    /// The errors of [`Stream::close`](crate::Stream::close).
    pub fn close(&mut self) -> io::Result<()> {
        let closed = self.queue_close();
        let sent = self.send_all();
        closed?;
        sent?;
        self.queue_close()
    }

    fn send(&mut self) -> io::Result<()> {
        let sent = self.outbox.send(&mut self.transport);
        self.keep_first_error(sent)
    }

    fn send_all(&mut self) -> io::Result<()> {
        let sent = self.outbox.send_all(&mut self.sealer, &mut self.transport);
        self.drop_old_tickets();
        self.keep_first_error(sent)
    }

    fn write_parts(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        self.exchange();
        if self.may_write() {
            self.send()?;
        }
        let sealed = self.seal(parts);
        // The data is taken even if sending fails now. After an error, the alert is sent.
        let sent = if sealed.is_ok() { self.send() } else { self.send_all() };
        self.outbox.report_later(sent);
        sealed
    }
}

impl<T: Write, P: Provider> Write for WriteHalf<T, P> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_parts(&[data])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_parts(&parts(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.exchange();
        self.send_all()?;
        self.check_nothing_discarded()
    }
}

impl<T, P: Provider> core::fmt::Debug for WriteHalf<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
