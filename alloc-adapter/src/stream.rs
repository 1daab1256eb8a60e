//! A connection over a blocking transport, as `std::io` has it.

use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tls_record::aead::Provider;
use tls_record::{End, KeyError};

use crate::buffer::Buffer;
use crate::established::{Established, Info};
use crate::exporter::Exporter;
use crate::handshake::{Handshake, Progress};
use crate::session::{Session, Step, parts};

/// A TLS connection over a transport: a [`TcpStream`](std::net::TcpStream), for instance.
///
/// Reading ends, with no bytes, only after the peer's close_notify; a transport that ends before is
/// an [`UnexpectedEof`](ErrorKind::UnexpectedEof). Errors of TLS carry the engine's own as their
/// inner error: [`OpenError`](tls_record::OpenError) for reading
/// ([`InvalidData`](ErrorKind::InvalidData): the peer broke the protocol, and was sent an alert
/// unless our close_notify had left; [`ConnectionAborted`](ErrorKind::ConnectionAborted): we aborted
/// over a bad ticket, or it sent one), [`SealError`](tls_record::SealError) for writing
/// ([`BrokenPipe`](ErrorKind::BrokenPipe): after [`close`](Self::close)),
/// [`HandshakeError`](crate::HandshakeError) for the handshake.
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
    session: Session<P>,
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
        Self { transport, session: Session::new(established) }
    }

    // Receiving

    /// Whether the end of the transport without a close_notify ends reading like one. Anyone can cut
    /// a connection, so that it is on only for peers that are known not to close, whose data shows
    /// its own end. [`end`](Self::end) tells the difference.
    pub const fn tolerate_truncation(&mut self, tolerate: bool) {
        self.session.tolerates_truncation = tolerate;
    }

    // Sending

    /// Sends what is due, as far as the transport takes it.
    fn send_due(&mut self) {
        if self.session.wants_write() {
            // What did not leave is still there for the next call, which may report why.
            let _ = self.flush();
        }
    }

    fn send(&mut self) -> io::Result<()> {
        let sent = send(&mut self.session.unsent, &mut self.transport);
        self.session.answered(sent)
    }

    fn seal(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        self.send()?;
        let sealed = self.session.seal(parts);
        match sealed {
            // The data is taken, whatever becomes of it.
            Ok(_) => drop(self.send()),
            Err(_) => self.send_due(),
        }
        sealed
    }

    /// Whether there is something that [`flush`](Write::flush) would send: bytes that the transport did
    /// not take yet, an alert or a KeyUpdate that is due, or what the transport has not flushed. With a
    /// blocking transport only after an error.
    pub fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    /// Goes on to the next generation of keys (RFC 9846 section 4.7.3), and asks the peer to do the
    /// same if `request` is set. Tickets that arrive later are not kept.
    ///
    /// # Errors
    /// Those of [`RecordLayer::update_keys`](tls_record::RecordLayer::update_keys).
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.session.update_keys(request)?;
        self.send_due();
        Ok(())
    }

    // Closing

    /// Closes our direction: sends a close_notify, once, and does not wait for the peer's. Reading
    /// goes on.
    ///
    /// # Errors
    /// Those of the transport, after which it may be called again. With an inner error,
    /// [`CloseError::Failed`](tls_record::CloseError::Failed) if the connection has failed, and
    /// [`CloseError::Truncated`](tls_record::CloseError::Truncated) if the transport had ended before
    /// the peer's close_notify: ours is sent all the same, once.
    pub fn close(&mut self) -> io::Result<()> {
        let closed = self.session.close();
        match closed {
            Ok(()) => {
                self.flush()?;
                self.session.close()
            }
            Err(_) => {
                self.send_due();
                closed
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
    /// close_notify has left, unless [`wants_write`](Self::wants_write). Whether the transport failed,
    /// which no record tells, is [`transport_error`](Self::transport_error)'s to say.
    pub fn end(&self) -> End {
        self.session.end()
    }

    /// The first error of the transport that does not pass by itself, as
    /// [`WouldBlock`](ErrorKind::WouldBlock), [`Interrupted`](ErrorKind::Interrupted) and
    /// [`TimedOut`](ErrorKind::TimedOut) do. It stays, even if a later call succeeds.
    pub const fn transport_error(&self) -> Option<ErrorKind> {
        self.session.transport_error
    }

    // Belongings

    /// What the handshake agreed upon.
    pub const fn info(&self) -> &Info {
        &self.session.info
    }

    /// Exports keying material. TLS 1.3 only.
    pub const fn exporter(&self) -> Option<&Exporter> {
        self.session.exporter.as_ref()
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
        while self.session.data().is_empty() {
            let step = self.session.open();
            self.send_due();
            match step? {
                Step::Opened => {}
                Step::NeedInput => {
                    let read = self.transport.read(self.session.received.room());
                    let len = self.session.answered(read)?;
                    self.session.arrived(len);
                }
                Step::Closed => return Ok(&[]),
            }
        }
        Ok(self.session.data())
    }

    fn consume(&mut self, len: usize) {
        self.session.consume(len);
    }
}

impl<T: Read + Write, P: Provider> Write for Stream<T, P> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.seal(&[data])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.seal(&parts(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        self.session.seal_control();
        self.send()?;
        self.session.flush_due = true;
        let flushed = self.transport.flush();
        self.session.answered(flushed)?;
        self.session.flush_due = false;
        self.session.check_not_cut()
    }
}

impl<T, P: Provider> core::fmt::Debug for Stream<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Stream").field(&self.session.info).finish_non_exhaustive()
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
