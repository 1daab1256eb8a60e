//! The state of a stream without its transport: the connection, its input and its output.
//!
//! Two rules prevent the loss of bytes:
//! - Sealed records stay in the outbox until the transport has taken them, because sealing cannot be
//!   repeated. So a call that has taken data reports success, and the next call that sends reports the error
//!   of the transport, unless it can send everything.
//! - A read sends what is due, but does not fail if sending fails. Data that the peer sent before it went
//!   away is still delivered. If the transport then ends without a close_notify, the read returns the error
//!   that broke the connection, whichever direction found it.

mod errors;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod room;

use alloc::boxed::Box;
#[cfg(feature = "tokio")]
use core::task::{Context, Poll};
use std::io::{self, ErrorKind, IoSlice, Write};

use tls_record::aead::Provider;
use tls_record::{
    AlertDescription, CloseError, Config, Control, End, KeyError, OpenError, OpenedIn, Opener,
    ReadEnd, RecordLayer, SealError, Sealed, Sealer, ShutdownError, TrafficSecret, WriteEnd,
};

#[cfg(feature = "tokio")]
use tokio::io::AsyncWrite;

use crate::established::{Established, Info};
use crate::exporter::Exporter;
use crate::parts::Parts;
#[cfg(feature = "listener")]
use crate::time_limit::TimeLimit;
use crate::transport::{cuts_both_directions, is_lasting, keep_first_error};
pub(crate) use errors::{close_result, open_error, seal_error};
pub(crate) use inbox::Step;
use inbox::{Inbox, Receiver, Stopped};
use outbox::{Outbox, Sender};
use room::Room;

/// The most received bytes to buffer: several of the longest records, because a call of the
/// transport is expensive. The buffer grows to this size only while a peer fills it.
const MAX_RECEIVED: usize = 1 << 16;

/// The most slices that one call of `write_vectored` seals.
const MAX_SLICES: usize = 16;

/// A connection after its handshake.
pub(crate) struct Session<P: Provider> {
    /// Boxed, because moving keys leaves copies of them in memory.
    pub(crate) layer: Box<RecordLayer<TrafficSecret<P>>>,
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    /// The first permanent error of the transport.
    pub(crate) transport_error: Option<ErrorKind>,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) info: Info,
    /// The limit on the time of a shutdown. It is here so that it outlasts splitting and joining.
    #[cfg(feature = "listener")]
    pub(crate) time_limit: Option<TimeLimit>,
}

impl<P: Provider> Receiver for RecordLayer<TrafficSecret<P>> {
    fn open(&mut self, input: &mut [u8], out: &mut [u8]) -> Result<OpenedIn, OpenError> {
        self.open_out_of_place(input, out)
    }

    fn eof(&mut self) {
        Self::eof(self);
    }

    fn needed(&self, input: &[u8]) -> usize {
        self.opener().needed(input)
    }

    fn abort(&mut self, alert: AlertDescription) {
        // It fails only if the connection has ended already.
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
        // If the caller replaced a half by one of another connection, the connection fails here.
        let mut layer = Box::new(RecordLayer::new(Config::new(opener.role())));
        swap_halves(&mut layer, &mut opener, &mut sealer);
        received.set_ceiling(MAX_RECEIVED);
        Self {
            layer,
            inbox: Inbox::new(received, info.version, tickets, resumption),
            outbox: Outbox::new(unsent),
            transport_error: None,
            exporter,
            info,
            #[cfg(feature = "listener")]
            time_limit: None,
        }
    }

    // Receiving

    /// Returns the decrypted data that has not been read.
    pub(crate) fn data(&self) -> &[u8] {
        self.inbox.data()
    }

    /// See [`Inbox::fill_room`].
    pub(crate) fn fill_room(&mut self, room: &mut impl Room) -> Stopped {
        let stopped = self.inbox.fill_room(&mut *self.layer, room);
        if stopped == Stopped::Ended {
            self.discard_unsent_after_alert();
        }
        stopped
    }

    /// Discards unsent records after a fatal alert of the peer (RFC 9846 section 6).
    fn discard_unsent_after_alert(&mut self) {
        if let ReadEnd::PeerAlert(_) = self.layer.opener().end() {
            self.outbox.discard_unsent();
        }
    }

    /// See [`Inbox::has_pending`].
    pub(crate) fn has_pending(&self) -> bool {
        self.inbox.has_pending(&*self.layer)
    }

