//! The stream over an asynchronous transport.
//!
//! embedded-io-async allows a transport to lose bytes when one of its futures is dropped after a
//! poll. So there is one such future at a time, and it is awaited to its end.

use embedded_io_async::{BufRead, Read, Write};

use super::{EmbeddedStream, Step, StreamError};
use crate::crypto::keys::KeySchedule;

impl<T, K: KeySchedule, const RX: usize, const TX: usize> EmbeddedStream<T, K, RX, TX>
where
    T: Read + Write,
    T::Error: 'static,
{
    /// Opens records and receives until there is data, or the direction has ended. Returns how many bytes of
    /// data are in `out`: 0 if the data is in the receive buffer.
    async fn fill_async(&mut self, out: &mut [u8]) -> Result<usize, StreamError<T::Error>> {
        while self.data.is_empty() {
            match self.step_async(out).await? {
                Step::Opened | Step::NeedInput => {}
                Step::Read(len) => return Ok(len),
                Step::Closed => break,
            }
        }
        Ok(0)
    }

    /// Opens one record, to `out` if that is possible, or receives once.
    async fn step_async(&mut self, out: &mut [u8]) -> Result<Step, StreamError<T::Error>> {
        let step = self.open(out);
        if self.must_send_before(&step) {
            self.send_due_async().await;
        }
        let step = step?;
        if let Step::NeedInput = step {
            let room = self.received.room().map_err(StreamError::TooLong)?;
            let read = self.transport.read(room).await;
            let len = read.map_err(|error| self.not_received(error))?;
            self.arrived(len);
        }
        Ok(step)
    }

    /// Sends all unsent records, without flushing the transport.
    async fn send_async(&mut self) -> Result<(), StreamError<T::Error>> {
        while !self.connection.unsent().is_empty() {
            let sent = self.transport.write(self.connection.unsent()).await;
            self.sent(sent)?;
        }
        Ok(())
    }

    async fn flush_all(&mut self) -> Result<(), StreamError<T::Error>> {
        self.send_async().await?;
        self.flush_due = true;
        let flushed = self.transport.flush().await;
        self.flushed(flushed)
    }

    /// Sends all unsent records, for a caller that does not report errors of sending. Records that
    /// were not sent stay for the next call, which may report the error.
    async fn send_due_async(&mut self) {
        if self.wants_write() {
            let _ = self.flush_all().await;
        }
    }

    /// Closes the sending direction over an asynchronous transport: see [`close`](Self::close).
    ///
    /// # Errors
    /// The errors of [`close`](Self::close).
    pub async fn close_async(&mut self) -> Result<(), StreamError<T::Error>> {
        loop {
            match self.close_ours() {
                Ok(true) => return self.flush_all().await,
                Ok(false) => self.send_async().await?,
                Err(error) => {
                    self.send_due_async().await;
                    return Err(error);
                }
            }
        }
    }

    /// Closes both directions over an asynchronous transport: see
    /// [`close_and_drain`](Self::close_and_drain).
    ///
    /// It waits until our close_notify is sent before it reads. The caller limits the time with a
    /// timeout: the future may be dropped, and the call repeated, if the futures of the transport
    /// may be dropped.
    ///
    /// # Errors
    /// The errors of [`close_and_drain`](Self::close_and_drain).
    ///
    /// ```
    /// # use embedded_io_async::{Read, Write};
    /// # use tls_record::{EmbeddedStream, StreamError, TrafficSecret, aead::ring::Ring};
    /// async fn bye<T: Read + Write>(
    ///     tls: &mut EmbeddedStream<T, TrafficSecret<Ring>, 4096, 2048>,
    /// ) -> Result<usize, StreamError<T::Error>>
    /// where
    ///     T::Error: 'static,
    /// {
    ///     tls.write_all(b"bye").await?;
    ///     let mut rest = 0;
    ///     tls.close_and_drain_async(65_536, |data| rest += data.len()).await?;
    ///     Ok(rest)
    /// }
    /// ```
    pub async fn close_and_drain_async(
        &mut self,
        budget: u32,
        mut rest: impl FnMut(&[u8]),
    ) -> Result<(), StreamError<T::Error>> {
        self.close_async().await?;
        loop {
            self.pass_on(&mut rest);
            if self.check_closed(budget)? {
                return Ok(());
            }
            self.step_async(&mut []).await?;
        }
    }
}

impl<T, K: KeySchedule, const RX: usize, const TX: usize> Read for EmbeddedStream<T, K, RX, TX>
where
    T: Read + Write,
    T::Error: 'static,
{
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        if out.is_empty() {
            return Ok(0);
        }
        match self.fill_async(out).await? {
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
    async fn fill_buf(&mut self) -> Result<&[u8], Self::Error> {
        self.fill_async(&mut []).await?;
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
    async fn write(&mut self, data: &[u8]) -> Result<usize, Self::Error> {
        loop {
            match self.seal(data) {
                // Do not await anything after this: a dropped future would lose how much was taken.
                Ok(Some(taken)) => return Ok(taken),
                Ok(None) => self.send_async().await?,
                Err(error) => {
                    self.send_due_async().await;
                    return Err(error);
                }
            }
        }
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.flush_all().await
    }
}
