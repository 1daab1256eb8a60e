//! A TLS stream over a transport that implements `std::io::Read` and `Write`.

use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tls_record::aead::Provider;
use tls_record::{AlertDescription, CloseError, End, KeyError};

use crate::common_methods::{common_methods, session_methods};
use crate::drive;
use crate::error::HandshakeFailed;
use crate::established::{Established, Info};
use crate::exporter::Exporter;
use crate::halves::{self, ReadHalf, WriteHalf};
use crate::handshake::Handshake;
use crate::parts::Parts;
use crate::session::room::{InPlace, Room};
use crate::session::{Session, Step, parts};
use crate::transport::is_lasting;

/// A TLS connection over a transport of `std`, for instance a [`TcpStream`](std::net::TcpStream).
///
/// A read returns 0 bytes only after the peer's close_notify. If the transport ends before, a read
/// returns [`UnexpectedEof`](ErrorKind::UnexpectedEof), unless that is
/// [tolerated](Self::tolerate_truncation). TLS errors have an error of the engine as their inner
/// error:
/// - handshake: [`HandshakeError`](crate::HandshakeError);
/// - reading: [`OpenError`](tls_record::OpenError). [`InvalidData`](ErrorKind::InvalidData) if the peer
///   broke the protocol: it was sent an alert, unless our close_notify had been sent.
///   [`ConnectionAborted`](ErrorKind::ConnectionAborted) if the peer sent a fatal alert, or if this side
///   did, by [`abort`](Self::abort) or because of an invalid session ticket;
/// - writing: [`SealError`](tls_record::SealError). [`BrokenPipe`](ErrorKind::BrokenPipe) after
///   [`close`](Self::close). If reading has failed, the [`OpenError`](tls_record::OpenError).
///
/// Every call of `write` seals its own records and sends them. Pass a whole message at a time, or
/// use a [`BufWriter`](std::io::BufWriter): `write!` calls `write` once for each piece of the text,
/// and TCP delays small packets (Nagle's algorithm).
///
/// A non-blocking transport works as well, except for [`connect`](Self::connect) and
/// [`accept`](Self::accept): use [`Handshake::complete`]. Any call that returns
/// [`WouldBlock`](ErrorKind::WouldBlock) may be repeated. While [`wants_write`](Self::wants_write)
/// is true, wait until the transport is writable as well. Before waiting until it is readable, read
/// until a read would block or [`has_pending`](Self::has_pending) is false: one read of the
/// transport may bring several records.
///
/// On a blocking transport with a write timeout, set a read timeout as well: when a write times out,
/// [`close_and_read_rest`](Self::close_and_read_rest) and [`Handshake::complete`] go on to receive, because
/// the peer may not read until this side does.
///
/// Dropping the stream sends nothing, so the peer sees a truncation: call [`close`](Self::close)
/// first. For a TCP connection, call [`disconnect`](Self::disconnect).
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
///     // The page is complete: reading ended with a close_notify. A server that is gone by now may answer
///     // ours with a reset, whose error must not replace the page.
///     let _ = tls.close();
///     Ok(page)
/// }
/// ```
pub struct Stream<T, P: Provider> {
    pub(crate) transport: T,
    pub(crate) session: Session<P>,
}

common_methods!(Stream);

impl<T, P: Provider> Stream<T, P> {
    const fn with_session(session: Session<P>, transport: T) -> Self {
        Self { transport, session }
    }
}

impl<T: Read + Write, P: Provider> Stream<T, P> {
    /// Performs a client's handshake with the server called `name`.
    ///
    /// # Errors
    /// The errors of [`Handshake::client`] and [`from_handshake`](Self::from_handshake).
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

    /// Performs a server's handshake.
    ///
    /// # Errors
    /// The errors of [`Handshake::server`] and [`from_handshake`](Self::from_handshake).
    pub fn accept(config: Arc<ServerConfig>, transport: T) -> Result<Self, HandshakeFailed<T>> {
        match Handshake::server(config) {
            Ok(handshake) => Self::from_handshake(handshake, transport),
            Err(error) => Err(HandshakeFailed { error: error.into(), transport }),
        }
    }

    /// Performs a handshake that was created with [`Handshake`] or [`Acceptor`](crate::Acceptor).
    ///
    /// Use it to change the [engine config](Handshake::engine_config) first.
    ///
    /// # Errors
    /// The errors of [`Handshake::complete`] and [`Handshake::finish`]. The error contains the
    /// transport, but not the handshake: over a non-blocking transport, call these two functions
    /// instead.
    ///
    /// ```
    /// # use std::io::{self, Read, Write};
    /// # use std::sync::Arc;
    /// # use tls_record_alloc::{Handshake, HandshakeFailed, Stream};
    /// # use tls_record_alloc::rustls::ServerConfig;
    /// # use tls_record_alloc::tls_record::aead::ring::Ring;
    /// use tls_record_alloc::tls_record::close::OnPeerClose;
    ///
    /// /// For a proxy, which forwards the end of each direction separately.
    /// fn accept<T: Read + Write>(config: Arc<ServerConfig>, tcp: T) -> io::Result<Stream<T, Ring>> {
    ///     let mut handshake = Handshake::server(config)?;
    ///     handshake.engine_config().tls12_on_peer_close = OnPeerClose::HalfClose;
    ///     Ok(Stream::from_handshake(handshake, tcp)?)
    /// }
    /// ```
    pub fn from_handshake(handshake: Handshake, transport: T) -> Result<Self, HandshakeFailed<T>> {
        let (established, transport) = drive::establish(handshake, transport, Handshake::finish)?;
        Ok(Self::new(established, transport))
    }

