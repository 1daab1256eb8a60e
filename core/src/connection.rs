//! Connections that own their output: for transports that take a part of it, now and then.
//!
//! `write`, or `reserve` and `commit`, seal records behind what is unsent; control records follow by
//! themselves; `sent` takes away what the transport took.
//!
//! The floor uses [`layer`](crate::layer) and what is below it. This file has the connection, the others
//! its sending half, its halves over a mailbox, a set of many, and how long records are to be.

mod alert_log;
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
mod linked;
mod record_sizes;
mod set;
mod writer;

pub use record_sizes::RecordSizes;
pub use set::{ConnectionSet, Handle, InvalidHandle};
pub(crate) use writer::WRITER_LEN;
pub use writer::Writer;

use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::Padding;
use crate::crypto::scrub::scrub_stack;
use crate::layer::config::Config;
use crate::layer::opener::{Opened, Opener};
use crate::layer::pair;
use crate::layer::record_layer::RecordLayer;
use crate::layer::sealer::{Control, Sealer};
use crate::layer::shutdown::ShutdownError;
use crate::protocol::alert::AlertDescription;
use crate::protocol::end::{End, ReadEnd};
use crate::protocol::error::{CloseError, Fault, KeyError, OpenError, SealError};
use crate::protocol::record::{Epoch, Role, Version};
use crate::protocol::record_size_limit::RecordSizeLimit;

/// A [`RecordLayer`] with the records that the transport has not taken yet, `TX` bytes of them.
///
/// There is nothing to poll but [`unsent`](Self::unsent): alerts and KeyUpdates that fall due are
/// sealed into it by themselves, as soon as there is room. So a driver is: give what the transport
/// brought to [`received`](Self::received), give what is [`unsent`](Self::unsent) to the transport,
/// and say how much it took. A KeyUpdate that the peer asks for is sealed when all of the input that
/// was shown is opened, so that several requests get one answer (RFC 9846 section 4.7.3).
///
/// Which bytes are unsent, and where they lie, may change with every call: receiving may seal. A
/// transport that is given bytes and takes them later, such as io_uring or DMA, asks for them by
/// [`begin_send`](Self::begin_send), which keeps them where they are until they are
/// [`sent`](Self::sent).
///
/// `TX` has room for the longest record and some 70 bytes more, for the control record that may come
/// before it. What a record carries is cut down to that: [`fragment_limit`] says how much it is. For
/// a second record to be sealed while the transport has not taken the first, let
/// [`Config::fragment_limit`](crate::Config) be `TX / 2 - 70` or less.
///
/// As with every value that holds keys, moving it leaves copies of them behind on the stack. Put it
/// where it stays, in a `static` for instance ([`without_keys`](Self::without_keys)), and install the
/// keys there.
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
/// /// Closes our direction. What is unsent leaves whatever the answer is: if the peer's direction was
/// /// cut, ours goes on, and after a fault there is an alert.
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
pub struct Connection<K: KeySchedule, const TX: usize> {
    opener: Opener<K>,
    writer: Writer<K, TX>,
}

impl<K: KeySchedule, const TX: usize> Connection<K, TX> {
    /// Takes over a connection whose records have all been sent. It may be in the middle of its
    /// handshake, or have no keys at all. `TX` is at least 128.
    pub fn new(layer: RecordLayer<K>) -> Self {
        let mut this = Self::unsettled(layer);
        this.writer.settle();
        this.tell();
        this
    }

    /// A connection without keys, whose handshake is to begin, or whose keys are
    /// [installed](Self::install) later. `TX` is at least 128.
    ///
    /// For a `static`, in which keys are where they stay. One that is made in its initializer lies in
    /// `.data`, which takes as much flash as memory; one that is written at run time, as by
    /// `static_cell::StaticCell`, in `.bss`.
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
    /// Not inlined: it is made in the place of the caller's, and not moved there.
    #[inline(never)]
    pub(crate) fn unsettled(layer: RecordLayer<K>) -> Self {
        let (opener, sealer) = layer.split();
        Self { opener, writer: Writer::unsettled(sealer) }
    }

