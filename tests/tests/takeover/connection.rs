//! What connections do that were taken over.

use std::sync::Arc;

use tls_record_tests::records::CCS;

use super::*;

/// The engine in the place of the library.
struct Engine<'a, P: Provider> {
    layer: RecordLayer<TrafficSecret<P>>,
    peer: &'a mut dyn Peer,
    received: Vec<u8>,
    data: Vec<u8>,
    is_closed: bool,
}

impl<P: Provider> Engine<'_, P> {
    /// Carries what is due both ways.
    fn pump(&mut self) {
        for _ in 0..10 {
            self.received.extend(self.peer.take_output());
            let mut at = 0;
            while !self.is_closed {
                let Opened { consumed, event } = self.layer.open(&mut self.received[at..]).unwrap();
                match event {
                    Event::NeedMore { .. } => break,
                    Event::ApplicationData(range) => {
                        self.data.extend_from_slice(&self.received[at..][range]);
                    }
                    Event::Closed => self.is_closed = true,
                    _ => {}
                }
                at += consumed;
            }
            self.received.drain(..at);
            while self.layer.has_control() {
                let mut record = [0; 64];
                let len = self.layer.poll_control(&mut record).unwrap();
                self.peer.receive(&record[..len]);
            }
        }
    }

    fn send(&mut self, data: &[u8]) {
        let mut wire = vec![0; data.len() + 256];
        let sealed = self.layer.seal(&[data], &mut wire).unwrap();
        assert_eq!(sealed.taken, data.len());
        self.peer.receive(&wire[..sealed.written]);
    }
}

/// Takes the connection over and lets it live: data both ways, KeyUpdates, and the end.
fn live<P: Provider>(mut takeover: Takeover, agreed: Negotiated) {
    let layer = takeover.finish::<P>();
    drop(takeover.library);
    let peer = &mut *takeover.peer;
    let received = takeover.received;
    let mut engine = Engine { layer, peer, received, data: Vec::new(), is_closed: false };

    let data: Vec<u8> = (0..20_000).map(|i| (i % 251) as u8).collect();
    engine.send(&data[..300]);
    engine.peer.write(&data);
    engine.pump();
    assert_eq!(engine.peer.read(), data[..300]);
    assert!(engine.data == data);

    if agreed.version == Version::Tls13 {
        engine.layer.update_keys(true).unwrap();
        engine.pump();
        engine.peer.key_update(true);
        engine.pump();
    }
    engine.send(b"again");
    engine.peer.write(b"and again");
    engine.pump();
    assert_eq!(engine.peer.read(), b"again");
    assert_eq!(&engine.data[data.len()..], b"and again");

    engine.layer.close().unwrap();
    engine.pump();
    assert_eq!(engine.peer.end(), PeerEnd::CloseNotify);
    engine.peer.close();
    engine.pump();
    assert!(engine.layer.end().is_clean());
}

/// Every pair of implementations, in every role, with all that both have.
fn for_each(extras: &Extras, test: impl Fn(Takeover, Negotiated)) {
    for library in Stack::ALL {
        for peer in Stack::ALL {
            for role in [Role::Client, Role::Server] {
                for agreed in Negotiated::all() {
                    println!("{role:?} by {library:?}, peer {peer:?}: {agreed:?}");
                    let log = SecretLog::default();
                    let logging = Extras { log: Some(log.clone()), ..extras.clone() };
                    let takeover = Takeover {
                        role,
                        library: library.peer(role, agreed, &logging),
                        peer: peer.peer(other(role), agreed, extras),
                        log,
                        received: Vec::new(),
                    };
                    test(takeover, agreed);
                }
            }
        }
    }
}

#[test]
fn a_full_handshake_is_taken_over_with_either_backend() {
    for_each(&Extras::default(), live::<Ring>);
    for_each(&Extras::default(), live::<RustCrypto>);
}

#[test]
fn a_handshake_with_client_authentication_is_taken_over() {
    for_each(&Extras { client_auth: true, ..Extras::default() }, live::<Ring>);
}

#[test]
fn ccm_suites_of_openssl_are_taken_over() {
    for role in [Role::Client, Role::Server] {
        for agreed in Negotiated::all_ccm() {
            println!("{role:?}: {agreed:?}");
            let log = SecretLog::default();
            let logging = Extras { log: Some(log.clone()), ..Extras::default() };
            let takeover = Takeover {
                role,
                library: Stack::Openssl.peer(role, agreed, &logging),
                peer: Stack::Openssl.peer(other(role), agreed, &Extras::default()),
                log,
                received: Vec::new(),
            };
            live::<RustCrypto>(takeover, agreed);
        }
    }
}

#[test]
fn a_hello_retry_request_is_followed() {
    for stack in Stack::ALL {
        for role in [Role::Client, Role::Server] {
            for suite in Suite::ALL {
                let agreed = Negotiated { version: Version::Tls13, suite };
                println!("{role:?} by {stack:?}: {agreed:?}");
                let log = SecretLog::default();
                let extras = |role, log| Extras {
                    log,
                    groups: match role {
                        Role::Client => vec![Group::X25519, Group::P256],
                        Role::Server => vec![Group::P256],
                    },
                    ..Extras::default()
                };
                let takeover = Takeover {
                    role,
                    library: stack.peer(role, agreed, &extras(role, Some(log.clone()))),
                    peer: Stack::Openssl.peer(other(role), agreed, &extras(other(role), None)),
                    log,
                    received: Vec::new(),
                };
                live::<Ring>(takeover, agreed);
            }
        }
    }
}

