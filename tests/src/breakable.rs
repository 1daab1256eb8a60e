//! A real cipher that fails on request.

use std::cell::Cell;

use tls_record::aead::{AeadError, ring::Ring};

use crate::watched::{Call, Watch, Watched};

thread_local! {
    /// True while all ciphers of this thread fail.
    static IS_BROKEN: Cell<bool> = const { Cell::new(false) };
}

/// Makes all ciphers of this thread fail, or work again.
pub fn set_broken(is_broken: bool) {
    IS_BROKEN.set(is_broken);
}

/// The provider of ring, with ciphers that fail on request.
pub type Breakable = Watched<Failing>;

/// Lets calls fail while [`set_broken`] asks for it.
pub enum Failing {}

impl Watch for Failing {
    type Inner = Ring;

    fn before(_: Call, _: &[u8]) -> Result<(), AeadError> {
        if IS_BROKEN.get() { Err(AeadError) } else { Ok(()) }
    }
}
