//! The receiving direction: what the kernel has opened, and what it refuses.

use alloc::vec;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;
use tls_record::aead::Provider;
use tls_record::{
    AlertDescription, ContentType, Event, HandshakePiece, MAX_CONTENT, OpenError, ReadEnd, Version,
    WriteEnd,
};
use zeroize::Zeroizing;

use super::KernelStream;
use super::error::KernelTlsError;
use super::keys::next_keys;
use super::opened::Refusal;
use super::socket::{self, Direction, Received};
use crate::session::open_error;
use crate::transport::{BrokenBy, cuts_both_directions, is_lasting};

/// The most calls that receive what the kernel has opened before a record that it refused: the rest of a
/// record, and one of another type behind it.
const MAX_OPENED: usize = 8;

impl<T: AsFd, P: Provider> KernelStream<T, P> {
    /// Receives once. Returns the number of bytes of data in `out`, or `None` if there is none: another
    /// record was received, or the receiving direction has ended.
    pub(super) fn receive(&mut self, out: &mut [u8]) -> io::Result<Option<usize>> {
        self.send_due_quietly();
        // What prevents sending may have ended this direction, too.
        if !matches!(self.receiver.end(), ReadEnd::Open) {
            return Ok(None);
        }
        let len = match socket::receive(&self.socket, &mut self.room, out) {
            Ok(received) => self.take(&received, out)?,
            Err(error) => {
                self.not_received(error)?;
                None
            }
        };
        self.send_due_quietly();
        Ok(len)
    }

    /// Handles what was received into `out`. Returns the number of bytes of data in it.
    fn take(&mut self, received: &Received, out: &[u8]) -> io::Result<Option<usize>> {
        let Received { len, content_type, is_record_end } = *received;
        if matches!(self.write, WriteEnd::Closing | WriteEnd::Closed) {
            self.drained = self.drained.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        }
        match content_type {
            Some(ContentType::APPLICATION_DATA) => {
                self.receiver.data();
                self.handle_events()?;
                return Ok((len != 0).then_some(len));
            }
            Some(content_type) => {
                if self.partial.is_empty() {
                    // Long enough at once: memory that it grows out of is not wiped.
                    self.partial.reserve_exact(MAX_CONTENT.into());
                }
                self.partial.extend_from_slice(out.get(..len).unwrap_or_default());
                if is_record_end {
                    self.receiver.record(content_type, &self.partial);
                    self.partial = Zeroizing::default();
                    self.handle_events()?;
                }
            }
            None if len == 0 => {
                if let Some(error) = self.broken_by {
                    return Err(error.to_error());
                }
                self.receiver.eof();
                self.exchange();
            }
            // Not from the kernel's TLS.
            None => self.fail(AlertDescription::INTERNAL_ERROR),
        }
        Ok(None)
    }

    /// Handles an error of receiving.
    fn not_received(&mut self, errno: Errno) -> io::Result<()> {
        if !socket::is_connected(&self.socket) {
            self.sending_failed();
            let error = io::Error::from(errno);
            // An error that passes, or of a record, says nothing about the end that follows.
            let broken_by = if is_lasting(&error) && refusal(errno).is_none() {
                BrokenBy::from(&error)
            } else {
                BrokenBy::new(ErrorKind::ConnectionReset, None)
            };
            self.broken_by.get_or_insert(broken_by);
            return self.note(Err(error));
        }
        match (refusal(errno), errno) {
            (Some(refusal), _) => {
                // So that the alert can be sent.
                let _ = socket::take_error(&self.socket);
                self.refuse(refusal)
            }
            // Linux 6.14 and later: the kernel takes a record for a KeyUpdate that the engine
            // does not, because it looks at the first byte of a record, not of a message.
            (None, Errno::EKEYEXPIRED) => {
                self.cannot_update();
                self.handle_events()
            }
            (None, error) => self.note(Err(error.into())),
        }
    }

