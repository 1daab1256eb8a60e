//! 10,000 connections in one process, over transports that take a part of what they are given,
//! stall, or are cut at any byte, under a scheduler that picks the next task at random. No end may
//! wait forever, lose a byte before a clean end, or end twice.
//!
//! There is no clock and no thread: a seed determines everything. `TLS_RECORD_SIMULATION_SEED` sets
//! another seed, and repeats a run.

use std::collections::{BTreeMap, VecDeque};
use std::env;

use tls_record::close::OnPeerClose;
use tls_record::{
    AlertDescription, Config, Connection, End, Epoch, Event, Fault, ReadEnd, RecordBuffer,
    RecordLayer, Role, SealError, ShutdownError, WriteEnd,
};
use tls_record_tests::records::{Secret, Suite};

const PAIRS: usize = 5_000;

/// Bytes that wait for the transport, and that came from it.
const BUFFER: usize = 256;

struct Random(u64);

impl Random {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

// The transport

/// One direction of a transport.
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// The number of bytes until the transport is cut.
    life: usize,
    /// True if writing fails after the cut; otherwise bytes are taken and lost.
    is_silent: bool,
    is_cut: bool,
    /// Its writer or its reader has gone.
    writer_left: bool,
    reader_left: bool,
}

impl Pipe {
    fn new(random: &mut Random) -> Self {
        Self {
            bytes: VecDeque::new(),
            capacity: 1 + random.below(600),
            life: if random.one_in(4) { random.below(1500) } else { usize::MAX },
            is_silent: random.one_in(2),
            is_cut: false,
            writer_left: false,
            reader_left: false,
        }
    }

    /// Takes some bytes, none if there is no room, or fails if the transport is broken.
    fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.is_cut && self.is_silent {
            return Some(bytes.len());
        }
        if self.is_cut || self.reader_left {
            return None;
        }
        let len = bytes.len().min(self.capacity - self.bytes.len()).min(self.life);
        self.bytes.extend(&bytes[..len]);
        self.life -= len;
        self.is_cut = self.life == 0;
        Some(len)
    }

    fn read(&mut self, room: &mut [u8]) -> usize {
        let len = room.len().min(self.bytes.len());
        for (to, from) in room.iter_mut().zip(self.bytes.drain(..len)) {
            *to = from;
        }
        len
    }

    fn is_at_its_end(&self) -> bool {
        self.bytes.is_empty() && (self.is_cut || self.writer_left)
    }
}

// The application

/// How an application closes its connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    OneStep,
    TwoSteps {
        budget: u32,
    },
    /// After the peer has closed.
    AfterPeer,
    Abort,
    /// Leaves without a close_notify.
    Vanish,
}

/// One end of a connection, and the application on it.
struct Endpoint {
    tls: Connection<Secret, BUFFER>,
    received: RecordBuffer<BUFFER>,
    /// Which bytes it sends.
    salt: u64,
    manner: Manner,
    to_write: u64,
    updates: usize,
    /// Bytes that the connection took, and bytes that it delivered.
    written: u64,
    delivered: u64,
    slot: Option<usize>,
    was_told_of_eof: bool,
    is_broken: bool,
    end: Option<End>,
}

/// Returns byte `at` of the stream of `salt`.
fn byte(salt: u64, at: u64) -> u8 {
    (at.wrapping_mul(31).wrapping_add(salt) % 251) as u8
}

impl Endpoint {
    fn new(role: Role, suite: Suite, salt: u64, random: &mut Random) -> Self {
        let mut config = Config::new(role);
        config.tls12_on_peer_close =
            if random.one_in(2) { OnPeerClose::Reply } else { OnPeerClose::HalfClose };
        if suite == Suite::Tls13 || random.one_in(8) {
            config.key_limit = 5 + random.below(20) as u32;
        }
        config.fragment_limit = 1 + random.below(BUFFER) as u16;
        let mut layer = RecordLayer::new(config);
        let first = suite.first_sequence(Epoch::Application);
        let [client, server] = [1, 2].map(|byte| (suite.secret(byte), first));
        layer.take_over(Epoch::Application, client, server).unwrap();
        Self {
            tls: Connection::new(layer),
            received: RecordBuffer::new(),
            salt,
            manner: match random.below(16) {
                0..6 => Manner::OneStep,
                6..12 => Manner::TwoSteps { budget: random.below(4000) as u32 },
                12..14 => Manner::AfterPeer,
                14 => Manner::Abort,
                _ => Manner::Vanish,
            },
            to_write: random.below(1200) as u64,
            updates: random.below(6),
            written: 0,
            delivered: 0,
            slot: None,
            was_told_of_eof: false,
            is_broken: false,
            end: None,
        }
    }

