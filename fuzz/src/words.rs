//! What is said of an error is one line, and says which.

use tls_record::OpenError;

/// A sentence without its end, for others to put into theirs.
///
/// # Panics
/// If it is not.
pub fn check(error: &impl core::error::Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n') && !text.ends_with('.'), "{text:?}");
}

/// Names the alert, if there is one.
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
