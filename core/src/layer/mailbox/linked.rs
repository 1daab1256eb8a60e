//! Halves of a connection that exchange notices and signals by themselves.

use super::Mailbox;
use crate::crypto::keys::KeySchedule;
use crate::layer::opener::Opener;
use crate::layer::record_layer::RecordLayer;
use crate::layer::sealer::Sealer;
use crate::protocol::error::KeyError;

/// One half of a connection, which exchanges notices and signals with the other half by itself.
///
/// `H` is an [`Opener`], a [`Sealer`] or a [`Writer`](crate::Writer). [`RecordLayer::split_over`] and
/// [`Connection::split_over`](crate::Connection::split_over) make the two halves, for two threads,
/// tasks or interrupt levels.
///
/// [`with`](Self::with) gives access to methods that change the half, and [`half`](Self::half) to
/// the others. Both first apply what the other half posted. When they return, the notice or signal
/// of this half is posted. So the alert for a received record cannot be forgotten, and no data is
/// sealed once it is due.
///
/// Two things remain for the caller:
///
/// - **Send and receive after `with` has returned, not inside of it.** The receiving half must be
///   told of a KeyUpdate that requests an answer before the answer arrives.
/// - **Wake the thread or task of the sending half** when an alert or a KeyUpdate is due there:
///   call [`Opener::has_notice`] inside the closure, after the last `open`, and wake when `with`
///   has returned. Outside of the closure it returns `false`, because the notice is posted.
///
/// ```
/// use std::sync::mpsc::channel;
/// use std::thread;
/// use tls_record::aead::{Algorithm, ring::Ring};
/// use tls_record::{Config, Epoch, Mailbox, RecordLayer, Role, SealError, TrafficSecret};
///
/// let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
/// let mut layer = RecordLayer::new(Config::new(Role::Server));
/// layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
///
/// let mut mailbox = Mailbox::new();
/// let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
/// let (wake, woken) = channel();
/// thread::scope(|scope| {
///     scope.spawn(move || {
///         let mut forged = [23, 3, 3, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
///         let (opened, has_notice) = opener.with(|opener| {
///             let opened = opener.open(&mut forged);
///             (opened, opener.has_notice())
///         });
///         if has_notice {
///             wake.send(()).unwrap();
///         }
///         opened.unwrap_err();
///     });
///     scope.spawn(move || {
///         woken.recv().unwrap();
///         let mut out = [0; 64];
///         let sealed = sealer.with(|sealer| sealer.seal(&[b"data"], &mut out));
///         assert_eq!(sealed, Err(SealError::Failed));
///         let length = sealer.with(|sealer| sealer.poll_control(&mut out)).unwrap();
///         assert_eq!(length, 24); // to be sent: bad_record_mac
///     });
/// });
/// # Ok::<(), tls_record::KeyError>(())
/// ```
pub struct Linked<'a, H> {
    half: H,
    mailbox: &'a Mailbox,
}

impl<'a, H: Half> Linked<'a, H> {
    /// Calls `call` with this half, for methods that change it: opening, sealing, closing,
    /// installing keys.
    ///
    /// What the other half posted is applied before the call. The notice or signal of this half is
    /// posted after it, whatever it returns, and also if it panics.
    ///
    /// Open everything that one read of the transport brought in a single call of `with`: several
    /// requests for a KeyUpdate in it then get one answer (RFC 9846 section 4.7.3).
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Mailbox, RecordLayer, Role, TrafficSecret};
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// # let mut mailbox = Mailbox::new();
    /// # let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
    /// # let send = |record: &[u8]| assert_eq!(record.len(), 26);
    /// let mut out = [0; 64];
    /// let sealed = sealer.with(|sealer| sealer.seal(&[b"data"], &mut out)).unwrap();
    /// send(&out[..sealed.written]);
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn with<R>(&mut self, call: impl FnOnce(&mut H) -> R) -> R {
        self.exchange();
        let posting = Posting(self);
        call(&mut posting.0.half)
    }

    /// Applies what the other half posted, and returns this half for reading.
    ///
    /// The bytes of [`Writer::unsent`](crate::Writer::unsent) that are read through it may be sent:
    /// the other half has been told everything that it must know before.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Connection, Epoch, Mailbox, RecordLayer, Role, TrafficSecret};
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// # let mut mailbox = Mailbox::new();
    /// # let (mut opener, mut writer) = Connection::<_, 512>::new(layer).split_over(&mut mailbox);
    /// # let send = |records: &[u8]| records.len().min(10);
    /// writer.with(|writer| writer.write(&[b"data"])).unwrap();
    /// while !writer.half().unsent().is_empty() {
    ///     let taken = send(writer.half().unsent()); // with an asynchronous transport: `.await`
    ///     writer.with(|writer| writer.sent(taken));
    /// }
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn half(&mut self) -> &H {
        self.exchange();
        &self.half
    }

    fn exchange(&mut self) {
        self.half.take(self.mailbox);
        // A `Writer` that applies a notice may seal a record, and its cipher may fail.
        self.half.post(self.mailbox);
    }

    /// Links the halves of one connection.
    pub(crate) fn pair<S: Half>(
        opener: H,
        sender: S,
        mailbox: &'a mut Mailbox,
    ) -> (Self, Linked<'a, S>) {
        // What an earlier connection left must not reach this one.
        *mailbox = Mailbox::new();
        let mailbox = &*mailbox;
        let mut opener = Self { half: opener, mailbox };
        // Requests for a KeyUpdate may wait in the opener for the end of its input.
        opener.half.post(mailbox);
        (opener, Linked { half: sender, mailbox })
    }

    /// Applies what is in the mailbox, and returns the halves. They keep the notices and signals
    /// that result from it.
    ///
    /// # Errors
    /// [`KeyError::Mismatch`] if the halves have different mailboxes.
    pub(crate) fn unlink<S: Half>(self, sender: Linked<'_, S>) -> Result<(H, S), KeyError> {
        if !core::ptr::eq(self.mailbox, sender.mailbox) {
            return Err(KeyError::Mismatch);
        }
        let (mut opener, mut sender) = (self.half, sender.half);
        opener.take(self.mailbox);
        sender.take(self.mailbox);
        Ok((opener, sender))
    }
}

