//! Connections with real peers: both roles, both versions, three suites, two peers, two backends.

use crate::support::{Adapter, ROLES, Stack, message, other};
use tls_record_alloc::rustls::HandshakeKind;
use tls_record_alloc::rustls::pki_types::ServerName;
use tls_record_alloc::tls_record::aead::{Provider, ring::Ring, rustcrypto::RustCrypto};
use tls_record_alloc::tls_record::{AlertDescription, End, Epoch, Fault, ReadEnd, WriteEnd};
use tls_record_tests::peers::{
    Negotiated, Peer, PeerEnd, Role, SERVER_NAME, Version, identity, pump,
};

/// Runs a test on established connections of every kind; the first end is ours.
fn for_each_connection(test: impl Fn(&mut dyn Case, &mut dyn Peer)) {
    fn with<P: Provider>(test: &impl Fn(&mut dyn Case, &mut dyn Peer)) {
        for role in ROLES {
            for agreed in Negotiated::all() {
                for stack in Stack::ALL {
                    println!("{role:?} {agreed:?} {stack:?} {}", std::any::type_name::<P>());
                    let mut ours = Adapter::<P>::new(role, agreed);
                    let mut peer = stack.peer(other(role), agreed);
                    pump(&mut ours, &mut *peer);
                    test(&mut ours, &mut *peer);
                }
            }
        }
    }
    with::<Ring>(&test);
    with::<RustCrypto>(&test);
}

/// An [`Adapter`] over any backend.
trait Case: Peer {
    fn is_clean(&mut self) -> bool {
        self.how_it_ended().is_clean()
    }
    fn how_it_ended(&mut self) -> End;
    /// The transport ends.
    fn cut(&mut self);
    fn as_peer(&mut self) -> &mut dyn Peer;
}

impl<P: Provider> Case for Adapter<P> {
    fn how_it_ended(&mut self) -> End {
        self.connection_end()
    }

    fn cut(&mut self) {
        self.connection().layer.eof();
    }

    fn as_peer(&mut self) -> &mut dyn Peer {
        self
    }
}

/// Sends data of several sizes in both directions.
fn exchange(a: &mut dyn Peer, b: &mut dyn Peer) {
    for len in [0, 1, 16_383, 16_384, 16_385, 100_000] {
        a.write(&message(len));
        b.write(&message(len));
        pump(a, b);
        assert_eq!(b.read(), message(len));
        assert_eq!(a.read(), message(len));
    }
}

#[test]
fn a_handshake_in_any_pieces_gives_a_connection_that_carries_data() {
    fn with<P: Provider>() {
        for role in ROLES {
            for agreed in Negotiated::all() {
                for stack in Stack::ALL {
                    for piece in [1, 5, 100, usize::MAX] {
                        println!("{role:?} {agreed:?} {stack:?} pieces of {piece}");
                        let mut ours = Adapter::<P>::new(role, agreed).in_pieces_of(piece);
                        let mut peer = stack.peer(other(role), agreed);
                        ours.write(b"first words");
                        peer.write(b"last words of the handshake, first of the engine");
                        pump(&mut ours, &mut *peer);
                        assert_eq!(peer.read(), b"first words");
                        assert_eq!(
                            ours.read(),
                            b"last words of the handshake, first of the engine"
                        );
                        assert_eq!(ours.negotiated(), Some(agreed));
                        assert_eq!(peer.negotiated(), Some(agreed));
                        ours.write(&message(2_000));
                        peer.write(&message(3_000));
                        pump(&mut ours, &mut *peer);
                        assert_eq!(peer.read(), message(2_000));
                        assert_eq!(ours.read(), message(3_000));
                    }
                }
            }
        }
    }
    with::<Ring>();
    with::<RustCrypto>();
}

#[test]
fn data_of_all_sizes_goes_both_ways() {
    for_each_connection(|ours, peer| exchange(ours.as_peer(), peer));
}

#[test]
fn the_sequence_numbers_of_the_handshake_are_handed_over() {
    for role in ROLES {
        for agreed in Negotiated::all() {
            for stack in Stack::ALL {
                let mut ours = Adapter::<Ring>::new(role, agreed);
                let mut peer = stack.peer(other(role), agreed);
                pump(&mut ours, &mut *peer);
                let expected = match (agreed.version, role) {
                    (Version::Tls12, _) => (1, 1),
                    (Version::Tls13, Role::Client) => (0, 0),
                    // rustls sends two tickets in one record.
                    (Version::Tls13, Role::Server) => (0, 1),
                };
                assert_eq!(ours.handed_over_at, expected, "{role:?} {agreed:?} {stack:?}");
            }
        }
    }
}

