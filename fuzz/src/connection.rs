//! Two connections that own their output, in a set, with transports that take arbitrary amounts.
//!
//! The application writes, or reserves and commits; shuts down in one step and in two; removes its
//! connections and keeps the handles. The other end decrypts what was sent. It must receive the
//! data that was written and nothing after the end, and each result of a shutdown must be true when
//! it is returned.

use tls_record::close::{OnPeerClose, WriteState};
use tls_record::{
    AlertDescription, Connection, ConnectionSet, ContentType, Control, Epoch, Event, Handle,
    InvalidHandle, KeyError, OpenError, ReadEnd, RecordLayer, SealError, ShutdownError,
    SuspendError, TrafficSecret, Version, WriteEnd,
};

use crate::checksum::Checksum;
use crate::input::input;
use crate::peer::Direction;
pub use crate::receiving::Kind;
use crate::receiving::check_kernel;
pub use crate::setup::{Few, Pad, Setup, Suite};
use crate::words;

input! {
    /// One action of the application, the driver or the peer on a connection.
    pub enum Call {
        /// The application writes.
        Write { at: u8, len: u16, },
        /// The application sends a handshake message.
        WriteHandshake { at: u8, len: u8, },
        /// The application reserves a slot.
        Reserve { at: u8, len: u16, },
        /// The application fills the slot.
        Fill { at: u8, },
        /// The application commits a part of the slot.
        Commit { at: u8, len: u16, },
        /// The application discards the slot.
        Discard { at: u8, },
        /// The transport takes some bytes.
        Sent { at: u8, len: u16, },
        /// The application shuts down in one step.
        Shutdown { at: u8, },
        /// The application shuts down in two steps.
        ShutdownBoth { at: u8, budget: u8, },
        /// The application aborts.
        Abort { at: u8, description: u8, },
        /// The application updates its keys.
        Update { at: u8, request: bool, },
        /// The peer sends a record.
        Record { at: u8, kind: Kind, content: Vec<u8>, },
        /// The peer sends a KeyUpdate.
        PeerUpdate { at: u8, requested: bool, },
        /// The peer closes.
        PeerClose { at: u8, },
        /// Bytes arrive that the peer never sent.
        Garbage { at: u8, bytes: Vec<u8>, },
        /// The transport ends.
        Eof { at: u8, },
        /// The connection is split into halves and joined again.
        SplitAndJoin { at: u8, },
        /// The connection is removed, and another one is inserted.
        Replace { at: u8, },
        /// The transport starts to send the unsent bytes, and reports later how many it took.
        BeginSend { at: u8, },
        /// The peer sends several requests for a KeyUpdate, which arrive at once.
        PeerRequests { at: u8, count: u8, },
        /// The keys of a direction are handed to the kernel.
        HandOver { at: u8, sender: bool, },
        /// The kernel sends the control messages that are due.
        KernelControl { at: u8, },
        /// The application refuses a renegotiation.
        Refuse { at: u8, },
    }
}

input! {
    /// Two connections and the calls on them.
    pub struct Input {
        /// The setup of all connections.
        pub setup: Setup,
        /// The calls, in order.
        pub calls: Vec<Call>,
    }
}

const TX: usize = 512;

type Wired = Connection<TrafficSecret<Checksum>, TX>;

/// A connection, and everything that the target knows of it.
struct End {
    tls: Wired,
    peer: Direction<Checksum>,
    mirror: Direction<Checksum>,
    on_peer_close: OnPeerClose,
    /// Bytes that the transport took and the mirror has not opened.
    taken: Vec<u8>,
    /// Data that was written and that the mirror has not opened, in order.
    written: Vec<u8>,
    /// The number of bytes written. It determines the next bytes of data.
    count: usize,
    slot: Option<Vec<u8>>,
    /// The alert on the wire that ended the sending direction.
    last: Option<u8>,
    /// A shutdown reported that the close_notify was sent.
    is_told: bool,
    was_cut: bool,
    /// Bytes of records that arrived since our close_notify was queued.
    drained: u32,
    /// The bytes that the transport is sending, and their address.
    in_flight: Option<(*const u8, Vec<u8>)>,
    /// The number of KeyUpdates to expect. `None` if keys can run out, which causes more.
    updates: Option<u32>,
    is_in_kernel: bool,
    /// The kernel was given an alert that ends the sending direction.
    has_kernel_ended: bool,
    /// The number of no_renegotiation alerts that are due.
    refusals: u8,
}

