//! Connections that keep their sealed records until the transport has taken them.
//!
//! `write`, or `reserve` and `commit`, appends records to the unsent ones. Alerts and KeyUpdates
//! that are due are appended automatically. `sent` removes the bytes that the transport took.
//!
//! This folder uses [`layer`](crate::layer) and the folders below it. This file has the connection;
//! the others have its sending half with the log of its alerts, connections in a buffer of the caller's, its
//! halves over a mailbox, a set of connections, and record sizes.

mod alert_log;
mod in_buffer;
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
mod linked;
mod record_sizes;
mod set;
mod writer;

pub use in_buffer::{BufferTooShort, ConnectionIn, WriterIn};
pub use record_sizes::RecordSizes;
pub use set::{ConnectionSet, Handle, InvalidHandle};
pub(crate) use writer::WRITER_LEN;
pub use writer::Writer;

#[cfg(feature = "long-records")]
use crate::crypto::aead::multi_part::MultiPart;
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::Padding;
use crate::crypto::scrub::scrub_stack;
use crate::layer::config::Config;
#[cfg(feature = "long-records")]
use crate::layer::opener::arriving::Arrived;
use crate::layer::opener::out_of_place::OpenedIn;
use crate::layer::opener::{Opened, Opener};
use crate::layer::pair;
use crate::layer::record_layer::RecordLayer;
use crate::layer::sealer::Sealer;
use crate::layer::shutdown_error::ShutdownError;
use crate::protocol::alert::AlertDescription;
use crate::protocol::control::Control;
use crate::protocol::end::{End, ReadEnd};
use crate::protocol::error::{CloseError, Fault, KeyError, OpenError, SealError};
use crate::protocol::record::{Epoch, Role, Version};
use crate::protocol::record_size_limit::RecordSizeLimit;

/// A [`RecordLayer`] that keeps up to `TX` bytes of records until the transport has taken them.
///
/// The only output to poll is [`unsent`](Self::unsent): alerts and KeyUpdates that are due are
/// sealed into it as soon as there is room. A driver gives received bytes to
/// [`received`](Self::received), gives the [`unsent`](Self::unsent) bytes to the transport, and
/// reports to [`sent`](Self::sent) how many the transport took. A KeyUpdate that the peer requests
/// is sealed when all of the given input is opened, so that several requests get one answer
/// (RFC 9846 section 4.7.3).
///
/// Any call, receiving too, may seal records, and so change which bytes are unsent and where they
/// lie. A transport that reads the bytes later, such as io_uring or DMA, gets them from
/// [`begin_send`](Self::begin_send), which keeps them in place until [`sent`](Self::sent) is
/// called.
///
/// `TX` must have room for the content of the longest record and about 70 bytes more, for its
/// protection and for a control record before it. The content of a record is limited to what fits:
/// [`fragment_limit`] returns the limit. To let a second record be sealed before the transport has
/// taken the first, set [`Config::fragment_limit`](crate::Config) to `TX / 2 - 70` or less.
///
/// The bytes lie in an array of `TX` bytes in the connection itself. A [`ConnectionIn`] keeps them in
/// a buffer of the caller's, whose length is known at run time only.
///
/// Moving a value that holds keys leaves copies of the keys on the stack. Put the connection in its
/// final place, a `static` for instance ([`without_keys`](Self::without_keys)), before you install
/// the keys.
///
/// ```
/// use tls_record::aead::{Algorithm, ring::Ring};
/// use tls_record::{Config, Connection, Epoch, RecordLayer, Role, ShutdownError, TrafficSecret};
/// # use tls_record::KeySchedule;
///
/// let mut layer = RecordLayer::new(Config::new(Role::Client));
/// let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
/// layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
/// let mut connection = Connection::<_, 2048>::new(layer);
///
/// /// Closes the sending direction, and sends the unsent bytes whatever `shutdown` returns: after a
/// /// truncation our close_notify must still be sent, and after a fault our alert.
/// fn close<K: KeySchedule, const TX: usize>(
///     connection: &mut Connection<K, TX>,
///     mut transmit: impl FnMut(&[u8]) -> usize,
/// ) -> Result<(), ShutdownError> {
///     loop {
///         let closed = connection.shutdown();
///         if connection.unsent().is_empty() {
///             return closed;
///         }
///         let taken = transmit(connection.unsent());
///         connection.sent(taken);
///     }
/// }
///
/// assert_eq!(connection.write(&[b"some data"]), Ok(9));
/// // A transport that takes 16 bytes at a time.
/// assert_eq!(close(&mut connection, |bytes| bytes.len().min(16)), Ok(()));
/// assert_eq!(connection.shutdown(), Err(ShutdownError::AlreadyClosed));
/// # Ok::<(), tls_record::KeyError>(())
/// ```
///
/// [`fragment_limit`]: crate::Sealer::fragment_limit
pub struct Connection<K: KeySchedule, const TX: usize, B = [u8; TX]> {
    opener: Opener<K>,
    writer: Writer<K, TX, B>,
}

