//! Connections of OpenSSL and rustls are recorded together with their key logs, and the engine
//! opens each direction from the ClientHello to the close_notify. The opener gets the version and
//! keys at the points where a handshake would set them: at a ServerHello, EndOfEarlyData, Finished
//! or change_cipher_spec, and not before.

use std::sync::Arc;

use tls_record::aead::ring::Ring;
use tls_record::{
    Config, Epoch, Event, HandshakeType, OpenError, Opener, ReadEnd, Role as End, TrafficSecret,
    Version,
};
use tls_record_tests::peers::{
    Extras, Group, Negotiated, OpensslContext, OpensslPeer, OpensslSession, Peer, PeerEnd, Role,
    RustlsPeer, SecretLog, Secrets, Suite, Version as PeerVersion, pump, rustls_client_config_with,
    rustls_server_config_with,
};
use tls_record_tests::records::{CCS, split};

/// The kind of handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Full,
    /// Without the compatibility mode of TLS 1.3.
    NoCompatibilityMode,
    HelloRetryRequest,
    ClientAuthentication,
    Resumed,
    EarlyDataAccepted,
    EarlyDataRejected,
    /// Early data and a key share, both of which the server rejects.
    EarlyDataRetried,
}

impl Kind {
    fn resumes(self) -> bool {
        self == Self::Resumed || self.offers_early_data()
    }

    fn retries(self) -> bool {
        matches!(self, Self::HelloRetryRequest | Self::EarlyDataRetried)
    }

    fn offers_early_data(self) -> bool {
        self == Self::EarlyDataAccepted || self.rejects_early_data()
    }

