//! A stream over a blocking or asynchronous transport of embedded-io, without a heap.
//!
//! Sealed records stay in the [`Connection`] until the transport has taken them, received bytes
//! stay in the [`RecordBuffer`], and futures hold no bytes. Reading sends unsent records before it
//! waits, but never fails because sending failed: data that the peer sent before it went away is
//! still delivered. After a permanent error only calls whose purpose is to send try the transport
//! again.
//!
//! This folder uses [`connection`](crate::connection) and the folders below it, but not `handover`,
//! which is on the same level.

#[cfg(feature = "embedded-io-async")]
mod asynchronous;
mod blocking;

use core::ops::Range;

use embedded_io::{Error, ErrorKind, ErrorType};

use crate::buffer::bytes::copy_content;
use crate::connection::Connection;
use crate::crypto::keys::KeySchedule;
use crate::layer::opener::Event;
use crate::layer::opener::out_of_place::OpenedIn;
use crate::layer::record_buffer::{RecordBuffer, RecordTooLong};
use crate::layer::shutdown_error::ShutdownError;
use crate::protocol::alert::AlertDescription;
use crate::protocol::end::{End, ReadEnd};
use crate::protocol::error::{Fault, OpenError, SealError};
use crate::protocol::record::Epoch;

/// A TLS stream over a transport of embedded-io, without a heap.
///
/// `RX` is the size of the receive buffer, which must hold the longest record that may arrive. `TX`
/// is the size of the send buffer (see [`Connection`]).
///
/// The stream implements `Read`, `BufRead` and `Write` of embedded-io if the transport implements
/// `Read` and `Write`. With the feature `embedded-io-async`, the same holds for the traits of
/// embedded-io-async.
///
/// - Reading returns 0 bytes only after the peer's close_notify. If the transport ends before it,
///   reading fails with [`StreamError::Truncated`], unless the caller
///   [tolerates](Self::tolerate_truncation) that.
/// - Written data is sealed into the send buffer. It is sent when there is no room for more, when
///   the stream is flushed, and before the stream waits for the peer.
/// - Reading answers KeyUpdate requests.
/// - Reading does not fail because sending failed. After an error of the transport other than an
///   interruption or a timeout, reading sends nothing more until the transport has taken something
///   from a `write`, a `flush` or a [`close`](Self::close), which report their errors.
/// - One read of the transport may receive several records. If an interrupt or a `poll` says when
///   to read, read until the transport would block, or while [`has_pending`](Self::has_pending).
/// - The stream waits for one thing at a time. Reading returns data that has arrived; if there is
///   none, it waits until the unsent records are sent, and then for the peer. This deadlocks with a
///   peer that reads only while this end reads: for such a peer, [split](Connection::split) the
///   connection and give each half its own task.
/// - Once the stream has polled a future of the transport, it waits for that future. Dropping a
///   future of the stream drops the transport's future: no bytes are lost if the transport's
///   documentation allows that.
/// - Handshake messages that arrive, such as session tickets, are ignored, and a renegotiation is
///   refused. To process them, drive a [`Connection`] instead.
///
/// Dropping the stream sends nothing: [`close`](Self::close) it first, or the peer sees a
/// truncation.
///
/// ```
/// use embedded_io::{Read, Write};
/// use tls_record::{Connection, KeySchedule, RecordBuffer, EmbeddedStream, StreamError};
///
/// /// Asks a question and reads until the peer closes. `connection` has the keys of a handshake.
/// fn ask<T: Read + Write, K: KeySchedule>(
///     connection: Connection<K, 2048>,
///     transport: T,
/// ) -> Result<usize, StreamError<T::Error>>
/// where
///     T::Error: 'static,
/// {
///     let mut tls = EmbeddedStream::<_, _, 4096, 2048>::new(connection, RecordBuffer::new(), transport);
///     tls.write_all(b"how much?")?;
///     tls.flush()?;
///     let (mut answer, mut total) = ([0; 64], 0);
///     loop {
///         match tls.read(&mut answer)? {
///             0 => break, // The peer's close_notify.
///             len => total += len,
///         }
///     }
///     tls.close()?;
///     assert!(tls.end().is_clean());
///     Ok(total)
/// }
/// # use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret};
/// # use tls_record::aead::{Algorithm, ring::Ring};
/// # /// A peer that has answered already.
/// # struct Peer(Vec<u8>, usize);
/// # impl embedded_io::ErrorType for Peer { type Error = core::convert::Infallible; }
/// # impl Read for Peer {
/// #     fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
/// #         let len = out.len().min(10).min(self.0.len());
/// #         out[..len].copy_from_slice(&self.0[..len]);
/// #         self.0.drain(..len);
/// #         Ok(len)
/// #     }
/// # }
/// # impl Write for Peer {
/// #     fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
/// #         let len = bytes.len().min(10);
/// #         self.1 += len;
/// #         Ok(len)
/// #     }
/// #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
/// # let mut client = RecordLayer::new(Config::new(Role::Client));
/// # client.install(Epoch::Application, secret(1)?, secret(2)?)?;
/// # let mut server = RecordLayer::new(Config::new(Role::Server));
/// # server.install(Epoch::Application, secret(1)?, secret(2)?)?;
/// # let mut server = Connection::<_, 512>::new(server);
/// # server.write(&[b"seven"]).unwrap();
/// # let _ = server.shutdown();
/// # let peer = Peer(server.unsent().to_vec(), 0);
/// # assert_eq!(ask(Connection::new(client), peer).unwrap(), 5);
/// # Ok::<(), tls_record::KeyError>(())
/// ```
pub struct EmbeddedStream<T, K: KeySchedule, const RX: usize, const TX: usize> {
    transport: T,
    connection: Connection<K, TX>,
    received: RecordBuffer<RX>,
    /// The range of `received` that holds decrypted data which is not read yet.
    data: Range<usize>,
    /// The length of the record that holds `data`, which is not consumed yet; 0 if there is none.
    record_len: usize,
    /// The transport took bytes that it has not flushed.
    flush_due: bool,
    /// Sending failed with a permanent error: reading does not try to send again.
    send_failed: bool,
    tolerates_truncation: bool,
    transport_error: Option<ErrorKind>,
}

