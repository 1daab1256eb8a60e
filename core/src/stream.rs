//! A connection over a transport, as embedded-io has them: blocking or asynchronous, without a heap.
//!
//! What is sealed stays in the [`Connection`] until the transport took it, what was received stays in
//! the [`RecordBuffer`], and futures hold no bytes. Reading sends what is due before it waits, but
//! never fails because of it: data that the peer sent before it went away is still delivered. After an
//! error that does not pass, only calls that are there to send try the transport again.
//!
//! The floor uses [`connection`](crate::connection) and what is below it, but not the hand-over, which is
//! beside it.

#[cfg(feature = "embedded-io-async")]
mod asynchronous;
mod blocking;

use core::ops::Range;

use embedded_io::{Error, ErrorKind, ErrorType};

use crate::buffer::bytes::copy_content;
use crate::connection::Connection;
use crate::crypto::keys::KeySchedule;
use crate::layer::opener::Event;
use crate::layer::record_buffer::{RecordBuffer, RecordTooLong};
use crate::layer::shutdown::ShutdownError;
use crate::protocol::alert::AlertDescription;
use crate::protocol::end::{End, ReadEnd};
use crate::protocol::error::{Fault, OpenError, SealError};
use crate::protocol::record::Epoch;

/// A connection over a transport of embedded-io, without a heap: `RX` bytes for the longest record
/// that may arrive, `TX` for those that leave (see [`Connection`]).
///
/// It implements `Read`, `BufRead` and `Write` of embedded-io over a transport that does, and with the
/// feature `embedded-io-async` those of embedded-io-async over a transport that implements these.
///
/// - Reading ends, with no bytes, only after the peer's close_notify: a transport that ends before
///   is [`StreamError::Truncated`].
/// - Written data is sealed into `TX` and leaves when there is no room for more, when it is flushed,
///   and before the stream waits for the peer.
/// - Reading answers a KeyUpdate by itself.
/// - Reading does not fail because sending did. After an error of the transport other than an
///   interruption or a timeout, reading sends nothing more until it took something from a `write`, a
///   `flush` or a [`close`](Self::close), which tell of their errors.
/// - One read of the transport may bring several records. Where an interrupt or a `poll` says when to
///   read, read until the transport would block, or while [`has_pending`](Self::has_pending).
/// - It waits for one thing at a time: reading gives what has arrived, or else waits until what is
///   unsent has left, and then for the peer. A peer that reads only when we read stops both: for
///   such, [split](Connection::split) the connection and give each half a task.
/// - It waits for every future of its transport that it has polled. Dropping one of its own drops
///   the one that it waits for: that loses nothing if the transport says that this may be dropped.
/// - Handshake messages that arrive, such as session tickets, are passed over, and a renegotiation
///   is refused: to see them, drive the [`Connection`] yourself.
///
/// Dropping the stream sends nothing: [`close`](Self::close) it, or the peer sees a truncation.
///
/// ```
/// use embedded_io::{Read, Write};
/// use tls_record::{Connection, KeySchedule, RecordBuffer, EmbeddedStream, StreamError};
///
/// /// Asks until the peer closes. `connection` has its keys from your handshake.
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
    /// Where in `received` data lies that is not read yet, and how long its record is.
    data: Range<usize>,
    record: usize,
    /// The transport has not flushed what it took.
    flush_due: bool,
    /// Sending failed, by an error that does not pass: reading does not try it again.
    is_stuck: bool,
    tolerates_truncation: bool,
    transport_error: Option<ErrorKind>,
}

/// Why a [`EmbeddedStream`] did not do what it should. `E` is the transport's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StreamError<E> {
    /// The transport failed. The call may be repeated.
    Transport(E),
    /// The transport took no bytes, and did not say why.
    WriteZero,
    /// The transport ended without a close_notify: data may be missing.
    Truncated,
    /// A record is longer than the buffer. The peer was sent record_overflow.
    TooLong(RecordTooLong),
    /// The connection failed: by a fault of the peer, whose alert has left if the transport took it,
    /// or an alert of the peer.
    Open(OpenError),
    /// Data was not taken: [`SealError::Closed`] after [`EmbeddedStream::close`].
    Seal(SealError),
    /// The connection was not closed.
    Shutdown(ShutdownError),
}

