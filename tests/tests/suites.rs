//! Cipher suites by their numbers in the registry of IANA, each with its name there.

use tls_record::aead::{Algorithm, Hash};

/// All suites of TLS 1.3, and of TLS 1.2 those with ECDHE, DHE, RSA or PSK whose records the engine
/// protects.
const SERVED: [(u16, &str); 40] = [
    (0x1301, "TLS_AES_128_GCM_SHA256"),
    (0x1302, "TLS_AES_256_GCM_SHA384"),
    (0x1303, "TLS_CHACHA20_POLY1305_SHA256"),
    (0x1304, "TLS_AES_128_CCM_SHA256"),
    (0x1305, "TLS_AES_128_CCM_8_SHA256"),
    (0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    (0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256"),
    (0x00a9, "TLS_PSK_WITH_AES_256_GCM_SHA384"),
    (0x00aa, "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256"),
    (0x00ab, "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384"),
    (0x00ac, "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256"),
    (0x00ad, "TLS_RSA_PSK_WITH_AES_256_GCM_SHA384"),
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xc09c, "TLS_RSA_WITH_AES_128_CCM"),
    (0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM"),
    (0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8"),
    (0xc0a2, "TLS_DHE_RSA_WITH_AES_128_CCM_8"),
    (0xc0a4, "TLS_PSK_WITH_AES_128_CCM"),
    (0xc0a6, "TLS_DHE_PSK_WITH_AES_128_CCM"),
    (0xc0a8, "TLS_PSK_WITH_AES_128_CCM_8"),
    (0xc0aa, "TLS_PSK_DHE_WITH_AES_128_CCM_8"),
    (0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    (0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),
    (0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xccab, "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256"),
    (0xccac, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256"),
    (0xccad, "TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256"),
    (0xccae, "TLS_RSA_PSK_WITH_CHACHA20_POLY1305_SHA256"),
    (0xd001, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256"),
    (0xd002, "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384"),
    (0xd003, "TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256"),
    (0xd005, "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256"),
];

/// The algorithm that a name says.
fn algorithm(name: &str) -> Algorithm {
    let has = |part| name.contains(part);
    match () {
        () if has("AES_128_GCM") => Algorithm::Aes128Gcm,
        () if has("AES_256_GCM") => Algorithm::Aes256Gcm,
        () if has("CHACHA20_POLY1305") => Algorithm::Chacha20Poly1305,
        () if has("AES_128_CCM_8") => Algorithm::Aes128Ccm8,
        () if has("AES_128_CCM") => Algorithm::Aes128Ccm,
        () => panic!("{name}"),
    }
}

#[test]
fn a_suite_has_the_algorithm_and_the_hash_of_its_name() {
    for (suite, name) in SERVED {
        let found = Algorithm::from_suite(suite);
        assert_eq!(found, Some(algorithm(name)), "{name}");
        // RFC 6655 section 3: AES-CCM without a hash in its name has SHA-256.
        let hash = if name.ends_with("SHA384") { Hash::Sha384 } else { Hash::Sha256 };
        assert_eq!(found.map(Algorithm::hash), Some(hash), "{name}");
    }
}

#[test]
fn no_other_number_is_a_suite() {
    for suite in 0..=u16::MAX {
        let is_served = SERVED.iter().any(|&(served, _)| served == suite);
        assert_eq!(Algorithm::from_suite(suite).is_some(), is_served, "{suite:#06x}");
    }
}

#[test]
fn a_suite_is_known_when_it_is_compiled() {
    const SUITE: Option<Algorithm> = Algorithm::from_suite(0x1303);
    assert_eq!(SUITE, Some(Algorithm::Chacha20Poly1305));
}
