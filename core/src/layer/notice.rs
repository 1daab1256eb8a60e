//! Flags exchanged between the two halves without locking.
//!
//! The halves of a connection may live in two threads, two tasks, or an interrupt handler and a
//! main loop. A [`Notice`] tells the sealer what the opener found in a record: send this alert, answer
//! this KeyUpdate. A [`Signal`] tells the opener what the sealer did. Both are plain words, merge by OR,
//! and are never lost: the half that makes one keeps it until it is taken.
//! [`RecordLayer`](crate::RecordLayer) carries them between its halves.

use crate::protocol::alert::{AlertDescription, AlertLevel};

/// Both words are made alike: an alert in the low byte, which counts if `ENDS` is set, and flags.
macro_rules! word {
    ($(#[$doc:meta])* $word:ident: $($(#[$flag_doc:meta])* $flag:ident = $bit:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[must_use = "what is dropped here never reaches the other half"]
        pub struct $word(u32);

        impl $word {
            /// Nothing to tell.
            pub const NONE: Self = Self(0);

            const ENDS: u32 = 1 << 8;
            const ALERT: u32 = 0xff;
            /// All bits that the engine sets.
            const ALL: u32 = Self::ENDS | Self::ALERT $(| 1 << $bit)*;
            $($(#[$flag_doc])* pub(crate) const $flag: Self = Self(1 << $bit);)*

            const fn with_alert(description: AlertDescription) -> Self {
                Self(Self::ENDS | description.0 as u32)
            }

            /// The alert that ends the connection.
            pub(crate) const fn alert(self) -> Option<AlertDescription> {
                if self.0 & Self::ENDS == 0 {
                    return None;
                }
                Some(AlertDescription((self.0 & Self::ALERT) as u8))
            }

            pub(crate) const fn contains(self, flag: Self) -> bool {
                self.0 & flag.0 != 0
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

            /// What [`bits`](Self::bits) gave. Bits that it never gives are left out, and an alert that
            /// does not end a connection becomes an internal_error.
            pub const fn from_bits(bits: u32) -> Self {
                let word = Self(bits & Self::ALL);
                match word.alert() {
                    Some(alert) if alert.level().0 == AlertLevel::FATAL.0 => word,
                    Some(_) => Self::with_alert(AlertDescription::INTERNAL_ERROR)
                        .merge(Self(word.0 & !Self::ALERT)),
                    None => Self(word.0 & !Self::ALERT),
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
    /// From the [`Opener`](crate::Opener) to the [`Sealer`](crate::Sealer).
    ///
    /// ```
    /// use tls_record::Notice;
    /// let notice = Notice::NONE;
    /// assert!(notice.is_empty());
    /// assert_eq!(Notice::from_bits(notice.bits()), notice);
    /// ```
    Notice:
    /// The peer sent an error alert, or does not speak TLS and would not understand one of ours.
    PEER_FAILED = 9,
    /// The peer sent a close_notify.
    PEER_CLOSED = 10,
    /// The peer asked for a KeyUpdate.
    UPDATE_REQUESTED = 11,
    /// The peer updated its keys after we asked for it: it may be asked again.
    PEER_ANSWERED = 12,
    /// The transport ended before the peer's close_notify.
    TRUNCATED = 13,
}

word! {
    /// From the [`Sealer`](crate::Sealer) to the [`Opener`](crate::Opener).
    ///
    /// ```
    /// use tls_record::Signal;
    /// let signal = Signal::NONE;
    /// assert_eq!(signal.merge(signal), Signal::NONE);
    /// ```
    Signal:
    /// We asked for a KeyUpdate: one that answers is no misbehaviour.
    UPDATE_REQUESTED = 9,
    /// It was not the application that ended the connection, but the cipher.
    CIPHER_FAILED = 10,
}

impl Notice {
    /// Whether the sealing half may learn it later.
    #[inline]
    pub(crate) const fn can_wait(self) -> bool {
        self.0 & !(Self::UPDATE_REQUESTED.0 | Self::PEER_ANSWERED.0) == 0
    }

    /// Send this fatal alert. A connection makes one such word at most.
    pub(crate) const fn fatal(description: AlertDescription) -> Self {
        Self::with_alert(description)
    }
}

impl Signal {
    /// The connection was aborted with this alert: open nothing more.
    pub(crate) const fn stop(description: AlertDescription) -> Self {
        Self::with_alert(description)
    }
}