impl<K: KeySchedule, const TX: usize> Connection<K, TX> {
    /// Creates a connection from a record layer whose sealed records have all been sent.
    ///
    /// The layer may be in the middle of its handshake, or have no keys. A `TX` of less than 128
    /// does not compile.
    pub fn new(layer: RecordLayer<K>) -> Self {
        let mut this = Self::unsettled(layer);
        this.writer.settle();
        this.tell();
        this
    }

    /// A connection without keys, whose handshake is to begin, or whose keys are
    /// [installed](Self::install) later. `TX` is at least 128.
    ///
    /// It suits a `static`, because keys that are installed there never move. A static that is
    /// initialised at compile time lies in `.data`, and takes flash as well as memory; one that is
    /// written at run time (`static_cell::StaticCell`) lies in `.bss`.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use tls_record::aead::{Algorithm, ring::Ring};
    /// use tls_record::{Config, Connection, Epoch, KeyError, Role, TrafficSecret};
    ///
    /// static CONNECTION: Mutex<Connection<TrafficSecret<Ring>, 2048>> =
    ///     Mutex::new(Connection::without_keys(Config::new(Role::Client)));
    ///
    /// fn established(client: &[u8; 32], server: &[u8; 32]) -> Result<(), KeyError> {
    ///     let secret = |secret| TrafficSecret::tls13(Algorithm::Aes128Gcm, secret);
    ///     let mut connection = CONNECTION.lock().unwrap();
    ///     connection.install(Epoch::Application, secret(client)?, secret(server)?)
    /// }
    /// # established(&[1; 32], &[2; 32]).unwrap();
    /// ```
    pub const fn without_keys(config: Config) -> Self {
        Self { opener: Opener::new(config), writer: Writer::without_keys(config) }
    }

    /// Returns an unsettled connection. The caller must settle it in its final place, by
    /// [`with_halves`](Self::with_halves) for instance.
    ///
    /// Not inlined, so that the value is built in the caller's place instead of being moved there.
    #[inline(never)]
    pub(crate) fn unsettled(layer: RecordLayer<K>) -> Self {
        let (opener, sealer) = layer.split();
        Self { opener, writer: Writer::unsettled(sealer) }
    }
}

impl<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>> Connection<K, TX, B> {
    /// Joins the halves of one connection, which [`split`](Self::split) made. If they used a
    /// [`Mailbox`](crate::Mailbox), apply its contents to them first.
    ///
    /// # Errors
    /// Both halves are dropped, and the unsent records with them.
    /// - [`KeyError::Mismatch`] if the halves have different roles or versions.
    /// - [`KeyError::SameSecret`] if the halves have the same secret.
    pub fn join(mut opener: Opener<K>, mut writer: Writer<K, TX, B>) -> Result<Self, KeyError> {
        writer.with_sealer(|sealer| pair::join(&mut opener, sealer))?;
        let mut this = Self { opener, writer };
        this.tell();
        Ok(this)
    }

