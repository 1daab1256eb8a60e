//! What one half tells the other: small words, without a lock.
//!
//! The halves of a connection may live in two threads, two tasks, or an interrupt handler and a
//! main loop. What the opener finds out and the sealer must act on travels as a [`Notice`]; the few
//! things that the opener must know of the sealer travel as a [`Signal`]. Both are plain words,
//! merge by OR, and never get lost: the half that makes one keeps it until it is taken.
//! [`RecordLayer`](crate::RecordLayer) carries them by itself.

use crate::alert::AlertDescription;

/// The bits of an alert description; the flags lie above them.
const ALERT: u32 = 0xff;

/// From the [`Opener`](crate::Opener) to the [`Sealer`](crate::Sealer).
///
/// ```
/// use tls_record::Notice;
/// let notice = Notice::NONE;
/// assert!(notice.is_empty());
/// assert_eq!(Notice::from_bits(notice.bits()), notice);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a notice that is dropped is an alert or a KeyUpdate that never leaves"]
pub struct Notice(u32);

impl Notice {
    /// Nothing to tell.
    pub const NONE: Self = Self(0);

    const FATAL: u32 = 1 << 8;
    /// The peer sent an error alert, or is not there to understand one of ours.
    pub(crate) const PEER_FAILED: Self = Self(1 << 9);
    /// The peer sent a close_notify.
    pub(crate) const PEER_CLOSED: Self = Self(1 << 10);
    /// The peer asked for a KeyUpdate.
    pub(crate) const UPDATE_REQUESTED: Self = Self(1 << 11);
    /// The peer updated its keys: it may be asked again.
    pub(crate) const PEER_UPDATED: Self = Self(1 << 12);

    /// Send this fatal alert. At most one such word is made by a connection.
    pub(crate) const fn fatal(description: AlertDescription) -> Self {
        Self(Self::FATAL | description.0 as u32)
    }

    pub(crate) const fn fatal_alert(self) -> Option<AlertDescription> {
        if self.0 & Self::FATAL == 0 {
            return None;
        }
        Some(AlertDescription((self.0 & ALERT) as u8))
    }

    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is nothing to tell.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both in one. Order does not matter, and telling twice is telling once.
    pub const fn merge(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The word itself, for an atomic: `fetch_or` merges, `swap(0)` takes.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The notice of a word that [`bits`](Self::bits) gave.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl core::fmt::Debug for Notice {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut set = f.debug_set();
        if let Some(alert) = self.fatal_alert() {
            set.entry(&alert);
        }
        for (flag, name) in [
            (Self::PEER_FAILED, "peer failed"),
            (Self::PEER_CLOSED, "peer closed"),
            (Self::UPDATE_REQUESTED, "update requested"),
            (Self::PEER_UPDATED, "peer updated"),
        ] {
            if self.contains(flag) {
                set.entry(&name);
            }
        }
        set.finish()
    }
}

/// From the [`Sealer`](crate::Sealer) to the [`Opener`](crate::Opener).
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a signal that is dropped leaves the opener running"]
pub struct Signal(u32);

impl Signal {
    /// Nothing to tell.
    pub const NONE: Self = Self(0);

    const STOP: u32 = 1 << 8;
    /// We asked for a KeyUpdate: one that answers is no misbehaviour.
    pub(crate) const UPDATE_REQUESTED: Self = Self(1 << 9);

    /// The connection was aborted with this alert: open nothing more.
    pub(crate) const fn stop(description: AlertDescription) -> Self {
        Self(Self::STOP | description.0 as u32)
    }

    pub(crate) const fn stopped(self) -> Option<AlertDescription> {
        if self.0 & Self::STOP == 0 {
            return None;
        }
        Some(AlertDescription((self.0 & ALERT) as u8))
    }

    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is nothing to tell.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both in one. Order does not matter, and telling twice is telling once.
    pub const fn merge(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The word itself, for an atomic: `fetch_or` merges, `swap(0)` takes.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The signal of a word that [`bits`](Self::bits) gave.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

impl core::fmt::Debug for Signal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut set = f.debug_set();
        if let Some(alert) = self.stopped() {
            set.entry(&("stop", alert));
        }
        if self.contains(Self::UPDATE_REQUESTED) {
            set.entry(&"update requested");
        }
        set.finish()
    }
}
