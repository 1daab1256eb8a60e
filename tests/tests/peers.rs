//! The peers with each other: the behaviour that tests of the engine rely on.

use std::sync::Arc;

use tls_record_tests::peers::{
    Negotiated, OpensslContext, OpensslPeer, Peer, PeerEnd, Role, RustlsPeer, Suite, Version, pump,
    rustls_client_config, rustls_server_config,
};

const BAD_RECORD_MAC: u8 = 20;

/// The length of a KeyUpdate's record in TLS 1.3: header, message, content type, tag.
const KEY_UPDATE_RECORD: usize = 5 + 5 + 1 + 16;

#[derive(Clone, Copy, Debug)]
enum Stack {
    Openssl,
    Rustls,
}

impl Stack {
    fn peer(self, role: Role, agreed: Negotiated) -> Box<dyn Peer> {
        let setup = agreed.setup(role);
        match self {
            Self::Openssl => Box::new(OpensslPeer::new(&setup)),
            Self::Rustls => Box::new(RustlsPeer::new(&setup)),
        }
    }
}

/// Runs a test over a new pair of client and server, for each pair of implementations, version,
/// and cipher suite.
fn for_each_pair(mut test: impl FnMut(Negotiated, &mut dyn Peer, &mut dyn Peer)) {
    for clients in [Stack::Openssl, Stack::Rustls] {
        for servers in [Stack::Openssl, Stack::Rustls] {
            for agreed in Negotiated::all() {
                println!("{clients:?} to {servers:?}: {agreed:?}");
                let mut client = clients.peer(Role::Client, agreed);
                let mut server = servers.peer(Role::Server, agreed);
                test(agreed, &mut *client, &mut *server);
            }
        }
    }
}

fn for_each_established_pair(mut test: impl FnMut(Negotiated, &mut dyn Peer, &mut dyn Peer)) {
    for_each_pair(|agreed, client, server| {
        pump(client, server);
        test(agreed, client, server);
    });
}

/// Data without a period that is a record size.
fn data(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ (i / 251) as u8 ^ seed).collect()
}

/// Sends data in both directions at once and checks that it arrives.
fn exchange(a: &mut dyn Peer, b: &mut dyn Peer, len: usize) {
    let (from_a, from_b) = (data(0x0a, len), data(0x0b, len));
    a.write(&from_a);
    b.write(&from_b);
    pump(a, b);
    assert!(b.read() == from_a, "the data of the first arrives");
    assert!(a.read() == from_b, "the data of the second arrives");
}

#[test]
fn every_pair_completes_a_handshake() {
    for_each_pair(|agreed, client, server| {
        for peer in [&*client, &*server] {
            assert!(peer.is_handshaking());
            assert_eq!(peer.negotiated(), None);
        }
        pump(client, server);
        for peer in [&*client, &*server] {
            assert!(!peer.is_handshaking());
            assert!(!peer.resumed());
            assert_eq!(peer.negotiated(), Some(agreed));
            assert_eq!(peer.end(), PeerEnd::Open);
        }
    });
}

#[test]
fn data_goes_both_ways() {
    for_each_established_pair(|_, client, server| {
        exchange(client, server, 100_000);
        exchange(client, server, 1);
    });
}

#[test]
fn data_written_before_the_handshake_arrives() {
    for_each_pair(|_, client, server| {
        client.write(b"early");
        server.write(b"ea");
        server.write(b"rly");
        client.close();
        pump(client, server);
        assert_eq!(server.read(), b"early");
        assert_eq!(client.read(), b"early");
        assert_eq!(server.end(), PeerEnd::CloseNotify);
    });
}

#[test]
fn a_wire_cut_into_single_bytes_loses_nothing() {
    fn carry(from: &mut dyn Peer, to: &mut dyn Peer) -> usize {
        let bytes = from.take_output();
        bytes.chunks(1).for_each(|byte| to.receive(byte));
        bytes.len()
    }

    for_each_pair(|_, client, server| {
        client.write(b"ping");
        server.write(b"pong");
        while carry(client, server) + carry(server, client) > 0 {}
        assert_eq!(server.read(), b"ping");
        assert_eq!(client.read(), b"pong");
    });
}

#[test]
fn writes_between_the_fragments_of_a_ticket_arrive() {
    for suite in Suite::ALL {
        let agreed = Negotiated { version: Version::Tls13, suite };
        let mut config = rustls_server_config(agreed.version, suite);
        config.max_fragment_size = Some(32); // so that the tickets take several records
        let mut server = RustlsPeer::server(Arc::new(config));
        let mut client = OpensslPeer::new(&agreed.setup(Role::Client));
        server.receive(&client.take_output());
        client.receive(&server.take_output());
        server.receive(&client.take_output());

        let tickets = server.take_output();
        for byte in &tickets {
            client.receive(&[*byte]);
            client.write(b"x");
        }
        client.close();
        pump(&mut client, &mut server);
        assert_eq!(server.read(), vec![b'x'; tickets.len()]);
        assert_eq!(server.end(), PeerEnd::CloseNotify);
    }
}

