//! How the two directions of a connection ended.

use crate::protocol::alert::AlertDescription;
use crate::protocol::error::Fault;
use crate::protocol::record::Epoch;

/// How the receiving direction ended, or that it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ReadEnd {
    /// It has not ended.
    Open,
    /// The peer closed it with a close_notify: everything it sent has arrived.
    Closed {
        /// The epoch of the close_notify. Before [`Epoch::Application`], the handshake was not
        /// finished.
        epoch: Epoch,
    },
    /// The transport ended without a close_notify: data may be missing.
    Truncated {
        /// The epoch in which the transport ended.
        epoch: Epoch,
        /// Whether it ended inside a record, and not between two records.
        inside_record: bool,
    },
    /// The peer sent this error alert.
    PeerAlert(AlertDescription),
    /// The peer broke the protocol, the application aborted, or keys could not be used.
    Fault(Fault),
    /// The keys were suspended or given to the kernel: how the direction ends is not known here.
    HandedOver,
}

/// How the sending direction ended, or that it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WriteEnd {
    /// It has not ended.
    Open,
    /// A close_notify is queued.
    Closing,
    /// Our close_notify was sealed; from a [`Writer`](crate::Writer) or a
    /// [`Connection`](crate::Connection): the transport has taken it.
    Closed,
    /// This fatal alert is queued.
    AlertQueued(AlertDescription),
    /// This fatal alert was sealed, or taken by the transport, as above.
    AlertSent(AlertDescription),
    /// The connection failed and there was no alert to send.
    Failed,
    /// The keys were suspended or given to the kernel: how the direction ends is not known here.
    HandedOver,
}

/// How the two directions of a connection ended, or that they are open.
///
/// Each half returns its part ([`Opener::end`](crate::Opener::end),
/// [`Sealer::end`](crate::Sealer::end)); with split halves the caller combines them.
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
    /// Returns whether both sides closed an established connection with a close_notify.
    ///
    /// Then everything that the peer sent has arrived. Whether the peer received everything is not
    /// known.
    pub const fn is_clean(self) -> bool {
        matches!(self.read, ReadEnd::Closed { epoch: Epoch::Application })
            && matches!(self.write, WriteEnd::Closed)
    }
}
