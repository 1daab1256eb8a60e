//! Prints the allocations after the handshake, in each phase of a connection's life.

use allocation_counter::measure;
use tls_record::Version::{self, Tls12, Tls13};
use tls_record::aead::{Algorithm, Provider, ring::Ring, rustcrypto::RustCrypto};
use tls_record_benches::life::{Wire, phases};

fn count<P: Provider + 'static>(backend: &str, version: Version) {
    let mut wire = Wire::default();
    for phase in phases::<P>(version, Algorithm::Aes128Gcm) {
        let name = phase.name;
        let counted = measure(|| phase.run(&mut wire));
        let (allocations, bytes) = (counted.count_total, counted.bytes_total);
        println!("| {backend} | {version:?} | {name} | {allocations} | {bytes} |");
    }
}

fn main() {
    println!("| backend | version | phase | allocations | bytes |");
    println!("|---|---|---|---|---|");
    for version in [Tls13, Tls12] {
        count::<Ring>("ring", version);
        count::<RustCrypto>("RustCrypto", version);
    }
}
