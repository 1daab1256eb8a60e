//! How connections end: their deadlines, and what they wait for.

use std::io;
use std::mem;
use std::time::Instant;

use crate::connection::{Connection, PATIENCE};
use crate::driver::Driver;
use crate::service::Service;

impl<S: Service> Driver<S> {
    /// Ends the connection if it is time. Otherwise it receives.
    pub(crate) fn settle(&mut self, index: usize) -> io::Result<()> {
        let is_used = self.is_used(index);
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        if connection.is_over {
            return self.clear(index);
        }
        connection.link.forget_if_failed();
        if !connection.is_shut && !connection.is_sending && connection.link.has_ended() {
            self.ring.shut_down(&connection.socket)?;
            (connection.is_shut, connection.is_sending) = (true, true);
        }
        if connection.is_shut && !is_used {
            connection.drain(self.settings.one_step);
        }
        if connection.is_done() && !is_used {
            return self.end(index);
        }
        if connection.deadline < Instant::now() {
            return self.expired(index);
        }
        self.receive(index)
    }

    /// The deadline of a connection has passed.
    fn expired(&mut self, index: usize) -> io::Result<()> {
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        if connection.is_ending() {
            return self.end(index);
        }
        connection.deadline = Instant::now() + PATIENCE;
        if connection.is_sending && !mem::replace(&mut connection.is_queried, true) {
            return self.ring.ask(&connection.socket);
        }
        connection.link.is_closing = true;
        self.turn(index)
    }

    /// Reports the connection, and cancels what is in flight.
    fn end(&mut self, index: usize) -> io::Result<()> {
        let Some(connection) = &mut self.connections[index] else { return Ok(()) };
        connection.is_over = true;
        (self.settings.report)(index, &connection.link, connection.failure.as_ref());
        if connection.is_receiving || connection.is_sending {
            self.ring.cancel_all(&connection.socket)?;
        }
        self.forsake_other(index)?;
        self.clear(index)
    }

    /// Closes the socket of a connection that is over, when nothing is in flight that names it.
    fn clear(&mut self, index: usize) -> io::Result<()> {
        let is_clear = |held: &mut Box<Connection<S>>| !(held.is_receiving || held.is_sending);
        match self.connections[index].take_if(is_clear) {
            Some(connection) => self.ring.close(connection.socket),
            None => Ok(()),
        }
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
