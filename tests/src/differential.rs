//! The engine compared with OpenSSL and rustls as receivers. A stream of records is given to a real
//! peer and to the engine in the same state. Both must deliver the same bytes, end in the same way
//! and send the same alert. [`KnownDifference`] lists the exceptions and their reasons.
//!
//! A test makes random [`Plan`]s, and a fuzz target makes its own.

use std::{collections::HashMap, fmt, sync::Arc};

use tls_record::aead::{Aead, Provider, ring::Ring};
use tls_record::{
    Config, ContentType, DirectionKeys, Epoch, Event, Fault, KeySchedule, OpenError, Opener,
    ReadEnd, RecordLayer, Role as End, TrafficSecret,
};

use crate::peers::{
    Extras, Negotiated, OpensslContext, Peer, PeerEnd, Role, RustlsPeer, SecretLog, Secrets, Suite,
    Version, rustls_client_config_with, rustls_server_config_with,
};
use crate::records::{ALERT, CCS, DATA, HANDSHAKE, header, key_update, plaintext};

type Secret = TrafficSecret<Ring>;

// Sending

/// A part of a stream.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // of fields, which the variant explains
pub enum Step {
    /// Data of a length, in records of at most another length.
    Data { len: usize, fragment: usize },
    /// A record of data that is padded in TLS 1.3.
    Padded { len: usize, padding: usize },
    /// Empty records of data.
    Empty { count: usize },
    /// KeyUpdates, in TLS 1.3.
    KeyUpdates { value: u8, count: usize },
    /// A KeyUpdate that is fragmented over two records, in TLS 1.3.
    SplitKeyUpdate { at: usize },
    /// A record with more content than is allowed.
    TooLong { excess: usize },
    /// Alert records with this content.
    Alerts { content: Vec<u8>, count: usize },
}

/// A change to the stream in transit. Indices of records and bytes are taken modulo their number.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // of fields, which the variant explains
pub enum Tampering {
    /// Nothing.
    None,
    /// It ends early.
    Truncate { at: usize },
    /// A bit of a header is flipped.
    FlipHeader { record: usize, byte: usize, bit: u8 },
    /// A bit of a body is flipped.
    FlipBody { record: usize, byte: usize, bit: u8 },
    /// An unprotected record is inserted.
    Inject { before: usize, content_type: ContentType, content: Vec<u8> },
}

/// A test case.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The receiver's role.
    pub role: Role,
    /// The cipher suite.
    pub suite: Suite,
    /// The stream.
    pub steps: Vec<Step>,
    /// The change to the stream.
    pub tampering: Tampering,
    /// The lengths of the pieces in which the stream arrives, repeated.
    pub pieces: Vec<usize>,
}

/// The sender: it makes records one by one, also those that a [`Sealer`](tls_record::Sealer)
/// refuses.
struct Sender {
    secret: Secret,
    keys: DirectionKeys<<Ring as Provider>::Aead>,
    sequence: u64,
    version: Version,
}

impl Sender {
    fn new(secret: Secret, version: Version) -> Self {
        let keys = secret.keys().expect("keys are made");
        Self { secret, keys, sequence: first_record(version), version }
    }

    fn update(&mut self) {
        self.secret.update().expect("there is a next generation");
        self.keys = self.secret.keys().expect("keys are made");
        self.sequence = 0;
    }

    fn seal(&mut self, content_type: ContentType, content: &[u8], padding: usize) -> Vec<u8> {
        const TAG: usize = 16;
        let sequence = self.sequence.to_be_bytes();
        self.sequence += 1;
        let mut nonce = self.keys.iv;
        nonce[4..].iter_mut().zip(sequence).for_each(|(byte, bits)| *byte ^= bits);
        let mut content = content.to_vec();
        let (head, additional_data) = match self.version {
            Version::Tls13 => {
                content.push(content_type.0);
                content.resize(content.len() + padding, 0);
                let head = header(DATA, content.len() + TAG);
                (head.clone(), head)
            }
            Version::Tls12 => {
                let has_explicit = self.keys.aead.has_explicit_nonce();
                let explicit = if has_explicit { &nonce[4..] } else { &[] };
                let head = header(content_type, explicit.len() + content.len() + TAG);
                let plain = header(content_type, content.len());
                ([&head, explicit].concat(), [&sequence[..], &plain].concat())
            }
        };
        let mut tag = [0; TAG];
        self.keys.aead.seal(&nonce, &additional_data, &mut content, &mut tag).expect("sealed");
        [&head[..], &content, &tag].concat()
    }

