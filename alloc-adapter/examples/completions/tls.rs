//! A TLS connection over a transport that takes buffers and gives them back.
//!
//! The kernel writes received bytes into `received`, where the records are opened, and reads `unsent`, into
//! which they are sealed. So no byte is copied on its way between the engine and the kernel.
//!
//! While an operation is in flight, its buffer belongs to the kernel. So a call that is dropped before it
//! is ready loses these bytes: the connection cannot be used after that.

use std::io;

use compio::BufResult;
use compio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use compio::net::TcpStream;
use tls_record::aead::ring::Ring;
use tls_record::{CloseError, End, Event, MAX_RECORD, RecordLayer, SealError, TrafficSecret};
use tls_record_alloc::{Established, Handshake, Progress};

/// How many bytes to receive at once.
const ROOM: usize = 1 << 16;

/// More than the longest control record.
const CONTROL: usize = 64;

/// A connection of the completion-based runtime compio.
pub(crate) struct Tls {
    tcp: TcpStream,
    layer: Box<RecordLayer<TrafficSecret<Ring>>>,
    received: Vec<u8>,
    unsent: Vec<u8>,
}

impl Tls {
    /// Performs a handshake. After a failure, its alert is sent before the error is returned.
    pub(crate) async fn establish(
        mut handshake: Handshake,
        mut tcp: TcpStream,
    ) -> io::Result<Self> {
        let mut input = Vec::with_capacity(ROOM);
        loop {
            let progress = handshake.advance();
            let BufResult(sent, unsent) = tcp.write_all(handshake.unsent().to_vec()).await;
            handshake.sent(unsent.len());
            match progress? {
                // The client may be gone after sending data: reading tells.
                Progress::Complete => break,
                Progress::NeedInput => sent?,
            }
            input.clear();
            let BufResult(received, buffer) = tcp.read(input).await;
            input = buffer;
            match received? {
                0 => handshake.eof()?,
                len if handshake.receive(&input[..len]) == len => {}
                _ => return Err(io::Error::other("handshake too long")),
            }
        }
        let Established { opener, sealer, received, .. } = handshake.finish()?;
        let layer = RecordLayer::join(*opener, *sealer).map_err(io::Error::other)?;
        let received = received.filled().to_vec();
        Ok(Self { tcp, layer: Box::new(layer), received, unsent: Vec::new() })
    }

    /// Returns the next data of the peer, or `None` at its close_notify.
    ///
    /// What is due is sent before an error is returned and before the call waits for the peer.
    pub(crate) async fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let opened = match self.layer.open(&mut self.received) {
                Ok(opened) => opened,
                Err(error) => {
                    // The error of the peer matters more than one of sending our alert.
                    let _ = self.send().await;
                    return Err(io::Error::other(error));
                }
            };
            let data = match &opened.event {
                Event::ApplicationData(range) => Some(self.received[range.clone()].to_vec()),
                _ => None,
            };
            self.received.drain(..opened.consumed);
            match opened.event {
                Event::Closed => return Ok(None),
                Event::NeedMore { .. } => {
                    // Data may still arrive from a peer that takes nothing.
                    let _ = self.send().await;
                    self.receive().await?;
                }
                _ if data.is_some() => return Ok(data),
                // Session tickets, KeyUpdates, warnings.
                _ => {}
            }
        }
    }

    async fn receive(&mut self) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.received);
        buffer.reserve(ROOM);
        let BufResult(received, buffer) = self.tcp.append(buffer).await;
        self.received = buffer;
        if received? == 0 {
            // `open` returns an error next, unless the peer has closed.
            self.layer.eof();
        }
        Ok(())
    }

    /// Seals `data` and sends it.
    pub(crate) async fn write(&mut self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let start = self.unsent.len();
            self.unsent.resize(start + MAX_RECORD, 0);
            let sealed = self.layer.seal(&[data], &mut self.unsent[start..]);
            self.unsent.truncate(start + sealed.as_ref().map_or(0, |sealed| sealed.written));
            match sealed {
                Ok(sealed) => data = &data[sealed.taken..],
                // A KeyUpdate is due, which `send` seals.
                Err(SealError::ControlFirst) => {}
                Err(error) => {
                    let _ = self.send().await;
                    return Err(io::Error::other(error));
                }
            }
            self.send().await?;
        }
        Ok(())
    }

    /// Seals the alerts and KeyUpdates that are due, and sends what is unsent.
    async fn send(&mut self) -> io::Result<()> {
        while self.layer.has_control() {
            let start = self.unsent.len();
            self.unsent.resize(start + CONTROL, 0);
            let sealed = self.layer.poll_control(&mut self.unsent[start..]);
            self.unsent.truncate(start + sealed.as_ref().copied().unwrap_or(0));
            sealed.map_err(io::Error::other)?;
        }
        let BufResult(sent, mut buffer) =
            self.tcp.write_all(std::mem::take(&mut self.unsent)).await;
        buffer.clear();
        self.unsent = buffer;
        sent
    }

    /// Updates the sending keys, and requests the peer to update its own.
    pub(crate) fn update_keys(&mut self) -> io::Result<()> {
        self.layer.update_keys(true).map_err(io::Error::other)
    }

    /// Sends a close_notify and shuts down the sending direction of the socket.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        let closed = self.layer.close();
        self.send().await?;
        match closed {
            // In TLS 1.2 the engine has answered the peer's.
            Ok(()) | Err(CloseError::AlreadyClosed) => self.tcp.shutdown().await,
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Returns how each direction ended.
    pub(crate) fn end(&self) -> End {
        self.layer.end()
    }
}