    /// Joins the halves of one connection, which [`split`](Self::split) made. What lies in a
    /// [`Mailbox`](crate::Mailbox) between them is applied before.
    ///
    /// # Errors
    /// Both halves are dropped, with what is unsent. [`KeyError::Mismatch`] if they are of different
    /// roles or versions, [`KeyError::SameSecret`] if they have the same secret.
    pub fn join(mut opener: Opener<K>, mut writer: Writer<K, TX>) -> Result<Self, KeyError> {
        writer.with_sealer(|sealer| pair::join(&mut opener, sealer))?;
        let mut this = Self { opener, writer };
        this.tell();
        Ok(this)
    }

    /// Splits the connection into its two halves, for callers that carry the
    /// [`Notice`](crate::Notice) and the [`Signal`](crate::Signal) between them from here on. Halves that
    /// carry them by themselves are made by [`split_over`](Self::split_over).
    pub fn split(self) -> (Opener<K>, Writer<K, TX>) {
        (self.opener, self.writer)
    }

    // Receiving

    /// Opens the record at the front of what the transport brought: see [`Opener::open`]. Call it until
    /// it says [`Event::NeedMore`](crate::Event::NeedMore): answers to the peer wait until then.
    ///
    /// # Errors
    /// Those of [`Opener::open`]. The alert that a fault demands is among what is
    /// [`unsent`](Self::unsent). After an error alert of the peer's nothing is unsent any more.
    #[inline]
    pub fn received(&mut self, input: &mut [u8]) -> Result<Opened, OpenError> {
        let opened = self.opener.open(input);
        self.tell_if_due();
        opened
    }

    /// [`received`](Self::received) for what does not lie in one piece: see [`Opener::open_into`].
    ///
    /// # Errors
    /// Those of [`received`](Self::received).
    pub fn received_into(&mut self, pieces: &[&[u8]], out: &mut [u8]) -> Result<Opened, OpenError> {
        let opened = self.opener.open_into(pieces, out);
        self.tell_if_due();
        opened
    }

    /// The transport has no more bytes for us: see [`Opener::eof`].
    pub fn eof(&mut self) -> ReadEnd {
        let end = self.opener.eof();
        self.tell();
        end
    }

    /// The transport failed: it takes nothing more, and brings nothing more. What is
    /// [unsent](Self::unsent) is discarded, and nothing is sealed any more. Unless the sending direction
    /// had ended before, every [`shutdown`](Self::shutdown) is [`ShutdownError::TransportFailed`] from
    /// now on. The receiving direction ends as by [`eof`](Self::eof). Returns how.
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

    /// Seals the bytes of `parts`, one after the other, as application data, as far as there is room,
    /// or up to a KeyUpdate that falls due. Returns how many were taken. No data makes no record.
    ///
    /// # Errors
    /// Nothing has changed, except that a KeyUpdate that was due may be unsent now.
    /// [`SealError::NoSpace`] if not even the first record has room: send what is
    /// [`unsent`](Self::unsent), then again. [`SealError::SlotReserved`]; [`SealError::Closed`] after
    /// [`shutdown`](Self::shutdown), or a close_notify of a TLS 1.2 peer; [`SealError::Failed`];
    /// [`SealError::NoKeys`] before there are keys for application data; [`SealError::KeyExhausted`]
    /// if the keys may seal no more and cannot be updated. [`SealError::Crypto`] fails the connection.
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
    /// [`SealError::NotHandshake`], and those of [`write`](Self::write). The room is for all of it, or
    /// [`SealError::NoSpace`]: a flight that is longer than `TX` is to be given in parts.
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
    /// Those of [`Sealer::change_cipher_spec`](crate::Sealer::change_cipher_spec), and
    /// [`SealError::SlotReserved`].
    pub fn write_change_cipher_spec(&mut self) -> Result<(), SealError> {
        self.tell_writer();
        let written = self.writer.write_change_cipher_spec();
        self.tell_opener();
        written
    }

