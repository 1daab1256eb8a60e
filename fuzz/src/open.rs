//! One connection, a peer that sends what it likes, an application that calls what it likes.
//!
//! The cipher is the null AEAD: protection never stands between the fuzzer and the engine. What must
//! hold whatever the input is:
//!
//! - `open` consumes no more than it was shown, and its ranges lie within that;
//! - data arrives as it was sent, in order, and none after the end of the direction;
//! - an error is latched, and so is the peer's close;
//! - sequence numbers go up by one for each record, and back to zero with a KeyUpdate only;
//! - of ours, one close_notify or one fatal alert leaves, and nothing behind either;
//! - `has_control` says what `poll_control` does, and a call that lacks space changes nothing.

use arbitrary::{Arbitrary, Unstructured};
use tls_record::aead::{Aead, Algorithm, NONCE_LEN, null::Null};
use tls_record::close::{ReadState, WriteState};
use tls_record::{
    AlertDescription, CloseError, Config, ContentType, Epoch, Event, HEADER_LEN, Header,
    KeySchedule, OpenError, Opened, RecordLayer, Role, SealError, TrafficSecret, Version,
};

/// Everything that a run depends on.
#[derive(Arbitrary, Clone, Debug)]
pub struct Input {
    /// TLS 1.2 instead of TLS 1.3.
    pub tls12: bool,
    /// ChaCha20-Poly1305, which has no explicit nonces, instead of AES-128-GCM.
    pub chacha: bool,
    /// The layer is a server.
    pub server: bool,
    /// Records that a key may seal, if few.
    pub key_limit: Option<u8>,
    /// What happens, in this order.
    #[arbitrary(with = all_calls)]
    pub calls: Vec<Call>,
}

