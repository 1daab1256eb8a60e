//! The input of a connection: received bytes that are not opened, and data that is not read.

use core::ops::Range;
use std::io;

use tls_record::{AlertDescription, Event, HandshakePiece, OpenError, Opened, OpenedIn, Version};

use crate::buffer::Buffer;
use crate::resumption::Resumption;
use crate::session::room::{InPlace, Room};
use crate::tickets::Tickets;
use crate::transport::BrokenBy;

/// The receiving half of the engine, with its link to the sending half.
pub(crate) trait Receiver {
    fn open(&mut self, input: &mut [u8], out: &mut [u8]) -> Result<OpenedIn, OpenError>;
    fn eof(&mut self);
    fn needed(&self, input: &[u8]) -> usize;
    fn abort(&mut self, alert: AlertDescription);
    /// Returns whether the refusal is queued: it is not if the connection is ending.
    fn refuse_renegotiation(&mut self) -> bool;
}

/// The result of opening one record.
pub(crate) enum Step {
    /// A record was opened. There is [data](Inbox::data), or some was put into the [`Room`], unless the
    /// record held none for the application.
    Opened,
    /// More bytes must be received first.
    NeedInput,
    /// The receiving direction has ended.
    Closed,
}

/// The reason why copying data stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The room is full, or all received records are opened.
    Done,
    /// All received records are opened, and more are likely to be available: the last read filled the
    /// buffer.
    Filled,
    /// The receiving direction has ended.
    Ended,
}

pub(crate) struct Inbox {
    pub(crate) received: Buffer,
    /// Data that was [moved](Inbox::keep) out of `received`, so that the next record can be opened.
    kept: Buffer,
    /// The range of `received` that holds the unread data of the opened record.
    data: Range<usize>,
    /// The length of the opened record.
    record: usize,
    /// The peer's close_notify was received.
    is_closed: bool,
    version: Version,
    pub(crate) tickets: Option<Tickets>,
    pub(crate) resumption: Resumption,
    pub(crate) tolerates_truncation: bool,
    /// An error of the transport that occurred when there was data to return. The next read returns
    /// it.
    pub(crate) read_error: Option<io::Error>,
    /// A permanent error of the transport, after which its end is not an end of the peer's data.
    broken_by: Option<BrokenBy>,
    pub(crate) warning: Option<AlertDescription>,
    pub(crate) renegotiation_refused: bool,
}

impl Inbox {
    pub(crate) const fn new(
        received: Buffer,
        version: Version,
        tickets: Option<Tickets>,
        resumption: Resumption,
    ) -> Self {
        Self {
            received,
            kept: Buffer::new(0),
            data: 0..0,
            record: 0,
            is_closed: false,
            version,
            tickets,
            resumption,
            tolerates_truncation: false,
            read_error: None,
            broken_by: None,
            warning: None,
            renegotiation_refused: false,
        }
    }

    /// Returns the decrypted data that has not been read.
    pub(crate) fn data(&self) -> &[u8] {
        if self.kept.is_empty() { self.opened_data() } else { self.kept.filled() }
    }

    fn opened_data(&self) -> &[u8] {
        self.received.filled().get(self.data.clone()).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, len: usize) {
        if self.kept.is_empty() {
            self.consume_opened(len);
        } else {
            self.kept.consume(len);
            self.kept.release();
        }
    }

    fn consume_opened(&mut self, len: usize) {
        self.data.start = self.data.start.saturating_add(len).min(self.data.end);
        if self.data.is_empty() {
            self.received.consume(core::mem::take(&mut self.record));
        }
    }

    /// Fills `room` with data, record by record, until more must be received.
    ///
    /// Returns the reason why it stopped. The next call of [`open`](Self::open) returns an error again.
    pub(crate) fn fill_room(&mut self, half: &mut impl Receiver, room: &mut impl Room) -> Stopped {
        let stopped = loop {
            let data = self.data();
            let data = data.get(..room.remaining()).unwrap_or(data);
            room.put(data);
            self.consume(data.len());
            if room.remaining() == 0 {
                break Stopped::Done;
            }
            if self.data().is_empty() {
                match self.open(half, room) {
                    Ok(Step::Opened) => {}
                    Ok(Step::NeedInput) if self.received.was_filled() => break Stopped::Filled,
                    Ok(Step::NeedInput) => break Stopped::Done,
                    Ok(Step::Closed) | Err(_) => break Stopped::Ended,
                }
            }
        };
        self.settle();
        stopped
    }

    /// Frees the memory of an empty buffer, unless more input is likely to be available.
    fn settle(&mut self) {
        if !self.received.was_filled() {
            self.received.release();
        }
    }

