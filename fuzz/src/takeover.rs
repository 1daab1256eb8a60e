//! A handshake between two ends that are worked by hand, and two followers of it: one sees each record
//! whole and is told the secrets when the input says so, the other sees the records in pieces and is told
//! each secret when it asks. Both must see the same. What the first one takes over must go on with the
//! records of the ends: same keys, same sequence numbers, and no explicit nonce twice.
//!
//! As long as the ends keep to the protocol, everything must be followed. What is out of order, forged, or
//! under secrets that were told wrong, must never be taken for a complete handshake.

mod ends;

use std::collections::VecDeque;

use tls_record::takeover::{Follower, SecretKind, TakeoverError};
use tls_record::{Config, ContentType, Event, OpenError, Opened, RecordLayer, Role, TrafficSecret};

use crate::checksum::Checksum;
use crate::input::input;
use crate::words;
use ends::{Ends, Phase};

input! {
    /// What the ends agree on.
    pub struct Setup {
        /// The version.
        pub tls12: bool,
        /// The cipher suite: one of those of the version.
        pub suite: u8,
        /// The bytes of the ClientHello's random.
        pub random: u8,
        /// The client offers early data.
        pub early_data: bool,
        /// What the explicit nonces of TLS 1.2 begin with.
        pub nonces: u8,
        /// The record_size_limit of each end, in fours above 64; 0 for none.
        pub client_limit: u8,
        /// See `client_limit`.
        pub server_limit: u8,
        /// Which secrets are told wrong: a bit for each.
        pub wrong: u8,
        /// What is wrong with them: their length, or all of their bytes.
        pub wrong_len: bool,
        /// After how many bytes the second follower sees a record for the first time.
        pub cut: u8,
    }
}

input! {
    /// One thing that happens. What the protocol does not allow now does not happen, but for `Odd`, `Raw` and
    /// `Forged`.
    pub enum Call {
        /// The library tells a secret.
        Secret { kind: u8, },
        /// The library tells one by a line of its key log, or a line of another connection.
        KeyLog { kind: u8, other: bool, },
        /// A ClientHello, in one record or two.
        ClientHello { split: u8, },
        /// A HelloRetryRequest.
        Retry,
        /// A ServerHello.
        ServerHello { split: u8, },
        /// EncryptedExtensions.
        Extensions { hold: bool, },
        /// A message without effect on keys, in one record with the next one if it is held.
        Message { server: bool, kind: u8, len: u8, hold: bool, split: u8, },
        /// The change_cipher_spec.
        ChangeCipherSpec { server: bool, },
        /// The Finished.
        Finished { server: bool, split: u8, },
        /// Early data, which the server rejects.
        EarlyData { len: u8, },
        /// Application data.
        Data { server: bool, len: u8, padding: u8, },
        /// A KeyUpdate.
        KeyUpdate { server: bool, request: bool, },
        /// A close_notify.
        Close { server: bool, },
        /// TLS 1.2: the explicit nonces go on from elsewhere.
        Nonces { server: bool, start: u8, },
        /// A message that may be out of order.
        Odd { server: bool, message_type: u8, len: u8, },
        /// Bytes without protection.
        Raw { server: bool, bytes: Vec<u8>, },
        /// A record with a bit that is another.
        Forged { server: bool, bit: u8, },
        /// Everything up to the end of the handshake, with all secrets that are not told wrong.
        Rest,
        /// The connection is taken over, if it can be.
        Finish { server: bool, },
    }
}

input! {
    /// A handshake.
    pub struct Input {
        /// What the ends are.
        pub setup: Setup,
        /// What happens, in this order.
        pub calls: Vec<Call>,
    }
}

/// More would be more change_cipher_spec or KeyUpdates in a row than are tolerated.
const MAX_CALLS: usize = 200;

const KINDS: [SecretKind; 5] = [
    SecretKind::ClientHandshake,
    SecretKind::ServerHandshake,
    SecretKind::ClientTraffic,
    SecretKind::ServerTraffic,
    SecretKind::Master,
];

fn index(kind: SecretKind) -> usize {
    KINDS.iter().position(|&one| one == kind).expect("a secret of records")
}

/// What a follower said of some bytes, and what it left of them.
type Seen = (Role, Opened, Vec<u8>);

struct World<'a> {
    setup: &'a Setup,
    ends: Ends,
    whole: Follower<Checksum>,
    pieces: Follower<Checksum>,
    /// What `whole` has not seen, because a secret is missing; and how far it has seen the first of them.
    waiting: VecDeque<(Role, Vec<u8>)>,
    at: usize,
    seen_whole: Vec<Seen>,
    seen_pieces: Vec<Seen>,
    error_whole: Option<TakeoverError>,
    error_pieces: Option<TakeoverError>,
    told: [bool; 5],
    /// The senders whose close_notify was followed, with or without protection: behind it nothing is TLS.
    closed: Vec<Role>,
    is_over: bool,
}

