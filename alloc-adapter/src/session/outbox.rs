//! The output of a connection: sealed records that have not been sent.

#[cfg(feature = "tokio")]
use core::{
    pin::Pin,
    task::{Context, Poll, ready},
};
use std::io::{self, Write};

use tls_record::{Control, KeySchedule, SealError, Sealed, Sealer, WriteEnd};

#[cfg(feature = "tokio")]
use tokio::io::AsyncWrite;

use crate::buffer::Buffer;
#[cfg(feature = "tokio")]
use crate::transport::poll_send;
use crate::transport::{flush, is_lasting, send};

/// The most bytes of records that one call of `write` seals, unless a single one is longer.
const MAX_SEALED: usize = 1 << 16;

/// The sending half of the engine, with its link to the receiving half.
pub(crate) trait Sender {
    type Keys: KeySchedule;

    fn sealer(&self) -> &Sealer<Self::Keys>;
    fn next_control(&self) -> Option<Control>;
    fn poll_control(&mut self, out: &mut [u8]) -> Result<usize, SealError>;
    fn seal(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<Sealed, SealError>;
}

pub(crate) struct Outbox {
    pub(crate) unsent: Buffer,
    /// The transport may not have flushed everything that it took.
    pub(crate) flush_due: bool,
    /// Unsent bytes were discarded, because the peer sent a fatal alert.
    pub(crate) has_discarded: bool,
    /// The last call of the transport returned a permanent error.
    is_broken: bool,
    /// A permanent error of sending in a call that reported success, because it had taken data.
    unreported: Option<io::Error>,
    /// The sending keys were updated.
    pub(crate) keys_updated: bool,
}

impl Outbox {
    pub(crate) const fn new(unsent: Buffer) -> Self {
        Self {
            unsent,
            // The last flight of the handshake may not have been flushed.
            flush_due: true,
            has_discarded: false,
            is_broken: false,
            unreported: None,
            keys_updated: false,
        }
    }

    /// Seals the alerts and KeyUpdates that are due.
    ///
    /// Call it when everything else has been sent: then a peer that requests many KeyUpdates and
    /// does not read gets one.
    fn seal_control(&mut self, half: &mut impl Sender) {
        while let Some(control) = half.next_control() {
            self.keys_updated |= matches!(control, Control::KeyUpdate { .. });
            let record = self.unsent.space(half.sealer().control_len());
            // There is enough space. If the cipher fails, no control record is due any more.
            let Ok(len) = half.poll_control(record) else { break };
            self.unsent.commit(len);
        }
    }

    /// Seals as much of `parts` as one call may, and returns the number of bytes.
    ///
    /// Call it when everything else has been sent. After an error, send what is due.
    pub(crate) fn seal(
        &mut self,
        half: &mut impl Sender,
        parts: &[&[u8]],
    ) -> Result<usize, SealError> {
        self.seal_control(half);
        let content = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        let len = sealed_len(half.sealer(), content);
        let mut sealed = half.seal(parts, self.unsent.space(len));
        if sealed == Err(SealError::ControlFirst) {
            // A KeyUpdate request of the peer was held back until now, because input behind it is
            // not opened.
            self.seal_control(half);
            sealed = half.seal(parts, self.unsent.space(len));
        }
        match sealed {
            Ok(Sealed { taken, written }) => {
                self.unsent.commit(written);
                Ok(taken)
            }
            Err(error) => {
                self.unsent.release();
                Err(error)
            }
        }
    }

    /// Discards unsent records. RFC 9846 section 6: no further data is sent after an error alert of
    /// the peer.
    pub(crate) fn discard_unsent(&mut self) {
        self.has_discarded |= !self.unsent.is_empty();
        self.unsent.consume(usize::MAX);
        // The reason is now the alert.
        self.unreported = None;
    }

    /// Returns whether there is something to send: bytes, a control record that is due, or a flush.
    pub(crate) fn wants_write(&self, half: &impl Sender) -> bool {
        !self.unsent.is_empty() || half.next_control().is_some() || self.flush_due
    }

    /// Like [`wants_write`](Self::wants_write), but false after a permanent error of the transport:
    /// for calls that do not report errors of sending, and should not retry.
    pub(crate) fn should_send(&self, half: &impl Sender) -> bool {
        !self.is_broken && self.wants_write(half)
    }

    /// Writes unsent bytes to the transport. Bytes that it does not take stay in the buffer.
    pub(crate) fn send(&mut self, transport: &mut impl Write) -> io::Result<()> {
        self.flush_due |= !self.unsent.is_empty();
        let sent = send(&mut self.unsent, transport);
        self.note_sent(sent)
    }

    /// Sends unsent bytes and the control records that are due, and flushes the transport.
    pub(crate) fn send_all(
        &mut self,
        half: &mut impl Sender,
        transport: &mut impl Write,
    ) -> io::Result<()> {
        self.send(transport)?;
        self.seal_control(half);
        self.send(transport)?;
        self.flush_due = true;
        let flushed = flush(transport);
        self.note_sent(flushed)?;
        self.flushed();
        Ok(())
    }

    /// [`send`](Self::send) over a transport of tokio.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_send(
        &mut self,
        transport: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        self.flush_due |= !self.unsent.is_empty();
        let sent = ready!(poll_send(&mut self.unsent, transport, cx));
        Poll::Ready(self.note_sent(sent))
    }

    /// [`send_all`](Self::send_all) over a transport of tokio.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_send_all(
        &mut self,
        half: &mut impl Sender,
        transport: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_send(transport, cx))?;
        self.seal_control(half);
        ready!(self.poll_send(transport, cx))?;
        self.flush_due = true;
        let flushed = ready!(Pin::new(transport).poll_flush(cx));
        self.note_sent(flushed)?;
        self.flushed();
        Poll::Ready(Ok(()))
    }

    /// Notes that everything was sent and flushed. It frees memory, because a caller seldom flushes
    /// between writes.
    fn flushed(&mut self) {
        self.flush_due = false;
        self.unreported = None;
        self.unsent.release();
    }

    /// Records the result of a transport call that sends.
    pub(crate) fn note_sent(&mut self, result: io::Result<()>) -> io::Result<()> {
        self.is_broken = matches!(&result, Err(error) if is_lasting(error));
        match result {
            // The operating system reports the reason once, and later calls fail with `BrokenPipe`.
            Err(error) if self.is_broken => Err(self.unreported.take().unwrap_or(error)),
            result => result,
        }
    }

    /// Keeps a permanent error of sending for the next call that sends, if that fails too.
    pub(crate) fn report_later(&mut self, sent: io::Result<()>) {
        if let Err(error) = sent
            && is_lasting(&error)
        {
            self.unreported.get_or_insert(error);
        }
    }

    /// Returns how the sending direction ended. It ends when the last byte has been sent, not when
    /// it is sealed.
    pub(crate) fn end(&self, sealed: WriteEnd) -> WriteEnd {
        match sealed {
            WriteEnd::Closed | WriteEnd::AlertSent(_) if self.has_discarded => WriteEnd::Failed,
            WriteEnd::Closed if !self.unsent.is_empty() => WriteEnd::Closing,
            WriteEnd::AlertSent(description) if !self.unsent.is_empty() => {
                WriteEnd::AlertQueued(description)
            }
            end => end,
        }
    }
}

/// Returns the total length of the records for `content` bytes of data, limited by [`MAX_SEALED`].
fn sealed_len<K: KeySchedule>(sealer: &Sealer<K>, content: usize) -> usize {
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
