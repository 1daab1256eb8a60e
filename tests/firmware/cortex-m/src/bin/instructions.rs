//! Counts the instructions of the engine for a record of 64 bytes, without the cipher. Run it with
//! `-icount shift=0`, where an instruction takes a nanosecond.

#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::entry;
use tls_record::aead::Algorithm;
use tls_record::aead::null::Null;
use tls_record::{
    Config, Epoch, HEADER_LEN, KeyError, Opener, Role, Sealer, TrafficSecret, Version,
};

/// The board's clock has 25 MHz.
const INSTRUCTIONS_A_TICK: u32 = 40;

const CONTENT: usize = 64;
const RECORDS: usize = 200;

/// Room for a record and its protection.
type Place = [u8; CONTENT + 32];

#[entry]
fn main() -> ! {
    board::end(run())
}

fn run() -> Result<(), KeyError> {
    let mut timer = defmt::unwrap!(Peripherals::take()).SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(0x00ff_ffff);
    timer.enable_counter();
    for version in [Version::Tls13, Version::Tls12] {
        measure(version, &mut timer)?;
    }
    Ok(())
}

fn measure(version: Version, timer: &mut SYST) -> Result<(), KeyError> {
    let (mut sealer, mut opener) = halves(version)?;
    let mut records = [[0; CONTENT + 32]; RECORDS];

    let in_place = each(timer, &mut records, |record| {
        defmt::unwrap!(sealer.seal_in_place(record, CONTENT).ok());
    });
    // The records that were sealed in place are opened first.
    let len = sealer.record_len(CONTENT);
    let opened = each(timer, &mut records, |record| {
        defmt::unwrap!(opener.open(&mut record[..len]).ok());
    });
    let content = black_box([7; CONTENT]);
    let copied = each(timer, &mut records, |record| {
        defmt::unwrap!(sealer.seal(&[&content], record).ok());
    });
    // The part of the compiler's copy: to an address that is not aligned, as after a header.
    let memcpy = each(timer, &mut records, |record| {
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

/// Returns the average instructions of `work` for a record, with those of the loop.
#[inline(never)]
fn each(timer: &mut SYST, records: &mut [Place; RECORDS], mut work: impl FnMut(&mut Place)) -> u32 {
    timer.clear_current();
    let start = SYST::get_current();
    for record in records {
        work(black_box(record));
    }
    // It counts down, and has 24 bits.
    let ticks = start.wrapping_sub(SYST::get_current()) & 0x00ff_ffff;
    ticks * INSTRUCTIONS_A_TICK / RECORDS as u32
}
