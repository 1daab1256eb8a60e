//! Both halves of a connection in one type, which carries notices and signals between them.

#[cfg(feature = "long-records")]
use crate::crypto::aead::multi_part::MultiPart;
use crate::crypto::keys::KeySchedule;
use crate::crypto::padding::Padding;
use crate::crypto::scrub::scrub_stack;
use crate::layer::config::Config;
#[cfg(feature = "long-records")]
use crate::layer::opener::arriving::Arrived;
use crate::layer::opener::out_of_place::OpenedIn;
use crate::layer::opener::{Event, Opened, Opener};
use crate::layer::pair;
use crate::layer::sealer::{Sealed, Sealer};
use crate::layer::shutdown_error::ShutdownError;
use crate::protocol::alert::AlertDescription;
use crate::protocol::control::Control;
use crate::protocol::end::{End, ReadEnd};
use crate::protocol::error::{CloseError, KeyError, OpenError, SealError};
use crate::protocol::record::{Epoch, Role, Version};
use crate::protocol::record_size_limit::RecordSizeLimit;
use crate::small::SMALL;

/// An [`Opener`] and a [`Sealer`], with the notices and signals between them carried.
///
/// The methods are those of the halves, where they are documented. After every call, check
/// [`has_control`](Self::has_control), and send what [`poll_control`](Self::poll_control) seals. A
/// KeyUpdate that the peer requested falls due when all of the input is opened, so that several
/// requests get one answer (RFC 9846 section 4.7.3), or earlier, when data is sealed.
///
/// ```
/// use tls_record::aead::{Algorithm, ring::Ring};
/// use tls_record::{Config, Epoch, Event, RecordLayer, Role, TrafficSecret};
///
/// let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
/// let mut client = RecordLayer::new(Config::new(Role::Client));
/// client.install(Epoch::Application, secret(1)?, secret(2)?)?; // the client's, the server's
/// let mut server = RecordLayer::new(Config::new(Role::Server));
/// server.install(Epoch::Application, secret(1)?, secret(2)?)?;
///
/// // The client closes its direction; the server may still send data.
/// let mut wire = [0; 64];
/// client.close().unwrap();
/// let length = client.poll_control(&mut wire).unwrap();
/// assert_eq!(server.open(&mut wire[..length]).unwrap().event, Event::Closed);
/// let sealed = server.seal(&[b"last words"], &mut wire).unwrap();
/// let opened = client.open(&mut wire[..sealed.written]).unwrap();
/// assert!(matches!(opened.event, Event::ApplicationData(_)));
/// # Ok::<(), tls_record::KeyError>(())
/// ```
pub struct RecordLayer<K: KeySchedule> {
    opener: Opener<K>,
    sealer: Sealer<K>,
}

impl<K: KeySchedule> RecordLayer<K> {
    /// Creates a connection without keys.
    #[inline(never)]
    pub const fn new(config: Config) -> Self {
        Self { opener: Opener::new(config), sealer: Sealer::new(config) }
    }

    /// Joins two halves of one connection.
    ///
    /// # Errors
    /// Both halves are dropped, and their keys wiped.
    ///
    /// - [`KeyError::Mismatch`] if the halves are of different roles or versions.
    /// - [`KeyError::SameSecret`] if the halves have the same secret.
    pub fn join(mut opener: Opener<K>, mut sealer: Sealer<K>) -> Result<Self, KeyError> {
        pair::join(&mut opener, &mut sealer)?;
        let mut this = Self { opener, sealer };
        this.tell_sealer();
        this.tell_opener();
        Ok(this)
    }

    /// Splits the connection into its two halves.
    ///
    /// The caller must then carry every [`Notice`](crate::Notice) and [`Signal`](crate::Signal)
    /// between them. To get halves that exchange them by themselves, use
    /// [`split_over`](Self::split_over).
    pub fn split(self) -> (Opener<K>, Sealer<K>) {
        (self.opener, self.sealer)
    }

    /// See [`Opener::open`].
    ///
    /// Call it until it returns [`Event::NeedMore`]: the answer to a requested KeyUpdate waits
    /// until then.
    ///
    /// # Errors
    /// The errors of [`Opener::open`]. The alert for a fault is due at once.
    #[inline]
    pub fn open(&mut self, input: &mut [u8]) -> Result<Opened, OpenError> {
        let opened = self.opener.open(input);
        // Application data never produces a notice. If a notice waits for the end of the input and
        // this record was the last, `has_control` takes it into account.
        let is_data = matches!(opened, Ok(Opened { event: Event::ApplicationData(_), .. }));
        if SMALL || !is_data && self.opener.has_notice() {
            self.tell_sealer_if_due();
        }
        opened
    }

