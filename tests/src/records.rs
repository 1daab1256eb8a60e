//! Records by hand, and connections to try them on.
//!
//! Only [`Layer`] is part of the engine. Records are made and opened byte by byte, under the null
//! cipher, whose tag is the nonce and the first bytes of the key.

use tls_record::aead::{Algorithm, null::Null};
use tls_record::{
    AlertDescription, Config, ContentType, Epoch, Event, Fault, OpenError, Opened, Opener, ReadEnd,
    RecordLayer, RecordSizeLimit, Role, SealError, Sealer, TrafficSecret, Version, WriteEnd,
    close::ReadState, close::WriteState,
};

/// change_cipher_spec
pub const CCS: ContentType = ContentType::CHANGE_CIPHER_SPEC;
/// alert
pub const ALERT: ContentType = ContentType::ALERT;
/// handshake
pub const HANDSHAKE: ContentType = ContentType::HANDSHAKE;
/// application_data
pub const DATA: ContentType = ContentType::APPLICATION_DATA;

/// A close_notify message.
pub const CLOSE_NOTIFY: [u8; 2] = [1, 0];
/// A user_canceled message.
pub const USER_CANCELED: [u8; 2] = [1, 90];

/// A record_size_limit of a number of bytes.
pub fn record_size_limit(bytes: u16) -> RecordSizeLimit {
    RecordSizeLimit::new(bytes).expect("at least 64 bytes")
}

/// Sequence number of the first record under keys of this epoch: in TLS 1.2 the Finished had 0.
pub fn first_sequence(epoch: Epoch, version: Version) -> u64 {
    u64::from(epoch == Epoch::Application && version == Version::Tls12)
}

/// A traffic secret of the null cipher.
pub type Secret = TrafficSecret<Null>;
/// The engine under the null cipher.
pub type Layer = RecordLayer<Secret>;

/// A record header.
pub fn header(content_type: ContentType, length: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(length).expect("a length of 16 bits").to_be_bytes();
    vec![content_type.0, 3, 3, high, low]
}

/// An unprotected record.
pub fn plaintext(content_type: ContentType, body: &[u8]) -> Vec<u8> {
    [&header(content_type, body.len()), body].concat()
}

/// A handshake message.
pub fn message(message_type: u8, body: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(body.len()).expect("a length of 24 bits").to_be_bytes();
    [&[message_type, a, b, c], body].concat()
}

/// A KeyUpdate message.
pub fn key_update(request: u8) -> Vec<u8> {
    message(24, &[request])
}

/// The protection of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// Not at all: before any key.
    Plain,
    /// TLS 1.3, with the limits of AES-GCM.
    Tls13,
    /// TLS 1.2 with eight bytes of the nonce in each record.
    Tls12Gcm,
    /// TLS 1.2 with an implicit nonce.
    Tls12Chacha,
}

impl Suite {
    /// All suites with protection.
    pub const ALL: [Self; 3] = [Self::Tls13, Self::Tls12Gcm, Self::Tls12Chacha];

    /// The version that it belongs to.
    pub fn version(self) -> Version {
        match self {
            Self::Plain => panic!("of no version"),
            Self::Tls13 => Version::Tls13,
            Self::Tls12Gcm | Self::Tls12Chacha => Version::Tls12,
        }
    }

    /// Returns a secret whose bytes are all `byte`.
    pub fn secret(self, byte: u8) -> Secret {
        match self {
            Self::Plain => panic!("nothing is secret"),
            Self::Tls13 => Secret::tls13(Algorithm::Aes128Gcm, &[byte; 32]),
            Self::Tls12Gcm => Secret::tls12(Algorithm::Aes128Gcm, &[byte; 16], &[byte; 4]),
            Self::Tls12Chacha => {
                Secret::tls12(Algorithm::Chacha20Poly1305, &[byte; 32], &[byte; 12])
            }
        }
        .expect("the lengths are right")
    }

    /// Sequence number of the first record under keys of this epoch: in TLS 1.2 the Finished had 0.
    pub fn first_sequence(self, epoch: Epoch) -> u64 {
        first_sequence(epoch, self.version())
    }

    /// Bytes of a record that are not its content.
    pub const fn overhead(self) -> usize {
        match self {
            Self::Plain => 5,
            Self::Tls13 => 5 + 1 + 16,
            Self::Tls12Gcm => 5 + 8 + 16,
            Self::Tls12Chacha => 5 + 16,
        }
    }
}

