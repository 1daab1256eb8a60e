//! A connection over a blocking transport, as `std::io` has it.
//!
//! Two rules keep bytes from getting lost. What is sealed stays in `unsent` until the transport took
//! it, because sealing cannot be repeated; so a call that has taken data reports success, and the
//! next one tells of the transport. And reading sends what is due, but never fails because of it:
//! data that the peer sent before it went away is still delivered.

use core::ops::Range;
use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tls_record::aead::Provider;
use tls_record::{
    AlertDescription, CloseError, Control, End, Event, Fault, HandshakePiece, KeyError, OpenError,
    Opened, ReadEnd, RecordLayer, SealError, TrafficSecret,
};

use crate::buffer::Buffer;
use crate::established::{Established, Info};
use crate::exporter::Exporter;
use crate::handshake::{Handshake, Progress};
use crate::tickets::Tickets;

/// The most bytes of records that one call of `write` seals, unless a single one is longer.
const MAX_SEALED: usize = 1 << 16;

/// The most slices that one call of `write_vectored` takes.
const MAX_SLICES: usize = 16;

/// Bytes of content of the longest record that the engine makes by itself: a KeyUpdate.
const MAX_CONTROL: usize = 5;

/// A TLS connection over a transport: a [`TcpStream`](std::net::TcpStream), for instance.
///
/// Reading ends, with no bytes, only after the peer's close_notify; a transport that ends before is
/// an [`UnexpectedEof`](ErrorKind::UnexpectedEof). Errors of TLS carry the engine's own as their
/// inner error: [`OpenError`] for reading ([`InvalidData`](ErrorKind::InvalidData): the peer broke
/// the protocol, and was sent an alert unless our close_notify had left;
/// [`ConnectionAborted`](ErrorKind::ConnectionAborted): we aborted over a bad ticket, or it sent
/// one), [`SealError`] for writing ([`BrokenPipe`](ErrorKind::BrokenPipe): after
/// [`close`](Self::close)), [`HandshakeError`](crate::HandshakeError) for the handshake.
///
/// A non-blocking transport works too, except for [`connect`](Self::connect) and
/// [`accept`](Self::accept), see [`Handshake::complete`]: any call that returns
/// [`WouldBlock`](ErrorKind::WouldBlock) may be repeated. While [`wants_write`](Self::wants_write),
/// wait for the transport to take bytes as well.
///
/// Dropping it sends nothing: [`close`](Self::close) it, or the peer sees a truncation.
///
/// ```no_run
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use std::sync::Arc;
/// use tls_record_alloc::Stream;
/// use tls_record_alloc::rustls::ClientConfig;
/// use tls_record_alloc::tls_record::aead::ring::Ring;
///
/// fn fetch(config: Arc<ClientConfig>) -> std::io::Result<Vec<u8>> {
///     let tcp = TcpStream::connect("example.org:443")?;
///     let name = "example.org".try_into().expect("a DNS name");
///     let mut tls = Stream::<_, Ring>::connect(config, name, tcp)?;
///     tls.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
///     let mut page = Vec::new();
///     tls.read_to_end(&mut page)?;
///     tls.close()?;
///     assert!(tls.end().is_clean());
///     Ok(page)
/// }
/// ```
pub struct Stream<T, P: Provider> {
    transport: T,
    layer: RecordLayer<TrafficSecret<P>>,
    received: Buffer,
    /// Where in `received` data lies that is not read yet, and how long its record is.
    data: Range<usize>,
    record: usize,
    unsent: Buffer,
    /// The transport did not flush when it was told to.
    flush_due: bool,
    tickets: Option<Tickets>,
    exporter: Option<Exporter>,
    info: Info,
    tolerates_truncation: bool,
}

