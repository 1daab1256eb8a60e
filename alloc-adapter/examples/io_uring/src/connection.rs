//! A connection and the state of its I/O: what is in flight, and when it is over.

use std::io;
use std::time::{Duration, Instant};

use crate::link::Link;
use crate::ring::{Received, Socket};
use crate::service::Service;

/// Bytes of records that may arrive between our close_notify and the peer's.
const REST: u32 = 1 << 20;

/// How long a connection may be idle, and how long it waits for the peer's end after its own.
const IDLE: Duration = Duration::from_secs(60);
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// A connection and the state of its I/O.
pub(crate) struct Connection<S> {
    pub(crate) link: Link<S>,
    pub(crate) socket: Socket,
    pub(crate) is_connecting: bool,
    pub(crate) is_receiving: bool,
    pub(crate) is_pausing: bool,
    pub(crate) is_sending: bool,
    pub(crate) is_shutting: bool,
    /// Our end of the transport was sent, or is being sent.
    pub(crate) is_shut: bool,
    /// It was reported, and waits for the completions of what is in flight.
    pub(crate) is_over: bool,
    pub(crate) failure: Option<io::Error>,
    pub(crate) deadline: Instant,
}

impl<S: Service> Connection<S> {
    pub(crate) fn new(socket: Socket, link: Link<S>) -> Self {
        Self {
            link,
            socket,
            is_connecting: false,
            is_receiving: false,
            is_pausing: false,
            is_sending: false,
            is_shutting: false,
            is_shut: false,
            is_over: false,
            failure: None,
            deadline: Instant::now() + IDLE,
        }
    }

    pub(crate) fn received(&mut self, received: Received) {
        match received {
            Received::Data(chunk) if !(self.is_over || self.link.is_discarding) => {
                self.link.arrived(chunk);
                self.has_progress();
            }
            Received::End => self.link.is_at_end = true,
            Received::Failed(error) => self.fail(error),
            // Data that is of no use goes back to the kernel.
            Received::Data(_) | Received::Stopped | Received::NoBuffers => {}
        }
    }

    /// Nothing can be sent any more. What the peer has sent before may say why: an alert.
    pub(crate) fn fail(&mut self, error: io::Error) {
        self.failure.get_or_insert(error);
        self.link.is_at_end |= !self.is_receiving;
        self.deadline = self.deadline.min(Instant::now() + PATIENCE);
    }

    pub(crate) fn has_progress(&mut self) {
        if !self.is_shut && self.failure.is_none() {
            self.deadline = Instant::now() + IDLE;
        }
    }

    pub(crate) fn is_done(&mut self) -> bool {
        let is_ended = self.is_shut || self.failure.is_some();
        is_ended && (self.link.is_at_end && self.link.has_read_all() || self.link.has_spent(REST))
    }

    /// Returns whether completions are to come that name the socket.
    pub(crate) const fn is_in_flight(&self) -> bool {
        self.is_receiving || self.is_sending || self.is_connecting || self.is_shutting
    }
}
