//! The stream over an asynchronous transport.
//!
//! A transport of embedded-io-async is borrowed by the one call that waits for it, so that reading and
//! writing cannot wait at once. While something waits to be sent, reading tries that anew whenever the
//! task is woken.

use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use embedded_io_async::{BufRead, Read, Write};

use super::{Step, Stream, StreamError};
use crate::end::ReadEnd;
use crate::keys::KeySchedule;

/// What a future comes to, if it is ready when it is polled for the first time, or at the latest when
/// it was woken `wakes` times.
async fn within<F: Future>(wakes: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = wakes;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => match left.checked_sub(1) {
            Some(fewer) => {
                left = fewer;
                Poll::Pending
            }
            None => Poll::Ready(None),
        },
    })
    .await
}

impl<T: Read + Write, K: KeySchedule, const RX: usize, const TX: usize> Stream<T, K, RX, TX> {
    /// Reads until there is data, or the end.
    async fn fill_async(&mut self) -> Result<(), StreamError<T::Error>> {
        while self.data.is_empty() {
            let step = self.open();
            self.send_ready().await;
            match step? {
                Step::Opened => {}
                Step::Closed => break,
                Step::NeedInput(total) => {
                    let is_waited_for = self.wants_write();
                    match self.received.room(total) {
                        Ok(room) => {
                            let reading = self.transport.read(room);
                            let read = if is_waited_for {
                                within(1, reading).await
                            } else {
                                Some(reading.await)
                            };
                            if let Some(len) = read {
                                self.arrived(len.map_err(StreamError::Transport)?);
                            }
                        }
                        Err(error) => {
                            let error = self.refuse(error);
                            self.send_ready().await;
                            return Err(error);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    async fn send_async(&mut self) -> Result<(), StreamError<T::Error>> {
        while !self.connection.unsent().is_empty() {
            let sent = self.transport.write(self.connection.unsent()).await;
            self.sent(sent.map_err(StreamError::Transport)?)?;
        }
        Ok(())
    }

    async fn flush_all(&mut self) -> Result<(), StreamError<T::Error>> {
        self.send_async().await?;
        self.flush_due = true;
        self.transport.flush().await.map_err(StreamError::Transport)?;
        self.flush_due = false;
        Ok(())
    }

    /// Sends what is due, as far as the transport takes it at once. What does not leave is still there
    /// for the next call, which may report why.
    async fn send_ready(&mut self) {
        if self.wants_write() {
            let _ = within(0, self.flush_all()).await;
        }
    }

    /// [`close`](Self::close) over an asynchronous transport.
    ///
    /// # Errors
    /// Those of [`close`](Self::close).
    pub async fn close_async(&mut self) -> Result<(), StreamError<T::Error>> {
        loop {
            let answer = self.connection.shutdown();
            match self.closed(answer) {
                Some(Ok(())) => return self.flush_all().await,
                None => self.send_async().await?,
                Some(error) => {
                    self.send_ready().await;
                    return error;
                }
            }
        }
    }

    /// [`close_and_drain`](Self::close_and_drain) over an asynchronous transport. How long to wait is
    /// the caller's to say, by a timeout: the call may be dropped and repeated.
    ///
    /// # Errors
    /// Those of [`close_and_drain`](Self::close_and_drain).
    ///
    /// ```
    /// # use embedded_io_async::{Read, Write};
    /// # use tls_record::{Stream, StreamError, TrafficSecret, aead::ring::Ring};
    /// async fn bye<T: Read + Write>(
    ///     tls: &mut Stream<T, TrafficSecret<Ring>, 4096, 2048>,
    /// ) -> Result<usize, StreamError<T::Error>> {
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
        loop {
            if !self.data.is_empty() {
                rest(self.data());
                self.consume_data(usize::MAX);
            }
            let answer = self.connection.shutdown_both(budget);
            if let Some(closed) = self.closed(answer) {
                self.send_ready().await;
                return closed;
            }
            if self.end().read != ReadEnd::Open {
                self.flush_all().await?;
                continue;
            }
            // Both at once: a peer that waits for us to read does not read either.
            if let Some(sent) = within(0, self.flush_all()).await {
                sent?;
            }
            self.fill_async().await?;
        }
    }
}

impl<T: Read + Write, K: KeySchedule, const RX: usize, const TX: usize> Read
    for Stream<T, K, RX, TX>
{
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
        if !out.is_empty() {
            self.fill_async().await?;
        }
        Ok(self.copy_data(out))
    }
}

/// Data is read where it was decrypted: nothing is copied.
impl<T: Read + Write, K: KeySchedule, const RX: usize, const TX: usize> BufRead
    for Stream<T, K, RX, TX>
{
    async fn fill_buf(&mut self) -> Result<&[u8], Self::Error> {
        self.fill_async().await?;
        Ok(self.data())
    }

    fn consume(&mut self, len: usize) {
        self.consume_data(len);
    }
}

impl<T: Read + Write, K: KeySchedule, const RX: usize, const TX: usize> Write
    for Stream<T, K, RX, TX>
{
    async fn write(&mut self, data: &[u8]) -> Result<usize, Self::Error> {
        loop {
            match self.seal(data) {
                // Nothing is waited for from here on: the caller learns what was taken.
                Ok(Some(taken)) => return Ok(taken),
                Ok(None) => self.send_async().await?,
                Err(error) => {
                    self.send_ready().await;
                    return Err(error);
                }
            }
        }
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.flush_all().await
    }
}