    /// Splits the connection into its two halves. From then on the caller carries the
    /// [`Notice`](crate::Notice) and the [`Signal`](crate::Signal) between them;
    /// [`split_over`](Self::split_over) makes halves that exchange them without the caller.
    pub fn split(self) -> (Opener<K>, Writer<K, TX, B>) {
        (self.opener, self.writer)
    }

    // Receiving

    /// Opens the record at the front of the received bytes: see [`Opener::open`]. Call it until it
    /// returns [`Event::NeedMore`](crate::Event::NeedMore): answers to KeyUpdate requests wait for
    /// that.
    ///
    /// # Errors
    /// The errors of [`Opener::open`]. The alert for an [`OpenError::Fault`] becomes
    /// [`unsent`](Self::unsent). An [`OpenError::PeerAlert`], and [`Fault::NotTls`], which has no
    /// alert, discard everything that is unsent.
    pub fn received(&mut self, input: &mut [u8]) -> Result<Opened, OpenError> {
        let opened = self.opener.open(input);
        self.tell_if_due();
        opened
    }

    /// Opens a record that does not lie in one piece: see [`Opener::open_into`].
    ///
    /// # Errors
    /// The errors of [`Opener::open_into`], with the effects described at
    /// [`received`](Self::received).
    pub fn received_into(&mut self, pieces: &[&[u8]], out: &mut [u8]) -> Result<Opened, OpenError> {
        let opened = self.opener.open_into(pieces, out);
        self.tell_if_due();
        opened
    }

    /// Opens a record to another buffer, if the cipher can: see [`Opener::open_out_of_place`].
    ///
    /// # Errors
    /// The errors of [`Opener::open_out_of_place`], with the effects described at
    /// [`received`](Self::received).
    pub fn received_out_of_place(
        &mut self,
        input: &mut [u8],
        out: &mut [u8],
    ) -> Result<OpenedIn, OpenError> {
        let opened = self.opener.open_out_of_place(input, out);
        self.tell_if_due();
        opened
    }

    /// Opens a record where it lies, in several pieces: see [`Opener::open_pieces`].
    ///
    /// # Errors
    /// The errors of [`Opener::open_pieces`], with the effects described at
    /// [`received`](Self::received).
    #[cfg(feature = "long-records")]
    pub fn received_pieces(&mut self, pieces: &mut [&mut [u8]]) -> Result<Opened, OpenError>
    where
        K: KeySchedule<Aead: MultiPart>,
    {
        let opened = self.opener.open_pieces(pieces);
        self.tell_if_due();
        opened
    }

