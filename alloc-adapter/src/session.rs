//! What every stream holds, without its transport: an established connection, its input and its
//! output.
//!
//! Two rules keep bytes from getting lost. What is sealed stays in `unsent` until the transport took
//! it, because sealing cannot be repeated; so a call that has taken data reports success, and the
//! next one tells of the transport. And reading sends what is due, but never fails because of it:
//! data that the peer sent before it went away is still delivered.

use core::ops::Range;
use std::io::{self, ErrorKind, IoSlice};

use tls_record::aead::Provider;
use tls_record::{
    AlertDescription, CloseError, Config, Control, End, Event, Fault, HEADER_LEN, HandshakePiece,
    Header, KeyError, MAX_RECORD, OpenError, Opened, ReadEnd, RecordLayer, SealError,
    ShutdownError, TrafficSecret, WriteEnd,
};

use crate::buffer::Buffer;
use crate::established::{Established, Info};
use crate::exporter::Exporter;
use crate::parts::Parts;
use crate::resumption::Resumption;
use crate::tickets::Tickets;

/// The most bytes of records that one call of `write` seals, unless a single one is longer.
const MAX_SEALED: usize = 1 << 16;

/// The most slices that one call of `write_vectored` takes.
const MAX_SLICES: usize = 16;

/// A connection after its handshake.
pub(crate) struct Session<P: Provider> {
    pub(crate) layer: RecordLayer<TrafficSecret<P>>,
    pub(crate) received: Buffer,
    /// Where in `received` data lies that is not read yet, and how long its record is.
    data: Range<usize>,
    record: usize,
    pub(crate) unsent: Buffer,
    /// The transport has not flushed what it took.
    pub(crate) flush_due: bool,
    /// Bytes that waited were discarded, because the peer failed.
    is_cut: bool,
    /// The transport takes nothing any more, as far as is known.
    is_broken: bool,
    /// The peer's close_notify has come.
    is_closed: bool,
    /// The first error of the transport that does not pass by itself.
    pub(crate) transport_error: Option<ErrorKind>,
    tickets: Option<Tickets>,
    resumption: Resumption,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) info: Info,
    pub(crate) tolerates_truncation: bool,
    warning: Option<AlertDescription>,
    renegotiation_refused: bool,
}

/// What reading came to.
pub(crate) enum Step {
    /// Go on: there is [data](Session::data), or a record had none for the application.
    Opened,
    /// More has to be received first.
    NeedInput,
    /// The direction has ended.
    Closed,
}

impl<P: Provider> Session<P> {
    pub(crate) fn new(established: Established<P>) -> Self {
        let Established { opener, sealer, received, unsent, tickets, resumption, exporter, info } =
            established;
        // Halves that the caller exchanged for others are not of one connection, which fails then.
        let mut layer = RecordLayer::new(Config::new(opener.role()));
        layer.with_halves(|own_opener, own_sealer| (*own_opener, *own_sealer) = (opener, sealer));
        Self {
            layer,
            received,
            data: 0..0,
            record: 0,
            unsent,
            flush_due: false,
            is_cut: false,
            is_broken: false,
            is_closed: false,
            transport_error: None,
            tickets,
            resumption,
            exporter,
            info,
            tolerates_truncation: false,
            warning: None,
            renegotiation_refused: false,
        }
    }

    // Receiving

    /// Data that is decrypted and not read.
    pub(crate) fn data(&self) -> &[u8] {
        self.received.filled().get(self.data.clone()).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, len: usize) {
        self.data.start = self.data.start.saturating_add(len).min(self.data.end);
    }

    /// Gives data to `put`, record after record, up to `room` bytes, as long as no more has to be received.
    /// Returns how many bytes. What ended it, the next call of [`open`](Self::open) says again.
    pub(crate) fn copy_data(&mut self, room: usize, mut put: impl FnMut(&[u8])) -> usize {
        let mut left = room;
        loop {
            let data = self.data();
            let data = data.get(..left).unwrap_or(data);
            put(data);
            let len = data.len();
            left = left.saturating_sub(len);
            self.consume(len);
            if left == 0 || !matches!(self.open(), Ok(Step::Opened)) {
                return room.saturating_sub(left);
            }
        }
    }

