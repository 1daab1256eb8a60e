//! Session resumption.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use crate::support::{Adapter, TLS13, client_handshake, forged_record, server_handshake};
use tls_record_alloc::Stream;
use tls_record_alloc::rustls::client::{ClientSessionMemoryCache, Resumption};
use tls_record_alloc::rustls::{ClientConfig, HandshakeKind, ServerConfig};
use tls_record_alloc::tls_record::aead::{Provider, ring::Ring, rustcrypto::RustCrypto};
use tls_record_alloc::tls_record::{AlertDescription, CloseError};
use tls_record_tests::peers::{
    Negotiated, OpensslContext, OpensslPeer, Peer, PeerEnd, Role, RustlsPeer, SERVER_NAME, Suite,
    Version, identity, pump, rustls_client_config, rustls_server_config,
};

fn exchange(a: &mut dyn Peer, b: &mut dyn Peer) {
    a.write(b"one way");
    b.write(b"the other");
    pump(a, b);
    assert_eq!(b.read(), b"one way");
    assert_eq!(a.read(), b"the other");
}

/// Makes two connections with one client configuration; the second must resume the first.
fn our_client_resumes<P: Provider>(agreed: Negotiated, new_server: impl Fn() -> Box<dyn Peer>) {
    let config = Arc::new(rustls_client_config(agreed.version, agreed.suite));
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
        let mut ours = Adapter::<P>::over(client_handshake(config.clone())).in_pieces_of(11);
        let mut server = new_server();
        pump(&mut ours, &mut *server);
        exchange(&mut ours, &mut *server);
        let resumed = kind == HandshakeKind::Resumed;
        assert_eq!((ours.resumed(), server.resumed()), (resumed, resumed), "{agreed:?}");
        assert_eq!(ours.tickets_stored != 0, agreed.version == Version::Tls13);
        let info = &ours.connection().info;
        assert_eq!(info.peer_certificates, [identity().certificate.clone()]);
        assert_eq!(info.group.is_some(), !resumed || agreed.version == Version::Tls13);
    }
}

#[test]
fn our_client_resumes_at_an_openssl_server() {
    for agreed in Negotiated::all() {
        let context = OpensslContext::new(&agreed.setup(Role::Server));
        our_client_resumes::<Ring>(agreed, || Box::new(context.peer()));
        our_client_resumes::<RustCrypto>(agreed, || Box::new(context.peer()));
    }
}

#[test]
fn our_client_resumes_at_a_rustls_server() {
    for agreed in Negotiated::all() {
        let config = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        our_client_resumes::<Ring>(agreed, || Box::new(RustlsPeer::server(config.clone())));
    }
}

#[test]
fn our_client_resumes_with_tickets_in_many_records() {
    for agreed in Negotiated::all() {
        let mut config = rustls_server_config(agreed.version, agreed.suite);
        config.max_fragment_size = Some(37);
        let config = Arc::new(config);
        our_client_resumes::<Ring>(agreed, || Box::new(RustlsPeer::server(config.clone())));
    }
}

#[test]
fn our_client_resumes_at_our_server() {
    for agreed in Negotiated::all() {
        let config = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        our_client_resumes::<Ring>(agreed, || {
            Box::new(Adapter::<RustCrypto>::over(server_handshake(config.clone())))
        });
    }
}

#[test]
fn an_openssl_client_resumes_at_our_server() {
    for agreed in Negotiated::all() {
        let config = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        let setup = agreed.setup(Role::Client);
        let mut session = None;
        for round in 0..3 {
            let mut ours = Adapter::<Ring>::over(server_handshake(config.clone()));
            let mut client = match &session {
                None => OpensslPeer::new(&setup),
                Some(session) => OpensslPeer::resume(&setup, session),
            };
            client.write(b"impatient");
            pump(&mut ours, &mut client);
            assert_eq!((ours.resumed(), client.resumed()), (round != 0, round != 0), "{agreed:?}");
            // In TLS 1.2 a client that resumes sends the last Finished, followed by data.
            assert_eq!(ours.left_over != 0, round != 0 || agreed.version == Version::Tls13);
            assert_eq!(ours.read(), b"impatient");
            exchange(&mut ours, &mut client);
            assert!(ours.connection().info.server_name.is_some());
            session = client.session().or(session);
        }
    }
}

