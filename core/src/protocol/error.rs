//! The errors: faults of the peer, its alerts, and mistakes of the caller.

use crate::protocol::alert::AlertDescription;

/// The reason why the engine failed a connection.
///
/// It is a fault of the peer, an [`abort`](crate::Connection::abort), or keys that cannot be used
/// any more. The first fault ends the connection and is returned by every later call.
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
    /// A record could not be opened: authentication failed, or it is shorter than its nonce and tag.
    BadRecordMac,
    /// A protected TLS 1.2 record carries another version than 0x0303.
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
    /// A handshake message of a fixed length has another one. The body of a KeyUpdate has 1 byte,
    /// those of HelloRequest, ServerHelloDone and EndOfEarlyData have none.
    HandshakeLength,
    /// A KeyUpdate whose request_update is neither 0 nor 1.
    KeyUpdateValue,
    /// An alert record without content.
    EmptyAlert,
    /// An alert record with a content of another length than two bytes.
    AlertLength,
    /// A TLS 1.2 alert of an unknown level.
    AlertLevel,
    /// More records without progress than [`Limits`](crate::Limits) tolerates.
    Flood(Flood),
    /// More early data, accepted or skipped, than [`Limits::early_data`](crate::Limits) allows.
    TooMuchEarlyData,
    /// The receive sequence number would wrap (RFC 9846 section 5.3).
    SequenceExhausted,
    /// Keys could not be made, or the cipher could not seal: hardware failed, for instance.
    Crypto,
    /// The application ended the connection with this alert (`abort`).
    Aborted(AlertDescription),
}

/// The kind of record that arrived more often than [`Limits`](crate::Limits) tolerates.
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
            Self::BadRecordMac => "record authentication failed",
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

/// The reason why no record was opened. Every later call returns the same error, except after
/// [`OtherBuffer`](Self::OtherBuffer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OpenError {
    /// A fault ended the connection. Its alert is in the notice for the [`Sealer`](crate::Sealer),
    /// unless the sealer reported the fault.
    Fault(Fault),
    /// The peer sent this error alert. It is not answered (RFC 9846 section 6).
    PeerAlert(AlertDescription),
    /// The transport had ended before a close_notify ([`Opener::eof`](crate::Opener::eof)).
    Truncated,
    /// The keys of this direction were suspended or given to the kernel: records are opened
    /// elsewhere.
    HandedOver,
    /// The caller called the wrong function: another one opened the last record in part, and has its
    /// rest. Call that one again: [`open`](crate::Opener::open),
    /// [`open_into`](crate::Opener::open_into), `open_pieces` or `open_arriving`. Nothing has changed.
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
            Self::Truncated => f.write_str("the transport ended before the peer's close_notify"),
            Self::HandedOver => f.write_str("the keys of this direction were handed over"),
            Self::OtherBuffer => f.write_str("another open function has the rest of the record"),
        }
    }
}

impl core::error::Error for OpenError {}

/// The reason why no record was sealed.
///
/// No state, no sequence number and no byte of the output has changed, except after
/// [`Crypto`](Self::Crypto).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SealError {
    /// The output is too short for the next record.
    NoSpace {
        /// Length of the output that the record needs, in bytes.
        need: usize,
    },
    /// A KeyUpdate is due: call [`poll_control`](crate::Sealer::poll_control) first.
    ControlFirst,
    /// The sending direction is closed, or its close_notify is queued: no data may follow it.
    Closed,
    /// The connection has failed.
    Failed,
    /// The keys of this direction were suspended or given to the kernel: records are sealed
    /// elsewhere.
    HandedOver,
    /// The keys for this record are not installed yet.
    NoKeys,
    /// The content is longer than one record can carry
    /// ([`Sealer::fragment_limit`](crate::Sealer::fragment_limit)).
    TooLong,
    /// Not a sequence of whole handshake messages, or a KeyUpdate, which the engine makes itself;
    /// or a change_cipher_spec that is not allowed at this point.
    NotHandshake,
    /// The keys have sealed as much as they may, and there is no KeyUpdate to replace them
    /// (RFC 9846 section 5.5): close the connection.
    KeyExhausted,
    /// A slot is reserved: [commit](crate::Connection::commit) or
    /// [discard](crate::Connection::discard) it first.
    SlotReserved,
    /// No slot is reserved, or it was discarded because the sending direction ended.
    NoSlot,
    /// The AEAD failed, or keys could not be replaced, because hardware failed for instance. The
    /// connection has failed. Do not send what is in the output.
    Crypto,
}

