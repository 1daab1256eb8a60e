//! What every stream holds, without its transport: an established connection, its input and its
//! output.
//!
//! Two rules keep bytes from getting lost. What is sealed stays in the outbox until the transport took
//! it, because sealing cannot be repeated; so a call that has taken data reports success, and the
//! next one tells of the transport. And reading sends what is due, but never fails because of it:
//! data that the peer sent before it went away is still delivered.

pub(crate) mod inbox;
pub(crate) mod outbox;

use alloc::boxed::Box;
#[cfg(feature = "tokio")]
use core::task::{Context, Poll};
use std::io::{self, ErrorKind, IoSlice, Write};

use tls_record::aead::Provider;
use tls_record::{
    AlertDescription, CloseError, Config, Control, End, Fault, KeyError, OpenError, Opened, Opener,
    ReadEnd, RecordLayer, SealError, Sealed, Sealer, ShutdownError, TrafficSecret, WriteEnd,
};

#[cfg(feature = "tokio")]
use tokio::io::AsyncWrite;

use crate::established::{Established, Info};
use crate::exporter::Exporter;
use crate::parts::Parts;
pub(crate) use inbox::Step;
use inbox::{Inbox, Receiver, Stopped};
use outbox::{Outbox, Sender};

/// The most bytes that wait to be opened: several of the longest records, because one call of the
/// transport is dear. That much memory has a connection only while a peer fills it.
const MAX_RECEIVED: usize = 1 << 16;

/// The most slices that one call of `write_vectored` takes.
const MAX_SLICES: usize = 16;

/// A connection after its handshake.
pub(crate) struct Session<P: Provider> {
    /// In a place of its own, because moving keys leaves copies behind.
    pub(crate) layer: Box<RecordLayer<TrafficSecret<P>>>,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    /// The first error of the transport that does not pass by itself.
    pub(crate) transport_error: Option<ErrorKind>,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) info: Info,
}

impl<P: Provider> Receiver for RecordLayer<TrafficSecret<P>> {
    fn open(&mut self, input: &mut [u8]) -> Result<Opened, OpenError> {
        Self::open(self, input)
    }

    fn eof(&mut self) {
        Self::eof(self);
    }

    fn needed(&self, input: &[u8]) -> usize {
        self.opener().needed(input)
    }

    fn abort(&mut self, alert: AlertDescription) {
        // If the connection has ended, it needs no end.
        let _ = Self::abort(self, alert);
    }

    fn refuse_renegotiation(&mut self) -> bool {
        Self::refuse_renegotiation(self).is_ok()
    }
}

impl<P: Provider> Sender for RecordLayer<TrafficSecret<P>> {
    type Keys = TrafficSecret<P>;

    fn sealer(&self) -> &Sealer<TrafficSecret<P>> {
        Self::sealer(self)
    }

    fn next_control(&self) -> Option<Control> {
        Self::next_control(self)
    }

    fn poll_control(&mut self, out: &mut [u8]) -> Result<usize, SealError> {
        Self::poll_control(self, out)
    }

    fn seal(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<Sealed, SealError> {
        Self::seal(self, parts, out)
    }
}

impl<P: Provider> Session<P> {
    pub(crate) fn new(established: Established<P>) -> Self {
        let Established {
            mut opener,
            mut sealer,
            mut received,
            unsent,
            tickets,
            resumption,
            exporter,
            info,
        } = established;
        // Halves that the caller exchanged for others are not of one connection, which fails then.
        let mut layer = Box::new(RecordLayer::new(Config::new(opener.role())));
        exchange(&mut layer, &mut opener, &mut sealer);
        received.set_ceiling(MAX_RECEIVED);
        Self {
            layer,
            inbox: Inbox::new(received, info.version, tickets, resumption),
            outbox: Outbox::new(unsent),
            transport_error: None,
            exporter,
            info,
        }
    }

    // Receiving

    /// Data that is decrypted and not read.
    pub(crate) fn data(&self) -> &[u8] {
        self.inbox.data()
    }