impl End {
    fn new(setup: &Setup) -> Self {
        let mut config = setup.config();
        config.limits = tls_record::Limits::DEFAULT;
        let number = setup.suite.first_number(Epoch::Application);
        let direction = |seed| Direction::from(setup.suite.secret(seed), number);
        Self {
            tls: Connection::new(setup.established(config, 1, 2)),
            peer: direction(1),
            mirror: direction(2),
            on_peer_close: OnPeerClose::in_version(setup.version(), config.tls12_on_peer_close),
            taken: Vec::new(),
            written: Vec::new(),
            count: 0,
            slot: None,
            last: None,
            is_told: false,
            was_cut: false,
            drained: 0,
            in_flight: None,
            updates: setup.key_limit.is_none().then_some(0),
            is_in_kernel: false,
            has_kernel_ended: false,
            refusals: 0,
        }
    }

    fn data(&mut self, len: usize) -> Vec<u8> {
        (self.count..self.count + len).map(|at| (at % 251) as u8).collect()
    }

    /// Expects one more KeyUpdate.
    fn expect_update(&mut self) {
        self.updates = self.updates.map(|updates| updates + 1);
    }

    fn accept(&mut self, data: &[u8]) {
        self.count += data.len();
        self.written.extend(data);
    }

    fn is_closing(&self) -> bool {
        !matches!(self.tls.writer().sealer().state(), WriteState::Open)
    }

    fn write(&mut self, len: usize) {
        let data = self.data(len);
        let before = self.tls.unsent().len();
        let may_write = self.tls.may_write();
        let can_write = self.tls.can_write();
        let (front, back) = data.split_at(len / 2);
        match self.tls.write(&[front, back]) {
            Ok(taken) => {
                assert!(may_write && self.slot.is_none());
                assert!(taken != 0 || len == 0, "a call must take some data");
                self.accept(&data[..taken]);
            }
            Err(error) => {
                words::check(&error);
                assert!(self.tls.unsent().len() >= before, "no bytes may be lost");
                assert_eq!(error == SealError::SlotReserved, self.slot.is_some());
                assert_eq!(error == SealError::HandedOver, self.is_in_kernel);
                assert!(!can_write || matches!(error, SealError::KeyExhausted), "{error:?}");
                assert!(may_write || !matches!(error, SealError::NoSpace { .. }));
            }
        }
    }

    fn reserve(&mut self, len: usize) {
        let had_slot = self.slot.is_some();
        match self.tls.reserve(len) {
            Ok(slot) => {
                assert!(!had_slot && slot.len() == len);
                slot.fill(0xee);
                self.slot = Some(vec![0xee; len]);
            }
            Err(error) => assert_eq!(error == SealError::SlotReserved, had_slot),
        }
    }

    fn fill(&mut self) {
        let (count, len) = (self.count, self.slot.as_ref().map_or(0, Vec::len));
        let data: Vec<u8> = (count..count + len).map(|at| (at % 251) as u8).collect();
        if let Some(slot) = self.tls.slot_mut() {
            slot.copy_from_slice(&data);
            self.slot = Some(data);
        }
    }

    fn commit(&mut self, len: usize) {
        let slot_len = self.slot.as_ref().map(Vec::len);
        match self.tls.commit(len) {
            Ok(()) => {
                let mut data = self.slot.take().expect("a slot is reserved");
                data.truncate(len);
                self.accept(&data);
            }
            Err(SealError::NoSlot) => assert_eq!(slot_len, None),
            Err(SealError::TooLong) => assert!(slot_len.is_some_and(|slot| len > slot)),
            Err(_) => assert!(slot_len.is_some()),
        }
    }