    fn records(&mut self, step: &Step) -> Vec<Vec<u8>> {
        let is_tls13 = self.version == Version::Tls13;
        match *step {
            Step::Data { len, fragment } => {
                data(len).chunks(fragment).map(|part| self.seal(DATA, part, 0)).collect()
            }
            Step::Padded { len, padding } => vec![self.seal(DATA, &data(len), padding)],
            Step::Empty { count } => (0..count).map(|_| self.seal(DATA, &[], 0)).collect(),
            Step::KeyUpdates { value, count } if is_tls13 => (0..count)
                .map(|_| {
                    let record = self.seal(HANDSHAKE, &key_update(value), 0);
                    self.update();
                    record
                })
                .collect(),
            Step::SplitKeyUpdate { at } if is_tls13 => {
                let message = key_update(0);
                let (front, back) = message.split_at(at.max(1));
                let records = vec![self.seal(HANDSHAKE, front, 0), self.seal(HANDSHAKE, back, 0)];
                self.update();
                records
            }
            Step::KeyUpdates { .. } | Step::SplitKeyUpdate { .. } => vec![],
            Step::TooLong { excess } => vec![self.seal(DATA, &data((1 << 14) + excess), 0)],
            Step::Alerts { ref content, count } => {
                (0..count).map(|_| self.seal(ALERT, content, 0)).collect()
            }
        }
    }

    /// Returns the whole stream as it arrives.
    fn stream(&mut self, plan: &Plan) -> Vec<u8> {
        let mut records: Vec<_> = plan.steps.iter().flat_map(|step| self.records(step)).collect();
        if records.is_empty() {
            return vec![];
        }
        let count = records.len();
        match &plan.tampering {
            Tampering::None => {}
            Tampering::Truncate { at } => {
                let mut stream = records.concat();
                stream.truncate(at % stream.len());
                return stream;
            }
            Tampering::FlipHeader { record, byte, bit } => {
                records[record % count][*byte] ^= 1 << bit;
            }
            Tampering::FlipBody { record, byte, bit } => {
                let record = &mut records[record % count];
                let at = 5 + byte % (record.len() - 5);
                record[at] ^= 1 << bit;
            }
            Tampering::Inject { before, content_type, content } => {
                records.insert(before % (count + 1), plaintext(*content_type, content));
            }
        }
        records.concat()
    }
}

/// In TLS 1.2 each side's Finished has used sequence number 0.
fn first_record(version: Version) -> u64 {
    match version {
        Version::Tls12 => 1,
        Version::Tls13 => 0,
    }
}

fn data(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

// Receiving

/// The end of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Ended {
    /// No end: the end of the transport would be a truncation now.
    Open,
    /// By a close_notify.
    Closed,
    /// By the error alert that it was sent.
    Alerted(u8),
    /// By a fault of the sender, with this alert.
    Failed(Option<u8>),
}

/// The results that are compared.
#[derive(Clone)]
struct Verdict {
    ended: Ended,
    data: Vec<u8>,
    /// Whether it has sent a KeyUpdate.
    updated: bool,
}

/// An answer to a KeyUpdate that is due when a connection fails may be sent or not.
impl PartialEq for Verdict {
    fn eq(&self, other: &Self) -> bool {
        let is_alive = matches!(self.ended, Ended::Open | Ended::Closed);
        (self.ended, &self.data) == (other.ended, &other.data)
            && (self.updated == other.updated || !is_alive)
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ended, data, updated } = self;
        write!(f, "{ended:?} after {} bytes, updated: {updated}", data.len())
    }
}

/// The other end of a receiver, which only opens the records of the receiver.
struct Mirror(Opener<Secret>, bool);