    /// Whether reading goes on without the transport: there is data, a whole record, or the end.
    pub(crate) fn has_pending(&self) -> bool {
        if !self.data.is_empty() || self.layer.end().read != ReadEnd::Open {
            return true;
        }
        let waiting = self.received.filled().get(self.record..).unwrap_or_default();
        waiting.first_chunk().is_some_and(|header| {
            let len = usize::from(Header::decode(*header).length);
            // What is longer is refused by its header.
            waiting.len() >= HEADER_LEN.saturating_add(len.min(MAX_RECORD - HEADER_LEN))
        })
    }

    /// Opens the next record. All data of the last one has been read. Whatever it returns, send
    /// what is due if the session [wants](Self::wants_write) it.
    pub(crate) fn open(&mut self) -> io::Result<Step> {
        self.received.consume(core::mem::take(&mut self.record));
        if self.is_closed {
            // What lies behind the close_notify is not for the opener, which would ignore it.
            return Ok(Step::Closed);
        }
        let Opened { consumed, event } = match self.layer.open(self.received.filled_mut()) {
            Ok(opened) => opened,
            Err(OpenError::Truncated) if self.tolerates_truncation => return Ok(Step::Closed),
            Err(error) => {
                if matches!(error, OpenError::PeerAlert(_) | OpenError::Fault(_)) {
                    self.resumption.forget();
                }
                if matches!(error, OpenError::PeerAlert(_)) {
                    // RFC 9846 section 6: no further data is sent either.
                    self.is_cut |= !self.unsent.is_empty();
                    self.unsent.consume(usize::MAX);
                }
                return Err(open_error(error));
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
            Event::Handshake(piece) => self.handshake_message(&piece),
            Event::KeyUpdate { .. } => self.tickets = None,
            Event::Warning(description) => self.warning = Some(description),
            Event::ChangeCipherSpec | Event::Nothing => {}
        }
        self.received.consume(consumed);
        Ok(Step::Opened)
    }

    /// Opens all that was received and throws the data away. When reading has ended, what else arrived
    /// goes too.
    pub(crate) fn discard_input(&mut self) {
        loop {
            self.consume(usize::MAX);
            match self.open() {
                Ok(Step::Opened) => {}
                Ok(Step::NeedInput) => return,
                Ok(Step::Closed) | Err(_) => return self.received.consume(usize::MAX),
            }
        }
    }

    fn handshake_message(&mut self, piece: &HandshakePiece) {
        if self.info.version == tls_record::Version::Tls12 {
            if piece.is_last() {
                // If it cannot be refused any more, the connection is about to end.
                self.renegotiation_refused |= self.layer.refuse_renegotiation().is_ok();
            }
        } else if let Some(tickets) = &mut self.tickets
            && let Err(error) = tickets.receive(piece, self.received.filled())
        {
            let _ = self.layer.abort(error.alert);
        }
    }

    /// The last warning alert of the peer's, once.
    pub(crate) const fn take_warning(&mut self) -> Option<AlertDescription> {
        self.warning.take()
    }

    pub(crate) const fn renegotiation_refused(&self) -> bool {
        self.renegotiation_refused
    }

    /// Room for what the transport brings, in a connection that may have to wait for it.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.unsent.release();
        self.received.room()
    }

    /// The transport brought `len` bytes of the [`room`](Self::room): none if it has ended.
    pub(crate) fn arrived(&mut self, len: usize) {
        if len == 0 {
            self.layer.eof();
        }
        self.received.commit(len);
    }

    // Sending

    /// Seals the alerts and KeyUpdates that are due, when all else has left: a peer that asks for
    /// many KeyUpdates and does not read gets one.
    pub(crate) fn seal_control(&mut self) {
        while let Some(control) = self.layer.next_control() {
            if matches!(control, Control::KeyUpdate { .. }) {
                self.tickets = None;
            }
            let record = self.unsent.space(self.layer.sealer().control_len());
            // The space is enough. If the cipher fails, nothing is due any more.
            let Ok(len) = self.layer.poll_control(record) else { break };
            self.unsent.commit(len);
        }
    }

    /// Bytes of records that `content` bytes fill, up to [`MAX_SEALED`].
    fn sealed_len(&self, content: usize) -> usize {
        let sealer = self.layer.sealer();
        let limit = usize::from(sealer.fragment_limit());
        let whole = sealer.record_len(limit);
        let most = MAX_SEALED.checked_div(whole).unwrap_or(0).max(1);
        let count = content.checked_div(limit).unwrap_or(0);
        if count >= most {
            return whole.saturating_mul(most);
        }
        let rest = content.saturating_sub(limit.saturating_mul(count));
        whole.saturating_mul(count).saturating_add(sealer.record_len(rest))
    }

