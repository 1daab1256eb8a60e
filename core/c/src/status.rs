//! Status codes: what every function returns.

use tls_record::{
    CloseError, KeyError, OpenError, ResumeError, SealError, ShutdownError, SuspendError,
};

/// `tlsr_status`: 0, or why nothing was done.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(i32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl Status {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// Name of each code, without its prefix.
            pub const NAMES: &[(&str, Self)] = &[$((stringify!($name), Self::$name)),*];

            /// Returns what happened, and ends with a zero byte.
            pub(crate) const fn text(self) -> &'static core::ffi::CStr {
                match self {
                    $(Self::$name => $text,)*
                    _ => c"unknown status",
                }
            }
        }
    };
}

statuses! {
    /// Done.
    OK = 0, c"done";

    // The nine answers of a shutdown, in the order of the z/OS System SSL manual; see `shutdown_error.rs` of the engine.

    /// A slot is reserved: a write is active.
    CONNECTION_ACTIVE = -1, c"a slot is reserved: commit or discard it first";
    /// Our close_notify was sent, or is queued.
    CONNECTION_CLOSED = -2, c"the sending direction is closed";
    /// The transport failed.
    IO = -3, c"the transport failed before our close_notify was sent";
    /// The peer's first bytes were not TLS.
    NOT_TLS = -4, c"the peer does not speak TLS";
    /// The transport ended before the peer's close_notify.
    SOCKET_CLOSED = -5, c"the transport ended before the peer's close_notify";
    /// Not an object: not initialised, wiped, or copied.
    INVALID_HANDLE = -6, c"not initialised, wiped, or copied from another place";
    /// Nothing to close: no keys, and no record was sealed or opened.
    INVALID_STATE = -7, c"the connection has not started";
    /// The transport has not taken all sealed bytes.
    WOULD_BLOCK_WRITE = -8, c"the transport has not taken all sealed bytes";

    // More of closing.

    /// The peer's close_notify has not arrived.
    AWAITING_PEER = -9, c"the peer's close_notify has not arrived";
    /// The peer sent more than the budget, and no close_notify.
    BUDGET_SPENT = -10, c"the peer sent more than the budget and no close_notify";
    /// The peer closed when its close_notify could be forged.
    CLOSED_IN_HANDSHAKE = -11, c"the peer closed before the handshake was complete";
    /// The alert is none that ends a connection.
    NOT_AN_ERROR_ALERT = -12, c"not an alert that ends a connection";

    // The call.

    /// A pointer, a length or a value that the function does not take.
    ARGUMENT = -20, c"null or misaligned pointer, overlapping buffers, or a value that does not exist";
    /// The memory is shorter than the object: header and library differ.
    SIZE = -21, c"memory too small: the header is not that of this library";
    /// The output is shorter than the record.
    NO_SPACE = -22, c"output buffer too small for the record";
    /// The record is longer than the receive buffer.
    RECORD_TOO_LONG = -23, c"a record longer than the receive buffer";

    // The connection.

    /// A fault ended the connection.
    FAULT = -30, c"the peer broke the protocol, or the connection was aborted";
    /// The peer sent a fatal alert.
    PEER_ALERT = -31, c"fatal alert from the peer";
    /// The connection has failed.
    FAILED = -32, c"the connection has failed";
    /// The keys were suspended or given to the kernel.
    HANDED_OVER = -33, c"the keys of this direction were handed over";
    /// Another function has the rest of the record.
    OTHER_BUFFER = -34, c"another open function has the rest of the record";
    /// A KeyUpdate is due.
    CONTROL_FIRST = -35, c"a KeyUpdate is due: seal it first";
    /// The content is longer than one record can carry.
    TOO_LONG = -36, c"content longer than one record can carry";
    /// Not whole handshake messages.
    NOT_HANDSHAKE = -37, c"not whole handshake messages, or not allowed at this point";
    /// No slot is reserved.
    NO_SLOT = -38, c"no slot is reserved";

    // Keys.

    /// The keys of this record are not installed.
    NO_KEYS = -40, c"the keys for this record are not installed";
    /// The keys may seal no more.
    KEY_EXHAUSTED = -41, c"the keys are exhausted: close the connection";
    /// A secret or an iv of a wrong length.
    LENGTH = -42, c"a key, secret or iv of a wrong length";
    /// A cipher that this library was built without.
    UNSUPPORTED = -43, c"a cipher that this library or the kernel does not have, or a secret in a key store";
    /// Not possible in this epoch, version or role.
    EPOCH = -44, c"not possible in this epoch, version or role";
    /// TLS 1.2 application keys at sequence number 0.
    NONCE_REUSE = -45, c"TLS 1.2 keys at sequence number 0, which the Finished had";
    /// One secret for both directions.
    SAME_SECRET = -46, c"the same secret as in use now";
    /// Keys or halves of different versions or roles.
    MISMATCH = -47, c"another version or role than the other direction";
    /// Early data cannot be skipped under short tags.
    SHORT_TAG = -48, c"early data cannot be skipped under tags of 8 bytes";
    /// No KeyUpdate is possible.
    NO_UPDATE = -49, c"no KeyUpdate is possible";
    /// Our last request is not answered.
    REQUEST_OUTSTANDING = -50, c"the last KeyUpdate request is not answered";
    /// The cipher or the key store failed.
    CRYPTO = -51, c"the cipher or the key store failed";

    // Suspending, and taking over.

    /// The connection is not at rest.
    BUSY = -60, c"the connection is not at rest: send and receive first";
    /// A direction has no application keys, or has ended.
    NOT_ESTABLISHED = -61, c"the connection is not established";
    /// Not a suspended connection.
    FORMAT = -62, c"not a suspended connection of this format";
    /// Bytes tampered with, or another key.
    FORGED = -63, c"bytes tampered with, or sealed under another key";
    /// The next record is under a secret that is not known.
    MISSING_SECRET = -64, c"the secret of the next record is missing";
    /// A version that the follower does not know.
    VERSION = -65, c"a protocol version that is not supported";
    /// The server accepted early data.
    EARLY_DATA = -66, c"the server accepted early data";
    /// A malformed hello message.
    MALFORMED = -67, c"a malformed hello message";
    /// Explicit nonces that leave no range.
    EXPLICIT_NONCES = -68, c"explicit nonces that cannot be continued";
    /// A Finished message is missing.
    NOT_COMPLETE = -69, c"the handshake is not complete";
}