#[test]
fn a_rustls_client_resumes_at_our_server() {
    for agreed in Negotiated::all() {
        let server = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        let client = Arc::new(rustls_client_config(agreed.version, agreed.suite));
        for round in 0..3 {
            let mut ours = Adapter::<Ring>::over(server_handshake(server.clone()));
            let mut peer = RustlsPeer::client(client.clone());
            pump(&mut ours, &mut peer);
            exchange(&mut ours, &mut peer);
            assert_eq!((ours.resumed(), peer.resumed()), (round != 0, round != 0), "{agreed:?}");
        }
    }
}

// Malformed tickets

/// A NewSessionTicket with these extensions.
fn new_session_ticket(ticket: &[u8], extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 1, 0, 9, 9, 9, 9, 1, 7];
    for vector in [ticket, extensions] {
        body.extend(u16::try_from(vector.len()).unwrap().to_be_bytes());
        body.extend(vector);
    }
    let mut message = vec![4, 0, 0, u8::try_from(body.len()).unwrap()];
    message.extend(body);
    message
}

/// Tickets and the alerts that answer them; the first one is well-formed.
fn tickets() -> Vec<(Vec<u8>, Option<AlertDescription>)> {
    let decode_error = Some(AlertDescription::DECODE_ERROR);
    let illegal_parameter = Some(AlertDescription::ILLEGAL_PARAMETER);
    let early_data = [0, 42, 0, 4, 0, 0, 0, 9];
    let unknown = [0xaa, 0xbb, 0, 1, 5];
    let mut trailing = new_session_ticket(b"ticket", &[]);
    trailing[3] += 1;
    trailing.push(0);
    vec![
        (new_session_ticket(b"ticket", &[early_data.as_slice(), &unknown].concat()), None),
        (new_session_ticket(b"ticket", &early_data.repeat(2)), illegal_parameter),
        (new_session_ticket(b"ticket", &unknown.repeat(2)), illegal_parameter),
        (new_session_ticket(b"ticket", &[0, 42, 0, 1, 9]), decode_error),
        (new_session_ticket(b"", &[]), decode_error),
        (vec![4, 0, 0, 3, 1, 2, 3], decode_error),
        (vec![4, 0, 0, 0], decode_error),
        (trailing, decode_error),
    ]
}

#[test]
fn a_malformed_ticket_is_answered_with_the_alert_of_rustls() {
    for (message, alert) in tickets() {
        let mut client = Adapter::<Ring>::new(Role::Client, TLS13);
        let mut server = Adapter::<Ring>::new(Role::Server, TLS13);
        pump(&mut client, &mut server);
        let stored = client.tickets_stored;
        server.write_handshake(&message);
        pump(&mut client, &mut server);
        let end = alert.map_or(PeerEnd::Open, |alert| PeerEnd::Alert(alert.0));
        assert_eq!(server.end(), end, "{message:?}");
        assert_eq!(client.tickets_stored - stored, usize::from(alert.is_none()));
    }
}

#[test]
fn a_stream_answers_a_malformed_ticket_with_the_alert_of_rustls() {
    for (message, alert) in tickets() {
        let wire = Wire::to(Adapter::<Ring>::new(Role::Server, TLS13));
        let config = Arc::new(rustls_client_config(TLS13.version, TLS13.suite));
        let name = SERVER_NAME.try_into().unwrap();
        let mut tls = Stream::<_, Ring>::connect(config, name, wire).unwrap();
        tls.transport_mut().peer.write_handshake(&message);
        assert!(tls.read(&mut [0]).is_err());
        let end = alert.map_or(PeerEnd::Open, |alert| PeerEnd::Alert(alert.0));
        assert_eq!(tls.transport().peer.end(), end, "{message:?}");
    }
}

// Connections that fail

/// The end of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    CloseNotify,
    Truncation,
    AlertOfThePeer,
    OwnAlert,
    Abort,
}

const ENDINGS: [Ending; 5] = [
    Ending::CloseNotify,
    Ending::Truncation,
    Ending::AlertOfThePeer,
    Ending::OwnAlert,
    Ending::Abort,
];

impl Ending {
    fn is_fatal_alert(self) -> bool {
        matches!(self, Self::AlertOfThePeer | Self::OwnAlert | Self::Abort)
    }
}