/// One direction of a connection, played by hand.
#[derive(Clone, Debug)]
pub struct Hand {
    /// The protection.
    pub suite: Suite,
    /// The number of the next record.
    pub sequence: u64,
    secret: u8,
}

impl Hand {
    /// The direction whose secret's bytes are `secret`.
    pub const fn new(suite: Suite, secret: u8) -> Self {
        Self { suite, sequence: 0, secret }
    }

    /// [`new`](Self::new) at the first record under application keys.
    pub fn established(suite: Suite, secret: u8) -> Self {
        Self::new(suite, secret).at(suite.first_sequence(Epoch::Application))
    }

    /// The direction at its record with this number.
    pub const fn at(mut self, sequence: u64) -> Self {
        self.sequence = sequence;
        self
    }

    /// Updates to the next generation of keys.
    pub fn update(&mut self) {
        *self = Self::new(self.suite, self.secret.wrapping_add(1));
    }

    /// The tag of the next record: its nonce and four bytes of the key.
    fn tag(&mut self) -> [u8; 16] {
        let (iv, key) = match self.suite {
            Suite::Plain => panic!("there is no tag"),
            Suite::Tls13 => ([self.secret.wrapping_add(1); 12], self.secret.wrapping_add(1)),
            Suite::Tls12Gcm => {
                let s = self.secret;
                ([s, s, s, s, 0, 0, 0, 0, 0, 0, 0, 0], s)
            }
            Suite::Tls12Chacha => ([self.secret; 12], self.secret),
        };
        let mut tag = [key; 16];
        tag[..12].copy_from_slice(&iv);
        for (byte, sequence) in tag[4..12].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= sequence;
        }
        self.sequence += 1;
        tag
    }

    /// A record.
    pub fn seal(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        match self.suite {
            Suite::Plain => plaintext(content_type, content),
            Suite::Tls13 => self.seal_padded(content_type, content, 0),
            Suite::Tls12Gcm => {
                let explicit = self.sequence.to_be_bytes();
                plaintext(content_type, &[&explicit, content, &self.tag()].concat())
            }
            Suite::Tls12Chacha => plaintext(content_type, &[content, &self.tag()].concat()),
        }
    }

    /// A TLS 1.3 record with padding.
    pub fn seal_padded(&mut self, inner: ContentType, content: &[u8], padding: usize) -> Vec<u8> {
        self.seal_inner(&[content, &[inner.0], &vec![0; padding]].concat())
    }

    /// A TLS 1.3 record whose inner plaintext is made by hand.
    pub fn seal_inner(&mut self, inner: &[u8]) -> Vec<u8> {
        assert_eq!(self.suite, Suite::Tls13);
        plaintext(DATA, &[inner, &self.tag()].concat())
    }

    /// A record with one bit of its tag wrong.
    pub fn forge(&mut self, content_type: ContentType, content: &[u8]) -> Vec<u8> {
        let mut record = self.seal(content_type, content);
        *record.last_mut().expect("there is a tag") ^= 1;
        record
    }

    /// Opens one unpadded record by hand, and checks everything but the content.
    pub fn open(&mut self, record: &[u8]) -> (ContentType, Vec<u8>) {
        let (head, body) = record.split_at(5);
        let outer = ContentType(head[0]);
        if self.suite == Suite::Plain {
            // The version may be that of a first ClientHello.
            assert_eq!(head[3..], header(outer, body.len())[3..], "length");
            return (outer, body.to_vec());
        }
        assert_eq!(head, header(outer, body.len()), "header");
        let explicit = self.sequence.to_be_bytes();
        let (content, tag) = body.split_last_chunk().expect("a tag");
        assert_eq!(*tag, self.tag(), "tag");
        match self.suite {
            Suite::Tls13 => {
                assert_eq!(outer, DATA, "outer type");
                let (&inner_type, content) = content.split_last().expect("an inner type");
                (ContentType(inner_type), content.to_vec())
            }
            Suite::Tls12Gcm => {
                let (nonce, content) = content.split_at(8);
                assert_eq!(nonce, explicit, "explicit nonce");
                (outer, content.to_vec())
            }
            _ => (outer, content.to_vec()),
        }
    }
}