#[test]
fn the_info_has_the_negotiated_parameters() {
    for role in ROLES {
        for agreed in Negotiated::all() {
            let mut ours = Adapter::<Ring>::new(role, agreed);
            let mut peer = Stack::Openssl.peer(other(role), agreed);
            pump(&mut ours, &mut *peer);
            let info = &ours.connection().info;
            let name = ServerName::try_from(SERVER_NAME).unwrap();
            assert_eq!(info.server_name, Some(name));
            assert_eq!(info.kind, HandshakeKind::Full);
            assert_eq!(info.alpn, None);
            assert!(info.group.is_some());
            let certificates = match role {
                Role::Client => vec![identity().certificate.clone()],
                Role::Server => vec![],
            };
            assert_eq!(info.peer_certificates, certificates);
        }
    }
}

#[test]
fn keys_are_updated_from_both_sides() {
    for_each_connection(|ours, peer| {
        if ours.negotiated().unwrap().version == Version::Tls12 {
            return;
        }
        for _ in 0..3 {
            ours.key_update(true);
            pump(ours.as_peer(), peer);
            exchange(ours.as_peer(), peer);
            peer.key_update(true);
            pump(ours.as_peer(), peer);
            exchange(ours.as_peer(), peer);
            ours.key_update(false);
            exchange(ours.as_peer(), peer);
        }
        assert_eq!((ours.end(), peer.end()), (PeerEnd::Open, PeerEnd::Open));
    });
}

#[test]
fn the_end_is_clean_if_we_close_first() {
    for_each_connection(|ours, peer| {
        ours.write(b"the last of ours");
        ours.close();
        pump(ours.as_peer(), peer);
        assert_eq!(peer.end(), PeerEnd::CloseNotify);
        assert_eq!(peer.read(), b"the last of ours");
        if ours.negotiated().unwrap().version == Version::Tls13 {
            peer.write(b"the last of theirs");
        }
        peer.close();
        pump(ours.as_peer(), peer);
        if ours.negotiated().unwrap().version == Version::Tls13 {
            assert_eq!(ours.read(), b"the last of theirs");
        }
        assert!(ours.is_clean());
    });
}

#[test]
fn the_end_is_clean_if_the_peer_closes_first() {
    for_each_connection(|ours, peer| {
        peer.write(b"the last of theirs");
        peer.close();
        pump(ours.as_peer(), peer);
        assert_eq!(ours.end(), PeerEnd::CloseNotify);
        assert_eq!(ours.read(), b"the last of theirs");
        if ours.negotiated().unwrap().version == Version::Tls13 {
            ours.write(b"the last of ours");
        }
        ours.close();
        pump(ours.as_peer(), peer);
        if ours.negotiated().unwrap().version == Version::Tls13 {
            assert_eq!(peer.read(), b"the last of ours");
        }
        assert_eq!(peer.end(), PeerEnd::CloseNotify);
        assert!(ours.is_clean());
    });
}

const BAD_RECORD_MAC: AlertDescription = AlertDescription::BAD_RECORD_MAC;

#[test]
fn a_corrupted_record_of_theirs_sends_our_alert() {
    for_each_connection(|ours, peer| {
        peer.write(b"data");
        let mut wire = peer.take_output();
        *wire.last_mut().unwrap() ^= 1;
        ours.receive(&wire);
        pump(ours.as_peer(), peer);
        let read = ReadEnd::Fault(Fault::BadRecordMac);
        let end = End { read, write: WriteEnd::AlertSent(BAD_RECORD_MAC) };
        assert_eq!(ours.how_it_ended(), end);
        assert_eq!(ours.read(), b"");
        assert_eq!(peer.end(), PeerEnd::Alert(BAD_RECORD_MAC.0));
    });
}

#[test]
fn a_corrupted_record_of_ours_is_answered_with_an_alert() {
    for_each_connection(|ours, peer| {
        ours.write(b"data");
        let mut wire = ours.take_output();
        *wire.last_mut().unwrap() ^= 1;
        peer.receive(&wire);
        pump(ours.as_peer(), peer);
        assert!(matches!(peer.end(), PeerEnd::Failed(_)));
        let end = End { read: ReadEnd::PeerAlert(BAD_RECORD_MAC), write: WriteEnd::Failed };
        assert_eq!(ours.how_it_ended(), end);
    });
}

#[test]
fn a_transport_that_is_cut_is_a_truncation() {
    for inside_record in [true, false] {
        for_each_connection(|ours, peer| {
            peer.write(b"data");
            let mut wire = peer.take_output();
            if inside_record {
                wire.pop();
            }
            ours.receive(&wire);
            ours.cut();
            let read = ReadEnd::Truncated { epoch: Epoch::Application, inside_record };
            assert_eq!(ours.how_it_ended().read, read);
            assert_eq!(ours.read(), if inside_record { &b""[..] } else { b"data" });
        });
    }
}
