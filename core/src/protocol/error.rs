//! The errors: faults of the peer, its alerts, and mistakes of the caller.

use crate::protocol::alert::AlertDescription;

/// The reason why the engine failed a connection: a fault of the peer, an
/// [`abort`](crate::Connection::abort), or keys that cannot be used any more. The first fault ends the
/// connection and is returned by every later call.
///
/// [`Fault::alert`] is the alert that is sent for it. All failures to open a record are one variant on
/// purpose (RFC 9846 section 6.2, bad_record_mac).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Fault {
    /// The first bytes are an SSLv2 hello or plain HTTP. No alert is sent.
    NotTls,
    /// A record, or the plaintext in it, is longer than the protocol or our announced limit allows.
    RecordOverflow,
    /// A record could not be opened: authentication failed.
    BadRecordMac,
    /// A TLS 1.2 record under keys carries another version than 0x0303.
    RecordVersion,
    /// A record of this content type may not appear here.
    UnexpectedContentType,
    /// A TLS 1.3 inner plaintext without a content type: nothing but zeros.
    NoContentType,
    /// A handshake message of this type may not appear here.
    UnexpectedHandshake,
    /// A handshake record without content.
    EmptyHandshakeRecord,
    /// A handshake message is longer than [`Limits::handshake_message`](crate::Limits).
    HandshakeTooLong,
    /// Another record lies between the fragments of a handshake message.
    Interleaved,
    /// A handshake message spans a key change (RFC 9846 section 5.1).
    SpansKeyChange,
    /// A change_cipher_spec message with a content other than one byte 0x01.
    BadChangeCipherSpec,
    /// A handshake message whose length is fixed has another one: KeyUpdate 1, HelloRequest,
    /// ServerHelloDone and EndOfEarlyData 0.
    HandshakeLength,
    /// A KeyUpdate whose value is neither of the two.
    KeyUpdateValue,
    /// An alert record without content.
    EmptyAlert,
    /// An alert record of another length than two bytes.
    AlertLength,
    /// A TLS 1.2 alert of a level that does not exist.
    AlertLevel,
    /// More in a row than [`Limits`](crate::Limits) tolerates.
    Flood(Flood),
    /// More early data than was allowed, or more to skip than the budget.
    TooMuchEarlyData,
    /// The receive sequence number would wrap (RFC 9846 section 5.3).
    SequenceExhausted,
    /// Keys could not be made, or the cipher could not seal: hardware failed, for instance.
    Crypto,
    /// The application ended the connection with this alert (`abort`).
    Aborted(AlertDescription),
}

/// What came more often in a row than [`Limits`](crate::Limits) tolerates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Flood {
    /// Empty application-data records without padding.
    EmptyRecords,
    /// change_cipher_spec records during a TLS 1.3 handshake; they count together with empty records.
    ChangeCipherSpecs,
    /// Warning alerts and user_canceled.
    Warnings,
    /// KeyUpdates without application data between them.
    KeyUpdates,
    /// Requests to renegotiate a TLS 1.2 connection.
    Renegotiations,
}

impl Fault {
    /// Returns the alert that is sent for this fault; `None` if the peer does not speak TLS.
    pub const fn alert(self) -> Option<AlertDescription> {
        Some(match self {
            Self::NotTls => return None,
            Self::RecordOverflow => AlertDescription::RECORD_OVERFLOW,
            Self::BadRecordMac => AlertDescription::BAD_RECORD_MAC,
            Self::RecordVersion => AlertDescription::PROTOCOL_VERSION,
            Self::UnexpectedContentType
            | Self::NoContentType
            | Self::UnexpectedHandshake
            | Self::EmptyHandshakeRecord
            | Self::Interleaved
            | Self::SpansKeyChange
            | Self::BadChangeCipherSpec
            | Self::EmptyAlert
            | Self::Flood(_)
            | Self::TooMuchEarlyData => AlertDescription::UNEXPECTED_MESSAGE,
            Self::HandshakeTooLong | Self::KeyUpdateValue | Self::AlertLevel => {
                AlertDescription::ILLEGAL_PARAMETER
            }
            Self::HandshakeLength | Self::AlertLength => AlertDescription::DECODE_ERROR,
            Self::SequenceExhausted | Self::Crypto => AlertDescription::INTERNAL_ERROR,
            Self::Aborted(description) => description,
        })
    }

