//! Session tickets: put together from their pieces, and handed to rustls.

use alloc::boxed::Box;
use alloc::vec::Vec;

use rustls::Error;
use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use tls_record::{AlertDescription, HandshakePiece, HandshakeType};

/// The longest ticket message that is kept, in bytes. A longer one is passed over.
const MAX_TICKET: usize = 0xffff;

/// Where a TLS 1.3 client puts the NewSessionTicket messages that it receives (RFC 9846 section
/// 4.7.1): in the session store of its rustls config, so that a later connection can resume.
///
/// It keeps one copy of both traffic secrets that the connection began with, and one of the exporter
/// secret. Drop it at the first KeyUpdate, or when tickets are not wanted: otherwise those traffic
/// secrets outlive their keys.
// In a place of its own: the unused bytes of a `None` would have room for a copy of a secret.
pub struct Tickets(Box<Inner>);

struct Inner {
    connection: KernelConnection<ClientConnectionData>,
    /// The body of the current message, as far as it has come.
    body: Vec<u8>,
}

impl Tickets {
    pub(crate) fn new(connection: KernelConnection<ClientConnectionData>) -> Self {
        Self(Box::new(Inner { connection, body: Vec::new() }))
    }

    /// Takes the piece of a message that [`Event::Handshake`](tls_record::Event::Handshake) told of,
    /// with the slice that was given to [`open`](tls_record::Opener::open). Returns whether it
    /// completed a ticket. Messages of other types are passed over.
    ///
    /// # Errors
    /// What rustls finds wrong with a ticket, and the alert to [end](tls_record::Sealer::abort) the
    /// connection with.
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

/// A NewSessionTicket that rustls does not take.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TicketError {
    /// What the peer is told: for a fault of the peer the alert that rustls sends for it in a
    /// handshake, otherwise internal_error.
    pub alert: AlertDescription,
    /// What rustls found.
    pub error: Error,
}

impl From<Error> for TicketError {
    fn from(error: Error) -> Self {
        let alert = match &error {
            Error::InvalidMessage(message) => {
                AlertDescription(rustls::AlertDescription::from(*message).into())
            }
            Error::PeerMisbehaved(_) => AlertDescription::ILLEGAL_PARAMETER,
            // There is no clock, for instance.
            _ => AlertDescription::INTERNAL_ERROR,
        };
        Self { alert, error }
    }
}

impl core::fmt::Display for TicketError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "session ticket not taken: {}", self.error)
    }
}

impl core::error::Error for TicketError {}

impl core::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Tickets(redacted)")
    }
}
