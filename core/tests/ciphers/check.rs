//! A known record is sealed, and opened again.

use tls_record::aead::Provider;
use tls_record::{Config, Epoch, Event, Opener, Role, Sealer, TrafficSecret, Version};

use super::known::Known;

/// Fails if `P` seals another record, or does not open this one.
pub(crate) fn check<P: Provider>(known: &Known) {
    let suite = known.suite;
    let secret = || match known.version {
        Version::Tls13 => {
            TrafficSecret::<P>::tls13(suite, &Known::SECRET[..suite.secret_len()]).unwrap()
        }
        Version::Tls12 => {
            let key = &Known::SECRET[..suite.key_len()];
            TrafficSecret::tls12(suite, key, &Known::IV).unwrap()
        }
    };
    let mut sealer = Sealer::new(Config::new(Role::Client));
    sealer.take_over(Epoch::Application, secret(), Known::SEQUENCE).unwrap();
    let mut record = [0; 128];
    let sealed = sealer.seal(&[Known::CONTENT], &mut record).unwrap();
    assert_eq!(&record[..sealed.written], known.record.get());
    let mut opener = Opener::new(Config::new(Role::Server));
    opener.take_over(Epoch::Application, secret(), Known::SEQUENCE).unwrap();
    let mut record = known.record;
    let record = record.get_mut();
    let opened = opener.open(record).unwrap();
    let Event::ApplicationData(range) = opened.event else { panic!("{:?}", opened.event) };
    assert_eq!(&record[range], Known::CONTENT);
}
