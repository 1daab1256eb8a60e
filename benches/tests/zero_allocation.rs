//! After the handshake nothing is allocated: not for a record, not for a KeyUpdate, not for the end.

use allocation_counter::measure;
use tls_record::Version;
use tls_record::Version::{Tls12, Tls13};
use tls_record::aead::{Algorithm, Provider, aws_lc::AwsLc, ring::Ring, rustcrypto::RustCrypto};
use tls_record_benches::established;
use tls_record_benches::life::{Wire, phases, records};

fn nothing_is_allocated<P: Provider + 'static>(version: Version, algorithm: Algorithm) {
    let mut wire = Wire::default();
    for phase in phases::<P>(version, algorithm) {
        let name = phase.name;
        let counted = measure(|| phase.live(&mut wire));
        let allocated = (counted.count_total, counted.bytes_total);
        assert_eq!(allocated, (0, 0), "{name}, {version:?}, {algorithm:?}");
    }
}

#[test]
fn ring_tls13() {
    nothing_is_allocated::<Ring>(Tls13, Algorithm::Aes128Gcm);
    nothing_is_allocated::<Ring>(Tls13, Algorithm::Chacha20Poly1305);
}

#[test]
fn ring_tls12() {
    nothing_is_allocated::<Ring>(Tls12, Algorithm::Aes256Gcm);
    nothing_is_allocated::<Ring>(Tls12, Algorithm::Chacha20Poly1305);
}

#[test]
fn rustcrypto_tls13() {
    nothing_is_allocated::<RustCrypto>(Tls13, Algorithm::Aes128Gcm);
    nothing_is_allocated::<RustCrypto>(Tls13, Algorithm::Chacha20Poly1305);
}

#[test]
fn rustcrypto_tls12() {
    nothing_is_allocated::<RustCrypto>(Tls12, Algorithm::Aes256Gcm);
    nothing_is_allocated::<RustCrypto>(Tls12, Algorithm::Chacha20Poly1305);
}

// But for the place of each key, on a heap of C's that is not counted here.
#[test]
fn aws_lc() {
    nothing_is_allocated::<AwsLc>(Tls13, Algorithm::Aes128Gcm);
    nothing_is_allocated::<AwsLc>(Tls13, Algorithm::Chacha20Poly1305);
    nothing_is_allocated::<AwsLc>(Tls12, Algorithm::Aes256Gcm);
    nothing_is_allocated::<AwsLc>(Tls12, Algorithm::Chacha20Poly1305);
}

/// The proof would fail: one byte on the heap is seen, also in between records.
#[test]
fn an_allocation_is_seen() {
    let (mut client, mut server) = established::<Ring>(Tls13, Algorithm::Aes128Gcm);
    let mut wire = Wire::default();
    let counted = measure(|| {
        records(&mut client, &mut server, &mut wire, 10);
        drop(std::hint::black_box(Box::new(1_u8)));
        records(&mut server, &mut client, &mut wire, 10);
    });
    assert_eq!((counted.count_total, counted.bytes_total), (1, 1));
}
