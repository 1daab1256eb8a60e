//! Connections with a real peer that are suspended in the middle of a stream and resumed.

use crate::support::{Adapter, ROLES, Stack, other};
use tls_record_alloc::tls_record::aead::{Provider, ring::Ring, rustcrypto::RustCrypto};
use tls_record_alloc::tls_record::{
    Config, Epoch, RecordLayer, Role as EngineRole, SUSPENDED_LEN, TrafficSecret,
};
use tls_record_tests::peers::{Negotiated, Peer, PeerEnd, Version, pump};

const KEY: [u8; 32] = [0x5e; 32];

fn sleep<P: Provider>(ours: &mut Adapter<P>) {
    let layer = &mut ours.connection().layer;
    let mut bytes = layer.suspend(&KEY).unwrap();
    assert!(layer.opener().sequence().is_none() && layer.sealer().sequence().is_none());
    *layer = RecordLayer::resume(&mut bytes, &KEY).unwrap();
    assert_eq!(bytes, [0; SUSPENDED_LEN]);
}

fn message(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ seed).collect()
}

// Requested in mbedtls#3141 and mbedtls#6812.
#[test]
fn a_connection_suspended_in_mid_stream_loses_and_repeats_no_byte() {
    fn with<P: Provider>() {
        for role in ROLES {
            for agreed in Negotiated::all() {
                for stack in Stack::ALL {
                    println!("{role:?} {agreed:?} {stack:?} {}", std::any::type_name::<P>());
                    let mut ours = Adapter::<P>::new(role, agreed);
                    let mut peer = stack.peer(other(role), agreed);
                    pump(&mut ours, &mut *peer);

                    let (mut sent, mut received) = (Vec::new(), Vec::new());
                    let mut expected = Vec::new();
                    for round in 0..8_u8 {
                        ours.write(&message(round, 20_000));
                        sent.extend(message(round, 20_000));
                        peer.write(&message(!round, 5_000));
                        expected.extend(message(!round, 5_000));

                        // Suspended with a part of a record in the transport's buffer.
                        let wire = peer.take_output();
                        let (now, later) = wire.split_at(wire.len() / 2);
                        ours.receive(now);
                        sleep(&mut ours);
                        ours.receive(later);
                        pump(&mut ours, &mut *peer);
                        received.extend(ours.read());

                        if agreed.version == Version::Tls13 {
                            match round {
                                // From the peer; then from us, with a request
                                // that is not answered when sleep comes.
                                2 | 3 => peer.key_update(true),
                                5 => {
                                    ours.key_update(true);
                                    sleep(&mut ours);
                                }
                                _ => {}
                            }
                        }
                        pump(&mut ours, &mut *peer);
                    }
                    assert!(peer.read() == sent, "everything we sent arrives once");
                    assert!(received == expected, "everything the peer sent arrives once");

                    peer.close();
                    pump(&mut ours, &mut *peer);
                    // TLS 1.2 has answered the close_notify on its own.
                    sleep(&mut ours);
                    ours.close();
                    pump(&mut ours, &mut *peer);
                    assert_eq!(peer.end(), PeerEnd::CloseNotify);
                    assert!(ours.connection_end().is_clean());
                }
            }
        }
    }
    with::<Ring>();
    with::<RustCrypto>();
}

#[test]
fn one_backend_resumes_a_connection_that_another_suspended() {
    let secret = [9; 32];
    let algorithm = tls_record_alloc::tls_record::aead::Algorithm::Chacha20Poly1305;
    let ring = |secret| TrafficSecret::<Ring>::tls13(algorithm, secret).unwrap();
    let mut layer = RecordLayer::new(Config::new(EngineRole::Client));
    layer.install(Epoch::Application, ring(&secret), ring(&[8; 32])).unwrap();
    let mut expected = [0; 64];
    layer.seal(&[b"first"], &mut expected).unwrap();

    let mut bytes = layer.suspend(&KEY).unwrap();
    let mut copy = bytes;
    let mut here = RecordLayer::<TrafficSecret<Ring>>::resume(&mut copy, &KEY).unwrap();
    let mut there = RecordLayer::<TrafficSecret<RustCrypto>>::resume(&mut bytes, &KEY).unwrap();
    let (mut one, mut other) = ([0; 64], [0; 64]);
    here.seal(&[b"second"], &mut one).unwrap();
    there.seal(&[b"second"], &mut other).unwrap();
    assert_eq!(one, other);
}