/// The error of an [`EmbeddedStream`]. `E` is the error of the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StreamError<E> {
    /// The transport failed. The call may be repeated.
    Transport(E),
    /// The transport took no bytes, without an error.
    WriteZero,
    /// The transport ended before the peer's close_notify: data may be missing.
    Truncated,
    /// A record is longer than the receive buffer. The connection ends with the alert
    /// record_overflow.
    TooLong(RecordTooLong),
    /// The connection failed: the peer broke the protocol and was sent an alert, if the transport
    /// took it, or the peer sent an error alert.
    Open(OpenError),
    /// Data could not be written, for instance after [`EmbeddedStream::close`]
    /// ([`SealError::Closed`]).
    Seal(SealError),
    /// The connection could not be closed.
    Shutdown(ShutdownError),
}

/// The result of opening a record.
enum Step {
    /// A record was opened, with or without data for the application.
    Opened,
    /// A record was opened whose data is at the front of the caller's slice: so many bytes.
    Read(usize),
    /// More bytes must be received first.
    NeedInput,
    /// The receiving direction has ended.
    Closed,
}

impl<T, K: KeySchedule, const RX: usize, const TX: usize> EmbeddedStream<T, K, RX, TX> {
    /// Creates a stream over a transport on which the handshake was made. `received` holds the
    /// bytes that arrived behind the handshake.
    pub const fn new(
        connection: Connection<K, TX>,
        received: RecordBuffer<RX>,
        transport: T,
    ) -> Self {
        Self {
            transport,
            connection,
            received,
            data: 0..0,
            record_len: 0,
            flush_due: false,
            send_failed: false,
            tolerates_truncation: false,
            transport_error: None,
        }
    }

    /// Sets whether reading treats the end of the transport like a close_notify. Default: no.
    ///
    /// Anyone on the network can cut a connection. So tolerate it only from peers that are known to
    /// send no close_notify, and whose data shows where it ends. [`end`](Self::end) tells the
    /// difference.
    pub const fn tolerate_truncation(&mut self, tolerate: bool) {
        self.tolerates_truncation = tolerate;
    }

    /// Returns how each direction ended, or that it is open. It does not tell whether the transport
    /// failed: [`transport_error`](Self::transport_error) does.
    pub fn end(&self) -> End {
        self.connection.end()
    }