impl Status {
    /// Returns the number, as C has it.
    pub const fn code(self) -> i32 {
        self.0
    }

    /// Runs a call, and returns its status.
    #[inline]
    pub(crate) fn of(call: impl FnOnce() -> Result<(), Self>) -> Self {
        match call() {
            Ok(()) => Self::OK,
            Err(status) => status,
        }
    }
}

impl From<OpenError> for Status {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::PeerAlert(_) => Self::PEER_ALERT,
            OpenError::Truncated => Self::SOCKET_CLOSED,
            OpenError::HandedOver => Self::HANDED_OVER,
            OpenError::OtherBuffer => Self::OTHER_BUFFER,
            _ => Self::FAULT,
        }
    }
}

impl From<SealError> for Status {
    fn from(error: SealError) -> Self {
        match error {
            SealError::NoSpace { .. } => Self::NO_SPACE,
            SealError::ControlFirst => Self::CONTROL_FIRST,
            SealError::Closed => Self::CONNECTION_CLOSED,
            SealError::HandedOver => Self::HANDED_OVER,
            SealError::NoKeys => Self::NO_KEYS,
            SealError::TooLong => Self::TOO_LONG,
            SealError::NotHandshake => Self::NOT_HANDSHAKE,
            SealError::KeyExhausted => Self::KEY_EXHAUSTED,
            SealError::SlotReserved => Self::CONNECTION_ACTIVE,
            SealError::NoSlot => Self::NO_SLOT,
            SealError::Crypto => Self::CRYPTO,
            _ => Self::FAILED,
        }
    }
}

impl From<CloseError> for Status {
    fn from(error: CloseError) -> Self {
        match error {
            CloseError::AlreadyClosed => Self::CONNECTION_CLOSED,
            CloseError::HandedOver => Self::HANDED_OVER,
            CloseError::Truncated => Self::SOCKET_CLOSED,
            CloseError::NotAnErrorAlert => Self::NOT_AN_ERROR_ALERT,
            _ => Self::FAILED,
        }
    }
}

impl From<ShutdownError> for Status {
    fn from(error: ShutdownError) -> Self {
        match error {
            ShutdownError::SlotReserved => Self::CONNECTION_ACTIVE,
            ShutdownError::WouldBlock => Self::WOULD_BLOCK_WRITE,
            ShutdownError::AlreadyClosed => Self::CONNECTION_CLOSED,
            ShutdownError::AwaitingPeer { .. } => Self::AWAITING_PEER,
            ShutdownError::BudgetSpent { .. } => Self::BUDGET_SPENT,
            ShutdownError::Truncated => Self::SOCKET_CLOSED,
            ShutdownError::ClosedInHandshake => Self::CLOSED_IN_HANDSHAKE,
            ShutdownError::TransportFailed => Self::IO,
            ShutdownError::NotTls => Self::NOT_TLS,
            ShutdownError::NotStarted => Self::INVALID_STATE,
            ShutdownError::Failed => Self::FAILED,
            ShutdownError::NoKeys => Self::NO_KEYS,
            ShutdownError::HandedOver => Self::HANDED_OVER,
        }
    }
}

impl From<KeyError> for Status {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Length => Self::LENGTH,
            KeyError::Unsupported => Self::UNSUPPORTED,
            KeyError::Epoch => Self::EPOCH,
            KeyError::NonceReuse => Self::NONCE_REUSE,
            KeyError::SameSecret => Self::SAME_SECRET,
            KeyError::Mismatch => Self::MISMATCH,
            KeyError::ShortTag => Self::SHORT_TAG,
            KeyError::NoUpdate => Self::NO_UPDATE,
            KeyError::RequestOutstanding => Self::REQUEST_OUTSTANDING,
            KeyError::Closed => Self::CONNECTION_CLOSED,
            KeyError::HandedOver => Self::HANDED_OVER,
            KeyError::Fault(_) => Self::FAULT,
            _ => Self::CRYPTO,
        }
    }
}

impl From<SuspendError> for Status {
    fn from(error: SuspendError) -> Self {
        match error {
            SuspendError::Busy => Self::BUSY,
            SuspendError::NotEstablished => Self::NOT_ESTABLISHED,
            SuspendError::Unsupported => Self::UNSUPPORTED,
            _ => Self::CRYPTO,
        }
    }
}

impl From<ResumeError> for Status {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Format => Self::FORMAT,
            ResumeError::Forged => Self::FORGED,
            ResumeError::BufferTooShort => Self::NO_SPACE,
            _ => Self::CRYPTO,
        }
    }
}