    const fn message(self) -> &'static str {
        match self {
            Self::NotTls => "the peer does not speak TLS",
            Self::RecordOverflow => "record longer than allowed",
            Self::BadRecordMac => "record does not open",
            Self::RecordVersion => "TLS 1.2 record of another version",
            Self::UnexpectedContentType => "record type not allowed here",
            Self::NoContentType => "inner plaintext without a content type",
            Self::UnexpectedHandshake => "handshake message not allowed here",
            Self::EmptyHandshakeRecord => "empty handshake record",
            Self::HandshakeTooLong => "handshake message longer than the limit",
            Self::Interleaved => "record between the fragments of a handshake message",
            Self::SpansKeyChange => "handshake message spans a key change",
            Self::BadChangeCipherSpec => "malformed change_cipher_spec",
            Self::HandshakeLength => "handshake message of a wrong length",
            Self::KeyUpdateValue => "KeyUpdate with an unknown value",
            Self::EmptyAlert => "empty alert record",
            Self::AlertLength => "alert record of a wrong length",
            Self::AlertLevel => "alert of an unknown level",
            Self::Flood(Flood::EmptyRecords) => "too many empty records",
            Self::Flood(Flood::ChangeCipherSpecs) => "too many change_cipher_spec records",
            Self::Flood(Flood::Warnings) => "too many warning alerts",
            Self::Flood(Flood::KeyUpdates) => "too many KeyUpdates",
            Self::Flood(Flood::Renegotiations) => "too many requests to renegotiate",
            Self::TooMuchEarlyData => "too much early data",
            Self::SequenceExhausted => "sequence numbers exhausted",
            Self::Crypto => "keys could not be made, or the cipher failed",
            Self::Aborted(_) => "aborted by the application",
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.message())?;
        match self.alert() {
            Some(alert) => write!(f, " ({alert})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Fault {}

/// The reason why no record was opened. Every later call returns the same error, except for
/// [`OtherBuffer`](Self::OtherBuffer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OpenError {
    /// The peer broke the protocol. Its alert is queued for the [`Sealer`](crate::Sealer).
    Fault(Fault),
    /// The peer sent this error alert. It is not answered (RFC 9846 section 6).
    PeerAlert(AlertDescription),
    /// The transport had ended before a close_notify ([`Opener::eof`](crate::Opener::eof)).
    Truncated,
    /// The keys of this direction were suspended or given to the kernel, which opens what arrives.
    HandedOver,
    /// A mistake of the caller's, the only one here, and not latched: the last record was opened in
    /// part, and its rest lies in the other buffer. Call the function again that opened it,
    /// [`open`](crate::Opener::open) or [`open_into`](crate::Opener::open_into). Nothing has changed.
    OtherBuffer,
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl core::fmt::Display for OpenError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "the connection failed: {fault}"),
            Self::PeerAlert(description) => write!(f, "fatal alert from the peer: {description}"),
            Self::Truncated => f.write_str("the transport ended before close_notify"),
            Self::HandedOver => f.write_str("the keys of this direction were handed over"),
            Self::OtherBuffer => {
                f.write_str("the rest of the record lies in the buffer of the other open function")
            }
        }
    }
}

impl core::error::Error for OpenError {}

/// The reason why no record was sealed. No state, no sequence number and no byte of the output changed,
/// except for [`Crypto`](Self::Crypto).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SealError {
    /// The output is too short for the next record.
    NoSpace {
        /// Length of the output that the record needs, in bytes.
        need: usize,
    },
    /// A KeyUpdate is due: call [`poll_control`](crate::Sealer::poll_control) first.
    ControlFirst,
    /// Our direction is closed, or about to be: nothing may follow a close_notify.
    Closed,
    /// The connection has failed.
    Failed,
    /// The keys of this direction were suspended or given to the kernel, which seals its records.
    HandedOver,
    /// Application data before there are keys for it.
    NoKeys,
    /// More than one record can carry ([`Sealer::fragment_limit`](crate::Sealer::fragment_limit)).
    TooLong,
    /// Not a sequence of whole handshake messages, or a message that the engine makes itself.
    NotHandshake,
    /// The keys have sealed as much as they may, and there is no KeyUpdate to replace them
    /// (RFC 9846 section 5.5): close the connection.
    KeyExhausted,
    /// A slot is reserved: [commit](crate::Connection::commit) or
    /// [discard](crate::Connection::discard) it first.
    SlotReserved,
    /// No slot is reserved, or an end of our direction took it away.
    NoSlot,
    /// The AEAD failed, or keys could not be replaced, because hardware failed for instance. The
    /// connection has failed. Do not send what is in the output.
    Crypto,
}