    /// A place for `len` bytes of application data, to be filled where they are sealed: by DMA, say.
    /// Then [`commit`](Self::commit) it, or [`discard`](Self::discard). In between, data arrives and
    /// leaves as always, and the slot stays where it is. A failure takes it away, and
    /// so does a TLS 1.2 peer's close_notify that is replied to: an alert may then be sealed into the
    /// same memory, so stop the DMA first. A [`shutdown`](Self::shutdown) is refused instead.
    ///
    /// The address of a slot has no alignment, and it may share cache lines with other bytes: it lies
    /// behind what is unsent, room for a control record, and the
    /// [`headroom`](crate::Sealer::headroom). The content begins at its first byte, so that reserving
    /// more does not help. DMA that needs an alignment fills a buffer of its own, which
    /// [`write`](Self::write) copies while it seals; or, to copy nothing, a [`RecordLayer`] without a
    /// `Connection` seals [in place](RecordLayer::seal_in_place), in a buffer that the caller places so
    /// that its byte at `headroom` is aligned.
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
    /// [`SealError::TooLong`] if one record cannot carry as much; those of [`write`](Self::write).
    /// Nothing has changed, except that a KeyUpdate that was due may be unsent now.
    pub fn reserve(&mut self, len: usize) -> Result<&mut [u8], SealError> {
        self.tell_writer();
        let reserved = self.writer.reserve(len).map(drop);
        self.tell_opener();
        reserved?;
        self.slot_mut().ok_or(SealError::NoSlot)
    }

    /// The slot that is reserved.
    pub fn slot_mut(&mut self) -> Option<&mut [u8]> {
        self.writer.slot_mut()
    }

    /// Seals the first `len` bytes of the slot. A `len` of 0 makes an empty record: cover traffic
    /// (RFC 9846 section 5.4). If other records wait for the transport, the new one may be moved to
    /// close up with them.
    ///
    /// # Errors
    /// [`SealError::NoSlot`]; [`SealError::TooLong`] if the slot is shorter, or one record may not carry
    /// as much any more; [`SealError::NoSpace`] if a KeyUpdate that goes first has no room: send, then
    /// again, or discard it. Those of [`write`](Self::write) for what happened since.
    pub fn commit(&mut self, len: usize) -> Result<(), SealError> {
        self.tell_writer();
        let committed = self.writer.commit(len);
        self.tell_opener();
        committed
    }

    /// Gives the slot back: nothing of it is sent.
    ///
    /// # Errors
    /// [`SealError::NoSlot`].
    pub fn discard(&mut self) -> Result<(), SealError> {
        let discarded = self.writer.discard();
        self.tell_opener();
        discarded
    }

    /// Whether application data may be written, as far as the state of the connection goes.
    /// [`can_write`](Self::can_write) asks for the room.
    pub fn may_write(&self) -> bool {
        self.writer.may_write()
    }

    /// Whether there is room for a record of any length, now.
    pub fn can_write(&self) -> bool {
        self.writer.can_write()
    }

    /// The records that the transport has not taken, in order. Those before a fatal alert of ours
    /// leave before it; a fatal alert of the peer's discards them. The next call that seals may move
    /// them within the buffer.
    #[inline]
    pub fn unsent(&self) -> &[u8] {
        self.writer.unsent()
    }

    /// What is [`unsent`](Self::unsent), for a transport that reads it later: the bytes stay where they
    /// are, as long as the connection does, until [`sent`](Self::sent) says how many were taken.
    /// Meanwhile other calls seal into the room behind them, and this gives nothing: one send at a
    /// time.
    ///
    /// Dropping or moving the connection while the transport reads is the caller's to prevent: put it
    /// where it stays.
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