#[test]
fn a_requested_key_update_is_answered() {
    for_each_established_pair(|agreed, client, server| {
        if agreed.version != Version::Tls13 {
            return;
        }
        for _ in 0..2 {
            update_keys(client, server);
            update_keys(server, client);
            exchange(client, server, 20_000);
        }
    });
}

fn update_keys(a: &mut dyn Peer, b: &mut dyn Peer) {
    a.key_update(true);
    let request = a.take_output();
    assert_eq!(request.len(), KEY_UPDATE_RECORD);
    b.receive(&request);
    let answer = b.take_output();
    assert_eq!(answer.len(), KEY_UPDATE_RECORD, "answered without a write");
    a.receive(&answer);
    assert_eq!(a.take_output(), [], "an answer is not answered");
    exchange(a, b, 100);
}

#[test]
fn a_key_update_without_a_request_is_not_answered() {
    for suite in Suite::ALL {
        let agreed = Negotiated { version: Version::Tls13, suite };
        for other in [Stack::Openssl, Stack::Rustls] {
            let mut client = Stack::Openssl.peer(Role::Client, agreed);
            let mut server = other.peer(Role::Server, agreed);
            pump(&mut *client, &mut *server);
            client.key_update(false);
            let update = client.take_output();
            assert_eq!(update.len(), KEY_UPDATE_RECORD);
            server.receive(&update);
            assert_eq!(server.take_output(), [], "nothing was asked for");
            exchange(&mut *client, &mut *server, 100);
        }
    }
}

#[test]
fn key_updates_of_both_at_once_are_answered() {
    for_each_established_pair(|agreed, client, server| {
        if agreed.version != Version::Tls13 {
            return;
        }
        client.key_update(true);
        server.key_update(true);
        exchange(client, server, 20_000);
    });
}

#[test]
fn key_updates_in_a_row() {
    let agreed = Negotiated { version: Version::Tls13, suite: Suite::Aes256Gcm };
    for (other, answers) in [(Stack::Openssl, 3), (Stack::Rustls, 1)] {
        let mut client = Stack::Openssl.peer(Role::Client, agreed);
        let mut server = other.peer(Role::Server, agreed);
        pump(&mut *client, &mut *server);
        for _ in 0..3 {
            client.key_update(true);
        }
        server.receive(&client.take_output());
        let answer = server.take_output();
        assert_eq!(answer.len(), answers * KEY_UPDATE_RECORD);
        client.receive(&answer);
        exchange(&mut *client, &mut *server, 100);
    }
}

#[test]
#[should_panic(expected = "asks for no answer")]
fn rustls_sends_no_key_update_without_request() {
    let agreed = Negotiated { version: Version::Tls13, suite: Suite::Aes128Gcm };
    let mut client = Stack::Rustls.peer(Role::Client, agreed);
    let mut server = Stack::Rustls.peer(Role::Server, agreed);
    pump(&mut *client, &mut *server);
    client.key_update(false);
}

#[test]
fn each_side_closes_its_direction() {
    for_each_established_pair(|_, client, server| {
        client.write(b"last words");
        client.close();
        client.close();
        pump(client, server);
        assert_eq!(server.read(), b"last words");
        assert_eq!(server.end(), PeerEnd::CloseNotify);
        assert_eq!(client.end(), PeerEnd::Open);

        // The other direction is still open.
        let reply = data(0, 100_000);
        server.write(&reply);
        pump(client, server);
        assert!(client.read() == reply, "a closed peer still reads");

        server.close();
        pump(client, server);
        assert_eq!(client.end(), PeerEnd::CloseNotify);
        client.close();
        server.close();
        assert_eq!(client.take_output(), []);
        assert_eq!(server.take_output(), []);
    });
}

#[test]
fn a_key_update_is_not_answered_after_the_close() {
    for_each_established_pair(|agreed, client, server| {
        if agreed.version != Version::Tls13 {
            return;
        }
        server.close();
        pump(client, server);
        client.key_update(true);
        client.write(b"under new keys");
        pump(client, server);
        assert_eq!(server.read(), b"under new keys");
        assert_eq!(server.end(), PeerEnd::Open);
        assert_eq!(server.take_output(), []);
    });
}

#[test]
fn a_corrupted_record_is_answered_with_an_alert() {
    for_each_established_pair(|_, client, server| {
        corrupt(client, server);
    });
    for_each_established_pair(|_, client, server| {
        corrupt(server, client);
    });
}

