//! An atomic word that carries notices and signals between two separate halves.

mod linked;

pub(crate) use linked::Half;
pub use linked::Linked;

use crate::layer::notice::{Notice, Signal};

#[cfg(all(not(loom), target_has_atomic = "32"))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(all(not(loom), not(target_has_atomic = "32")))]
use portable_atomic::{AtomicU32, Ordering};

/// One atomic word that carries a [`Notice`] and a [`Signal`] between the halves of a connection.
///
/// It connects two threads, two tasks, or an interrupt handler and a main loop. No call blocks.
///
/// Most programs only create one and pass it to
/// [`RecordLayer::split_over`](crate::RecordLayer::split_over) or
/// [`Connection::split_over`](crate::Connection::split_over). The [`Linked`] halves that these
/// return post and take by themselves.
///
/// The methods are for programs that carry notices and signals themselves, because the halves are
/// in different processes, or communicate by messages of the program's own. The caller must then
/// keep these rules:
///
/// - Before the opener [opens](crate::Opener::open), it [applies](crate::Opener::apply) the
///   [signal](Self::take_signal). After it has, also after an error, its notice is
///   [posted](Self::post_notice).
/// - Before the sealer seals or closes, it [applies](crate::Sealer::apply) the
///   [notice](Self::take_notice). After it has, and before the record is sent, its signal is
///   [posted](Self::post_signal).
/// - Before another connection uses the mailbox, notice and signal are taken and dropped: an alert
///   that the last connection has left would end the next one.
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
///
/// # Targets without compare-and-swap
///
/// On thumbv6m (RP2040) and riscv32imc there are no atomic read-modify-write instructions. There,
/// `Mailbox` and [`Linked`] need the feature `portable-atomic`. The binary selects how the crate
/// `portable-atomic` replaces these instructions, by a feature of that crate: `portable-atomic = {
/// version = "1", features = ["critical-section"] }`, or `"unsafe-assume-single-core"` if the
/// processor has a single core.
#[derive(Debug)]
pub struct Mailbox(AtomicU32);

/// The notice lies in the low half of the word, the signal in the high half.
const SIGNAL_SHIFT: u32 = 16;
const NOTICE_MASK: u32 = (1 << SIGNAL_SHIFT) - 1;

impl Mailbox {
    /// Creates an empty mailbox.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Creates an empty mailbox.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Posts what [`Opener::take_notice`](crate::Opener::take_notice) returned. It merges with what has
    /// not been taken yet.
    pub fn post_notice(&self, notice: Notice) {
        if !notice.is_empty() {
            self.0.fetch_or(notice.bits(), Ordering::Release);
        }
    }

    /// Takes what the opener posted, for [`Sealer::apply`](crate::Sealer::apply).
    pub fn take_notice(&self) -> Notice {
        Notice::from_bits(self.take(NOTICE_MASK))
    }

    /// Posts what [`Sealer::take_signal`](crate::Sealer::take_signal) returned. It merges with what has
    /// not been taken yet.
    pub fn post_signal(&self, signal: Signal) {
        if !signal.is_empty() {
            self.0.fetch_or(signal.bits() << SIGNAL_SHIFT, Ordering::Release);
        }
    }

    /// Takes what the sealer posted, for [`Opener::apply`](crate::Opener::apply).
    pub fn take_signal(&self) -> Signal {
        Signal::from_bits(self.take(!NOTICE_MASK) >> SIGNAL_SHIFT)
    }

    fn take(&self, mask: u32) -> u32 {
        // Usually there is nothing to take. Unlike `fetch_and`, a load does not take the cache line
        // from the other half.
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

#[cfg(feature = "defmt")]
impl defmt::Format for Mailbox {
    fn format(&self, f: defmt::Formatter<'_>) {
        let bits = self.0.load(Ordering::Relaxed);
        let notice = Notice::from_bits(bits & NOTICE_MASK);
        defmt::write!(f, "Mailbox({}, {})", notice, Signal::from_bits(bits >> SIGNAL_SHIFT));
    }
}
