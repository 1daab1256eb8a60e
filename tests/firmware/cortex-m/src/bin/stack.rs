//! Measures the stack of each call, with the null cipher for the engine alone, and with RustCrypto.

#![no_std]
#![no_main]

use cortex_m_rt::{entry, heap_start};
use defmt::{Display2Format, info};
use stack::{Depths, Needs, Stack};
use tls_record::Version;
use tls_record::aead::{Algorithm, Provider, null::Null, rustcrypto::RustCrypto};

#[entry]
fn main() -> ! {
    // SAFETY: the stack may grow down to where statics end. No interrupt is enabled.
    let stack = unsafe { Stack::new(heap_start().addr()) };
    let columns = [
        measure::<Null>(&stack, Algorithm::Aes128Gcm),
        measure::<RustCrypto>(&stack, Algorithm::Aes128Gcm),
        measure::<RustCrypto>(&stack, Algorithm::Aes256Gcm),
        measure::<RustCrypto>(&stack, Algorithm::Chacha20Poly1305),
    ];
    for (call, _) in columns[0].iter() {
        let [engine, aes128, aes256, chacha20] = columns.each_ref().map(|depths| depths.most(call));
        info!("{=str};{};{};{};{}", call, engine, aes128, aes256, chacha20);
    }
    let needs = Needs::of::<RustCrypto>(&stack);
    info!("RustCrypto: {}", Display2Format(&needs));
    board::end(if needs.are_met() {
        Ok(())
    } else {
        Err("the engine overwrites less of the stack")
    });
}

fn measure<P: Provider>(stack: &Stack, suite: Algorithm) -> Depths {
    let mut depths = Depths::default();
    for version in [Version::Tls13, Version::Tls12] {
        stack::measure::<P>(stack, version, suite, &mut depths);
        stack::measure_connection::<P>(stack, version, suite, &mut depths);
    }
    depths
}