impl Handshake {
    /// Makes the handshake over a transport. After a failure, rustls's alert is sent before the
    /// error returns.
    ///
    /// If it is complete, some of its output may still be [unsent](Self::unsent):
    /// [`Stream::new`] takes care of it.
    ///
    /// # Errors
    /// Those of the transport, after which it may be called again, and
    /// [`HandshakeError`](crate::HandshakeError) as an inner error.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use tls_record_alloc::{Handshake, Stream};
    /// # use tls_record_alloc::tls_record::aead::ring::Ring;
    /// # fn example<T: Read + Write>(mut handshake: Handshake, mut transport: T) -> io::Result<()> {
    /// handshake.engine_config().fragment_limit = 1024;
    /// handshake.complete(&mut transport)?;
    /// let tls = Stream::<_, Ring>::new(handshake.finish()?, transport);
    /// # Ok(())
    /// # }
    /// ```
    pub fn complete<T: Read + Write>(&mut self, transport: &mut T) -> io::Result<()> {
        loop {
            let progress = self.advance();
            let sent = send(&mut self.unsent, transport).and_then(|()| transport.flush());
            match progress {
                // The peer may be gone, but have left data for us. What the transport took and holds
                // back, only a flush makes leave.
                Ok(Progress::Complete) => match sent {
                    Err(error)
                        if self.unsent.is_empty() && error.kind() == ErrorKind::WouldBlock =>
                    {
                        return Err(error);
                    }
                    _ => return Ok(()),
                },
                Ok(Progress::NeedInput) => sent?,
                Err(error) => return Err(error.into()),
            }
            match transport.read(self.received.room()) {
                Ok(0) => self.eof()?,
                Ok(len) => self.received.commit(len),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<T: Read + Write, P: Provider> Stream<T, P> {
    /// Makes a client's handshake with the server of this name.
    ///
    /// # Errors
    /// Those of [`Handshake::client`], [`Handshake::complete`] and [`Handshake::finish`].
    pub fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        transport: T,
    ) -> io::Result<Self> {
        Self::over(Handshake::client(config, name)?, transport)
    }

    /// Makes a server's handshake.
    ///
    /// # Errors
    /// Those of [`Handshake::server`], [`Handshake::complete`] and [`Handshake::finish`].
    pub fn accept(config: Arc<ServerConfig>, transport: T) -> io::Result<Self> {
        Self::over(Handshake::server(config)?, transport)
    }

    fn over(mut handshake: Handshake, mut transport: T) -> io::Result<Self> {
        handshake.complete(&mut transport)?;
        Ok(Self::new(handshake.finish()?, transport))
    }

    /// A stream over a transport on which the handshake was made.
    pub fn new(established: Established<P>, transport: T) -> Self {
        let Established { opener, sealer, received, unsent, tickets, exporter, info } = established;
        Self {
            transport,
            layer: RecordLayer::join(opener, sealer),
            received,
            data: 0..0,
            record: 0,
            unsent,
            flush_due: false,
            tickets,
            exporter,
            info,
            tolerates_truncation: false,
        }
    }

    // Receiving

    /// Opens a record, or reads for one. False if the peer has closed.
    fn receive(&mut self) -> io::Result<bool> {
        self.received.consume(core::mem::take(&mut self.record));
        let opened = self.layer.open(self.received.filled_mut());
        if let Ok(Opened { event: Event::Handshake(piece), .. }) = &opened {
            self.handshake_message(piece);
        }
        if matches!(opened, Err(OpenError::PeerAlert(_))) {
            // RFC 9846 section 6: no further data is sent either.
            self.unsent.consume(usize::MAX);
        }
        self.send_control();
        let Opened { consumed, event } = match opened {
            Ok(opened) => opened,
            Err(OpenError::Truncated) if self.tolerates_truncation => return Ok(false),
            Err(error) => return Err(open_error(error)),
        };
        match event {
            Event::ApplicationData(range) => {
                self.data = range;
                self.record = consumed;
                return Ok(true);
            }
            Event::NeedMore { .. } => match self.transport.read(self.received.room())? {
                0 => {
                    self.layer.eof();
                }
                len => self.received.commit(len),
            },
            Event::KeyUpdate { .. } => self.tickets = None,
            Event::Closed => return Ok(false),
            Event::Handshake(_) | Event::Warning(_) | Event::ChangeCipherSpec | Event::Nothing => {}
        }
        self.received.consume(consumed);
        Ok(true)
    }

    fn handshake_message(&mut self, piece: &HandshakePiece) {
        if self.info.version == tls_record::Version::Tls12 {
            if piece.is_last() {
                // If it cannot be refused any more, the connection is about to end.
                let _ = self.layer.with_halves(|_, sealer| sealer.refuse_renegotiation());
            }
        } else if let Some(tickets) = &mut self.tickets
            && tickets.receive(piece, self.received.filled()).is_err()
        {
            let _ = self.layer.abort(AlertDescription::DECODE_ERROR);
        }
    }

    /// Whether the end of the transport without a close_notify ends reading like one. Anyone can cut
    /// a connection, so that it is on only for peers that are known not to close, whose data shows
    /// its own end. [`end`](Self::end) tells the difference.
    pub const fn tolerate_truncation(&mut self, tolerate: bool) {
        self.tolerates_truncation = tolerate;
    }

    // Sending

    /// Seals the alerts and KeyUpdates that are due. Only when all else has left: a peer that asks
    /// for many KeyUpdates and does not read gets one.
    fn seal_control(&mut self) {
        while let Some(control) = self.layer.next_control() {
            if matches!(control, Control::KeyUpdate { .. }) {
                self.tickets = None;
            }
            let record = self.unsent.space(self.layer.sealer().record_len(MAX_CONTROL));
            // The space is enough. If the cipher fails, nothing is due any more.
            let Ok(len) = self.layer.poll_control(record) else { break };
            self.unsent.commit(len);
        }
    }

    /// Sends what is due, as far as the transport takes it.
    fn send_control(&mut self) {
        if self.wants_write() {
            // What did not leave is still there for the next call, which may report why.
            let _ = self.flush();
        }
    }

    fn send(&mut self) -> io::Result<()> {
        send(&mut self.unsent, &mut self.transport)
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

    fn seal(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        self.send()?;
        self.seal_control();
        let content = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        let len = self.sealed_len(content);
        let sealed = self
            .layer
            .seal(parts, self.unsent.space(len))
            .map_err(|error| self.seal_error(error))?;
        self.unsent.commit(sealed.written);
        // The data is taken, whatever becomes of it.
        let _ = self.send();
        Ok(sealed.taken)
    }

    fn seal_error(&mut self, error: SealError) -> io::Error {
        self.send_control();
        let kind = match (error, self.layer.end().read) {
            (SealError::Failed, ReadEnd::PeerAlert(description)) => {
                return open_error(OpenError::PeerAlert(description));
            }
            (SealError::Failed, ReadEnd::Fault(fault)) => return open_error(fault.into()),
            (SealError::Closed, _) => ErrorKind::BrokenPipe,
            _ => ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }

    /// Whether there are bytes that the transport did not take yet: [`flush`](Write::flush) sends
    /// them. With a blocking transport only after an error.
    pub fn wants_write(&self) -> bool {
        !self.unsent.is_empty() || self.layer.has_control() || self.flush_due
    }

    /// Goes on to the next generation of keys (RFC 9846 section 4.7.3), and asks the peer to do the
    /// same if `request` is set. Tickets that arrive later are not kept.
    ///
    /// # Errors
    /// Those of [`RecordLayer::update_keys`].
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.layer.update_keys(request)?;
        self.send_control();
        Ok(())
    }

    // Closing

    /// Closes our direction: sends a close_notify, once, and does not wait for the peer's. Reading
    /// goes on.
    ///
    /// # Errors
    /// Those of the transport, after which it may be called again; as an inner error
    /// [`CloseError::Failed`] if the connection has failed, and [`CloseError::Truncated`] if the
    /// transport had ended before the peer's close_notify and that is not tolerated: ours is sent all
    /// the same.
    pub fn close(&mut self) -> io::Result<()> {
        match self.layer.close() {
            Ok(()) | Err(CloseError::AlreadyClosed) => self.flush(),
            Err(CloseError::Truncated) if self.tolerates_truncation => self.flush(),
            Err(error) => {
                self.send_control();
                Err(io::Error::new(ErrorKind::ConnectionAborted, error))
            }
        }
    }

    /// [Closes](Self::close) our direction and reads the other up to its end: all that is under way
    /// goes to `rest`. Returns how many bytes that were, in this call.
    ///
    /// # Errors
    /// Those of closing, reading and `rest`. After one of reading, what came before is in `rest`; after
    /// one of `rest`, what it did not take is lost.
    pub fn close_and_read_rest<W: Write + ?Sized>(&mut self, rest: &mut W) -> io::Result<u64> {
        self.close()?;
        io::copy(self, rest)
    }

    /// How the connection ended, or that it has not. That our direction is closed means that its
    /// close_notify has left, unless [`wants_write`](Self::wants_write).
    pub fn end(&self) -> End {
        self.layer.end()
    }

    // Belongings

    /// What the handshake agreed upon.
    pub const fn info(&self) -> &Info {
        &self.info
    }

    /// Exports keying material. TLS 1.3 only.
    pub const fn exporter(&self) -> Option<&Exporter> {
        self.exporter.as_ref()
    }

    /// The transport.
    pub const fn transport(&self) -> &T {
        &self.transport
    }

    /// The transport: to set its timeouts, for instance. Its bytes belong to the stream.
    pub const fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Gives the transport back.
    pub fn into_transport(self) -> T {
        self.transport
    }
}

impl<T: Read + Write, P: Provider> Read for Stream<T, P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let len = self.fill_buf()?.read(out)?;
        self.consume(len);
        Ok(len)
    }
}

/// Data is read where it was decrypted: nothing is copied.
impl<T: Read + Write, P: Provider> BufRead for Stream<T, P> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.data.is_empty() {
            if !self.receive()? {
                return Ok(&[]);
            }
        }
        Ok(self.received.filled().get(self.data.clone()).unwrap_or_default())
    }