#[test]
fn a_resumed_handshake_is_taken_over() {
    for agreed in Negotiated::all() {
        let log = SecretLog::default();
        let logging = Extras { log: Some(log.clone()), ..Extras::default() };
        let clients = OpensslContext::new(&agreed.setup(Role::Client));
        let servers = OpensslContext::with(&agreed.setup(Role::Server), &logging);
        let (mut client, mut server) = (clients.peer(), servers.peer());
        pump(&mut client, &mut server);
        client.write(b"tickets, please");
        pump(&mut client, &mut server);
        let session = client.session().expect("the server sent a ticket");

        log.clear();
        let takeover = Takeover {
            role: Role::Server,
            library: Box::new(servers.peer()),
            peer: Box::new(clients.resume(&session)),
            log,
            received: Vec::new(),
        };
        live::<Ring>(takeover, agreed);
    }
}

/// A client by rustls that sends early data to a server with these tickets, which accepts it or not.
fn early_data(accepts: bool, role: Role, agreed: Negotiated) -> Takeover {
    let log = SecretLog::default();
    let extras = |logs| Extras {
        log: (logs == role).then(|| log.clone()),
        early_data: 16_384,
        ..Extras::default()
    };
    let Negotiated { version, suite } = agreed;
    let client = Arc::new(rustls_client_config_with(version, suite, &extras(Role::Client)));
    let rejecting = OpensslContext::with(&agreed.setup(Role::Server), &extras(Role::Server));
    let accepting = Arc::new(rustls_server_config_with(version, suite, &extras(Role::Server)));
    let server = || -> Box<dyn Peer> {
        if accepts {
            Box::new(RustlsPeer::server(accepting.clone()))
        } else {
            Box::new(rejecting.peer())
        }
    };
    let mut first = server();
    pump(&mut RustlsPeer::client(client.clone()), &mut *first);
    log.clear();

    let mut client = RustlsPeer::client(client);
    client.write_early(&[b'e'; 9_000]);
    let (client, server) = (Box::new(client), server());
    let (library, peer): (Box<dyn Peer>, Box<dyn Peer>) = match role {
        Role::Client => (client, server),
        Role::Server => (server, client),
    };
    Takeover { role, library, peer, log, received: Vec::new() }
}

#[test]
fn early_data_that_the_server_rejects_is_passed_over() {
    for role in [Role::Client, Role::Server] {
        for suite in Suite::ALL {
            let agreed = Negotiated { version: Version::Tls13, suite };
            println!("{role:?}: {agreed:?}");
            live::<Ring>(early_data(false, role, agreed), agreed);
        }
    }
}

#[test]
fn early_data_that_the_server_accepts_is_named() {
    for role in [Role::Client, Role::Server] {
        let agreed = Negotiated { version: Version::Tls13, suite: Suite::Aes128Gcm };
        let followed = early_data(true, role, agreed).run::<Ring>();
        assert_eq!(followed.err(), Some(TakeoverError::EarlyData));
    }
}

#[test]
fn no_explicit_nonce_of_tls12_is_used_twice() {
    // RFC 5288 section 3: the nonce of a record is the salt, and eight bytes behind its header.
    let explicit = |record: &[u8]| <[u8; 8]>::try_from(&record[HEADER_LEN..][..8]).unwrap();
    for stack in Stack::ALL {
        for suite in [Suite::Aes128Gcm, Suite::Aes256Gcm] {
            let agreed = Negotiated { version: Version::Tls12, suite };
            let log = SecretLog::default();
            let logging = Extras { log: Some(log.clone()), ..Extras::default() };
            let mut library = stack.peer(Role::Client, agreed, &logging);
            let mut peer = Stack::Openssl.peer(Role::Server, agreed, &Extras::default());
            let mut follower = Follower::<Ring>::new();
            let (mut nonces, mut is_protected) = (Vec::new(), false);
            for turn in 0..10 {
                if turn == 5 {
                    // The library goes on for a while: its numbers are not those of a handshake alone.
                    library.write(&[7; 100]);
                }
                let sent = library.take_output();
                for line in log.lines() {
                    follower.key_log(line.as_bytes()).unwrap();
                }
                let mut rest = &sent[..];
                while let Some(len) = first_record(rest) {
                    // What follows the change_cipher_spec is protected.
                    if is_protected {
                        nonces.push(explicit(rest));
                    }
                    is_protected |= rest[0] == CCS.0;
                    rest = &rest[len..];
                }
                follow(&mut follower, Role::Client, &sent).unwrap();
                peer.receive(&sent);
                let sent = peer.take_output();
                library.receive(&sent);
                for line in log.lines() {
                    follower.key_log(line.as_bytes()).unwrap();
                }
                follow(&mut follower, Role::Server, &sent).unwrap();
            }
            assert!(nonces.len() >= 2, "the Finished, and data");
            let mut layer = follower.finish(Config::new(tls_record::Role::Client)).unwrap();
            for _ in 0..3 {
                let mut record = [0; 64];
                let sealed = layer.seal(&[b"data"], &mut record).unwrap();
                nonces.push(explicit(&record));
                peer.receive(&record[..sealed.written]);
            }
            assert_eq!(peer.read(), [&[7; 100][..], b"datadatadata"].concat());
            let count = nonces.len();
            nonces.sort_unstable();
            nonces.dedup();
            assert_eq!(nonces.len(), count);
        }
    }
}
