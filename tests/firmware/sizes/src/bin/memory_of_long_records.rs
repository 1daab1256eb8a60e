//! The memory of a connection that receives records of 16 KiB, as the length of a static: both halves
//! with their secrets and AES-128-GCM keys, the shortest buffer for input, and output for records with
//! 512 bytes of content.

#![no_std]
#![no_main]

use tls_record::aead::rustcrypto::RustCryptoParts;
use tls_record::{Connection, TrafficSecret};

const INPUT: usize = 256;
const OUTPUT: usize = 600;
const LEN: usize = size_of::<Connection<TrafficSecret<RustCryptoParts>, OUTPUT>>() + INPUT;

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
