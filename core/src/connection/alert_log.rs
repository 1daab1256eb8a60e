//! The sealed alerts that the application's log has not received yet (RFC 9846 section 6.2).

use crate::protocol::alert::AlertDescription;

/// A flag or count for each alert that one connection can seal, in the order in which it seals
/// them: no_renegotiation, then user_canceled and close_notify, or a fatal alert.
pub(super) struct AlertLog {
    refusals: u8,
    is_canceled: bool,
    is_closed: bool,
    has_failed: bool,
}

impl AlertLog {
    pub(super) const EMPTY: Self =
        Self { refusals: 0, is_canceled: false, is_closed: false, has_failed: false };

    /// Notes that an alert was sealed.
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

    /// Removes the oldest alert and returns it. `fatal` is the connection's fatal alert, if it has
    /// one.
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
