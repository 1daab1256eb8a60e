//! The opener and sealer of a split stream, and the flags that they exchange.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};
#[cfg(feature = "tokio")]
use core::task::Waker;
use std::io::{self, ErrorKind};
#[cfg(feature = "tokio")]
use std::sync::{Mutex, PoisonError};

use tls_record::aead::Provider;
use tls_record::{
    AlertDescription, CloseError, Control, Fault, KeyError, Mailbox, OpenError, OpenedIn, Opener,
    ReadEnd, SealError, Sealed, Sealer, TrafficSecret,
};

use crate::session::inbox::Receiver;
use crate::session::outbox::{Outbox, Sender};
use crate::transport::BrokenBy;

/// The atomic words shared by the halves: the engine's mailbox, and the flags of the streams.
pub(super) struct Link {
    mailbox: Mailbox,
    demands: AtomicU32,
    /// The code of the error in [`BROKEN_BY`], 0 if it has none.
    broken_by: AtomicI32,
    /// The task of the writing half, while it waits for its transport. The lock is taken then, and when the
    /// connection fails.
    #[cfg(feature = "tokio")]
    writer: Mutex<Option<Waker>>,
}

/// Set by the reading half: send the alert in the low byte and end the connection.
const ABORT: u32 = 1 << 8;
/// Set by the reading half: refuse a renegotiation.
const REFUSE_RENEGOTIATION: u32 = 1 << 9;
/// Set by the reading half after a fatal alert of the peer: discard unsent records (RFC 9846
/// section 6).
const DISCARD_UNSENT: u32 = 1 << 10;
/// Set by the reading half after a failure of the connection: a task that waits to write need not wait any more.
const FAILED: u32 = 1 << 11;
/// Set by the reading half with [`DISCARD_UNSENT`]: the alert of the peer.
const PEER_ALERT: u32 = 0xff << 24;
/// Set by the writing half after a key update: tickets keep the first traffic secrets alive.
const DROP_TICKETS: u32 = 1 << 16;

/// Set by the writing half after a permanent error that breaks the other direction as well, which the
/// operating system reports once.
const BROKEN_BY: [(u32, ErrorKind); 3] = [
    (1 << 17, ErrorKind::ConnectionReset),
    (1 << 18, ErrorKind::ConnectionAborted),
    (1 << 19, ErrorKind::TimedOut),
];

const OF_READER: u32 = (DROP_TICKETS - 1) | PEER_ALERT;

impl Link {
    pub(super) fn new() -> Self {
        Self {
            mailbox: Mailbox::new(),
            demands: AtomicU32::new(0),
            broken_by: AtomicI32::new(0),
            #[cfg(feature = "tokio")]
            writer: Mutex::new(None),
        }
    }

    /// Tells the writing half that the connection has failed, and wakes its task.
    fn fail(&self) {
        self.demand(FAILED);
        #[cfg(feature = "tokio")]
        if let Some(writer) = self.set_writer(None) {
            writer.wake();
        }
    }

    /// Replaces the waker of the writing half and returns the old one, so that no waker is dropped or woken under
    /// the lock.
    #[cfg(feature = "tokio")]
    fn set_writer(&self, writer: Option<Waker>) -> Option<Waker> {
        let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        core::mem::replace(&mut *slot, writer)
    }

    fn demand(&self, demand: u32) {
        self.demands.fetch_or(demand, Ordering::Release);
    }

    /// Takes the demands in `mask`.
    fn take(&self, mask: u32) -> u32 {
        // Usually there are none, and a load does not take the cache line from the other half.
        if self.demands.load(Ordering::Relaxed) & mask == 0 {
            return 0;
        }
        self.demands.fetch_and(!mask, Ordering::Acquire) & mask
    }
}

pub(super) struct LinkedOpener<P: Provider> {
    opener: Box<Opener<TrafficSecret<P>>>,
    link: Arc<Link>,
    /// The alert with which this half aborted the connection. The sealer signals it to the opener
    /// later.
    aborted: Option<AlertDescription>,
}