    /// See [`Inbox::copy_data`].
    pub(crate) fn copy_data(&mut self, room: usize, put: impl FnMut(&[u8])) -> (usize, Stopped) {
        let (len, stopped) = self.inbox.copy_data(&mut *self.layer, room, put);
        if stopped == Stopped::Ended {
            self.cut_after_alert();
        }
        (len, stopped)
    }

    /// After a fatal alert of the peer's no further data is sent.
    fn cut_after_alert(&mut self) {
        if let ReadEnd::PeerAlert(_) = self.layer.opener().end() {
            self.outbox.cut();
        }
    }

    /// See [`Inbox::has_pending`].
    pub(crate) fn has_pending(&self) -> bool {
        self.inbox.has_pending(&*self.layer)
    }

    /// See [`Inbox::open`].
    pub(crate) fn open(&mut self) -> io::Result<Step> {
        let opened = self.inbox.open(&mut *self.layer);
        if opened.is_err() {
            self.cut_after_alert();
        }
        opened.map_err(open_error)
    }

    /// Throws away what was received.
    pub(crate) fn discard_input(&mut self) {
        self.inbox.discard(&mut *self.layer);
        self.cut_after_alert();
    }

    /// Room for what the transport brings, in a connection that may have to wait for it.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.inbox.room()
    }

    /// The transport brought `len` bytes of the [`room`](Self::room): none if it has ended.
    pub(crate) fn arrived(&mut self, len: usize) {
        self.inbox.arrived(len, &mut *self.layer);
    }

    // Sending

    /// See [`Outbox::send`].
    pub(crate) fn send(&mut self, transport: &mut impl Write) -> io::Result<()> {
        let sent = self.outbox.send(transport);
        self.answered(sent)
    }

    /// See [`Outbox::send_all`].
    pub(crate) fn send_all(&mut self, transport: &mut impl Write) -> io::Result<()> {
        let sent = self.outbox.send_all(&mut *self.layer, transport);
        self.drop_old_tickets();
        self.answered(sent)
    }

    /// See [`Outbox::poll_send_all`].
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_send_all(
        &mut self,
        transport: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let sent = self.outbox.poll_send_all(&mut *self.layer, transport, cx);
        self.drop_old_tickets();
        sent.map(|sent| self.answered(sent))
    }

    /// See [`Outbox::seal`].
    pub(crate) fn seal(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        let sealed = self.outbox.seal(&mut *self.layer, parts);
        self.drop_old_tickets();
        sealed.map_err(|error| seal_error(error, self.layer.end().read))
    }

    /// What takes tickets keeps the traffic secrets that the connection began with.
    fn drop_old_tickets(&mut self) {
        if self.outbox.keys_updated {
            self.inbox.tickets = None;
        }
    }

    /// See [`Outbox::wants_write`].
    pub(crate) fn wants_write(&self) -> bool {
        self.outbox.wants_write(&*self.layer)
    }

    /// See [`Outbox::should_send`].
    pub(crate) fn should_send(&self) -> bool {
        self.outbox.should_send(&*self.layer)
    }

    /// Whether our direction is open, so that data may be sealed when all else has left.
    pub(crate) fn may_write(&self) -> bool {
        self.layer.sealer().end() == WriteEnd::Open
    }

