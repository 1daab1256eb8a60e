//! What connections do that were taken over.

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
