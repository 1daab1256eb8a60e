//! A place where every alert is told (RFC 9846 section 6.2).

use crate::alert::Alert;

/// Where a connection tells of each alert that it seals or receives.
///
/// ```
/// use tls_record::{AlertLog, Config, LoggedAlert, Role};
///
/// fn log(logged: LoggedAlert) {
///     let way = if logged.is_sent { "sent" } else { "received" };
///     println!("connection {}: {way} {}", logged.connection, logged.alert.description);
/// }
///
/// let mut config = Config::new(Role::Server);
/// config.alert_log = Some(AlertLog { connection: 17, log });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AlertLog {
    /// Which connection it is, for the log.
    pub connection: u32,
    /// Is called with each alert. It must not wait: the engine waits for it.
    pub log: fn(LoggedAlert),
}

/// An alert for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LoggedAlert {
    /// Which connection, as [`AlertLog::connection`] says.
    pub connection: u32,
    /// Whether we sealed it, or the peer sent it.
    pub is_sent: bool,
    /// The alert.
    pub alert: Alert,
}

impl AlertLog {
    pub(crate) fn tell(self, is_sent: bool, alert: Alert) {
        (self.log)(LoggedAlert { connection: self.connection, is_sent, alert });
    }
}

/// Equal when the connection is, and the function at the same address.
impl PartialEq for AlertLog {
    fn eq(&self, other: &Self) -> bool {
        self.connection == other.connection && core::ptr::fn_addr_eq(self.log, other.log)
    }
}

impl Eq for AlertLog {}

#[cfg(feature = "defmt")]
impl defmt::Format for AlertLog {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "AlertLog({})", self.connection);
    }
}
