//! The keys behind a KeyUpdate.

use alloc::boxed::Box;

use tls_record::aead::Provider;
use tls_record::{CryptoInfo, KernelDirection, KeyError, scrub_stack};

/// Returns the next keys of a direction. Boxed, because moving them leaves copies in memory.
pub(super) fn next_keys<P: Provider>(
    direction: &mut KernelDirection<P>,
) -> Result<Box<CryptoInfo>, KeyError> {
    let keys = derive_next(direction);
    scrub_stack(size_of::<CryptoInfo>().saturating_mul(4));
    keys
}

/// Not inlined: [`scrub_stack`] must reach its stack frame.
#[inline(never)]
fn derive_next<P: Provider>(
    direction: &mut KernelDirection<P>,
) -> Result<Box<CryptoInfo>, KeyError> {
    direction.update()?;
    direction.crypto_info().map(Box::new)
}
