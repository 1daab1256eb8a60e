//! Both halves of a connection in one, wired together.

use crate::SMALL;
use crate::alert::AlertDescription;
use crate::config::Config;
use crate::end::{End, ReadEnd};
use crate::error::{CloseError, KeyError, OpenError, SealError};
use crate::keys::KeySchedule;
use crate::opener::{Event, Opened, Opener};
use crate::record::{Epoch, Version};
use crate::scrub::scrub_stack;
use crate::sealer::{Control, Sealed, Sealer};

/// An [`Opener`] and a [`Sealer`] that tell each other what they must know.
///
/// Its methods are those of the halves, which say what each does. After every call ask
/// [`has_control`](Self::has_control), and send what [`poll_control`](Self::poll_control) seals.
///
/// ```
/// use tls_record::aead::{Algorithm, ring::Ring};
/// use tls_record::{Config, Epoch, Event, RecordLayer, Role, TrafficSecret};
///
/// let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
/// let mut client = RecordLayer::new(Config::new(Role::Client));
/// client.install(Epoch::Application, secret(1)?, secret(2)?)?;
/// let mut server = RecordLayer::new(Config::new(Role::Server));
/// server.install(Epoch::Application, secret(2)?, secret(1)?)?;
///
/// // The client closes its direction; the server still has something to say.
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
    /// A connection without keys.
    #[inline(never)] // One copy for all who make one.
    pub const fn new(config: Config) -> Self {
        Self { opener: Opener::new(config), sealer: Sealer::new(config) }
    }

    /// Joins two halves of one connection.
    pub fn join(opener: Opener<K>, sealer: Sealer<K>) -> Self {
        let mut this = Self { opener, sealer };
        this.tell_sealer();
        this.tell_opener();
        this
    }

    /// The two halves, for two threads, tasks or interrupt levels. From here on their owner carries
    /// the [`Notice`](crate::Notice) and the [`Signal`](crate::Signal) between them.
    pub fn split(self) -> (Opener<K>, Sealer<K>) {
        (self.opener, self.sealer)
    }

    /// See [`Opener::open`].
    ///
    /// # Errors
    /// Those of [`Opener::open`]. The alert that a fault demands is due at once.
    #[inline]
    pub fn open(&mut self, input: &mut [u8]) -> Result<Opened, OpenError> {
        let opened = self.opener.open(input);
        // Of data there is nothing to tell.
        let is_data = matches!(opened, Ok(Opened { event: Event::ApplicationData(_), .. }));
        if SMALL || !is_data && self.opener.has_notice() {
            self.tell_sealer();
        }
        opened
    }

    /// See [`Opener::eof`].
    pub fn eof(&mut self) -> ReadEnd {
        let end = self.opener.eof();
        self.tell_sealer();
        end
    }

    /// See [`Sealer::seal`].
    ///
    /// # Errors
    /// Those of [`Sealer::seal`].
    pub fn seal(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<Sealed, SealError> {
        let sealed = self.sealer.seal(parts, out);
        self.tell_opener();
        sealed
    }

    /// See [`Sealer::seal_in_place`].
    ///
    /// # Errors
    /// Those of [`Sealer::seal_in_place`].
    #[inline]
    pub fn seal_in_place(&mut self, record: &mut [u8], len: usize) -> Result<usize, SealError> {
        let sealed = self.sealer.seal_in_place(record, len);
        self.tell_opener();
        sealed
    }

    /// See [`Sealer::seal_handshake`].
    ///
    /// # Errors
    /// Those of [`Sealer::seal_handshake`].
    pub fn seal_handshake(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<usize, SealError> {
        let sealed = self.sealer.seal_handshake(parts, out);
        self.tell_opener();
        sealed
    }

    /// See [`Sealer::has_control`].
    #[inline]
    pub fn has_control(&self) -> bool {
        self.sealer.has_control()
    }

    /// See [`Sealer::poll_control`].
    ///
    /// # Errors
    /// Those of [`Sealer::poll_control`].
    pub fn poll_control(&mut self, out: &mut [u8]) -> Result<usize, SealError> {
        let sealed = self.sealer.poll_control(out);
        self.tell_opener();
        sealed
    }

    /// See [`Sealer::next_control`].
    #[inline]
    pub fn next_control(&self) -> Option<Control> {
        self.sealer.next_control()
    }

    /// See [`Sealer::close`].
    ///
    /// # Errors
    /// Those of [`Sealer::close`].
    pub fn close(&mut self) -> Result<(), CloseError> {
        self.sealer.close()
    }

    /// See [`Sealer::cancel`].
    ///
    /// # Errors
    /// Those of [`Sealer::cancel`].
    pub fn cancel(&mut self) -> Result<(), CloseError> {
        self.sealer.cancel()
    }

    /// See [`Sealer::abort`]. Nothing more is opened either.
    ///
    /// # Errors
    /// Those of [`Sealer::abort`].
    pub fn abort(&mut self, description: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.sealer.abort(description);
        self.tell_opener();
        aborted
    }

    /// See [`Sealer::update_keys`].
    ///
    /// # Errors
    /// Those of [`Sealer::update_keys`].
    pub fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        self.sealer.update_keys(request)
    }

    /// Says which version the handshake chose. See [`Opener::set_version`].
    pub const fn set_version(&mut self, version: Version) {
        self.opener.set_version(version);
        self.sealer.set_version(version);
    }

    /// Installs keys for both directions at once, their records counting from 0. Handshakes whose
    /// directions change at different times, and connections taken over from elsewhere, install them
    /// [half by half](Self::with_halves).
    ///
    /// # Errors
    /// Those of [`Opener::install`] and [`Sealer::install`]. After [`KeyError::Crypto`] one of the
    /// directions may have its keys: the connection is of no use any more.
    pub fn install(&mut self, epoch: Epoch, read: K, write: K) -> Result<(), KeyError> {
        let installed = self.install_both(epoch, read, write);
        scrub_stack(K::STACK);
        installed
    }

    /// Not inlined: its frame has to be one that [`scrub_stack`] reaches.
    #[inline(never)]
    fn install_both(&mut self, epoch: Epoch, read: K, write: K) -> Result<(), KeyError> {
        self.with_halves(|opener, sealer| {
            sealer.check_install(epoch, &write)?;
            opener.install(epoch, read, 0)?;
            sealer.install(epoch, write, 0)
        })
    }

    /// How the connection ended, or that it has not.
    pub fn end(&self) -> End {
        End { read: self.opener.end(), write: self.sealer.end() }
    }

    /// Calls on one half alone what a handshake needs now and then, and carries what the halves have
    /// to tell each other afterwards.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret};
    /// # let mut layer = RecordLayer::new(Config::new(Role::Server));
    /// let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// // A server's ServerHello is sealed: what it sends from here on is protected.
    /// layer.with_halves(|_, sealer| sealer.install(Epoch::Handshake, secret, 0))?;
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn with_halves<R>(&mut self, call: impl FnOnce(&mut Opener<K>, &mut Sealer<K>) -> R) -> R {
        let returned = call(&mut self.opener, &mut self.sealer);
        self.tell_sealer();
        self.tell_opener();
        returned
    }

    /// The receiving half.
    pub const fn opener(&self) -> &Opener<K> {
        &self.opener
    }

    /// The sending half.
    pub const fn sealer(&self) -> &Sealer<K> {
        &self.sealer
    }

    #[cfg_attr(target_pointer_width = "64", cold)]
    #[inline(never)]
    fn tell_sealer(&mut self) {
        self.sealer.apply(self.opener.take_notice());
    }

    #[inline]
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
