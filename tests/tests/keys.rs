//! Traffic secrets: their lengths, the keys derived from them, and the memory of a wiped one.

use std::any::type_name;

#[cfg(feature = "aws-lc-rs")]
use tls_record::aead::aws_lc::AwsLc;
use tls_record::aead::{Aead, Algorithm, Provider, null::Null, rustcrypto::RustCrypto};
use tls_record::{KeyError, KeySchedule, TrafficSecret, Version, expand_label};
use tls_record_tests::Backend;
use zeroize::Zeroize;

const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::Aes128Gcm,
    Algorithm::Aes256Gcm,
    Algorithm::Chacha20Poly1305,
    Algorithm::Aes128Ccm,
    Algorithm::Aes128Ccm8,
];

/// Returns the suites that a provider supports.
fn algorithms<P: Provider>() -> impl Iterator<Item = Algorithm> {
    ALGORITHMS.into_iter().filter(|&algorithm| P::supports(algorithm))
}

#[test]
fn secrets_have_the_lengths_of_their_suites() {
    let lengths = [(32, 16), (48, 32), (32, 32), (32, 16), (32, 16)];
    for (algorithm, (secret_len, key_len)) in ALGORITHMS.into_iter().zip(lengths) {
        for len in 0..=64 {
            let bytes = vec![7; len];
            let is_ok = TrafficSecret::<Null>::tls13(algorithm, &bytes).is_ok();
            assert_eq!(is_ok, len == secret_len, "{algorithm:?}: a secret of {len} bytes");
            for iv_len in 0..=16 {
                let iv_fits = match algorithm {
                    Algorithm::Chacha20Poly1305 => iv_len == 12,
                    _ => iv_len == 4 || iv_len == 12,
                };
                let secret = TrafficSecret::<Null>::tls12(algorithm, &bytes, &vec![7; iv_len]);
                let error = (len != key_len || !iv_fits).then_some(KeyError::Length);
                assert_eq!(secret.err(), error, "{algorithm:?}: {len} bytes and {iv_len}");
            }
        }
    }
}

#[test]
fn a_secret_knows_its_suite_and_version() {
    fn check<P: Provider>(algorithm: Algorithm) {
        let versions = [Version::Tls13, Version::Tls12];
        for (secret, version) in secrets::<P>(algorithm, 7).into_iter().zip(versions) {
            assert_eq!((secret.algorithm(), secret.version()), (algorithm, version));
            let aead = secret.keys().unwrap().aead;
            // RFC 9846 section 5.5, RFC 9147 section 4.5.3; RFC 5288, 6655 and 7905
            let (tag_len, limit, has_explicit_nonce) = match algorithm {
                Algorithm::Chacha20Poly1305 => (16, u64::MAX, false),
                Algorithm::Aes128Gcm | Algorithm::Aes256Gcm => (16, 23_726_566, true),
                Algorithm::Aes128Ccm => (16, 8_388_608, true),
                Algorithm::Aes128Ccm8 => (8, 8_388_608, true),
                other => unreachable!("an algorithm that the test does not know: {other:?}"),
            };
            assert_eq!(algorithm.tag_len(), tag_len, "{algorithm:?}");
            if type_name::<P>() != type_name::<Null>() {
                assert_eq!(aead.tag_len(), tag_len, "{algorithm:?}");
            }
            assert_eq!(aead.confidentiality_limit(), limit, "{algorithm:?}");
            assert_eq!(aead.has_explicit_nonce(), has_explicit_nonce, "{algorithm:?}");
        }
    }
    algorithms::<Null>().for_each(check::<Null>);
    algorithms::<RustCrypto>().for_each(check::<RustCrypto>);
    algorithms::<Backend>().for_each(check::<Backend>);
    #[cfg(feature = "aws-lc-rs")]
    algorithms::<AwsLc>().for_each(check::<AwsLc>);
}

/// Seals an empty plaintext under the keys of a secret, or returns why it has none.
fn mark<P: Provider>(secret: &TrafficSecret<P>) -> Result<([u8; 12], [u8; 16]), KeyError> {
    let mut keys = secret.keys()?;
    let mut tag = [0; 16];
    let tag_len = keys.aead.tag_len();
    keys.aead.seal(&keys.iv, b"", &mut [], &mut tag[..tag_len]).unwrap();
    Ok((keys.iv, tag))
}

fn secrets<P: Provider>(algorithm: Algorithm, byte: u8) -> [TrafficSecret<P>; 2] {
    let (secret, key) = (vec![byte; algorithm.secret_len()], vec![byte; algorithm.key_len()]);
    [
        TrafficSecret::tls13(algorithm, &secret).unwrap(),
        TrafficSecret::tls12(algorithm, &key, &[byte; 12]).unwrap(),
    ]
}

#[test]
fn nothing_is_left_of_a_wiped_secret() {
    fn check<P: Provider>() {
        for algorithm in algorithms::<P>() {
            let zeros = secrets::<P>(algorithm, 0);
            for (mut secret, zero) in secrets::<P>(algorithm, 0xc5).into_iter().zip(zeros) {
                assert_ne!(mark(&secret), mark(&zero), "{algorithm:?}");
                secret.zeroize();
                assert_eq!(mark(&secret), mark(&zero), "{algorithm:?}");
            }
        }
    }
    check::<Null>();
    check::<RustCrypto>();
    #[cfg(feature = "aws-lc-rs")]
    check::<AwsLc>();
}