    /// Opens a record that is longer than the buffer while it arrives: see [`Opener::open_arriving`].
    ///
    /// # Errors
    /// The errors of [`Opener::open_arriving`], with the effects described at
    /// [`received`](Self::received).
    #[cfg(feature = "long-records")]
    pub fn received_arriving<'a>(
        &mut self,
        input: &'a mut [u8],
        capacity: usize,
    ) -> Result<Arrived<'a>, OpenError>
    where
        K: KeySchedule<Aead: MultiPart>,
    {
        let arrived = self.opener.open_arriving(input, capacity);
        self.tell_if_due();
        arrived
    }

    /// Reports the end of the transport, and returns how the receiving direction ended: see
    /// [`Opener::eof`].
    pub fn eof(&mut self) -> ReadEnd {
        let end = self.opener.eof();
        self.tell();
        end
    }

    /// Reports that the transport failed, in both directions.
    ///
    /// The [unsent](Self::unsent) records are discarded, and nothing is sealed any more. Unless the
    /// sending direction had ended before, every later [`shutdown`](Self::shutdown) returns
    /// [`ShutdownError::TransportFailed`]. The receiving direction ends as by [`eof`](Self::eof);
    /// the return value tells how.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Connection, Epoch, RecordLayer, Role, ShutdownError, TrafficSecret};
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// # let mut connection = Connection::<_, 2048>::new(layer);
    /// assert_eq!(connection.shutdown(), Err(ShutdownError::WouldBlock));
    /// // write(socket, connection.unsent()): EPIPE
    /// connection.transport_failed();
    /// assert_eq!(connection.shutdown(), Err(ShutdownError::TransportFailed));
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn transport_failed(&mut self) -> ReadEnd {
        self.opener.eof();
        self.tell();
        self.writer.transport_failed();
        self.tell();
        self.opener.end()
    }

    // Sending

    /// Seals the bytes of `parts`, one part after the other, as application data. Returns how many
    /// bytes were taken: as many as there is room for, or those before a KeyUpdate that falls due.
    /// No data makes no record.
    ///
    /// # Errors
    /// After an error nothing has changed, except that a KeyUpdate that was due may have been
    /// sealed.
    /// - [`SealError::NoSpace`] if there is no room for one record: send the
    ///   [`unsent`](Self::unsent) bytes, then call again.
    /// - [`SealError::SlotReserved`] while a slot is [reserved](Self::reserve).
    /// - [`SealError::Closed`] after [`shutdown`](Self::shutdown), or after a TLS 1.2 peer's
    ///   close_notify if it is replied to.
    /// - [`SealError::Failed`] if the connection has failed.
    /// - [`SealError::HandedOver`] if the keys were suspended or given to the kernel.
    /// - [`SealError::NoKeys`] before keys for application data are installed.
    /// - [`SealError::KeyExhausted`] if the keys may seal no more and cannot be updated.
    /// - [`SealError::Crypto`] if the cipher failed: the connection has failed with it.
    #[inline]
    pub fn write(&mut self, parts: &[&[u8]]) -> Result<usize, SealError> {
        self.tell_writer();
        let written = self.writer.write(parts);
        self.tell_opener();
        written
    }

    /// Seals whole handshake messages: see [`Sealer::seal_handshake`](crate::Sealer::seal_handshake).
    ///
    /// # Errors
    /// The errors of [`write`](Self::write), and:
    /// - [`SealError::NotHandshake`] if `parts` are not whole handshake messages, or hold a
    ///   KeyUpdate.
    /// - [`SealError::NoKeys`] only in TLS 1.2, between our change_cipher_spec and its keys.
    /// - [`SealError::NoSpace`] if there is no room for all of `parts`: pass a flight that is
    ///   longer than `TX` in several calls. A message that is longer can never be written.
    pub fn write_handshake(&mut self, parts: &[&[u8]]) -> Result<(), SealError> {
        self.tell_writer();
        let written = self.writer.write_handshake(parts);
        self.tell_opener();
        written
    }

    /// Writes a change_cipher_spec record: see
    /// [`Sealer::change_cipher_spec`](crate::Sealer::change_cipher_spec).
    ///
    /// # Errors
    /// The errors of [`Sealer::change_cipher_spec`](crate::Sealer::change_cipher_spec), and
    /// [`SealError::SlotReserved`] while a slot is reserved.
    pub fn write_change_cipher_spec(&mut self) -> Result<(), SealError> {
        self.tell_writer();
        let written = self.writer.write_change_cipher_spec();
        self.tell_opener();
        written
    }

    /// Reserves a slot for `len` bytes of application data, to be sealed in place.
    ///
    /// Fill the slot, by DMA for instance. Then [`commit`](Self::commit) seals the slot and
    /// [`discard`](Self::discard) releases it. Until then data is received and sent as usual, and
    /// the slot stays in place. The slot is dropped if the connection fails, or if a TLS 1.2 peer's
    /// close_notify is replied to. DMA may go on to fill it: nothing else uses its memory, and a last alert
    /// may have to wait until what is unsent before the slot was sent. [`shutdown`](Self::shutdown) does not
    /// drop the slot but is refused.
    ///
    /// The slot is not aligned and may share cache lines with other bytes: it lies behind the
    /// unsent records, room for a control record, and the [`headroom`](crate::Sealer::headroom).
    /// The content begins at the first byte of the slot, so reserving more bytes does not help. DMA
    /// that needs alignment has two ways. It can fill a separate buffer, which
    /// [`write`](Self::write) copies while it seals. To avoid the copy, a [`RecordLayer`] without a
    /// `Connection` seals [in place](RecordLayer::seal_in_place), in a buffer that the caller
    /// places so that its byte at `headroom` is aligned.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Connection, Epoch, RecordLayer, Role, ShutdownError, TrafficSecret};
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// # let mut connection = Connection::<_, 2048>::new(layer);
    /// let slot = connection.reserve(512).unwrap();
    /// slot[..5].copy_from_slice(b"hello");
    /// assert_eq!(connection.shutdown(), Err(ShutdownError::SlotReserved));
    /// connection.commit(5).unwrap();
    /// assert_eq!(connection.unsent().len(), 27);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`write`](Self::write), and [`SealError::TooLong`] if one record cannot carry
    /// `len` bytes. After an error nothing has changed, except that a KeyUpdate that was due may
    /// have been sealed.
    pub fn reserve(&mut self, len: usize) -> Result<&mut [u8], SealError> {
        self.tell_writer();
        let reserved = self.writer.reserve(len).map(drop);
        self.tell_opener();
        reserved?;
        self.slot_mut().ok_or(SealError::NoSlot)
    }

    /// Returns the reserved slot, if there is one.
    pub fn slot_mut(&mut self) -> Option<&mut [u8]> {
        self.writer.slot_mut()
    }

    /// Seals the first `len` bytes of the slot as one record. A `len` of 0 makes an empty record:
    /// cover traffic (RFC 9846 section 5.4). The record is moved to follow the unsent ones without
    /// a gap.
    ///
    /// # Errors
    /// - [`SealError::NoSlot`] if no slot is reserved.
    /// - [`SealError::TooLong`] if `len` is more than the length of the slot, or than one record
    ///   may carry by now.
    /// - [`SealError::NoSpace`] if there is no room for a KeyUpdate that must precede the record:
    ///   send the unsent bytes and call again, or [`discard`](Self::discard) the slot. Also if padding that
    ///   was set since has made the record too long: discard the slot.
    /// - Another error of [`write`](Self::write) if its cause arose after the slot was reserved.
    pub fn commit(&mut self, len: usize) -> Result<(), SealError> {
        self.tell_writer();
        let committed = self.writer.commit(len);
        self.tell_opener();
        committed
    }

    /// Releases the slot without sending anything of it.
    ///
    /// # Errors
    /// [`SealError::NoSlot`] if no slot is reserved.
    pub fn discard(&mut self) -> Result<(), SealError> {
        let discarded = self.writer.discard();
        self.tell_opener();
        discarded
    }

    /// Returns whether the state of the connection allows application data.
    /// [`can_write`](Self::can_write) checks the room, too.
    pub fn may_write(&self) -> bool {
        self.writer.may_write()
    }

    /// Returns whether a record of any length can be written now: there is room, and no slot is
    /// reserved.
    pub fn can_write(&self) -> bool {
        self.writer.can_write()
    }

    /// Returns the records that the transport has not taken, in order. Our fatal alert is sent
    /// after the records that were sealed before it; a fatal alert from the peer discards them. The
    /// next call that seals may move the bytes within the buffer.
    pub fn unsent(&self) -> &[u8] {
        self.writer.unsent()
    }

    /// Returns the [`unsent`](Self::unsent) bytes for a transport that reads them later.
    ///
    /// The bytes stay in place until [`sent`](Self::sent) reports how many were taken. Meanwhile
    /// other calls seal into the room behind them, and this function returns an empty slice: there
    /// is one send at a time.
    ///
    /// The caller must not drop or move the connection while the transport reads the bytes.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Connection, Epoch, RecordLayer, Role, TrafficSecret};
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// # let mut connection = Connection::<_, 2048>::new(layer);
    /// connection.write(&[b"first"]).unwrap();
    /// let submitted = connection.begin_send().len(); // to a submission queue
    /// connection.write(&[b"second"]).unwrap();
    /// // The completion: of the 27 bytes submitted 20 were taken.
    /// assert_eq!(submitted, 27);
    /// connection.sent(20);
    /// assert_eq!(connection.begin_send().len(), 7 + 28);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn begin_send(&mut self) -> &[u8] {
        self.writer.begin_send()
    }

    /// Reports that the transport took the first `len` bytes of [`unsent`](Self::unsent).
    ///
    /// After [`begin_send`](Self::begin_send), `len` is how many of the bytes that it returned were
    /// taken, or 0 if none were. A larger `len` is cut to that length.
    pub fn sent(&mut self, len: usize) {
        self.writer.sent(len);
        self.tell_opener();
    }

    // Closing

    /// Closes the sending direction: a shutdown in one step.
    ///
    /// The first call queues a close_notify, which is sent once. `Ok` means that the transport has
    /// taken its last byte, so that the transport may be closed. The receiving direction stays open
    /// until the peer closes it (RFC 9846 section 6.1).
    ///
    /// This function never blocks. While it returns [`ShutdownError::WouldBlock`], send the
    /// [`unsent`](Self::unsent) bytes and call it again.
    ///
    /// # Errors
    /// [`ShutdownError`] documents when each variant is returned. The variants of the second step
    /// ([`AwaitingPeer`](ShutdownError::AwaitingPeer), [`BudgetSpent`](ShutdownError::BudgetSpent)
    /// and [`ClosedInHandshake`](ShutdownError::ClosedInHandshake)) are not.
    pub fn shutdown(&mut self) -> Result<(), ShutdownError> {
        self.tell_writer();
        let is_started = self.opener.is_started() || self.writer.sealer().is_started();
        let closed = self.writer.shutdown_if(is_started);
        self.tell_opener();
        if self.writer.sealer().is_closing() || closed == Err(ShutdownError::HandedOver) {
            self.opener.drain();
        }
        match (closed, self.opener.end()) {
            (Err(ShutdownError::Failed), ReadEnd::Fault(Fault::NotTls)) => {
                Err(ShutdownError::NotTls)
            }
            (closed, _) => closed,
        }
    }

    /// Closes both directions: a shutdown in two steps, [`shutdown`](Self::shutdown) and then the
    /// peer's close_notify.
    ///
    /// `Ok` means that both have happened; every later call returns it again. Data that the peer
    /// sends before its close_notify is delivered by [`received`](Self::received) as usual.
    ///
    /// This function never blocks. While it returns [`ShutdownError::WouldBlock`], send *and
    /// receive*: a peer that is blocked in sending does not read either. While it returns
    /// [`ShutdownError::AwaitingPeer`], receive. The caller limits the time with its own clock;
    /// `budget` limits how many bytes of records may arrive before the peer's close_notify.
    ///
    /// # Errors
    /// [`ShutdownError`] documents when each variant is returned.
    pub fn shutdown_both(&mut self, budget: u32) -> Result<(), ShutdownError> {
        match self.shutdown() {
            Ok(()) | Err(ShutdownError::AlreadyClosed) => self.opener.check_closed(budget),
            Err(ShutdownError::WouldBlock) => match self.opener.check_closed(budget) {
                Err(spent @ ShutdownError::BudgetSpent { .. }) => Err(spent),
                _ => Err(ShutdownError::WouldBlock),
            },
            Err(error) => Err(error),
        }
    }

    /// Checks the second step of a shutdown alone: see [`Opener::check_closed`]. It serves
    /// connections whose sending direction the kernel has. Bytes that arrive count from
    /// [`shutdown`](Self::shutdown) on.
    ///
    /// # Errors
    /// The errors of [`Opener::check_closed`].
    pub fn check_closed(&mut self, budget: u32) -> Result<(), ShutdownError> {
        self.opener.check_closed(budget)
    }

    /// Ends the connection with a fatal alert: see [`Sealer::abort`](crate::Sealer::abort). A
    /// reserved slot is dropped. Send until nothing is [unsent](Self::unsent): behind a KeyUpdate before a
    /// slot, the alert has room only when that was sent.
    ///
    /// # Errors
    /// The errors of [`Sealer::abort`](crate::Sealer::abort).
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.writer.abort(description);
        self.tell_opener();
        aborted
    }

    /// Returns the oldest alert that was sealed and that this function has not returned yet.
    ///
    /// It is for a log (RFC 9846 section 6.2). Alerts from the peer are returned by
    /// [`received`](Self::received).
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Connection, Epoch, RecordLayer, Role, TrafficSecret};
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// # let mut connection = Connection::<_, 2048>::new(layer);
    /// let _ = connection.shutdown();
    /// while let Some(alert) = connection.take_sealed_alert() {
    ///     println!("sent: {alert}");
    /// }
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn take_sealed_alert(&mut self) -> Option<AlertDescription> {
        self.writer.take_sealed_alert()
    }

    /// Returns how each direction ended, or that it is open. The sending direction is closed, or
    /// our alert sent, only when the transport has taken the last byte of it.
    pub fn end(&self) -> End {
        End { read: self.opener.end(), write: self.writer.end() }
    }

    // Keys

    /// Updates the keys of the sending direction: see
    /// [`Sealer::update_keys`](crate::Sealer::update_keys).
    ///
    /// # Errors
    /// The errors of [`Sealer::update_keys`](crate::Sealer::update_keys).
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.tell_writer();
        let updated = self.writer.update_keys(request);
        self.tell_opener();
        updated
    }

    /// Installs keys for both directions: see [`RecordLayer::install`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::install`].
    pub fn install(&mut self, epoch: Epoch, client: K, server: K) -> Result<(), KeyError> {
        self.take_over(epoch, (client, 0), (server, 0))
    }

    /// Takes over keys that another implementation has used: see [`RecordLayer::take_over`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::take_over`].
    pub fn take_over(
        &mut self,
        epoch: Epoch,
        client: (K, u64),
        server: (K, u64),
    ) -> Result<(), KeyError> {
        let opener = &mut self.opener;
        let installed = self
            .writer
            .with_sealer(|sealer| pair::take_over(opener, sealer, epoch, client, server));
        scrub_stack(K::STACK);
        self.tell();
        installed
    }

    /// Installs keys for the direction in which `writer` seals: see [`RecordLayer::install_one`].
    ///
    /// # Errors
    /// The errors of [`RecordLayer::install_one`].
    pub fn install_one(&mut self, writer: Role, epoch: Epoch, keys: K) -> Result<(), KeyError> {
        let opener = &mut self.opener;
        let installed = self
            .writer
            .with_sealer(|sealer| pair::install_one(opener, sealer, writer, epoch, keys));
        scrub_stack(K::STACK);
        self.tell();
        installed
    }

    /// Sets the negotiated protocol version of both halves: see [`Opener::set_version`].
    pub fn set_version(&mut self, version: Version) {
        self.opener.set_version(version);
        self.writer.with_sealer(|sealer| sealer.set_version(version));
        self.tell();
    }

    // Settings

    /// Limits the content of a record: see
    /// [`Sealer::set_fragment_limit`](crate::Sealer::set_fragment_limit).
    pub const fn set_fragment_limit(&mut self, limit: u16) {
        self.writer.set_fragment_limit(limit);
    }

    /// Sets the padding policy: see [`Sealer::set_padding`](crate::Sealer::set_padding).
    ///
    /// A policy that pads control records too ([`Config::pads_control`](crate::Config)) halves the room
    /// for fragments, and a later policy does not give it back.
    pub fn set_padding(&mut self, padding: Padding) {
        self.writer.with_sealer(|sealer| sealer.set_padding(padding));
        self.tell();
    }

    /// Sets the record size limit that the peer announced, for records that are sent: see
    /// [`Sealer::set_record_size_limit`](crate::Sealer::set_record_size_limit).
    pub fn set_peer_record_size_limit(&mut self, limit: RecordSizeLimit) {
        self.writer.with_sealer(|sealer| sealer.set_record_size_limit(limit));
        self.tell();
    }

    /// Sets the record size limit that this end announced, for records that arrive: see
    /// [`Opener::set_record_size_limit`].
    pub fn set_own_record_size_limit(&mut self, limit: RecordSizeLimit) {
        self.opener.set_record_size_limit(limit);
    }

    /// Refuses a TLS 1.2 renegotiation: see
    /// [`Sealer::refuse_renegotiation`](crate::Sealer::refuse_renegotiation).
    ///
    /// # Errors
    /// The errors of [`Sealer::refuse_renegotiation`](crate::Sealer::refuse_renegotiation).
    pub fn refuse_renegotiation(&mut self) -> Result<(), KeyError> {
        let refused = self.writer.refuse_renegotiation();
        self.tell_opener();
        refused
    }

    /// Takes the alert or KeyUpdate that is due in a sending direction that the kernel has: see
    /// [`Sealer::take_kernel_control`](crate::Sealer::take_kernel_control).
    pub fn take_kernel_control(&mut self) -> Option<Control> {
        self.tell();
        let control = self.writer.take_kernel_control();
        self.tell_opener();
        control
    }

    /// Gives `call` access to the halves, for methods that only one half has: see
    /// [`RecordLayer::with_halves`]. Do not seal in `call`, because such records bypass the
    /// [`unsent`](Self::unsent) ones: [`write_handshake`](Self::write_handshake) does not.
    pub fn with_halves<R>(&mut self, call: impl FnOnce(&mut Opener<K>, &mut Sealer<K>) -> R) -> R {
        self.tell_writer();
        let opener = &mut self.opener;
        let returned = self.writer.with_sealer(|sealer| {
            let returned = call(opener, sealer);
            pair::settle(opener, sealer);
            returned
        });
        self.tell();
        returned
    }

    /// Returns the receiving half.
    pub const fn opener(&self) -> &Opener<K> {
        &self.opener
    }

    /// Returns the sending half.
    pub const fn writer(&self) -> &Writer<K, TX, B> {
        &self.writer
    }

    /// Returns the halves and the packed state of the writer, if nothing is unsent and no slot is
    /// reserved.
    pub(crate) fn at_rest(&self) -> Option<(&Opener<K>, &Sealer<K>, [u8; WRITER_LEN])> {
        let Self { opener, writer } = self;
        writer.is_at_rest().then(|| (opener, writer.sealer(), writer.pack()))
    }

    /// Restores the state of the writer that [`at_rest`](Self::at_rest) returned.
    pub(crate) const fn restore_writer(&mut self, packed: [u8; WRITER_LEN]) {
        self.writer.unpack(packed);
    }

    /// Clears the state of the writer, and its buffer.
    pub(crate) fn empty_writer(&mut self) {
        self.writer.empty();
    }

    /// Carries the notice to the writer and the signal to the opener.
    pub(crate) fn tell(&mut self) {
        self.tell_writer();
        self.tell_opener();
    }

    /// Carries the opener's notice, unless it waits for the end of the input.
    fn tell_if_due(&mut self) {
        if self.opener.has_notice() && !self.opener.is_notice_waiting() {
            self.tell();
        }
    }

    fn tell_writer(&mut self) {
        if self.opener.has_notice() {
            self.writer.apply(self.opener.take_notice());
        }
    }

    fn tell_opener(&mut self) {
        if self.writer.has_signal() {
            self.opener.apply(self.writer.take_signal());
        }
    }
}

impl<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>> core::fmt::Debug
    for Connection<K, TX, B>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Connection({:?}, {:?})", self.opener, self.writer)
    }
}

#[cfg(feature = "defmt")]
impl<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>> defmt::Format
    for Connection<K, TX, B>
{
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Connection({}, {})", self.opener, self.writer);
    }
}