impl Mirror {
    fn new(role: Role, keys: Secret, version: Version) -> Self {
        let mut config = Config::new(engine_role(other(role)));
        // More than a plan requests, because answers come without data.
        config.limits.key_updates = u8::MAX;
        let mut opener = Opener::new(config);
        let sequence = first_record(version);
        opener.take_over(Epoch::Application, keys, sequence).expect("keys fit");
        Self(opener, false)
    }

    fn receive(&mut self, mut bytes: Vec<u8>) {
        let mut rest = &mut bytes[..];
        while !rest.is_empty() {
            match self.0.open(rest) {
                Ok(opened) => {
                    assert!(opened.consumed > 0, "only a part of a record was sent");
                    self.1 |= matches!(opened.event, Event::KeyUpdate { .. });
                    rest = &mut rest[opened.consumed..];
                }
                Err(OpenError::PeerAlert(_)) => return,
                Err(error) => panic!("the receiver sent something bad: {error}"),
            }
        }
    }

    fn alert(&self) -> Option<u8> {
        match self.0.end() {
            ReadEnd::PeerAlert(description) => Some(description.0),
            _ => None,
        }
    }
}

fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

fn engine_role(role: Role) -> End {
    match role {
        Role::Client => End::Client,
        Role::Server => End::Server,
    }
}

/// Returns the outcome of a stream in the engine, and the fault that it finds.
fn engine(
    plan: &Plan,
    secrets: &Secrets,
    stream: &[u8],
    version: Version,
) -> (Verdict, Option<Fault>) {
    let keys = |role| secrets.keys(role, Epoch::Application);
    let sequence = first_record(version);
    let mut layer = RecordLayer::new(Config::new(engine_role(plan.role)));
    layer.with_halves(|opener, sealer| {
        opener.take_over(Epoch::Application, keys(other(plan.role)), sequence).expect("keys fit");
        sealer.take_over(Epoch::Application, keys(plan.role), sequence).expect("keys fit");
    });
    let mut mirror = Mirror::new(plan.role, keys(plan.role), version);
    let (mut buffer, mut data) = (vec![], vec![]);
    for piece in pieces(plan, stream) {
        buffer.extend_from_slice(piece);
        let mut at = 0;
        while at < buffer.len() {
            let input = &mut buffer[at..];
            let opened = layer.open(input);
            if let Ok(opened) = &opened {
                if let Event::ApplicationData(range) = &opened.event {
                    data.extend_from_slice(&input[range.clone()]);
                }
                at += opened.consumed;
            }
            let mut record = [0; 64];
            while layer.has_control() {
                let len = layer.poll_control(&mut record).expect("sealed");
                mirror.receive(record[..len].to_vec());
            }
            if !opened.is_ok_and(|opened| opened.consumed > 0) {
                break;
            }
        }
        buffer.drain(..at);
    }
    let (ended, fault) = match layer.eof() {
        ReadEnd::Truncated { .. } => (Ended::Open, None),
        ReadEnd::Closed { .. } => (Ended::Closed, None),
        ReadEnd::PeerAlert(description) => (Ended::Alerted(description.0), None),
        ReadEnd::Fault(fault) => (Ended::Failed(mirror.alert()), Some(fault)),
        ReadEnd::Open | ReadEnd::HandedOver => panic!("the transport has ended"),
    };
    (Verdict { ended, data, updated: mirror.1 }, fault)
}

fn pieces<'a>(plan: &'a Plan, stream: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = stream;
    plan.pieces.iter().cycle().map_while(move |&len| {
        let piece;
        (piece, rest) = rest.split_at(len.min(rest.len()));
        (!piece.is_empty()).then_some(piece)
    })
}

