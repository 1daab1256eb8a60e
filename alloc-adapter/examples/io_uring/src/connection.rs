//! A connection and the state of its I/O: what is in flight, and when it is over.

use std::io;
use std::time::{Duration, Instant};

use crate::link::Link;
use crate::relay::Source;
use crate::ring::{Received, Socket};
use crate::service::Service;

/// Bytes that may arrive after our end, when nothing uses them.
const MAX_DRAINED: usize = 1 << 20;

/// How long a connection waits for the peer's end after its own, and for what it has in flight before it ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// A connection and the state of its I/O.
pub(crate) struct Connection<S> {
    pub(crate) link: Link<S>,
    pub(crate) source: Source,
    pub(crate) socket: Socket,
    pub(crate) is_receiving: bool,
    /// A send is in flight, or the shutdown of the socket.
    pub(crate) is_sending: bool,
    /// The socket was shut down, or is being shut down.
    pub(crate) is_shut: bool,
    /// It was reported, and waits for the completions of what is in flight.
    pub(crate) is_over: bool,
    pub(crate) failure: Option<io::Error>,
    pub(crate) deadline: Instant,
    /// Whether the pending send has been queried for progress since its deadline passed.
    pub(crate) is_queried: bool,
    /// How many bytes have arrived after our end, since nothing uses them.
    drained: Option<usize>,
}

impl<S: Service> Connection<S> {
    pub(crate) fn new(socket: Socket, link: Link<S>, idle: Duration) -> Self {
        Self {
            link,
            source: Source::Own,
            socket,
            is_receiving: false,
            is_sending: false,
            is_shut: false,
            is_over: false,
            failure: None,
            deadline: Instant::now() + idle,
            is_queried: false,
            drained: None,
        }
    }

    pub(crate) fn received(&mut self, received: Received) {
        match received {
            Received::Data(chunk) => {
                self.drained = self.drained.map(|len| len.saturating_add(chunk.len()));
                self.link.received.push(chunk);
            }
            Received::End => self.link.is_at_end = true,
            Received::Failed(error) => self.fail(error),
            Received::Stopped | Received::NoBuffers => {}
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
        self.link.is_closing = true;
        self.hurry();
    }

    fn hurry(&mut self) {
        self.deadline = self.deadline.min(Instant::now() + PATIENCE);
    }

    /// Returns whether the connection ends at its deadline, even if it makes progress.
    pub(crate) const fn is_ending(&self) -> bool {
        self.drained.is_some() || self.failure.is_some() || self.link.is_closing
    }

    /// Something was sent or received. The deadline of a handshake does not move, or one byte at a time would hold the
    /// socket for ever.
    pub(crate) fn has_progress(&mut self, idle: Duration) {
        if !self.is_ending() && !self.link.is_handshaking() {
            self.deadline = Instant::now() + idle;
            self.is_queried = false;
        }
    }

    /// Our end was sent, and nothing uses what arrives: waits for the peer's end. Opens what arrives until then, unless
    /// it `discards`.
    pub(crate) fn drain(&mut self, discards: bool) {
        if self.drained.is_none() {
            self.drained = Some(0);
            self.deadline = Instant::now() + PATIENCE;
            if discards {
                self.link.is_discarding = true;
                self.link.received.clear();
            }
        }
    }

    /// Returns whether nothing is left to do, if nothing uses what arrives.
    pub(crate) fn is_done(&self) -> bool {
        let is_ended = self.is_shut || self.failure.is_some();
        let is_enough = self.drained.is_some_and(|len| len > MAX_DRAINED);
        is_enough || is_ended && self.link.is_at_end && self.link.has_read_all()
    }
}