    fn content(&self, len: usize) -> impl Iterator<Item = u8> + use<> {
        let (salt, written) = (self.salt, self.written);
        (0..len as u64).map(move |i| byte(salt, written + i))
    }

    /// Does some of the work that can be done. Returns whether anything happened, or might happen
    /// at the next try.
    fn step(
        &mut self,
        incoming: &mut Pipe,
        outgoing: &mut Pipe,
        peer_salt: u64,
        random: &mut Random,
    ) -> bool {
        let mut is_awake = false;
        let mut chance = |random: &mut Random| {
            let stalls = random.one_in(4);
            is_awake |= stalls;
            !stalls
        };
        let (reads, works, sends) = (chance(random), chance(random), chance(random));
        is_awake |= reads && self.read(incoming, peer_salt, random);
        is_awake |= works && self.work(random);
        is_awake |= sends && self.send(outgoing, random);
        if let Some(end) = self.final_end() {
            self.leave(end);
            incoming.reader_left = true;
            outgoing.writer_left = true;
        }
        is_awake
    }

    fn read(&mut self, incoming: &mut Pipe, peer_salt: u64, random: &mut Random) -> bool {
        if self.tls.end().read != ReadEnd::Open {
            return false;
        }
        let room = self.received.room().expect("records are short");
        assert!(!room.is_empty(), "the transport has somewhere to put what comes");
        let piece = 1 + random.below(room.len());
        let len = incoming.read(&mut room[..piece]);
        self.received.received(len);
        if len == 0 {
            let ends = incoming.is_at_its_end();
            if ends {
                assert!(!self.was_told_of_eof);
                self.was_told_of_eof = true;
                self.tls.eof();
            }
            return ends;
        }
        while let Ok(opened) = self.tls.received(self.received.filled()) {
            match &opened.event {
                Event::NeedMore { .. } => {
                    self.received.consume(&opened);
                    break;
                }
                Event::ApplicationData(range) => {
                    for &got in &self.received.filled()[range.clone()] {
                        assert_eq!(
                            got,
                            byte(peer_salt, self.delivered),
                            "a prefix of what was sent"
                        );
                        self.delivered += 1;
                    }
                }
                Event::Closed => break,
                Event::KeyUpdate { .. } | Event::Nothing => {}
                other => panic!("{other:?}"),
            }
            self.received.consume(&opened);
        }
        true
    }

    /// The application writes, or closes.
    fn work(&mut self, random: &mut Random) -> bool {
        if let Some(len) = self.slot {
            return match self.tls.commit(len) {
                Ok(()) => {
                    self.written += len as u64;
                    self.slot = None;
                    true
                }
                Err(SealError::NoSlot) => {
                    self.slot = None;
                    true
                }
                Err(SealError::NoSpace { .. }) => false,
                Err(SealError::KeyExhausted) => {
                    self.slot = None;
                    self.tls.discard().unwrap();
                    true
                }
                Err(error) => panic!("{error}"),
            };
        }
        let left = self.to_write - self.written;
        if left != 0 && self.tls.may_write() {
            return self.write(left as usize, random);
        }
        match self.manner {
            Manner::Abort => self.tls.abort(AlertDescription::DECODE_ERROR).is_ok(),
            Manner::AfterPeer if self.tls.end().read == ReadEnd::Open => false,
            Manner::Vanish => false,
            _ => {
                let before = self.tls.unsent().len();
                let _ = self.shutdown();
                before != self.tls.unsent().len()
            }
        }
    }