/// Returns the outcome of a stream in a real peer.
fn real(mut peer: Box<dyn Peer>, mut mirror: Mirror, plan: &Plan, stream: &[u8]) -> Verdict {
    for piece in pieces(plan, stream) {
        peer.receive(piece);
        mirror.receive(peer.take_output());
    }
    let ended = match peer.end() {
        PeerEnd::Open => Ended::Open,
        PeerEnd::CloseNotify => Ended::Closed,
        // rustls reports this too when it answers an alert that it rejects.
        PeerEnd::Alert(description) if mirror.alert().is_none() => Ended::Alerted(description),
        PeerEnd::Alert(_) | PeerEnd::Failed(_) => Ended::Failed(mirror.alert()),
    };
    Verdict { ended, data: peer.read(), updated: mirror.1 }
}

/// A real implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stack {
    /// OpenSSL.
    Openssl,
    /// rustls.
    Rustls,
}
use Stack::{Openssl, Rustls};

/// Makes established connections of one implementation.
pub struct Stage {
    stack: Stack,
    version: Version,
    log: SecretLog,
    openssl: HashMap<(Suite, Role), OpensslContext>,
    rustls_clients: HashMap<Suite, Arc<rustls::ClientConfig>>,
    rustls_servers: HashMap<Suite, Arc<rustls::ServerConfig>>,
}

impl Stage {
    /// One for this implementation and version.
    pub fn new(stack: Stack, version: Version) -> Self {
        let log = SecretLog::default();
        let extras = Extras { log: Some(log.clone()), ..Extras::default() };
        let setup = |suite, role| Negotiated { version, suite }.setup(role);
        let openssl = Suite::ALL
            .into_iter()
            .flat_map(|suite| [Role::Client, Role::Server].map(|role| (suite, role)))
            .map(|(suite, role)| ((suite, role), OpensslContext::new(&setup(suite, role))))
            .collect();
        let rustls_clients = Suite::ALL
            .map(|suite| (suite, Arc::new(rustls_client_config_with(version, suite, &extras))));
        let rustls_servers = Suite::ALL.map(|suite| {
            let mut config = rustls_server_config_with(version, suite, &extras);
            // They would have sequence numbers 0 and 1.
            config.send_tls13_tickets = 0;
            (suite, Arc::new(config))
        });
        Self {
            stack,
            version,
            log,
            openssl,
            rustls_clients: rustls_clients.into(),
            rustls_servers: rustls_servers.into(),
        }
    }

    fn rustls(&self, suite: Suite, role: Role) -> Box<dyn Peer> {
        Box::new(match role {
            Role::Client => RustlsPeer::client(self.rustls_clients[&suite].clone()),
            Role::Server => RustlsPeer::server(self.rustls_servers[&suite].clone()),
        })
    }

    /// Returns a peer after its handshake with a rustls peer, which is then dropped. The records
    /// that it has sent under its application keys have gone to the mirror.
    fn establish(&self, suite: Suite, role: Role) -> (Box<dyn Peer>, Secrets, Mirror) {
        let agreed = Negotiated { version: self.version, suite };
        self.log.clear();
        let mut peer = match self.stack {
            Openssl => Box::new(self.openssl[&(suite, role)].peer()),
            Rustls => self.rustls(suite, role),
        };
        let mut partner = self.rustls(suite, other(role));
        let mut flights: Vec<Vec<u8>> = vec![];
        let (client, server) = match role {
            Role::Client => (&mut *peer, &mut *partner),
            Role::Server => (&mut *partner, &mut *peer),
        };
        // Two flights in TLS 1.3 and a Finished; four in TLS 1.2.
        let turns = match self.version {
            Version::Tls13 => 3,
            Version::Tls12 => 4,
        };
        for turn in 0..turns {
            let (from, to) = if turn % 2 == 0 {
                (&mut *client, &mut *server)
            } else {
                (&mut *server, &mut *client)
            };
            let flight = from.take_output();
            to.receive(&flight);
            flights.push(flight);
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        assert_eq!(partner.take_output(), [], "the partner is silent");
        let secrets = Secrets::new(&self.log, agreed, &flights[0], &flights[1]);
        let mut mirror = Mirror::new(role, secrets.keys(role, Epoch::Application), self.version);
        mirror.receive(peer.take_output());
        (peer, secrets, mirror)
    }

    /// Gives a plan to a peer and to the engine. Returns their difference, if there is one.
    ///
    /// # Errors
    /// A difference that is not in [`KnownDifference`].
    pub fn check(&self, plan: &Plan) -> Result<Option<KnownDifference>, String> {
        let (peer, secrets, mirror) = self.establish(plan.suite, plan.role);
        let sender_keys = secrets.keys(other(plan.role), Epoch::Application);
        let stream = Sender::new(sender_keys, self.version).stream(plan);
        let theirs = real(peer, mirror, plan, &stream);
        let (ours, fault) = engine(plan, &secrets, &stream, self.version);
        let difference =
            Difference { stack: self.stack, version: self.version, plan, fault, ours, theirs };
        if difference.ours == difference.theirs {
            return Ok(None);
        }
        match KnownDifference::of(&difference) {
            Some(known) => Ok(Some(known)),
            None => Err(difference.to_string()),
        }
    }
}

// Differences

/// A stream with different outcomes in two receivers.
struct Difference<'a> {
    stack: Stack,
    version: Version,
    plan: &'a Plan,
    /// The fault that the engine found.
    fault: Option<Fault>,
    ours: Verdict,
    theirs: Verdict,
}

