//! The error of another TLS library.

use alloc::sync::Arc;
use core::error::Error;

/// The error with which another TLS library failed: [`Library::Error`](super::Library::Error).
///
/// An error is equal only to its clones.
#[derive(Clone)]
pub struct LibraryError {
    error: Arc<dyn Error + Send + Sync>,
    is_alert: bool,
}

impl LibraryError {
    pub(super) fn new(error: impl Error + Send + Sync + 'static, is_alert: bool) -> Self {
        Self { error: Arc::new(error), is_alert }
    }

    /// Returns whether the peer has sent a fatal alert: see [`Library::is_alert`](super::Library::is_alert).
    pub fn is_alert(&self) -> bool {
        self.is_alert
    }

    /// Returns the error of the library, if it is an `E`.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }
}

impl PartialEq for LibraryError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.error, &other.error)
    }
}

impl core::fmt::Debug for LibraryError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.error.fmt(f)
    }
}

impl core::fmt::Display for LibraryError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for LibraryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}
