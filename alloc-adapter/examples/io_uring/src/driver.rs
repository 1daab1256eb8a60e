//! The driver: carries bytes between the ring and all connections.
//!
//! Of a server, each connection sends what its own service makes. In a [`relay`], it sends what another
//! connection receives.

use std::io;
use std::mem;
use std::time::Duration;

use tls_record_alloc::Handshake;

use crate::connection::Connection;
use crate::link::Link;
use crate::relay::{self, Backend, Source};
use crate::ring::{Event, Received, Ring, Socket};
use crate::service::Service;

/// Bytes that wait to be opened at which receiving stops. More than a record, so that each can arrive.
const WAITING: usize = 256 << 10;

/// The settings of a driver.
pub(crate) struct Settings<S> {
    /// Makes the handshake and the service of a client.
    pub(crate) accept: Box<dyn Fn() -> (Handshake, S)>,
    /// Where a relay forwards to.
    pub(crate) backend: Option<Backend<S>>,
    /// How long a handshake may take, and how long nothing may be sent or received after it before a connection is
    /// closed.
    pub(crate) idle: Duration,
    /// Closes in one step: does not wait for the peer's close_notify.
    pub(crate) one_step: bool,
    /// Is told how a connection ended, and how its transport failed if it did.
    pub(crate) report: fn(usize, &Link<S>, Option<&io::Error>),
}

/// All connections, by the number of their socket.
pub(crate) struct Driver<S> {
    pub(crate) ring: Ring,
    pub(crate) settings: Settings<S>,
    pub(crate) connections: Vec<Option<Box<Connection<S>>>>,
    /// A connection found no receive buffer.
    is_starved: bool,
    pub(crate) is_stopping: bool,
}

impl<S: Service> Driver<S> {
    pub(crate) fn new(ring: Ring, settings: Settings<S>) -> Self {
        let connections = (0..ring.sockets()).map(|_| None).collect();
        Self { ring, settings, connections, is_starved: false, is_stopping: false }
    }

    /// Serves until the watched descriptor is readable, and then ends all connections.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        while !self.is_stopping || self.connections.iter().any(Option::is_some) {
            self.ring.wait()?;
            // Sending makes more events. They wait for the next turn, so that no connection holds up the others.
            for _ in 0..self.ring.events() {
                if let Some(event) = self.ring.next() {
                    self.handle(event)?;
                }
            }
            if mem::take(&mut self.is_starved) {
                // Records of which a part has come, and connections that do not read, hold all buffers.
                let connections = self.connections.iter_mut().flatten();
                connections.for_each(|connection| connection.link.received.detach());
            }
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Accepted(socket) if self.is_stopping => self.ring.close(socket),
            Event::Accepted(socket) => {
                let index = socket.index();
                let (handshake, service) = (self.settings.accept)();
                self.add(socket, handshake, service);
                self.open_backend(index)?;
                self.turn(index)
            }
            Event::Opened(client, socket) => self.opened(client, socket),
            Event::Connected(index, connected) => self.connected(index, connected),
            Event::Received(index, received, goes_on) => {
                self.is_starved |= matches!(received, Received::NoBuffers);
                if let Received::Data(_) = received {
                    self.has_progress(index);
                }
                let Some(connection) = &mut self.connections[index] else { return Ok(()) };
                connection.is_receiving = goes_on;
                connection.received(received);
                self.turn(index)
            }
            Event::Sent(index, sent) => {
                let Some(connection) = &mut self.connections[index] else { return Ok(()) };
                connection.is_sending = false;
                match sent {
                    Ok(()) => self.has_progress(index),
                    Err(error) => connection.fail(error),
                }
                self.turn(index)
            }
            Event::SentPart(index) => {
                self.has_progress(index);
                Ok(())
            }
            Event::Tick => (0..self.connections.len()).try_for_each(|index| self.settle(index)),
            Event::Readable => self.stop(),
        }
    }

    /// Adds a connection that begins with a handshake.
    pub(crate) fn add(
        &mut self,
        socket: Socket,
        handshake: Handshake,
        service: S,
    ) -> &mut Connection<S> {
        let index = socket.index();
        let connection = Connection::new(socket, Link::new(handshake, service), self.settings.idle);
        self.connections[index].insert(Box::new(connection))
    }

    /// Does what can be done now for a connection, and for the other one of a relay.
    pub(crate) fn turn(&mut self, index: usize) -> io::Result<()> {
        self.turn_other(index)?;
        self.fill(index)?;
        self.settle(index)
    }

    /// Sends what there is to send, unless a send is in flight.
    pub(crate) fn fill(&mut self, index: usize) -> io::Result<()> {
        let may_send = |held: &mut Box<Connection<S>>| !(held.is_sending || held.is_over);
        let Some(mut connection) = self.connections[index].take_if(may_send) else {
            return Ok(());
        };
        let (link, mut slot) = (&mut connection.link, self.ring.slot());
        let was_handshaking = link.is_handshaking();
        match connection.source {
            Source::Own => link.fill(&mut slot),
            source => relay::fill(link, source, &mut self.connections, &mut slot),
        }
        if was_handshaking {
            connection.has_progress(self.settings.idle);
        }
        if slot.is_empty() || connection.failure.is_some() {
            self.ring.release(slot);
        } else {
            connection.is_sending = true;
            self.ring.send(&connection.socket, slot)?;
        }
        self.connections[index] = Some(connection);
        Ok(())
    }

    /// Starts to receive, or stops while much waits to be opened.
    pub(crate) fn receive(&mut self, index: usize) -> io::Result<()> {
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        match (connection.is_receiving, connection.link.received.len() >= WAITING) {
            // It may be asked again until it has stopped, which has no effect.
            (true, true) => self.ring.stop_receiving(&connection.socket),
            (false, false) if !connection.link.is_at_end => {
                connection.is_receiving = true;
                self.ring.receive(&connection.socket)
            }
            _ => Ok(()),
        }
    }
}
