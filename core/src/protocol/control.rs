//! The records that the engine makes by itself: alerts, KeyUpdates and refusals.

use crate::protocol::alert::{Alert, AlertDescription};
use crate::protocol::handshake::{HandshakeHeader, HandshakeType};
use crate::protocol::record::ContentType;

/// Length of a KeyUpdate message: its header and one byte.
pub(crate) const KEY_UPDATE_LEN: usize = HandshakeHeader::LEN + 1;

/// A record that the engine makes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Control {
    /// An alert.
    Alert(AlertDescription),
    /// A KeyUpdate (RFC 9846 section 4.7.3).
    KeyUpdate {
        /// Whether it requests a KeyUpdate in return.
        request: bool,
    },
}

impl Control {
    /// Returns the content type and the content of the record, without protection.
    ///
    /// This is what the kernel needs to send the record, after
    /// [`Sealer::take_kernel_control`](crate::Sealer::take_kernel_control).
    ///
    /// ```
    /// use tls_record::{AlertDescription, ContentType, Control};
    ///
    /// let message = Control::Alert(AlertDescription::CLOSE_NOTIFY).message();
    /// assert_eq!(message.content_type(), ContentType::ALERT);
    /// assert_eq!(message.as_bytes(), [1, 0]);
    /// let message = Control::KeyUpdate { request: true }.message();
    /// assert_eq!(message.content_type(), ContentType::HANDSHAKE);
    /// assert_eq!(message.as_bytes(), [24, 0, 0, 1, 1]);
    /// ```
    pub const fn message(self) -> ControlMessage {
        match self {
            Self::Alert(description) => {
                let [level, description] = Alert::new(description).encode();
                ControlMessage {
                    content_type: ContentType::ALERT,
                    bytes: [level, description, 0, 0, 0],
                }
            }
            Self::KeyUpdate { request } => {
                let header = HandshakeHeader { message_type: HandshakeType::KEY_UPDATE, length: 1 };
                let [a, b, c, d] = header.encode();
                ControlMessage {
                    content_type: ContentType::HANDSHAKE,
                    bytes: [a, b, c, d, request as u8],
                }
            }
        }
    }
}

/// The content of a [`Control`] record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ControlMessage {
    content_type: ContentType,
    bytes: [u8; KEY_UPDATE_LEN],
}

impl ControlMessage {
    /// Returns the content type: alert or handshake.
    pub const fn content_type(&self) -> ContentType {
        self.content_type
    }

    /// Returns the content: an alert or a KeyUpdate message.
    pub fn as_bytes(&self) -> &[u8] {
        let [alert @ .., _, _, _] = &self.bytes;
        if self.content_type == ContentType::ALERT { alert } else { &self.bytes }
    }
}
