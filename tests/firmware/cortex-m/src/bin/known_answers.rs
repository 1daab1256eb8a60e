//! Seals and opens records whose bytes are known, in all suites.

#![no_std]
#![no_main]

#[path = "../../../../../core/tests/ciphers/known.rs"]
mod known;

use cortex_m_rt::entry;
use known::{Known, RECORDS};
use tls_record::aead::rustcrypto::RustCrypto;
use tls_record::{
    Config, Epoch, Event, Fault, KeyError, OpenError, Opener, Role, Sealer, TrafficSecret, Version,
};

#[entry]
fn main() -> ! {
    board::end(RECORDS.iter().try_for_each(check))
}

fn check(known: &Known) -> Result<(), KeyError> {
    let mut record = [0; 64];
    let mut sealer = Sealer::new(Config::new(Role::Client));
    sealer.take_over(Epoch::Application, secret(known)?, Known::SEQUENCE)?;
    let sealed = defmt::unwrap!(sealer.seal(&[Known::CONTENT], &mut record));
    let record = &mut record[..sealed.written];
    defmt::assert_eq!(record, known.record.get());

    let mut opener = Opener::new(Config::new(Role::Server));
    opener.take_over(Epoch::Application, secret(known)?, Known::SEQUENCE)?;
    let opened = defmt::unwrap!(opener.open(record));
    let Event::ApplicationData(content) = opened.event else { defmt::panic!("{}", opened.event) };
    defmt::assert_eq!(&record[content], Known::CONTENT);

    let mut opener = Opener::new(Config::new(Role::Server));
    opener.take_over(Epoch::Application, secret(known)?, Known::SEQUENCE)?;
    let mut forged = known.record;
    let forged = forged.get_mut();
    forged[forged.len() - 1] ^= 1;
    defmt::assert_eq!(opener.open(forged), Err(OpenError::Fault(Fault::BadRecordMac)));
    defmt::info!("{}, {}: as known", known.version, known.suite);
    Ok(())
}

fn secret(known: &Known) -> Result<TrafficSecret<RustCrypto>, KeyError> {
    let suite = known.suite;
    match known.version {
        Version::Tls13 => TrafficSecret::tls13(suite, &Known::SECRET[..suite.secret_len()]),
        Version::Tls12 => {
            TrafficSecret::tls12(suite, &Known::SECRET[..suite.key_len()], &Known::IV)
        }
    }
}
