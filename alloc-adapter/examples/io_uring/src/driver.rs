//! The driver: carries bytes between the ring and all connections, and ends each of them.
//!
//! A server is a driver whose connections are their own sources. In a relay the source of a connection is another
//! one: see [`relay`](crate::relay).

use std::io;
use std::mem;
use std::time::Duration;

use tls_record_alloc::Handshake;

use crate::connection::Connection;
use crate::link::{Link, Source};
use crate::relay::Backend;
use crate::ring::{Chunk, Event, Received, Ring, Socket};
use crate::service::Service;

/// The settings of a driver.
pub(crate) struct Settings<S> {
    /// Makes the handshake and the service of a client.
    pub(crate) accept: Box<dyn Fn() -> (Handshake, S)>,
    /// Where a relay forwards to.
    pub(crate) backend: Option<Backend<S>>,
    /// How long nothing may be sent or received before a connection is closed.
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
    /// The number of connections.
    pub(crate) open: usize,
    is_accepting: bool,
    pub(crate) is_stopping: bool,
}

impl<S: Service> Driver<S> {
    pub(crate) fn new(ring: Ring, settings: Settings<S>) -> Self {
        let connections = (0..ring.sockets()).map(|_| None).collect();
        let (is_starved, is_accepting, is_stopping) = (false, true, false);
        Self { ring, settings, connections, open: 0, is_starved, is_accepting, is_stopping }
    }

    /// Serves until the watched descriptor is readable, and then ends all connections.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        while !self.is_stopping || self.open != 0 {
            self.ring.wait()?;
            // Sending makes more events. They wait for the next turn, so that no connection holds up the others.
            for _ in 0..self.ring.events() {
                if let Some(event) = self.ring.next() {
                    self.handle(event)?;
                }
            }
            if mem::take(&mut self.is_starved) {
                // Records of which a part has come, and connections that do not read, hold all buffers.
                let links = self.connections.iter_mut().flatten().map(|held| &mut held.link);
                links.flat_map(|link| &mut link.received).for_each(Chunk::detach);
            }
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Accepted(socket) if self.is_stopping => return self.ring.close(socket),
            Event::Accepted(socket) => return self.accepted(socket),
            Event::AcceptEnded => self.is_accepting = false,
            Event::Opened(client, socket) => return self.opened(client, socket),
            Event::Connected(index, connected) => return self.connected(index, connected),
            Event::Received(index, received, goes_on) => {
                let Some(connection) = &mut self.connections[index] else { return Ok(()) };
                connection.is_receiving = goes_on;
                connection.is_pausing &= goes_on;
                self.is_starved |= matches!(received, Received::NoBuffers);
                let is_data = matches!(received, Received::Data(_));
                connection.received(received);
                if is_data {
                    self.has_progress(index);
                }
                return self.turn(index);
            }
            Event::Sent(index, sent) => {
                let Some(connection) = &mut self.connections[index] else { return Ok(()) };
                connection.is_sending = false;
                match sent {
                    Ok(()) => self.has_progress(index),
                    Err(error) => connection.fail(error),
                }
                return self.turn(index);
            }
            Event::SentPart(index) => self.has_progress(index),
            Event::ShutDown(index) => {
                if let Some(connection) = &mut self.connections[index] {
                    connection.is_shutting = false;
                }
                return self.settle(index);
            }
            Event::Tick => {
                self.accept_again()?;
                return (0..self.connections.len()).try_for_each(|index| self.settle(index));
            }
            Event::Readable => return self.stop(),
        }
        Ok(())
    }

    /// Accepts again if accepting has ended, because there was no place or no memory.
    pub(crate) fn accept_again(&mut self) -> io::Result<()> {
        if self.is_stopping || mem::replace(&mut self.is_accepting, true) {
            return Ok(());
        }
        self.ring.accept_again()
    }

    fn accepted(&mut self, socket: Socket) -> io::Result<()> {
        let index = socket.index();
        let (handshake, service) = (self.settings.accept)();
        let mut link = Link::new(handshake, service);
        if self.settings.backend.is_some() {
            link.source = Source::Awaited;
            self.ring.open(index)?;
        }
        self.add(Connection::new(socket, link, self.settings.idle));
        self.turn(index)
    }

    pub(crate) fn add(&mut self, connection: Connection<S>) {
        let index = connection.socket.index();
        self.connections[index] = Some(Box::new(connection));
        self.open += 1;
    }

    /// Does what can be done now for a connection, and for the other one of a relay.
    pub(crate) fn turn(&mut self, index: usize) -> io::Result<()> {
        let Some(connection) = &self.connections[index] else { return Ok(()) };
        if let Source::Other(other) = connection.link.source {
            self.fill(other)?;
            self.fill(index)?;
            self.fill(other)?; // Its records may have made a control record due.
            self.settle(other)?;
        } else {
            self.fill(index)?;
        }
        self.settle(index)
    }

    /// Sends what there is to send, unless a send is in flight.
    fn fill(&mut self, index: usize) -> io::Result<()> {
        let Some(mut connection) = self.connections[index].take() else { return Ok(()) };
        let mut sent = Ok(());
        if !(connection.is_connecting || connection.is_sending || connection.is_over) {
            let other = match connection.link.source {
                Source::Other(other) => self.connections[other].as_deref_mut(),
                _ => None,
            };
            let mut slot = self.ring.slot();
            connection.link.fill(other.map(|other| &mut other.link), &mut slot);
            if slot.is_empty() || connection.failure.is_some() {
                self.ring.release(slot);
            } else {
                connection.is_sending = true;
                sent = self.ring.send(&connection.socket, slot);
            }
        }
        self.connections[index] = Some(connection);
        sent
    }
}
