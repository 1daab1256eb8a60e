//! How a connection ended, or that it has not.

use crate::protocol::alert::AlertDescription;
use crate::protocol::error::Fault;
use crate::protocol::record::Epoch;

/// How our receiving direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ReadEnd {
    /// It has not.
    Open,
    /// The peer closed it with a close_notify: everything it sent has arrived.
    Closed {
        /// How early: anything before [`Epoch::Application`] was no finished handshake.
        epoch: Epoch,
    },
    /// The transport ended without a close_notify: data may be missing.
    Truncated {
        /// How early.
        epoch: Epoch,
        /// Whether it ended inside a record, and not at the edge of one.
        inside_record: bool,
    },
    /// The peer sent this error alert.
    PeerAlert(AlertDescription),
    /// The peer broke the protocol, or the application aborted.
    Fault(Fault),
    /// The keys were suspended or given to the kernel: how the direction ends is not seen here.
    HandedOver,
}

/// How our sending direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WriteEnd {
    /// It has not.
    Open,
    /// A close_notify is queued and not sealed yet.
    Closing,
    /// Our close_notify is sealed.
    Closed,
    /// This fatal alert is queued and not sealed yet.
    AlertQueued(AlertDescription),
    /// This fatal alert is sealed.
    AlertSent(AlertDescription),
    /// The connection failed and there was no alert to send.
    Failed,
    /// The keys were suspended or given to the kernel: how the direction ends is not seen here.
    HandedOver,
}

/// How a connection ended: both directions, at any time.
///
/// Each half knows its part ([`Opener::end`](crate::Opener::end),
/// [`Sealer::end`](crate::Sealer::end)); with split halves the owner puts them together.
///
/// ```
/// use tls_record::{End, Epoch, ReadEnd, WriteEnd};
/// let end = End {
///     read: ReadEnd::Closed { epoch: Epoch::Application },
///     write: WriteEnd::Closed,
/// };
/// assert!(end.is_clean());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct End {
    /// The receiving direction.
    pub read: ReadEnd,
    /// The sending direction.
    pub write: WriteEnd,
}

impl End {
    /// Both sides closed an established connection: nothing was lost in our direction, and nothing
    /// that we know of in the other.
    pub const fn is_clean(self) -> bool {
        matches!(self.read, ReadEnd::Closed { epoch: Epoch::Application })
            && matches!(self.write, WriteEnd::Closed)
    }
}