    fn rejects_early_data(self) -> bool {
        matches!(self, Self::EarlyDataRejected | Self::EarlyDataRetried)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stack {
    Openssl,
    Rustls,
}
use Stack::{Openssl, Rustls};

/// A connection to record.
#[derive(Clone, Copy, Debug)]
struct Scenario {
    kind: Kind,
    clients: Stack,
    servers: Stack,
    agreed: Negotiated,
}

impl Scenario {
    /// Returns every scenario that the implementations support.
    fn all() -> impl Iterator<Item = Self> {
        use Kind::*;
        let kinds = [
            Full,
            NoCompatibilityMode,
            HelloRetryRequest,
            ClientAuthentication,
            Resumed,
            EarlyDataAccepted,
            EarlyDataRejected,
            EarlyDataRetried,
        ];
        let stacks = [(Openssl, Openssl), (Openssl, Rustls), (Rustls, Openssl), (Rustls, Rustls)];
        kinds
            .into_iter()
            .flat_map(move |kind| stacks.map(|(clients, servers)| (kind, clients, servers)))
            .flat_map(|(kind, clients, servers)| {
                Negotiated::all().map(move |agreed| Self { kind, clients, servers, agreed })
            })
            .filter(Self::is_possible)
    }

    fn is_possible(&self) -> bool {
        let Self { kind, clients, servers, agreed } = *self;
        match (agreed.version, kind) {
            (_, Kind::Full | Kind::Resumed | Kind::ClientAuthentication) => true,
            (PeerVersion::Tls12, _) => false,
            (_, Kind::HelloRetryRequest) => true,
            (_, Kind::NoCompatibilityMode) => clients == Openssl,
            // The OpenSSL peers here neither send nor accept early data.
            (_, Kind::EarlyDataRejected) => clients == Rustls,
            (_, Kind::EarlyDataAccepted | Kind::EarlyDataRetried) => {
                (clients, servers) == (Rustls, Rustls)
            }
        }
    }

    fn is_tls13(self) -> bool {
        self.agreed.version == PeerVersion::Tls13
    }

    /// Returns the handshake messages that `sender` sends; several of one type in a row count once.
    fn messages(self, sender: Role) -> Vec<u8> {
        let full = !self.kind.resumes();
        let auth = self.kind == Kind::ClientAuthentication;
        let retry = self.kind.retries();
        let early = self.kind == Kind::EarlyDataAccepted;
        // In TLS 1.2 rustls keeps sessions by their identifiers, without tickets.
        let ticket = full && self.servers == Openssl;
        let mut all = vec![];
        let mut push_if = |condition: bool, types: &[u8]| {
            if condition {
                all.extend_from_slice(types);
            }
        };
        match (self.agreed.version, sender) {
            (PeerVersion::Tls13, Role::Client) => {
                push_if(true, &[CLIENT_HELLO]);
                push_if(retry, &[CLIENT_HELLO]);
                push_if(early, &[END_OF_EARLY_DATA]);
                push_if(auth, &[CERTIFICATE, CERTIFICATE_VERIFY]);
                push_if(true, &[FINISHED, KEY_UPDATE]);
            }
            (PeerVersion::Tls13, Role::Server) => {
                push_if(retry, &[SERVER_HELLO]);
                push_if(true, &[SERVER_HELLO, ENCRYPTED_EXTENSIONS]);
                push_if(auth, &[CERTIFICATE_REQUEST]);
                push_if(full, &[CERTIFICATE, CERTIFICATE_VERIFY]);
                push_if(true, &[FINISHED, NEW_SESSION_TICKET, KEY_UPDATE]);
            }
            (PeerVersion::Tls12, Role::Client) => {
                push_if(true, &[CLIENT_HELLO]);
                push_if(auth, &[CERTIFICATE]);
                push_if(full, &[CLIENT_KEY_EXCHANGE]);
                push_if(auth, &[CERTIFICATE_VERIFY]);
                push_if(true, &[FINISHED]);
            }
            (PeerVersion::Tls12, Role::Server) => {
                push_if(true, &[SERVER_HELLO]);
                push_if(full, &[CERTIFICATE, SERVER_KEY_EXCHANGE]);
                push_if(auth, &[CERTIFICATE_REQUEST]);
                push_if(full, &[SERVER_HELLO_DONE]);
                push_if(ticket, &[NEW_SESSION_TICKET]);
                push_if(true, &[FINISHED]);
            }
        }
        // With a retry there are two ClientHellos and two ServerHellos in a row; there may be two
        // tickets.
        all.dedup();
        all
    }
}

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const NEW_SESSION_TICKET: u8 = 4;
const END_OF_EARLY_DATA: u8 = 5;
const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const FINISHED: u8 = 20;
const KEY_UPDATE: u8 = 24;

/// The most bytes of early data that are sent, and that a ticket allows. Skipped records count with
/// their headers and tags.
const MAX_EARLY_DATA: usize = 5_000;
const EARLY_DATA_ALLOWED: u32 = 16_384;

/// The two directions, by their sender.
const SENDERS: [Role; 2] = [Role::Client, Role::Server];

/// One direction of a recorded connection.
#[derive(Default)]
struct Direction {
    wire: Vec<u8>,
    /// The application data that was written.
    data: Vec<u8>,
}

/// A connection from its first byte to its last.
struct Recording {
    scenario: Scenario,
    client: Direction,
    server: Direction,
    log: SecretLog,
}

enum AnyPeer {
    Openssl(OpensslPeer),
    Rustls(Box<RustlsPeer>),
}

impl AnyPeer {
    fn peer(&mut self) -> &mut dyn Peer {
        match self {
            Self::Openssl(peer) => peer,
            Self::Rustls(peer) => &mut **peer,
        }
    }
}

impl Recording {
    /// Plays a scenario, with `len` bytes in each piece of data.
    fn new(scenario: Scenario, len: usize) -> Self {
        let log = SecretLog::default();
        let Scenario { kind, clients, servers, agreed } = scenario;
        let (version, suite) = (agreed.version, agreed.suite);
        // The client, and the server of an earlier connection that issues sessions.
        let usual = Extras {
            log: Some(log.clone()),
            groups: vec![Group::X25519, Group::P256],
            client_auth: kind == Kind::ClientAuthentication,
            early_data: if kind.offers_early_data() { EARLY_DATA_ALLOWED } else { 0 },
            no_compatibility_mode: kind == Kind::NoCompatibilityMode,
        };
        // The server of this connection.
        let mut extras = usual.clone();
        if kind.retries() {
            extras.groups = vec![Group::P256];
        }
        if kind == Kind::EarlyDataRejected {
            extras.early_data = 0;
        }

        let openssl_client = OpensslContext::with(&agreed.setup(Role::Client), &usual);
        let rustls_client = Arc::new(rustls_client_config_with(version, suite, &usual));
        let client = |session: Option<&OpensslSession>| match (clients, session) {
            (Openssl, Some(session)) => AnyPeer::Openssl(openssl_client.resume(session)),
            (Openssl, None) => AnyPeer::Openssl(openssl_client.peer()),
            (Rustls, _) => AnyPeer::Rustls(RustlsPeer::client(rustls_client.clone()).into()),
        };
        // It resumes only its own sessions, and always rejects early data.
        let openssl_extras = if kind.resumes() { &usual } else { &extras };
        let openssl_server = OpensslContext::with(&agreed.setup(Role::Server), openssl_extras);
        let first_config = rustls_server_config_with(version, suite, &usual);
        let mut config = rustls_server_config_with(version, suite, &extras);
        config.session_storage = first_config.session_storage.clone();
        let server = |config| match servers {
            Openssl => AnyPeer::Openssl(openssl_server.peer()),
            Rustls => AnyPeer::Rustls(RustlsPeer::server(Arc::new(config)).into()),
        };

        let mut session = None;
        if kind.resumes() {
            let (mut client, mut server) = (client(None), server(first_config));
            pump(client.peer(), server.peer());
            // An OpenSSL server that stores sessions drops those of unclosed connections.
            client.peer().close();
            server.peer().close();
            pump(client.peer(), server.peer());
            if let AnyPeer::Openssl(client) = &client {
                session = client.session();
            }
        }
        let mut this =
            Self { scenario, client: Direction::default(), server: Direction::default(), log };
        this.play(client(session.as_ref()), server(config), len);
        this
    }

    fn play(&mut self, mut client: AnyPeer, mut server: AnyPeer, len: usize) {
        let kind = self.scenario.kind;
        if let (true, AnyPeer::Rustls(client)) = (kind.offers_early_data(), &mut client) {
            let early = data(len.min(MAX_EARLY_DATA));
            client.write_early(&early);
            if kind == Kind::EarlyDataAccepted {
                self.client.data.extend(early);
            }
        }
        let (client, server) = (client.peer(), server.peer());
        self.carry(client, server);
        assert_eq!((client.resumed(), server.resumed()), (kind.resumes(), kind.resumes()));
        for peer in [&*client, &*server] {
            assert_eq!(peer.end(), PeerEnd::Open);
            assert_eq!(peer.negotiated(), Some(self.scenario.agreed));
        }

        self.say(client, server, len);
        if self.scenario.is_tls13() {
            client.key_update(true);
            self.carry(client, server);
            self.say(client, server, len);
            server.key_update(true);
            self.carry(client, server);
        }
        self.say(client, server, len);
        client.close();
        self.carry(client, server);
        server.close();
        self.carry(client, server);
        for (peer, sender) in [(client, &self.server), (server, &self.client)] {
            assert_eq!(peer.end(), PeerEnd::CloseNotify);
            assert!(peer.read() == sender.data, "the peers agree with each other");
        }
    }

    fn say(&mut self, client: &mut dyn Peer, server: &mut dyn Peer, len: usize) {
        let words = data(len);
        client.write(&words);
        server.write(&words);
        self.client.data.extend_from_slice(&words);
        self.server.data.extend_from_slice(&words);
    }

    fn carry(&mut self, client: &mut dyn Peer, server: &mut dyn Peer) {
        loop {
            let (from_client, from_server) = (client.take_output(), server.take_output());
            if from_client.is_empty() && from_server.is_empty() {
                return;
            }
            server.receive(&from_client);
            client.receive(&from_server);
            self.client.wire.extend(from_client);
            self.server.wire.extend(from_server);
        }
    }

    fn direction(&self, sender: Role) -> &Direction {
        match sender {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }

    fn secrets(&self) -> Secrets {
        Secrets::new(&self.log, self.scenario.agreed, &self.client.wire, &self.server.wire)
    }
}

fn data(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// One direction of a recording, as its receiver opens it.
struct Receiver<'a> {
    recording: &'a Recording,
    sender: Role,
    opener: Opener<TrafficSecret<Ring>>,
    /// Bytes that have arrived and are not opened.
    buffer: Vec<u8>,
    /// The body of the handshake message that is arriving.
    message: Vec<u8>,
    outcome: Outcome,
    /// The number of key changes so far, and the one that is left out.
    switches: usize,
    omitted: Option<usize>,
}

/// The contents of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outcome {
    /// The types of the handshake messages.
    messages: Vec<u8>,
    data: Vec<u8>,
    /// Records without an effect.
    nothings: usize,
    /// change_cipher_specs of TLS 1.2, which announce keys.
    change_cipher_specs: usize,
    hello_retries: usize,
    left_over: usize,
}

impl<'a> Receiver<'a> {
    fn new(recording: &'a Recording, sender: Role) -> Self {
        let receiver = match sender {
            Role::Client => End::Server,
            Role::Server => End::Client,
        };
        Self {
            recording,
            sender,
            opener: Opener::new(Config::new(receiver)),
            buffer: Vec::new(),
            message: Vec::new(),
            outcome: Outcome::default(),
            switches: 0,
            omitted: None,
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_receive(bytes) {
            panic!("{error}, after {:?}", self.outcome);
        }
    }

    fn try_receive(&mut self, bytes: &[u8]) -> Result<(), OpenError> {
        self.buffer.extend_from_slice(bytes);
        while !self.buffer.is_empty() {
            let opened = self.opener.open(&mut self.buffer)?;
            let is_whole = match opened.event {
                Event::NeedMore { .. } => break,
                Event::Handshake(piece) => {
                    let is_whole = piece.is_last();
                    self.message.extend_from_slice(&self.buffer[piece.body]);
                    is_whole.then_some(piece.header.message_type)
                }
                Event::ApplicationData(range) => {
                    self.outcome.data.extend_from_slice(&self.buffer[range]);
                    None
                }
                Event::ChangeCipherSpec => {
                    self.outcome.change_cipher_specs += 1;
                    self.install(Epoch::Handshake);
                    None
                }
                Event::KeyUpdate { .. } => {
                    self.outcome.messages.push(KEY_UPDATE);
                    None
                }
                Event::Nothing => {
                    self.outcome.nothings += 1;
                    None
                }
                Event::Closed => None,
                Event::Warning(warning) => panic!("{warning}"),
                other => unreachable!("an event that the test does not know: {other:?}"),
            };
            self.buffer.drain(..opened.consumed);
            if let Some(message_type) = is_whole {
                self.outcome.messages.push(message_type.0);
                let body = std::mem::take(&mut self.message);
                self.act(message_type, &body);
            }
        }
        Ok(())
    }

    /// Returns whether the next key change is to be made, and counts it.
    fn switches(&mut self) -> bool {
        self.switches += 1;
        self.omitted != Some(self.switches)
    }

    fn install(&mut self, epoch: Epoch) {
        if !self.switches() {
            return;
        }
        let keys = self.recording.secrets().keys(self.sender, epoch);
        self.opener.install(epoch, keys).expect("at a record's edge");
    }

    /// Does what a handshake does at a message.
    fn act(&mut self, message_type: HandshakeType, body: &[u8]) {
        let scenario = self.recording.scenario;
        match message_type {
            HandshakeType::CLIENT_HELLO => {
                let is_first = self.outcome.messages.len() == 1;
                self.opener.set_version(match scenario.agreed.version {
                    PeerVersion::Tls12 => Version::Tls12,
                    PeerVersion::Tls13 => Version::Tls13,
                });
                let will_retry = scenario.kind.retries() && is_first;
                if is_first && scenario.kind.rejects_early_data() && self.switches() {
                    self.opener.skip_early_data(will_retry).expect("it is offered");
                }
                if scenario.kind == Kind::EarlyDataAccepted {
                    self.install(Epoch::EarlyData);
                } else if scenario.is_tls13() && !will_retry {
                    self.install(Epoch::Handshake);
                }
            }
            HandshakeType::SERVER_HELLO => {
                let version = selected_version(body);
                self.opener.set_version(version);
                if is_hello_retry_request(body) {
                    self.outcome.hello_retries += 1;
                } else if version == Version::Tls13 {
                    self.install(Epoch::Handshake);
                }
            }
            HandshakeType::END_OF_EARLY_DATA => self.install(Epoch::Handshake),
            HandshakeType::FINISHED if scenario.is_tls13() => self.install(Epoch::Application),
            HandshakeType::FINISHED if self.switches() => {
                self.opener.establish().expect("keys are installed");
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Outcome {
        self.outcome.left_over = self.buffer.len();
        assert_eq!(self.opener.end(), ReadEnd::Closed { epoch: Epoch::Application });
        self.outcome
    }
}

/// Returns the version of a ServerHello: that of supported_versions, if it has the extension.
fn selected_version(server_hello: &[u8]) -> Version {
    const SUPPORTED_VERSIONS: [u8; 2] = [0, 43];
    // Version, random, session identifier, cipher suite, compression.
    let session_id_len = usize::from(server_hello[34]);
    let mut extensions = &server_hello[35 + session_id_len + 2 + 1 + 2..];
    while let [a, b, high, low, rest @ ..] = extensions {
        let (body, next) = rest.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        if [*a, *b] == SUPPORTED_VERSIONS {
            assert_eq!(body, [3, 4]);
            return Version::Tls13;
        }
        extensions = next;
    }
    assert_eq!(server_hello[..2], [3, 3]);
    Version::Tls12
}

/// RFC 9846 section 4.1.3: the random is SHA-256 of "HelloRetryRequest".
fn is_hello_retry_request(server_hello: &[u8]) -> bool {
    let random = openssl::sha::sha256(b"HelloRetryRequest");
    server_hello[2..34] == random
}

/// Opens one direction, which arrives in these pieces.
fn replay<'a>(
    recording: &Recording,
    sender: Role,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut receiver = Receiver::new(recording, sender);
    for piece in pieces {
        receiver.receive(piece);
    }
    receiver.finish()
}

fn check(recording: &Recording, sender: Role, outcome: &Outcome) {
    let Recording { scenario, .. } = recording;
    let Direction { wire, data } = recording.direction(sender);
    let mut messages = outcome.messages.clone();
    messages.dedup();
    assert_eq!(messages, scenario.messages(sender));
    assert!(outcome.data == *data, "the data that was written");
    assert_eq!(outcome.left_over, 0);

    let (is_client, retries) = (sender == Role::Client, usize::from(scenario.kind.retries()));
    assert_eq!(outcome.hello_retries, if is_client { 0 } else { retries });
    let hellos = outcome.messages.iter().filter(|&&message| message == CLIENT_HELLO).count();
    assert_eq!(hellos, if is_client { 1 + retries } else { 0 });

    let change_cipher_specs = split(wire).filter(|record| record[0] == CCS.0).count();
    if scenario.is_tls13() {
        let without = scenario.kind == Kind::NoCompatibilityMode
            && (is_client || scenario.servers == Openssl);
        assert_eq!(change_cipher_specs == 0, without, "compatibility mode is as it should be");
        let skipped = usize::from(is_client && scenario.kind.rejects_early_data());
        assert_eq!(outcome.nothings, change_cipher_specs + skipped);
    } else {
        assert_eq!((outcome.nothings, outcome.change_cipher_specs), (0, 1));
    }
}

#[test]
fn every_recording_opens_from_client_hello_to_close_notify() {
    for scenario in Scenario::all() {
        println!("{scenario:?}");
        let recording = Recording::new(scenario, 20_000);
        for sender in SENDERS {
            let wire = &recording.direction(sender).wire[..];
            check(&recording, sender, &replay(&recording, sender, [wire]));
        }
    }
}

#[test]
fn every_recording_opens_byte_by_byte() {
    for scenario in Scenario::all() {
        println!("{scenario:?}");
        let recording = Recording::new(scenario, 50);
        for sender in SENDERS {
            let wire = &recording.direction(sender).wire;
            check(&recording, sender, &replay(&recording, sender, wire.chunks(1)));
        }
    }
}

#[test]
fn a_recording_split_at_any_byte_opens_alike() {
    let suite = Suite::Chacha20Poly1305;
    let shorter = Scenario::all().filter(|scenario| {
        let Scenario { clients, servers, agreed, .. } = *scenario;
        (clients, servers, agreed.suite) == (Rustls, Rustls, suite)
    });
    for scenario in shorter {
        println!("{scenario:?}");
        let recording = Recording::new(scenario, 1);
        for sender in SENDERS {
            let wire = &recording.direction(sender).wire[..];
            let whole = replay(&recording, sender, [wire]);
            for at in 1..wire.len() {
                let (front, back) = wire.split_at(at);
                assert_eq!(replay(&recording, sender, [front, back]), whole, "split at {at}");
            }
        }
    }
}

#[test]
fn a_recording_does_not_open_without_any_one_key_change() {
    for scenario in Scenario::all() {
        let recording = Recording::new(scenario, 50);
        for sender in SENDERS {
            let mut receiver = Receiver::new(&recording, sender);
            receiver.receive(&recording.direction(sender).wire);
            for switch in 1..=receiver.switches {
                println!("{scenario:?}: {sender:?} without switch {switch}");
                let mut receiver = Receiver::new(&recording, sender);
                receiver.omitted = Some(switch);
                let error = receiver.try_receive(&recording.direction(sender).wire);
                assert!(matches!(error, Err(OpenError::Fault(_))), "{error:?}");
                assert!(receiver.outcome.data.len() < recording.direction(sender).data.len());
            }
        }
    }
}

#[test]
fn a_recording_that_ends_early_is_truncated() {
    for scenario in Scenario::all() {
        let recording = Recording::new(scenario, 50);
        for sender in SENDERS {
            let wire = &recording.direction(sender).wire;
            let mut end = 0;
            for record in split(wire) {
                let mut receiver = Receiver::new(&recording, sender);
                receiver.receive(&wire[..end]);
                let epoch = receiver.opener.epoch();
                let truncated = ReadEnd::Truncated { epoch, inside_record: false };
                assert_eq!(receiver.opener.eof(), truncated, "{scenario:?}: {sender:?}: {end}");
                end += record.len();
            }
        }
    }
}

#[test]
fn every_scenario_of_every_pair_is_recorded() {
    let count = |kind| Scenario::all().filter(|scenario| scenario.kind == kind).count();
    // Both versions, three suites, four pairs of implementations.
    assert_eq!([Kind::Full, Kind::Resumed, Kind::ClientAuthentication].map(count), [24; 3]);
    assert_eq!(count(Kind::HelloRetryRequest), 12);
    assert_eq!([Kind::NoCompatibilityMode, Kind::EarlyDataRejected].map(count), [6; 2]);
    assert_eq!([Kind::EarlyDataAccepted, Kind::EarlyDataRetried].map(count), [3; 2]);
}