/// Delivers the records in flight, such as tickets, to both ends, and ends the connection.
fn end(mut tls: Stream<Wire<RustlsPeer>, Ring>, ending: Ending) {
    let error = tls.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    match ending {
        Ending::CloseNotify => tls.transport_mut().peer.close(),
        Ending::Truncation => tls.transport_mut().ends = true,
        Ending::AlertOfThePeer => tls.transport_mut().peer.receive(&forged_record()),
        Ending::OwnAlert => tls.transport_mut().incoming.extend(forged_record()),
        // The connection is not read any more.
        Ending::Abort => return tls.abort(AlertDescription::INTERNAL_ERROR).unwrap(),
    }
    for _ in 0..2 {
        let kind = tls.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(
            kind,
            match ending {
                Ending::CloseNotify => Ok(0),
                Ending::Truncation => Err(ErrorKind::UnexpectedEof),
                Ending::AlertOfThePeer => Err(ErrorKind::ConnectionAborted),
                Ending::OwnAlert => Err(ErrorKind::InvalidData),
                Ending::Abort => unreachable!(),
            }
        );
    }
}

/// Returns a client with this configuration and session store, connected to a server.
fn connect(
    client: &Arc<ClientConfig>,
    store: &Arc<ClientSessionMemoryCache>,
    server: &Arc<ServerConfig>,
) -> Stream<Wire<RustlsPeer>, Ring> {
    let mut handshake = client_handshake(client.clone());
    handshake.session_store(store.clone());
    let mut wire = Wire::to(RustlsPeer::server(server.clone()));
    handshake.complete(&mut wire).unwrap();
    Stream::new(handshake.finish().unwrap(), wire)
}

#[test]
fn a_client_forgets_a_session_that_ended_in_a_fatal_alert() {
    for agreed in Negotiated::all() {
        for ending in ENDINGS {
            let server = Arc::new(rustls_server_config(agreed.version, agreed.suite));
            let store = Arc::new(ClientSessionMemoryCache::new(8));
            let mut client = rustls_client_config(agreed.version, agreed.suite);
            client.resumption = Resumption::store(store.clone());
            let client = Arc::new(client);
            end(connect(&client, &store, &server), ending);
            let next = connect(&client, &store, &server);
            assert_eq!(next.transport().peer.resumed(), !ending.is_fatal_alert(), "{ending:?}");
        }
    }
}

/// Returns whether a client resumes its session after `fail`, which gets a connection with tickets.
fn resumes_after(agreed: Negotiated, fail: impl FnOnce(Stream<Wire<RustlsPeer>, Ring>)) -> bool {
    let server = Arc::new(rustls_server_config(agreed.version, agreed.suite));
    let store = Arc::new(ClientSessionMemoryCache::new(8));
    let mut client = rustls_client_config(agreed.version, agreed.suite);
    client.resumption = Resumption::store(store.clone());
    let client = Arc::new(client);
    let mut tls = connect(&client, &store, &server);
    assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    fail(tls);
    connect(&client, &store, &server).transport().peer.resumed()
}

#[test]
fn an_abort_of_the_writing_half_forgets_the_session_at_once() {
    const ALERT: AlertDescription = AlertDescription::INTERNAL_ERROR;
    for agreed in Negotiated::all() {
        assert!(resumes_after(agreed, |_| {}));
        assert!(!resumes_after(agreed, |tls| {
            let (_read, mut write) = tls.into_split(|wire| ((), wire));
            write.abort(ALERT).unwrap();
        }));
        assert!(!resumes_after(agreed, |tls| {
            let (_read, mut write) = tls.into_split(|wire| ((), wire));
            write.close().unwrap();
            assert_eq!(write.abort(ALERT), Err(CloseError::AlreadyClosed));
        }));
        assert!(resumes_after(agreed, |tls| {
            let (_read, mut write) = tls.into_split(|wire| ((), wire));
            let aborted = write.abort(AlertDescription::CLOSE_NOTIFY);
            assert_eq!(aborted, Err(CloseError::NotAnErrorAlert));
        }));
        // Also after it was split and joined before.
        assert!(!resumes_after(agreed, |tls| {
            let (read, write) = tls.into_split(|wire| ((), wire));
            let tls = Stream::join(read, write, |(), wire| wire).unwrap();
            let (_read, mut write) = tls.into_split(|wire| ((), wire));
            write.abort(ALERT).unwrap();
        }));
        assert!(!resumes_after(agreed, |tls| {
            let (read, write) = tls.into_split(|wire| ((), wire));
            let mut tls = Stream::join(read, write, |(), wire| wire).unwrap();
            tls.abort(ALERT).unwrap();
        }));
    }
}