    /// The transport took the first `len` bytes of what is [`unsent`](Self::unsent), or of what
    /// [`begin_send`](Self::begin_send) gave: 0 if it took none of it. More than it was given does not
    /// count.
    #[inline]
    pub fn sent(&mut self, len: usize) {
        self.writer.sent(len);
        self.tell_opener();
    }

    // Closing

    /// Closes our direction, in one step: a close_notify is queued, and `Ok` says that the transport
    /// has taken its last byte. Then the transport may be closed at once. The receiving direction
    /// stays open until the peer closes it (RFC 9846 section 6.1).
    ///
    /// It never waits; while it says [`ShutdownError::WouldBlock`], send and repeat it. The alert
    /// leaves once.
    ///
    /// # Errors
    /// Each variant of [`ShutdownError`] says when it comes; those of the second step do not.
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

    /// Closes both directions, in two steps: [`shutdown`](Self::shutdown), and then the peer's
    /// close_notify. `Ok` says that both have happened, as often as it is asked. Data that was under
    /// way is delivered by [`received`](Self::received) as always.
    ///
    /// It never waits. While it says [`ShutdownError::WouldBlock`], send *and receive*, because a peer
    /// that waits for us to read does not read either; at [`ShutdownError::AwaitingPeer`] receive. How
    /// long is the caller's to say: the clock is its own, and `budget` is how many bytes of records
    /// are worth waiting for.
    ///
    /// # Errors
    /// Each variant of [`ShutdownError`] says when it comes.
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

    /// The second step alone, for a sending direction that the kernel has: see
    /// [`Opener::check_closed`]. What arrives counts from [`shutdown`](Self::shutdown) on.
    ///
    /// # Errors
    /// Those of [`Opener::check_closed`].
    pub fn check_closed(&mut self, budget: u32) -> Result<(), ShutdownError> {
        self.opener.check_closed(budget)
    }