    /// The transport takes up to `len` bytes, and the mirror opens the whole records. Returns the
    /// number taken.
    fn sent(&mut self, len: usize) -> usize {
        let unsent = self.tls.unsent();
        let given = self.in_flight.take().map_or(unsent.len(), |(_, bytes)| bytes.len());
        let taken = len.min(given).min(unsent.len());
        self.taken.extend(&unsent[..taken]);
        // `sent` must ignore bytes in excess of what the transport was given.
        self.tls.sent(len);
        let len = taken;
        while let Some([_, _, _, high, low]) = self.taken.first_chunk() {
            let total = 5 + usize::from(u16::from_be_bytes([*high, *low]));
            if self.taken.len() < total {
                break;
            }
            assert_eq!(self.last, None, "nothing may follow the end");
            let record = self.mirror.open(&self.taken);
            self.taken.drain(..total);
            match (record.content_type, &record.content[..]) {
                (ContentType::APPLICATION_DATA, data) => {
                    assert!(self.written.starts_with(data), "data must arrive as written");
                    self.written.drain(..data.len());
                }
                (ContentType::HANDSHAKE, [24, 0, 0, 1, _]) => {
                    self.mirror.update();
                    self.updates = self.updates.map(|updates| {
                        updates
                            .checked_sub(1)
                            .expect("requests that arrive together get one answer")
                    });
                }
                (ContentType::HANDSHAKE, _) => {}
                (ContentType::ALERT, &[1, 90]) => {}
                (ContentType::ALERT, &[1, 100]) => self.refusal_left(),
                (ContentType::ALERT, &[_, description]) => self.last = Some(description),
                (_, content) => panic!("{content:?}"),
            }
        }
        len
    }

    fn shutdown(&mut self) {
        let before = self.tls.end().write;
        let answer = self.tls.shutdown();
        match answer {
            Ok(()) => {
                assert!(!std::mem::replace(&mut self.is_told, true), "a shutdown succeeds once");
                assert_eq!(self.last, Some(0), "the close_notify is sent");
                assert!(self.written.is_empty() && self.taken.is_empty());
            }
            Err(ShutdownError::SlotReserved) => {
                assert!(self.slot.is_some());
                assert_eq!(self.tls.end().write, before, "nothing may be queued");
            }
            Err(ShutdownError::WouldBlock) => assert_ne!(self.tls.unsent(), []),
            Err(ShutdownError::AlreadyClosed) => {
                assert!(self.is_told && self.last == Some(0));
            }
            Err(ShutdownError::Truncated) => {
                assert!(matches!(self.tls.end().read, ReadEnd::Truncated { .. }));
            }
            Err(ShutdownError::Failed) => {
                let is_failed = matches!(
                    self.tls.end().write,
                    WriteEnd::Failed | WriteEnd::AlertQueued(_) | WriteEnd::AlertSent(_)
                );
                assert!(is_failed);
            }
            Err(ShutdownError::HandedOver) => {}
            Err(error) => panic!("{error}"),
        }
        assert_eq!(answer == Err(ShutdownError::HandedOver), self.is_in_kernel);
        assert_eq!(answer == Err(ShutdownError::SlotReserved), self.slot.is_some());
    }

    fn shutdown_both(&mut self, budget: u32) {
        let answer = self.tls.shutdown_both(budget);
        let _ = answer.inspect_err(words::check);
        let end = self.tls.end();
        match answer {
            Ok(()) => {
                assert!(matches!(end.read, ReadEnd::Closed { .. }));
                assert_eq!(self.last, Some(0));
                self.is_told = true;
            }
            Err(ShutdownError::AwaitingPeer { drained }) => {
                assert_eq!((end.read, self.last), (ReadEnd::Open, Some(0)));
                assert_eq!(drained, self.drained);
                assert!(drained <= budget);
                self.is_told = true;
            }
            Err(ShutdownError::BudgetSpent { drained }) => {
                assert_eq!((end.read, drained), (ReadEnd::Open, self.drained));
                assert!(drained > budget);
                self.is_told |= end.write == WriteEnd::Closed;
            }
            Err(ShutdownError::WouldBlock) => assert_ne!(self.tls.unsent(), []),
            Err(ShutdownError::Truncated) => {
                assert!(matches!(end.read, ReadEnd::Truncated { .. }));
                self.is_told |= end.write == WriteEnd::Closed;
            }
            Err(ShutdownError::Failed) => {
                let is_failed = matches!(end.read, ReadEnd::PeerAlert(_) | ReadEnd::Fault(_))
                    || !matches!(end.write, WriteEnd::Open | WriteEnd::Closing);
                assert!(is_failed);
                self.is_told |= end.write == WriteEnd::Closed;
            }
            Err(ShutdownError::HandedOver) if self.is_in_kernel => {}
            Err(ShutdownError::HandedOver) => {
                assert_eq!((end.read, self.last), (ReadEnd::HandedOver, Some(0)));
                self.is_told = true;
            }
            Err(error) => assert_eq!(error, ShutdownError::SlotReserved),
        }
        assert!(!self.is_in_kernel || answer == Err(ShutdownError::HandedOver));
        assert_eq!(answer == Err(ShutdownError::SlotReserved), self.slot.is_some());
    }