    /// Seals as much of `parts` as one call may, when all else has left, and returns how much. After
    /// an error, send what is due.
    pub(crate) fn seal(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        self.seal_control();
        let content = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        let len = self.sealed_len(content);
        let mut sealed = self.layer.seal(parts, self.unsent.space(len));
        if sealed == Err(SealError::ControlFirst) {
            // A request was held back while input behind it was not opened.
            self.seal_control();
            sealed = self.layer.seal(parts, self.unsent.space(len));
        }
        let sealed = sealed.map_err(|error| seal_error(error, self.end()))?;
        self.unsent.commit(sealed.written);
        Ok(sealed.taken)
    }

    /// Whether there is something to send: bytes, a control record that is due, or a flush.
    pub(crate) fn wants_write(&self) -> bool {
        !self.unsent.is_empty() || self.layer.has_control() || self.flush_due
    }

    /// [`wants_write`](Self::wants_write), for calls that do not report errors of sending: after one
    /// that does not pass by itself, they do not try again.
    pub(crate) fn should_send(&self) -> bool {
        !self.is_broken && self.wants_write()
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
        if self.is_cut { Err(seal_error(SealError::Failed, self.layer.end())) } else { Ok(()) }
    }

    // Closing

    /// Queues a close_notify, unless there was one. After an error too there may be something to
    /// send. When all has left, ask again: it may not have been sealed, or have been discarded.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        match self.layer.close() {
            Err(CloseError::AlreadyClosed) if self.is_cut => {
                Err(io::Error::new(ErrorKind::ConnectionAborted, CloseError::Failed))
            }
            // RFC 9846 section 6.1: how the peer's direction ended has no effect on ours. Reading tells.
            Ok(()) | Err(CloseError::AlreadyClosed | CloseError::Truncated) => Ok(()),
            Err(error) => Err(io::Error::new(ErrorKind::ConnectionAborted, error)),
        }
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
        let write = match write {
            WriteEnd::Closed | WriteEnd::AlertSent(_) if self.is_cut => WriteEnd::Failed,
            WriteEnd::Closed if !self.unsent.is_empty() => WriteEnd::Closing,
            WriteEnd::AlertSent(description) if !self.unsent.is_empty() => {
                WriteEnd::AlertQueued(description)
            }
            write => write,
        };
        End { read, write }
    }

    /// What the transport answered to sending.
    pub(crate) fn sent(&mut self, answer: io::Result<()>) -> io::Result<()> {
        self.is_broken = matches!(&answer, Err(error) if is_lasting(error.kind()));
        self.answered(answer)
    }

    /// What the transport answered. Its errors are remembered, unless they pass by themselves.
    pub(crate) fn answered<R>(&mut self, answer: io::Result<R>) -> io::Result<R> {
        if let Err(error) = &answer
            && is_lasting(error.kind())
        {
            self.transport_error.get_or_insert(error.kind());
        }
        answer
    }

    /// Takes the connection apart, with its transport.
    pub(crate) fn into_parts<T>(mut self, mut unread: Buffer, transport: T) -> Parts<T> {
        unread.set_ceiling(usize::MAX);
        unread.push(self.data());
        self.received.consume(self.record);
        Parts { transport, unread, received: self.received, unsent: self.unsent }
    }
}

/// Whether an error of the transport does not pass by itself.
const fn is_lasting(kind: ErrorKind) -> bool {
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

fn open_error(error: OpenError) -> io::Error {
    let kind = match error {
        OpenError::Truncated => ErrorKind::UnexpectedEof,
        OpenError::PeerAlert(_) | OpenError::Fault(Fault::Aborted(_)) => {
            ErrorKind::ConnectionAborted
        }
        OpenError::Fault(_) => ErrorKind::InvalidData,
        // The session never hands its keys over, and opens in one buffer.
        OpenError::HandedOver | OpenError::OtherBuffer => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// Why the connection failed says more than that it failed.
fn seal_error(error: SealError, end: End) -> io::Error {
    let kind = match (error, end.read) {
        (SealError::Failed, ReadEnd::PeerAlert(description)) => {
            return open_error(OpenError::PeerAlert(description));
        }
        (SealError::Failed, ReadEnd::Fault(fault)) => return open_error(fault.into()),
        (SealError::Closed, _) => ErrorKind::BrokenPipe,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