    /// Ends the connection with a fatal alert: see [`Sealer::abort`](crate::Sealer::abort). A slot is
    /// taken away.
    ///
    /// # Errors
    /// Those of [`Sealer::abort`](crate::Sealer::abort).
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.writer.abort(description);
        self.tell_opener();
        aborted
    }

    /// The oldest alert that this connection has sealed and not reported here yet, for a log
    /// (RFC 9846 section 6.2). Alerts of the peer are what [`received`](Self::received) gives.
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

    /// How the connection ended, or that it has not. Our direction is closed, or our alert sent, only
    /// when the last byte of it was taken by the transport.
    pub fn end(&self) -> End {
        End { read: self.opener.end(), write: self.writer.end() }
    }

    // Keys

    /// Goes on to our next generation of keys: see
    /// [`Sealer::update_keys`](crate::Sealer::update_keys).
    ///
    /// # Errors
    /// Those of [`Sealer::update_keys`](crate::Sealer::update_keys).
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.tell_writer();
        let updated = self.writer.update_keys(request);
        self.tell_opener();
        updated
    }

    /// Installs keys for both directions: see [`RecordLayer::install`].
    ///
    /// # Errors
    /// Those of [`RecordLayer::install`].
    pub fn install(&mut self, epoch: Epoch, client: K, server: K) -> Result<(), KeyError> {
        self.take_over(epoch, (client, 0), (server, 0))
    }

    /// Takes over the keys of another implementation's connection: see [`RecordLayer::take_over`].
    ///
    /// # Errors
    /// Those of [`RecordLayer::take_over`].
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
    /// Those of [`RecordLayer::install_one`].
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

    /// See [`Sealer::set_fragment_limit`](crate::Sealer::set_fragment_limit).
    pub const fn set_fragment_limit(&mut self, limit: u16) {
        self.writer.set_fragment_limit(limit);
    }

    /// See [`Sealer::set_padding`](crate::Sealer::set_padding).
    pub fn set_padding(&mut self, padding: Padding) {
        self.writer.with_sealer(|sealer| sealer.set_padding(padding));
        self.tell();
    }

    /// Limits what we send to what the peer announced: see
    /// [`Sealer::set_record_size_limit`](crate::Sealer::set_record_size_limit).
    pub fn set_peer_record_size_limit(&mut self, limit: RecordSizeLimit) {
        self.writer.with_sealer(|sealer| sealer.set_record_size_limit(limit));
        self.tell();
    }

    /// Limits what the peer may send to what we announced: see [`Opener::set_record_size_limit`].
    pub fn set_own_record_size_limit(&mut self, limit: RecordSizeLimit) {
        self.opener.set_record_size_limit(limit);
    }

    /// See [`Sealer::refuse_renegotiation`](crate::Sealer::refuse_renegotiation).
    ///
    /// # Errors
    /// Those of [`Sealer::refuse_renegotiation`](crate::Sealer::refuse_renegotiation).
    pub fn refuse_renegotiation(&mut self) -> Result<(), KeyError> {
        let refused = self.writer.refuse_renegotiation();
        self.tell_opener();
        refused
    }

    /// The alert or KeyUpdate that is due in a direction which the kernel has: see
    /// [`Sealer::take_kernel_control`](crate::Sealer::take_kernel_control).
    pub fn take_kernel_control(&mut self) -> Option<Control> {
        self.tell();
        let control = self.writer.take_kernel_control();
        self.tell_opener();
        control
    }

    /// Calls on one half alone what a handshake needs now and then: see
    /// [`RecordLayer::with_halves`]. What is sealed by hand here goes past what is
    /// [`unsent`](Self::unsent): leave that to [`write_handshake`](Self::write_handshake).
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

    /// The receiving half.
    pub const fn opener(&self) -> &Opener<K> {
        &self.opener
    }

    /// The sending half.
    pub const fn writer(&self) -> &Writer<K, TX> {
        &self.writer
    }

    /// The halves, and what is known besides, if nothing waits for the transport and no slot is
    /// reserved.
    pub(crate) fn at_rest(&self) -> Option<(&Opener<K>, &Sealer<K>, [u8; WRITER_LEN])> {
        let Self { opener, writer } = self;
        writer.is_at_rest().then(|| (opener, writer.sealer(), writer.pack()))
    }

    /// What the writer knew that was [`at_rest`](Self::at_rest).
    pub(crate) const fn restore_writer(&mut self, known: [u8; WRITER_LEN]) {
        self.writer.unpack(known);
    }

    /// Forgets what the writer knew, and what lay in its buffer.
    pub(crate) fn empty_writer(&mut self) {
        self.writer.empty();
    }

    /// Carries what the halves have to tell each other.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn tell(&mut self) {
        self.tell_writer();
        self.tell_opener();
    }

    /// Carries what the opener has found out, except for what waits for the end of the input.
    #[inline]
    fn tell_if_due(&mut self) {
        if self.opener.has_notice() && !self.opener.is_notice_waiting() {
            self.tell();
        }
    }

    #[cfg_attr(target_pointer_width = "64", inline)]
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn tell_writer(&mut self) {
        if self.opener.has_notice() {
            self.writer.apply(self.opener.take_notice());
        }
    }

    #[cfg_attr(target_pointer_width = "64", inline)]
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    fn tell_opener(&mut self) {
        if self.writer.has_signal() {
            self.opener.apply(self.writer.take_signal());
        }
    }
}

impl<K: KeySchedule, const TX: usize> core::fmt::Debug for Connection<K, TX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Connection({:?}, {:?})", self.opener, self.writer)
    }
}

#[cfg(feature = "defmt")]
impl<K: KeySchedule, const TX: usize> defmt::Format for Connection<K, TX> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Connection({}, {})", self.opener, self.writer);
    }
}
