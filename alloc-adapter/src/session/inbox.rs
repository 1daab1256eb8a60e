//! The input of a connection: what was received, as far as it is not opened and read.

use core::ops::Range;
use std::io;

use tls_record::{AlertDescription, Event, HandshakePiece, OpenError, Opened, Version};

use crate::buffer::Buffer;
use crate::resumption::Resumption;
use crate::tickets::Tickets;

/// The receiving half of the engine, and its way to the sending half.
pub(crate) trait Receiver {
    fn open(&mut self, input: &mut [u8]) -> Result<Opened, OpenError>;
    fn eof(&mut self);
    fn needed(&self, input: &[u8]) -> usize;
    fn abort(&mut self, alert: AlertDescription);
    /// Returns whether it can be refused: the connection may be about to end.
    fn refuse_renegotiation(&mut self) -> bool;
}

/// What reading came to.
pub(crate) enum Step {
    /// Go on: there is [data](Inbox::data), or a record had none for the application.
    Opened,
    /// More has to be received first.
    NeedInput,
    /// The direction has ended.
    Closed,
}

/// Why copying data stopped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// There is no more room, or all that was received is opened.
    Done,
    /// All that was received is opened, and more is likely to be there: the last read filled the buffer.
    Filled,
    /// The direction has ended.
    Ended,
}

pub(crate) struct Inbox {
    pub(crate) received: Buffer,
    /// Data that was [kept](Inbox::keep) out of the way of what was received later.
    kept: Buffer,
    /// Where in `received` data lies that is not read yet, and how long its record is.
    data: Range<usize>,
    record: usize,
    /// The peer's close_notify has come.
    is_closed: bool,
    version: Version,
    pub(crate) tickets: Option<Tickets>,
    pub(crate) resumption: Resumption,
    pub(crate) tolerates_truncation: bool,
    /// An error of the transport that came when there was data to return.
    pub(crate) read_error: Option<io::Error>,
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
            warning: None,
            renegotiation_refused: false,
        }
    }

    /// Data that is decrypted and not read.
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

    /// Gives data to `put`, record after record, up to `room` bytes, as long as no more has to be received.
    /// Returns how many bytes, and why it stopped. An error is said again by the next call of
    /// [`open`](Self::open).
    pub(crate) fn copy_data(
        &mut self,
        half: &mut impl Receiver,
        room: usize,
        mut put: impl FnMut(&[u8]),
    ) -> (usize, Stopped) {
        let mut left = room;
        let stopped = loop {
            let data = self.data();
            let data = data.get(..left).unwrap_or(data);
            put(data);
            let len = data.len();
            left = left.saturating_sub(len);
            self.consume(len);
            if left == 0 {
                break Stopped::Done;
            }
            if self.data().is_empty() {
                match self.open(half) {
                    Ok(Step::Opened) => {}
                    Ok(Step::NeedInput) if self.received.was_filled() => break Stopped::Filled,
                    Ok(Step::NeedInput) => break Stopped::Done,
                    Ok(Step::Closed) | Err(_) => break Stopped::Ended,
                }
            }
        };
        self.settle();
        (room.saturating_sub(left), stopped)
    }

    /// Gives memory back if no more is likely to come at once.
    fn settle(&mut self) {
        if !self.received.was_filled() {
            self.received.release();
        }
    }

    /// Room for what the transport brings, which may have to be waited for.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.settle();
        self.received.room()
    }

    /// Keeps the data of the last record, as far as `ceiling` bytes are enough for all that is kept, so that
    /// the next can be opened.
    pub(crate) fn keep(&mut self, ceiling: usize) {
        self.kept.set_ceiling(ceiling);
        let data = self.received.filled().get(self.data.clone()).unwrap_or_default();
        let kept = self.kept.push(data);
        self.consume_opened(kept);
    }

    /// Whether reading goes on without the transport: there is data, a whole record, or the end.
    pub(crate) fn has_pending(&self, half: &impl Receiver) -> bool {
        let waiting = self.received.filled().get(self.record..).unwrap_or_default();
        !self.data().is_empty()
            || self.read_error.is_some()
            || half.needed(waiting) <= waiting.len()
    }

    /// Opens the next record. All data of the last one has been read or kept. Whatever it returns, send
    /// what is due.
    pub(crate) fn open(&mut self, half: &mut impl Receiver) -> Result<Step, OpenError> {
        if self.is_closed {
            // What lies behind the close_notify is not for the opener, which would ignore it.
            return Ok(Step::Closed);
        }
        let Opened { consumed, event } = match half.open(self.received.filled_mut()) {
            Ok(opened) => opened,
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

    /// Opens all that was received and throws the data away. When reading has ended, what else arrived
    /// goes too.
    pub(crate) fn discard(&mut self, half: &mut impl Receiver) {
        self.kept.consume(usize::MAX);
        loop {
            self.consume(usize::MAX);
            match self.open(half) {
                Ok(Step::Opened) => {}
                Ok(Step::NeedInput) => return,
                Ok(Step::Closed) | Err(_) => return self.received.consume(usize::MAX),
            }
        }
    }

    /// The transport brought `len` bytes of the room in `received`: none if it has ended.
    pub(crate) fn arrived(&mut self, len: usize, half: &mut impl Receiver) {
        if len == 0 {
            half.eof();
        }
        self.received.commit(len);
    }

    /// What is not read, and what is not opened.
    pub(crate) fn into_parts(mut self) -> (Buffer, Buffer) {
        self.keep(usize::MAX);
        self.received.consume(self.record);
        (self.kept, self.received)
    }
}