    pub(crate) fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.layer.update_keys(request)
    }

    /// Whether all data that was taken has left, or still can: not if the peer failed meanwhile.
    pub(crate) fn check_not_cut(&self) -> io::Result<()> {
        if self.outbox.is_cut {
            return Err(seal_error(SealError::Failed, self.layer.end().read));
        }
        Ok(())
    }

    // Closing

    /// Queues a close_notify, unless there was one. After an error too there may be something to
    /// send. When all has left, ask again: it may not have been sealed, or have been discarded.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        closed(self.layer.close(), self.outbox.is_cut)
    }

    pub(crate) fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        self.layer.abort(description)?;
        self.inbox.resumption.forget();
        Ok(())
    }

    /// Whether the peer has sent no more than `budget` bytes of records since our close_notify, or has
    /// closed.
    pub(crate) fn check_budget(&mut self, budget: u32) -> io::Result<()> {
        match self.layer.check_closed(budget) {
            Err(error @ ShutdownError::BudgetSpent { .. }) => Err(io::Error::other(error)),
            _ => Ok(()),
        }
    }

    pub(crate) fn end(&self) -> End {
        let End { read, write } = self.layer.end();
        End { read, write: self.outbox.end(write) }
    }

    /// What the transport answered to sending.
    #[cfg(feature = "tokio")]
    pub(crate) fn sent(&mut self, answer: io::Result<()>) -> io::Result<()> {
        let answer = self.outbox.answered(answer);
        self.answered(answer)
    }

    /// What the transport answered.
    pub(crate) fn answered<R>(&mut self, answer: io::Result<R>) -> io::Result<R> {
        remember(&mut self.transport_error, answer)
    }

    /// Takes the connection apart, with its transport.
    pub(crate) fn into_parts<T>(self, transport: T) -> Parts<T> {
        let (unread, received) = self.inbox.into_parts();
        Parts { transport, unread, received, unsent: self.outbox.unsent }
    }
}

/// Exchanges halves in their places: moving keys would leave copies behind.
pub(crate) fn exchange<P: Provider>(
    layer: &mut RecordLayer<TrafficSecret<P>>,
    opener: &mut Opener<TrafficSecret<P>>,
    sealer: &mut Sealer<TrafficSecret<P>>,
) {
    layer.with_halves(|own_opener, own_sealer| {
        core::mem::swap(own_opener, opener);
        core::mem::swap(own_sealer, sealer);
    });
}

/// What closing our direction came to.
pub(crate) fn closed(answer: Result<(), CloseError>, is_cut: bool) -> io::Result<()> {
    match answer {
        Err(CloseError::AlreadyClosed) if is_cut => {
            Err(io::Error::new(ErrorKind::ConnectionAborted, CloseError::Failed))
        }
        // RFC 9846 section 6.1: how the peer's direction ended has no effect on ours. Reading tells.
        Ok(()) | Err(CloseError::AlreadyClosed | CloseError::Truncated) => Ok(()),
        Err(error) => Err(io::Error::new(ErrorKind::ConnectionAborted, error)),
    }
}

/// Keeps the first error of a transport that does not pass by itself.
pub(crate) fn remember<R>(first: &mut Option<ErrorKind>, answer: io::Result<R>) -> io::Result<R> {
    if let Err(error) = &answer
        && is_lasting(error.kind())
    {
        first.get_or_insert(error.kind());
    }
    answer
}

/// Whether an error of the transport does not pass by itself.
pub(crate) const fn is_lasting(kind: ErrorKind) -> bool {
    !matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::TimedOut)
}

/// As many slices as one call takes, without the empty ones.
pub(crate) fn parts<'a>(slices: &'a [IoSlice<'_>]) -> [&'a [u8]; MAX_SLICES] {
    let mut parts = [&[][..]; MAX_SLICES];
    let slices = slices.iter().filter(|slice| !slice.is_empty());
    for (part, slice) in parts.iter_mut().zip(slices) {
        *part = slice;
    }
    parts
}

pub(crate) fn open_error(error: OpenError) -> io::Error {
    let kind = match error {
        OpenError::Truncated => ErrorKind::UnexpectedEof,
        OpenError::PeerAlert(_) | OpenError::Fault(Fault::Aborted(_)) => {
            ErrorKind::ConnectionAborted
        }
        OpenError::Fault(_) => ErrorKind::InvalidData,
        // `HandedOver` and `OtherBuffer` cannot happen: streams keep their keys and open in one buffer.
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Why the connection failed says more than that it failed.
pub(crate) fn seal_error(error: SealError, read: ReadEnd) -> io::Error {
    let kind = match (error, read) {
        (SealError::Failed, ReadEnd::PeerAlert(description)) => {
            return open_error(OpenError::PeerAlert(description));
        }
        (SealError::Failed, ReadEnd::Fault(fault)) => return open_error(fault.into()),
        (SealError::Closed, _) => ErrorKind::BrokenPipe,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
