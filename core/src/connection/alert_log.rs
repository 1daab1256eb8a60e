//! The alerts of ours that a log has not seen yet (RFC 9846 section 6.2).

use crate::protocol::alert::AlertDescription;

/// One bit or count for each alert that one connection can seal: refusals before its end, and then a
/// cancel and a close, or a fatal alert.
pub(super) struct AlertLog {
    refusals: u8,
    is_canceled: bool,
    is_closed: bool,
    has_failed: bool,
}

impl AlertLog {
    pub(super) const EMPTY: Self =
        Self { refusals: 0, is_canceled: false, is_closed: false, has_failed: false };

    pub(super) const fn sealed(&mut self, description: AlertDescription) {
        match description {
            AlertDescription::NO_RENEGOTIATION => self.refusals = self.refusals.saturating_add(1),
            AlertDescription::USER_CANCELED => self.is_canceled = true,
            AlertDescription::CLOSE_NOTIFY => self.is_closed = true,
            _ => self.has_failed = true,
        }
    }

    pub(super) fn to_bytes(&self) -> [u8; 4] {
        [self.refusals, self.is_canceled.into(), self.is_closed.into(), self.has_failed.into()]
    }

    pub(super) const fn from_bytes(bytes: [u8; 4]) -> Self {
        let [refusals, is_canceled, is_closed, has_failed] = bytes;
        Self {
            refusals,
            is_canceled: is_canceled != 0,
            is_closed: is_closed != 0,
            has_failed: has_failed != 0,
        }
    }

    /// The oldest, which is then forgotten. `fatal` is the connection's fatal alert, if there is one.
    pub(super) fn take(&mut self, fatal: Option<AlertDescription>) -> Option<AlertDescription> {
        if let Some(fewer) = self.refusals.checked_sub(1) {
            self.refusals = fewer;
            return Some(AlertDescription::NO_RENEGOTIATION);
        }
        if core::mem::take(&mut self.is_canceled) {
            return Some(AlertDescription::USER_CANCELED);
        }
        if core::mem::take(&mut self.is_closed) {
            return Some(AlertDescription::CLOSE_NOTIFY);
        }
        fatal.filter(|_| core::mem::take(&mut self.has_failed))
    }
}