impl<'a> World<'a> {
    fn new(setup: &'a Setup) -> Self {
        Self {
            setup,
            ends: Ends::new(setup),
            whole: Follower::new(),
            pieces: Follower::new(),
            waiting: VecDeque::new(),
            at: 0,
            seen_whole: Vec::new(),
            seen_pieces: Vec::new(),
            error_whole: None,
            error_pieces: None,
            told: [false; 5],
            closed: Vec::new(),
            is_over: false,
        }
    }

    /// Whether everything so far must be followed.
    fn is_lawful(&self) -> bool {
        self.ends.is_lawful && !self.is_wrong()
    }

    /// Whether a secret of this version is told wrong.
    fn is_wrong(&self) -> bool {
        let of_version = if self.setup.tls12 { 0x10 } else { 0x0f };
        self.setup.wrong & of_version != 0
    }

    /// The secret as it is told.
    fn secret(&self, kind: SecretKind) -> Vec<u8> {
        let mut secret = self.ends.secret(kind);
        if self.setup.wrong >> index(kind) & 1 == 1 {
            if self.setup.wrong_len {
                secret.pop();
            } else {
                secret.fill(0xee);
            }
        }
        secret
    }

    fn tell(&mut self, kind: SecretKind) {
        self.told[index(kind)] = true;
        self.whole.secret(kind, &self.secret(kind)).expect("not too long");
        self.follow_whole();
    }

    fn call(&mut self, call: &Call) {
        let role = |server: bool| if server { Role::Server } else { Role::Client };
        match *call {
            Call::Secret { kind } => self.tell(KINDS[usize::from(kind) % KINDS.len()]),
            Call::KeyLog { kind, other } => {
                self.key_log(KINDS[usize::from(kind) % KINDS.len()], other)
            }
            Call::ClientHello { split } => self.ends.client_hello(split),
            Call::Retry => self.ends.retry(),
            Call::ServerHello { split } => self.ends.server_hello(split),
            Call::Extensions { hold } => self.ends.encrypted_extensions(hold),
            Call::Message { server, kind, len, hold, split } => {
                self.ends.message(role(server), kind, len, hold, split);
            }
            Call::ChangeCipherSpec { server } => self.ends.change_cipher_spec(role(server)),
            Call::Finished { server, split } => self.ends.finished(role(server), split),
            Call::EarlyData { len } => self.ends.early_data(len),
            Call::Data { server, len, padding } => self.ends.data(role(server), len, padding),
            Call::KeyUpdate { server, request } => self.ends.key_update(role(server), request),
            Call::Close { server } => self.ends.close(role(server)),
            Call::Nonces { server, start } => self.ends.restart_nonces(role(server), start),
            Call::Odd { server, message_type, len } => {
                self.ends.odd(role(server), message_type, len);
            }
            Call::Raw { server, ref bytes } => self.ends.raw(role(server), bytes),
            Call::Forged { server, bit } => self.ends.forge(role(server), bit),
            Call::Rest => self.rest(),
            Call::Finish { server } => self.finish(role(server)),
        }
        if !self.is_over {
            self.carry();
        }
    }

    /// Shows both followers what the ends have sent.
    fn carry(&mut self) {
        for (sender, record) in std::mem::take(&mut self.ends.sent) {
            if self.closed.contains(&sender) {
                continue;
            }
            self.follow_pieces(sender, &record);
            self.waiting.push_back((sender, record));
        }
        self.follow_whole();
    }