    /// Returns the first permanent error of the transport: any but an interruption or a timeout. It
    /// is kept even if a later call succeeds.
    pub const fn transport_error(&self) -> Option<ErrorKind> {
        self.transport_error
    }

    /// Returns whether reading can make progress without the transport.
    ///
    /// That is so if there is decrypted data that was not read, a whole record that was not opened,
    /// a header that will be refused, or the end of the direction. A part of a record does not
    /// count.
    ///
    /// A driver that waits until its transport is readable, by `poll` on a descriptor or by an
    /// interrupt, is not woken for a record that was received together with another one. So read
    /// until the transport would block, or while this function returns `true`, and only then wait.
    /// A record need not hold data: a read that finds only a KeyUpdate or a session ticket goes on
    /// to read from the transport.
    ///
    /// ```
    /// # use embedded_io::{Read, Write};
    /// # use tls_record::{KeySchedule, EmbeddedStream, StreamError};
    /// /// Called when the transport is readable. Returns whether the peer may send more.
    /// fn on_readable<T: Read + Write, K: KeySchedule>(
    ///     tls: &mut EmbeddedStream<T, K, 4096, 2048>,
    ///     mut received: impl FnMut(&[u8]),
    /// ) -> Result<bool, StreamError<T::Error>>
    /// where
    ///     T::Error: 'static,
    /// {
    ///     let mut data = [0; 512];
    ///     loop {
    ///         match tls.read(&mut data)? {
    ///             0 => return Ok(false), // The peer's close_notify.
    ///             len => received(&data[..len]),
    ///         }
    ///         if !tls.has_pending() {
    ///             return Ok(true);
    ///         }
    ///     }
    /// }
    /// ```
    pub fn has_pending(&self) -> bool {
        let waiting = self.received.behind(self.record_len);
        let needed = self.connection.opener().needed(waiting);
        // A record that is longer than the buffer is refused.
        !self.data.is_empty() || needed <= waiting.len() || needed > RX
    }

    /// Returns the connection.
    pub const fn connection(&self) -> &Connection<K, TX> {
        &self.connection
    }

    /// Returns the connection, to update its keys or to fill a slot, for instance. Do not call
    /// [`received`](Connection::received) or [`sent`](Connection::sent) on it: the stream does.
    pub const fn connection_mut(&mut self) -> &mut Connection<K, TX> {
        &mut self.connection
    }

    /// Returns the transport. Do not read from it or write to it: the stream does.
    pub const fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Takes the stream apart. Data that was decrypted and not read is lost.
    pub fn into_parts(mut self) -> (Connection<K, TX>, RecordBuffer<RX>, T) {
        self.received.consume_len(self.record_len);
        (self.connection, self.received, self.transport)
    }

    /// Opens the next record, when all data of the last one has been read: to `out`, if the cipher can and
    /// the data fits there.
    fn open<E>(&mut self, out: &mut [u8]) -> Result<Step, StreamError<E>> {
        self.received.consume_len(core::mem::take(&mut self.record_len));
        if let ReadEnd::Closed { epoch } = self.end().read {
            // Bytes behind the close_notify stay in the buffer: the connection would consume them.
            return closed_in(epoch);
        }
        let opened = match self.connection.received_out_of_place(self.received.filled(), out) {
            Ok(OpenedIn::Input(opened)) => opened,
            Ok(OpenedIn::Output(opened)) => {
                self.received.consume(&opened);
                let Event::ApplicationData(range) = opened.event else { return Ok(Step::Opened) };
                return Ok(Step::Read(range.len()));
            }
            Err(OpenError::Truncated) if self.tolerates_truncation => return Ok(Step::Closed),
            Err(error) => return Err(error.into()),
        };
        if let Event::ApplicationData(range) = opened.event {
            self.data = range;
            self.record_len = opened.consumed;
            return Ok(Step::Opened);
        }
        self.received.consume(&opened);
        Ok(match opened.event {
            Event::NeedMore { .. } => {
                if let Err(error) = self.received.room() {
                    return Err(self.refuse(error));
                }
                Step::NeedInput
            }
            Event::Closed => return closed_in(self.connection.opener().epoch()),
            Event::Handshake(piece) if piece.is_last() => {
                // An error does not matter: TLS 1.3 has no renegotiation, and if the direction
                // cannot send the refusal any more, the connection is about to end.
                let _ = self.connection.refuse_renegotiation();
                Step::Opened
            }
            _ => Step::Opened,
        })
    }

