//! Connections of other TLS libraries than rustls's unbuffered one, taken over by their records and secrets.

mod cost;
mod failing;
mod odd;
mod rustls_library;
mod streams;

use std::cell::RefCell;
use std::sync::Arc;

use crate::support::{Adapter, ROLES, Stack, TLS13, message, other};
use rustls_library::Rustls;
use tls_record_alloc::rustls::{ClientConfig, HandshakeKind, ServerConfig};
use tls_record_alloc::takeover::{Library, Openssl, Secrets, Takeover};
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{self, HEADER_LEN, Header};
use tls_record_alloc::{HandshakeError, Info, Progress};
use tls_record_tests::peers::{
    Extras, Group, Negotiated, OpensslContext, OpensslSession, Peer, PeerEnd, Role, RustlsPeer,
    SERVER_NAME, Suite, Version, identity, pump, rustls_client_config, rustls_client_config_with,
    rustls_server_config, rustls_server_config_with,
};

/// Lengths of the pieces in which input arrives.
const PIECES: [usize; 5] = [1, 7, 100, 1000, usize::MAX];

/// What the connections of one side and one implementation have in common.
struct Side {
    openssl: OpensslContext,
    session: RefCell<Option<OpensslSession>>,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Side {
    fn new(role: Role, agreed: Negotiated) -> Self {
        let Negotiated { version, suite } = agreed;
        Self {
            openssl: OpensslContext::new(&agreed.setup(role)),
            session: RefCell::default(),
            client: Arc::new(rustls_client_config(version, suite)),
            server: Arc::new(rustls_server_config(version, suite)),
        }
    }

    fn openssl(&self, role: Role) -> Openssl {
        match (role, &*self.session.borrow()) {
            (Role::Client, Some(session)) => Openssl::client(self.openssl.resuming_ssl(session)),
            (Role::Client, None) => Openssl::client(self.openssl.ssl()),
            (Role::Server, _) => Openssl::server(self.openssl.ssl()),
        }
        .unwrap()
    }

    fn rustls(&self, role: Role) -> Rustls {
        match role {
            Role::Client => Rustls::client(&self.client),
            Role::Server => Rustls::server(&self.server),
        }
    }

    fn peer(&self, stack: Stack, role: Role) -> Box<dyn Peer> {
        match (stack, role, &*self.session.borrow()) {
            (Stack::Openssl, Role::Client, Some(session)) => Box::new(self.openssl.resume(session)),
            (Stack::Openssl, ..) => Box::new(self.openssl.peer()),
            (Stack::Rustls, Role::Client, _) => Box::new(RustlsPeer::client(self.client.clone())),
            (Stack::Rustls, Role::Server, _) => Box::new(RustlsPeer::server(self.server.clone())),
        }
    }

    /// Makes a connection between peers, whose client gets sessions to resume.
    fn get_session(&self, stack: Stack, server: &mut dyn Peer) {
        let mut exchange = |client: &mut dyn Peer| {
            pump(client, server);
            client.write(b"a ticket, please");
            pump(client, server);
        };
        match stack {
            Stack::Rustls => exchange(&mut RustlsPeer::client(self.client.clone())),
            Stack::Openssl => {
                let mut client = self.openssl.peer();
                exchange(&mut client);
                *self.session.borrow_mut() = client.session();
                assert!(self.session.borrow().is_some());
            }
        }
    }
}

/// Asserts that the library is shown whole records, one at a time.
struct Watched<L>(L);

impl<L: Library> Library for Watched<L> {
    type Error = L::Error;

    fn role(&self) -> tls_record::Role {
        self.0.role()
    }

    fn advance(&mut self, record: &[u8], sent: &mut Vec<u8>) -> Result<Progress, L::Error> {
        if let Some(header) = record.first_chunk() {
            let length = usize::from(Header::decode(*header).length);
            assert_eq!(record.len(), HEADER_LEN + length, "it is one record");
        }
        self.0.advance(record, sent)
    }

    fn take_secrets(&mut self) -> Secrets {
        self.0.take_secrets()
    }

    fn describe(&self, info: &mut Info) {
        self.0.describe(info);
    }
}

/// A handshake with a peer in memory.
struct Run<L: Library> {
    takeover: Takeover<L, Ring>,
    /// Bytes of the peer that were not received yet.
    wire: Vec<u8>,
    piece: usize,
}

impl<L: Library> Run<L> {
    fn new(library: L, piece: usize) -> Self {
        Self { takeover: Takeover::new(library), wire: Vec::new(), piece }
    }