/// Posts the notice or signal of a half when it is dropped: at the end of a call, also if that
/// panics.
struct Posting<'c, 'a, H: Half>(&'c mut Linked<'a, H>);

impl<H: Half> Drop for Posting<'_, '_, H> {
    fn drop(&mut self) {
        self.0.half.post(self.0.mailbox);
    }
}

impl<H: core::fmt::Debug> core::fmt::Debug for Linked<'_, H> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Linked({:?})", self.half)
    }
}

#[cfg(feature = "defmt")]
impl<H: defmt::Format> defmt::Format for Linked<'_, H> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Linked({})", self.half);
    }
}

impl<K: KeySchedule> RecordLayer<K> {
    /// Splits the connection into halves that exchange notices and signals through `mailbox`: see
    /// [`Linked`].
    ///
    /// The mailbox belongs to this connection as long as the halves live. What an earlier
    /// connection left in it is dropped. Both halves borrow it: it can be on the stack around
    /// scoped threads, or beside two futures that one task joins. Threads and tasks that must be
    /// `'static` need a `&'static mut Mailbox`, from `Box::leak`, or in firmware from the crate
    /// `static_cell` or `cortex_m::singleton!`. Such a mailbox serves only one connection. For
    /// several connections in succession, borrow a mailbox for a shorter time.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, RecordLayer, Role, TrafficSecret};
    /// use tls_record::{Event, Mailbox};
    ///
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// let mut mailbox = Mailbox::new();
    /// let (mut opener, mut sealer) = layer.split_over(&mut mailbox);
    /// let opened = opener.with(|opener| opener.open(&mut [])).unwrap();
    /// assert_eq!(opened.event, Event::NeedMore { total: 5 });
    /// sealer.with(|sealer| sealer.close()).unwrap();
    /// assert!(sealer.half().has_control());
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn split_over<'a>(
        self,
        mailbox: &'a mut Mailbox,
    ) -> (Linked<'a, Opener<K>>, Linked<'a, Sealer<K>>) {
        let (opener, sealer) = self.split();
        Linked::pair(opener, sealer, mailbox)
    }

    /// Joins the halves that [`split_over`](Self::split_over) made. What they have posted is
    /// applied.
    ///
    /// # Errors
    /// The errors of [`join`](Self::join), and [`KeyError::Mismatch`] if the halves are of
    /// different connections.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Mailbox, RecordLayer, Role, TrafficSecret};
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// # let mut mailbox = Mailbox::new();
    /// let (mut opener, sealer) = layer.split_over(&mut mailbox);
    /// opener.with(|opener| opener.open(&mut [23, 3, 3, 0xff, 0xff])).unwrap_err();
    /// let layer = RecordLayer::join_linked(opener, sealer)?;
    /// assert!(layer.has_control()); // record_overflow
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn join_linked(
        opener: Linked<'_, Opener<K>>,
        sealer: Linked<'_, Sealer<K>>,
    ) -> Result<Self, KeyError> {
        let (opener, sealer) = opener.unlink(sealer)?;
        Self::join(opener, sealer)
    }
}

/// A half that can exchange words through a mailbox. Only this crate can implement it, because it
/// is not exported.
pub trait Half {
    /// Applies what the other half posted.
    fn take(&mut self, mailbox: &Mailbox);

    /// Posts the notice or signal of this half.
    fn post(&mut self, mailbox: &Mailbox);
}

impl<K: KeySchedule> Half for Opener<K> {
    fn take(&mut self, mailbox: &Mailbox) {
        let signal = mailbox.take_signal();
        if !signal.is_empty() {
            self.apply(signal);
        }
    }

    fn post(&mut self, mailbox: &Mailbox) {
        if self.has_notice() {
            mailbox.post_notice(self.take_notice());
        }
    }
}

impl<K: KeySchedule> Half for Sealer<K> {
    fn take(&mut self, mailbox: &Mailbox) {
        let notice = mailbox.take_notice();
        if !notice.is_empty() {
            self.apply(notice);
        }
    }

    fn post(&mut self, mailbox: &Mailbox) {
        if self.has_signal() {
            mailbox.post_signal(self.take_signal());
        }
    }
}