    // Receiving

    /// Reads until there is data, some of it is in `room`, or the receiving direction has ended.
    fn fill(&mut self, room: &mut impl Room) -> io::Result<()> {
        let all = room.remaining();
        while self.session.data().is_empty() && room.remaining() == all && self.step(room)? {}
        Ok(())
    }

    /// Opens one record or receives once. Returns false if the receiving direction has ended.
    fn step(&mut self, room: &mut impl Room) -> io::Result<bool> {
        let step = self.session.open(room);
        if !matches!(step, Ok(Step::Opened)) {
            self.send_due();
        }
        match step? {
            Step::Opened => {}
            Step::NeedInput => {
                let read = self.transport.read(self.session.room());
                self.session.received(read)?;
            }
            Step::Closed => return Ok(false),
        }
        Ok(true)
    }

    // Sending

    /// Sends what is due, as far as the transport takes it. The rest stays for the next call, which
    /// may report the error.
    fn send_due(&mut self) {
        if self.session.should_send() {
            let sent = self.send_all();
            self.session.outbox.report_later(sent);
        }
    }

    /// Sends unsent bytes and the control records that are due, and flushes the transport.
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
            // The data is taken even if sending fails now.
            Ok(_) => {
                let sent = self.send();
                self.session.outbox.report_later(sent);
            }
            Err(_) => self.send_due(),
        }
        sealed
    }

    /// Updates the sending keys (RFC 9846 section 4.7.3).
    ///
    /// If `request` is set, it also requests the peer to update its keys. Tickets that arrive later
    /// are not stored.
    ///
    /// # Errors
    /// The errors of [`RecordLayer::update_keys`](tls_record::RecordLayer::update_keys).
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.session.update_keys(request)?;
        self.send_due();
        Ok(())
    }

    // Closing

    /// Closes the sending direction with a close_notify.
    ///
    /// It sends the close_notify once and does not wait for that of the peer. Reads still return
    /// data, and how the peer's direction ends (RFC 9846 section 6.1). The transport is not shut
    /// down.
    ///
    /// # Errors
    /// - The errors of the transport. The call may be repeated after them.
    /// - [`CloseError::Failed`](tls_record::CloseError::Failed), as an inner error, if the connection has
    ///   failed.
    pub fn close(&mut self) -> io::Result<()> {
        let closed = self.session.close();
        let sent = self.send_all();
        // After a failure, this has sent the alert.
        closed?;
        sent?;
        self.session.close()
    }

    /// [Closes](Self::close) the sending direction and writes the remaining received data to `rest`.
    ///
    /// It reads until the peer's close_notify and returns the number of bytes that this call wrote
    /// to `rest`. `budget` limits the bytes of records that are opened after our close_notify: data in
    /// flight, received records that no read has opened yet and session tickets count. 64 KiB is enough for
    /// most protocols. It also reads while the transport takes no bytes, because the peer may not read
    /// until we read: see the timeouts of [`Stream`].
    ///
    /// # Errors
    /// - The errors of [`close`](Self::close), of reading and of `rest`. The call may be repeated after them:
    ///   every byte is written to `rest` once.
    /// - [`BudgetSpent`](tls_record::ShutdownError::BudgetSpent), as an inner error, if more than `budget`
    ///   bytes were opened and the peer did not close.
    pub fn close_and_read_rest<W: Write + ?Sized>(
        &mut self,
        budget: u32,
        rest: &mut W,
    ) -> io::Result<u64> {
        // The peer may not read until we read, so go on if nothing can be sent now.
        match self.close() {
            Err(error) if !is_lasting(&error) => {}
            closed => closed?,
        }
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
            match self.step(&mut InPlace) {
                Ok(true) => {}
                Ok(false) => return self.close().map(|()| passed_on),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the connection with a fatal alert. Nothing more is read or written.
    ///
    /// The alert is sent as far as the transport takes it.
    ///
    /// # Errors
    /// The errors of [`RecordLayer::abort`](tls_record::RecordLayer::abort).
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
        let len = out.len();
        let mut room = out;
        self.fill(&mut room)?;
        self.session.fill_room(&mut room);
        self.send_due();
        Ok(len.saturating_sub(room.len()))
    }
}

/// Returns data in place, one record at a time, without copying it.
impl<T: Read + Write, P: Provider> BufRead for Stream<T, P> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill(&mut InPlace)?;
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
        self.session.check_nothing_discarded()
    }
}

impl<T, P: Provider> core::fmt::Debug for Stream<T, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Stream").field(&self.session.info).finish_non_exhaustive()
    }
}