impl<P: Provider> LinkedOpener<P> {
    pub(super) fn new(mut opener: Box<Opener<TrafficSecret<P>>>, link: Arc<Link>) -> Self {
        link.mailbox.post_notice(opener.take_notice());
        Self { opener, link, aborted: None }
    }

    pub(super) fn is_linked_to(&self, sealer: &LinkedSealer<P>) -> bool {
        Arc::ptr_eq(&self.link, &sealer.link)
    }

    /// Takes the demand to drop tickets. Returns whether there was one.
    pub(super) fn must_drop_tickets(&self) -> bool {
        self.link.take(DROP_TICKETS) != 0
    }

    /// Takes the error with which the transport of the writing half broke, unless reading had ended before.
    pub(super) fn take_broken_by(&self) -> Option<BrokenBy> {
        let mut broken_by = BROKEN_BY.into_iter().filter(|(flag, _)| self.link.take(*flag) != 0);
        let (_, kind) = broken_by.next()?;
        let code = self.link.broken_by.load(Ordering::Relaxed);
        (self.opener.end() == ReadEnd::Open)
            .then_some(BrokenBy::new(kind, (code != 0).then_some(code)))
    }

    pub(super) fn end(&self) -> ReadEnd {
        match self.aborted {
            Some(alert) => ReadEnd::Fault(Fault::Aborted(alert)),
            None => self.opener.end(),
        }
    }

    pub(super) fn into_inner(mut self) -> Box<Opener<TrafficSecret<P>>> {
        self.opener.apply(self.link.mailbox.take_signal());
        self.opener
    }
}

impl<P: Provider> Receiver for LinkedOpener<P> {
    fn open(&mut self, input: &mut [u8], out: &mut [u8]) -> Result<OpenedIn, OpenError> {
        if let Some(alert) = self.aborted {
            return Err(Fault::Aborted(alert).into());
        }
        self.opener.apply(self.link.mailbox.take_signal());
        let opened = self.opener.open_out_of_place(input, out);
        if self.opener.has_notice() {
            self.link.mailbox.post_notice(self.opener.take_notice());
        }
        match opened {
            Err(OpenError::PeerAlert(description)) => {
                self.link.demand(DISCARD_UNSENT | (u32::from(description.0) << 24));
                self.link.fail();
            }
            Err(OpenError::Fault(_)) => self.link.fail(),
            _ => {}
        }
        opened
    }

    fn eof(&mut self) {
        self.opener.eof();
        self.link.mailbox.post_notice(self.opener.take_notice());
    }

    fn needed(&self, input: &[u8]) -> usize {
        if self.aborted.is_some() { 0 } else { self.opener.needed(input) }
    }

    fn abort(&mut self, alert: AlertDescription) {
        self.aborted = Some(alert);
        self.link.demand(ABORT | u32::from(alert.0));
        self.link.fail();
    }

    fn refuse_renegotiation(&mut self) -> bool {
        self.link.demand(REFUSE_RENEGOTIATION);
        true
    }
}

/// Keeps the waker of the writing half in the link while it waits, and takes it out when the half is dropped.
#[cfg(feature = "tokio")]
struct Waiting {
    link: Arc<Link>,
    /// The link has the waker.
    is_waiting: bool,
}

#[cfg(feature = "tokio")]
impl Waiting {
    fn start(&mut self, waker: &Waker) {
        self.is_waiting = true;
        drop(self.link.set_writer(Some(waker.clone())));
    }

    fn stop(&mut self) {
        if core::mem::take(&mut self.is_waiting) {
            drop(self.link.set_writer(None));
        }
    }
}

