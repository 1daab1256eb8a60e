//! What a relay adds to the driver: for each client a connection to the backend, which is the source of the client's
//! connection, as that is its source.
//!
//! So a record of one connection is opened at the place in the slot of the other where that one seals it.

use std::io;

use tls_record_alloc::Handshake;

use crate::connection::Connection;
use crate::driver::Driver;
use crate::link::{Link, Source};
use crate::ring::Socket;
use crate::service::Service;

/// Makes the handshake and the service of a connection to the backend.
pub(crate) type Backend<S> = Box<dyn Fn() -> (Handshake, S)>;

impl<S: Service> Driver<S> {
    /// The socket for the connection of a client to the backend is there.
    pub(crate) fn opened(&mut self, client: usize, socket: io::Result<Socket>) -> io::Result<()> {
        let awaiting =
            self.connections[client].as_mut().filter(|held| held.link.source == Source::Awaited);
        match (socket, awaiting, &self.settings.backend) {
            (Ok(socket), Some(awaiting), Some(backend)) if !awaiting.link.is_closing => {
                awaiting.link.source = Source::Other(socket.index());
                let (handshake, service) = backend();
                let mut connection =
                    Connection::new(socket, Link::new(handshake, service), self.settings.idle);
                connection.link.source = Source::Other(client);
                connection.is_connecting = true;
                self.ring.connect(&connection.socket)?;
                self.add(connection);
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
            connection.is_connecting = false;
            if let Err(error) = connected {
                connection.fail(error);
            }
        }
        self.turn(index)
    }
}