impl Difference<'_> {
    /// Returns whether only the alert differs.
    fn is_alert(&self) -> bool {
        let failed = |verdict: &Verdict| matches!(verdict.ended, Ended::Failed(_));
        failed(&self.ours) && failed(&self.theirs) && self.ours.data == self.theirs.data
    }

    /// Returns whether the peer stopped where the engine went on.
    fn they_stop(&self) -> bool {
        self.ours.data.starts_with(&self.theirs.data)
    }

    /// Returns whether the engine stopped where the peer went on.
    fn they_go_on(&self) -> bool {
        self.theirs.data.starts_with(&self.ours.data)
    }

    /// Returns whether a bit of this byte of a header was flipped.
    fn flips(&self, bytes: &[usize]) -> bool {
        matches!(self.plan.tampering, Tampering::FlipHeader { byte, .. } if bytes.contains(&byte))
    }

    fn injects(&self, is: impl FnOnce(ContentType, &[u8]) -> bool) -> bool {
        match &self.plan.tampering {
            Tampering::Inject { content_type, content, .. } => is(*content_type, content),
            _ => false,
        }
    }

    /// Counts the sent alerts that match.
    fn alerts(&self, is: impl Fn(&[u8]) -> bool) -> usize {
        self.total(|step| match step {
            Step::Alerts { content, count } if is(content) => *count,
            _ => 0,
        })
    }

    fn key_updates(&self) -> usize {
        self.total(|step| match step {
            Step::KeyUpdates { count, .. } => *count,
            Step::SplitKeyUpdate { .. } => 1,
            _ => 0,
        })
    }

    fn empty_records(&self) -> usize {
        self.total(|step| match step {
            Step::Empty { count } => *count,
            Step::Padded { len: 0, .. } => 1,
            _ => 0,
        })
    }

    fn total(&self, of: impl Fn(&Step) -> usize) -> usize {
        self.plan.steps.iter().map(of).sum()
    }
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stack, version, fault, ours, theirs, .. } = self;
        write!(f, "{version:?}: the engine: {ours:?} ({fault:?}); {stack:?}: {theirs:?}")
    }
}

