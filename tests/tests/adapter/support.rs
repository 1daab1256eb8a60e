//! The adapter as another peer in memory, and what the tests of this folder share.

use std::sync::Arc;

use tls_record_alloc::rustls::client::WebPkiServerVerifier;
use tls_record_alloc::rustls::{ClientConfig, HandshakeKind, RootCertStore, ServerConfig};
use tls_record_alloc::tls_record::aead::Provider;
use tls_record_alloc::tls_record::{
    self, AlertDescription, End, Event, OpenError, ReadEnd, RecordLayer, TrafficSecret,
};
use tls_record_alloc::{
    Buffer, Established, Exporter, Handshake, HandshakeError, Info, Progress, Tickets,
};
use tls_record_tests::peers::{
    Negotiated, OpensslPeer, Peer, PeerEnd, Role, RustlsPeer, SERVER_NAME, Suite, Version,
    rustls_client_config, rustls_server_config,
};

/// The implementation of the other end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stack {
    Openssl,
    Rustls,
}

impl Stack {
    pub(crate) const ALL: [Self; 2] = [Self::Openssl, Self::Rustls];

    pub(crate) fn peer(self, role: Role, agreed: Negotiated) -> Box<dyn Peer> {
        match self {
            Self::Openssl => Box::new(OpensslPeer::new(&agreed.setup(role))),
            Self::Rustls => Box::new(RustlsPeer::new(&agreed.setup(role))),
        }
    }
}

pub(crate) const fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

pub(crate) const TLS12: Negotiated =
    Negotiated { version: Version::Tls12, suite: Suite::Aes128Gcm };
pub(crate) const TLS13: Negotiated =
    Negotiated { version: Version::Tls13, suite: Suite::Aes128Gcm };

/// The length of a KeyUpdate's record in TLS 1.3: header, message, content type, tag.
pub(crate) const KEY_UPDATE_RECORD: usize = 5 + 5 + 1 + 16;

