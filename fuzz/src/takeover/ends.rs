//! Both ends of a handshake, worked by hand.

use std::collections::BTreeSet;

use tls_record::aead::{Algorithm, NONCE_LEN, Provider};
use tls_record::takeover::SecretKind;
use tls_record::{ContentType, HEADER_LEN, Role, TrafficSecret, Version};

use super::Setup;
use crate::checksum::Checksum;
use crate::peer::{Direction, Record, header};

const SERVER_RANDOM: u8 = 0x51;

/// SHA-256 of "HelloRetryRequest" (RFC 9846 section 4.2.3).
const RETRY_RANDOM: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// How far an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// It has sent no hello.
    Start,
    /// Its hello is out, and what follows is not protected yet.
    Hello,
    /// Under the keys of the handshake.
    Handshake,
    /// Its Finished is out.
    Finished,
}

/// One end, which writes one direction.
pub(super) struct End {
    direction: Direction<Checksum>,
    /// Handshake messages that go into one record with the next one.
    held: Vec<u8>,
    pub(super) phase: Phase,
    pub(super) is_closed: bool,
    /// It has asked for a KeyUpdate, and there was none yet.
    pub(super) asks_for_update: bool,
    /// The explicit nonces of its records.
    nonces: BTreeSet<[u8; 8]>,
}

impl End {
    fn new() -> Self {
        Self {
            direction: Direction::plain(),
            held: Vec::new(),
            phase: Phase::Start,
            is_closed: false,
            asks_for_update: false,
            nonces: BTreeSet::new(),
        }
    }

    /// The number of its next record.
    pub(super) fn sequence(&self) -> u64 {
        self.direction.sequence
    }

    pub(super) fn has_mixed_nonces(&self) -> bool {
        let count = self.nonces.iter().filter(|nonce| nonce[0] & 0x80 == 0).count();
        count != 0 && count != self.nonces.len()
    }

    fn has_explicit_nonces(&self) -> bool {
        self.direction.version() == Some(Version::Tls12) && self.direction.expansion() == 8 + 16
    }

    fn note_nonce(&mut self, record: &[u8]) -> bool {
        let nonce = record[HEADER_LEN..].first_chunk().expect("an explicit nonce");
        !self.has_explicit_nonces() || self.nonces.insert(*nonce)
    }

    fn seal(&mut self, content_type: ContentType, content: &[u8], padding: usize) -> Vec<u8> {
        let record = self.direction.seal(content_type, content, padding);
        if self.has_explicit_nonces() {
            self.note_nonce(&record);
        }
        record
    }

    /// A record of data for the engine.
    pub(super) fn seal_data(&mut self, len: usize) -> Vec<u8> {
        self.seal(ContentType::APPLICATION_DATA, &vec![9; len], 0)
    }

    /// Takes a record of the engine apart, which goes on in the place of this end.
    pub(super) fn open(&mut self, record: &[u8]) -> Record {
        assert!(self.note_nonce(record), "an explicit nonce twice");
        self.direction.try_open(record).expect("a record with the next number")
    }

    /// [`open`](Self::open)s a record with `len` bytes of data.
    pub(super) fn receive(&mut self, record: &[u8], len: usize) {
        let Record { content_type, content, .. } = self.open(record);
        assert_eq!((content_type, content), (ContentType::APPLICATION_DATA, vec![7; len]));
    }
}

/// Both, and what they have sent.
pub(super) struct Ends {
    setup: Setup,
    client: End,
    server: End,
    pub(super) sent: Vec<(Role, Vec<u8>)>,
    /// Whether both have kept to the protocol.
    pub(super) is_lawful: bool,
    has_retried: bool,
    has_extensions: bool,
    /// The ClientHello that counts has offered early data.
    offers_early_data: bool,
}

