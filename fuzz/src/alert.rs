//! Alert messages: decoding inverts encoding, and names and classes match the registry.

use tls_record::{Alert, AlertClass, AlertDescription, AlertLevel, ContentType, Header};

use crate::input::input;

input! {
    /// An alert message.
    pub struct Input {
        /// The bytes of the message: an alert if there are two.
        pub message: Vec<u8>,
    }
}

/// The registry (RFC 9846 appendix B.2, without reserved values; RFC 5246 section 7.2 for
/// no_renegotiation).
const REGISTRY: [(u8, &str); 29] = [
    (0, "close_notify"),
    (10, "unexpected_message"),
    (20, "bad_record_mac"),
    (22, "record_overflow"),
    (40, "handshake_failure"),
    (42, "bad_certificate"),
    (43, "unsupported_certificate"),
    (44, "certificate_revoked"),
    (45, "certificate_expired"),
    (46, "certificate_unknown"),
    (47, "illegal_parameter"),
    (48, "unknown_ca"),
    (49, "access_denied"),
    (50, "decode_error"),
    (51, "decrypt_error"),
    (70, "protocol_version"),
    (71, "insufficient_security"),
    (80, "internal_error"),
    (86, "inappropriate_fallback"),
    (90, "user_canceled"),
    (100, "no_renegotiation"),
    (109, "missing_extension"),
    (110, "unsupported_extension"),
    (112, "unrecognized_name"),
    (113, "bad_certificate_status_response"),
    (115, "unknown_psk_identity"),
    (116, "certificate_required"),
    (117, "general_error"),
    (120, "no_application_protocol"),
];

impl crate::target::Input for Input {
    const NAME: &'static str = "alert";

    fn run(&self) {
        let alert = Alert::decode(&self.message);
        let &[level, description] = &self.message[..] else {
            assert_eq!(alert, None, "an alert has two bytes");
            return;
        };
        let alert = alert.expect("any two bytes are an alert");
        assert_eq!(alert.encode(), [level, description], "unknown values are kept");
        let [header @ .., a, b] = alert.plaintext_record();
        assert_eq!([a, b], [level, description]);
        let header = Header::decode(header);
        let expected = Header { content_type: ContentType::ALERT, version: 0x0303, length: 2 };
        assert_eq!(header, expected);

        let description = alert.description;
        let name = REGISTRY
            .binary_search_by_key(&description.0, |(number, _)| *number)
            .ok()
            .map(|at| REGISTRY[at].1);
        assert_eq!(description.name(), name);
        // RFC 9846 section 6: an unknown alert is an error alert.
        let (class, level) = match description.0 {
            0 => (AlertClass::Closure, AlertLevel::WARNING),
            90 => (AlertClass::UserCanceled, AlertLevel::WARNING),
            100 => (AlertClass::Error, AlertLevel::WARNING),
            _ => (AlertClass::Error, AlertLevel::FATAL),
        };
        assert_eq!((description.class(), description.level()), (class, level));
        assert_eq!(Alert::new(AlertDescription(description.0)), Alert { level, description });
    }
}