impl core::fmt::Display for SealError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoSpace { need } => {
                return write!(f, "output buffer too small: {need} bytes needed");
            }
            Self::ControlFirst => "a KeyUpdate is due: seal it first",
            Self::Closed => "the sending direction is closed",
            Self::Failed => "the connection has failed",
            Self::HandedOver => "the keys of this direction were handed over",
            Self::NoKeys => "the keys for this record are not installed",
            Self::TooLong => "content longer than one record can carry",
            Self::NotHandshake => "not whole handshake messages, or not allowed at this point",
            Self::KeyExhausted => "the keys are exhausted: close the connection",
            Self::SlotReserved => "a slot is reserved: commit or discard it first",
            Self::NoSlot => "no slot is reserved",
            Self::Crypto => "the cipher failed",
        })
    }
}

impl core::error::Error for SealError {}

/// The reason why the sending direction was not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CloseError {
    /// Our close_notify is already sealed.
    AlreadyClosed,
    /// The connection has failed: no close_notify follows a fatal alert.
    Failed,
    /// The keys of this direction were suspended or given to the kernel. After a suspend, close the
    /// connection where it was resumed. In the kernel,
    /// [`take_kernel_control`](crate::Sealer::take_kernel_control) returns the alert next, unless
    /// the direction has ended.
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
            Self::AlreadyClosed => "our close_notify is already sealed",
            Self::Failed => "the connection has failed",
            Self::HandedOver => "the keys of this direction were handed over",
            Self::Truncated => "the transport had ended before the peer's close_notify",
            Self::NotAnErrorAlert => "not an alert that ends a connection",
        })
    }
}

impl core::error::Error for CloseError {}

/// The reason why keys were not installed or not updated. Nothing has changed, except for
/// [`Fault`](Self::Fault) and [`Crypto`](Self::Crypto).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum KeyError {
    /// A key, secret or iv of a length that its suite does not have, a suite without keys here, or a cipher with
    /// tags of no bytes or more than 48.
    Length,
    /// The provider does not have the cipher of the suite: ring and AWS-LC have no AES-CCM, and RustCrypto
    /// no cipher whose feature is off.
    Unsupported,
    /// The call is not possible in this epoch, version or role. For keys: epochs only go forward,
    /// and TLS 1.2 has no early data.
    Epoch,
    /// TLS 1.2 application keys at sequence number 0: the Finished had that number under the same
    /// keys, so that a nonce would repeat. Take the keys over with the number of the next record.
    NonceReuse,
    /// One of the directions has keys of the same secret now, in any epoch: every nonce would be
    /// used twice. Secrets of keys that were replaced are not remembered.
    SameSecret,
    /// The keys are of another version than the other direction or
    /// [`Config::version`](crate::Config), or the two halves are of different roles.
    Mismatch,
    /// Early data cannot be skipped by trial under keys whose tags are shorter than 16 bytes: each
    /// record that is dropped is one more attempt to forge one (AES-CCM with tags of 8 bytes).
    ShortTag,
    /// No KeyUpdate is possible: in TLS 1.2, before there are application keys, or after 2^48 - 1
    /// KeyUpdates (RFC 9846 section 4.7.3).
    NoUpdate,
    /// Our last update_requested is not answered yet (RFC 9846 section 4.7.3).
    RequestOutstanding,
    /// The direction is closed or has failed.
    Closed,
    /// The keys of this direction were suspended or given to the kernel; those of this generation, if the kernel
    /// has others already.
    HandedOver,
    /// The peer broke the protocol: a handshake message spans the key change. The connection has
    /// failed.
    Fault(Fault),
    /// Keys could not be made: a hardware key store failed, for instance.
    Crypto,
}

impl core::fmt::Display for KeyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "key material of a wrong length",
            Self::Unsupported => "the provider does not have the cipher",
            Self::Epoch => "not possible in this epoch, version or role",
            Self::NonceReuse => "TLS 1.2 application keys cannot begin at sequence number 0",
            Self::SameSecret => "the secret is already in use",
            Self::Mismatch => "the directions are of different versions or roles",
            Self::ShortTag => "early data cannot be skipped under keys with short tags",
            Self::NoUpdate => "no KeyUpdate is possible",
            Self::RequestOutstanding => "the last update_requested is not answered yet",
            Self::Closed => "the direction is closed",
            Self::HandedOver => "the keys of this direction were handed over",
            Self::Fault(fault) => return write!(f, "the connection failed: {fault}"),
            Self::Crypto => "keys could not be made",
        })
    }
}

impl core::error::Error for KeyError {}