/// One thing that the peer, the transport or the application does.
#[derive(Arbitrary, Clone, Debug)]
pub enum Call {
    /// The peer sends bytes that need not be a record.
    Raw(#[arbitrary(with = short)] Vec<u8>),
    /// The peer sends application data.
    Data {
        /// The data.
        #[arbitrary(with = short)]
        content: Vec<u8>,
        /// Zeros behind it (TLS 1.3).
        padding: u8,
    },
    /// The peer sends a protected record of any type.
    Record {
        /// The content type.
        #[arbitrary(with = likely_content_type)]
        content_type: u8,
        /// The content.
        #[arbitrary(with = short)]
        content: Vec<u8>,
        /// Zeros behind it (TLS 1.3).
        padding: u8,
    },
    /// The peer sends an alert.
    Alert {
        /// The level.
        level: u8,
        /// The description.
        description: u8,
    },
    /// The peer sends a handshake message in two records: a NewSessionTicket, as a rule.
    Handshake {
        /// The type.
        #[arbitrary(with = likely_message_type)]
        message_type: u8,
        /// The body.
        #[arbitrary(with = short)]
        body: Vec<u8>,
        /// Where it is split; behind its end, there is one record.
        at: u8,
    },
    /// The peer sends close_notify.
    PeerClose,
    /// The peer sends a KeyUpdate and updates its keys.
    PeerUpdate {
        /// Whether it requests one.
        requested: bool,
    },
    /// The transport brings no more than this many of the bytes that were sent.
    Cut(u16),
    /// The layer is shown everything that was sent, until it wants more.
    Open,
    /// The transport ends.
    Eof,
    /// The application sends this much data.
    Seal {
        /// Bytes of data.
        len: u16,
        /// Bytes of room.
        room: u16,
        /// In place.
        in_place: bool,
    },
    /// The application updates its keys.
    Update {
        /// Whether it requests the same of the peer.
        request: bool,
    },
    /// The application closes.
    Close,
    /// The application cancels.
    Cancel,
    /// The application aborts.
    Abort(u8),
    /// The driver seals what is due.
    Control,
}

/// As many calls as there is input for.
fn all_calls(input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<Call>> {
    let mut calls = Vec::new();
    while !input.is_empty() {
        calls.push(input.arbitrary()?);
    }
    Ok(calls)
}

/// Up to 63 bytes, so that there are many calls.
fn short(input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let len = usize::from(input.arbitrary::<u8>()? % 64).min(input.len());
    Ok(input.bytes(len)?.to_vec())
}

fn likely_content_type(input: &mut Unstructured<'_>) -> arbitrary::Result<u8> {
    let any = input.arbitrary()?;
    Ok(*input.choose(&[20, 21, 22, 23, any])?)
}

fn likely_message_type(input: &mut Unstructured<'_>) -> arbitrary::Result<u8> {
    let any = input.arbitrary()?;
    Ok(*input.choose(&[4, 4, 4, 0, 1, 24, any])?)
}

/// Makes the calls of `input` and checks what must hold after each.
///
/// # Panics
/// If it does not hold: that is the finding.
pub fn run(input: &Input) {
    let mut world = World::new(input);
    for call in &input.calls {
        world.call(call);
        world.check();
    }
    world.open_all();
    while world.control() {}
    world.check();
}

type Secret = TrafficSecret<Null>;
type Key = <Secret as KeySchedule>::Aead;

/// The layer under test, and what a peer of it knows.
struct World {
    layer: RecordLayer<Secret>,
    /// Sent by the peer and not consumed.
    wire: Vec<u8>,
    peer_out: Direction,
    peer_in: Direction,
    /// Application data that the peer sent and the layer has not delivered.
    expected: Vec<u8>,
    /// Whether the peer sent nothing but what `expected` knows of.
    is_predictable: bool,
    error: Option<OpenError>,
    is_closed: bool,
    /// A close_notify or a fatal alert of ours was seen: nothing may follow.
    is_over: bool,
}

impl World {
    fn new(input: &Input) -> Self {
        let version = if input.tls12 { Version::Tls12 } else { Version::Tls13 };
        let algorithm =
            if input.chacha { Algorithm::Chacha20Poly1305 } else { Algorithm::Aes128Gcm };
        let mut config = Config::new(if input.server { Role::Server } else { Role::Client });
        if let Some(limit) = input.key_limit {
            config.key_limit = u64::from(limit);
        }
        let secret = |byte| {
            match version {
                Version::Tls13 => Secret::tls13(algorithm, &vec![byte; algorithm.secret_len()]),
                Version::Tls12 => Secret::tls12(algorithm, &vec![byte; algorithm.key_len()], &IV),
            }
            .expect("a secret of the right length")
        };
        let mut layer = RecordLayer::new(config);
        layer.install(Epoch::Application, secret(1), secret(2)).expect("keys for both directions");
        Self {
            layer,
            wire: Vec::new(),
            peer_out: Direction::new(secret(1)),
            peer_in: Direction::new(secret(2)),
            expected: Vec::new(),
            is_predictable: true,
            error: None,
            is_closed: false,
            is_over: false,
        }
    }

    fn call(&mut self, call: &Call) {
        match call {
            Call::Raw(bytes) => {
                self.is_predictable &= bytes.is_empty();
                self.wire.extend_from_slice(bytes);
            }
            Call::Data { content, padding } => {
                self.send(ContentType::APPLICATION_DATA, content, *padding);
                self.expected.extend_from_slice(content);
            }
            Call::Record { content_type, content, padding } => {
                // A type of 0 is padding: the content itself ends with the type then.
                self.is_predictable &= !matches!(content_type, 0 | 23);
                self.send(ContentType(*content_type), content, *padding);
            }
            Call::Alert { level, description } => {
                self.send(ContentType::ALERT, &[*level, *description], 0);
            }
            Call::Handshake { message_type, body, at } => {
                let [.., high, low] = body.len().to_be_bytes();
                let message = [&[*message_type, 0, high, low], &body[..]].concat();
                match message.split_at_checked(usize::from(*at)) {
                    Some((first, second)) => {
                        self.send(ContentType::HANDSHAKE, first, 0);
                        self.send(ContentType::HANDSHAKE, second, 0);
                    }
                    None => self.send(ContentType::HANDSHAKE, &message, 0),
                }
            }
            Call::PeerClose => self.send(ContentType::ALERT, &[1, 0], 0),
            Call::PeerUpdate { requested } => {
                self.send(ContentType::HANDSHAKE, &[24, 0, 0, 1, u8::from(*requested)], 0);
                self.peer_out.update();
            }
            Call::Cut(len) => {
                let len = usize::from(*len).min(self.wire.len());
                self.open(len);
            }
            Call::Open => self.open_all(),
            Call::Eof => {
                let before = self.layer.opener().state();
                self.layer.eof();
                if before == ReadState::Open {
                    self.error = Some(OpenError::Truncated);
                }
            }
            Call::Seal { len, room, in_place } => {
                self.seal(usize::from(*len), usize::from(*room), *in_place);
            }
            Call::Update { request } => drop(self.layer.update_keys(*request)),
            Call::Close => drop(self.layer.close()),
            Call::Cancel => drop(self.layer.cancel()),
            Call::Abort(description) => self.abort(AlertDescription(*description)),
            Call::Control => drop(self.control()),
        }
    }

    /// The peer sends a record.
    fn send(&mut self, content_type: ContentType, content: &[u8], padding: u8) {
        let record = self.peer_out.seal(content_type, content, padding);
        self.wire.extend_from_slice(&record);
    }

    fn open_all(&mut self) {
        while self.open(self.wire.len()) {}
    }

    /// Shows the layer the first `len` bytes of what was sent. Whether it went on.
    fn open(&mut self, len: usize) -> bool {
        let sequence = self.layer.opener().sequence();
        let shown = &mut self.wire[..len];
        let opened = match self.layer.open(shown) {
            Ok(opened) => opened,
            Err(error) => {
                if let Some(latched) = self.error {
                    assert_eq!(error, latched, "the error that was latched");
                }
                assert!(!self.is_closed, "an error after the peer's close");
                self.error = Some(error);
                return false;
            }
        };
        let Opened { consumed, event } = opened;
        assert_eq!(self.error, None, "an event after an error");
        assert!(consumed <= len);
        if self.is_closed {
            assert_eq!((&event, consumed), (&Event::Closed, len), "after the peer's close");
        }
        let next = self.layer.opener().sequence();
        match &event {
            Event::NeedMore { total } => {
                assert_eq!((consumed, next), (0, sequence));
                assert!(*total > len);
            }
            Event::ApplicationData(range) => {
                assert!(range.start < range.end && range.end <= consumed);
                if self.is_predictable {
                    let data = &self.wire[range.clone()];
                    assert!(self.expected.starts_with(data), "data as it was sent");
                    self.expected.drain(..data.len());
                }
            }
            Event::Handshake(piece) => {
                assert!(piece.body.start <= piece.body.end && piece.body.end <= len);
                let end = u64::from(piece.offset) + piece.body.len() as u64;
                assert!(end <= u64::from(piece.header.length));
            }
            Event::KeyUpdate { .. } => assert_eq!(next, Some(0)),
            Event::Closed => self.is_closed = true,
            Event::ChangeCipherSpec => panic!("a change_cipher_spec after the handshake"),
            Event::Warning(_) | Event::Nothing => {}
        }
        if !matches!(event, Event::KeyUpdate { .. }) {
            // There is none after an abort: the keys are wiped.
            let records = next.zip(sequence).map_or(Some(0), |(next, was)| next.checked_sub(was));
            assert!(matches!(records, Some(0 | 1)), "the sequence number goes up by one");
        }
        let needs_more = matches!(event, Event::NeedMore { .. });
        assert!(consumed != 0 || needs_more || len == 0, "progress");
        self.wire.drain(..consumed);
        !needs_more && !self.wire.is_empty()
    }

    fn seal(&mut self, len: usize, room: usize, in_place: bool) {
        let sequence = self.layer.sealer().sequence();
        let content = vec![0x5a; len];
        let mut out = vec![0x5a; room];
        let sealed = if in_place {
            self.layer.seal_in_place(&mut out, len).map(|written| (len, written))
        } else {
            self.layer.seal(&[&[], &content[..len / 3], &content[len / 3..]], &mut out).map(
                |sealed| {
                    assert!(len == 0 || sealed.taken != 0, "progress");
                    (sealed.taken, sealed.written)
                },
            )
        };
        match sealed {
            Ok((taken, written)) => {
                assert!(taken <= len && written <= room);
                let mut left = taken;
                let mut records = &out[..written];
                while !records.is_empty() {
                    assert!(!self.is_over, "data after the end");
                    let (content_type, content, total) = self.peer_in.open(records);
                    assert_eq!(content_type, ContentType::APPLICATION_DATA);
                    assert!(content.iter().all(|&byte| byte == 0x5a));
                    left -= content.len();
                    records = &records[total..];
                }
                assert_eq!(left, 0);
            }
            Err(error) => {
                assert_ne!(error, SealError::Crypto, "the null AEAD does not fail");
                assert!(out.iter().all(|&byte| byte == 0x5a), "no byte of the output changed");
                assert_eq!(self.layer.sealer().sequence(), sequence);
            }
        }
    }

    fn abort(&mut self, description: AlertDescription) {
        let was_open = self.layer.opener().state() == ReadState::Open;
        // Behind our close_notify no alert leaves, but the connection is over all the same.
        let ends = matches!(self.layer.abort(description), Ok(()) | Err(CloseError::AlreadyClosed));
        if ends && was_open {
            self.error = Some(OpenError::Fault(tls_record::Fault::Aborted(description)));
        }
    }

    /// Seals a control record, first without enough room. Whether there was one.
    fn control(&mut self) -> bool {
        let is_due = self.layer.has_control();
        assert_eq!(self.layer.next_control().is_some(), is_due);
        if is_due {
            let before = self.layer.sealer().sequence();
            let refused = self.layer.poll_control(&mut [0; 6]);
            assert!(matches!(refused, Err(SealError::NoSpace { .. })));
            assert_eq!(self.layer.sealer().sequence(), before);
        }
        let mut out = [0; 64];
        let written = self.layer.poll_control(&mut out).expect("room for a control record");
        assert_eq!(written != 0, is_due, "has_control says so");
        if !is_due {
            return false;
        }
        assert!(!self.is_over, "a record after the end");
        let (content_type, content, total) = self.peer_in.open(&out[..written]);
        assert_eq!(total, written, "one record");
        match (content_type, &content[..]) {
            (ContentType::HANDSHAKE, [24, 0, 0, 1, 0 | 1]) => self.peer_in.update(),
            (ContentType::ALERT, &[level, description]) => {
                let description = AlertDescription(description);
                assert_eq!(level, description.level().0);
                self.is_over = !matches!(
                    description,
                    AlertDescription::USER_CANCELED | AlertDescription::NO_RENEGOTIATION
                );
            }
            _ => panic!("neither an alert nor a KeyUpdate"),
        }
        true
    }

    /// What holds at any time.
    fn check(&self) {
        let (opener, sealer) = (self.layer.opener(), self.layer.sealer());
        assert!(!opener.has_notice() && !sealer.has_signal(), "the layer carries them by itself");
        let is_open = self.error.is_none() && !self.is_closed;
        assert_eq!(opener.state() == ReadState::Open, is_open);
        if self.is_over {
            assert!(matches!(sealer.state(), WriteState::Closed | WriteState::Failed));
            assert!(!self.layer.has_control());
        }
    }
}

const IV: [u8; NONCE_LEN] = [3; NONCE_LEN];
const TAG_LEN: usize = 16;

/// One direction as a peer sees it: independent of the engine's own record protection.
struct Direction {
    secret: Secret,
    key: Key,
    iv: [u8; NONCE_LEN],
    sequence: u64,
}

impl Direction {
    fn new(secret: Secret) -> Self {
        let keys = secret.keys().expect("the null AEAD has keys");
        Self { secret, key: keys.aead, iv: keys.iv, sequence: 0 }
    }

    fn update(&mut self) {
        if self.secret.update().is_ok() {
            let keys = self.secret.keys().expect("the null AEAD has keys");
            (self.key, self.iv, self.sequence) = (keys.aead, keys.iv, 0);
        }
    }

    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        for (byte, sequence) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= sequence;
        }
        nonce
    }

