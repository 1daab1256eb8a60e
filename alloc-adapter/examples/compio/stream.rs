//! A TLS stream for runtimes whose operations own their buffers. Written to be copied.
//!
//! An operation takes a buffer, which the kernel uses until it completes, and gives it back. So there is one buffer
//! for records that arrive, in which they are opened, and one for records that leave, in which they are sealed. What
//! is copied: the data of a write, by the cipher that seals it, and the part of a record that is left at the end of
//! the received bytes, to the front of the buffer.
//!
//! **Not cancel safe**: a future that is dropped while an operation is under way takes the buffer with it. The
//! stream then fails, and is only to be dropped. So a timeout goes around a whole exchange, not around a read.
//!
//! One end must read while the other writes: with two that write more than the transport holds before they read,
//! neither goes on. The halves of the connection (`RecordLayer::split_over`), in a task each, do not have this limit.

use std::io::{self, ErrorKind};

use compio::BufResult;
use compio::buf::{IntoInner, IoBuf};
use compio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use compio::net::TcpStream;
use tls_record::aead::ring::Ring;
use tls_record::{
    CloseError, End, Event, MAX_RECORD, OpenError, RecordLayer, SealError, ShutdownError,
    TrafficSecret,
};
use tls_record_alloc::{Handshake, Progress, Tickets};

/// Room for four records of the longest kind, which leave by one operation.
const SEND: usize = 4 * MAX_RECORD;

pub(crate) struct Stream {
    tcp: TcpStream,
    layer: Box<RecordLayer<TrafficSecret<Ring>>>,
    tickets: Option<Tickets>,
    /// `None` while the kernel has it.
    received: Option<Vec<u8>>,
    /// The bytes of `received` that were opened.
    consumed: usize,
    /// `None` while the kernel has it.
    sealed: Option<Vec<u8>>,
    /// The bytes of `sealed` that are to be sent.
    filled: usize,
}

impl Stream {
    /// Performs the handshake. The alert of one that fails is sent before the error is returned.
    pub(crate) async fn new(mut handshake: Handshake, mut tcp: TcpStream) -> io::Result<Self> {
        let mut buffer = Vec::with_capacity(MAX_RECORD);
        loop {
            let progress = handshake.advance();
            let unsent = handshake.unsent().to_vec();
            handshake.sent(unsent.len());
            let BufResult(sent, _) = tcp.write_all(unsent).await;
            match progress? {
                Progress::Complete => break,
                _ => sent?,
            }
            let BufResult(read, back) = tcp.append(buffer).await;
            if read? == 0 {
                handshake.eof()?;
            }
            buffer = back;
            let taken = handshake.receive(&buffer);
            buffer.drain(..taken);
        }
        let mut established = handshake.finish::<Ring>()?;
        // Bytes that the handshake did not take follow those that it took and did not use.
        let mut received = Vec::with_capacity(2 * MAX_RECORD);
        received.extend_from_slice(established.received.filled());
        received.append(&mut buffer);
        let layer = RecordLayer::join(*established.opener, *established.sealer);
        Ok(Self {
            tcp,
            layer: Box::new(layer.map_err(io::Error::other)?),
            tickets: established.tickets.take(),
            received: Some(received),
            consumed: 0,
            sealed: Some(vec![0; SEND]),
            filled: 0,
        })
    }

    /// Returns the next data of the peer, or `None` after its close_notify. Without one, the end of the transport is
    /// [`UnexpectedEof`](ErrorKind::UnexpectedEof).
    pub(crate) async fn read(&mut self) -> io::Result<Option<&[u8]>> {
        let range = loop {
            let received = self.received.as_mut().ok_or_else(cancelled)?;
            let start = self.consumed;
            let input = received.get_mut(start..).unwrap_or_default();
            let opened = self.layer.open(input);
            if let (Ok(opened), Some(tickets)) = (&opened, &mut self.tickets)
                && let Event::Handshake(piece) = &opened.event
            {
                // A ticket that is not understood is not needed.
                let _ = tickets.receive(piece, input);
            }
            // Alerts and the answers to KeyUpdates leave before an error is returned and before waiting. A peer
            // that does not take them may still have sent data.
            let _ = self.flush().await;
            if self.sealed.is_none() {
                return Err(cancelled());
            }
            let opened = opened.map_err(|error| match error {
                OpenError::Truncated => io::Error::new(ErrorKind::UnexpectedEof, error),
                error => io::Error::other(error),
            })?;
            self.consumed += opened.consumed;
            match opened.event {
                Event::ApplicationData(range) => break start + range.start..start + range.end,
                Event::Closed => return Ok(None),
                // They hold the first traffic secrets.
                Event::KeyUpdate { .. } => self.tickets = None,
                Event::NeedMore { .. } => self.receive().await?,
                _ => {}
            }
        };
        Ok(self.received.as_deref().and_then(|received| received.get(range)))
    }