    /// Receives bytes that arrive together.
    fn receive(&mut self, mut bytes: Vec<u8>) {
        if self.tls.end().read == ReadEnd::HandedOver {
            let before = bytes.clone();
            assert_eq!(self.tls.received(&mut bytes), Err(OpenError::HandedOver));
            assert_eq!(bytes, before);
            return;
        }
        let mut is_asked = false;
        let mut at = 0;
        while at < bytes.len() {
            let was_closing = self.tls.writer().sealer().state();
            let opened = self.tls.received(&mut bytes[at..]);
            match opened {
                Ok(opened) => {
                    if matches!(
                        was_closing,
                        WriteState::CancelQueued | WriteState::CloseQueued | WriteState::Closed
                    ) {
                        self.drained += opened.consumed as u32;
                    }
                    let asks = opened.event == Event::KeyUpdate { requested: true };
                    if asks && !std::mem::replace(&mut is_asked, true) {
                        self.expect_update();
                    }
                    if opened.event == Event::Closed
                        && self.on_peer_close == OnPeerClose::Reply
                        && self.is_closing()
                    {
                        // RFC 5246 section 7.2.1: pending writes are discarded.
                        self.slot = None;
                    }
                    if opened.consumed == 0 {
                        return;
                    }
                    at += opened.consumed;
                }
                Err(error) => {
                    if matches!(error, OpenError::PeerAlert(_) | OpenError::Fault(_)) {
                        self.slot = None;
                    }
                    if matches!(error, OpenError::PeerAlert(_)) {
                        // RFC 9846 section 6: nothing more is sent after an error alert.
                        assert_eq!(self.tls.unsent(), []);
                        self.was_cut = true;
                    }
                    return;
                }
            }
        }
    }

    fn hand_over(&mut self, sender: bool) {
        let is_at_rest = self.tls.unsent().is_empty() && self.slot.is_none();
        let is_open = self.tls.end().write == WriteEnd::Open;
        if !sender {
            let number = self.tls.opener().sequence();
            if let Ok(direction) = self.tls.hand_receiver_to_kernel() {
                check_kernel(direction, number.expect("keys"));
                assert_eq!(self.tls.end().read, ReadEnd::HandedOver);
            }
            return;
        }
        match self.tls.hand_sender_to_kernel() {
            Ok(direction) => {
                assert!(is_at_rest && is_open, "everything sealed must have been sent");
                check_kernel(direction, self.mirror.sequence);
                self.is_in_kernel = true;
            }
            Err(error) => {
                words::check(&error);
                assert!(error != SuspendError::Busy || !is_at_rest);
                assert!(error == SuspendError::Busy || is_at_rest || !is_open);
            }
        }
    }

    fn kernel_control(&mut self) {
        while let Some(control) = self.tls.take_kernel_control() {
            assert!(self.is_in_kernel && !self.has_kernel_ended, "{control:?}");
            match control {
                Control::Alert(AlertDescription::NO_RENEGOTIATION) => self.refusal_left(),
                Control::Alert(_) => self.has_kernel_ended = true,
                Control::KeyUpdate { .. } => {}
            }
        }
        let is_open = self.is_in_kernel && !self.has_kernel_ended;
        assert!(!is_open || self.refusals == 0, "a no_renegotiation alert was lost");
    }

    fn refuse(&mut self) {
        let refused = self.tls.refuse_renegotiation();
        let _ = refused.inspect_err(words::check);
        assert_ne!(refused, Err(KeyError::HandedOver), "the refusal is given to the kernel");
        self.refusals = self.refusals.saturating_add(refused.is_ok().into());
    }

    fn refusal_left(&mut self) {
        self.refusals =
            self.refusals.checked_sub(1).expect("one no_renegotiation alert for each refusal");
    }