/// A difference between the engine and a peer that is intended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KnownDifference {
    /// OpenSSL treats a close_notify of level 2 as an error. RFC 5246 section 7.2.1: "This message
    /// notifies the recipient that the sender will not send any more messages on this connection",
    /// whatever its level.
    OpensslFatalCloseNotify,
    /// OpenSSL fails at no_renegotiation, even without a request. RFC 5246 section 7.2.2: "This
    /// message is always a warning."
    OpensslNoRenegotiation,
    /// OpenSSL counts a close_notify among the warnings of TLS 1.2, of which it takes four. RFC
    /// 5246 section 7.2.1: "Any data received after a closure alert is ignored": it is no warning
    /// that others may follow.
    OpensslCloseNotifyIsCounted,
    /// OpenSSL reports an error at the close_notify that follows a user_canceled. RFC 9846 section
    /// 6.1: "Receiving implementations SHOULD continue to read data from the peer until a
    /// "close_notify" is received", and that one is the end.
    OpensslCloseAfterCancel,
    /// OpenSSL sends unexpected_message for an alert that has not two bytes. RFC 9846 section 6.2,
    /// decode_error: "the length of the message was incorrect".
    OpensslAlertLength,
    /// OpenSSL has a lower limit of its own for the records of TLS 1.2. RFC 5246 section 6.2.3:
    /// "The length MUST NOT exceed 2^14 + 2048."
    OpensslShorterLimit,
    /// OpenSSL sends internal_error for a TLS 1.2 record that is shorter than a tag. RFC 5246
    /// section 6.2.3.3: "If the decryption fails, a fatal bad_record_mac alert MUST be generated."
    OpensslTooShort,
    /// OpenSSL decrypts a record of TLS 1.2 before it looks at its type. RFC 5246 section 6: "If a
    /// TLS implementation receives an unexpected record type, it MUST send an unexpected_message
    /// alert."
    OpensslDecryptsFirst,
    /// OpenSSL sends decode_error for a protected TLS 1.3 record with another version. RFC 9846
    /// section 5.1: the field "MUST be ignored for all purposes"; but section 5.2 has it
    /// authenticated, and "bad_record_mac [...] is used for all deprotection failures" (6.2).
    OpensslVersion,
    /// OpenSSL takes any number of KeyUpdates. RFC 9846 does not say how many to take; 32 without
    /// data in between is BoringSSL's number, and rustls's.
    OpensslKeyUpdates,
    /// OpenSSL drops a change_cipher_spec that comes as the first record after the handshake. RFC
    /// 9846 section 5: one "received [...] after the peer's Finished message [...] MUST be treated
    /// as an unexpected record type".
    OpensslLateChangeCipherSpec,
    /// rustls sends decode_error for an empty alert, protected or not. RFC 9846 section 5.4: "if
    /// such a message is received, the receiving implementation MUST terminate the connection with
    /// an "unexpected_message" alert."
    RustlsEmptyRecord,
    /// rustls sends no alert when there are too many warnings, KeyUpdates or the like. RFC 9846
    /// section 6.2: an implementation that encounters a fatal error condition "SHOULD send an
    /// appropriate fatal alert".
    RustlsSilentFlood,
    /// rustls counts warnings in all, not in a row. RFC 9846 section 6.1: "Receiving
    /// implementations SHOULD continue to read data".
    RustlsWarningsInAll,
    /// To rustls an empty record is data, after which it takes 32 KeyUpdates again. RFC 9846 does
    /// not say how many to take; an empty record is no progress.
    RustlsEmptyIsData,
    /// rustls sends decode_error for a length that is over the limit. RFC 9846 section 6.2,
    /// record_overflow: "A TLSCiphertext record was received that had a length more than 2^14 + 256
    /// bytes".
    RustlsOverflow,
    /// rustls has the limit of TLS 1.2 for the records of TLS 1.3, too. RFC 9846 section 5.2: "The
    /// length MUST NOT exceed 2^14 + 256 bytes."
    RustlsLongerLimit,
    /// rustls sends decode_error for a record type that does not exist. RFC 9846 section 5: "If a
    /// TLS implementation receives an unexpected record type, it MUST terminate the connection with
    /// an "unexpected_message" alert."
    RustlsUnknownType,
    /// rustls sends decode_error for a version that does not begin with 3, and in TLS 1.2
    /// bad_record_mac for others. RFC 5246 section 6.2.1: "TLS Version 1.2, which uses the version
    /// { 3, 3 }": it is the protocol_version that is wrong. In TLS 1.3, RFC 9846 section 6.2:
    /// "bad_record_mac [...] is used for all deprotection failures".
    RustlsVersion,
    /// rustls authenticates a TLS 1.3 record as if its version and type were right, and takes it.
    /// RFC 9846 section 5.2: "additional_data = TLSCiphertext.opaque_type ||
    /// TLSCiphertext.legacy_record_version || TLSCiphertext.length".
    RustlsAssumesHeader,
    /// rustls decrypts every record of TLS 1.3, whatever its outer type. RFC 9846 section 5.2: "The
    /// outer opaque_type field of a TLSCiphertext record is always set to the value 23"; section 5:
    /// "If a TLS implementation receives an unexpected record type, it MUST terminate the
    /// connection with an "unexpected_message" alert."
    RustlsDecryptsFirst,
    /// rustls interprets the level of an alert in TLS 1.3: a user_canceled of level 2 is an error,
    /// and an error of level 1 is answered. RFC 9846 section 6: "the "level" field can safely be
    /// ignored", and nothing is sent after an error alert.
    RustlsObeysLevel,
    /// rustls sends decode_error for a change_cipher_spec that is not one byte 0x01. RFC 9846
    /// section 5: one with "any other change_cipher_spec value [...] MUST abort the handshake with
    /// an "unexpected_message" alert."
    RustlsChangeCipherSpec,
}