    /// Runs the handshake to its end.
    fn run(&mut self, peer: &mut dyn Peer) -> Result<(), HandshakeError> {
        for _ in 0..100_000 {
            let progress = self.takeover.advance();
            let unsent = self.takeover.unsent().to_vec();
            self.takeover.sent(unsent.len());
            peer.receive(&unsent);
            self.wire.extend(peer.take_output());
            if progress? == Progress::Complete {
                return Ok(());
            }
            let piece = self.piece.min(self.wire.len());
            let taken = self.takeover.receive(&self.wire[..piece]);
            self.wire.drain(..taken);
        }
        panic!("the handshake does not end");
    }

    /// Returns the connection after its handshake, with what the peer has sent by then.
    fn finish(self) -> Adapter<Ring> {
        let mut established = self.takeover.finish().unwrap();
        let taken = established.received.push(&self.wire);
        let mut adapter = Adapter::established(established);
        adapter.receive(&self.wire[taken..]);
        adapter
    }
}

/// Data both ways, KeyUpdates, and the end.
fn live(ours: &mut Adapter<Ring>, peer: &mut dyn Peer, version: Version) {
    let exchange = |ours: &mut Adapter<Ring>, peer: &mut dyn Peer| {
        let data = message(20_000);
        ours.write(&data[..300]);
        peer.write(&data);
        pump(ours, peer);
        assert_eq!(peer.read(), data[..300]);
        assert!(ours.read() == data);
    };
    exchange(ours, peer);
    if version == Version::Tls13 {
        ours.key_update(true);
        pump(ours, peer);
        peer.key_update(true);
        exchange(ours, peer);
    }
    ours.close();
    pump(ours, peer);
    assert_eq!(peer.end(), PeerEnd::CloseNotify);
    peer.close();
    pump(ours, peer);
    assert!(ours.connection_end().is_clean());
}

/// Every library and role, with the other library as the peer.
fn for_each(test: impl Fn(&Setting)) {
    for stack in Stack::ALL {
        for role in ROLES {
            for agreed in Negotiated::all() {
                println!("{role:?} by {stack:?}: {agreed:?}");
                test(&Setting::new(stack, role, agreed));
            }
        }
    }
}

/// A library in a role, and the other as its peer.
struct Setting {
    stack: Stack,
    role: Role,
    agreed: Negotiated,
    own: Side,
    peers: Side,
}

impl Setting {
    fn new(stack: Stack, role: Role, agreed: Negotiated) -> Self {
        let (own, peers) = (Side::new(role, agreed), Side::new(other(role), agreed));
        Self { stack, role, agreed, own, peers }
    }

    const fn peers_stack(&self) -> Stack {
        match self.stack {
            Stack::Openssl => Stack::Rustls,
            Stack::Rustls => Stack::Openssl,
        }
    }

    fn peer(&self) -> Box<dyn Peer> {
        self.peers.peer(self.peers_stack(), other(self.role))
    }

    /// Makes the next connection resume a session.
    fn get_session(&self) {
        match self.role {
            Role::Client => self.own.get_session(self.stack, &mut *self.peer()),
            Role::Server => {
                let mut server = self.own.peer(self.stack, Role::Server);
                self.peers.get_session(self.peers_stack(), &mut *server);
            }
        }
    }

    /// Takes a connection over. Its input arrives in pieces of `piece` bytes.
    fn take_over(&self, piece: usize, peer: &mut dyn Peer) -> Adapter<Ring> {
        fn run<L: Library>(library: L, piece: usize, peer: &mut dyn Peer) -> Adapter<Ring> {
            let mut run = Run::new(Watched(library), piece);
            run.run(peer).unwrap();
            run.finish()
        }
        match self.stack {
            Stack::Openssl => run(self.own.openssl(self.role), piece, peer),
            Stack::Rustls => run(self.own.rustls(self.role), piece, peer),
        }
    }
}

#[test]
fn full_and_resumed_handshakes_are_taken_over_however_they_are_cut() {
    for piece in PIECES {
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            for_each(|setting| {
                if kind == HandshakeKind::Resumed {
                    setting.get_session();
                }
                let mut peer = setting.peer();
                let mut ours = setting.take_over(piece, &mut *peer);
                assert_eq!(ours.connection().info.kind, kind);
                assert_eq!(peer.resumed(), kind == HandshakeKind::Resumed);
                assert_eq!(ours.negotiated(), Some(setting.agreed));
                live(&mut ours, &mut *peer, setting.agreed.version);
            });
        }
    }
}

