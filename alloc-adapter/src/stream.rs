//! A connection over a blocking transport, as `std::io` has it.

use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ProtocolVersion, ServerConfig};
use tls_record::aead::Provider;
use tls_record::{AlertDescription, CloseError, End, KeyError, Role};

use crate::belongings::belongings;
use crate::buffer::Buffer;
use crate::established::{Established, Info};
use crate::exporter::Exporter;
use crate::halves::{self, ReadHalf, WriteHalf};
use crate::handshake::{Handshake, Progress};
use crate::parts::{HandshakeFailed, Parts};
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
/// Every call of `write` makes a record of its own and sends it. So give it a whole message at a time,
/// or put a [`BufWriter`](std::io::BufWriter) around it: `write!` calls it once for each piece of the
/// text, and small packets wait for each other in TCP (Nagle's algorithm).
///
/// A non-blocking transport works too, except for [`connect`](Self::connect) and
/// [`accept`](Self::accept), see [`Handshake::complete`]: any call that returns
/// [`WouldBlock`](ErrorKind::WouldBlock) may be repeated. While [`wants_write`](Self::wants_write),
/// wait for the transport to take bytes as well. Read until it would block, or while
/// [`has_pending`](Self::has_pending), before you wait for the transport to have more: several records
/// may have come with one.
///
/// Dropping it sends nothing: [`close`](Self::close) it, or the peer sees a truncation. A TCP connection
/// is ended best by [`disconnect`](Self::disconnect).
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
    pub(crate) transport: T,
    pub(crate) session: Session<P>,
}

belongings!(Stream);

impl<T, P: Provider> Stream<T, P> {
    const fn with_session(session: Session<P>, transport: T) -> Self {
        Self { transport, session }
    }
}