    fn check(&mut self) {
        let end = self.tls.end();
        if let Some((place, bytes)) = &self.in_flight
            && !self.was_cut
        {
            let unsent = self.tls.unsent();
            assert_eq!(unsent.as_ptr(), *place, "bytes being sent must not move");
            assert!(unsent.starts_with(bytes), "bytes being sent must not change");
        }
        assert_eq!(end.write == WriteEnd::HandedOver, self.is_in_kernel);
        if self.is_in_kernel {
            assert_eq!((self.tls.unsent(), self.last), (&[][..], None), "nothing may be sent");
        }
        assert_eq!(
            self.tls.slot_mut().map(|slot| slot.to_vec()),
            self.slot,
            "the slot must not change"
        );
        match end.write {
            WriteEnd::Closed => assert_eq!((self.last, self.tls.unsent()), (Some(0), &[][..])),
            WriteEnd::AlertSent(alert) => assert_eq!(self.last, Some(alert.0)),
            WriteEnd::Open => assert_eq!(self.last, None),
            _ => {}
        }
        if self.was_cut {
            assert_eq!(self.tls.unsent(), []);
        }
        assert!(self.tls.unsent().len() <= TX);
        if self.is_closing() {
            assert!(!self.tls.may_write() && self.slot.is_none());
        }
    }
}

const PLACES: usize = 2;

struct World {
    setup: Setup,
    set: ConnectionSet<End, PLACES>,
    handles: [Handle; PLACES],
    /// The handles of removed connections.
    stale: Vec<Handle>,
    foreign: Handle,
}

impl World {
    fn new(setup: &Setup) -> Self {
        let mut other = ConnectionSet::<(), 1>::new(8);
        let foreign = other.insert(()).expect("a free place");
        let mut set = ConnectionSet::new(7);
        let handles = [(); PLACES]
            .map(|()| set.insert(End::new(setup)).unwrap_or_else(|_| panic!("no free place")));
        Self { setup: setup.clone(), set, handles, stale: Vec::new(), foreign }
    }

    fn end(&mut self, at: u8) -> &mut End {
        let handle = self.handles[usize::from(at) % PLACES];
        self.set.get_mut(handle).expect("the connection is in the set")
    }

    fn call(&mut self, call: &Call) {
        let is_tls13 = self.setup.version() == Version::Tls13;
        match call {
            Call::Write { at, len } => self.end(*at).write(usize::from(*len) % 1200),
            Call::WriteHandshake { at, len } => {
                let message = [&[4, 0, 0, *len], &vec![1; (*len).into()][..]].concat();
                let end = self.end(*at);
                let written = end.tls.write_handshake(&[&message]);
                assert!(written.is_err() || end.slot.is_none());
            }
            Call::Reserve { at, len } => self.end(*at).reserve(usize::from(*len) % 600),
            Call::Fill { at } => self.end(*at).fill(),
            Call::Commit { at, len } => self.end(*at).commit(usize::from(*len) % 600),
            Call::Discard { at } => {
                let end = self.end(*at);
                let discarded = end.tls.discard();
                assert_eq!(discarded.is_ok(), end.slot.take().is_some());
            }
            Call::Sent { at, len } => drop(self.end(*at).sent((*len).into())),
            Call::Shutdown { at } => self.end(*at).shutdown(),
            Call::ShutdownBoth { at, budget } => self.end(*at).shutdown_both((*budget).into()),
            Call::Abort { at, description } => {
                let end = self.end(*at);
                if end.tls.abort(AlertDescription(*description)).is_ok() {
                    end.slot = None;
                }
            }
            Call::Update { at, request } => {
                let end = self.end(*at);
                if end.tls.update_keys(*request).is_ok() {
                    end.expect_update();
                }
            }
            Call::Record { at, kind, content } => {
                let end = self.end(*at);
                let record = end.peer.seal(kind.content_type(), content, 0);
                end.receive(record);
            }
            Call::PeerUpdate { at, requested } => {
                let end = self.end(*at);
                let message = [24, 0, 0, 1, u8::from(*requested)];
                let record = end.peer.seal(ContentType::HANDSHAKE, &message, 0);
                if is_tls13 {
                    end.peer.update();
                }
                end.receive(record);
            }
            Call::PeerClose { at } => {
                let end = self.end(*at);
                let record = end.peer.seal(ContentType::ALERT, &[1, 0], 0);
                end.receive(record);
            }
            Call::Garbage { at, bytes } => self.end(*at).receive(bytes.clone()),
            Call::Eof { at } => drop(self.end(*at).tls.eof()),
            Call::SplitAndJoin { at } => self.split_and_join(*at),
            Call::Replace { at } => drop(self.replace(*at, End::new(&self.setup))),
            Call::BeginSend { at } => {
                let end = self.end(*at);
                let bytes = end.tls.begin_send();
                if !bytes.is_empty() {
                    assert_eq!(end.in_flight, None, "one send at a time");
                    end.in_flight = Some((bytes.as_ptr(), bytes.to_vec()));
                }
            }
            Call::PeerRequests { at, count } => {
                let end = self.end(*at);
                let mut bytes = Vec::new();
                for _ in 0..count % 8 {
                    bytes.extend(end.peer.seal(ContentType::HANDSHAKE, &[24, 0, 0, 1, 1], 0));
                    if is_tls13 {
                        end.peer.update();
                    }
                }
                end.receive(bytes);
            }
            Call::HandOver { at, sender } => self.end(*at).hand_over(*sender),
            Call::KernelControl { at } => self.end(*at).kernel_control(),
            Call::Refuse { at } => self.end(*at).refuse(),
        }
    }

