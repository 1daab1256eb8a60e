//! The error of a shutdown.

/// The reason why a shutdown is not complete, or cannot be completed.
///
/// The return values of `gsk_secure_socket_shutdown` in z/OS System SSL correspond to these
/// results:
///
/// | z/OS System SSL | result of a shutdown |
/// |---|---|
/// | `GSK_OK` | `Ok(())`: the transport has taken the last byte of our close_notify |
/// | `GSK_CONNECTION_ACTIVE` | [`SlotReserved`](Self::SlotReserved) |
/// | `GSK_ERR_CONNECTION_CLOSED` | [`AlreadyClosed`](Self::AlreadyClosed) |
/// | `GSK_ERR_IO` | [`TransportFailed`](Self::TransportFailed); the caller has the error of the transport |
/// | `GSK_ERR_NOT_SSLV3` | [`NotTls`](Self::NotTls) |
/// | `GSK_ERR_SOCKET_CLOSED` | [`Truncated`](Self::Truncated) |
/// | `GSK_INVALID_HANDLE` | [`InvalidHandle`](crate::InvalidHandle), of a [`ConnectionSet`](crate::ConnectionSet) |
/// | `GSK_INVALID_STATE` | [`NotStarted`](Self::NotStarted), [`Failed`](Self::Failed), [`NoKeys`](Self::NoKeys), [`HandedOver`](Self::HandedOver) |
/// | `GSK_WOULD_BLOCK_WRITE` | [`WouldBlock`](Self::WouldBlock) |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ShutdownError {
    /// A slot is reserved and not committed: a write is active. No close_notify was queued.
    SlotReserved,
    /// The transport has not taken all sealed bytes. Our close_notify is among them, or queued
    /// behind them. It is sent only once: send the bytes, then call again.
    WouldBlock,
    /// Our close_notify was sent, and an earlier call has reported it.
    AlreadyClosed,
    /// Two-step shutdown: our close_notify was sent, and the peer's has not arrived yet. Receive,
    /// then call again.
    AwaitingPeer {
        /// Bytes of records that arrived since our close_notify was queued; for halves that are split,
        /// since [`Opener::check_closed`](crate::Opener::check_closed) was first called.
        drained: u32,
    },
    /// Two-step shutdown: the peer has sent more than the budget since our close_notify was queued,
    /// and no close_notify. Ours may still be unsent: see [`End`](crate::End).
    BudgetSpent {
        /// Bytes of records that arrived since, counted in the same way.
        drained: u32,
    },
    /// The transport ended before the peer's close_notify. Our close_notify was sent, or is queued
    /// all the same, because the transport may have ended in one direction only. If the transport
    /// ends *after* the peer's close_notify, ours can still be sent, and this error is not
    /// returned.
    Truncated,
    /// Two-step shutdown: our close_notify was sent, and the peer's arrived before the handshake
    /// was complete, when it could be forged.
    ClosedInHandshake,
    /// The transport failed ([`Connection::transport_failed`](crate::Connection::transport_failed))
    /// before it took the last byte of our close_notify.
    TransportFailed,
    /// The peer's first bytes were not TLS.
    NotTls,
    /// There is nothing to close: no keys are installed, and no record was sealed or opened.
    NotStarted,
    /// The connection failed and its keys are wiped: no close_notify follows a fatal alert.
    Failed,
    /// TLS 1.2: our change_cipher_spec is written, and the records after it need the new keys. The
    /// close_notify stays queued: install the keys, then call again.
    NoKeys,
    /// The keys of a direction were suspended or given to the kernel. If the kernel has the sending
    /// direction, the close_notify is queued:
    /// [`take_kernel_control`](crate::Sealer::take_kernel_control) returns it.
    HandedOver,
}

impl core::fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::SlotReserved => "a slot is reserved: commit or discard it first",
            Self::WouldBlock => "the transport has not taken all sealed bytes",
            Self::AlreadyClosed => "our close_notify was already sent",
            Self::AwaitingPeer { .. } => "the peer's close_notify has not arrived",
            Self::BudgetSpent { drained } => {
                return write!(f, "the peer sent {drained} more bytes and no close_notify");
            }
            Self::Truncated => "the transport ended before the peer's close_notify",
            Self::ClosedInHandshake => "the peer closed before the handshake was complete",
            Self::TransportFailed => "the transport failed before our close_notify was sent",
            Self::NotTls => "the peer does not speak TLS",
            Self::NotStarted => "the connection has not started",
            Self::Failed => "the connection has failed",
            Self::NoKeys => "the keys after our change_cipher_spec are not installed",
            Self::HandedOver => "the keys of a direction were handed over",
        })
    }
}

impl core::error::Error for ShutdownError {}