    fn write(&mut self, left: usize, random: &mut Random) -> bool {
        let len = 1 + random.below(left.min(2 * BUFFER));
        match random.below(8) {
            0 if self.updates != 0 => {
                self.updates -= 1;
                let _ = self.tls.update_keys(random.one_in(2));
                true
            }
            1..4 => {
                let len = len.min(usize::from(self.tls.writer().sealer().fragment_limit()));
                let content = self.content(len);
                match self.tls.reserve(len) {
                    Ok(slot) => {
                        slot.iter_mut().zip(content).for_each(|(to, from)| *to = from);
                        self.slot = Some(len);
                        true
                    }
                    Err(SealError::NoSpace { need }) => {
                        assert!(need <= BUFFER && !self.tls.unsent().is_empty());
                        false
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            _ => {
                let content: Vec<u8> = self.content(len).collect();
                let (front, back) = content.split_at(random.below(len));
                match self.tls.write(&[front, back]) {
                    Ok(taken) => {
                        assert_ne!(taken, 0);
                        self.written += taken as u64;
                        true
                    }
                    Err(SealError::NoSpace { need }) => {
                        assert!(need <= BUFFER && !self.tls.unsent().is_empty());
                        false
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    fn shutdown(&mut self) -> Result<(), ShutdownError> {
        match self.manner {
            Manner::TwoSteps { budget } => self.tls.shutdown_both(budget),
            _ => self.tls.shutdown(),
        }
    }

    fn send(&mut self, outgoing: &mut Pipe, random: &mut Random) -> bool {
        let unsent = self.tls.unsent();
        if unsent.is_empty() || self.is_broken {
            return false;
        }
        let piece = 1 + random.below(unsent.len());
        match outgoing.write(&unsent[..piece]) {
            Some(taken) => {
                self.tls.sent(taken);
                taken != 0
            }
            None => {
                self.is_broken = true;
                true
            }
        }
    }

    /// Whether the application is done with the connection, and how that ended.
    fn final_end(&mut self) -> Option<End> {
        if self.slot.is_some() || (self.to_write != self.written && self.tls.may_write()) {
            // A transport that takes nothing cannot make progress any more.
            return (self.is_broken && self.tls.end().read != ReadEnd::Open)
                .then(|| self.tls.end());
        }
        let end = self.tls.end();
        let has_left = self.tls.unsent().is_empty() || self.is_broken;
        let is_done = match self.manner {
            Manner::Vanish => true,
            Manner::AfterPeer if end.read == ReadEnd::Open => false,
            Manner::Abort => end.write != WriteEnd::Open && has_left,
            _ => match self.shutdown() {
                Ok(()) | Err(ShutdownError::BudgetSpent { .. }) => true,
                Err(ShutdownError::AwaitingPeer { .. }) => false,
                Err(ShutdownError::WouldBlock) => self.is_broken && end.read != ReadEnd::Open,
                Err(ShutdownError::Truncated | ShutdownError::Failed) => has_left,
                Err(error) => panic!("{error}"),
            },
        };
        is_done.then(|| self.tls.end())
    }

    fn leave(&mut self, end: End) {
        assert_eq!(self.end, None, "it ends once");
        // From now on the end must not change.
        let _ = self.tls.shutdown();
        self.tls.sent(0);
        if end.read != ReadEnd::Open {
            let _ = self.tls.received(&mut [23, 3, 3, 0, 1, 0]);
            self.tls.eof();
        }
        if end.write != WriteEnd::Open {
            assert_eq!(self.tls.end(), end, "of one end there is no other");
        }
        self.end = Some(end);
    }
}

// Both ends

struct Pair {
    ends: [Endpoint; 2],
    /// What each end sends goes through the pipe of its number.
    pipes: [Pipe; 2],
}

impl Pair {
    fn new(number: u64, random: &mut Random) -> Self {
        let suite = Suite::ALL[random.below(3)];
        let mut ends = [Role::Client, Role::Server]
            .map(|role| Endpoint::new(role, suite, 2 * number + role as u64, random));
        if ends.iter().all(|end| end.manner == Manner::AfterPeer) {
            ends[0].manner = Manner::OneStep;
        }
        Self { ends, pipes: [Pipe::new(random), Pipe::new(random)] }
    }

    fn step(&mut self, which: usize, random: &mut Random) -> bool {
        let [client, server] = &mut self.pipes;
        let (incoming, outgoing) = if which == 0 { (server, client) } else { (client, server) };
        let peer_salt = self.ends[1 - which].salt;
        self.ends[which].step(incoming, outgoing, peer_salt, random)
    }

    /// Checks that the end of one side agrees with that of the other side and of the transport.
    fn check(&self, which: usize) -> (End, bool) {
        let [us, peer] = [&self.ends[which], &self.ends[1 - which]];
        let [end, theirs] = [us, peer].map(|end| end.end.expect("it has ended"));
        let incoming = &self.pipes[1 - which];
        assert!(us.delivered <= peer.written);
        match end.read {
            ReadEnd::Closed { epoch } => {
                assert_eq!(epoch, Epoch::Application);
                assert_eq!(us.delivered, peer.written, "a clean end behind all that was sent");
            }
            ReadEnd::Truncated { .. } => {
                assert!(us.was_told_of_eof);
                assert!(incoming.is_cut || theirs.write != WriteEnd::Closed, "{theirs:?}");
            }
            ReadEnd::PeerAlert(alert) => assert_eq!(theirs.write, WriteEnd::AlertSent(alert)),
            ReadEnd::HandedOver => panic!("nothing is handed over"),
            ReadEnd::Fault(fault) => {
                assert_eq!(
                    (fault, us.manner),
                    (Fault::Aborted(AlertDescription::DECODE_ERROR), Manner::Abort)
                );
            }
            ReadEnd::Open => assert_ne!(us.manner, Manner::AfterPeer),
        }
        if let WriteEnd::AlertSent(_) = end.write {
            assert_eq!(us.manner, Manner::Abort);
        }
        (end, us.delivered == peer.written)
    }
}

/// The name of an end in the summary.
fn kind(end: End) -> String {
    let read = format!("{:?}", end.read);
    let write = format!("{:?}", end.write);
    let word = |text: &str| text.split([' ', '(']).next().unwrap_or_default().to_owned();
    format!("{} / {}", word(&read), word(&write))
}

fn simulate(seed: u64) -> BTreeMap<String, usize> {
    let mut random = Random(seed);
    let mut pairs: Vec<Pair> = (0..PAIRS).map(|i| Pair::new(i as u64, &mut random)).collect();
    let mut runnable: Vec<usize> = (0..2 * PAIRS).collect();
    let mut is_runnable = vec![true; 2 * PAIRS];
    let mut steps = 0_usize;
    while !runnable.is_empty() {
        let number = runnable.swap_remove(random.below(runnable.len()));
        is_runnable[number] = false;
        steps += 1;
        assert!(steps < 1000 * PAIRS, "no end in sight");
        let (pair, which) = (&mut pairs[number / 2], number % 2);
        if pair.ends[which].end.is_some() {
            continue;
        }
        let is_awake = pair.step(which, &mut random);
        let has_ended = pair.ends[which].end.is_some();
        // The event may concern the other end, which is sometimes woken for nothing.
        for (number, wakes) in [
            (number, is_awake && !has_ended),
            (number ^ 1, is_awake || has_ended || random.one_in(16)),
        ] {
            if wakes && !is_runnable[number] {
                is_runnable[number] = true;
                runnable.push(number);
            }
        }
    }
    let mut ends = BTreeMap::new();
    for (number, pair) in pairs.iter().enumerate() {
        for which in 0..2 {
            let end = &pair.ends[which];
            assert!(
                end.end.is_some(),
                "pair {number}: its end {which} waits for ever: {:?}, {:?}, {:?}",
                end.manner,
                end.tls,
                end.tls.end()
            );
        }
        for which in 0..2 {
            let (end, _) = pair.check(which);
            *ends.entry(kind(end)).or_default() += 1;
            *ends.entry("clean".to_owned()).or_default() += usize::from(end.is_clean());
        }
    }
    println!("{steps} steps");
    ends
}

#[test]
fn ten_thousand_connections_end_once_and_lose_nothing_before_a_clean_end() {
    let seed = match env::var("TLS_RECORD_SIMULATION_SEED") {
        Ok(seed) => seed.parse().expect("TLS_RECORD_SIMULATION_SEED is a number"),
        Err(_) => 1,
    };
    println!("TLS_RECORD_SIMULATION_SEED={seed}");
    let ends = simulate(seed);
    println!("{ends:#?}");
    // Every kind of end occurs often.
    for kind in [
        "clean",
        "Closed / Closing",
        "Truncated / Closed",
        "Fault / AlertSent",
        "PeerAlert / Failed",
        "Open / Closed",
    ] {
        assert!(ends.get(kind).is_some_and(|&count| count > 50), "{kind}");
    }
}