    fn key_log(&mut self, kind: SecretKind, other: bool) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let random = [self.setup.random ^ u8::from(other); 32];
        let line = format!("{} {} {}\n", kind.label(), hex(&random), hex(&self.secret(kind)));
        let is_named = self.seen_whole.iter().any(|(sender, ..)| *sender == Role::Client);
        let taken = self.whole.key_log(line.as_bytes()).expect("not too long");
        if self.is_lawful() {
            assert_eq!(taken, is_named && !other, "a line of this connection");
        }
        if taken {
            self.told[index(kind)] = true;
            self.follow_whole();
        }
    }

    /// The second follower: a secret is told when it is asked for.
    fn follow_pieces(&mut self, sender: Role, record: &[u8]) {
        let (mut bytes, mut at) = (record.to_vec(), 0);
        let mut shown = usize::from(self.setup.cut).min(bytes.len());
        while at < bytes.len() && self.error_pieces.is_none() {
            match self.pieces.follow(sender, &mut bytes[at..shown]) {
                Ok(Opened { consumed: 0, event: Event::NeedMore { total } }) => {
                    assert!(total > shown - at, "that much is there");
                    if shown == bytes.len() {
                        return; // Cut off: `Raw` does that.
                    }
                    shown = bytes.len();
                }
                Ok(opened) => {
                    assert_ne!(opened.consumed, 0, "no progress");
                    let end = at + opened.consumed;
                    assert!(end <= shown);
                    let left = content(&opened, &bytes[at..]);
                    if opened.event == Event::Closed {
                        self.closed.push(sender);
                        self.seen_pieces.push((sender, opened, left));
                        return;
                    }
                    self.seen_pieces.push((sender, opened, left));
                    at = end;
                    shown = bytes.len();
                }
                Err(TakeoverError::MissingSecret(kind)) => {
                    let secret = self.secret(kind);
                    self.pieces.secret(kind, &secret).expect("not too long");
                }
                Err(error) => self.error_pieces = Some(error),
            }
        }
    }

    fn follow_whole(&mut self) {
        while let Some((sender, mut bytes)) = self.waiting.front().cloned() {
            if self.error_whole.is_some() {
                break;
            }
            match self.whole.follow(sender, &mut bytes[self.at..]) {
                Ok(Opened { consumed: 0, event: Event::NeedMore { .. } }) => {
                    assert!(!self.is_lawful(), "records are whole");
                    self.at = bytes.len();
                }
                Ok(opened) => {
                    assert_ne!(opened.consumed, 0, "no progress");
                    let left = content(&opened, &bytes[self.at..]);
                    self.at += opened.consumed;
                    assert!(self.at <= bytes.len());
                    if opened.event == Event::Closed {
                        self.at = bytes.len();
                    }
                    self.seen_whole.push((sender, opened, left));
                }
                Err(TakeoverError::MissingSecret(kind)) => {
                    assert!(!self.told[index(kind)], "{kind:?} was told");
                    assert_eq!(bytes, self.waiting[0].1, "nothing has changed");
                    let again = self.whole.follow(sender, &mut bytes[self.at..]);
                    assert_eq!(again, Err(TakeoverError::MissingSecret(kind)));
                    break;
                }
                Err(error) => {
                    words::check(&error);
                    assert!(!self.is_lawful(), "{error}");
                    for role in [Role::Client, Role::Server] {
                        assert_eq!(self.whole.follow(role, &mut [22, 3, 3, 0, 0]), Err(error));
                    }
                    self.error_whole = Some(error);
                    break;
                }
            }
            if self.at < bytes.len() {
                self.waiting[0].1 = bytes;
            } else {
                self.at = 0;
                self.waiting.pop_front();
            }
        }
        self.check();
    }

    fn check(&self) {
        let of_pieces = self.seen_pieces.get(..self.seen_whole.len());
        assert_eq!(of_pieces, Some(&self.seen_whole[..]), "whole and in pieces");
        if self.error_whole.is_some() {
            assert_eq!(self.error_whole, self.error_pieces);
        }
        for sender in [Role::Client, Role::Server] {
            if self.whole.is_finished(sender) {
                assert!(
                    self.ends.has_finished(sender),
                    "a Finished under the keys of the handshake"
                );
            }
        }
        let is_complete =
            self.whole.is_finished(Role::Client) && self.whole.is_finished(Role::Server);
        assert_eq!(self.whole.is_complete(), is_complete);
        // Both Finished open under the right secrets only.
        let of_finished = if self.setup.tls12 { 0x10 } else { 0x03 };
        assert!(!is_complete || self.setup.wrong & of_finished == 0, "complete by a wrong secret");
        if self.is_lawful() && self.waiting.is_empty() {
            for sender in [Role::Client, Role::Server] {
                assert_eq!(self.whole.is_finished(sender), self.ends.has_finished(sender));
            }
        }
    }

    /// Goes through the rest of a handshake.
    fn rest(&mut self) {
        for kind in KINDS {
            self.tell(kind);
        }
        let is_first = if self.setup.tls12 { Role::Client } else { Role::Server };
        self.ends.client_hello(0);
        self.ends.server_hello(0);
        self.ends.encrypted_extensions(true);
        for sender in [is_first, is_first.peer()] {
            if self.setup.tls12 {
                self.ends.change_cipher_spec(sender);
            }
            self.ends.finished(sender, 0);
        }
        self.carry();
    }

    /// Takes the connection over, and lets it live for a while.
    fn finish(&mut self, own: Role) {
        let layer = self.whole.finish(Config::new(own));
        if let Some(error) = self.error_whole {
            assert_eq!(layer.err(), Some(error));
            return;
        }
        if !self.whole.is_complete() && layer.is_err() {
            assert_eq!(layer.err(), Some(TakeoverError::NotComplete));
            return;
        }
        if !self.is_lawful() {
            self.is_over = layer.is_ok();
            return;
        }
        let expected = self.refusals(own);
        match layer {
            Err(error) => {
                words::check(&error);
                assert!(expected.contains(&error), "{error:?}, not one of {expected:?}");
            }
            Ok(layer) => {
                assert!(expected.is_empty(), "taken over in spite of {expected:?}");
                assert!(self.waiting.is_empty(), "something was not followed");
                self.is_over = true;
                let again = self.whole.finish(Config::new(own));
                assert_eq!(again.err(), Some(TakeoverError::NotComplete));
                let record = &mut [23, 3, 3, 0, 1, 0];
                let error = TakeoverError::Open(OpenError::HandedOver);
                assert_eq!(self.whole.follow(own, record), Err(error));
                self.live(layer, own);
            }
        }
    }

    /// The reasons that there are not to take the connection over.
    fn refusals(&self, own: Role) -> Vec<TakeoverError> {
        let mut refusals = Vec::new();
        // A record of which a part was followed: the rest waits behind one whose secret is missing.
        if !self.waiting.is_empty() {
            refusals.push(TakeoverError::Busy);
        }
        for sender in [Role::Client, Role::Server] {
            let end = self.ends.end(sender);
            if end.is_closed {
                refusals.push(TakeoverError::Ended);
            }
            if end.asks_for_update {
                refusals.push(TakeoverError::Busy);
            }
            if sender == own && end.has_mixed_nonces() {
                refusals.push(TakeoverError::ExplicitNonces);
            }
            let kind = match (self.setup.tls12, sender) {
                (true, _) => SecretKind::Master,
                (_, Role::Client) => SecretKind::ClientTraffic,
                (_, Role::Server) => SecretKind::ServerTraffic,
            };
            if !self.told[index(kind)] {
                refusals.push(TakeoverError::MissingSecret(kind));
            }
        }
        refusals
    }

    fn live(&mut self, mut layer: RecordLayer<TrafficSecret<Checksum>>, own: Role) {
        let sequences = (layer.sealer().sequence(), layer.opener().sequence());
        let [ours, theirs] = [own, own.peer()].map(|role| self.ends.end(role).sequence());
        assert_eq!(sequences, (Some(ours), Some(theirs)));

        for len in 1..20 {
            let mut record = vec![0; 128];
            let sealed = layer.seal(&[&vec![7; len]], &mut record).expect("data is sealed");
            record.truncate(sealed.written);
            self.ends.end_mut(own).receive(&record, len);

            let mut record = self.ends.end_mut(own.peer()).seal_data(len);
            let opened = layer.open(&mut record).expect("data is opened");
            let Event::ApplicationData(range) = opened.event else { panic!("{opened:?}") };
            assert_eq!(record[range], vec![9; len]);
        }

        let mut records = vec![0; 1 << 12];
        layer.seal(&[&[7; 2_000]], &mut records).expect("data is sealed");
        let expected = self.ends.longest_content(own).min(2_000);
        let first = self.ends.end_mut(own).open(&records);
        assert_eq!(
            (first.content_type, first.content.len()),
            (ContentType::APPLICATION_DATA, expected)
        );
    }
}

