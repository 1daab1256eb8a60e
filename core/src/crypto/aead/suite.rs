//! Which algorithm protects the records of a cipher suite, by its number in the registry of IANA.

use super::Algorithm;

impl Algorithm {
    /// Returns the algorithm of a cipher suite of TLS 1.3 or, with the feature `tls12`, TLS 1.2, by its
    /// number in the registry "TLS Cipher Suites" of IANA. The two versions have no number in common.
    ///
    /// TLS 1.2: the suites with ECDHE, DHE, RSA or PSK and certificates of RSA or ECDSA. `None` for all
    /// others: CBC, AES-256-CCM, anonymous, DSS, static Diffie-Hellman, unknown numbers.
    ///
    /// The hash of the handshake is [`hash`](Self::hash) in both versions. Whether a provider has the
    /// algorithm says [`Provider::supports`](super::Provider::supports).
    ///
    /// ```
    /// use tls_record::aead::Algorithm;
    ///
    /// assert_eq!(Algorithm::from_suite(0x1301), Some(Algorithm::Aes128Gcm));
    /// assert_eq!(Algorithm::from_suite(0x00ff), None); // TLS_EMPTY_RENEGOTIATION_INFO_SCSV
    /// ```
    pub const fn from_suite(suite: u16) -> Option<Self> {
        Some(match suite {
            // RFC 9846 appendix B.4.
            0x1301 => Self::Aes128Gcm,
            0x1302 => Self::Aes256Gcm,
            0x1303 => Self::Chacha20Poly1305,
            0x1304 => Self::Aes128Ccm,
            0x1305 => Self::Aes128Ccm8,
            #[cfg(feature = "tls12")]
            _ => return Self::from_tls12_suite(suite),
            #[cfg(not(feature = "tls12"))]
            _ => return None,
        })
    }

    #[cfg(feature = "tls12")]
    const fn from_tls12_suite(suite: u16) -> Option<Self> {
        Some(match suite {
            // RSA, DHE_RSA: RFC 5288. ECDHE_ECDSA, ECDHE_RSA: RFC 5289.
            0x009c | 0x009e | 0xc02b | 0xc02f => Self::Aes128Gcm,
            0x009d | 0x009f | 0xc02c | 0xc030 => Self::Aes256Gcm,
            // PSK, DHE_PSK, RSA_PSK: RFC 5487. ECDHE_PSK: RFC 8442.
            0x00a8 | 0x00aa | 0x00ac | 0xd001 => Self::Aes128Gcm,
            0x00a9 | 0x00ab | 0x00ad | 0xd002 => Self::Aes256Gcm,
            // ECDHE_RSA, ECDHE_ECDSA, DHE_RSA, PSK, ECDHE_PSK, DHE_PSK, RSA_PSK: RFC 7905.
            0xcca8..=0xccae => Self::Chacha20Poly1305,
            // RSA, DHE_RSA, PSK, DHE_PSK: RFC 6655. ECDHE_ECDSA: RFC 7251. ECDHE_PSK: RFC 8442.
            0xc09c | 0xc09e | 0xc0a4 | 0xc0a6 | 0xc0ac | 0xd005 => Self::Aes128Ccm,
            0xc0a0 | 0xc0a2 | 0xc0a8 | 0xc0aa | 0xc0ae | 0xd003 => Self::Aes128Ccm8,
            _ => return None,
        })
    }
}
