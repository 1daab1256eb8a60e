//! Alert messages: a level and a description (RFC 9846 section 6, RFC 5246 section 7.2).
//!
//! This module only encodes and decodes them. [`close`](crate::close) decides *whether* an alert is
//! sent.

use crate::protocol::record::{ContentType, HEADER_LEN, Header, VERSION_FIELD};

/// Length of an alert message in bytes.
pub const ALERT_LEN: usize = 2;

/// The level byte of an alert. TLS 1.2 obeys it; TLS 1.3 sends it, and ignores it when received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AlertLevel(pub u8);

impl AlertLevel {
    /// warning
    pub const WARNING: Self = Self(1);
    /// fatal
    pub const FATAL: Self = Self(2);
}

/// What an alert means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AlertClass {
    /// `close_notify`: the sender will send no more (RFC 9846 section 6.1).
    Closure,
    /// `user_canceled`: a `close_notify` follows (RFC 9846 section 6.1).
    UserCanceled,
    /// Everything else, unknown values included: the connection has failed (RFC 9846 section 6.2).
    Error,
}

/// The description byte of an alert. Unknown values are kept.
///
/// ```
/// use tls_record::{AlertClass, AlertDescription};
/// assert_eq!(AlertDescription::CLOSE_NOTIFY.class(), AlertClass::Closure);
/// assert_eq!(AlertDescription(255).class(), AlertClass::Error);
/// assert_eq!(AlertDescription::BAD_RECORD_MAC.name(), Some("bad_record_mac"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlertDescription(pub u8);

/// Each line defines an alert: its constant, its number, and its name in the IANA registry.
macro_rules! descriptions {
    ($($constant:ident = $number:literal $name:literal,)*) => {
        impl AlertDescription {
            $(#[doc = $name] pub const $constant: Self = Self($number);)*

            /// Returns the name in the IANA registry, if the value has one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

descriptions! {
    CLOSE_NOTIFY = 0 "close_notify",
    UNEXPECTED_MESSAGE = 10 "unexpected_message",
    BAD_RECORD_MAC = 20 "bad_record_mac",
    RECORD_OVERFLOW = 22 "record_overflow",
    HANDSHAKE_FAILURE = 40 "handshake_failure",
    BAD_CERTIFICATE = 42 "bad_certificate",
    UNSUPPORTED_CERTIFICATE = 43 "unsupported_certificate",
    CERTIFICATE_REVOKED = 44 "certificate_revoked",
    CERTIFICATE_EXPIRED = 45 "certificate_expired",
    CERTIFICATE_UNKNOWN = 46 "certificate_unknown",
    ILLEGAL_PARAMETER = 47 "illegal_parameter",
    UNKNOWN_CA = 48 "unknown_ca",
    ACCESS_DENIED = 49 "access_denied",
    DECODE_ERROR = 50 "decode_error",
    DECRYPT_ERROR = 51 "decrypt_error",
    PROTOCOL_VERSION = 70 "protocol_version",
    INSUFFICIENT_SECURITY = 71 "insufficient_security",
    INTERNAL_ERROR = 80 "internal_error",
    INAPPROPRIATE_FALLBACK = 86 "inappropriate_fallback",
    USER_CANCELED = 90 "user_canceled",
    NO_RENEGOTIATION = 100 "no_renegotiation",
    MISSING_EXTENSION = 109 "missing_extension",
    UNSUPPORTED_EXTENSION = 110 "unsupported_extension",
    UNRECOGNIZED_NAME = 112 "unrecognized_name",
    BAD_CERTIFICATE_STATUS_RESPONSE = 113 "bad_certificate_status_response",
    UNKNOWN_PSK_IDENTITY = 115 "unknown_psk_identity",
    CERTIFICATE_REQUIRED = 116 "certificate_required",
    GENERAL_ERROR = 117 "general_error",
    NO_APPLICATION_PROTOCOL = 120 "no_application_protocol",
}

impl AlertDescription {
    /// Returns what the alert means for the connection in TLS 1.3, which ignores the level.
    pub const fn class(self) -> AlertClass {
        match self {
            Self::CLOSE_NOTIFY => AlertClass::Closure,
            Self::USER_CANCELED => AlertClass::UserCanceled,
            _ => AlertClass::Error,
        }
    }

    /// Returns the level with which the alert is sent.
    ///
    /// It is fatal, except for the closure alerts (RFC 9846 section 6) and `no_renegotiation` in
    /// TLS 1.2 (RFC 5246 section 7.2.2).
    pub const fn level(self) -> AlertLevel {
        match self {
            Self::CLOSE_NOTIFY | Self::USER_CANCELED | Self::NO_RENEGOTIATION => {
                AlertLevel::WARNING
            }
            _ => AlertLevel::FATAL,
        }
    }
}

impl core::fmt::Display for AlertDescription {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "alert {}", self.0),
        }
    }
}

impl core::fmt::Debug for AlertDescription {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for AlertDescription {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self.name() {
            Some(name) => defmt::write!(f, "{=str}", name),
            None => defmt::write!(f, "alert {=u8}", self.0),
        }
    }
}

/// An alert message.
///
/// ```
/// use tls_record::{Alert, AlertDescription};
/// let alert = Alert::new(AlertDescription::CLOSE_NOTIFY);
/// assert_eq!(alert.encode(), [1, 0]);
/// assert_eq!(Alert::decode(&[1, 0]), Some(alert));
/// assert_eq!(alert.plaintext_record(), [21, 3, 3, 0, 2, 1, 0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Alert {
    /// The level, as on the wire.
    pub level: AlertLevel,
    /// The reason.
    pub description: AlertDescription,
}

impl Alert {
    /// Creates the alert to send for `description`, with its [level](AlertDescription::level).
    pub const fn new(description: AlertDescription) -> Self {
        Self { level: description.level(), description }
    }

    /// Encodes the message.
    pub const fn encode(self) -> [u8; ALERT_LEN] {
        [self.level.0, self.description.0]
    }

    /// Decodes a message. `None` unless it has exactly two bytes: a record holds one whole alert
    /// (RFC 9846 section 5.1).
    pub const fn decode(message: &[u8]) -> Option<Self> {
        match *message {
            [level, description] => {
                Some(Self { level: AlertLevel(level), description: AlertDescription(description) })
            }
            _ => None,
        }
    }

    /// Returns the alert as an unprotected record, for a connection that has no keys yet
    /// (RFC 9846 section 6).
    pub const fn plaintext_record(self) -> [u8; HEADER_LEN + ALERT_LEN] {
        let [a, b, c, d, e] = Header {
            content_type: ContentType::ALERT,
            version: VERSION_FIELD,
            length: ALERT_LEN as u16,
        }
        .encode();
        let [level, description] = self.encode();
        [a, b, c, d, e, level, description]
    }
}