#[cfg(feature = "tokio")]
impl Drop for Waiting {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(super) struct LinkedSealer<P: Provider> {
    sealer: Box<Sealer<TrafficSecret<P>>>,
    link: Arc<Link>,
    /// How reading had ended before the split, or with an alert of the peer after it.
    read: ReadEnd,
    #[cfg(feature = "tokio")]
    waiting: Waiting,
}

impl<P: Provider> LinkedSealer<P> {
    pub(super) fn new(
        mut sealer: Box<Sealer<TrafficSecret<P>>>,
        link: Arc<Link>,
        read: ReadEnd,
    ) -> Self {
        link.mailbox.post_signal(sealer.take_signal());
        Self {
            sealer,
            #[cfg(feature = "tokio")]
            waiting: Waiting { link: link.clone(), is_waiting: false },
            link,
            read,
        }
    }

    /// Returns how reading has ended, as far as this half knows.
    pub(super) const fn read_end(&self) -> ReadEnd {
        self.read
    }

    /// Has the reading half wake the task of this half if the connection fails. Returns whether it has failed
    /// since the last [`exchange`](Self::exchange).
    #[cfg(feature = "tokio")]
    pub(super) fn wait_for_failure(&mut self, waker: &Waker) -> bool {
        self.waiting.start(waker);
        self.link.demands.load(Ordering::Acquire) & FAILED != 0
    }

    #[cfg(feature = "tokio")]
    pub(super) fn stop_waiting(&mut self) {
        self.waiting.stop();
    }

    /// Takes the notice and the demands of the reading half. Every call begins with it.
    pub(super) fn exchange(&mut self, outbox: &mut Outbox) {
        self.sealer.apply(self.link.mailbox.take_notice());
        let demands = self.link.take(OF_READER);
        let [peer_alert, .., alert] = demands.to_be_bytes();
        if demands & DISCARD_UNSENT != 0 {
            self.read = ReadEnd::PeerAlert(AlertDescription(peer_alert));
            outbox.discard_unsent();
        }
        if demands & REFUSE_RENEGOTIATION != 0 {
            // It fails only if the connection is ending.
            let _ = self.sealer.refuse_renegotiation();
        }
        if demands & ABORT != 0 {
            let _ = self.abort(AlertDescription(alert));
        }
        self.post_signal();
    }

    pub(super) fn update_keys(&mut self, request: bool) -> Result<(), KeyError> {
        let updated = self.sealer.update_keys(request);
        self.post_signal();
        updated
    }

    pub(super) fn close(&mut self) -> Result<(), CloseError> {
        let closed = self.sealer.close();
        self.post_signal();
        closed
    }

    pub(super) fn abort(&mut self, alert: AlertDescription) -> Result<(), CloseError> {
        let aborted = self.sealer.abort(alert);
        self.post_signal();
        aborted
    }

    /// Tells the reading half to drop its tickets, because the sending keys were updated.
    pub(super) fn keys_were_updated(&self) {
        self.link.demand(DROP_TICKETS);
    }

    /// Tells the reading half that the transport broke.
    pub(super) fn transport_broke(&self, error: &io::Error) {
        let kind = error.kind();
        if let Some((flag, _)) = BROKEN_BY.into_iter().find(|(_, broken_by)| *broken_by == kind) {
            // Released by the flag.
            self.link.broken_by.store(error.raw_os_error().unwrap_or(0), Ordering::Relaxed);
            self.link.demand(flag);
        }
    }

    /// Posts the signal for the opener, before sealed records can be sent.
    fn post_signal(&mut self) {
        if self.sealer.has_signal() {
            self.link.mailbox.post_signal(self.sealer.take_signal());
        }
    }

    pub(super) fn into_inner(self) -> Box<Sealer<TrafficSecret<P>>> {
        self.sealer
    }
}

impl<P: Provider> Sender for LinkedSealer<P> {
    type Keys = TrafficSecret<P>;

    fn sealer(&self) -> &Sealer<TrafficSecret<P>> {
        &self.sealer
    }

    fn next_control(&self) -> Option<Control> {
        self.sealer.next_control()
    }

    fn poll_control(&mut self, out: &mut [u8]) -> Result<usize, SealError> {
        let sealed = self.sealer.poll_control(out);
        self.post_signal();
        sealed
    }

    fn seal(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<Sealed, SealError> {
        let sealed = self.sealer.seal(parts, out);
        self.post_signal();
        sealed
    }
}
