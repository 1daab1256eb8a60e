//! The stream over a blocking transport.

use embedded_io::{BufRead, Read, Write};

use super::{EmbeddedStream, Step, StreamError};
use crate::crypto::keys::KeySchedule;

impl<T, K: KeySchedule, const RX: usize, const TX: usize> EmbeddedStream<T, K, RX, TX>
where
    T: Read + Write,
    T::Error: 'static,
{
    /// Opens records and receives until there is data, or the direction has ended. Returns how many bytes of
    /// data are in `out`: 0 if the data is in the receive buffer.
    fn fill(&mut self, out: &mut [u8]) -> Result<usize, StreamError<T::Error>> {
        while self.data.is_empty() {
            match self.step(out)? {
                Step::Opened | Step::NeedInput => {}
                Step::Read(len) => return Ok(len),
                Step::Closed => break,
            }
        }
        Ok(0)
    }

    /// Opens one record, to `out` if that is possible, or receives once.
    fn step(&mut self, out: &mut [u8]) -> Result<Step, StreamError<T::Error>> {
        let step = self.open(out);
        if self.must_send_before(&step) {
            self.send_due();
        }
        let step = step?;
        if let Step::NeedInput = step {
            let room = self.received.room().map_err(StreamError::TooLong)?;
            let read = self.transport.read(room);
            let len = read.map_err(|error| self.not_received(error))?;
            self.arrived(len);
        }
        Ok(step)
    }

    /// Sends all unsent records, without flushing the transport.
    fn send(&mut self) -> Result<(), StreamError<T::Error>> {
        while !self.connection.unsent().is_empty() {
            let sent = self.transport.write(self.connection.unsent());
            self.sent(sent)?;
        }
        Ok(())
    }

    /// Sends all unsent records, for a caller that does not report errors of sending. Records that
    /// were not sent stay for the next call, which may report the error.
    fn send_due(&mut self) {
        if self.wants_write() {
            let _ = self.flush();
        }
    }

    /// Closes the sending direction: a shutdown in one step.
    ///
    /// This function sends the unsent records and a close_notify, once, and does not wait for the
    /// peer's. Reading stays possible.
    ///
    /// A truncation of the peer's direction is not an error here: the unsent records and the
    /// close_notify are sent all the same (RFC 9846 section 6.1). Reading and [`end`](Self::end)
    /// report the truncation.
    ///
    /// # Errors
    /// - [`StreamError::Transport`] or [`StreamError::WriteZero`] if the transport did not take the
    ///   bytes: it may be called again.
    /// - [`StreamError::Shutdown`] if a slot is reserved, or the connection has failed.
    pub fn close(&mut self) -> Result<(), StreamError<T::Error>> {
        loop {
            match self.close_ours() {
                Ok(true) => return self.flush(),
                Ok(false) => self.send()?,
                Err(error) => {
                    self.send_due();
                    return Err(error);
                }
            }
        }
    }

    /// Closes both directions: a shutdown in two steps, [`close`](Self::close) and then the peer's
    /// close_notify.
    ///
    /// Data that the peer sends before its close_notify is passed to `rest`, piece by piece.
    /// `budget` limits how many bytes of records may arrive before it. The transport limits the
    /// time, by an error of its own.
    ///
    /// # Errors
    /// The errors of [`close`](Self::close), and when everything has been sent, those of reading:
    /// - [`StreamError::Truncated`] if the transport ended before the peer's close_notify.
    /// - [`StreamError::Shutdown`] with [`BudgetSpent`](crate::ShutdownError::BudgetSpent) if more
    ///   than `budget` bytes arrived: it may be called again with a larger budget.
    pub fn close_and_drain(
        &mut self,
        budget: u32,
        mut rest: impl FnMut(&[u8]),
    ) -> Result<(), StreamError<T::Error>> {
        self.close()?;
        loop {
            self.pass_on(&mut rest);
            if self.check_closed(budget)? {
                return Ok(());
            }
            self.step(&mut [])?;
        }
    }
}

impl<T, K: KeySchedule, const RX: usize, const TX: usize> Read for EmbeddedStream<T, K, RX, TX>
where
    T: Read + Write,
    T::Error: 'static,
{
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        if out.is_empty() {
            return Ok(0);
        }
        match self.fill(out)? {
            0 => Ok(self.copy_data(out)),
            len => Ok(len),
        }
    }
}

/// Gives access to the data where it was decrypted, without a copy.
impl<T, K: KeySchedule, const RX: usize, const TX: usize> BufRead for EmbeddedStream<T, K, RX, TX>
where
    T: Read + Write,
    T::Error: 'static,
{
    fn fill_buf(&mut self) -> Result<&[u8], Self::Error> {
        self.fill(&mut [])?;
        Ok(self.data())
    }

    fn consume(&mut self, len: usize) {
        self.consume_data(len);
    }
}

impl<T, K: KeySchedule, const RX: usize, const TX: usize> Write for EmbeddedStream<T, K, RX, TX>
where
    T: Read + Write,
    T::Error: 'static,
{
    fn write(&mut self, data: &[u8]) -> Result<usize, Self::Error> {
        loop {
            match self.seal(data) {
                Ok(Some(taken)) => return Ok(taken),
                Ok(None) => self.send()?,
                Err(error) => {
                    self.send_due();
                    return Err(error);
                }
            }
        }
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.send()?;
        self.flush_due = true;
        let flushed = self.transport.flush();
        self.flushed(flushed)
    }
}