#[test]
fn the_library_sees_no_record_behind_the_peers_finished() {
    for_each(|setting| {
        let mut peer = setting.peer();
        // It leaves as soon as it can, behind the Finished of the peer if that is the last.
        peer.write(b"at once");
        peer.close();
        let mut ours = setting.take_over(usize::MAX, &mut *peer);
        let is_last = (setting.role == Role::Server) == (setting.agreed.version == Version::Tls13);
        assert!(ours.left_over != 0 || !is_last);
        pump(&mut ours, &mut *peer);
        assert_eq!(ours.read(), b"at once");
        assert_eq!(ours.end(), PeerEnd::CloseNotify);
    });
}

#[test]
fn data_that_the_library_has_written_is_followed() {
    for role in ROLES {
        for agreed in Negotiated::all() {
            println!("{role:?}: {agreed:?}");
            let setting = Setting::new(Stack::Rustls, role, agreed);
            let mut library = setting.own.rustls(role);
            library.write(b"the library's words, ");
            let mut peer = setting.peer();
            let mut run = Run::new(library, usize::MAX);
            run.run(&mut *peer).unwrap();
            let mut ours = run.finish();
            ours.write(b"and ours");
            pump(&mut ours, &mut *peer);
            assert_eq!(peer.read(), b"the library's words, and ours");
            live(&mut ours, &mut *peer, agreed.version);
        }
    }
}

#[test]
fn openssl_describes_the_connection() {
    for agreed in Negotiated::all() {
        let setting = Setting::new(Stack::Openssl, Role::Client, agreed);
        let mut peer = setting.peer();
        let mut client = setting.take_over(usize::MAX, &mut *peer);
        let info = &client.connection().info;
        assert_eq!(info.peer_certificates, [identity().certificate.clone()]);
        assert_eq!(info.server_name, Some(SERVER_NAME.try_into().unwrap()));

        setting.get_session();
        let mut peer = setting.peer();
        let info = &setting.take_over(usize::MAX, &mut *peer).connection().info.clone();
        assert_eq!(info.kind, HandshakeKind::Resumed);
        assert_eq!(info.peer_certificates, [identity().certificate.clone()]);

        let extras = Extras { client_auth: true, ..Extras::default() };
        let context = OpensslContext::with(&agreed.setup(Role::Server), &extras);
        let config = rustls_client_config_with(agreed.version, agreed.suite, &extras);
        let mut peer = RustlsPeer::client(Arc::new(config));
        let mut run = Run::new(Openssl::server(context.ssl()).unwrap(), usize::MAX);
        run.run(&mut peer).unwrap();
        let info = &run.finish().connection().info.clone();
        assert_eq!(info.peer_certificates, [identity().certificate.clone()]);
        assert_eq!(info.server_name, Some(SERVER_NAME.try_into().unwrap()));
    }
}

#[test]
fn a_hello_retry_request_is_told() {
    for role in ROLES {
        let extras = |role| Extras {
            groups: match role {
                Role::Client => vec![Group::X25519, Group::P256],
                Role::Server => vec![Group::P256],
            },
            ..Extras::default()
        };
        let context = |role| OpensslContext::with(&TLS13.setup(role), &extras(role));
        let mut peer = context(other(role)).peer();
        let ssl = context(role).ssl();
        let library = match role {
            Role::Client => Openssl::client(ssl),
            Role::Server => Openssl::server(ssl),
        };
        let mut run = Run::new(library.unwrap(), 100);
        run.run(&mut peer).unwrap();
        let mut ours = run.finish();
        assert_eq!(ours.connection().info.kind, HandshakeKind::FullWithHelloRetryRequest);
        live(&mut ours, &mut peer, Version::Tls13);
    }
}

#[test]
fn early_data_that_the_server_rejects_is_dropped() {
    for suite in Suite::ALL {
        let agreed = Negotiated { version: Version::Tls13, suite };
        let extras = Extras { early_data: 16_384, ..Extras::default() };
        let server = OpensslContext::with(&agreed.setup(Role::Server), &extras);
        let config = Arc::new(rustls_client_config_with(Version::Tls13, suite, &extras));
        let (mut first, mut peer) = (RustlsPeer::client(config.clone()), server.peer());
        pump(&mut first, &mut peer);

        let mut peer = RustlsPeer::client(config);
        peer.write_early(&[b'e'; 9_000]);
        let mut run = Run::new(Watched(Openssl::server(server.ssl()).unwrap()), 1000);
        run.run(&mut peer).unwrap();
        let mut ours = run.finish();
        assert_eq!(ours.connection().info.kind, HandshakeKind::Resumed);
        live(&mut ours, &mut peer, Version::Tls13);
    }
}
