//! The answers of a shutdown.

/// Why a shutdown is not done, or cannot be.
///
/// The answers of `gsk_secure_socket_shutdown`, of z/OS System SSL, and what is the same here:
///
/// | there | here |
/// |---|---|
/// | `GSK_OK` | `Ok(())`: the transport has taken the last byte of our close_notify |
/// | `GSK_CONNECTION_ACTIVE` | [`SlotReserved`](Self::SlotReserved) |
/// | `GSK_ERR_CONNECTION_CLOSED` | [`AlreadyClosed`](Self::AlreadyClosed) |
/// | `GSK_ERR_IO` | [`TransportFailed`](Self::TransportFailed); the transport's own error is the driver's |
/// | `GSK_ERR_NOT_SSLV3` | [`NotTls`](Self::NotTls) |
/// | `GSK_ERR_SOCKET_CLOSED` | [`Truncated`](Self::Truncated) |
/// | `GSK_INVALID_HANDLE` | [`InvalidHandle`](crate::InvalidHandle), of a [`ConnectionSet`](crate::ConnectionSet) |
/// | `GSK_INVALID_STATE` | [`NotStarted`](Self::NotStarted), [`Failed`](Self::Failed), [`NoKeys`](Self::NoKeys), [`HandedOver`](Self::HandedOver) |
/// | `GSK_WOULD_BLOCK_WRITE` | [`WouldBlock`](Self::WouldBlock) |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ShutdownError {
    /// A slot is reserved and not committed: a write is active. Nothing is queued.
    SlotReserved,
    /// There are sealed bytes that the transport has not taken, our close_notify among them or
    /// behind them. It stays queued and leaves once: send, then call again.
    WouldBlock,
    /// Our close_notify has left, and an earlier call said so.
    AlreadyClosed,
    /// Two steps: our close_notify has left and the peer's is not there yet. Receive, then call again.
    AwaitingPeer {
        /// Bytes of records that arrived since our close_notify was queued; for halves that are split,
        /// since [`Opener::check_closed`](crate::Opener::check_closed) was first called.
        drained: u32,
    },
    /// Two steps: the peer has sent more than the budget since our close_notify was queued, and has
    /// not closed. Our close_notify may still be unsent: see [`End`](crate::End).
    BudgetSpent {
        /// Bytes of records that arrived since, counted in the same way.
        drained: u32,
    },
    /// The transport ended before the peer's close_notify. Ours has left, or is queued all the same,
    /// in case that the transport ended in one direction only. An end of the transport *after* the peer's
    /// close_notify is no obstacle to ours, and not this error.
    Truncated,
    /// Two steps: our close_notify has left, and the peer's came before the handshake was complete,
    /// when anyone could have forged it.
    ClosedInHandshake,
    /// The transport failed ([`Connection::transport_failed`](crate::Connection::transport_failed))
    /// before the last byte of our close_notify had left.
    TransportFailed,
    /// The peer's first bytes were not TLS.
    NotTls,
    /// There is nothing to close: no keys, and no record has been sealed or opened.
    NotStarted,
    /// The connection failed and its keys are wiped: no close_notify follows a fatal alert.
    Failed,
    /// TLS 1.2: our change_cipher_spec is written, and what follows it must be sealed under its keys.
    /// The close_notify stays queued: install them, then call again.
    NoKeys,
    /// The keys of a direction were suspended or given to the kernel. If the kernel has the sending
    /// direction, the close_notify is queued:
    /// [`take_kernel_control`](crate::Sealer::take_kernel_control) returns it.
    HandedOver,
}

impl core::fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::SlotReserved => "a slot is reserved",
            Self::WouldBlock => "sealed bytes wait for the transport",
            Self::AlreadyClosed => "our close_notify was already sent",
            Self::AwaitingPeer { .. } => "the peer has not closed yet",
            Self::BudgetSpent { drained } => {
                return write!(f, "the peer sent {drained} bytes more and did not close");
            }
            Self::Truncated => "the transport had ended before close_notify",
            Self::ClosedInHandshake => "the peer closed before the handshake was complete",
            Self::TransportFailed => "the transport failed before close_notify had left",
            Self::NotTls => "the peer does not speak TLS",
            Self::NotStarted => "the connection has not started",
            Self::Failed => "the connection has failed",
            Self::NoKeys => "the keys of our change_cipher_spec are not installed",
            Self::HandedOver => "the keys of a direction were handed over",
        })
    }
}

impl core::error::Error for ShutdownError {}
