//! A real cipher that fails on request.

use std::cell::Cell;

use tls_record::aead::ring::{Ring, RingAead};
use tls_record::aead::{Aead, AeadError, Algorithm, Provider};
use zeroize::Zeroize;

thread_local! {
    /// True while all ciphers of this thread fail.
    static IS_BROKEN: Cell<bool> = const { Cell::new(false) };
}

/// Makes all ciphers of this thread fail, or work again.
pub fn set_broken(is_broken: bool) {
    IS_BROKEN.set(is_broken);
}

/// The provider of ring, with ciphers that fail on request.
pub struct Breakable;

/// A key whose cipher fails on request.
pub struct BreakableAead(RingAead);

impl Provider for Breakable {
    type Aead = BreakableAead;

    const STACK: usize = Ring::STACK;

    fn aead(algorithm: Algorithm, key: &[u8]) -> Option<BreakableAead> {
        Ring::aead(algorithm, key).map(BreakableAead)
    }

    fn hkdf_expand(algorithm: Algorithm, prk: &[u8], info: &[&[u8]], out: &mut [u8]) -> Option<()> {
        Ring::hkdf_expand(algorithm, prk, info, out)
    }
}

impl Zeroize for BreakableAead {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Aead for BreakableAead {
    fn tag_len(&self) -> usize {
        self.0.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.confidentiality_limit()
    }

    fn has_explicit_nonce(&self) -> bool {
        self.0.has_explicit_nonce()
    }

    fn seal(
        &mut self,
        nonce: &[u8; 12],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), AeadError> {
        if IS_BROKEN.get() {
            return Err(AeadError);
        }
        self.0.seal(nonce, additional_data, in_out, tag)
    }

    fn open(
        &mut self,
        nonce: &[u8; 12],
        additional_data: &[u8],
        in_out: &mut [u8],
        tag: &[u8],
    ) -> Result<(), AeadError> {
        if IS_BROKEN.get() {
            return Err(AeadError);
        }
        self.0.open(nonce, additional_data, in_out, tag)
    }
}
