//! Record sizes that grow while a stream runs.

use core::time::Duration;

/// Chooses record sizes: small at first, large while the stream runs, small again after a pause.
///
/// The peer can use a record only when all of it has arrived, so the first bytes should be in small
/// records.
///
/// There is no clock inside: the caller passes `now`, the time since any fixed moment.
///
/// ```
/// use core::time::Duration;
/// use tls_record::RecordSizes;
/// # use tls_record::{Config, Role, Sealer, TrafficSecret, aead::ring::Ring};
/// # let mut sealer = Sealer::<TrafficSecret<Ring>>::new(Config::new(Role::Server));
///
/// // One record per packet for the first 64 KiB, and again after a second without data.
/// let mut sizes = RecordSizes::new(1_370, 1 << 16, Duration::from_secs(1));
///
/// let now = Duration::from_millis(20);
/// sealer.set_fragment_limit(sizes.limit(now));
/// assert_eq!(sealer.fragment_limit(), 1_370);
/// sizes.sealed(1 << 16, now);
/// sealer.set_fragment_limit(sizes.limit(now));
/// assert_eq!(sealer.fragment_limit(), tls_record::MAX_CONTENT);
/// assert_eq!(sizes.limit(Duration::from_secs(2)), 1_370);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RecordSizes {
    small: u16,
    warm_up: usize,
    idle: Duration,
    /// Bytes of content that were sealed since the start or the last pause; saturates.
    run: usize,
    /// When content was last sealed.
    last: Duration,
}

impl RecordSizes {
    /// Limits records to `small` bytes of content for the first `warm_up` bytes of the stream.
    ///
    /// The limit applies again for `warm_up` bytes after a pause of `idle`.
    pub const fn new(small: u16, warm_up: usize, idle: Duration) -> Self {
        Self { small, warm_up, idle, run: 0, last: Duration::ZERO }
    }

    /// Returns the limit to pass to
    /// [`Sealer::set_fragment_limit`](crate::Sealer::set_fragment_limit) before sealing.
    pub fn limit(&mut self, now: Duration) -> u16 {
        if now.as_nanos().saturating_sub(self.last.as_nanos()) >= self.idle.as_nanos() {
            self.run = 0;
        }
        if self.run < self.warm_up { self.small } else { u16::MAX }
    }

    /// Reports that `len` bytes of content were sealed.
    pub const fn sealed(&mut self, len: usize, now: Duration) {
        self.run = self.run.saturating_add(len);
        self.last = now;
    }
}
