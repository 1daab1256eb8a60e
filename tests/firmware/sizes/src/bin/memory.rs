//! The memory of both halves, as the length of a static. Keys and handles of the stub have no
//! bytes, and the ivs are not counted.

#![no_std]
#![no_main]

use stub::KeyStore;
use tls_record::aead::NONCE_LEN;
use tls_record::{Opener, Sealer};

const LEN: usize = size_of::<Opener<KeyStore>>() + size_of::<Sealer<KeyStore>>() - 2 * NONCE_LEN;

#[unsafe(no_mangle)]
static MEMORY: [u8; LEN] = [0; LEN];

#[unsafe(no_mangle)]
extern "C" fn _start() {
    core::hint::black_box(&MEMORY);
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