    /// Handles a refused record, all data before which was received.
    pub(super) fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        match self.receiver.end() {
            ReadEnd::Open => self.receiver.refused(refusal),
            // What follows a close_notify does not matter.
            ReadEnd::Closed { .. } | ReadEnd::Truncated { .. } => return Ok(()),
            _ => {}
        }
        self.handle_events()
    }

    /// Keeps what the kernel has opened before it refused a record, for the next reads.
    ///
    /// It reads no further, so there is little. A call that waits would wait for ever, because the error was
    /// taken.
    pub(super) fn keep_opened(&mut self) -> io::Result<()> {
        let mut memory = Zeroizing::new(vec![0; MAX_CONTENT.into()]);
        for _ in 0..MAX_OPENED {
            if !matches!(self.receiver.end(), ReadEnd::Open) {
                break;
            }
            match socket::receive_now(&self.socket, &mut self.room, &mut memory) {
                Ok(received) if received.content_type.is_some() => {
                    if let Some(len) = self.take(&received, &memory)? {
                        self.keep(memory.get(..len).unwrap_or_default());
                    }
                }
                // The transport may have ended behind the record.
                Ok(_) => break,
                Err(errno) => {
                    let error = io::Error::from(errno);
                    // The kernel reports it once.
                    if cuts_both_directions(&error) {
                        self.broken_by.get_or_insert((&error).into());
                        let _ = self.note::<()>(Err(error));
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    /// Keeps data for the next reads.
    pub(super) fn keep(&mut self, data: &[u8]) {
        self.unread.set_ceiling(usize::MAX);
        // It takes all of it.
        let _ = self.unread.push(data);
    }

    /// Handles the events of the record that the receiver has. What is due is sent before an error is
    /// returned, and otherwise left to the caller.
    fn handle_events(&mut self) -> io::Result<()> {
        loop {
            match self.receiver.event() {
                Ok(Some(event)) => self.handle(event),
                Ok(None) => break,
                Err(error) => return Err(self.stopped(error)),
            }
        }
        self.exchange();
        Ok(())
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Handshake(piece) => self.handshake_message(&piece),
            Event::KeyUpdate { .. } => {
                // They hold the first traffic secrets.
                self.tickets = None;
                self.update_receiving();
            }
            Event::Warning(description) => self.warning = Some(description),
            _ => {}
        }
    }

    fn handshake_message(&mut self, piece: &HandshakePiece) {
        if self.info.version == Version::Tls12 {
            if piece.is_last() {
                self.renegotiation_refused |= self.sealer.refuse_renegotiation().is_ok();
            }
        } else if let Some(tickets) = &mut self.tickets
            && let Err(error) = tickets.receive(piece, self.receiver.input())
        {
            self.fail(error.alert);
        }
    }

    /// Gives the kernel the keys behind the peer's KeyUpdate.
    fn update_receiving(&mut self) {
        if !self.can_update {
            return self.cannot_update();
        }
        let set = next_keys(&mut self.receiving)
            .map_err(io::Error::other)
            .and_then(|keys| socket::set_keys(&self.socket, Direction::Receiving, &keys));
        if set.is_err() {
            self.cannot_update();
        }
    }

    /// Ends a connection whose KeyUpdate the kernel cannot follow.
    fn cannot_update(&mut self) {
        self.failure = Some(KernelTlsError::NoKeyUpdate);
        self.fail(AlertDescription::INTERNAL_ERROR);
    }

    /// The error of a receiving direction that has failed. Sends the alert.
    fn stopped(&mut self, error: OpenError) -> io::Error {
        if matches!(error, OpenError::PeerAlert(_) | OpenError::Fault(_)) {
            self.resumption.forget();
        }
        self.exchange();
        self.drop_update();
        if let OpenError::PeerAlert(_) = error {
            self.sending_failed();
        }
        self.send_due_quietly();
        match self.failure {
            Some(failure) => failure.into(),
            None => open_error(error),
        }
    }

    /// Returns whether more may be received.
    pub(super) fn is_open(&mut self) -> io::Result<bool> {
        match self.receiver.end() {
            ReadEnd::Open => Ok(true),
            ReadEnd::Truncated { .. } if self.tolerates_truncation => Ok(false),
            _ => match self.receiver.event() {
                Ok(_) => Ok(false),
                Err(error) => Err(self.stopped(error)),
            },
        }
    }
}

impl<T: AsFd, P: Provider> Read for KernelStream<T, P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if !self.unread.is_empty() {
            let mut left = &mut *out;
            let len = left.write(self.unread.filled())?;
            self.unread.consume(len);
            return Ok(len);
        }
        while self.is_open()? {
            if let Some(len) = self.receive(out)? {
                return Ok(len);
            }
        }
        Ok(0)
    }
}

/// Returns how the kernel has refused a record that was received, if this is what an error says.
pub(super) const fn refusal(error: Errno) -> Option<Refusal> {
    match error {
        Errno::EBADMSG => Some(Refusal::BadMac),
        Errno::EMSGSIZE => Some(Refusal::TooLong),
        Errno::EINVAL => Some(Refusal::Version),
        _ => None,
    }
}
