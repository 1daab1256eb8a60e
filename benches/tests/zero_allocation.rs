//! Nothing is allocated after the handshake: for records, KeyUpdates, alerts and closing.

use allocation_counter::measure;
use tls_record::Version;
use tls_record::Version::{Tls12, Tls13};
use tls_record::aead::{Algorithm, Provider, aws_lc::AwsLc, ring::Ring, rustcrypto::RustCrypto};
use tls_record_benches::established;
use tls_record_benches::life::{Wire, phases, records};

fn assert_no_allocation<P: Provider + 'static>(version: Version, algorithm: Algorithm) {
    let mut wire = Wire::default();
    for phase in phases::<P>(version, algorithm) {
        let name = phase.name;
        let counted = measure(|| phase.run(&mut wire));
        let allocated = (counted.count_total, counted.bytes_total);
        assert_eq!(allocated, (0, 0), "{name}, {version:?}, {algorithm:?}");
    }
}

#[test]
fn ring_does_not_allocate_in_tls13() {
    assert_no_allocation::<Ring>(Tls13, Algorithm::Aes128Gcm);
    assert_no_allocation::<Ring>(Tls13, Algorithm::Chacha20Poly1305);
}

#[test]
fn ring_does_not_allocate_in_tls12() {
    assert_no_allocation::<Ring>(Tls12, Algorithm::Aes256Gcm);
    assert_no_allocation::<Ring>(Tls12, Algorithm::Chacha20Poly1305);
}

#[test]
fn rustcrypto_does_not_allocate_in_tls13() {
    assert_no_allocation::<RustCrypto>(Tls13, Algorithm::Aes128Gcm);
    assert_no_allocation::<RustCrypto>(Tls13, Algorithm::Chacha20Poly1305);
}

#[test]
fn rustcrypto_does_not_allocate_in_tls12() {
    assert_no_allocation::<RustCrypto>(Tls12, Algorithm::Aes256Gcm);
    assert_no_allocation::<RustCrypto>(Tls12, Algorithm::Chacha20Poly1305);
}

// AWS-LC allocates each key with malloc, which is not counted here.
#[test]
fn aws_lc_does_not_allocate_in_rust() {
    assert_no_allocation::<AwsLc>(Tls13, Algorithm::Aes128Gcm);
    assert_no_allocation::<AwsLc>(Tls13, Algorithm::Chacha20Poly1305);
    assert_no_allocation::<AwsLc>(Tls12, Algorithm::Aes256Gcm);
    assert_no_allocation::<AwsLc>(Tls12, Algorithm::Chacha20Poly1305);
}

/// Shows that the test can fail: it counts one byte that is allocated between records.
#[test]
fn an_allocation_between_records_is_counted() {
    let (mut client, mut server) = established::<Ring>(Tls13, Algorithm::Aes128Gcm);
    let mut wire = Wire::default();
    let counted = measure(|| {
        records(&mut client, &mut server, &mut wire, 10);
        drop(std::hint::black_box(Box::new(1_u8)));
        records(&mut server, &mut client, &mut wire, 10);
    });
    assert_eq!((counted.count_total, counted.bytes_total), (1, 1));
}