impl core::fmt::Display for SealError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoSpace { need } => return write!(f, "output too short: {need} bytes needed"),
            Self::ControlFirst => "a KeyUpdate is due first",
            Self::Closed => "write after close",
            Self::Failed => "the connection has failed",
            Self::HandedOver => "the keys of this direction were handed over",
            Self::NoKeys => "no keys for application data",
            Self::TooLong => "more than one record can carry",
            Self::NotHandshake => "not whole handshake messages",
            Self::KeyExhausted => "the keys are exhausted",
            Self::SlotReserved => "a slot is reserved",
            Self::NoSlot => "no slot is reserved",
            Self::Crypto => "the cipher failed",
        })
    }
}

impl core::error::Error for SealError {}

/// The reason why our direction was not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CloseError {
    /// Our close_notify is sealed already.
    AlreadyClosed,
    /// The connection has failed: no close_notify follows a fatal alert.
    Failed,
    /// The keys of this direction were suspended: close the connection where it was resumed. Or they
    /// were given to the kernel: the alert is what
    /// [`take_kernel_control`](crate::Sealer::take_kernel_control) gives next, unless the direction
    /// has ended.
    HandedOver,
    /// The transport had ended before the peer's close_notify, so that the peer may not receive this
    /// one. It is queued all the same, because a transport can end in one direction only: send it
    /// before you return this error.
    Truncated,
    /// `abort` was given an alert that does not end a connection, or a reserved one.
    NotAnErrorAlert,
}

impl core::fmt::Display for CloseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::AlreadyClosed => "our close_notify was already sent",
            Self::Failed => "the connection has failed",
            Self::HandedOver => "the keys of this direction were handed over",
            Self::Truncated => "the transport had ended before close_notify",
            Self::NotAnErrorAlert => "not an error alert",
        })
    }
}

impl core::error::Error for CloseError {}

/// The reason why keys were not installed or not updated. Nothing has changed, except for
/// [`Fault`](Self::Fault) and [`Crypto`](Self::Crypto).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KeyError {
    /// A key, secret or iv of a length that its suite does not have, or a suite without keys here.
    Length,
    /// The provider of ciphers does not have the suite's: ring has no AES-CCM, RustCrypto no cipher
    /// whose feature is off.
    Unsupported,
    /// Epochs only go forward, and a version has no keys for every epoch.
    Epoch,
    /// TLS 1.2 application keys at sequence number 0: the Finished had that number under the same
    /// keys, so that a nonce would repeat. Take the keys over with the number of the next record.
    NonceReuse,
    /// The secret of the keys that one of the directions has now, of whatever epoch: every nonce
    /// would be used twice. Secrets of keys that were replaced since are not remembered.
    SameSecret,
    /// The keys are of another version than the other direction or
    /// [`Config::version`](crate::Config), or the two halves are of different roles.
    Mismatch,
    /// Early data cannot be skipped by trial under keys whose tags are shorter than 16 bytes: each
    /// record that is dropped is one more attempt to forge one (AES-CCM with tags of 8 bytes).
    ShortTag,
    /// There is no KeyUpdate here: TLS 1.2, no application keys yet, or 2^48 - 1 generations used
    /// (RFC 9846 section 4.7.3).
    NoUpdate,
    /// Our last update_requested is not answered yet (RFC 9846 section 4.7.3).
    RequestOutstanding,
    /// The direction is closed or has failed.
    Closed,
    /// The keys of this direction were suspended or given to the kernel.
    HandedOver,
    /// The peer broke the protocol at this very point; the fault is latched.
    Fault(Fault),
    /// Keys could not be made: a hardware key store failed, for instance.
    Crypto,
}

impl core::fmt::Display for KeyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "key material of a wrong length",
            Self::Unsupported => "a cipher that the provider does not have",
            Self::Epoch => "epochs only go forward",
            Self::NonceReuse => "TLS 1.2 application keys cannot begin at sequence number 0",
            Self::SameSecret => "the secret is in use already",
            Self::Mismatch => "the directions are of different versions or roles",
            Self::ShortTag => "early data cannot be skipped under keys with short tags",
            Self::NoUpdate => "no KeyUpdate here",
            Self::RequestOutstanding => "the last update_requested is not answered yet",
            Self::Closed => "the direction is closed",
            Self::HandedOver => "the keys of this direction were handed over",
            Self::Fault(fault) => return write!(f, "the connection failed: {fault}"),
            Self::Crypto => "keys could not be made",
        })
    }
}

impl core::error::Error for KeyError {}