    /// Ends the connection because the record can never fit into the receive buffer.
    fn refuse<E>(&mut self, error: RecordTooLong) -> StreamError<E> {
        // An error does not matter: it means that the connection has ended already.
        let _ = self.connection.abort(AlertDescription::RECORD_OVERFLOW);
        StreamError::TooLong(error)
    }

    /// Handles `len` bytes that the transport put into the room of `received`: 0 at its end.
    fn arrived(&mut self, len: usize) {
        if len == 0 {
            self.connection.eof();
        }
        self.received.received(len);
    }

    fn data(&mut self) -> &[u8] {
        self.received.filled().get(self.data.clone()).unwrap_or_default()
    }

    fn consume_data(&mut self, len: usize) {
        self.data.start = self.data.start.saturating_add(len).min(self.data.end);
    }

    fn copy_data(&mut self, out: &mut [u8]) -> usize {
        let data = self.data();
        let len = data.len().min(out.len());
        copy_content(data, out);
        self.consume_data(len);
        len
    }

    /// Passes the data that was not read to `rest`.
    fn pass_on(&mut self, rest: &mut impl FnMut(&[u8])) {
        if !self.data.is_empty() {
            rest(self.data());
            self.consume_data(usize::MAX);
        }
    }

    /// Handles the result of a write to the transport.
    fn sent<E: Error>(&mut self, sent: Result<usize, E>) -> Result<(), StreamError<E>> {
        match sent {
            Ok(0) => {
                self.send_failed |= self.note_transport_error(ErrorKind::WriteZero);
                Err(StreamError::WriteZero)
            }
            Ok(len) => {
                self.connection.sent(len);
                self.flush_due = true;
                self.send_failed = false;
                Ok(())
            }
            Err(error) => Err(self.not_sent(error)),
        }
    }

    /// Handles the result of flushing the transport.
    fn flushed<E: Error>(&mut self, flushed: Result<(), E>) -> Result<(), StreamError<E>> {
        flushed.map_err(|error| self.not_sent(error))?;
        self.flush_due = false;
        self.send_failed = false;
        self.check_not_discarded()
    }

    /// Handles an error of sending.
    fn not_sent<E: Error>(&mut self, error: E) -> StreamError<E> {
        self.send_failed |= self.note_transport_error(error.kind());
        StreamError::Transport(error)
    }

    /// Handles an error of receiving.
    fn not_received<E: Error>(&mut self, error: E) -> StreamError<E> {
        self.note_transport_error(error.kind());
        StreamError::Transport(error)
    }

    /// Keeps the first permanent error of the transport. Returns whether `kind` is permanent.
    fn note_transport_error(&mut self, kind: ErrorKind) -> bool {
        let is_permanent = !matches!(kind, ErrorKind::Interrupted | ErrorKind::TimedOut);
        if is_permanent {
            self.transport_error.get_or_insert(kind);
        }
        is_permanent
    }

    /// Fails if written data was discarded before it was sent.
    fn check_not_discarded<E>(&self) -> Result<(), StreamError<E>> {
        if !self.connection.writer().has_discarded() {
            return Ok(());
        }
        Err(match self.end().read {
            ReadEnd::PeerAlert(description) => OpenError::PeerAlert(description).into(),
            ReadEnd::Fault(fault) => OpenError::Fault(fault).into(),
            _ => StreamError::Seal(SealError::Failed),
        })
    }

    fn wants_write(&self) -> bool {
        self.flush_due || !self.connection.unsent().is_empty()
    }

    /// Returns whether reading must send before it goes on with `step`: before it waits, or ends.
    fn must_send_before<E>(&self, step: &Result<Step, StreamError<E>>) -> bool {
        !matches!(step, Ok(Step::Opened | Step::Read(_))) && !self.send_failed && self.wants_write()
    }

    /// Seals some of `data` and returns how much, or `None` if the transport must take bytes first.
    fn seal<E>(&mut self, data: &[u8]) -> Result<Option<usize>, StreamError<E>> {
        match (self.connection.write(&[data]), self.end().read) {
            (Ok(taken), _) => Ok(Some(taken)),
            (Err(SealError::NoSpace { .. }), _) if !self.connection.unsent().is_empty() => Ok(None),
            // The reason why the connection failed says more than `SealError::Failed`.
            (Err(SealError::Failed), ReadEnd::PeerAlert(description)) => {
                Err(OpenError::PeerAlert(description).into())
            }
            (Err(SealError::Failed), ReadEnd::Fault(fault)) => Err(OpenError::Fault(fault).into()),
            (Err(error), _) => Err(StreamError::Seal(error)),
        }
    }

