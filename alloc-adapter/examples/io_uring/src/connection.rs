//! A connection and the state of its I/O: what is in flight, and when it is over.

use std::io;
use std::mem;
use std::time::{Duration, Instant};

use crate::link::Link;
use crate::ring::{Received, Socket};
use crate::service::Service;

/// Bytes that may arrive after our end, when nothing uses them.
const REST: usize = 1 << 20;

/// How long a connection waits for the peer's end after its own, and for what it has in flight before it ends.
const PATIENCE: Duration = Duration::from_secs(2);

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
    /// How long nothing may be sent or received.
    idle: Duration,
    deadline: Instant,
    /// It was asked at the deadline whether the send in flight has sent anything.
    is_asked: bool,
    /// The bytes that have arrived since nothing uses them.
    rest: Option<usize>,
}

/// What to do for a connection whose deadline has passed.
pub(crate) enum Expired {
    /// Ask whether the send in flight has sent anything.
    Ask,
    /// Send a close_notify.
    Close,
    End,
}

impl<S: Service> Connection<S> {
    pub(crate) fn new(socket: Socket, link: Link<S>, idle: Duration) -> Self {
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
            idle,
            deadline: Instant::now() + idle,
            is_asked: false,
            rest: None,
        }
    }

    pub(crate) fn received(&mut self, received: Received) {
        match received {
            Received::Data(chunk) if !self.is_over => {
                self.rest = self.rest.map(|rest| rest.saturating_add(chunk.len()));
                self.link.arrived(chunk);
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
        self.hurry();
    }

    /// Closes the sending direction, and ends soon.
    pub(crate) fn close(&mut self) {
        self.link.close();
        self.hurry();
    }

    fn hurry(&mut self) {
        self.deadline = self.deadline.min(Instant::now() + PATIENCE);
    }

    /// Returns whether the connection ends at its deadline, even if it makes progress.
    const fn is_ending(&self) -> bool {
        self.rest.is_some() || self.failure.is_some() || self.link.is_closing
    }

    /// Something was sent or received.
    pub(crate) fn has_progress(&mut self) {
        if !self.is_ending() {
            self.deadline = Instant::now() + self.idle;
            self.is_asked = false;
        }
    }

    /// Returns what to do if the deadline has passed.
    pub(crate) fn expire(&mut self) -> Option<Expired> {
        let now = Instant::now();
        if now <= self.deadline {
            return None;
        }
        self.deadline = now + PATIENCE;
        if self.is_ending() {
            Some(Expired::End)
        } else if self.is_sending && !mem::replace(&mut self.is_asked, true) {
            Some(Expired::Ask)
        } else {
            self.link.close();
            Some(Expired::Close)
        }
    }

    /// Our end was sent, and nothing uses what arrives: waits for the peer's end. Opens what arrives until then, unless
    /// it `discards`.
    pub(crate) fn rest(&mut self, discards: bool) {
        if self.rest.is_none() {
            self.rest = Some(0);
            self.deadline = Instant::now() + PATIENCE;
            if discards {
                self.link.discard();
            }
        }
    }

    /// Returns whether nothing is left to do, if nothing uses what arrives.
    pub(crate) fn is_done(&self) -> bool {
        let is_ended = self.is_shut || self.failure.is_some();
        let is_enough = self.rest.is_some_and(|rest| rest > REST);
        is_enough || is_ended && self.link.is_at_end && self.link.has_read_all()
    }

    /// Returns whether completions are to come that name the socket.
    pub(crate) const fn is_in_flight(&self) -> bool {
        self.is_receiving || self.is_sending || self.is_connecting || self.is_shutting
    }
}