/// An event of the engine, without positions in the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// Application data.
    Data(Vec<u8>),
    /// A piece of a handshake message: its type, where the piece begins, the piece.
    Message(u8, u32, Vec<u8>),
    /// A KeyUpdate, and whether it requests one.
    KeyUpdate(bool),
    /// A warning.
    Warning(AlertDescription),
    /// A change_cipher_spec of TLS 1.2.
    ChangeCipherSpec,
    /// The peer's close_notify.
    Closed,
    /// A record without an effect.
    Nothing,
}

impl Got {
    /// Converts `event`, given the slice that was opened; `None` if the slice was too short.
    pub fn of(event: &Event, input: &[u8]) -> Option<Self> {
        Some(match event {
            Event::NeedMore { .. } => return None,
            Event::ApplicationData(range) => Self::Data(input[range.clone()].to_vec()),
            Event::Handshake(piece) => Self::Message(
                piece.header.message_type.0,
                piece.offset,
                input[piece.body.clone()].to_vec(),
            ),
            Event::ChangeCipherSpec => Self::ChangeCipherSpec,
            Event::KeyUpdate { requested } => Self::KeyUpdate(*requested),
            Event::Warning(description) => Self::Warning(*description),
            Event::Closed => Self::Closed,
            Event::Nothing => Self::Nothing,
            other => unreachable!("an event that the tests do not know: {other:?}"),
        })
    }
}

/// Opens the records in `wire`. Returns their events, and the number of bytes left over or the
/// error.
pub fn open_all(
    mut open: impl FnMut(&mut [u8]) -> Result<Opened, OpenError>,
    wire: &[u8],
) -> (Vec<Got>, Result<usize, OpenError>) {
    let (mut buffer, mut at, mut all) = (wire.to_vec(), 0, Vec::new());
    while at < buffer.len() {
        let input = &mut buffer[at..];
        let Opened { consumed, event } = match open(input) {
            Ok(opened) => opened,
            Err(error) => return (all, Err(error)),
        };
        let Some(got) = Got::of(&event, input) else {
            assert_eq!(consumed, 0, "more is needed");
            break;
        };
        assert!(consumed > 0, "no progress");
        all.push(got);
        at += consumed;
    }
    (all, Ok(buffer.len() - at))
}

/// The first byte of the secrets: the peer's and ours.
const PEER: u8 = 0x40;
const OWN: u8 = 0x80;

/// A connection of the engine whose other end is played by hand.
pub struct Connection {
    /// Our end.
    pub layer: Layer,
    /// Seals the records that our end opens.
    pub peer: Hand,
    /// Opens the records that our end seals.
    pub mirror: Hand,
}

impl Connection {
    /// A connection without keys and without a known version.
    pub const fn new(config: Config) -> Self {
        Self {
            layer: Layer::new(config),
            peer: Hand::new(Suite::Plain, PEER),
            mirror: Hand::new(Suite::Plain, OWN),
        }
    }

    /// An established connection.
    pub fn established(suite: Suite, role: Role) -> Self {
        Self::new(Config::new(role)).install(Epoch::Application, suite)
    }