#[test]
fn a_fault_that_the_reading_half_finds_forgets_the_session_at_once() {
    for agreed in Negotiated::all() {
        assert!(!resumes_after(agreed, |mut tls| {
            tls.transport_mut().incoming.extend(forged_record());
            let (mut read, _write) = tls.into_split(|wire| (wire, ()));
            assert_eq!(read.read(&mut [0]).unwrap_err().kind(), ErrorKind::InvalidData);
        }));
    }
}

#[test]
fn an_abort_after_a_close_forgets_the_session_unless_both_directions_have_closed() {
    let abort = |mut tls: Stream<Wire<RustlsPeer>, Ring>| {
        let aborted = tls.abort(AlertDescription::INTERNAL_ERROR);
        assert_eq!(aborted, Err(CloseError::AlreadyClosed), "no alert can follow the close_notify");
    };
    for agreed in Negotiated::all() {
        assert!(!resumes_after(agreed, |mut tls| {
            tls.close().unwrap();
            abort(tls);
        }));
        assert!(resumes_after(agreed, |mut tls| {
            tls.transport_mut().peer.close();
            assert_eq!(tls.read(&mut [0]).unwrap(), 0);
            tls.close().unwrap();
            abort(tls);
        }));
    }
}

#[test]
fn an_alert_that_is_no_error_ends_nothing_and_keeps_the_session() {
    for agreed in Negotiated::all() {
        assert!(resumes_after(agreed, |mut tls| {
            let aborted = tls.abort(AlertDescription::CLOSE_NOTIFY);
            assert_eq!(aborted, Err(CloseError::NotAnErrorAlert));
        }));
    }
}

#[test]
fn a_client_keeps_a_later_session_of_the_same_server() {
    for agreed in Negotiated::all() {
        let server = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        let store = Arc::new(ClientSessionMemoryCache::new(8));
        let mut client = rustls_client_config(agreed.version, agreed.suite);
        client.resumption = Resumption::store(store.clone());
        let client = Arc::new(client);
        let mut failed = connect(&client, &store, &server);
        failed.transport_mut().peer.receive(&[23, 3, 3, 0, 1, 0]);
        assert_eq!(failed.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionAborted);
        end(connect(&client, &store, &server), Ending::CloseNotify);
        assert!(failed.read(&mut [0]).is_err(), "once more");
        assert!(connect(&client, &store, &server).transport().peer.resumed());
    }
}

#[test]
fn a_server_forgets_a_session_that_ended_in_a_fatal_alert() {
    for agreed in Negotiated::all() {
        for ending in ENDINGS {
            let server = Arc::new(rustls_server_config(agreed.version, agreed.suite));
            let [client, other] =
                [(); 2].map(|()| Arc::new(rustls_client_config(agreed.version, agreed.suite)));
            let accept = |client: &Arc<ClientConfig>| {
                let wire = Wire::to(RustlsPeer::client(client.clone()));
                Stream::<_, Ring>::accept(server.clone(), wire).unwrap()
            };
            end(accept(&other), Ending::CloseNotify);
            end(accept(&client), ending);
            assert_eq!(
                accept(&client).info().kind == HandshakeKind::Resumed,
                !ending.is_fatal_alert()
            );
            assert_eq!(accept(&other).info().kind, HandshakeKind::Resumed, "a session of its own");
        }
    }
}

#[test]
fn a_server_forgets_a_tls12_session_that_fails_when_it_is_resumed() {
    let server = Arc::new(rustls_server_config(Version::Tls12, Suite::Aes128Gcm));
    let client = Arc::new(rustls_client_config(Version::Tls12, Suite::Aes128Gcm));
    let mut kinds = Vec::new();
    for ending in [Ending::CloseNotify, Ending::OwnAlert, Ending::CloseNotify] {
        let wire = Wire::to(RustlsPeer::client(client.clone()));
        let tls = Stream::<_, Ring>::accept(server.clone(), wire).unwrap();
        kinds.push(tls.info().kind);
        end(tls, ending);
    }
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Full]);
}

/// A transport with a peer at its other end, which would block when the peer has sent nothing.
struct Wire<Q> {
    peer: Q,
    incoming: VecDeque<u8>,
    /// Whether the transport ends then.
    ends: bool,
}

impl<Q: Peer> Wire<Q> {
    fn to(peer: Q) -> Self {
        Self { peer, incoming: VecDeque::new(), ends: false }
    }
}

impl<Q: Peer> Read for Wire<Q> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.incoming.extend(self.peer.take_output());
        if self.incoming.is_empty() && !self.ends {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.incoming.read(buffer)
    }
}

impl<Q: Peer> Write for Wire<Q> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.peer.receive(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
