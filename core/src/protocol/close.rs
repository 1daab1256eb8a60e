//! The close-state machine: how each half of a connection ends, and how that affects the other.
//!
//! The rules are those of RFC 9846 section 6 and RFC 5246 section 7.2:
//!
//! - Either side closes its own direction by a `close_notify`; nothing follows it (6.1).
//! - In TLS 1.3 that leaves the other direction open (6.1). TLS 1.2 demands an immediate
//!   `close_notify` in return (5246 7.2.1). Many peers half-close there too, so that [`OnPeerClose`]
//!   gives the choice.
//! - A transport that ends without a `close_notify` is a truncation, never a clean end (6.1).
//! - A failed connection sends one fatal alert at most, and nothing after it (6.2).
//! - A half whose keys were [suspended](crate::RecordLayer::suspend) or given to the
//!   [kernel](crate::KernelDirection) has ended: the connection continues elsewhere, and this half
//!   seals and opens nothing more for it.
//!
//! [`transition`] is the state machine over both halves, and the specification. The two halves of
//! the engine run [`ReadState::after`] and [`WriteState::after`] on their own, possibly in
//! different threads. A test compares these with `transition` for every state and trigger.
//!
//! Two actions depend on a state and not on the transition that leads to it: the half that enters
//! [`ReadState::Failed`] or [`WriteState::Failed`] wipes its keys, and
//! [`Sealer::poll_control`](crate::Sealer::poll_control) seals a queued alert next.

use crate::protocol::record::Version;

/// The closing state of the receiving direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ReadState {
    /// Records are opened.
    Open,
    /// The peer's `close_notify` was received: everything after it is ignored.
    PeerClosed,
    /// The transport ended before a `close_notify`.
    Truncated,
    /// A fault was found, or the peer sent an error alert: nothing is opened any more.
    Failed,
    /// The keys were suspended or given to the kernel: nothing is opened here any more.
    HandedOver,
}

/// The closing state of the sending direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WriteState {
    /// Data may be sealed.
    Open,
    /// A `user_canceled` waits to be sealed, and a `close_notify` behind it.
    CancelQueued,
    /// A `close_notify` waits to be sealed.
    CloseQueued,
    /// The `close_notify` is sealed: nothing follows it.
    Closed,
    /// A fatal alert waits to be sealed.
    AlertQueued,
    /// The connection failed: the fatal alert is sealed, or the peer's has arrived.
    Failed,
    /// The keys were suspended or given to the kernel: nothing is sealed here any more.
    HandedOver,
}

/// An event that can change the closing state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Trigger {
    /// The peer's `close_notify` arrived.
    PeerCloseNotify,
    /// The peer's error alert arrived.
    PeerError,
    /// The transport has ended: no more bytes will arrive.
    TransportEof,
    /// The engine found a fault, or the application aborts: a fatal alert is due.
    Fault,
    /// The application closes its direction.
    Close,
    /// The application cancels: `user_canceled`, then `close_notify`.
    Cancel,
    /// The alert at the head of the queue was sealed.
    AlertSealed,
    /// The keys of the receiving direction were suspended or given to the kernel.
    ReadHandedOver,
    /// The keys of the sending direction were suspended or given to the kernel.
    WriteHandedOver,
}

/// What the sending direction does when the peer closes its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OnPeerClose {
    /// Stays open: TLS 1.3 always does, and many TLS 1.2 peers do.
    HalfClose,
    /// Queues a `close_notify` and discards what is not sealed yet, as TLS 1.2 demands
    /// (RFC 5246 section 7.2.1).
    Reply,
}

impl OnPeerClose {
    /// Returns the rule that applies: `chosen` in TLS 1.2, [`HalfClose`](Self::HalfClose) in
    /// TLS 1.3 (RFC 9846 section 6.1).
    pub const fn in_version(version: Version, chosen: Self) -> Self {
        if version.is_tls12() { chosen } else { Self::HalfClose }
    }
}

