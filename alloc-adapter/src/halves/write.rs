//! The half that writes.

use std::io::{self, ErrorKind, IoSlice, Write};

use tls_record::aead::Provider;
use tls_record::{AlertDescription, CloseError, KeyError, ReadEnd, SealError, WriteEnd};

use super::link::LinkedSealer;
use crate::session::outbox::{Outbox, Sender};
use crate::session::{closed, parts, remember, seal_error};

/// The half of a [`Stream`](crate::Stream) or `TokioStream` that writes, over a half of its transport.
/// See [`ReadHalf`](super::ReadHalf), whose alerts and answers this half sends as well.
///
/// It writes as the stream does: to a blocking transport by [`Write`], to one of tokio by `AsyncWrite`.
/// An error after a failure of the connection is [`SealError::Failed`] inside; why it failed is the
/// reading half's to say.
pub struct WriteHalf<T, P: Provider> {
    pub(crate) transport: T,
    pub(crate) outbox: Outbox,
    pub(super) sealer: LinkedSealer<P>,
    pub(crate) transport_error: Option<ErrorKind>,
}

impl<T, P: Provider> WriteHalf<T, P> {
    /// Whether there is something that flushing would send.
    pub fn wants_write(&mut self) -> bool {
        self.exchange();
        self.outbox.wants_write(&self.sealer)
    }

    /// Goes on to the next generation of keys: see [`Stream::update_keys`](crate::Stream::update_keys).
    /// The KeyUpdate leaves with the next call.
    ///
    /// # Errors
    /// Those of [`Sealer::update_keys`](tls_record::Sealer::update_keys).
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.exchange();
        self.sealer.update_keys(request)
    }

    /// Ends the connection with a fatal alert, which leaves with the next call: flush. Nothing more is
    /// written, and nothing more is read, except that a reading half which waits for its transport is
    /// not woken.
    ///
    /// # Errors
    /// Those of [`Sealer::abort`](tls_record::Sealer::abort).
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        self.exchange();
        self.sealer.abort(description)
    }

    /// How the sending direction ended, or that it has not. It has ended when its last byte has left.
    pub fn end(&self) -> WriteEnd {
        self.outbox.end(self.sealer.sealer().end())
    }

    /// The first error of this half's transport that does not pass by itself.
    pub const fn transport_error(&self) -> Option<ErrorKind> {
        self.transport_error
    }

    /// This half of the transport. Its bytes belong to the stream.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    /// Does what the reading half demands.
    pub(crate) fn exchange(&mut self) {
        self.sealer.exchange(&mut self.outbox);
    }

    pub(crate) fn may_write(&self) -> bool {
        self.sealer.sealer().end() == WriteEnd::Open
    }

    pub(crate) fn seal(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        let sealed = self.outbox.seal(&mut self.sealer, parts);
        self.drop_old_tickets();
        // How reading ended is the other half's to say.
        sealed.map_err(|error| seal_error(error, ReadEnd::Open))
    }

    pub(crate) fn drop_old_tickets(&mut self) {
        if core::mem::take(&mut self.outbox.keys_updated) {
            self.sealer.keys_were_updated();
        }
    }

    pub(crate) fn queue_close(&mut self) -> io::Result<()> {
        self.exchange();
        closed(self.sealer.close(), self.outbox.is_cut)
    }

    pub(crate) fn check_not_cut(&self) -> io::Result<()> {
        if self.outbox.is_cut {
            return Err(seal_error(SealError::Failed, ReadEnd::Open));
        }
        Ok(())
    }

    /// What the transport answered to sending.
    #[cfg(feature = "tokio")]
    pub(crate) fn sent(&mut self, answer: io::Result<()>) -> io::Result<()> {
        let answer = self.outbox.answered(answer);
        remember(&mut self.transport_error, answer)
    }
}

impl<T: Write, P: Provider> WriteHalf<T, P> {
    /// Closes our direction: see [`Stream::close`](crate::Stream::close).
    ///
    /// # Errors
    /// Those of [`Stream::close`](crate::Stream::close).
    pub fn close(&mut self) -> io::Result<()> {
        let closed = self.queue_close();
        let sent = self.send_all();
        closed?;
        sent?;
        self.queue_close()
    }

    fn send(&mut self) -> io::Result<()> {
        let sent = self.outbox.send(&mut self.transport);
        remember(&mut self.transport_error, sent)
    }

    fn send_all(&mut self) -> io::Result<()> {
        let sent = self.outbox.send_all(&mut self.sealer, &mut self.transport);
        self.drop_old_tickets();
        remember(&mut self.transport_error, sent)
    }

    fn write_parts(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        self.exchange();
        if self.may_write() {
            self.send()?;
        }
        let sealed = self.seal(parts);
        // Data is taken, whatever becomes of it; after an error it is the alert that leaves.
        let _ = if sealed.is_ok() { self.send() } else { self.send_all() };
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
        self.check_not_cut()
    }
}

impl<T, P: Provider> core::fmt::Debug for WriteHalf<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