impl KnownDifference {
    fn of(difference: &Difference<'_>) -> Option<Self> {
        match difference.stack {
            Openssl => Self::of_openssl(difference),
            Rustls => Self::of_rustls(difference),
        }
    }

    fn of_openssl(it: &Difference<'_>) -> Option<Self> {
        use Ended::{Alerted, Closed, Failed, Open};
        use Version::{Tls12, Tls13};
        let Difference { version, fault, ours, theirs, .. } = it;
        Some(match (version, fault, ours.ended, theirs.ended) {
            (Tls12, None, Closed, Alerted(0))
                if it.they_stop() && it.alerts(|alert| alert == [2, 0]) > 0 =>
            {
                Self::OpensslFatalCloseNotify
            }
            (Tls12, _, _, Failed(Some(40)))
                if it.they_stop() && it.alerts(|alert| alert == [1, 100]) > 0 =>
            {
                Self::OpensslNoRenegotiation
            }
            (Tls12, None, Closed, Failed(Some(10)))
                if it.they_stop() && it.alerts(|alert| alert.first() == Some(&1)) > 4 =>
            {
                Self::OpensslCloseNotifyIsCounted
            }
            (Tls13, None, Closed, Failed(None))
                if it.they_stop() && it.alerts(is_user_canceled) > 0 =>
            {
                Self::OpensslCloseAfterCancel
            }
            (_, Some(Fault::AlertLength), _, Failed(Some(10))) if it.is_alert() => {
                Self::OpensslAlertLength
            }
            (Tls12, None | Some(Fault::BadRecordMac), Open | Failed(_), Failed(Some(22)))
                if it.they_stop() && it.flips(&LENGTH) =>
            {
                Self::OpensslShorterLimit
            }
            (Tls12, Some(Fault::BadRecordMac), _, Failed(Some(80)))
                if it.is_alert() && (it.flips(&LENGTH) || it.injects(|_, _| true)) =>
            {
                Self::OpensslTooShort
            }
            (Tls12, Some(Fault::UnexpectedContentType), _, Failed(Some(20 | 80)))
                if it.is_alert() && (it.flips(&TYPE) || it.injects(|of, _| of == CCS)) =>
            {
                Self::OpensslDecryptsFirst
            }
            (Tls13, Some(Fault::BadRecordMac), _, Failed(Some(50)))
                if it.is_alert() && it.flips(&VERSION) =>
            {
                Self::OpensslVersion
            }
            (Tls13, Some(Fault::Flood(_)), _, _) if it.they_go_on() && it.key_updates() > 32 => {
                Self::OpensslKeyUpdates
            }
            (Tls13, Some(Fault::UnexpectedContentType), _, _)
                if it.they_go_on() && it.injects(|of, content| (of, content) == (CCS, &[1])) =>
            {
                Self::OpensslLateChangeCipherSpec
            }
            _ => return None,
        })
    }

