//! Flags exchanged between the two halves without locking.
//!
//! The halves of a connection may run in two threads, in two tasks, or in an interrupt handler and
//! a main loop. A [`Notice`] tells the sealer what the opener found in a record: send this alert,
//! answer this KeyUpdate. A [`Signal`] tells the opener what the sealer did. Both are integers
//! whose bits merge by OR. None is lost: the half that makes one keeps it until it is taken.
//! [`RecordLayer`](crate::RecordLayer) carries them between its halves.

use crate::protocol::alert::{AlertDescription, AlertLevel};

/// Defines a word of flags, which can also carry an alert: in its low byte, if `HAS_ALERT` is set.
macro_rules! word {
    ($(#[$doc:meta])* $word:ident: $($(#[$flag_doc:meta])* $flag:ident = $bit:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[must_use = "what is dropped here never reaches the other half"]
        pub struct $word(u32);

        impl $word {
            /// No flags and no alert.
            pub const NONE: Self = Self(0);

            const HAS_ALERT: u32 = 1 << 8;
            const ALERT_MASK: u32 = 0xff;
            /// All bits that the engine sets.
            const ALL: u32 = Self::HAS_ALERT | Self::ALERT_MASK $(| 1 << $bit)*;
            $($(#[$flag_doc])* pub(crate) const $flag: Self = Self(1 << $bit);)*

            const fn with_alert(description: AlertDescription) -> Self {
                Self(Self::HAS_ALERT | description.0 as u32)
            }

            /// Returns the alert that ends the connection, if there is one.
            pub(crate) const fn alert(self) -> Option<AlertDescription> {
                if self.0 & Self::HAS_ALERT == 0 {
                    return None;
                }
                Some(AlertDescription((self.0 & Self::ALERT_MASK) as u8))
            }

            pub(crate) const fn contains(self, flag: Self) -> bool {
                self.0 & flag.0 != 0
            }

            /// Returns whether there are no flags and no alert.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Returns one word with the flags and alerts of both.
            ///
            /// The order does not matter, and merging the same word again changes nothing.
            pub const fn merge(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Returns the word as an integer, for an atomic: `fetch_or` merges, `swap(0)` takes.
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// Creates a word from what [`bits`](Self::bits) returned.
            ///
            /// Bits that it never sets are ignored, and an alert that does not end a connection
            /// becomes internal_error.
            pub const fn from_bits(bits: u32) -> Self {
                let word = Self(bits & Self::ALL);
                match word.alert() {
                    Some(alert) if alert.level().0 == AlertLevel::FATAL.0 => word,
                    Some(_) => Self::with_alert(AlertDescription::INTERNAL_ERROR)
                        .merge(Self(word.0 & !Self::ALERT_MASK)),
                    None => Self(word.0 & !Self::ALERT_MASK),
                }
            }
        }

        impl core::fmt::Debug for $word {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let mut set = f.debug_set();
                if let Some(alert) = self.alert() {
                    set.entry(&alert);
                }
                $(if self.contains(Self::$flag) {
                    set.entry(&stringify!($flag));
                })*
                set.finish()
            }
        }
    };
}

word! {
    /// What an [`Opener`](crate::Opener) tells the [`Sealer`](crate::Sealer) of its connection.
    ///
    /// ```
    /// use tls_record::Notice;
    /// let notice = Notice::NONE;
    /// assert!(notice.is_empty());
    /// assert_eq!(Notice::from_bits(notice.bits()), notice);
    /// ```
    Notice:
    /// The peer sent an error alert, or does not speak TLS and would not understand an alert.
    PEER_FAILED = 9,
    /// The peer sent a close_notify.
    PEER_CLOSED = 10,
    /// The peer requested a KeyUpdate.
    UPDATE_REQUESTED = 11,
    /// The peer answered the requested KeyUpdate: another one may be requested.
    PEER_ANSWERED = 12,
    /// The transport ended before the peer's close_notify.
    TRUNCATED = 13,
}

word! {
    /// What a [`Sealer`](crate::Sealer) tells the [`Opener`](crate::Opener) of its connection.
    ///
    /// ```
    /// use tls_record::Signal;
    /// let signal = Signal::NONE;
    /// assert_eq!(signal.merge(signal), Signal::NONE);
    /// ```
    Signal:
    /// A KeyUpdate was requested from the peer: its answer does not count as a flood.
    UPDATE_REQUESTED = 9,
    /// The connection ended because the cipher failed, not by an abort of the application.
    CIPHER_FAILED = 10,
}

impl Notice {
    /// Returns whether the sealer may receive this later: it reports nothing but KeyUpdates.
    pub(crate) const fn can_wait(self) -> bool {
        self.0 & !(Self::UPDATE_REQUESTED.0 | Self::PEER_ANSWERED.0) == 0
    }

    /// Asks the sealer to send this fatal alert. A connection makes one such notice at most.
    pub(crate) const fn fatal(description: AlertDescription) -> Self {
        Self::with_alert(description)
    }
}

impl Signal {
    /// Reports that the connection was aborted with this alert: nothing more may be opened.
    pub(crate) const fn stop(description: AlertDescription) -> Self {
        Self::with_alert(description)
    }
}