/// Returns data of a length.
pub(crate) fn message(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

/// A record that no peer can open: it fails with bad_record_mac.
pub(crate) fn forged_record() -> [u8; 35] {
    let mut record = [7; 35];
    record[..5].copy_from_slice(&[23, 3, 3, 0, 30]);
    record
}

/// Returns a handshake of the adapter that accepts one version and suite.
pub(crate) fn handshake(role: Role, agreed: Negotiated) -> Handshake {
    let Negotiated { version, suite } = agreed;
    match role {
        Role::Client => client_handshake(Arc::new(rustls_client_config(version, suite))),
        Role::Server => server_handshake(Arc::new(rustls_server_config(version, suite))),
    }
}

pub(crate) fn client_handshake(config: Arc<ClientConfig>) -> Handshake {
    Handshake::client(config, SERVER_NAME.try_into().unwrap()).unwrap()
}

pub(crate) fn server_handshake(config: Arc<ServerConfig>) -> Handshake {
    Handshake::server(config).unwrap()
}

/// Returns a client's configuration that does not trust the certificate of the peers.
pub(crate) fn distrustful_config(agreed: Negotiated) -> Arc<ClientConfig> {
    let mut config = rustls_client_config(agreed.version, agreed.suite);
    let stranger = rcgen::generate_simple_self_signed([SERVER_NAME.to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(stranger.cert.der().clone()).unwrap();
    let provider = config.crypto_provider().clone();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
    config.dangerous().set_certificate_verifier(verifier.build().unwrap());
    Arc::new(config)
}

/// Takes the unsent output of the handshake.
pub(crate) fn take_unsent(handshake: &mut Handshake) -> Vec<u8> {
    let unsent = handshake.unsent().to_vec();
    handshake.sent(unsent.len());
    unsent
}

/// One end of a connection that the adapter established, with its input cut into pieces.
pub(crate) struct Adapter<P: Provider> {
    state: State<P>,
    piece: usize,
    outgoing: Vec<u8>,
    waiting: Vec<u8>,
    data: Vec<u8>,
    closing: bool,
    pub(crate) failure: Option<HandshakeError>,
    pub(crate) fault: Option<OpenError>,
    pub(crate) warnings: Vec<AlertDescription>,
    pub(crate) tickets_stored: usize,
    /// Bytes that were left over when the handshake was complete.
    pub(crate) left_over: usize,
    /// Sequence numbers (received, sent) at the hand-over.
    pub(crate) handed_over_at: (u64, u64),
}

enum State<P: Provider> {
    Handshaking(Box<Handshake>),
    Established(Box<Connection<P>>),
    Failed,
}

pub(crate) struct Connection<P: Provider> {
    pub(crate) layer: RecordLayer<TrafficSecret<P>>,
    pub(crate) received: Buffer,
    pub(crate) tickets: Option<Tickets>,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) info: Info,
}

impl<P: Provider> Adapter<P> {
    pub(crate) fn new(role: Role, agreed: Negotiated) -> Self {
        Self::over(handshake(role, agreed))
    }

    pub(crate) fn over(handshake: Handshake) -> Self {
        let mut this = Self::with_state(State::Handshaking(Box::new(handshake)));
        this.receive_piece(&[]);
        this
    }

    /// An end whose handshake was made elsewhere.
    pub(crate) fn established(established: Established<P>) -> Self {
        let mut this = Self::with_state(State::Failed);
        this.establish(established);
        this.receive_piece(&[]);
        this
    }

    const fn with_state(state: State<P>) -> Self {
        Self {
            state,
            piece: usize::MAX,
            outgoing: Vec::new(),
            waiting: Vec::new(),
            data: Vec::new(),
            closing: false,
            failure: None,
            fault: None,
            warnings: Vec::new(),
            tickets_stored: 0,
            left_over: 0,
            handed_over_at: (0, 0),
        }
    }

    /// Makes input arrive in pieces of this many bytes.
    pub(crate) fn in_pieces_of(mut self, piece: usize) -> Self {
        self.piece = piece;
        self
    }

    pub(crate) fn connection(&mut self) -> &mut Connection<P> {
        match &mut self.state {
            State::Established(connection) => connection,
            State::Handshaking(_) => panic!("the handshake is under way"),
            State::Failed => panic!("the handshake failed: {:?}", self.failure),
        }
    }

    pub(crate) fn connection_end(&mut self) -> End {
        self.connection().layer.end()
    }

    fn receive_piece(&mut self, mut bytes: &[u8]) {
        if let State::Handshaking(handshake) = &mut self.state {
            loop {
                let taken = handshake.receive(bytes);
                bytes = &bytes[taken..];
                let progress = handshake.advance();
                self.outgoing.extend(take_unsent(handshake));
                match progress {
                    Ok(Progress::NeedInput) if bytes.is_empty() => return,
                    Ok(Progress::NeedInput) => {}
                    Ok(Progress::Complete) => break self.finish(),
                    Err(error) => {
                        assert_eq!(handshake.advance(), Err(error.clone()), "errors are latched");
                        self.failure = Some(error);
                        self.state = State::Failed;
                        return;
                    }
                }
            }
        }
        while self.fault.is_none() {
            let State::Established(connection) = &mut self.state else { return };
            let taken = connection.received.push(bytes);
            bytes = &bytes[taken..];
            self.open_all();
            if bytes.is_empty() {
                return;
            }
            assert!(taken != 0, "the engine makes progress");
        }
    }

    fn finish(&mut self) {
        let State::Handshaking(handshake) = std::mem::replace(&mut self.state, State::Failed)
        else {
            unreachable!()
        };
        self.establish(handshake.finish().unwrap());
    }

    fn establish(&mut self, established: Established<P>) {
        let Established { opener, sealer, received, unsent, tickets, exporter, info, .. } =
            established;
        assert!(unsent.is_empty(), "it was all sent");
        self.left_over = received.filled().len();
        self.handed_over_at = (opener.sequence().unwrap(), sealer.sequence().unwrap());
        let layer = RecordLayer::join(*opener, *sealer).unwrap();
        self.state =
            State::Established(Box::new(Connection { layer, received, tickets, exporter, info }));
        let waiting = std::mem::take(&mut self.waiting);
        self.write(&waiting);
        if self.closing {
            self.close();
        }
    }

    fn open_all(&mut self) {
        let State::Established(connection) = &mut self.state else { unreachable!() };
        let Connection { layer, received, tickets, .. } = &mut **connection;
        loop {
            let input = received.filled_mut();
            let opened = match layer.open(input) {
                Ok(opened) => opened,
                Err(error) => {
                    self.fault = Some(error);
                    break;
                }
            };
            let is_over = opened.event == Event::Closed;
            match opened.event {
                Event::NeedMore { .. } => break,
                Event::ApplicationData(range) => self.data.extend_from_slice(&input[range]),
                Event::Handshake(piece) => {
                    match tickets.as_mut().map(|tickets| tickets.receive(&piece, input)) {
                        Some(Ok(stored)) => self.tickets_stored += usize::from(stored),
                        Some(Err(error)) => layer.abort(error.alert).unwrap(),
                        None => {}
                    }
                }
                Event::KeyUpdate { .. } => *tickets = None,
                Event::Warning(description) => self.warnings.push(description),
                Event::Closed | Event::Nothing => {}
                other => panic!("after the handshake: {other:?}"),
            }

            received.consume(opened.consumed);
            if is_over {
                break;
            }
        }
        self.send_control();
    }

    pub(crate) fn send_control(&mut self) {
        let State::Established(connection) = &mut self.state else { unreachable!() };
        let mut record = [0; 64];
        while connection.layer.has_control() {
            let len = connection.layer.poll_control(&mut record).unwrap();
            self.outgoing.extend_from_slice(&record[..len]);
        }
    }

    /// Seals any handshake message.
    pub(crate) fn write_handshake(&mut self, message: &[u8]) {
        let mut record = vec![0; message.len() + 1000];
        let len = self.connection().layer.seal_handshake(&[message], &mut record).unwrap();
        self.outgoing.extend_from_slice(&record[..len]);
    }
}

impl<P: Provider> Peer for Adapter<P> {
    fn receive(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.piece) {
            self.receive_piece(piece);
        }
    }

    fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    fn is_handshaking(&self) -> bool {
        !matches!(self.state, State::Established(_))
    }

    fn write(&mut self, mut data: &[u8]) {
        let State::Established(connection) = &mut self.state else {
            self.waiting.extend_from_slice(data);
            return;
        };
        let mut records = [0; 20_000];
        while !data.is_empty() {
            let sealed = connection.layer.seal(&[data], &mut records).unwrap();
            self.outgoing.extend_from_slice(&records[..sealed.written]);
            data = &data[sealed.taken..];
        }
    }

    fn read(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.data)
    }

    fn close(&mut self) {
        self.closing = true;
        if let State::Established(connection) = &mut self.state {
            // A TLS 1.2 connection may have sent its reply already.
            let _ = connection.layer.close();
            self.send_control();
        }
    }

    fn key_update(&mut self, request: bool) {
        self.connection().layer.update_keys(request).unwrap();
        self.send_control();
    }

    fn end(&self) -> PeerEnd {
        let State::Established(connection) = &self.state else { return PeerEnd::Open };
        match connection.layer.end().read {
            ReadEnd::Open => PeerEnd::Open,
            ReadEnd::Closed { .. } => PeerEnd::CloseNotify,
            ReadEnd::PeerAlert(description) => PeerEnd::Alert(description.0),
            end => PeerEnd::Failed(format!("{end:?}")),
        }
    }

    fn resumed(&self) -> bool {
        let State::Established(connection) = &self.state else { return false };
        connection.info.kind == HandshakeKind::Resumed
    }

    fn negotiated(&self) -> Option<Negotiated> {
        let State::Established(connection) = &self.state else { return None };
        let version = match connection.info.version {
            tls_record::Version::Tls12 => Version::Tls12,
            tls_record::Version::Tls13 => Version::Tls13,
        };
        let suite = Suite::ALL
            .into_iter()
            .find(|suite| suite.code_point(version) == u16::from(connection.info.suite))?;
        Some(Negotiated { version, suite })
    }
}
