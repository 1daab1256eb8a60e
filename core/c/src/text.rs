//! Names and numbers that belong to no object.

use core::ffi::{CStr, c_char};

use tls_record::AlertDescription;
use tls_record::aead::Algorithm;

use crate::memory::Out;
use crate::status::Status;

/// `TLSR_VERSION`: 0x00MMmmpp.
pub(crate) const VERSION: u32 = number(env!("CARGO_PKG_VERSION_MAJOR")) << 16
    | number(env!("CARGO_PKG_VERSION_MINOR")) << 8
    | number(env!("CARGO_PKG_VERSION_PATCH"));

#[allow(clippy::panic, reason = "runs in the compiler alone")]
const fn number(text: &str) -> u32 {
    match u32::from_str_radix(text, 10) {
        Ok(number) if number < 256 => number,
        _ => panic!("a part of the version that is no byte"),
    }
}

/// `tlsr_version`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "version"))]
pub extern "C" fn version() -> u32 {
    VERSION
}

/// `tlsr_status_text`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "status_text"))]
pub extern "C" fn status_text(status: Status) -> *const c_char {
    status.text().as_ptr()
}

/// `tlsr_alert_text`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "alert_text"))]
pub extern "C" fn alert_text(alert: u8) -> *const c_char {
    alert_name(alert).as_ptr()
}

/// The names of RFC 9846 section 6 and RFC 5246 section 7.2, which C wants with a zero behind them.
const fn alert_name(alert: u8) -> &'static CStr {
    match AlertDescription(alert) {
        AlertDescription::CLOSE_NOTIFY => c"close_notify",
        AlertDescription::UNEXPECTED_MESSAGE => c"unexpected_message",
        AlertDescription::BAD_RECORD_MAC => c"bad_record_mac",
        AlertDescription::RECORD_OVERFLOW => c"record_overflow",
        AlertDescription::HANDSHAKE_FAILURE => c"handshake_failure",
        AlertDescription::BAD_CERTIFICATE => c"bad_certificate",
        AlertDescription::UNSUPPORTED_CERTIFICATE => c"unsupported_certificate",
        AlertDescription::CERTIFICATE_REVOKED => c"certificate_revoked",
        AlertDescription::CERTIFICATE_EXPIRED => c"certificate_expired",
        AlertDescription::CERTIFICATE_UNKNOWN => c"certificate_unknown",
        AlertDescription::ILLEGAL_PARAMETER => c"illegal_parameter",
        AlertDescription::UNKNOWN_CA => c"unknown_ca",
        AlertDescription::ACCESS_DENIED => c"access_denied",
        AlertDescription::DECODE_ERROR => c"decode_error",
        AlertDescription::DECRYPT_ERROR => c"decrypt_error",
        AlertDescription::PROTOCOL_VERSION => c"protocol_version",
        AlertDescription::INSUFFICIENT_SECURITY => c"insufficient_security",
        AlertDescription::INTERNAL_ERROR => c"internal_error",
        AlertDescription::INAPPROPRIATE_FALLBACK => c"inappropriate_fallback",
        AlertDescription::USER_CANCELED => c"user_canceled",
        AlertDescription::NO_RENEGOTIATION => c"no_renegotiation",
        AlertDescription::MISSING_EXTENSION => c"missing_extension",
        AlertDescription::UNSUPPORTED_EXTENSION => c"unsupported_extension",
        AlertDescription::UNRECOGNIZED_NAME => c"unrecognized_name",
        AlertDescription::BAD_CERTIFICATE_STATUS_RESPONSE => c"bad_certificate_status_response",
        AlertDescription::UNKNOWN_PSK_IDENTITY => c"unknown_psk_identity",
        AlertDescription::CERTIFICATE_REQUIRED => c"certificate_required",
        AlertDescription::GENERAL_ERROR => c"general_error",
        AlertDescription::NO_APPLICATION_PROTOCOL => c"no_application_protocol",
        _ => c"unknown alert",
    }
}

/// `tlsr_alert_record`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "alert_record"))]
pub extern "C" fn alert_record(alert: u8, record: Out<'_, [u8; 7]>) -> Status {
    Status::of(|| {
        let place = record.cleared()?;
        place.write(tls_record::Alert::new(AlertDescription(alert)).plaintext_record());
        Ok(())
    })
}

/// `tlsr_secret_len`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "secret_len"))]
pub extern "C" fn secret_len(suite: u16) -> usize {
    Algorithm::from_suite(suite).map_or(0, Algorithm::secret_len)
}

/// `tlsr_key_len`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "key_len"))]
pub extern "C" fn key_len(suite: u16) -> usize {
    Algorithm::from_suite(suite).map_or(0, Algorithm::key_len)
}

/// `tlsr_fault_text`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "fault_text"))]
pub extern "C" fn fault_text(fault: u8) -> *const c_char {
    crate::outcome::fault_name(fault).as_ptr()
}
