//! A handshake on a connection.

use tls_record::{Config, Connection, ContentType, Epoch, Role, SealError, Version};
use tls_record_tests::records::{HANDSHAKE, Hand, Layer, Secret, Suite, message, plaintext, split};

use crate::support::data;

#[test]
fn a_connection_carries_its_own_handshake() {
    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Server)));
    tls.received(&mut plaintext(HANDSHAKE, &message(1, b"hello"))).unwrap();
    tls.with_halves(|opener, sealer| {
        opener.set_version(Version::Tls13);
        sealer.set_version(Version::Tls13);
    });
    tls.write_handshake(&[&message(2, b"server hello")]).unwrap();
    tls.with_halves(|_, sealer| {
        sealer.install(Epoch::Handshake, Suite::Tls13.secret(1)).unwrap();
    });
    tls.write_handshake(&[&message(8, b""), &message(20, b"finished")]).unwrap();
    assert_eq!(tls.write(&[b"data"]), Err(SealError::NoKeys));
    assert_eq!(tls.reserve(4), Err(SealError::NoKeys));
    tls.with_halves(|opener, sealer| {
        opener.install(Epoch::Handshake, Suite::Tls13.secret(2)).unwrap();
        sealer.install(Epoch::Application, Suite::Tls13.secret(3)).unwrap();
    });
    assert_eq!(tls.write(&[b"data"]), Ok(4));
    let wire = tls.unsent().to_vec();
    let records: Vec<_> = split(&wire).collect();
    let mut hands =
        [Hand::new(Suite::Plain, 0), Hand::new(Suite::Tls13, 1), Hand::new(Suite::Tls13, 3)];
    let contents: Vec<_> =
        hands.iter_mut().zip(&records).map(|(hand, record)| hand.open(record)).collect();
    assert_eq!(contents[0], (HANDSHAKE, message(2, b"server hello")));
    assert_eq!(contents[1].1, [message(8, b""), message(20, b"finished")].concat());
    assert_eq!(contents[2], data(b"data"));
}

#[test]
fn a_tls12_connection_carries_its_own_handshake() {
    let suite = Suite::Tls12Gcm;
    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Client)));
    assert_eq!(tls.write_change_cipher_spec(), Err(SealError::NotHandshake), "of what version?");
    tls.write_handshake(&[&message(1, b"hello")]).unwrap();
    tls.with_halves(|opener, sealer| {
        opener.set_version(Version::Tls12);
        sealer.set_version(Version::Tls12);
    });
    tls.write_handshake(&[&message(16, b"key exchange")]).unwrap();
    tls.write_change_cipher_spec().unwrap();
    assert_eq!(tls.write_change_cipher_spec(), Err(SealError::NotHandshake), "a second one");
    tls.with_halves(|_, sealer| sealer.install(Epoch::Handshake, suite.secret(1))).unwrap();
    tls.write_handshake(&[&message(20, b"finished")]).unwrap();
    tls.with_halves(|_, sealer| sealer.establish()).unwrap();
    assert_eq!(tls.write(&[b"data"]), Ok(4));
    let wire = tls.unsent().to_vec();
    let records: Vec<_> = split(&wire).collect();
    let (mut plain, mut hand) = (Hand::new(Suite::Plain, 0), Hand::new(suite, 1));
    assert_eq!(plain.open(records[0]), (HANDSHAKE, message(1, b"hello")));
    assert_eq!(plain.open(records[1]), (HANDSHAKE, message(16, b"key exchange")));
    assert_eq!(plain.open(records[2]), (ContentType::CHANGE_CIPHER_SPEC, vec![1]));
    assert_eq!(hand.open(records[3]), (HANDSHAKE, message(20, b"finished")));
    assert_eq!(hand.open(records[4]), data(b"data"));
}

#[test]
fn a_change_cipher_spec_waits_for_room_like_everything() {
    let mut tls = Connection::<Secret, 128>::new(Layer::new(Config::new(Role::Server)));
    tls.write_handshake(&[&message(2, &[0; 114])]).unwrap();
    tls.with_halves(|opener, sealer| {
        opener.set_version(Version::Tls13);
        sealer.set_version(Version::Tls13);
    });
    assert_eq!(tls.unsent().len(), 124 + 4);
    assert_eq!(tls.write_change_cipher_spec(), Err(SealError::NoSpace { need: 6 }));
    tls.sent(5);
    assert_eq!(tls.write_change_cipher_spec(), Err(SealError::NoSpace { need: 6 }));
    tls.sent(1);
    tls.write_change_cipher_spec().unwrap();
    assert_eq!(tls.unsent()[122..], [20, 3, 3, 0, 1, 1]);
}

#[test]
fn a_flight_longer_than_the_output_is_an_error() {
    let mut tls = Connection::<Secret, 128>::new(Layer::new(Config::new(Role::Server)));
    let Err(SealError::NoSpace { need }) = tls.write_handshake(&[&message(11, &[0; 200])]) else {
        panic!("it does not fit");
    };
    assert!(need > 128, "and never will");
    assert_eq!(tls.unsent(), []);
}