    /// See [`Inbox::open`].
    pub(crate) fn open(&mut self, room: &mut impl Room) -> io::Result<Step> {
        let opened = self.inbox.open(&mut *self.layer, room);
        if opened.is_err() {
            self.discard_unsent_after_alert();
        }
        opened.map_err(open_error)
    }

    /// Opens and discards what was received.
    pub(crate) fn discard_input(&mut self) {
        self.inbox.discard(&mut *self.layer);
        self.discard_unsent_after_alert();
    }

    /// Returns room to receive into. See [`Inbox::room`].
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.inbox.room()
    }

    /// Handles the result of receiving into the [`room`](Self::room). Returns the number of bytes.
    pub(crate) fn received(&mut self, result: io::Result<usize>) -> io::Result<usize> {
        if let Err(error) = &result
            && is_lasting(error)
        {
            self.inbox.break_by(error.into());
        }
        let len = keep_first_error(&mut self.transport_error, result)?;
        self.inbox.check_end(len)?;
        self.inbox.commit_received(len, &mut *self.layer);
        Ok(len)
    }

    // Sending

    /// See [`Outbox::send`].
    pub(crate) fn send(&mut self, transport: &mut impl Write) -> io::Result<()> {
        let sent = self.outbox.send(transport);
        self.keep_first_error(sent)
    }

    /// See [`Outbox::send_all`].
    pub(crate) fn send_all(&mut self, transport: &mut impl Write) -> io::Result<()> {
        let sent = self.outbox.send_all(&mut *self.layer, transport);
        self.drop_old_tickets();
        self.keep_first_error(sent)
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
        sent.map(|sent| self.keep_first_error(sent))
    }

    /// See [`Outbox::seal`].
    pub(crate) fn seal(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        let sealed = self.outbox.seal(&mut *self.layer, parts);
        self.drop_old_tickets();
        sealed.map_err(|error| seal_error(error, self.layer.end().read))
    }

    /// Drops [`Tickets`](crate::Tickets) after a key update: they hold the first traffic secrets.
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

    /// Returns whether the sending direction is open, so that data may be sealed.
    pub(crate) fn may_write(&self) -> bool {
        self.layer.sealer().end() == WriteEnd::Open
    }

    pub(crate) fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.layer.update_keys(request)
    }

    /// Returns an error if sealed records were discarded because the peer failed.
    pub(crate) fn check_nothing_discarded(&self) -> io::Result<()> {
        if self.outbox.has_discarded {
            return Err(seal_error(SealError::Failed, self.layer.end().read));
        }
        Ok(())
    }

    // Closing

    /// Queues a close_notify, unless one was queued before.
    ///
    /// Send what is due even after an error. Call it again when everything has been sent: the
    /// close_notify may have failed to be sealed, or may have been discarded.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        close_result(self.layer.close(), self.outbox.has_discarded)
    }

    pub(crate) fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.layer.abort(description);
        // After our close_notify no alert is sent, but the receiving direction fails if it was open.
        if aborted.is_ok() || matches!(self.layer.opener().end(), ReadEnd::Fault(_)) {
            self.inbox.resumption.forget();
        }
        aborted
    }

    /// Returns an error if more than `budget` bytes of records were opened since our close_notify and the
    /// peer has not closed.
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
            && self.layer.opener().end() == ReadEnd::Open
        {
            self.inbox.break_by(error.into());
        }
        keep_first_error(&mut self.transport_error, result)
    }

    /// Returns the parts of the connection, with its transport.
    pub(crate) fn into_parts<T>(self, transport: T) -> Parts<T> {
        let (unread, received) = self.inbox.into_parts();
        Parts { transport, unread, received, unsent: self.outbox.unsent }
    }
}

/// Swaps the halves of `layer` with others in place: moving keys leaves copies of them on the stack.
pub(crate) fn swap_halves<P: Provider>(
    layer: &mut RecordLayer<TrafficSecret<P>>,
    opener: &mut Opener<TrafficSecret<P>>,
    sealer: &mut Sealer<TrafficSecret<P>>,
) {
    layer.with_halves(|own_opener, own_sealer| {
        core::mem::swap(own_opener, opener);
        core::mem::swap(own_sealer, sealer);
    });
}

/// Returns the first [`MAX_SLICES`] slices that are not empty.
pub(crate) fn parts<'a>(slices: &'a [IoSlice<'_>]) -> [&'a [u8]; MAX_SLICES] {
    let mut parts = [&[][..]; MAX_SLICES];
    let slices = slices.iter().filter(|slice| !slice.is_empty());
    for (part, slice) in parts.iter_mut().zip(slices) {
        *part = slice;
    }
    parts
}
