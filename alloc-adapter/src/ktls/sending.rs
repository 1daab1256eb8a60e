//! The sending direction: data, what is due before it, and the errors of the socket.

use std::io::{self, IoSlice, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;
use tls_record::aead::Provider;
use tls_record::{AlertDescription, Control, KeyError, MAX_CONTENT, ReadEnd, SealError, WriteEnd};

use super::KernelStream;
use super::error::KernelTlsError;
use super::keys::next_keys;
use super::receiving::refusal;
use super::socket::{self, Direction};
use crate::session::{parts, seal_error};
use crate::transport::{cuts_both_directions, is_lasting};

/// The most bytes that one call of `write` gives to the kernel, so that their records can be counted
/// before.
const MAX_WRITTEN: usize = 1 << 20;

impl<T: AsFd, P: Provider> KernelStream<T, P> {
    /// Sends the alerts and KeyUpdates that are due.
    pub(super) fn send_due(&mut self) -> io::Result<()> {
        loop {
            if let Some(keys) = &self.keys_due {
                let set = socket::set_keys(&self.socket, Direction::Sending, keys);
                set.or_else(|error| self.not_sent(error))?;
                self.keys_due = None;
            }
            self.control = self.control.or_else(|| self.sealer.take_kernel_control());
            if self.control.is_none() {
                return Ok(());
            }
            self.check_socket()?;
            // What was received meanwhile may be a reason to send another.
            let Some(control) = self.control else { continue };
            match control {
                Control::Alert(AlertDescription::CLOSE_NOTIFY) => self.write = WriteEnd::Closing,
                Control::Alert(description) if is_fatal(control) => {
                    self.write = WriteEnd::AlertQueued(description);
                }
                _ => {}
            }
            let sent = socket::send_control(&self.socket, &control.message());
            if self.sent(sent)?.is_none() {
                continue;
            }
            self.control = None;
            self.sealed = self.sealed.saturating_add(1);
            match control {
                Control::Alert(AlertDescription::CLOSE_NOTIFY) => self.write = WriteEnd::Closed,
                Control::Alert(description) if is_fatal(control) => {
                    self.write = WriteEnd::AlertSent(description);
                }
                Control::Alert(_) => {}
                Control::KeyUpdate { .. } => self.update_sending()?,
            }
        }
    }

    /// Handles the error that the socket has, if it has one: then what is sent would be lost, or sent later.
    /// Returns whether a record was refused, which is handled.
    ///
    /// The kernel keeps the error of a record that was received for whatever call is next.
    pub(super) fn check_socket(&mut self) -> io::Result<bool> {
        let Some(error) = socket::take_error(&self.socket) else { return Ok(false) };
        if !socket::is_connected(&self.socket) {
            return self.not_sent(error);
        }
        // Other errors are those of the network, which TCP survives.
        let Some(refusal) = error.raw_os_error().map(Errno::from_raw).and_then(refusal) else {
            return Ok(false);
        };
        self.keep_opened()?;
        // Receiving may have brought the error back.
        let _ = socket::take_error(&self.socket);
        self.refuse(refusal)?;
        Ok(true)
    }

    /// Handles the result of a call that sends. Returns `None` if it can be repeated, because its error
    /// was that of a record that was received.
    pub(super) fn sent<R>(&mut self, result: io::Result<R>) -> io::Result<Option<R>> {
        match result {
            Ok(sent) => Ok(Some(sent)),
            Err(error) if is_lasting(&error) && self.check_socket()? => Ok(None),
            Err(error) => self.not_sent(error),
        }
    }

    /// Handles an error of the sending direction.
    pub(super) fn not_sent<R>(&mut self, error: io::Error) -> io::Result<R> {
        if cuts_both_directions(&error) && matches!(self.receiver.end(), ReadEnd::Open) {
            self.broken_by.get_or_insert((&error).into());
        }
        if is_lasting(&error) || !socket::is_connected(&self.socket) {
            self.sending_failed();
        }
        self.note(Err(error))
    }

    /// Sends what is due, as far as the socket takes it. The next write or flush reports an error.
    pub(super) fn send_due_quietly(&mut self) {
        if self.write != WriteEnd::Failed {
            let _ = self.send_due();
        }
    }

    /// Derives the keys behind our KeyUpdate, which the kernel is given before anything else is sent.
    fn update_sending(&mut self) -> io::Result<()> {
        self.tickets = None;
        match next_keys(&mut self.sending) {
            Ok(keys) => {
                self.keys_due = Some(keys);
                self.sealed = 0;
                Ok(())
            }
            Err(error) => {
                // Nothing can be sent any more that the peer could open.
                self.write = WriteEnd::Failed;
                Err(io::Error::other(error))
            }
        }
    }

    /// Prepares sending `len` bytes of data. Returns how many of them may be sent by one call. `records`
    /// returns how many records the kernel makes of a number of bytes.
    pub(super) fn prepare(&mut self, len: usize, records: fn(usize) -> u64) -> io::Result<usize> {
        let limit = usize::from(self.sealer.fragment_limit());
        // Of shorter records each is sent by a call of its own: the kernel fills them up.
        let mut len = len.min(if limit < MAX_CONTENT.into() { limit } else { MAX_WRITTEN });
        // One call must not exceed what a fresh key may seal.
        while records(len) > self.limit {
            len /= 2;
        }
        loop {
            let due = self.check_socket().and_then(|_| self.send_due());
            // What was received, or is due, may have ended this direction.
            match self.write {
                WriteEnd::Open => due?,
                WriteEnd::Closing | WriteEnd::Closed => {
                    return Err(seal_error(SealError::Closed, self.receiver.end()));
                }
                _ => return Err(self.why_failed()),
            }
            if self.sealed.saturating_add(records(len)) <= self.limit {
                return Ok(len);
            }
            self.update_keys().map_err(|error| match error {
                KeyError::NoUpdate => KernelTlsError::KeysExhausted.into(),
                error => io::Error::other(error),
            })?;
        }
    }

    /// The error of a sending direction that has failed.
    fn why_failed(&self) -> io::Error {
        let read = self.receiver.end();
        match (self.failure, self.transport_error) {
            (Some(failure), _) => failure.into(),
            (None, Some(kind)) if !matches!(read, ReadEnd::Fault(_) | ReadEnd::PeerAlert(_)) => {
                kind.into()
            }
            _ => seal_error(SealError::Failed, read),
        }
    }

    /// Writes up to `len` bytes of data, of which `send` sends as many as it is told to, or fewer.
    fn write_by(
        &mut self,
        len: usize,
        send: impl Fn(&T, usize) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if len == 0 {
            return Ok(0);
        }
        loop {
            let len = self.prepare(len, records)?;
            let sent = send(&self.socket, len);
            if let Some(len) = self.sent(sent)? {
                self.sealed = self.sealed.saturating_add(records(len));
                return Ok(len);
            }
        }
    }
}

impl<T: AsFd, P: Provider> Write for KernelStream<T, P> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_by(data.len(), |socket, len| {
            socket::send_data(socket, data.get(..len).unwrap_or(data))
        })
    }

    /// The slices share records.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let parts = parts(slices);
        let total = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        self.write_by(total, |socket, len| socket::send_parts(socket, parts, len))
    }

    /// Sends an alert or a KeyUpdate that is due. Data is the kernel's once it is written.
    fn flush(&mut self) -> io::Result<()> {
        self.send_due()
    }
}

/// Returns whether a control record ends the connection.
fn is_fatal(control: Control) -> bool {
    use tls_record::AlertClass;
    match control {
        Control::Alert(AlertDescription::NO_RENEGOTIATION) => false,
        Control::Alert(description) => description.class() == AlertClass::Error,
        Control::KeyUpdate { .. } => false,
    }
}

/// The most records that the kernel makes of `len` bytes that are written by one call.
const fn records(len: usize) -> u64 {
    if len <= MAX_CONTENT as usize {
        return 1;
    }
    // The first and the last may hold less.
    (len >> 14).saturating_add(2) as u64
}

/// The most records that the kernel makes of `len` bytes of a file: it may make one of each page.
pub(super) const fn records_of_file(len: usize) -> u64 {
    (len >> 12).saturating_add(2) as u64
}