    fn is_tls12(&self) -> bool {
        self.secret.version() == Version::Tls12
    }

    fn explicit_len(&self) -> usize {
        if self.is_tls12() && self.key.has_explicit_nonce() { 8 } else { 0 }
    }

    fn seal(&mut self, content_type: ContentType, content: &[u8], padding: u8) -> Vec<u8> {
        let nonce = self.nonce();
        let mut body = nonce[NONCE_LEN - self.explicit_len()..].to_vec();
        body.extend_from_slice(content);
        let mut outer = content_type;
        if !self.is_tls12() {
            outer = ContentType::APPLICATION_DATA;
            body.push(content_type.0);
            body.resize(body.len() + usize::from(padding), 0);
        }
        let mut tag = [0; TAG_LEN];
        self.key.seal(&nonce, &[], &mut body, &mut tag).expect("the null AEAD seals");
        body.extend_from_slice(&tag);
        self.sequence += 1;
        // Contents are shorter than 2^16 by far: libFuzzer's and the tests' inputs are.
        let length = u16::try_from(body.len()).expect("a short record");
        let header = Header { content_type: outer, version: 0x0303, length }.encode();
        [&header[..], &body].concat()
    }

    /// The content type and the content of the record at the front of `records`, and its length.
    fn open(&mut self, records: &[u8]) -> (ContentType, Vec<u8>, usize) {
        let (header, rest) = records.split_first_chunk().expect("a header");
        let header = Header::decode(*header);
        assert_eq!(header.version, 0x0303);
        let body = &rest[..usize::from(header.length)];
        let nonce = self.nonce();
        let (explicit, body) = body.split_at(self.explicit_len());
        assert!(nonce.ends_with(explicit), "the explicit nonce");
        let (content, tag) = body.split_at(body.len() - TAG_LEN);
        let mut content = content.to_vec();
        self.key.open(&nonce, &[], &mut content, tag).expect("a record that opens");
        self.sequence += 1;
        let mut content_type = header.content_type;
        if !self.is_tls12() {
            assert_eq!(content_type, ContentType::APPLICATION_DATA);
            content_type = ContentType(content.pop().expect("a content type"));
        }
        (content_type, content, HEADER_LEN + usize::from(header.length))
    }
}