/// What opening a record came to.
enum Step {
    /// There is data, or the record had none for the application.
    Opened,
    /// More has to be received first.
    NeedInput,
    /// The direction has ended.
    Closed,
}

impl<T, K: KeySchedule, const RX: usize, const TX: usize> EmbeddedStream<T, K, RX, TX> {
    /// A stream over a transport on which the handshake was made. What arrived behind the handshake
    /// is in `received`.
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
            record: 0,
            flush_due: false,
            is_stuck: false,
            tolerates_truncation: false,
            transport_error: None,
        }
    }

    /// Whether the end of the transport without a close_notify ends reading like one. Anyone can cut
    /// a connection, so that it is on only for peers that are known not to close, whose data shows
    /// its own end. [`end`](Self::end) tells the difference.
    pub const fn tolerate_truncation(&mut self, tolerate: bool) {
        self.tolerates_truncation = tolerate;
    }

    /// How the connection ended, or that it has not. Whether the transport failed, which no record
    /// tells, is [`transport_error`](Self::transport_error)'s to say.
    pub fn end(&self) -> End {
        self.connection.end()
    }

    /// The first error of the transport that does not pass by itself, as an interruption and a timeout
    /// do. It stays, even if a later call succeeds.
    pub const fn transport_error(&self) -> Option<ErrorKind> {
        self.transport_error
    }

    /// Whether reading goes on without the transport: there is data that was decrypted and not read, a
    /// whole record that was received and not opened, a header that will be refused, or the end. A part
    /// of a record alone is nothing.
    ///
    /// A driver that waits for its transport to be readable, by `poll` on a descriptor or an interrupt,
    /// does not learn of a record that was received together with another one. So read until the
    /// transport would block, or while this is `true`, and wait then. A record need not hold data: a
    /// read that finds nothing but a KeyUpdate or a session ticket goes on to the transport.
    ///
    /// ```
    /// # use embedded_io::{Read, Write};
    /// # use tls_record::{KeySchedule, EmbeddedStream, StreamError};
    /// /// Called when there is something to read; returns whether the peer may send more.
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
        let waiting = self.received.behind(self.record);
        let needed = self.connection.opener().needed(waiting);
        // A record that is longer than the buffer is refused.
        !self.data.is_empty() || needed <= waiting.len() || needed > RX
    }

    /// The connection.
    pub const fn connection(&self) -> &Connection<K, TX> {
        &self.connection
    }

    /// The connection: to update its keys, for instance, or to fill a slot. What is
    /// [received](Connection::received) and [sent](Connection::sent) belongs to the stream.
    pub const fn connection_mut(&mut self) -> &mut Connection<K, TX> {
        &mut self.connection
    }

    /// The transport. Its bytes belong to the stream.
    pub const fn transport_mut(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Takes the stream apart. Data that was decrypted and not read is lost.
    pub fn into_parts(mut self) -> (Connection<K, TX>, RecordBuffer<RX>, T) {
        self.received.consume_len(self.record);
        (self.connection, self.received, self.transport)
    }

    /// Opens the next record. All data of the last one has been read.
    fn open<E>(&mut self) -> Result<Step, StreamError<E>> {
        self.received.consume_len(core::mem::take(&mut self.record));
        if let ReadEnd::Closed { epoch } = self.end().read {
            // What lies behind the close_notify is not for the connection, which would ignore it.
            return closed_in(epoch);
        }
        let opened = match self.connection.received(self.received.filled()) {
            Ok(opened) => opened,
            Err(OpenError::Truncated) if self.tolerates_truncation => return Ok(Step::Closed),
            Err(error) => return Err(error.into()),
        };
        if let Event::ApplicationData(range) = opened.event {
            self.data = range;
            self.record = opened.consumed;
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
                // In TLS 1.3 there is nothing to refuse; if it cannot be refused any more, the
                // connection is about to end.
                let _ = self.connection.refuse_renegotiation();
                Step::Opened
            }
            _ => Step::Opened,
        })
    }

    /// A record that can never be read ends the connection.
    fn refuse<E>(&mut self, error: RecordTooLong) -> StreamError<E> {
        // If the connection has ended, it needs no end.
        let _ = self.connection.abort(AlertDescription::RECORD_OVERFLOW);
        StreamError::TooLong(error)
    }

    /// The transport brought `len` bytes of the room in `received`: none if it has ended.
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

    /// Gives data that is not read to `rest`.
    fn pass_on(&mut self, rest: &mut impl FnMut(&[u8])) {
        if !self.data.is_empty() {
            rest(self.data());
            self.consume_data(usize::MAX);
        }
    }

    /// The transport took so many bytes of what is unsent, or failed.
    fn sent<E: Error>(&mut self, sent: Result<usize, E>) -> Result<(), StreamError<E>> {
        match sent {
            Ok(0) => {
                self.is_stuck |= self.note(ErrorKind::WriteZero);
                Err(StreamError::WriteZero)
            }
            Ok(len) => {
                self.connection.sent(len);
                self.flush_due = true;
                self.is_stuck = false;
                Ok(())
            }
            Err(error) => Err(self.not_sent(error)),
        }
    }

    /// The transport has flushed what it took, or failed.
    fn flushed<E: Error>(&mut self, flushed: Result<(), E>) -> Result<(), StreamError<E>> {
        flushed.map_err(|error| self.not_sent(error))?;
        self.flush_due = false;
        self.is_stuck = false;
        self.check_not_cut()
    }

    fn not_sent<E: Error>(&mut self, error: E) -> StreamError<E> {
        self.is_stuck |= self.note(error.kind());
        StreamError::Transport(error)
    }

    /// The transport brought nothing, because it failed.
    fn not_received<E: Error>(&mut self, error: E) -> StreamError<E> {
        self.note(error.kind());
        StreamError::Transport(error)
    }

    /// Keeps the first error that does not pass by itself. Whether this is one.
    fn note(&mut self, kind: ErrorKind) -> bool {
        let stays = !matches!(kind, ErrorKind::Interrupted | ErrorKind::TimedOut);
        if stays {
            self.transport_error.get_or_insert(kind);
        }
        stays
    }

    /// Whether all that was written has left, or still can.
    fn check_not_cut<E>(&self) -> Result<(), StreamError<E>> {
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

    /// Whether reading is to send before it goes on to `step`: before it waits, and before it ends.
    fn sends_before<E>(&self, step: &Result<Step, StreamError<E>>) -> bool {
        !matches!(step, Ok(Step::Opened)) && !self.is_stuck && self.wants_write()
    }

    /// Takes some of `data`, or says that the transport has to take something first.
    fn seal<E>(&mut self, data: &[u8]) -> Result<Option<usize>, StreamError<E>> {
        match (self.connection.write(&[data]), self.end().read) {
            (Ok(taken), _) => Ok(Some(taken)),
            (Err(SealError::NoSpace { .. }), _) if !self.connection.unsent().is_empty() => Ok(None),
            // Why the connection failed says more than that it failed.
            (Err(SealError::Failed), ReadEnd::PeerAlert(description)) => {
                Err(OpenError::PeerAlert(description).into())
            }
            (Err(SealError::Failed), ReadEnd::Fault(fault)) => Err(OpenError::Fault(fault).into()),
            (Err(error), _) => Err(StreamError::Seal(error)),
        }
    }

    /// The first step of closing: whether our close_notify has left, or something is to be sent.
    fn close_ours<E>(&mut self) -> Result<bool, StreamError<E>> {
        match self.connection.shutdown() {
            Ok(()) | Err(ShutdownError::AlreadyClosed) => Ok(true),
            Err(ShutdownError::WouldBlock) => Ok(false),
            // That the peer's direction was cut is for reading to tell (RFC 9846 section 6.1).
            Err(ShutdownError::Truncated) => Ok(self.connection.unsent().is_empty()),
            Err(error) => Err(StreamError::Shutdown(error)),
        }
    }

    /// The second step of closing: whether the peer has closed, or more is to be received.
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

/// The peer's close_notify came, so early. Anyone can have forged one that came before the end of the
/// handshake.
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

/// What failed. Why is its [`source`](core::error::Error::source).
impl<E> core::fmt::Display for StreamError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Transport(_) => "the transport failed",
            Self::WriteZero => "the transport took nothing",
            Self::Truncated => "the transport ended before close_notify",
            Self::TooLong(_) => "a record was refused",
            Self::Open(_) => "nothing can be received",
            Self::Seal(_) => "data was not taken",
            Self::Shutdown(_) => "the connection was not closed",
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
