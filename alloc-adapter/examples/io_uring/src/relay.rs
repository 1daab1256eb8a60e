//! What a relay adds to the driver.
//!
//! For each client a relay has a second connection, to the backend; each is the source of the other. A record of one is
//! opened at the place in the slot of the other where that one seals it.

use std::io;

use tls_record::{Epoch, ReadEnd};
use tls_record_alloc::Handshake;

use crate::connection::Connection;
use crate::driver::Driver;
use crate::link::{Link, Tls, carry};
use crate::ring::{Slot, Socket};
use crate::service::{Discard, Service};

/// Makes the handshake and the service of a connection to the backend.
pub(crate) type Backend<S> = Box<dyn Fn() -> (Handshake, S)>;

/// The end that is reported to the service when the source has gone.
const GONE: ReadEnd = ReadEnd::Truncated { epoch: Epoch::Application, inside_record: false };

/// Whose data is sent to the peer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Source {
    /// That of the peer itself, and that of the service.
    Own,
    /// That of another connection, which gets that of this one.
    Other(usize),
    /// That of a connection which is still to be made.
    Awaited,
    /// That of a connection which has gone.
    Gone,
}

/// Writes to the slot what is to be sent on a connection of a relay.
pub(crate) fn fill<S: Service>(
    link: &mut Link<S>,
    source: Source,
    connections: &mut [Option<Box<Connection<S>>>],
    slot: &mut Slot,
) {
    if !link.shake(slot) {
        return;
    }
    let Link { tls: Tls::Open(layer), received, is_at_end, .. } = link else { return };
    let end = match source {
        Source::Other(other) => match connections[other].as_mut().map(|other| &mut other.link) {
            Some(Link { tls: Tls::Open(from), received, is_at_end, service, .. }) => {
                carry(received, *is_at_end, service, Some(from), layer, slot)
            }
            _ => Some(ReadEnd::Open),
        },
        Source::Gone => {
            carry(received, *is_at_end, &mut Discard, None, layer, slot);
            Some(GONE)
        }
        Source::Own | Source::Awaited => Some(ReadEnd::Open),
    };
    link.finish(end, slot);
}

impl<S: Service> Driver<S> {
    /// Asks for a socket for the connection of a client to the backend.
    pub(crate) fn open_backend(&mut self, client: usize) -> io::Result<()> {
        match &mut self.connections[client] {
            Some(connection) if self.settings.backend.is_some() => {
                connection.source = Source::Awaited;
                self.ring.open(client)
            }
            _ => Ok(()),
        }
    }

    /// The socket for the connection of a client to the backend is there.
    pub(crate) fn opened(&mut self, client: usize, socket: io::Result<Socket>) -> io::Result<()> {
        let awaiting =
            self.connections[client].as_mut().filter(|held| held.source == Source::Awaited);
        match (socket, awaiting, &self.settings.backend) {
            (Ok(socket), Some(awaiting), Some(backend)) if !awaiting.link.is_closing => {
                awaiting.source = Source::Other(socket.index());
                self.ring.connect(&socket)?;
                let (handshake, service) = backend();
                let connection = self.add(socket, handshake, service);
                connection.source = Source::Other(client);
                // Until the backend has answered, neither is possible.
                (connection.is_sending, connection.is_receiving) = (true, true);
                Ok(())
            }
            // The client is being closed.
            (Ok(socket), Some(_), _) => {
                self.ring.close(socket)?;
                self.forsake(client)
            }
            // The client has gone.
            (Ok(socket), None, _) => self.ring.close(socket),
            (Err(_), Some(_), _) => self.forsake(client),
            (Err(_), None, _) => Ok(()),
        }
    }

    /// The backend has answered.
    pub(crate) fn connected(&mut self, index: usize, connected: io::Result<()>) -> io::Result<()> {
        if let Some(connection) = &mut self.connections[index] {
            (connection.is_sending, connection.is_receiving) = (false, false);
            if let Err(error) = connected {
                connection.fail(error);
            }
        }
        self.turn(index)
    }

    /// Returns the other connection of a relay.
    fn other(&self, index: usize) -> Option<usize> {
        match self.connections[index].as_ref()?.source {
            Source::Other(other) => Some(other),
            _ => None,
        }
    }

    /// Something was sent or received. While one connection of a relay waits for the other, neither is idle.
    pub(crate) fn has_progress(&mut self, index: usize) {
        for index in [Some(index), self.other(index)].into_iter().flatten() {
            if let Some(connection) = &mut self.connections[index] {
                connection.has_progress(self.settings.idle);
            }
        }
    }

    /// Does what can be done now for the other connection of a relay.
    pub(crate) fn turn_other(&mut self, index: usize) -> io::Result<()> {
        let Some(other) = self.other(index) else { return Ok(()) };
        self.fill(other)?;
        self.fill(index)?;
        self.fill(other)?; // Its records may have made a control record due.
        self.settle(other)
    }

    /// Returns whether the other connection of a relay still sends what arrives at this one.
    pub(crate) fn is_used(&self, index: usize) -> bool {
        let Some(other) = self.other(index).and_then(|other| self.connections[other].as_ref())
        else {
            return false;
        };
        let is_sending = !(other.is_over || other.failure.is_some() || other.link.has_ended());
        let has_failed = |held: &Connection<S>| matches!(held.link.tls, Tls::Failed(_));
        is_sending && !self.connections[index].as_deref().is_none_or(has_failed)
    }

    /// Ends the direction of the connection whose source was this one.
    pub(crate) fn forsake_other(&mut self, index: usize) -> io::Result<()> {
        self.other(index).map_or(Ok(()), |other| self.forsake(other))
    }

    /// Ends the direction of a connection whose source has gone.
    fn forsake(&mut self, index: usize) -> io::Result<()> {
        if let Some(connection) = &mut self.connections[index] {
            connection.source = Source::Gone;
        }
        self.turn(index)
    }
}
