//! RustCrypto with all of its ciphers, or with those of some features:
//! `cargo test -p tls-record --no-default-features --features tls12,rustcrypto-aes128-gcm --test ciphers`.

#![cfg(all(
    feature = "tls12",
    any(
        feature = "rustcrypto-aes128-gcm",
        feature = "rustcrypto-aes256-gcm",
        feature = "rustcrypto-chacha20-poly1305",
        feature = "rustcrypto-aes128-ccm"
    )
))]

mod check;
mod known;

use check::check;
use known::{Known, RECORDS};
use tls_record::aead::{Algorithm, Provider, null::Null, rustcrypto::RustCrypto};
use tls_record::{
    Config, Epoch, KeyError, RecordLayer, ResumeError, Role, SuspendError, TrafficSecret,
};

const HAS_CHACHA20_POLY1305: bool = cfg!(feature = "rustcrypto-chacha20-poly1305");

fn has(algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::Aes128Gcm => cfg!(feature = "rustcrypto-aes128-gcm"),
        Algorithm::Aes256Gcm => cfg!(feature = "rustcrypto-aes256-gcm"),
        Algorithm::Chacha20Poly1305 => HAS_CHACHA20_POLY1305,
        Algorithm::Aes128Ccm | Algorithm::Aes128Ccm8 => cfg!(feature = "rustcrypto-aes128-ccm"),
        other => unreachable!("an algorithm that the test does not know: {other:?}"),
    }
}

#[test]
fn known_records_are_sealed_and_opened() {
    let known = RECORDS.iter().filter(|known| has(known.suite));
    assert!(known.map(check::<RustCrypto>).count() > 0);
}

#[test]
fn an_algorithm_is_unsupported_exactly_if_its_feature_is_off() {
    for algorithm in RECORDS.map(|known| known.suite) {
        let (key_len, secret_len) = (algorithm.key_len(), algorithm.secret_len());
        let secret = TrafficSecret::<RustCrypto>::tls13(algorithm, &Known::SECRET[..secret_len]);
        let expected = (!has(algorithm)).then_some(KeyError::Unsupported);
        assert_eq!(secret.err(), expected, "{algorithm:?}");
        let key = &Known::SECRET[..key_len];
        let secret = TrafficSecret::<RustCrypto>::tls12(algorithm, key, &Known::IV);
        assert_eq!(secret.err(), expected, "{algorithm:?}");
        assert_eq!(RustCrypto::aead(algorithm, key).is_some(), has(algorithm), "{algorithm:?}");
        let expanded = RustCrypto::hkdf_expand(algorithm, &Known::SECRET, &[], &mut [0; 8]);
        assert_eq!(expanded.is_some(), has(algorithm), "{algorithm:?}");
    }
}

fn established<P: Provider>(algorithm: Algorithm) -> RecordLayer<TrafficSecret<P>> {
    let secret = |byte| TrafficSecret::tls13(algorithm, &[byte; 48][..algorithm.secret_len()]);
    let mut layer = RecordLayer::new(Config::new(Role::Client));
    layer.install(Epoch::Application, secret(1).unwrap(), secret(2).unwrap()).unwrap();
    layer
}

#[test]
fn a_connection_is_suspended_exactly_if_chacha20_poly1305_is_there() {
    const KEY: [u8; 32] = [3; 32];
    for algorithm in RECORDS.map(|known| known.suite).into_iter().filter(|&it| has(it)) {
        let mut layer = established::<RustCrypto>(algorithm);
        let suspended = layer.suspend(&KEY);
        let expected = (!HAS_CHACHA20_POLY1305).then_some(SuspendError::Unsupported);
        assert_eq!(suspended.err(), expected, "{algorithm:?}");
        // After an error nothing has changed.
        assert_eq!(layer.seal(&[b"data"], &mut [0; 64]).is_ok(), !HAS_CHACHA20_POLY1305);

        let mut bytes = established::<Null>(algorithm).suspend(&KEY).unwrap();
        let resumed = RecordLayer::<TrafficSecret<RustCrypto>>::resume(&mut bytes, &KEY);
        let expected =
            if HAS_CHACHA20_POLY1305 { ResumeError::Forged } else { ResumeError::Crypto };
        assert_eq!(resumed.err(), Some(expected), "{algorithm:?}");
    }
}
