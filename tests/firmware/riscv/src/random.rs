//! Randomness for the handshake: 32 bytes that QEMU takes from its host and puts into the device
//! tree at each start, expanded with HMAC and a counter. A product has a generator of its own.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use fdt::Fdt;
use ring::hmac;

static DEVICE_TREE: AtomicUsize = AtomicUsize::new(0);
static BLOCKS: AtomicU32 = AtomicU32::new(0);

getrandom::register_custom_getrandom!(fill);

/// # Safety
/// The device tree of the machine must be at this address, and stay there.
pub unsafe fn init(device_tree: usize) {
    DEVICE_TREE.store(device_tree, Ordering::Relaxed);
}

fn fill(out: &mut [u8]) -> Result<(), getrandom::Error> {
    let seed = seed().ok_or(getrandom::Error::UNSUPPORTED)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, seed);
    for chunk in out.chunks_mut(hmac::HMAC_SHA256.digest_algorithm().output_len()) {
        let count = BLOCKS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        chunk.copy_from_slice(&hmac::sign(&key, &count).as_ref()[..chunk.len()]);
    }
    Ok(())
}

fn seed() -> Option<&'static [u8]> {
    let address = DEVICE_TREE.load(Ordering::Relaxed);
    // SAFETY: as `init` was promised. It checks what it finds; there is none at 0.
    let tree = unsafe { Fdt::from_ptr(address as *const u8) }.ok()?;
    let seed = tree.find_node("/chosen")?.property("rng-seed")?.value;
    (seed.len() >= 32).then_some(seed)
}