impl Ends {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            setup: setup.clone(),
            client: End::new(),
            server: End::new(),
            sent: Vec::new(),
            is_lawful: true,
            has_retried: false,
            has_extensions: false,
            offers_early_data: false,
        }
    }

    pub(super) fn end(&self, role: Role) -> &End {
        match role {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }

    pub(super) fn end_mut(&mut self, role: Role) -> &mut End {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    pub(super) fn has_finished(&self, role: Role) -> bool {
        self.end(role).phase == Phase::Finished
    }

    fn suite(&self) -> (u16, Algorithm) {
        let suites = match self.setup.tls12 {
            false => [
                (0x1301, Algorithm::Aes128Gcm),
                (0x1302, Algorithm::Aes256Gcm),
                (0x1303, Algorithm::Chacha20Poly1305),
                (0x1304, Algorithm::Aes128Ccm),
                (0x1305, Algorithm::Aes128Ccm8),
            ],
            true => [
                (0xc02f, Algorithm::Aes128Gcm),
                (0xc030, Algorithm::Aes256Gcm),
                (0xcca8, Algorithm::Chacha20Poly1305),
                (0xc0ac, Algorithm::Aes128Ccm),
                (0xc0ae, Algorithm::Aes128Ccm8),
            ],
        };
        suites[usize::from(self.setup.suite) % suites.len()]
    }

    /// A secret, as it is.
    pub(super) fn secret(&self, kind: SecretKind) -> Vec<u8> {
        let (byte, len) = match kind {
            SecretKind::ClientHandshake => (1, self.suite().1.secret_len()),
            SecretKind::ServerHandshake => (2, self.suite().1.secret_len()),
            SecretKind::ClientTraffic => (3, self.suite().1.secret_len()),
            SecretKind::ServerTraffic => (4, self.suite().1.secret_len()),
            _ => (5, 48),
        };
        vec![byte; len]
    }

    /// The largest content of a record that the engine may send in the place of this end (RFC 8449
    /// section 4).
    pub(super) fn longest_content(&self, role: Role) -> usize {
        let [own, peer] = match role {
            Role::Client => [self.setup.client_limit, self.setup.server_limit],
            Role::Server => [self.setup.server_limit, self.setup.client_limit],
        };
        match (limit(own), limit(peer)) {
            (Some(_), Some(peer)) => usize::from(peer) - usize::from(!self.setup.tls12),
            _ => 1 << 14,
        }
    }

    // Records

    fn send(&mut self, sender: Role, content_type: ContentType, content: &[u8], padding: usize) {
        let end = self.end_mut(sender);
        let held = std::mem::take(&mut end.held);
        if !held.is_empty() {
            let record = end.seal(ContentType::HANDSHAKE, &held, 0);
            self.sent.push((sender, record));
        }
        let record = self.end_mut(sender).seal(content_type, content, padding);
        self.sent.push((sender, record));
    }

    /// Sends a handshake message behind those that were held: in one record, or in two.
    fn send_message(&mut self, sender: Role, message_type: u8, body: &[u8], split: u8) {
        self.hold(sender, message_type, body);
        let messages = std::mem::take(&mut self.end_mut(sender).held);
        let (first, second) = messages.split_at(usize::from(split) % messages.len());
        for part in [first, second] {
            if !part.is_empty() {
                self.send(sender, ContentType::HANDSHAKE, part, 0);
            }
        }
    }

    fn hold(&mut self, sender: Role, message_type: u8, body: &[u8]) {
        let [high, low] = (body.len() as u16).to_be_bytes();
        let held = &mut self.end_mut(sender).held;
        held.extend([message_type, 0, high, low]);
        held.extend(body);
    }

    // Keys

    fn use_keys(&mut self, sender: Role, phase: Phase) {
        let secret = self.keys(sender, phase, self.setup.nonces);
        let end = self.end_mut(sender);
        end.direction = Direction::new(secret);
        end.phase = phase;
    }

    fn keys(&self, sender: Role, phase: Phase, nonces: u8) -> TrafficSecret<Checksum> {
        let algorithm = self.suite().1;
        if self.setup.tls12 {
            return self.tls12_keys(sender, nonces);
        }
        let secret = self.secret(match (sender, phase) {
            (Role::Client, Phase::Finished) => SecretKind::ClientTraffic,
            (Role::Server, Phase::Finished) => SecretKind::ServerTraffic,
            (Role::Client, _) => SecretKind::ClientHandshake,
            (Role::Server, _) => SecretKind::ServerHandshake,
        });
        TrafficSecret::tls13(algorithm, &secret).expect("the right length")
    }

    /// RFC 5246 section 6.3, with the explicit nonces that the end chooses.
    fn tls12_keys(&self, sender: Role, nonces: u8) -> TrafficSecret<Checksum> {
        let algorithm = self.suite().1;
        let (key_len, hash_len) = (algorithm.key_len(), algorithm.secret_len());
        let iv_len = if algorithm.has_explicit_nonce() { 4 } else { NONCE_LEN };
        let master = self.secret(SecretKind::Master);
        let hmac = |message: &[u8]| {
            let mut out = vec![0; hash_len];
            Checksum::hmac(algorithm, &master, &[message], &mut out).expect("it has one");
            out
        };
        let seed = [&b"key expansion"[..], &[SERVER_RANDOM; 32], &[self.setup.random; 32]].concat();
        let (mut a, mut block) = (hmac(&seed), Vec::new());
        while block.len() < 2 * (key_len + iv_len) {
            block.extend(hmac(&[&a[..], &seed].concat()));
            a = hmac(&a);
        }
        let second = usize::from(sender == Role::Server);
        let key = &block[second * key_len..][..key_len];
        let mut iv = block[2 * key_len + second * iv_len..][..iv_len].to_vec();
        if iv_len == 4 {
            iv.extend(explicit_start(nonces));
        }
        TrafficSecret::tls12(algorithm, key, &iv).expect("the right lengths")
    }

    /// The explicit nonces of TLS 1.2 go on from elsewhere: the keys and the number stay.
    pub(super) fn restart_nonces(&mut self, sender: Role, start: u8) {
        if self.setup.tls12 && self.end(sender).phase >= Phase::Handshake {
            let keys = self.keys(sender, Phase::Finished, start);
            let end = self.end_mut(sender);
            end.direction = Direction::from(keys, end.direction.sequence);
        }
    }

    // The handshake

    pub(super) fn client_hello(&mut self, split: u8) {
        let is_second = self.has_retried && self.client.phase == Phase::Start;
        if self.client.phase != Phase::Start || self.server.phase != Phase::Start {
            return;
        }
        let mut extensions = vec![0, 0, 0, 4, b'n', b'a', b'm', b'e'];
        if let Some(limit) = limit(self.setup.client_limit) {
            extensions.extend([0, 28, 0, 2]);
            extensions.extend(limit.to_be_bytes());
        }
        self.offers_early_data = self.setup.early_data && !self.setup.tls12 && !is_second;
        if self.offers_early_data {
            extensions.extend([0, 42, 0, 0]);
        }
        let mut body = vec![3, 3];
        body.extend([self.setup.random; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0, 0, extensions.len() as u8]);
        body.extend(extensions);
        self.send_message(Role::Client, 1, &body, split);
        self.client.phase = Phase::Hello;
    }

    pub(super) fn retry(&mut self) {
        let may = self.client.phase == Phase::Hello
            && self.server.phase == Phase::Start
            && !self.setup.tls12
            && !self.has_retried;
        if may {
            let body = self.hello_of_server(RETRY_RANDOM);
            self.send_message(Role::Server, 2, &body, 0);
            self.has_retried = true;
            self.client.phase = Phase::Start;
        }
    }

    pub(super) fn server_hello(&mut self, split: u8) {
        if self.client.phase != Phase::Hello || self.server.phase != Phase::Start {
            return;
        }
        let body = self.hello_of_server([SERVER_RANDOM; 32]);
        self.send_message(Role::Server, 2, &body, split);
        self.server.phase = Phase::Hello;
        if !self.setup.tls12 {
            self.use_keys(Role::Server, Phase::Handshake);
        }
    }

    fn hello_of_server(&self, random: [u8; 32]) -> Vec<u8> {
        let mut extensions = Vec::new();
        if self.setup.tls12 {
            extensions.extend(self.limit_of_server());
        } else {
            extensions.extend([0, 43, 0, 2, 3, 4]);
        }
        let [high, low] = self.suite().0.to_be_bytes();
        let mut body = vec![3, 3];
        body.extend(random);
        body.extend([0, high, low, 0, 0, extensions.len() as u8]);
        body.extend(extensions);
        body
    }

    fn limit_of_server(&self) -> Vec<u8> {
        limit(self.setup.server_limit).map_or(Vec::new(), |limit| {
            let [high, low] = limit.to_be_bytes();
            vec![0, 28, 0, 2, high, low]
        })
    }

    pub(super) fn encrypted_extensions(&mut self, hold: bool) {
        if self.server.phase != Phase::Handshake || self.setup.tls12 || self.has_extensions {
            return;
        }
        let extensions = self.limit_of_server();
        let body = [&[0, extensions.len() as u8], &extensions[..]].concat();
        self.has_extensions = true;
        if hold {
            self.hold(Role::Server, 8, &body);
        } else {
            self.send_message(Role::Server, 8, &body, 0);
        }
    }

    pub(super) fn message(&mut self, sender: Role, kind: u8, len: u8, hold: bool, split: u8) {
        let types: &[u8] = match (self.setup.tls12, sender, self.end(sender).phase) {
            (true, Role::Server, Phase::Hello) => &[11, 12, 13, 4, 22],
            // A client goes on when the server's hello is there.
            (true, Role::Client, Phase::Hello) if self.server.phase != Phase::Start => {
                &[11, 15, 16]
            }
            (false, Role::Server, Phase::Handshake) if self.has_extensions => &[11, 13, 15, 25],
            (false, Role::Client, Phase::Handshake) => &[11, 15],
            (false, Role::Server, Phase::Finished) => &[4, 13],
            // Post-handshake authentication.
            (false, Role::Client, Phase::Finished) => &[11, 15, 20],
            _ => return,
        };
        if self.end(sender).is_closed {
            return;
        }
        let message_type = types[usize::from(kind) % types.len()];
        let body = vec![len; len.into()];
        if hold {
            self.hold(sender, message_type, &body);
        } else {
            self.send_message(sender, message_type, &body, split);
        }
    }

    /// In TLS 1.2 the keys change with it, and in TLS 1.3 it means nothing.
    pub(super) fn change_cipher_spec(&mut self, sender: Role) {
        let may = match (self.setup.tls12, self.end(sender).phase) {
            (true, phase) => phase == Phase::Hello && self.server.phase != Phase::Start,
            (false, Phase::Start | Phase::Finished) => false,
            (false, _) => self.server.phase != Phase::Start,
        };
        if !may {
            return;
        }
        self.flush(sender);
        let record = [&header(ContentType::CHANGE_CIPHER_SPEC, 1)[..], &[1]].concat();
        self.sent.push((sender, record));
        if self.setup.tls12 {
            self.use_keys(sender, Phase::Handshake);
        }
    }

    fn flush(&mut self, sender: Role) {
        let end = self.end_mut(sender);
        let held = std::mem::take(&mut end.held);
        if !held.is_empty() {
            let record = end.seal(ContentType::HANDSHAKE, &held, 0);
            self.sent.push((sender, record));
        }
    }

    pub(super) fn finished(&mut self, sender: Role, split: u8) {
        if sender == Role::Client && !self.setup.tls12 {
            // A client reads the server's Finished first.
            if self.client.phase != Phase::Hello || self.server.phase != Phase::Finished {
                return;
            }
            self.use_keys(Role::Client, Phase::Handshake);
        }
        let has_extensions = self.has_extensions || self.setup.tls12;
        if self.end(sender).phase != Phase::Handshake || !has_extensions {
            return;
        }
        self.send_message(sender, 20, &[0; 12], split);
        if self.setup.tls12 {
            self.end_mut(sender).phase = Phase::Finished;
        } else {
            self.use_keys(sender, Phase::Finished);
        }
    }

    /// Under a key that nobody tells.
    pub(super) fn early_data(&mut self, len: u8) {
        let is_early = match self.client.phase {
            Phase::Hello => true,
            // Between a HelloRetryRequest and the second ClientHello.
            Phase::Start => self.has_retried,
            _ => false,
        };
        if self.offers_early_data && is_early {
            let algorithm = self.suite().1;
            let secret = TrafficSecret::tls13(algorithm, &vec![6; algorithm.secret_len()]);
            let mut direction = Direction::<Checksum>::new(secret.expect("the right length"));
            let data = vec![len; len.into()];
            let record = direction.seal(ContentType::APPLICATION_DATA, &data, 0);
            self.sent.push((Role::Client, record));
        }
    }

    // The connection

    fn is_established(&self, sender: Role) -> bool {
        self.end(sender).phase == Phase::Finished && !self.end(sender).is_closed
    }

    pub(super) fn data(&mut self, sender: Role, len: u8, padding: u8) {
        if self.is_established(sender) {
            let padding = if self.setup.tls12 { 0 } else { padding.into() };
            self.send(sender, ContentType::APPLICATION_DATA, &vec![len; len.into()], padding);
        }
    }

    pub(super) fn key_update(&mut self, sender: Role, request: bool) {
        if self.is_established(sender) && !self.setup.tls12 {
            self.send_message(sender, 24, &[request.into()], 0);
            let end = self.end_mut(sender);
            end.direction.update();
            end.asks_for_update |= request;
            self.end_mut(sender.peer()).asks_for_update = false;
        }
    }

    pub(super) fn close(&mut self, sender: Role) {
        if self.is_established(sender) {
            self.send(sender, ContentType::ALERT, &[1, 0], 0);
            self.end_mut(sender).is_closed = true;
        }
    }

    // What no end does that keeps to the protocol. Behind a close_notify nothing is TLS any more.

    pub(super) fn odd(&mut self, sender: Role, message_type: u8, len: u8) {
        if self.end(sender).is_closed {
            return;
        }
        self.is_lawful = false;
        let is_finished = message_type == 20 && self.end(sender).phase == Phase::Handshake;
        self.send_message(sender, message_type, &vec![len; len.into()], 0);
        if is_finished {
            self.end_mut(sender).phase = Phase::Finished;
        }
    }

    pub(super) fn raw(&mut self, sender: Role, bytes: &[u8]) {
        if self.end(sender).is_closed {
            return;
        }
        self.is_lawful = false;
        if !bytes.is_empty() {
            self.sent.push((sender, bytes.to_vec()));
        }
    }

    pub(super) fn forge(&mut self, sender: Role, bit: u8) {
        if self.end(sender).is_closed {
            return;
        }
        self.is_lawful = false;
        let mut record = self.end_mut(sender).seal(ContentType::HANDSHAKE, &[20, 0, 0, 1, 0], 0);
        let at = HEADER_LEN + usize::from(bit / 8) % (record.len() - HEADER_LEN);
        record[at] ^= 1 << (bit % 8);
        self.sent.push((sender, record));
    }
}

fn limit(of_setup: u8) -> Option<u16> {
    (of_setup != 0).then_some(64 + 4 * u16::from(of_setup))
}

/// Numbers of either half, and such that the next ones meet those of a low start.
fn explicit_start(nonces: u8) -> [u8; 8] {
    let mut start = [0; 8];
    start[0] = nonces & 0x80;
    start[7] = nonces & 0x1f;
    start
}
