//! How long records are to be in the course of a stream.

use core::time::Duration;

/// Small records first, so that the peer can use the first bytes before a long record is whole; large
/// ones when the stream runs; small ones again after it has idled.
///
/// It has no clock: `now` is the time since any fixed moment, by a clock of the caller's.
///
/// ```
/// use core::time::Duration;
/// use tls_record::RecordSizes;
/// # use tls_record::{Config, Role, Sealer, TrafficSecret, aead::ring::Ring};
/// # let mut sealer = Sealer::<TrafficSecret<Ring>>::new(Config::new(Role::Server));
///
/// // A record in a packet for the first 64 KiB, and again after a second of silence.
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
    /// Bytes that were sealed since the stream began to run, as far as they count.
    run: usize,
    last: Duration,
}

impl RecordSizes {
    /// `small` bytes of content a record for the first `warm_up` bytes, and again after a silence of
    /// `idle`.
    pub const fn new(small: u16, warm_up: usize, idle: Duration) -> Self {
        Self { small, warm_up, idle, run: 0, last: Duration::ZERO }
    }

    /// What to give to [`Sealer::set_fragment_limit`](crate::Sealer::set_fragment_limit) before
    /// sealing.
    pub fn limit(&mut self, now: Duration) -> u16 {
        if now.as_nanos().saturating_sub(self.last.as_nanos()) >= self.idle.as_nanos() {
            self.run = 0;
        }
        if self.run < self.warm_up { self.small } else { u16::MAX }
    }

    /// `len` bytes of content were sealed.
    pub const fn sealed(&mut self, len: usize, now: Duration) {
        self.run = self.run.saturating_add(len);
        self.last = now;
    }
}