    /// An established connection with another configuration.
    pub fn configured(suite: Suite, configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Role::Client);
        configure(&mut config);
        Self::new(config).install(Epoch::Application, suite)
    }

    /// Installs keys for both directions; for early data, for that of the client.
    pub fn install(mut self, epoch: Epoch, suite: Suite) -> Self {
        // Each epoch has other secrets.
        let distance = 0x10 * epoch as u8;
        let (peer, own) = (PEER + distance, OWN + distance);
        let first = suite.first_sequence(epoch);
        if epoch == Epoch::EarlyData {
            let (hand, byte) = match self.layer.opener().role() {
                Role::Client => (&mut self.mirror, own),
                Role::Server => (&mut self.peer, peer),
            };
            *hand = Hand::new(suite, byte);
            self.layer.install_one(Role::Client, epoch, suite.secret(byte)).expect("keys fit");
            return self;
        }
        let [read, write] = [peer, own].map(|byte| (suite.secret(byte), first));
        let (client, server) = match self.layer.opener().role() {
            Role::Client => (write, read),
            Role::Server => (read, write),
        };
        self.layer.take_over(epoch, client, server).expect("keys fit");
        self.peer = Hand::new(suite, peer).at(first);
        self.mirror = Hand::new(suite, own).at(first);
        self
    }

    /// Sets the version.
    pub fn set_version(mut self, version: Version) -> Self {
        self.layer.set_version(version);
        self
    }

    /// Works on the two halves, which tell each other at the end what they must.
    pub fn halves<T>(
        &mut self,
        work: impl FnOnce(&mut Opener<Secret>, &mut Sealer<Secret>) -> T,
    ) -> T {
        let unused = Layer::new(Config::new(Role::Client));
        let (mut opener, mut sealer) = std::mem::replace(&mut self.layer, unused).split();
        let done = work(&mut opener, &mut sealer);
        self.layer = Layer::join(opener, sealer).expect("halves of one connection");
        done
    }

    /// Receives whole records. Returns their events.
    pub fn receive(&mut self, wire: &[u8]) -> Result<Vec<Got>, OpenError> {
        let (got, left) = open_all(|input| self.layer.open(input), wire);
        left.map(|left| {
            assert_eq!(left, 0, "bytes are left over");
            got
        })
    }

    /// Receives a record of the peer, which must not be a fault.
    #[track_caller]
    pub fn accept(&mut self, content_type: ContentType, content: &[u8]) -> Vec<Got> {
        let record = self.peer.seal(content_type, content);
        let got = self.receive(&record).expect("accepted");
        if content_type == HANDSHAKE && matches!(got.last(), Some(Got::KeyUpdate(_))) {
            self.peer.update();
        }
        got
    }

    /// Returns the control records of our end, until there are no more.
    #[track_caller]
    pub fn control(&mut self) -> Vec<(ContentType, Vec<u8>)> {
        let mut sent = Vec::new();
        let mut out = [0; 64];
        while self.layer.has_control() {
            let length = self.layer.poll_control(&mut out).expect("control is sealed");
            assert!(length > 0, "control that is due is sealed");
            let (content_type, content) = self.mirror.open(&out[..length]);
            if content_type == HANDSHAKE {
                self.mirror.update();
            }
            sent.push((content_type, content));
            assert!(sent.len() < 100, "control does not end");
        }
        assert_eq!(self.layer.poll_control(&mut out), Ok(0));
        sent
    }

    /// Seals data into records and opens them by hand.
    #[track_caller]
    pub fn send(&mut self, data: &[u8]) -> Result<Vec<Vec<u8>>, SealError> {
        let mut out = vec![0; 2 * data.len() + 100];
        let sealed = self.layer.seal(&[data], &mut out)?;
        Ok(split(&out[..sealed.written]).map(|record| self.mirror.open(record).1).collect())
    }

    /// Checks a connection on which `wire` is a fault.
    #[track_caller]
    pub fn assert_refuses(mut self, wire: &[u8], fault: Fault, alert: AlertDescription) {
        let error = Err(OpenError::Fault(fault));
        let (got, result) = open_all(|input| self.layer.open(input), wire);
        assert_eq!(result.map(drop), error.clone().map(|_: Opened| ()), "after {got:?}");
        assert!(!got.iter().any(|got| matches!(got, Got::Data(_))), "delivered {got:?}");

        // The fault is latched, and the read keys are erased.
        let opener = self.layer.opener();
        assert_eq!((opener.state(), opener.sequence()), (ReadState::Failed, None));
        let next =
            if self.peer.suite == Suite::Plain { vec![] } else { self.peer.seal(DATA, b"x") };
        for wire in [next, plaintext(ALERT, &CLOSE_NOTIFY), vec![]] {
            assert_eq!(self.layer.open(&mut wire.clone()), error);
        }
        assert_eq!(self.layer.eof(), ReadEnd::Fault(fault));

        // One alert is sent and nothing else, and then the write keys are erased.
        assert_eq!(self.layer.seal(&[b"data"], &mut [0; 64]), Err(SealError::Failed));
        assert_eq!(self.layer.end().write, WriteEnd::AlertQueued(alert));
        assert_eq!(self.control(), [(ALERT, vec![2, alert.0])]);
        assert_eq!(self.layer.seal(&[b"data"], &mut [0; 64]), Err(SealError::Failed));
        let sealer = self.layer.sealer();
        assert_eq!((sealer.state(), sealer.sequence()), (WriteState::Failed, None));
        assert_eq!(self.layer.end().write, WriteEnd::AlertSent(alert));
        assert_eq!(self.layer.end().read, ReadEnd::Fault(fault));
    }
}

/// Splits `wire` into its records.
pub fn split(wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = wire;
    std::iter::from_fn(move || {
        let length = u16::from_be_bytes([*rest.get(3)?, *rest.get(4)?]);
        let record;
        (record, rest) = rest.split_at(5 + usize::from(length));
        Some(record)
    })
}