/// Sends data from `a` to `b`, of which the last byte is changed on the way.
fn corrupt(a: &mut dyn Peer, b: &mut dyn Peer) {
    a.write(b"good");
    let mut wire = a.take_output();
    a.write(b"bad");
    wire.extend(a.take_output());
    *wire.last_mut().expect("a record was sent") ^= 1;

    b.receive(&wire);
    assert_eq!(b.read(), b"good", "what came before it is delivered");
    assert!(matches!(b.end(), PeerEnd::Failed(_)), "{:?}", b.end());
    assert!(!b.is_handshaking());

    pump(a, b);
    assert_eq!(a.end(), PeerEnd::Alert(BAD_RECORD_MAC));
    assert!(!a.is_handshaking());

    is_dead(a);
    is_dead(b);
}

/// Checks that the peer neither sends nor receives any more.
fn is_dead(peer: &mut dyn Peer) {
    peer.write(b"unheard");
    peer.receive(b"unheeded");
    peer.close();
    assert_eq!(peer.take_output(), []);
    assert_eq!(peer.read(), []);
}

#[test]
fn a_handshake_without_a_common_suite_fails() {
    const HANDSHAKE_FAILURE: u8 = 40;

    for clients in [Stack::Openssl, Stack::Rustls] {
        for servers in [Stack::Openssl, Stack::Rustls] {
            for version in Version::ALL {
                println!("{clients:?} to {servers:?}: {version:?}");
                let [ours, theirs] = [Suite::Aes128Gcm, Suite::Chacha20Poly1305]
                    .map(|suite| Negotiated { version, suite });
                let mut client = clients.peer(Role::Client, ours);
                let mut server = servers.peer(Role::Server, theirs);
                pump(&mut *client, &mut *server);
                assert_eq!(client.end(), PeerEnd::Alert(HANDSHAKE_FAILURE));
                assert!(matches!(server.end(), PeerEnd::Failed(_)));
                for peer in [client, server] {
                    assert!(peer.is_handshaking());
                    assert_eq!(peer.negotiated(), None);
                }
            }
        }
    }
}

#[test]
fn openssl_resumes_with_openssl() {
    for agreed in Negotiated::all() {
        let context = OpensslContext::new(&agreed.setup(Role::Server));
        resumes(agreed, || Box::new(context.peer()));
    }
}

#[test]
fn openssl_resumes_with_rustls() {
    for agreed in Negotiated::all() {
        let config = Arc::new(rustls_server_config(agreed.version, agreed.suite));
        resumes(agreed, || Box::new(RustlsPeer::server(config.clone())));
    }
}

/// Checks that each of several OpenSSL clients resumes the newest session of the clients before, at
/// servers of one kind. The first client does not close its connection.
fn resumes(agreed: Negotiated, new_server: impl Fn() -> Box<dyn Peer>) {
    println!("{agreed:?}");
    let setup = agreed.setup(Role::Client);
    let mut client = OpensslPeer::new(&setup);
    assert_eq!(client.session(), None);
    pump(&mut client, &mut *new_server());
    let mut session = client.session().expect("a session was given");
    drop(client);

    for _ in 0..3 {
        let mut server = new_server();
        let mut client = OpensslPeer::resume(&setup, &session);
        pump(&mut client, &mut *server);
        for peer in [&client as &dyn Peer, &*server] {
            assert!(peer.resumed());
            assert_eq!(peer.negotiated(), Some(agreed));
        }
        exchange(&mut client, &mut *server, 1_000);

        let newer = client.session();
        assert_eq!(newer.is_some(), agreed.version == Version::Tls13);
        session = newer.unwrap_or(session);
    }
}

#[test]
fn a_session_unknown_to_the_server_is_not_resumed() {
    for agreed in Negotiated::all() {
        let setup = agreed.setup(Role::Client);
        let mut client = OpensslPeer::new(&setup);
        pump(&mut client, &mut *Stack::Openssl.peer(Role::Server, agreed));
        let session = client.session().expect("a session was given");

        for servers in [Stack::Openssl, Stack::Rustls] {
            let mut server = servers.peer(Role::Server, agreed);
            let mut client = OpensslPeer::resume(&setup, &session);
            pump(&mut client, &mut *server);
            assert!(!client.resumed() && !server.resumed());
            exchange(&mut client, &mut *server, 1_000);
        }
    }
}

#[test]
fn rustls_resumes_with_rustls() {
    for Negotiated { version, suite } in Negotiated::all() {
        let client_config = Arc::new(rustls_client_config(version, suite));
        let server_config = Arc::new(rustls_server_config(version, suite));
        for resumed in [false, true] {
            let mut client = RustlsPeer::client(client_config.clone());
            let mut server = RustlsPeer::server(server_config.clone());
            pump(&mut client, &mut server);
            assert_eq!(client.resumed(), resumed);
            assert_eq!(server.resumed(), resumed);
        }
    }
}
