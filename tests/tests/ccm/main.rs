//! AES-CCM: published vectors, its key limit, and OpenSSL as the peer, because rustls does not
//! support it.

#[cfg(feature = "peers")]
mod peers;

use tls_record::aead::{Aead, AeadError, Algorithm, Provider, rustcrypto::RustCrypto};
use tls_record::{Config, Epoch, RecordLayer, Role, SealError, Sealer, TrafficSecret};

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

// RFC 9147 section 4.5.3.
#[test]
fn keys_are_updated_before_2_to_the_23_records() {
    // The last four records are reserved for control.
    const LAST: u64 = (1 << 23) - 4 - 1;
    for algorithm in [Algorithm::Aes128Ccm, Algorithm::Aes128Ccm8] {
        let secret = TrafficSecret::<RustCrypto>::tls13(algorithm, &[7; 32]).unwrap();
        let mut sealer = Sealer::new(Config::new(Role::Client));
        sealer.take_over(Epoch::Application, secret, LAST).unwrap();
        let mut out = [0; 64];
        sealer.seal(&[b"the last"], &mut out).unwrap();
        assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::ControlFirst));
        sealer.poll_control(&mut out).unwrap();
        assert_eq!(sealer.sequence(), Some(0));
        sealer.seal(&[b"data"], &mut out).unwrap();
    }
}

#[test]
fn a_suspended_connection_continues() {
    for algorithm in [Algorithm::Aes128Ccm, Algorithm::Aes128Ccm8] {
        let tls13 = |byte| TrafficSecret::<RustCrypto>::tls13(algorithm, &[byte; 32]).unwrap();
        let tls12 = |byte| TrafficSecret::tls12(algorithm, &[byte; 16], &[2; 12]).unwrap();
        for secret in [&tls13 as &dyn Fn(u8) -> _, &tls12] {
            let keys = || [1, 2].map(|byte| (secret(byte), 1));
            let mut layer = RecordLayer::new(Config::new(Role::Client));
            let [client, server] = keys();
            layer.take_over(Epoch::Application, client, server).unwrap();
            let mut bytes = layer.suspend(&[3; 32]).unwrap();
            let mut resumed =
                RecordLayer::<TrafficSecret<RustCrypto>>::resume(&mut bytes, &[3; 32]).unwrap();
            layer = RecordLayer::new(Config::new(Role::Client));
            let [client, server] = keys();
            layer.take_over(Epoch::Application, client, server).unwrap();
            let [mut one, mut other] = [[0; 64]; 2];
            layer.seal(&[b"data"], &mut one).unwrap();
            resumed.seal(&[b"data"], &mut other).unwrap();
            assert_eq!(one, other, "{algorithm:?}");
        }
    }
}
