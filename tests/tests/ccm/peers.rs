//! OpenSSL as the peer: OpenSSL makes the handshake at both ends, and then the engine replaces one
//! of them.

use tls_record::aead::rustcrypto::RustCrypto;
use tls_record::{Config, Epoch, Event, Fault, OpenError, RecordLayer, Role as End, TrafficSecret};
use tls_record_tests::peers::{
    Extras, Negotiated, OpensslContext, OpensslPeer, Peer, PeerEnd, Role, SecretLog, Secrets,
    Suite, Version,
};
use tls_record_tests::records::split;

type Layer = RecordLayer<TrafficSecret<RustCrypto>>;

/// The engine in place of one end, and the other end.
fn taken_over(role: Role, agreed: Negotiated) -> (Layer, OpensslPeer) {
    let log = SecretLog::default();
    let extras = Extras { log: Some(log.clone()), ..Extras::default() };
    let peer = |role| OpensslContext::with(&agreed.setup(role), &extras).peer();
    let (mut client, mut server) = (peer(Role::Client), peer(Role::Server));
    let hello = client.take_output();
    server.receive(&hello);
    let answer = server.take_output();
    client.receive(&answer);
    server.receive(&client.take_output());
    let last = server.take_output();
    client.receive(&last);
    assert_eq!((client.negotiated(), server.negotiated()), (Some(agreed), Some(agreed)));

    // The records so far: tickets, which the client has opened; in TLS 1.2 the Finished of each
    // side.
    let (of_client, of_server) = match agreed.version {
        Version::Tls13 => (0, split(&last).count() as u64),
        Version::Tls12 => (1, 1),
    };
    let secrets = Secrets::new(&log, agreed, &hello, &answer);
    let keys = |sender| secrets.keys(sender, Epoch::Application);
    let (end, theirs, received, sent, peer) = match role {
        Role::Client => (End::Client, Role::Server, of_server, of_client, server),
        Role::Server => (End::Server, Role::Client, of_client, of_server, client),
    };
    let mut layer = Layer::new(Config::new(end));
    layer
        .with_halves(|opener, sealer| {
            opener.take_over(Epoch::Application, keys(theirs), received)?;
            sealer.take_over(Epoch::Application, keys(role), sent)
        })
        .unwrap();
    (layer, peer)
}

/// Sends `data` or due control records, and returns what arrives.
fn talk(ours: &mut Layer, peer: &mut OpensslPeer, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 1 << 16];
    while ours.has_control() {
        let written = ours.poll_control(&mut out).unwrap();
        peer.receive(&out[..written]);
    }
    if !data.is_empty() {
        let sealed = ours.seal(&[data], &mut out).unwrap();
        assert_eq!(sealed.taken, data.len());
        peer.receive(&out[..sealed.written]);
    }
    let (mut wire, mut at, mut arrived) = (peer.take_output(), 0, Vec::new());
    while at < wire.len() {
        let opened = ours.open(&mut wire[at..]).unwrap();
        if let Event::ApplicationData(range) = opened.event {
            arrived.extend_from_slice(&wire[at..][range]);
        }
        at += opened.consumed;
    }
    arrived
}

const ROLES: [Role; 2] = [Role::Client, Role::Server];

#[test]
fn data_and_key_updates_go_both_ways_up_to_the_close() {
    for agreed in Negotiated::all_ccm() {
        for role in ROLES {
            println!("{agreed:?} {role:?}");
            let (mut ours, mut peer) = taken_over(role, agreed);
            for round in 0..3 {
                for len in [1, 15, 16, 17, 1_000, 40_000] {
                    let data: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
                    peer.write(&data);
                    assert!(talk(&mut ours, &mut peer, &data) == data);
                    assert!(peer.read() == data);
                }
                let mut bytes = ours.suspend(&[3; 32]).unwrap();
                ours = RecordLayer::resume(&mut bytes, &[3; 32]).unwrap();
                if agreed.version == Version::Tls13 {
                    match round {
                        0 => ours.update_keys(true).unwrap(),
                        _ => peer.key_update(true),
                    }
                }
            }
            ours.close().unwrap();
            peer.close();
            assert!(talk(&mut ours, &mut peer, b"").is_empty());
            assert_eq!(peer.end(), PeerEnd::CloseNotify);
            assert!(ours.end().is_clean());
        }
    }
}

#[test]
fn a_record_changed_at_any_byte_does_not_open() {
    for agreed in Negotiated::all_ccm() {
        let [body, inner, explicit] = match agreed.version {
            Version::Tls13 => [5, 1, 0],
            Version::Tls12 => [5, 0, 8],
        };
        let tag = if agreed.suite == Suite::Aes128Ccm8 { 8 } else { 16 };
        let len = body + explicit + 4 + inner + tag;
        for at in body..len {
            let (mut ours, mut peer) = taken_over(Role::Client, agreed);
            peer.write(b"data");
            let mut wire = peer.take_output();
            assert_eq!(wire.len(), len);
            wire[at] ^= 0x80;
            let forged = Err(OpenError::Fault(Fault::BadRecordMac));
            assert_eq!(ours.open(&mut wire), forged, "{agreed:?}, byte {at}");
        }
    }
}
