//! Counts the instructions of the engine for a record of 64 bytes, without the cipher. Run it with
//! `-icount shift=0`, where an instruction takes a nanosecond.

#![no_std]
#![no_main]

use core::hint::black_box;

use board::instructions::{CONTENT, RECORDS, Timer};
use cortex_m_rt::entry;
use tls_record::aead::Algorithm;
use tls_record::aead::null::Null;
use tls_record::{
    Config, Epoch, HEADER_LEN, KeyError, Opener, Role, Sealer, TrafficSecret, Version,
};

#[entry]
fn main() -> ! {
    board::end(run())
}

fn run() -> Result<(), KeyError> {
    let mut timer = Timer::start();
    for version in [Version::Tls13, Version::Tls12] {
        measure(version, &mut timer)?;
    }
    Ok(())
}

fn measure(version: Version, timer: &mut Timer) -> Result<(), KeyError> {
    let (mut sealer, mut opener) = halves(version)?;
    let mut records = [[0; CONTENT + 32]; RECORDS];

    let in_place = timer.each(&mut records, |record| {
        defmt::unwrap!(sealer.seal_in_place(record, CONTENT).ok());
    });
    // The records that were sealed in place are opened first.
    let len = sealer.record_len(CONTENT);
    let opened = timer.each(&mut records, |record| {
        defmt::unwrap!(opener.open(&mut record[..len]).ok());
    });
    let content = black_box([7; CONTENT]);
    let copied = timer.each(&mut records, |record| {
        defmt::unwrap!(sealer.seal(&[&content], record).ok());
    });
    // The part of the compiler's copy: to an address that is not aligned, as after a header.
    let memcpy = timer.each(&mut records, |record| {
        let place = black_box(&mut record[HEADER_LEN..][..CONTENT]);
        place.copy_from_slice(black_box(&content));
    });
    defmt::info!("{}: {} {} {} {}", version, in_place, opened, copied, memcpy);
    Ok(())
}

fn halves(version: Version) -> Result<(Sealer<Secret>, Opener<Secret>), KeyError> {
    let secret = || match version {
        Version::Tls13 => Secret::tls13(Algorithm::Aes128Gcm, &[7; 32]),
        Version::Tls12 => Secret::tls12(Algorithm::Aes128Gcm, &[7; 16], &[7; 4]),
    };
    let mut sealer = Sealer::new(black_box(Config::new(Role::Client)));
    // In TLS 1.2 the Finished has used sequence number 0.
    let sequence = u64::from(version == Version::Tls12);
    sealer.take_over(Epoch::Application, secret()?, sequence)?;
    let mut opener = Opener::new(black_box(Config::new(Role::Server)));
    opener.take_over(Epoch::Application, secret()?, sequence)?;
    Ok((sealer, opener))
}

type Secret = TrafficSecret<Null>;