    /// See [`Opener::open_into`].
    ///
    /// # Errors
    /// The errors of [`Opener::open_into`].
    pub fn open_into(&mut self, pieces: &[&[u8]], out: &mut [u8]) -> Result<Opened, OpenError> {
        let opened = self.opener.open_into(pieces, out);
        if self.opener.has_notice() {
            self.tell_sealer_if_due();
        }
        opened
    }

    /// See [`Opener::open_out_of_place`].
    ///
    /// # Errors
    /// The errors of [`Opener::open_out_of_place`].
    #[inline]
    pub fn open_out_of_place(
        &mut self,
        input: &mut [u8],
        out: &mut [u8],
    ) -> Result<OpenedIn, OpenError> {
        let opened = self.opener.open_out_of_place(input, out);
        if self.opener.has_notice() {
            self.tell_sealer_if_due();
        }
        opened
    }

    /// See [`Opener::open_pieces`].
    ///
    /// # Errors
    /// The errors of [`Opener::open_pieces`].
    #[cfg(feature = "long-records")]
    pub fn open_pieces(&mut self, pieces: &mut [&mut [u8]]) -> Result<Opened, OpenError>
    where
        K: KeySchedule<Aead: MultiPart>,
    {
        let opened = self.opener.open_pieces(pieces);
        self.tell_sealer_if_due();
        opened
    }

