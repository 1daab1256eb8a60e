//! The words between two halves that live apart.

use crate::notice::{Notice, Signal};

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

/// One atomic word that carries the [`Notice`] and the [`Signal`] between the halves of a
/// connection: for two threads, two tasks, or an interrupt handler and a main loop. No call waits.
///
/// The receiving half posts its notice after each call of [`Opener::open`](crate::Opener::open), also
/// after one that failed, and takes the signal before it. The sending half takes the notice before it
/// seals, and posts its signal before the record leaves. Waking the other half is the caller's
/// wiring.
///
/// ```
/// use tls_record::aead::{Algorithm, ring::Ring};
/// use tls_record::{Config, Epoch, Mailbox, RecordLayer, Role, TrafficSecret};
///
/// static MAILBOX: Mailbox = Mailbox::new();
///
/// let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
/// let mut layer = RecordLayer::new(Config::new(Role::Server));
/// layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
/// let (mut opener, mut sealer) = layer.split();
///
/// // One thread: an early return by `?` loses nothing that was posted.
/// opener.apply(MAILBOX.take_signal());
/// let opened = opener.open(&mut [21, 3, 3, 0, 2, 1, 0]); // a forged alert
/// MAILBOX.post_notice(opener.take_notice());
/// assert!(opened.is_err());
///
/// // The other.
/// sealer.apply(MAILBOX.take_notice());
/// let mut alert = [0; 64];
/// assert_eq!(sealer.poll_control(&mut alert), Ok(24));
/// MAILBOX.post_signal(sealer.take_signal());
/// # Ok::<(), tls_record::KeyError>(())
/// ```
#[derive(Debug)]
pub struct Mailbox(AtomicU32);

/// The notice lies in the low half of the word, the signal in the high half.
const SIGNAL_SHIFT: u32 = 16;
const NOTICE_MASK: u32 = (1 << SIGNAL_SHIFT) - 1;

impl Mailbox {
    /// An empty mailbox.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// An empty mailbox.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Adds what the opener has to tell.
    pub fn post_notice(&self, notice: Notice) {
        if !notice.is_empty() {
            self.0.fetch_or(notice.bits(), Ordering::Release);
        }
    }

    /// Takes what the opener told, for [`Sealer::apply`](crate::Sealer::apply).
    pub fn take_notice(&self) -> Notice {
        Notice::from_bits(self.take(NOTICE_MASK))
    }

    /// Adds what the sealer has to tell.
    pub fn post_signal(&self, signal: Signal) {
        if !signal.is_empty() {
            self.0.fetch_or(signal.bits() << SIGNAL_SHIFT, Ordering::Release);
        }
    }

    /// Takes what the sealer told, for [`Opener::apply`](crate::Opener::apply).
    pub fn take_signal(&self) -> Signal {
        Signal::from_bits(self.take(!NOTICE_MASK) >> SIGNAL_SHIFT)
    }

    fn take(&self, mask: u32) -> u32 {
        // Mostly there is nothing, and a load does not take the cache line from the other half.
        if self.0.load(Ordering::Relaxed) & mask == 0 {
            return 0;
        }
        self.0.fetch_and(!mask, Ordering::Acquire) & mask
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}