// 9846 7.2: every generation has different keys. 4.7.3: TLS 1.2 has one generation.
#[test]
fn backends_agree_on_every_generation() {
    for algorithm in algorithms::<Backend>() {
        let [mut one, _] = secrets::<Backend>(algorithm, 7);
        let [mut other, mut tls12] = secrets::<RustCrypto>(algorithm, 7);
        let mut seen = Vec::new();
        for _ in 0..3 {
            let keys = mark(&one);
            assert_eq!(keys, mark(&other));
            assert!(keys.is_ok() && !seen.contains(&keys), "{algorithm:?}");
            seen.push(keys);
            assert_eq!((one.update(), other.update()), (Ok(()), Ok(())));
        }
        assert_eq!(tls12.update(), Err(KeyError::NoUpdate));
    }
}

#[test]
fn a_key_of_another_length_is_refused() {
    fn check<P: Provider>() {
        for algorithm in algorithms::<P>() {
            for len in 0..=64 {
                let is_some = P::aead(algorithm, &vec![7; len]).is_some();
                assert_eq!(is_some, len == algorithm.key_len(), "{algorithm:?}: {len} bytes");
            }
        }
    }
    check::<Null>();
    check::<Backend>();
    check::<RustCrypto>();
    #[cfg(feature = "aws-lc-rs")]
    check::<AwsLc>();
}

#[test]
#[cfg(feature = "ring")]
fn a_secret_of_a_suite_that_the_provider_lacks_is_refused() {
    use tls_record::aead::ring::Ring;

    for algorithm in [Algorithm::Aes128Ccm, Algorithm::Aes128Ccm8] {
        let tls13 = TrafficSecret::<Ring>::tls13(algorithm, &[7; 32]);
        assert_eq!(tls13.err(), Some(KeyError::Unsupported));
        let tls12 = TrafficSecret::<Ring>::tls12(algorithm, &[7; 16], &[7; 4]);
        assert_eq!(tls12.err(), Some(KeyError::Unsupported));
        assert!(Ring::aead(algorithm, &[7; 16]).is_none());
        let expanded = expand_label::<Ring>(algorithm, &[7; 32], b"key", b"", &mut [0; 16]);
        assert_eq!(expanded, Err(KeyError::Unsupported));
    }
}

// RFC 9846 section 7.1: the lengths are of 8 bits, "tls13 " among them, and HKDF gives 255 blocks.
#[test]
fn a_label_is_expanded_within_the_lengths_of_the_rfc() {
    fn check<P: Provider>() {
        for algorithm in algorithms::<P>() {
            let secret_len = algorithm.secret_len();
            let expand = |secret_len, label_len, context_len, out_len| {
                let [secret, label, context] =
                    [secret_len, label_len, context_len].map(|len| vec![b'x'; len]);
                expand_label::<P>(algorithm, &secret, &label, &context, &mut vec![0; out_len])
            };
            assert_eq!(expand(secret_len, 0, 0, 0), Ok(()), "{algorithm:?}");
            assert_eq!(expand(secret_len, 249, 255, 255 * secret_len), Ok(()), "{algorithm:?}");
            for (secret_len, label_len, context_len, out_len) in [
                (secret_len - 1, 3, 0, 16),
                (secret_len + 1, 3, 0, 16),
                (secret_len, 250, 0, 16),
                (secret_len, 3, 256, 16),
                (secret_len, 3, 0, 255 * secret_len + 1),
            ] {
                let expanded = expand(secret_len, label_len, context_len, out_len);
                assert_eq!(expanded, Err(KeyError::Length), "{algorithm:?}");
            }
        }
    }
    check::<RustCrypto>();
    check::<Backend>();
    #[cfg(feature = "aws-lc-rs")]
    check::<AwsLc>();
}

// RFC 5869 section 2.3: at most 255 times the length of the hash.
#[test]
#[cfg_attr(miri, ignore = "6,000 blocks of a hash are too many")]
fn at_most_255_hashes_are_expanded() {
    fn check<P: Provider>() {
        for algorithm in ALGORITHMS {
            let most = 255 * algorithm.secret_len();
            let prk = vec![7; algorithm.secret_len()];
            for (len, expected) in [(most, Some(())), (most + 1, None)] {
                let expanded = P::hkdf_expand(algorithm, &prk, &[b"info"], &mut vec![0; len]);
                assert_eq!(expanded, expected, "{algorithm:?}: {len} bytes");
            }
        }
    }
    check::<Backend>();
    check::<RustCrypto>();
    #[cfg(feature = "aws-lc-rs")]
    check::<AwsLc>();
}

// The other ciphers wipe themselves when they are dropped.
#[test]
fn nothing_is_left_of_a_wiped_null_key() {
    let secret = TrafficSecret::<Null>::tls13(Algorithm::Aes128Gcm, &[0xc5; 32]).unwrap();
    let mut aead = secret.keys().unwrap().aead;
    let mut tag = [0xaa; 16];
    aead.zeroize();
    aead.seal(&[0; 12], b"", &mut [], &mut tag).unwrap();
    assert_eq!(tag, [0; 16]);
}