/// What the event is about.
fn content(opened: &Opened, bytes: &[u8]) -> Vec<u8> {
    match &opened.event {
        Event::ApplicationData(range) => bytes[range.clone()].to_vec(),
        Event::Handshake(piece) => bytes[piece.body.clone()].to_vec(),
        _ => Vec::new(),
    }
}

impl crate::Input for Input {
    const NAME: &'static str = "takeover";

    fn run(&self) {
        let mut world = World::new(&self.setup);
        for call in self.calls.iter().take(MAX_CALLS) {
            world.call(call);
            if world.is_over {
                return;
            }
        }
        // What was waiting for a secret is followed when it is told, and nothing was lost.
        for kind in KINDS {
            world.tell(kind);
        }
        assert!(world.waiting.is_empty() || world.error_whole.is_some());
        assert_eq!(world.seen_whole, world.seen_pieces);
        assert_eq!(world.error_whole, world.error_pieces);
        assert_eq!(world.whole.negotiated(), world.pieces.negotiated());
        assert_eq!(world.whole.client_random(), world.pieces.client_random());
        assert_eq!(world.whole.is_complete(), world.pieces.is_complete());
        if world.is_lawful() {
            let has_hellos = world.ends.end(Role::Server).phase != Phase::Start;
            assert!(world.whole.negotiated().is_some() || !has_hellos);
        }
    }
}