    async fn receive(&mut self) -> io::Result<()> {
        let mut received = self.received.take().ok_or_else(cancelled)?;
        received.drain(..self.consumed);
        self.consumed = 0;
        let BufResult(read, back) = self.tcp.append(received).await;
        self.received = Some(back);
        if read? == 0 {
            // The next call of `open` says that the stream is truncated, unless the peer had closed it.
            self.layer.eof();
        }
        Ok(())
    }

    /// Seals the data and sends it.
    pub(crate) async fn write_all(&mut self, mut data: &[u8]) -> io::Result<()> {
        while !data.is_empty() {
            let room = self.sealed.as_mut().ok_or_else(cancelled)?;
            let sealed = self.layer.seal(&[data], room.get_mut(self.filled..).unwrap_or_default());
            if let Ok(sealed) = &sealed {
                data = data.get(sealed.taken..).unwrap_or_default();
                self.filled += sealed.written;
            }
            // A KeyUpdate that is due goes first; after a fault, its alert is to leave.
            let sent = self.flush().await;
            if !matches!(sealed, Ok(_) | Err(SealError::ControlFirst)) {
                sealed.map_err(io::Error::other)?;
            }
            sent?;
        }
        Ok(())
    }

    /// Seals the alert, the KeyUpdate or the close_notify that is due, and sends everything.
    async fn flush(&mut self) -> io::Result<()> {
        loop {
            let mut sealed = self.sealed.take().ok_or_else(cancelled)?;
            while self.layer.has_control() {
                let room = sealed.get_mut(self.filled..).unwrap_or_default();
                match self.layer.poll_control(room) {
                    Ok(written) => self.filled += written,
                    // There is room after the next operation.
                    Err(SealError::NoSpace { .. }) => break,
                    Err(error) => {
                        self.sealed = Some(sealed);
                        return Err(io::Error::other(error));
                    }
                }
            }
            if self.filled == 0 {
                self.sealed = Some(sealed);
                return Ok(());
            }
            let BufResult(sent, back) = self.tcp.write_all(sealed.slice(..self.filled)).await;
            self.sealed = Some(back.into_inner());
            self.filled = 0;
            sent?;
        }
    }

    /// Closes in two steps: sends a close_notify, and waits for the peer's. Discards up to `budget` bytes of
    /// records before that, and returns how the connection ended.
    pub(crate) async fn shutdown(&mut self, budget: u32) -> io::Result<End> {
        match self.layer.close() {
            // How the peer's direction ended has no effect on ours (RFC 9846 section 6.1).
            Ok(()) | Err(CloseError::AlreadyClosed | CloseError::Truncated) => {}
            Err(error) => return Err(io::Error::other(error)),
        }
        self.flush().await?;
        // Succeeds on compio after the peer has reset the connection. Other runtimes return `NotConnected` then, which
        // is to be ignored: the next read tells how the peer's direction ended.
        self.tcp.shutdown().await?;
        loop {
            match self.layer.check_closed(budget) {
                Ok(()) => return Ok(self.layer.end()),
                Err(ShutdownError::AwaitingPeer { .. }) => drop(self.read().await?),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// Ends the TCP connection. One that is dropped with unread input is reset, and the reset may destroy the last
    /// records on their way, an alert for instance. Discards up to `budget` bytes.
    pub(crate) async fn disconnect(mut self, mut budget: usize) {
        let _ = self.tcp.shutdown().await;
        let mut rest = self.received.take().unwrap_or_default();
        loop {
            rest.clear();
            let BufResult(read, back) = self.tcp.append(rest).await;
            match read {
                Ok(len) if 0 < len && len <= budget => budget -= len,
                _ => return,
            }
            rest = back;
        }
    }
}

fn cancelled() -> io::Error {
    io::Error::other("an earlier operation was cancelled, and its bytes are lost")
}