    fn of_rustls(it: &Difference<'_>) -> Option<Self> {
        use Ended::{Alerted, Failed};
        use Version::{Tls12, Tls13};
        let Difference { version, fault, theirs, .. } = it;
        Some(match (version, fault, theirs.ended) {
            (_, Some(Fault::EmptyAlert), Failed(Some(50))) if it.is_alert() => {
                Self::RustlsEmptyRecord
            }
            (_, Some(Fault::BadRecordMac | Fault::UnexpectedContentType), Failed(Some(50)))
                if it.is_alert()
                    && it.injects(|of, content| of != DATA && of != CCS && content.is_empty()) =>
            {
                Self::RustlsEmptyRecord
            }
            (_, Some(Fault::Flood(_)), Failed(None)) if it.is_alert() => Self::RustlsSilentFlood,
            // The alert is one empty record too many.
            (Tls12, Some(Fault::EmptyAlert), Failed(None))
                if it.is_alert() && it.empty_records() >= 32 =>
            {
                Self::RustlsSilentFlood
            }
            (_, _, Failed(None)) if it.they_stop() && it.alerts(is_warning) > 4 => {
                Self::RustlsWarningsInAll
            }
            (Tls13, Some(Fault::Flood(_)), _)
                if it.they_go_on() && it.key_updates() > 32 && it.empty_records() > 0 =>
            {
                Self::RustlsEmptyIsData
            }
            (_, Some(Fault::RecordOverflow), Failed(Some(50)))
                if it.is_alert() && it.flips(&LENGTH) =>
            {
                Self::RustlsOverflow
            }
            (Tls13, Some(Fault::RecordOverflow), _) if it.they_go_on() && it.flips(&LENGTH) => {
                Self::RustlsLongerLimit
            }
            (_, Some(Fault::UnexpectedContentType | Fault::RecordOverflow), Failed(Some(50)))
                if it.is_alert() && it.flips(&TYPE) =>
            {
                Self::RustlsUnknownType
            }
            (Tls12, Some(Fault::RecordVersion), Failed(Some(20 | 50)))
            | (Tls13, Some(Fault::BadRecordMac | Fault::RecordOverflow), Failed(Some(50)))
                if it.is_alert() && it.flips(&VERSION) =>
            {
                Self::RustlsVersion
            }
            (Tls13, Some(Fault::BadRecordMac), _) if it.they_go_on() && it.flips(&[2]) => {
                Self::RustlsAssumesHeader
            }
            (Tls13, Some(Fault::UnexpectedContentType | Fault::RecordOverflow), _)
                if it.they_go_on() && it.flips(&TYPE) =>
            {
                Self::RustlsAssumesHeader
            }
            (Tls13, Some(Fault::UnexpectedContentType), Failed(Some(20)))
                if it.is_alert() && it.injects(|of, _| of != DATA) =>
            {
                Self::RustlsDecryptsFirst
            }
            (Tls13, _, Alerted(90))
                if it.they_stop() && it.alerts(|alert| alert == [2, 90]) > 0 =>
            {
                Self::RustlsObeysLevel
            }
            (Tls13, None, Failed(Some(47 | 50)))
                if it.they_stop() && it.alerts(|alert| alert.len() == 2 && alert[0] != 2) > 0 =>
            {
                Self::RustlsObeysLevel
            }
            // There is no such level: rustls does not see the records after it.
            (Tls13, Some(_), Failed(Some(47)))
                if it.they_stop() && it.alerts(|alert| matches!(alert, [0 | 3.., _])) > 0 =>
            {
                Self::RustlsObeysLevel
            }
            (_, Some(Fault::UnexpectedContentType), Failed(Some(50)))
                if it.is_alert() && it.injects(|of, content| of == CCS && content != [1]) =>
            {
                Self::RustlsChangeCipherSpec
            }
            _ => return None,
        })
    }
}

/// The positions of the fields in a header.
const TYPE: [usize; 1] = [0];
const VERSION: [usize; 2] = [1, 2];
const LENGTH: [usize; 2] = [3, 4];

fn is_user_canceled(alert: &[u8]) -> bool {
    matches!(alert, [_, 90])
}

fn is_warning(alert: &[u8]) -> bool {
    matches!(alert, [1, description] if *description != 0)
}