impl ReadState {
    /// Returns the state of the receiving half after `trigger`: its part of [`transition`].
    #[must_use]
    pub const fn after(self, trigger: Trigger) -> Self {
        match self {
            Self::Open => match trigger {
                Trigger::PeerCloseNotify => Self::PeerClosed,
                Trigger::TransportEof => Self::Truncated,
                Trigger::PeerError | Trigger::Fault => Self::Failed,
                Trigger::ReadHandedOver => Self::HandedOver,
                Trigger::Close
                | Trigger::Cancel
                | Trigger::AlertSealed
                | Trigger::WriteHandedOver => self,
            },
            Self::PeerClosed | Self::Truncated if matches!(trigger, Trigger::ReadHandedOver) => {
                Self::HandedOver
            }
            Self::PeerClosed | Self::Truncated | Self::Failed | Self::HandedOver => self,
        }
    }
}

impl WriteState {
    /// Returns the state of the sending half after `trigger`: its part of [`transition`].
    ///
    /// A trigger that comes from the peer or the transport is assumed to have met a receiving half
    /// in [`ReadState::Open`].
    #[must_use]
    pub const fn after(self, on_peer_close: OnPeerClose, trigger: Trigger) -> Self {
        match trigger {
            Trigger::PeerCloseNotify => match (self, on_peer_close) {
                (Self::Open, OnPeerClose::Reply) => Self::CloseQueued,
                _ => self,
            },
            Trigger::PeerError => match self {
                Self::Closed | Self::HandedOver => self,
                _ => Self::Failed,
            },
            Trigger::TransportEof | Trigger::ReadHandedOver => self,
            Trigger::Fault => match self {
                Self::Closed | Self::Failed | Self::HandedOver => self,
                _ => Self::AlertQueued,
            },
            Trigger::Close => match self {
                Self::Open => Self::CloseQueued,
                _ => self,
            },
            Trigger::Cancel => match self {
                Self::Open => Self::CancelQueued,
                _ => self,
            },
            Trigger::AlertSealed => match self {
                Self::CancelQueued => Self::CloseQueued,
                Self::CloseQueued => Self::Closed,
                Self::AlertQueued => Self::Failed,
                _ => self,
            },
            Trigger::WriteHandedOver => match self {
                Self::Open | Self::Closed => Self::HandedOver,
                _ => self,
            },
        }
    }

    /// Returns whether an alert waits to be sealed.
    pub const fn is_alert_due(self) -> bool {
        matches!(self, Self::CancelQueued | Self::CloseQueued | Self::AlertQueued)
    }
}

