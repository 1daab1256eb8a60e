//! The keys of a TLS 1.2 connection, from its master secret (RFC 5246 sections 5 and 6.3).

use zeroize::Zeroize;

use crate::buffer::bytes::copy;
use crate::crypto::aead::{Algorithm, NONCE_LEN, Provider};
use crate::crypto::keys::{MAX_KEY_LEN, MAX_SECRET_LEN, TrafficSecret};
use crate::protocol::error::KeyError;
use crate::protocol::record::Role;

/// Two keys and two ivs.
const MAX_BLOCK_LEN: usize = 2 * (MAX_KEY_LEN + NONCE_LEN);
/// Length of the salt of GCM and CCM in bytes (RFC 5288 section 3, RFC 6655 section 3).
const SALT_LEN: usize = 4;

/// The values that the keys are derived from.
pub(crate) struct Tls12Secrets<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) master: &'a [u8],
    pub(crate) client_random: &'a [u8],
    pub(crate) server_random: &'a [u8],
}

impl Tls12Secrets<'_> {
    /// Returns the keys with which `writer` seals.
    pub(crate) fn keys<P: Provider>(&self, writer: Role) -> Result<TrafficSecret<P>, KeyError> {
        let mut block = [0; MAX_BLOCK_LEN];
        let keys = self.cut(writer, &mut block);
        block.zeroize();
        keys
    }

    fn cut<P: Provider>(
        &self,
        writer: Role,
        block: &mut [u8; MAX_BLOCK_LEN],
    ) -> Result<TrafficSecret<P>, KeyError> {
        let key_len = self.algorithm.key_len();
        let has_salt = self.algorithm.has_explicit_nonce();
        let iv_len = if has_salt { SALT_LEN } else { NONCE_LEN };
        let len = key_len.saturating_add(iv_len).saturating_mul(2);
        let block = block.get_mut(..len).ok_or(KeyError::Length)?;
        self.expand::<P>(b"key expansion", block).ok_or(KeyError::Crypto)?;

        // No MAC keys (RFC 5246 section 6.2.3.3): the client's key, the server's, and their ivs.
        let (client_key, rest) = block.split_at_checked(key_len).ok_or(KeyError::Length)?;
        let (server_key, rest) = rest.split_at_checked(key_len).ok_or(KeyError::Length)?;
        let (client_iv, server_iv) = rest.split_at_checked(iv_len).ok_or(KeyError::Length)?;
        let (key, own_iv) = match writer {
            Role::Client => (client_key, client_iv),
            Role::Server => (server_key, server_iv),
        };
        TrafficSecret::tls12(self.algorithm, key, own_iv)
    }

    /// PRF(master, label, server_random + client_random) = P_hash (RFC 5246 section 5):
    /// HMAC(master, A(i) + seed) for each i, where A(0) is the seed and A(i) is HMAC(master, A(i - 1)).
    fn expand<P: Provider>(&self, label: &[u8], out: &mut [u8]) -> Option<()> {
        let (server, client) = (self.server_random, self.client_random);
        let hash_len = self.algorithm.secret_len();
        let mut hashes = [[0; MAX_SECRET_LEN]; 2];
        let expanded = (|| {
            let [a, hash] = hashes.each_mut().map(|hash| hash.get_mut(..hash_len));
            let (a, hash) = (a?, hash?);
            P::hmac(self.algorithm, self.master, &[label, server, client], a)?;
            for chunk in out.chunks_mut(hash_len) {
                P::hmac(self.algorithm, self.master, &[a, label, server, client], hash)?;
                copy(hash, chunk);
                P::hmac(self.algorithm, self.master, &[a], hash)?;
                copy(hash, a);
            }
            Some(())
        })();
        hashes.zeroize();
        expanded
    }
}

#[cfg(test)]
#[cfg(feature = "ring")]
mod tests {
    extern crate std;

    use std::{format, string::String};

    use super::{Algorithm, Tls12Secrets};
    use crate::crypto::aead::ring::Ring;

    /// The PRF with the label "test label", in hexadecimal.
    fn prf(algorithm: Algorithm, secret: u128, seed: u128, len: usize) -> String {
        let (secret, seed) = (secret.to_be_bytes(), seed.to_be_bytes());
        let (server_random, client_random) = seed.split_at(8);
        let secrets = Tls12Secrets { algorithm, master: &secret, client_random, server_random };
        let mut out = [0; 148];
        secrets.expand::<Ring>(b"test label", &mut out[..len]).unwrap();
        out[..len].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // "Test vectors for TLS 1.2 PRF", of the mailing list of the TLS working group.
    #[test]
    fn the_prf_makes_the_known_bytes() {
        let of_sha256 = prf(
            Algorithm::Aes128Gcm,
            0x9bbe436b_a940f017_b1765284_9a71db35,
            0xa0ba9f93_6cda3118_27a6f796_ffd5198c,
            100,
        );
        assert_eq!(
            of_sha256,
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a\
             6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab\
             4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
             87347b66"
        );
        let of_sha384 = prf(
            Algorithm::Aes256Gcm,
            0xb80b733d_6ceefcdc_71566ea4_8e5567df,
            0xcd665cf6_a8447dd6_ff8b2755_5edb7465,
            148,
        );
        assert_eq!(
            of_sha384,
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd\
             e9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd\
             8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425\
             9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee6\
             91c8f3a26854308d5eaa3be85e0990703d73e56f"
        );
    }
}
