//! Session tickets: reassembled from pieces and passed to rustls.

use alloc::boxed::Box;
use alloc::vec::Vec;

use rustls::Error;
use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use tls_record::{AlertDescription, HandshakePiece, HandshakeType};

/// The longest NewSessionTicket message that is stored, in bytes. Longer ones are ignored.
const MAX_TICKET: usize = 0xffff;

/// Stores the session tickets of a TLS 1.3 client in the session store of its rustls config.
///
/// A later connection can resume with a stored ticket (NewSessionTicket, RFC 9846 section 4.7.1).
///
/// It holds a copy of both initial traffic secrets and of the exporter secret. Drop it at the first
/// KeyUpdate, or if tickets are not needed: otherwise those traffic secrets outlive their keys.
// Boxed: the unused bytes of a `None` could hold a copy of a secret.
pub struct Tickets(Box<Inner>);

struct Inner {
    connection: KernelConnection<ClientConnectionData>,
    /// The body of the current message, as far as it was received.
    body: Vec<u8>,
}

impl Tickets {
    pub(crate) fn new(connection: KernelConnection<ClientConnectionData>) -> Self {
        Self(Box::new(Inner { connection, body: Vec::new() }))
    }

    /// Takes a piece of a handshake message, and returns whether it completed a ticket.
    ///
    /// `piece` comes from [`Event::Handshake`](tls_record::Event::Handshake), and `input` is the
    /// slice that was passed to [`open`](tls_record::Opener::open). Messages of other types are
    /// ignored.
    ///
    /// # Errors
    /// [`TicketError`] if rustls refuses the ticket. [Abort](tls_record::Sealer::abort) the
    /// connection with its alert.
    pub fn receive(&mut self, piece: &HandshakePiece, input: &[u8]) -> Result<bool, TicketError> {
        if piece.header.message_type != HandshakeType::NEW_SESSION_TICKET {
            return Ok(false);
        }
        if usize::try_from(piece.header.length).map_or(true, |length| length > MAX_TICKET) {
            return Ok(false);
        }
        let Inner { connection, body } = &mut *self.0;
        body.extend_from_slice(input.get(piece.body.clone()).unwrap_or_default());
        if !piece.is_last() {
            return Ok(false);
        }
        let body = core::mem::take(body);
        connection.handle_new_session_ticket(&body)?;
        Ok(true)
    }
}

/// The error of a NewSessionTicket message that rustls refuses.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TicketError {
    /// The alert to send.
    ///
    /// For a fault of the peer, the alert that rustls sends for it in a handshake, otherwise
    /// internal_error.
    pub alert: AlertDescription,
    /// The error of rustls.
    pub error: Error,
}

impl From<Error> for TicketError {
    fn from(error: Error) -> Self {
        let alert = match &error {
            Error::InvalidMessage(message) => {
                AlertDescription(rustls::AlertDescription::from(*message).into())
            }
            Error::PeerMisbehaved(_) => AlertDescription::ILLEGAL_PARAMETER,
            // For instance, there is no clock.
            _ => AlertDescription::INTERNAL_ERROR,
        };
        Self { alert, error }
    }
}

impl core::fmt::Display for TicketError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "rustls refused the session ticket: {}", self.error)
    }
}

impl core::error::Error for TicketError {}

impl core::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Tickets(redacted)")
    }
}