    /// Replaces a connection by another one, with a new handle. Returns the old connection.
    fn replace(&mut self, at: u8, end: End) -> End {
        let at = usize::from(at) % PLACES;
        let Err(end) = self.set.insert(end) else { panic!("the set must be full") };
        let removed = self.set.remove(self.handles[at]).expect("the connection is in the set");
        assert_eq!(self.set.len(), PLACES - 1);
        self.stale.push(self.handles[at]);
        self.handles[at] =
            self.set.insert(end).unwrap_or_else(|_| panic!("no free place after a removal"));
        removed
    }

    fn split_and_join(&mut self, at: u8) {
        let mut end = self.replace(at, End::new(&self.setup));
        let (opener, mut writer) = end.tls.split();
        assert_eq!(
            writer.take_signal(),
            tls_record::Signal::NONE,
            "the signal must have been passed on"
        );
        end.tls = Connection::join(opener, writer).expect("halves of one connection");
        self.replace(at, end);
        let end = self.end(at);
        if let Some((place, _)) = &mut end.in_flight {
            *place = end.tls.unsent().as_ptr();
        }
    }

    /// Checks a connection before its first byte, with a peer that does not speak TLS.
    fn unstarted(&self) {
        let mut tls = Wired::new(RecordLayer::new(self.setup.config()));
        assert_eq!(tls.shutdown(), Err(ShutdownError::NotStarted));
        assert!(tls.received(&mut b"HTTP/1.1 400 Bad Request".to_vec()).is_err());
        assert_eq!(tls.shutdown(), Err(ShutdownError::NotTls));
        assert_eq!(tls.unsent(), []);
        assert!(!format!("{tls:?}").is_empty());
    }

    fn check(&mut self) {
        for handle in self.stale.iter().chain([&self.foreign]) {
            assert_eq!(self.set.get(*handle).err(), Some(InvalidHandle));
            assert_eq!(self.set.get_mut(*handle).err(), Some(InvalidHandle));
            assert_eq!(self.set.remove(*handle).err(), Some(InvalidHandle));
        }
        assert_eq!(self.set.iter_mut().count(), PLACES);
        for at in 0..PLACES {
            self.end(at as u8).check();
        }
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "connection";

    fn run(&self) {
        let mut world = World::new(&self.setup);
        for call in &self.calls {
            world.call(call);
            world.check();
        }
        world.unstarted();
        // Close, and let the transport take everything: then the close_notify must have been sent.
        for at in 0..PLACES as u8 {
            let end = world.end(at);
            let _ = end.tls.discard();
            end.slot = None;
            let _ = end.tls.shutdown();
            while end.sent(100) != 0 {}
            let is_failed = !matches!(end.tls.end().write, WriteEnd::Closed);
            assert!(is_failed || (end.last == Some(0) && end.written.is_empty()));
            assert!(end.taken.is_empty() || end.was_cut, "only whole records may be sent");
        }
        world.check();
    }
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.tls.fmt(f)
    }
}

impl PartialEq for End {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}