    fn consume(&mut self, len: usize) {
        self.data.start = self.data.start.saturating_add(len).min(self.data.end);
    }
}

impl<T: Read + Write, P: Provider> Write for Stream<T, P> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.seal(&[data])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut parts = [&[][..]; MAX_SLICES];
        let slices = slices.iter().filter(|slice| !slice.is_empty());
        for (part, slice) in parts.iter_mut().zip(slices) {
            *part = slice;
        }
        self.seal(&parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        self.seal_control();
        self.send()?;
        self.flush_due = true;
        self.transport.flush()?;
        self.flush_due = false;
        Ok(())
    }
}

impl<T, P: Provider> core::fmt::Debug for Stream<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Stream").field(&self.info).finish_non_exhaustive()
    }
}

/// Gives the transport what is unsent. What it does not take stays.
fn send<T: Write>(unsent: &mut Buffer, transport: &mut T) -> io::Result<()> {
    while !unsent.is_empty() {
        match transport.write(unsent.filled()) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(len) => unsent.consume(len),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn open_error(error: OpenError) -> io::Error {
    let kind = match error {
        OpenError::Truncated => ErrorKind::UnexpectedEof,
        OpenError::PeerAlert(_) | OpenError::Fault(Fault::Aborted(_)) => {
            ErrorKind::ConnectionAborted
        }
        OpenError::Fault(_) => ErrorKind::InvalidData,
    };
    io::Error::new(kind, error)
}
