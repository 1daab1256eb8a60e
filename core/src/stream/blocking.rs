//! The stream over a blocking transport.

use embedded_io::{BufRead, Read, Write};

use super::{Step, Stream, StreamError};
use crate::keys::KeySchedule;

impl<T, K: KeySchedule, const RX: usize, const TX: usize> Stream<T, K, RX, TX>
where
    T: Read + Write,
    T::Error: 'static,
{
    /// Reads until there is data, or the end.
    fn fill(&mut self) -> Result<(), StreamError<T::Error>> {
        while self.data.is_empty() && self.step()? {}
        Ok(())
    }

    /// Opens one record, or receives once. Whether anything may follow.
    fn step(&mut self) -> Result<bool, StreamError<T::Error>> {
        match self.open() {
            Ok(Step::Opened) => Ok(true),
            Ok(Step::NeedInput) => {
                self.send_due();
                match self.received.room() {
                    Ok(room) => {
                        let read = self.transport.read(room);
                        let len = read.map_err(|error| self.failed(error))?;
                        self.arrived(len);
                        Ok(true)
                    }
                    Err(error) => {
                        let error = self.refuse(error);
                        self.send_due();
                        Err(error)
                    }
                }
            }
            Ok(Step::Closed) => {
                self.send_due();
                Ok(false)
            }
            Err(error) => {
                self.send_due();
                Err(error)
            }
        }
    }

    fn send(&mut self) -> Result<(), StreamError<T::Error>> {
        while !self.connection.unsent().is_empty() {
            let sent = self.transport.write(self.connection.unsent());
            self.sent(sent)?;
        }
        Ok(())
    }

    /// Sends what is due. What does not leave is still there for the next call, which may report
    /// why.
    fn send_due(&mut self) {
        if self.wants_write() {
            let _ = self.flush();
        }
    }

    /// Closes our direction, in one step: sends a close_notify, once, and does not wait for the peer's.
    /// Reading goes on.
    ///
    /// # Errors
    /// [`StreamError::Transport`], after which it may be called again; [`StreamError::Truncated`] if
    /// the transport had ended before, and our close_notify may have reached nobody;
    /// [`StreamError::Shutdown`] if a slot is reserved or the connection has failed.
    pub fn close(&mut self) -> Result<(), StreamError<T::Error>> {
        loop {
            let answer = self.connection.shutdown();
            match self.closed(answer) {
                Some(Ok(())) => return self.flush(),
                None => self.send()?,
                Some(error) => {
                    self.send_due();
                    return error;
                }
            }
        }
    }

    /// Closes both directions, in two steps: [`close`](Self::close), and then the data that is under
    /// way goes to `rest`, piece by piece, up to the peer's close_notify.
    ///
    /// The `budget` is how many bytes of records are worth waiting for. How long is for the transport
    /// to say, by an error of its own.
    ///
    /// # Errors
    /// Those of closing and reading. [`StreamError::Shutdown`] with
    /// [`BudgetSpent`](crate::ShutdownError::BudgetSpent) if the budget was not enough; it may be called
    /// again with a larger one.
    pub fn close_and_drain(
        &mut self,
        budget: u32,
        mut rest: impl FnMut(&[u8]),
    ) -> Result<(), StreamError<T::Error>> {
        self.close()?;
        loop {
            self.pass_on(&mut rest);
            let answer = self.connection.shutdown_both(budget);
            if let Some(closed) = self.closed(answer) {
                return closed;
            }
            self.step()?;
        }
    }
}

impl<T, K: KeySchedule, const RX: usize, const TX: usize> Read for Stream<T, K, RX, TX>
where
    T: Read + Write,
    T::Error: 'static,
{
    fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        if !out.is_empty() {
            self.fill()?;
        }
        Ok(self.copy_data(out))
    }
}

/// Data is read where it was decrypted: nothing is copied.
impl<T, K: KeySchedule, const RX: usize, const TX: usize> BufRead for Stream<T, K, RX, TX>
where
    T: Read + Write,
    T::Error: 'static,
{
    fn fill_buf(&mut self) -> Result<&[u8], Self::Error> {
        self.fill()?;
        Ok(self.data())
    }

    fn consume(&mut self, len: usize) {
        self.consume_data(len);
    }
}

impl<T, K: KeySchedule, const RX: usize, const TX: usize> Write for Stream<T, K, RX, TX>
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
        flushed.map_err(|error| self.failed(error))?;
        self.flush_due = false;
        self.check_not_cut()
    }
}
