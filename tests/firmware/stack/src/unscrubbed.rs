//! Backends that request no overwriting of the stack.

use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN, Provider};
use zeroize::Zeroize;

/// A provider that requests no overwriting, so that the stack of the calls alone is measured.
pub struct Unscrubbed<P>(P);

/// A key whose cipher requests no overwriting.
pub struct UnscrubbedKey<A>(A);

impl<P: Provider> Provider for Unscrubbed<P> {
    type Aead = UnscrubbedKey<P::Aead>;

    const STACK: usize = 0;

    fn supports(algorithm: Algorithm) -> bool {
        P::supports(algorithm)
    }

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<Self::Aead> {
        P::aead(algorithm, key).map(UnscrubbedKey)
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        P::hkdf_expand(algorithm, prk, info, out)
    }
}

impl<A: Zeroize> Zeroize for UnscrubbedKey<A> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<A: Aead> Aead for UnscrubbedKey<A> {
    fn tag_len(&self) -> usize {
        self.0.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.0.has_explicit_nonce()
    }

    #[inline]
    fn seal(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        self.0.seal(nonce, additional_data, in_out, tag)
    }

    #[inline]
    fn open(
        &mut self,
        nonce: &[u8; NONCE_LEN],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        self.0.open(nonce, additional_data, in_out, tag)
    }
}