    /// Returns room to receive into, for a call of the transport that may block.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.settle();
        self.received.room()
    }

    /// Moves the data of the opened record to `kept`, up to `ceiling` bytes in total, so that the
    /// next record can be opened.
    pub(crate) fn keep(&mut self, ceiling: usize) {
        self.kept.set_ceiling(ceiling);
        let data = self.received.filled().get(self.data.clone()).unwrap_or_default();
        let kept = self.kept.push(data);
        self.consume_opened(kept);
    }

    /// Returns whether reading can proceed without the transport: there is data, a whole record, or
    /// the end.
    pub(crate) fn has_pending(&self, half: &impl Receiver) -> bool {
        let waiting = self.received.filled().get(self.record..).unwrap_or_default();
        !self.data().is_empty()
            || self.read_error.is_some()
            || half.needed(waiting) <= waiting.len()
    }

    /// Opens the next record: into `room`, if the cipher can and the data fits there. The data of the last
    /// one must have been read or kept. Send what is due afterwards, also after an error.
    pub(crate) fn open(
        &mut self,
        half: &mut impl Receiver,
        room: &mut impl Room,
    ) -> Result<Step, OpenError> {
        if self.is_closed {
            // The opener would consume the bytes behind the close_notify. They belong to another
            // protocol.
            return Ok(Step::Closed);
        }
        let opened = half.open(self.received.filled_mut(), room.initialized());
        let Opened { consumed, event } = match opened {
            Ok(OpenedIn::Input(opened)) => opened,
            Ok(OpenedIn::Output(opened)) => {
                self.received.consume(opened.consumed);
                if let Event::ApplicationData(range) = opened.event {
                    room.advance(range.len());
                }
                return Ok(Step::Opened);
            }
            Err(OpenError::Truncated) if self.tolerates_truncation => return Ok(Step::Closed),
            Err(error) => {
                if matches!(error, OpenError::PeerAlert(_) | OpenError::Fault(_)) {
                    self.resumption.forget();
                }
                return Err(error);
            }
        };
        match event {
            Event::ApplicationData(range) => {
                self.data = range;
                self.record = consumed;
                return Ok(Step::Opened);
            }
            Event::NeedMore { .. } => return Ok(Step::NeedInput),
            Event::Closed => {
                self.received.consume(consumed);
                self.is_closed = true;
                return Ok(Step::Closed);
            }
            Event::Handshake(piece) => self.handshake_message(&piece, half),
            Event::KeyUpdate { .. } => self.tickets = None,
            Event::Warning(description) => self.warning = Some(description),
            // `ChangeCipherSpec` cannot come after a handshake, and no other event needs an action.
            _ => {}
        }
        self.received.consume(consumed);
        Ok(Step::Opened)
    }

    fn handshake_message(&mut self, piece: &HandshakePiece, half: &mut impl Receiver) {
        if self.version == Version::Tls12 {
            if piece.is_last() {
                self.renegotiation_refused |= half.refuse_renegotiation();
            }
        } else if let Some(tickets) = &mut self.tickets
            && let Err(error) = tickets.receive(piece, self.received.filled())
        {
            half.abort(error.alert);
        }
    }

    /// Opens all received records and discards the data. When reading has ended, it discards the
    /// remaining bytes as well.
    pub(crate) fn discard(&mut self, half: &mut impl Receiver) {
        self.kept.consume(usize::MAX);
        loop {
            self.consume(usize::MAX);
            match self.open(half, &mut InPlace) {
                Ok(Step::Opened) => {}
                Ok(Step::NeedInput) => return,
                Ok(Step::Closed) | Err(_) => return self.received.consume(usize::MAX),
            }
        }
    }

    /// Notes a permanent error of the transport. If the transport ends later, reads return this error.
    pub(crate) fn break_by(&mut self, error: BrokenBy) {
        self.broken_by.get_or_insert(error);
    }

    /// Returns the error that broke the transport, if `len` received bytes are its end.
    pub(crate) fn check_end(&self, len: usize) -> io::Result<()> {
        match self.broken_by {
            Some(error) if len == 0 => Err(error.to_error()),
            _ => Ok(()),
        }
    }

    /// Adds `len` bytes received into the room: 0 if the transport has ended.
    pub(crate) fn commit_received(&mut self, len: usize, half: &mut impl Receiver) {
        if len == 0 {
            half.eof();
        }
        self.received.commit(len);
    }

    /// Takes the data that was [kept](Self::keep).
    #[cfg(all(feature = "ktls", target_os = "linux"))]
    pub(crate) const fn take_kept(&mut self) -> Buffer {
        core::mem::replace(&mut self.kept, Buffer::new(0))
    }

    /// Returns the unread data and the bytes that are not opened.
    pub(crate) fn into_parts(mut self) -> (Buffer, Buffer) {
        self.keep(usize::MAX);
        self.received.consume(self.record);
        (self.kept, self.received)
    }
}