impl Handshake {
    /// Makes the handshake over a transport. After a failure, rustls's alert is sent before the
    /// error returns.
    ///
    /// When it is complete, the peer can complete it too: its output has left. Only the tickets of a
    /// TLS 1.3 server may still be [unsent](Self::unsent), or what a peer does not take that is gone
    /// already: [`Stream::new`] takes care of it.
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
            let sent = send(&mut self.unsent, transport).and_then(|()| flush(transport));
            match progress {
                // The peer may be gone, but have left data for us.
                Ok(Progress::Complete) => match sent {
                    Err(error) if error.kind() == ErrorKind::WouldBlock && self.must_send_all() => {
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

    /// Whether the peer's handshake waits for what is unsent, once ours is complete. It does not wait for
    /// tickets, which are the last of a TLS 1.3 server (RFC 9846 section 4.7.1). What a transport took
    /// and did not flush yet may be anything.
    pub(crate) fn must_send_all(&self) -> bool {
        let version = self.connection.common().protocol_version();
        let leaves_tickets =
            self.config.role == Role::Server && version == Some(ProtocolVersion::TLSv1_3);
        self.unsent.is_empty() || !leaves_tickets
    }
}

impl<T: Read + Write, P: Provider> Stream<T, P> {
    /// Makes a client's handshake with the server of this name.
    ///
    /// # Errors
    /// Those of [`Handshake::client`] and [`from_handshake`](Self::from_handshake).
    pub fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        match Handshake::client(config, name) {
            Ok(handshake) => Self::from_handshake(handshake, transport),
            Err(error) => Err(HandshakeFailed { error: error.into(), transport }),
        }
    }

    /// Makes a server's handshake.
    ///
    /// # Errors
    /// Those of [`Handshake::server`] and [`from_handshake`](Self::from_handshake).
    pub fn accept(config: Arc<ServerConfig>, transport: T) -> Result<Self, HandshakeFailed<T>> {
        match Handshake::server(config) {
            Ok(handshake) => Self::from_handshake(handshake, transport),
            Err(error) => Err(HandshakeFailed { error: error.into(), transport }),
        }
    }

    /// Makes a handshake over a transport: one with [settings](Handshake::engine_config) of its own.
    ///
    /// # Errors
    /// Those of [`Handshake::complete`] and [`Handshake::finish`]. The transport comes back, the
    /// handshake does not: over a non-blocking transport, use these two.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::sync::Arc;
    /// # use tls_record_alloc::{Handshake, HandshakeFailed, Stream};
    /// # use tls_record_alloc::rustls::ServerConfig;
    /// # use tls_record_alloc::tls_record::aead::ring::Ring;
    /// use tls_record_alloc::tls_record::close::OnPeerClose;
    ///
    /// /// For a proxy, which passes on the end of each direction by itself.
    /// fn accept<T: Read + Write>(config: Arc<ServerConfig>, tcp: T) -> io::Result<Stream<T, Ring>> {
    ///     let mut handshake = Handshake::server(config)?;
    ///     handshake.engine_config().tls12_on_peer_close = OnPeerClose::HalfClose;
    ///     Ok(Stream::from_handshake(handshake, tcp)?)
    /// }
    /// ```
    pub fn from_handshake(
        mut handshake: Handshake,
        mut transport: T,
    ) -> Result<Self, HandshakeFailed<T>> {
        let completed = handshake.complete(&mut transport);
        match completed.and_then(|()| Ok(handshake.finish()?)) {
            Ok(established) => Ok(Self::new(established, transport)),
            Err(error) => Err(HandshakeFailed { error, transport }),
        }
    }

    // Receiving

    /// Reads until there is data, or the end.
    fn fill(&mut self) -> io::Result<()> {
        while self.session.data().is_empty() && self.step()? {}
        Ok(())
    }

    /// Opens one record, or receives once. Returns whether anything may follow.
    fn step(&mut self) -> io::Result<bool> {
        let step = self.session.open();
        if !matches!(step, Ok(Step::Opened)) {
            self.send_due();
        }
        match step? {
            Step::Opened => {}
            Step::NeedInput => {
                let read = self.transport.read(self.session.room());
                let len = self.session.answered(read)?;
                self.session.arrived(len);
            }
            Step::Closed => return Ok(false),
        }
        Ok(true)
    }

    // Sending

    /// Sends what is due, as far as the transport takes it. What does not leave is still there for the
    /// next call, which may report why.
    fn send_due(&mut self) {
        if self.session.should_send() {
            let _ = self.send_all();
        }
    }

    /// Sends what is unsent and what is due, and flushes the transport.
    pub(crate) fn send_all(&mut self) -> io::Result<()> {
        self.session.send_all(&mut self.transport)
    }

    fn send(&mut self) -> io::Result<()> {
        self.session.send(&mut self.transport)
    }

    fn seal(&mut self, parts: &[&[u8]]) -> io::Result<usize> {
        if self.session.may_write() {
            self.send()?;
        }
        let sealed = self.session.seal(parts);
        match sealed {
            // The data is taken, whatever becomes of it.
            Ok(_) => drop(self.send()),
            Err(_) => self.send_due(),
        }
        sealed
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
    /// goes on: it tells how the peer's direction ends (RFC 9846 section 6.1). The transport is not
    /// shut down.
    ///
    /// # Errors
    /// Those of the transport, after which it may be called again. With an inner error,
    /// [`CloseError::Failed`](tls_record::CloseError::Failed) if the connection has failed.
    pub fn close(&mut self) -> io::Result<()> {
        let closed = self.session.close();
        let sent = self.send_all();
        // After a failure it is the alert that is sent.
        closed?;
        sent?;
        self.session.close()
    }

    /// [Closes](Self::close) our direction and reads the other up to its end: all that is under way
    /// goes to `rest`. Returns how many bytes that were, in this call. `budget` is how many bytes of
    /// records are worth waiting for, counted from our close_notify on.
    ///
    /// # Errors
    /// Those of closing, reading and `rest`, after which it may be called again: `rest` is given every byte
    /// once. With an inner
    /// [`BudgetSpent`](tls_record::ShutdownError::BudgetSpent) if the peer sent more than the budget and
    /// did not close.
    pub fn close_and_read_rest<W: Write + ?Sized>(
        &mut self,
        budget: u32,
        rest: &mut W,
    ) -> io::Result<u64> {
        self.close()?;
        let mut passed_on = 0_u64;
        loop {
            while !self.session.data().is_empty() {
                match rest.write(self.session.data()) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(len) => {
                        self.session.inbox.consume(len);
                        passed_on = passed_on.saturating_add(len as u64);
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            self.session.check_budget(budget)?;
            match self.step() {
                Ok(true) => {}
                Ok(false) => return Ok(passed_on),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the connection at once with a fatal alert, which is sent as far as the transport takes it.
    /// Nothing more is read or written.
    ///
    /// # Errors
    /// Those of [`RecordLayer::abort`](tls_record::RecordLayer::abort).
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.session.abort(description);
        self.send_due();
        aborted
    }
}

impl<T: Read + Write, P: Provider> Read for Stream<T, P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        self.fill()?;
        let mut left = &mut *out;
        let (len, _) = self.session.copy_data(left.len(), |data| {
            // It never gives more than it was asked for.
            let _ = left.write(data);
        });
        self.send_due();
        Ok(len)
    }
}

/// Data is read where it was decrypted, one record at a time: nothing is copied.
impl<T: Read + Write, P: Provider> BufRead for Stream<T, P> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill()?;
        self.send_due();
        Ok(self.session.data())
    }

    fn consume(&mut self, len: usize) {
        self.session.inbox.consume(len);
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
        self.send_all()?;
        self.session.check_not_cut()
    }
}

impl<T, P: Provider> core::fmt::Debug for Stream<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Stream").field(&self.session.info).finish_non_exhaustive()
    }
}

/// Gives the transport what is unsent. What it does not take stays.
pub(crate) fn send<T: Write>(unsent: &mut Buffer, transport: &mut T) -> io::Result<()> {
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

pub(crate) fn flush<T: Write>(transport: &mut T) -> io::Result<()> {
    loop {
        match transport.flush() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            flushed => return flushed,
        }
    }
}