    /// See [`Opener::open_arriving`].
    ///
    /// # Errors
    /// The errors of [`Opener::open_arriving`].
    #[cfg(feature = "long-records")]
    pub fn open_arriving<'a>(
        &mut self,
        input: &'a mut [u8],
        capacity: usize,
    ) -> Result<Arrived<'a>, OpenError>
    where
        K: KeySchedule<Aead: MultiPart>,
    {
        let arrived = self.opener.open_arriving(input, capacity);
        self.tell_sealer_if_due();
        arrived
    }

    /// See [`Opener::eof`].
    pub fn eof(&mut self) -> ReadEnd {
        let end = self.opener.eof();
        self.tell_sealer();
        end
    }

    /// See [`Sealer::seal`].
    ///
    /// A KeyUpdate that the peer requested must be sealed before the data, even if it waited for
    /// the end of the input. Then this returns [`SealError::ControlFirst`] although
    /// [`has_control`](Self::has_control) was `false`; afterwards that is `true`.
    ///
    /// # Errors
    /// The errors of [`Sealer::seal`].
    pub fn seal(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<Sealed, SealError> {
        if SMALL {
            self.tell_sealer();
        } else if self.opener.has_notice() {
            return self.seal_behind_notice(parts, out);
        }
        let sealed = self.sealer.seal(parts, out);
        self.tell_opener();
        sealed
    }

    /// Carries a notice that waits for the end of the input, then [seals](Self::seal).
    #[inline(never)]
    fn seal_behind_notice(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<Sealed, SealError> {
        self.carry_notice();
        self.seal(parts, out)
    }

    /// See [`Sealer::seal_in_place`].
    ///
    /// # Errors
    /// The errors of [`Sealer::seal_in_place`].
    #[inline]
    pub fn seal_in_place(&mut self, record: &mut [u8], len: usize) -> Result<usize, SealError> {
        if SMALL {
            self.tell_sealer();
        } else if self.opener.has_notice() {
            return self.seal_in_place_behind_notice(record, len);
        }
        let sealed = self.sealer.seal_in_place(record, len);
        self.tell_opener();
        sealed
    }

    /// Carries a notice that waits for the end of the input, then [seals](Self::seal_in_place).
    #[cold]
    fn seal_in_place_behind_notice(
        &mut self,
        record: &mut [u8],
        len: usize,
    ) -> Result<usize, SealError> {
        self.carry_notice();
        self.seal_in_place(record, len)
    }

    /// See [`Sealer::seal_handshake`].
    ///
    /// # Errors
    /// The errors of [`Sealer::seal_handshake`].
    pub fn seal_handshake(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<usize, SealError> {
        self.tell_sealer();
        let sealed = self.sealer.seal_handshake(parts, out);
        self.tell_opener();
        sealed
    }

    /// See [`Sealer::has_control`].
    pub fn has_control(&self) -> bool {
        self.next_control().is_some()
    }

    /// See [`Sealer::poll_control`].
    ///
    /// # Errors
    /// The errors of [`Sealer::poll_control`].
    pub fn poll_control(&mut self, out: &mut [u8]) -> Result<usize, SealError> {
        if self.opener.has_notice() {
            self.tell_sealer_if_due();
        }
        let sealed = self.sealer.poll_control(out);
        self.tell_opener();
        sealed
    }

    /// See [`Sealer::next_control`].
    pub fn next_control(&self) -> Option<Control> {
        if self.is_answer_due() {
            return Some(Control::KeyUpdate { request: false });
        }
        self.sealer.next_control()
    }

    /// Returns whether all of the input is opened, and held a request for a KeyUpdate of which the
    /// sealer does not know yet.
    fn is_answer_due(&self) -> bool {
        self.opener.has_notice()
            && !self.opener.is_notice_waiting()
            && self.sealer.would_answer(self.opener.notice())
    }

    /// See [`Sealer::close`].
    ///
    /// # Errors
    /// The errors of [`Sealer::close`].
    pub fn close(&mut self) -> Result<(), CloseError> {
        self.tell_sealer();
        self.opener.drain();
        self.sealer.close()
    }

    /// Checks whether the peer has closed its direction: the second step of a shutdown.
    ///
    /// See [`Opener::check_closed`]. Received bytes are counted from [`close`](Self::close) or
    /// [`cancel`](Self::cancel) on, or from an earlier call of this function.
    ///
    /// # Errors
    /// The errors of [`Opener::check_closed`].
    pub fn check_closed(&mut self, budget: u32) -> Result<(), ShutdownError> {
        self.opener.check_closed(budget)
    }

    /// See [`Sealer::cancel`].
    ///
    /// # Errors
    /// The errors of [`Sealer::cancel`].
    pub fn cancel(&mut self) -> Result<(), CloseError> {
        self.tell_sealer();
        self.opener.drain();
        self.sealer.cancel()
    }

    /// See [`Sealer::abort`]. The receiving direction ends too: nothing more is opened.
    ///
    /// # Errors
    /// The errors of [`Sealer::abort`].
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.sealer.abort(description);
        self.tell_opener();
        aborted
    }

    /// See [`Sealer::update_keys`].
    ///
    /// # Errors
    /// The errors of [`Sealer::update_keys`].
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.tell_sealer();
        self.sealer.update_keys(request)
    }

    /// See [`Sealer::refuse_renegotiation`].
    ///
    /// # Errors
    /// The errors of [`Sealer::refuse_renegotiation`].
    pub fn refuse_renegotiation(&mut self) -> Result<(), KeyError> {
        self.sealer.refuse_renegotiation()
    }

    /// See [`Sealer::set_fragment_limit`].
    pub const fn set_fragment_limit(&mut self, limit: u16) {
        self.sealer.set_fragment_limit(limit);
    }

    /// See [`Sealer::set_padding`].
    pub const fn set_padding(&mut self, padding: Padding) {
        self.sealer.set_padding(padding);
    }

    /// Limits sealed records to the limit that the peer announced: see
    /// [`Sealer::set_record_size_limit`].
    pub const fn set_peer_record_size_limit(&mut self, limit: RecordSizeLimit) {
        self.sealer.set_record_size_limit(limit);
    }

    /// Limits received records to the limit that this end announced: see
    /// [`Opener::set_record_size_limit`].
    pub fn set_own_record_size_limit(&mut self, limit: RecordSizeLimit) {
        self.opener.set_record_size_limit(limit);
    }

    /// Sets the negotiated protocol version of both halves. See [`Opener::set_version`].
    pub fn set_version(&mut self, version: Version) {
        self.opener.set_version(version);
        self.sealer.set_version(version);
    }

    /// Installs the keys of both directions, starting at sequence number 0.
    ///
    /// `client` protects the records that the client seals, and `server` those that the server
    /// seals. [`Config::role`] decides which of them the sealer gets.
    ///
    /// If the keys of the directions change at different times, as in TLS 1.2, use
    /// [`install_one`](Self::install_one). If another implementation has sealed or opened records
    /// under the keys, use [`take_over`](Self::take_over).
    ///
    /// # Errors
    /// The errors of [`Opener::install`] and [`Sealer::install`]. In addition:
    ///
    /// - [`KeyError::Closed`] after an abort, also while its alert waits for these keys.
    /// - [`KeyError::Mismatch`] if the keys are of different versions.
    /// - [`KeyError::SameSecret`] if the keys have the same secret.
    ///
    /// After [`KeyError::Crypto`] the connection has failed if one of the directions had got its keys.
    pub fn install(&mut self, epoch: Epoch, client: K, server: K) -> Result<(), KeyError> {
        self.take_over(epoch, (client, 0), (server, 0))
    }

    /// Takes over the keys of both directions from another implementation.
    ///
    /// For connections on which it has sealed or opened records. Each direction has its keys, and
    /// the sequence number of its next record: see [`Sealer::take_over`].
    ///
    /// # Errors
    /// The errors of [`install`](Self::install).
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret};
    /// # let key = |byte| TrafficSecret::<Ring>::tls12(Algorithm::Aes128Gcm, &[byte; 16], &[byte; 4]);
    /// // A TLS 1.2 handshake, made elsewhere: both Finished had sequence number 0.
    /// let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// layer.take_over(Epoch::Application, (key(1)?, 1), (key(2)?, 1))?;
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn take_over(
        &mut self,
        epoch: Epoch,
        client: (K, u64),
        server: (K, u64),
    ) -> Result<(), KeyError> {
        let installed = pair::take_over(&mut self.opener, &mut self.sealer, epoch, client, server);
        scrub_stack(K::STACK);
        self.tell_sealer();
        self.tell_opener();
        installed
    }

    /// Installs the keys of the records that `writer` seals, starting at sequence number 0.
    ///
    /// For handshakes in which the keys of the directions change at different times.
    ///
    /// # Errors
    /// The errors of [`Opener::install`] or [`Sealer::install`], with [`KeyError::SameSecret`] if
    /// either direction already has this secret.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret};
    /// # let mut layer = RecordLayer::new(Config::new(Role::Server));
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// // A server has sealed its ServerHello: everything that it sends after that is protected.
    /// layer.install_one(Role::Server, Epoch::Handshake, secret(1)?)?;
    /// // It has sealed its Finished, and reads the client's next.
    /// layer.install_one(Role::Server, Epoch::Application, secret(2)?)?;
    /// layer.install_one(Role::Client, Epoch::Handshake, secret(3)?)?;
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn install_one(&mut self, writer: Role, epoch: Epoch, keys: K) -> Result<(), KeyError> {
        let installed = pair::install_one(&mut self.opener, &mut self.sealer, writer, epoch, keys);
        scrub_stack(K::STACK);
        self.tell_sealer();
        installed
    }

    /// Takes the alert or KeyUpdate that is due in a direction that the kernel has: see
    /// [`Sealer::take_kernel_control`].
    pub fn take_kernel_control(&mut self) -> Option<Control> {
        self.tell_sealer();
        let control = self.sealer.take_kernel_control();
        self.tell_opener();
        control
    }

    /// Returns how the connection ended, or that it is open.
    pub fn end(&self) -> End {
        End { read: self.opener.end(), write: self.sealer.end() }
    }

    /// Calls `call` with both halves, for methods that only a half has.
    ///
    /// Notices and signals are carried before and after it. If the halves do not fit together
    /// afterwards, because they have the same secret, or different roles or versions, the
    /// connection fails with [`Fault::Crypto`](crate::Fault).
    ///
    /// ```
    /// # use tls_record::{Config, RecordLayer, Role, TrafficSecret, aead::ring::Ring};
    /// # let mut layer = RecordLayer::<TrafficSecret<Ring>>::new(Config::new(Role::Server));
    /// // A server has sent a HelloRetryRequest to a client that sends early data.
    /// layer.with_halves(|opener, _| opener.skip_early_data(true))?;
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn with_halves<R>(&mut self, call: impl FnOnce(&mut Opener<K>, &mut Sealer<K>) -> R) -> R {
        self.tell_sealer();
        let returned = call(&mut self.opener, &mut self.sealer);
        pair::settle(&mut self.opener, &mut self.sealer);
        self.tell_sealer();
        self.tell_opener();
        returned
    }

    /// Returns the receiving half.
    pub const fn opener(&self) -> &Opener<K> {
        &self.opener
    }

    /// Returns the sending half.
    ///
    /// It may not know yet of a requested KeyUpdate that waits for the end of the input: for what
    /// is due, call [`next_control`](Self::next_control) of this type.
    pub const fn sealer(&self) -> &Sealer<K> {
        &self.sealer
    }

    /// Carries the notice to the sealer, unless it waits for the end of the input.
    #[cfg_attr(target_pointer_width = "64", cold)]
    fn tell_sealer_if_due(&mut self) {
        if !self.opener.is_notice_waiting() {
            self.sealer.apply(self.opener.take_notice());
        }
    }

    /// Carries the notice to the sealer, even if it waits for the end of the input. A KeyUpdate
    /// that the peer requested goes before everything that is sealed from now on (RFC 9846
    /// section 4.7.3).
    pub(crate) fn tell_sealer(&mut self) {
        if SMALL || self.opener.has_notice() {
            self.carry_notice();
        }
    }

    #[inline(never)]
    fn carry_notice(&mut self) {
        self.sealer.apply(self.opener.take_notice());
    }

    fn tell_opener(&mut self) {
        if SMALL || self.sealer.has_signal() {
            self.carry_signal();
        }
    }

    #[cfg_attr(target_pointer_width = "64", cold)]
    #[inline(never)]
    fn carry_signal(&mut self) {
        self.opener.apply(self.sealer.take_signal());
    }
}

impl<K: KeySchedule> core::fmt::Debug for RecordLayer<K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "RecordLayer({:?}, {:?})", self.opener, self.sealer)
    }
}

#[cfg(feature = "defmt")]
impl<K: KeySchedule> defmt::Format for RecordLayer<K> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "RecordLayer({}, {})", self.opener, self.sealer);
    }
}