/// Returns the states of both halves after `trigger`.
///
/// ```
/// use tls_record::close::{transition, OnPeerClose, ReadState, Trigger, WriteState};
/// use ReadState as R;
/// use WriteState as W;
///
/// // TLS 1.3: the peer's close_notify leaves our direction open.
/// assert_eq!(
///     transition(OnPeerClose::HalfClose, R::Open, W::Open, Trigger::PeerCloseNotify),
///     (R::PeerClosed, W::Open),
/// );
/// // A bare end of the transport is never a clean end.
/// assert_eq!(
///     transition(OnPeerClose::Reply, R::Open, W::Closed, Trigger::TransportEof),
///     (R::Truncated, W::Closed),
/// );
/// ```
#[must_use]
pub const fn transition(
    on_peer_close: OnPeerClose,
    read: ReadState,
    write: WriteState,
    trigger: Trigger,
) -> (ReadState, WriteState) {
    use OnPeerClose::{HalfClose, Reply};
    use ReadState as R;
    use WriteState as W;

    match (trigger, read) {
        // 9846 6.1: data after a closure alert is ignored, and so is an alert. After a failure or
        // an end of the transport nothing can arrive. What arrives after a hand-over is not for
        // this half.
        (
            Trigger::PeerCloseNotify | Trigger::PeerError | Trigger::TransportEof,
            R::PeerClosed | R::Truncated | R::Failed | R::HandedOver,
        ) => (read, write),

        (Trigger::PeerCloseNotify, R::Open) => match (on_peer_close, write) {
            // 5246 7.2.1: respond at once with a close_notify of our own, discarding pending writes.
            (Reply, W::Open) => (R::PeerClosed, W::CloseQueued),
            (
                Reply,
                W::CancelQueued
                | W::CloseQueued
                | W::Closed
                | W::AlertQueued
                | W::Failed
                | W::HandedOver,
            )
            // 9846 6.1: no effect on the other direction.
            | (
                HalfClose,
                W::Open
                | W::CancelQueued
                | W::CloseQueued
                | W::Closed
                | W::AlertQueued
                | W::Failed
                | W::HandedOver,
            ) => (R::PeerClosed, write),
        },

        // 9846 6: no further data sent or received, keys forgotten; an error alert is not answered.
        (Trigger::PeerError, R::Open) => match write {
            W::Closed | W::HandedOver => (R::Failed, write),
            W::Open | W::CancelQueued | W::CloseQueued | W::AlertQueued | W::Failed => {
                (R::Failed, W::Failed)
            }
        },

        // 9846 6.1: without a close_notify, it is not known whether all data arrived.
        (Trigger::TransportEof, R::Open) => (R::Truncated, write),

        // 9846 6.2: one fatal alert, in place of a closure alert that is not sealed yet.
        (Trigger::Fault, R::Open | R::PeerClosed | R::Truncated | R::Failed | R::HandedOver) => {
            let read = match read {
                R::Open => R::Failed,
                R::PeerClosed | R::Truncated | R::Failed | R::HandedOver => read,
            };
            match write {
                W::Open | W::CancelQueued | W::CloseQueued | W::AlertQueued => {
                    (read, W::AlertQueued)
                }
                W::Closed | W::Failed | W::HandedOver => (read, write),
            }
        }

        // 9846 6.1: closing the sending direction has no effect on the receiving direction.
        (Trigger::Close, R::Open | R::PeerClosed | R::Truncated | R::Failed | R::HandedOver) => {
            match write {
                W::Open => (read, W::CloseQueued),
                W::CancelQueued
                | W::CloseQueued
                | W::Closed
                | W::AlertQueued
                | W::Failed
                | W::HandedOver => (read, write),
            }
        }

        // 9846 6.1: user_canceled must be followed by a close_notify.
        (Trigger::Cancel, R::Open | R::PeerClosed | R::Truncated | R::Failed | R::HandedOver) => {
            match write {
                W::Open => (read, W::CancelQueued),
                W::CancelQueued
                | W::CloseQueued
                | W::Closed
                | W::AlertQueued
                | W::Failed
                | W::HandedOver => (read, write),
            }
        }

        (
            Trigger::AlertSealed,
            R::Open | R::PeerClosed | R::Truncated | R::Failed | R::HandedOver,
        ) => match write {
            W::CancelQueued => (read, W::CloseQueued),
            W::CloseQueued => (read, W::Closed),
            W::AlertQueued => (read, W::Failed),
            W::Open | W::Closed | W::Failed | W::HandedOver => (read, write),
        },

        // A connection that has failed has no keys to hand over.
        (Trigger::ReadHandedOver, R::Open | R::PeerClosed | R::Truncated) => (R::HandedOver, write),
        (Trigger::ReadHandedOver, R::Failed | R::HandedOver) => (read, write),

        // A queued alert must be sealed before the keys are handed over.
        (
            Trigger::WriteHandedOver,
            R::Open | R::PeerClosed | R::Truncated | R::Failed | R::HandedOver,
        ) => match write {
            W::Open | W::Closed => (read, W::HandedOver),
            W::CancelQueued | W::CloseQueued | W::AlertQueued | W::Failed | W::HandedOver => {
                (read, write)
            }
        },
    }
}
