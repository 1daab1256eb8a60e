//! AES-CCM: published vectors, and OpenSSL as the peer. rustls does not have it, so both ends of the
//! handshake are OpenSSL's, and then the engine takes the place of one of them.

use tls_record::aead::{Aead, AeadError, Algorithm, Provider, rustcrypto::RustCrypto};
use tls_record::{
    Config, Epoch, Event, Fault, OpenError, RecordLayer, Role as End, SealError, Sealer,
    TrafficSecret,
};
use tls_record_tests::peers::{
    Extras, Negotiated, OpensslContext, OpensslPeer, Peer, PeerEnd, Role, SecretLog, Secrets,
    Suite, Version,
};
use tls_record_tests::records::split;

fn bytes<const LEN: usize>(first: u8) -> [u8; LEN] {
    std::array::from_fn(|i| first + i as u8)
}

fn check(algorithm: Algorithm, key: &[u8; 16], nonce: &[u8; 12], data: &[u8], texts: [&[u8]; 3]) {
    let [plaintext, ciphertext, tag] = texts;
    let mut aead = RustCrypto::aead(algorithm, key).unwrap();
    let (mut text, mut own_tag) = (plaintext.to_vec(), vec![0; algorithm.tag_len()]);
    aead.seal(nonce, data, &mut text, &mut own_tag).unwrap();
    assert_eq!((&text[..], &own_tag[..]), (ciphertext, tag));
    aead.open(nonce, data, &mut text, tag).unwrap();
    assert_eq!(text, plaintext);

    own_tag[0] ^= 1;
    let mut text = ciphertext.to_vec();
    assert_eq!(aead.open(nonce, data, &mut text, &own_tag), Err(AeadError));
    assert_eq!(aead.open(nonce, data, &mut text, &tag[1..]), Err(AeadError), "a shorter tag");
}

// NIST SP 800-38C, appendix C, example 3.
#[test]
fn a_published_vector_with_a_tag_of_8_bytes() {
    let ciphertext = 0xe3b2_01a9_f5b7_1a7a_9b1c_eaec_cd97_e70b_u128.to_be_bytes();
    let ciphertext = [&ciphertext[..], &0x6176_aad9_a442_8aa5_u64.to_be_bytes()].concat();
    let tag = 0x4843_92fb_c1b0_9951_u64.to_be_bytes();
    let texts = [&bytes::<24>(0x20)[..], &ciphertext, &tag];
    check(Algorithm::Aes128Ccm8, &bytes(0x40), &bytes(0x10), &bytes::<20>(0), texts);
}

// NIST's CAVP, ccmtestvectors, VNT128, count 50.
#[test]
fn a_published_vector_with_a_tag_of_16_bytes() {
    let key = 0x005e_8f4d_8e0c_bf4e_1cee_b5d8_7a27_5848_u128.to_be_bytes();
    let nonce = [0x0e, 0xc3, 0xac, 0x45, 0x2b, 0x54, 0x7b, 0x90, 0x62, 0xaa, 0xc8, 0xfa];
    let data = [
        0x2f18_21aa_57e5_278f_fd33_c17d_4661_5b77_u128.to_be_bytes(),
        0x3631_49db_c984_7041_3f65_43a6_b749_f2ca_u128.to_be_bytes(),
    ]
    .concat();
    let plaintext = 0xb6f3_4520_4526_439d_af84_998f_380d_cfb4_u128.to_be_bytes();
    let plaintext = [&plaintext[..], &0xb416_7c95_9c04_ff65_u64.to_be_bytes()].concat();
    let ciphertext = 0x9575_e16f_35da_3c88_a19c_26a7_b762_044f_u128.to_be_bytes();
    let ciphertext = [&ciphertext[..], &0x4d7b_bbaf_eff0_5d75_u64.to_be_bytes()].concat();
    let tag = 0x4829_e2a7_752f_a3a1_4890_9728_84b5_11d8_u128.to_be_bytes();
    check(Algorithm::Aes128Ccm, &key, &nonce, &data, [&plaintext, &ciphertext, &tag]);
}

type Layer = RecordLayer<TrafficSecret<RustCrypto>>;

/// The engine in the place of one end, and the other end.
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

    // Tickets, which the client has opened; in TLS 1.2 the Finished of either side.
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
            opener.install(Epoch::Application, keys(theirs), received)?;
            sealer.install(Epoch::Application, keys(role), sent)
        })
        .unwrap();
    (layer, peer)
}

/// Sends `data`, or what control is due, and returns what arrives.
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
fn openssl_is_spoken_to_from_the_first_byte_to_the_close() {
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
                let mut bytes = ours.suspend(&[3; 32], &[round; 12]).unwrap();
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

// RFC 9147 section 4.5.3.
#[test]
fn keys_are_updated_before_2_to_the_23_records() {
    // The last four are kept for control.
    const LAST: u64 = (1 << 23) - 4 - 1;
    for algorithm in [Algorithm::Aes128Ccm, Algorithm::Aes128Ccm8] {
        let secret = TrafficSecret::<RustCrypto>::tls13(algorithm, &[7; 32]).unwrap();
        let mut sealer = Sealer::new(Config::new(End::Client));
        sealer.install(Epoch::Application, secret, LAST).unwrap();
        let mut out = [0; 64];
        sealer.seal(&[b"the last"], &mut out).unwrap();
        assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::ControlFirst));
        sealer.poll_control(&mut out).unwrap();
        assert_eq!(sealer.sequence(), Some(0));
        sealer.seal(&[b"data"], &mut out).unwrap();
    }
}

#[test]
fn a_forged_record_does_not_open_wherever_it_was_touched() {
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