    /// Takes the first step of closing. Returns whether our close_notify was sent; if not, send.
    fn close_ours<E>(&mut self) -> Result<bool, StreamError<E>> {
        match self.connection.shutdown() {
            Ok(()) | Err(ShutdownError::AlreadyClosed) => Ok(true),
            Err(ShutdownError::WouldBlock) => Ok(false),
            // Reading reports that the peer's direction was truncated (RFC 9846 section 6.1).
            Err(ShutdownError::Truncated) => Ok(self.connection.unsent().is_empty()),
            Err(error) => Err(StreamError::Shutdown(error)),
        }
    }

    /// Checks the second step of closing. Returns whether the peer has closed; if not, receive.
    fn check_closed<E>(&mut self, budget: u32) -> Result<bool, StreamError<E>> {
        match self.connection.check_closed(budget) {
            Ok(()) => Ok(true),
            Err(ShutdownError::AwaitingPeer { .. }) => Ok(false),
            Err(ShutdownError::Truncated) if self.tolerates_truncation => Ok(true),
            Err(ShutdownError::Truncated) => Err(StreamError::Truncated),
            Err(error) => Err(StreamError::Shutdown(error)),
        }
    }
}

/// Returns the end of reading after a close_notify that came in `epoch`. One that came before the
/// end of the handshake can be forged.
const fn closed_in<E>(epoch: Epoch) -> Result<Step, StreamError<E>> {
    match epoch {
        Epoch::Application => Ok(Step::Closed),
        _ => Err(StreamError::Shutdown(ShutdownError::ClosedInHandshake)),
    }
}

impl<T, K: KeySchedule, const RX: usize, const TX: usize> ErrorType for EmbeddedStream<T, K, RX, TX>
where
    T: ErrorType,
    T::Error: 'static,
{
    type Error = StreamError<T::Error>;
}

impl<T, K: KeySchedule, const RX: usize, const TX: usize> core::fmt::Debug
    for EmbeddedStream<T, K, RX, TX>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "EmbeddedStream({:?}, {:?})", self.connection, self.received)
    }
}

#[cfg(feature = "defmt")]
impl<T, K: KeySchedule, const RX: usize, const TX: usize> defmt::Format
    for EmbeddedStream<T, K, RX, TX>
{
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "EmbeddedStream({}, {})", self.connection, self.received);
    }
}

impl<E> From<OpenError> for StreamError<E> {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Truncated => Self::Truncated,
            error => Self::Open(error),
        }
    }
}

impl<E: Error + 'static> Error for StreamError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Transport(error) => error.kind(),
            Self::WriteZero => ErrorKind::WriteZero,
            Self::Truncated => ErrorKind::ConnectionReset,
            Self::Open(OpenError::PeerAlert(_) | OpenError::Fault(Fault::Aborted(_)))
            | Self::Shutdown(ShutdownError::Failed) => ErrorKind::ConnectionAborted,
            Self::Open(_) | Self::TooLong(_) => ErrorKind::InvalidData,
            Self::Seal(SealError::Closed) => ErrorKind::BrokenPipe,
            Self::Seal(_) | Self::Shutdown(_) => ErrorKind::Other,
        }
    }
}

/// Writes what failed. The reason is the [`source`](core::error::Error::source).
impl<E> core::fmt::Display for StreamError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Transport(_) => "the transport failed",
            Self::WriteZero => "the transport took no bytes",
            Self::Truncated => "the transport ended before close_notify",
            Self::TooLong(_) => "a record was refused",
            Self::Open(_) => "receiving failed",
            Self::Seal(_) => "data could not be written",
            Self::Shutdown(_) => "the connection could not be closed",
        })
    }
}

impl<E: core::error::Error + 'static> core::error::Error for StreamError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::WriteZero | Self::Truncated => None,
            Self::TooLong(error) => Some(error),
            Self::Open(error) => Some(error),
            Self::Seal(error) => Some(error),
            Self::Shutdown(error) => Some(error),
        }
    }
}
