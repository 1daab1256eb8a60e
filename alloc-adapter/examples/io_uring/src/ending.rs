//! How the driver starts and stops to receive, and ends connections.

use std::io;

use crate::connection::{Connection, Expired};
use crate::driver::Driver;
use crate::link::{Source, Tls};
use crate::service::Service;

/// Bytes that wait to be opened at which receiving stops. More than a record, so that each can arrive.
const WAITING: usize = 256 << 10;

impl<S: Service> Driver<S> {
    /// Something was sent or received. While one connection of a relay waits for the other, neither is idle.
    pub(crate) fn has_progress(&mut self, index: usize) {
        let Some(connection) = &mut self.connections[index] else { return };
        connection.has_progress();
        if let Source::Other(other) = connection.link.source
            && let Some(other) = &mut self.connections[other]
        {
            other.has_progress();
        }
    }

    /// Returns whether another connection still sends what arrives at this one.
    fn is_used(&self, index: usize) -> bool {
        let Some(connection) = &self.connections[index] else { return false };
        let Source::Other(other) = connection.link.source else { return false };
        let is_sending = self.connections[other].as_ref().is_some_and(|other| {
            !(other.is_over || other.failure.is_some() || other.link.has_ended())
        });
        is_sending && !matches!(connection.link.tls, Tls::Failed(_))
    }

    /// Ends the connection if it is time, and starts or stops to receive.
    pub(crate) fn settle(&mut self, index: usize) -> io::Result<()> {
        let is_used = self.is_used(index);
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        if connection.is_over {
            return self.clear(index);
        }
        connection.link.forget_if_failed();
        if !connection.is_shut && !connection.is_sending && connection.link.has_ended() {
            self.ring.shut_down(&connection.socket)?;
            (connection.is_shut, connection.is_shutting) = (true, true);
        }
        if connection.is_shut && !is_used {
            connection.rest(self.settings.one_step);
        }
        if connection.is_done() && !is_used {
            return self.end(index);
        }
        match connection.expire() {
            None => {}
            Some(Expired::Ask) => self.ring.ask(&connection.socket)?,
            Some(Expired::Close) => return self.turn(index),
            Some(Expired::End) => return self.end(index),
        }
        let waiting = connection.link.waiting();
        if connection.is_receiving && waiting >= WAITING && !connection.is_pausing {
            connection.is_pausing = true;
            self.ring.stop_receiving(&connection.socket)?;
        }
        if !(connection.is_receiving || connection.is_connecting || connection.link.is_at_end)
            && waiting < WAITING
        {
            connection.is_receiving = true;
            self.ring.receive(&connection.socket)?;
        }
        Ok(())
    }

    /// Reports the connection, and cancels what is in flight.
    fn end(&mut self, index: usize) -> io::Result<()> {
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        connection.is_over = true;
        (self.settings.report)(index, &connection.link, connection.failure.as_ref());
        if connection.is_in_flight() {
            self.ring.cancel_all(&connection.socket)?;
        }
        connection.link.received.clear();
        if let Source::Other(other) = connection.link.source {
            self.forsake(other)?;
        }
        self.clear(index)
    }

    /// Closes the socket of a connection that is over, when nothing is in flight that names it.
    fn clear(&mut self, index: usize) -> io::Result<()> {
        let is_clear = |held: &mut Box<Connection<S>>| !held.is_in_flight();
        let Some(connection) = self.connections[index].take_if(is_clear) else { return Ok(()) };
        self.open -= 1;
        self.ring.close(connection.socket)?;
        self.accept_again()
    }

    /// Ends the direction of a connection whose source has gone.
    pub(crate) fn forsake(&mut self, index: usize) -> io::Result<()> {
        if let Some(connection) = &mut self.connections[index] {
            connection.link.source = Source::Gone;
        }
        self.turn(index)
    }

    /// Stops accepting, and closes all connections.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        self.is_stopping = true;
        self.ring.stop_accepting()?;
        for index in 0..self.connections.len() {
            if let Some(connection) = &mut self.connections[index] {
                connection.close();
            }
            self.turn(index)?;
        }
        Ok(())
    }
}
