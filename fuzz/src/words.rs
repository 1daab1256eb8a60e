//! Checks of error messages.

use tls_record::OpenError;

/// Checks that the message of an error is one line without a full stop, to be used within other
/// messages.
///
/// # Panics
/// If it is not.
pub fn check(error: &impl core::error::Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n') && !text.ends_with('.'), "{text:?}");
}

/// Checks the message of an error of opening, which must name the alert if there is one.
///
/// # Panics
/// If it does not.
pub fn check_open(error: OpenError) {
    check(&error);
    let alert = match error {
        OpenError::Fault(fault) => fault.alert(),
        OpenError::PeerAlert(description) => Some(description),
        _ => None,
    };
    if let Some(alert) = alert {
        let name = alert.name().map_or_else(|| format!("alert {}", alert.0), str::to_owned);
        assert!(error.to_string().contains(&name), "{error}");
    }
}
