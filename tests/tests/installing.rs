//! Installing keys for the two directions of a connection, and the checks on them.

use tls_record::aead::Algorithm;
use tls_record::{
    Config, Connection, Control, Epoch, Event, Fault, KeyError, Opener, ReadEnd, Role, SealError,
    Sealer, Version, Writer,
};
use tls_record_tests::records::{Layer, Secret, Suite};

// The arguments are the client's keys and the server's, whichever role is ours.
#[test]
fn keys_are_named_by_the_role_that_writes() {
    for suite in [Suite::Tls13, Suite::Tls12Gcm] {
        let first = suite.first_sequence(Epoch::Application);
        let keys = || [1, 2].map(|byte| (suite.secret(byte), first));
        let mut ends = [Role::Client, Role::Server].map(|role| {
            let mut layer = Layer::new(Config::new(role));
            let [client, server] = keys();
            layer.take_over(Epoch::Application, client, server).unwrap();
            layer
        });
        let mut wire = [0; 64];
        for at in [0, 1] {
            let sealed = ends[at].seal(&[b"data"], &mut wire).unwrap();
            let opened = ends[1 - at].open(&mut wire[..sealed.written]).unwrap();
            assert!(matches!(opened.event, Event::ApplicationData(_)));
        }
    }
}

#[test]
fn one_secret_for_both_directions_is_refused() {
    for suite in Suite::ALL {
        let same = Err(KeyError::SameSecret);
        let secret = |byte| suite.secret(byte);
        for role in [Role::Client, Role::Server] {
            let mut layer = Layer::new(Config::new(role));
            let keys = ((secret(1), 5), (secret(1), 9));
            assert_eq!(layer.take_over(Epoch::Application, keys.0, keys.1), same);
            assert_eq!((layer.opener().sequence(), layer.sealer().sequence()), (None, None));

            assert_eq!(layer.install_one(Role::Client, Epoch::Handshake, secret(1)), Ok(()));
            assert_eq!(layer.install_one(Role::Server, Epoch::Handshake, secret(1)), same);
            assert_eq!(layer.install_one(Role::Server, Epoch::Handshake, secret(2)), Ok(()));
        }
        // With split halves neither can return an error: the connection fails before it seals
        // anything.
        let mut layer = Layer::new(Config::new(Role::Client));
        layer.with_halves(|opener, sealer| {
            opener.take_over(Epoch::Application, secret(1), 1).unwrap();
            sealer.take_over(Epoch::Application, secret(1), 1).unwrap();
        });
        assert_eq!(layer.end().read, ReadEnd::Fault(Fault::Crypto));
        assert_eq!(layer.seal(&[b"data"], &mut [0; 64]), Err(SealError::Failed));
        assert!(!layer.has_control());

        let (mut opener, mut sealer) =
            (Opener::new(Config::new(Role::Client)), Sealer::new(Config::new(Role::Client)));
        opener.take_over(Epoch::Application, secret(1), 1).unwrap();
        sealer.take_over(Epoch::Application, secret(1), 1).unwrap();
        let joined = Layer::join(opener, sealer);
        assert_eq!(joined.err(), same.err());
    }
}

// The same key with the same explicit nonces: the salt does not help (RFC 5288 section 3).
#[test]
fn one_tls12_key_with_two_salts_is_one_secret() {
    let secret = |salt| Secret::tls12(Algorithm::Aes128Gcm, &[1; 16], &[salt; 4]).unwrap();
    let mut layer = Layer::new(Config::new(Role::Client));
    let taken = layer.take_over(Epoch::Application, (secret(1), 1), (secret(2), 1));
    assert_eq!(taken, Err(KeyError::SameSecret));
}

#[test]
fn halves_of_two_versions_or_two_roles_are_refused() {
    let (tls13, tls12) = (|| Suite::Tls13.secret(1), || Suite::Tls12Gcm.secret(2));
    let mut layer = Layer::new(Config::new(Role::Client));
    let mismatch = Err(KeyError::Mismatch);
    assert_eq!(layer.install(Epoch::Handshake, tls13(), tls12()), mismatch);
    assert_eq!(layer.install(Epoch::Handshake, tls12(), tls13()), mismatch);
    // With the keys installed one after the other, at either half.
    for (first, second) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
        let mut layer = Layer::new(Config::new(Role::Client));
        layer.install_one(first, Epoch::Handshake, tls13()).unwrap();
        assert_eq!(layer.install_one(second, Epoch::Handshake, tls12()), mismatch);
        layer.with_halves(|opener, sealer| {
            assert_eq!(opener.install(Epoch::Handshake, tls12()), mismatch);
            assert_eq!(sealer.install(Epoch::Handshake, tls12()), mismatch);
        });
    }
    let halves = |role: Role, suite: Suite| {
        let mut opener = Opener::new(Config::new(role));
        opener.install(Epoch::Handshake, suite.secret(3)).unwrap();
        let mut sealer = Sealer::new(Config::new(role));
        sealer.install(Epoch::Handshake, suite.secret(4)).unwrap();
        (opener, sealer)
    };
    let (client, _) = halves(Role::Client, Suite::Tls13);
    let (_, server) = halves(Role::Server, Suite::Tls13);
    let (_, older) = halves(Role::Client, Suite::Tls12Gcm);
    let joined = Layer::join(client, server);
    assert_eq!(joined.err(), Some(KeyError::Mismatch));
    let (client, _) = halves(Role::Client, Suite::Tls13);
    let joined = Connection::<_, 512>::join(client, Writer::new(older));
    assert_eq!(joined.err(), Some(KeyError::Mismatch));
}

#[test]
fn a_pinned_version_refuses_the_keys_of_another() {
    for (pinned, other) in [(Version::Tls13, Suite::Tls12Gcm), (Version::Tls12, Suite::Tls13)] {
        let mut config = Config::new(Role::Client);
        config.version = Some(pinned);
        let mut layer = Layer::new(config);
        layer.set_version(other.version());
        let installed = layer.install(Epoch::Handshake, other.secret(1), other.secret(2));
        assert_eq!(installed, Err(KeyError::Mismatch));
    }
}

// With the handshake keys, or the peer's, as application keys, sequence numbers would start again.
#[test]
fn a_secret_of_an_earlier_epoch_is_refused() {
    let secret = |byte| Suite::Tls13.secret(byte);
    let same = Err(KeyError::SameSecret);
    let mut layer = Layer::new(Config::new(Role::Client));
    layer.install(Epoch::Handshake, secret(1), secret(2)).unwrap();
    for (client, server) in [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)] {
        let installed = layer.install(Epoch::Application, secret(client), secret(server));
        assert_eq!(installed, same, "{client}, {server}");
    }
    for writer in [Role::Client, Role::Server] {
        for byte in [1, 2] {
            assert_eq!(layer.install_one(writer, Epoch::Application, secret(byte)), same);
        }
    }
    layer.with_halves(|opener, sealer| {
        assert_eq!(sealer.install(Epoch::Application, secret(1)), same);
        assert_eq!(opener.install(Epoch::Application, secret(2)), same);
    });
    // Nothing has changed.
    assert_eq!(layer.install(Epoch::Application, secret(3), secret(4)), Ok(()));
}

#[test]
fn a_version_that_one_half_knows_binds_the_other() {
    let (mut opener, sealer) = Layer::new(Config::new(Role::Client)).split();
    opener.set_version(Version::Tls12);
    let mut layer = Layer::join(opener, sealer).unwrap();
    let installed = layer.install_one(Role::Client, Epoch::Handshake, Suite::Tls13.secret(1));
    assert_eq!(installed, Err(KeyError::Mismatch));

    // Early data has set the version already.
    let mut layer = Layer::new(Config::new(Role::Server));
    layer.install_one(Role::Client, Epoch::EarlyData, Suite::Tls13.secret(1)).unwrap();
    layer.set_version(Version::Tls12);
    let installed = layer.install_one(Role::Server, Epoch::Handshake, Suite::Tls12Gcm.secret(2));
    assert_eq!(installed, Err(KeyError::Mismatch));
}

// 9846 4.7.3: a KeyUpdate is sealed under application keys. A loop over pending control records
// must end before they are installed.
#[test]
fn a_request_waits_for_the_application_keys_of_the_other_direction() {
    let suite = Suite::Tls13;
    let mut server = Sealer::new(Config::new(Role::Server));
    server.install(Epoch::Application, suite.secret(3)).unwrap();
    server.update_keys(true).unwrap();
    let mut wire = [0; 64];
    let request = server.poll_control(&mut wire).unwrap();
    let behind = server.seal(&[b"data"], &mut wire[request..]).unwrap().written;

    let mut client = Layer::new(Config::new(Role::Client));
    client.install(Epoch::Handshake, suite.secret(1), suite.secret(2)).unwrap();
    client.install_one(Role::Server, Epoch::Application, suite.secret(3)).unwrap();
    let opened = client.open(&mut wire[..request + behind]).unwrap();
    assert_eq!(opened.event, Event::KeyUpdate { requested: true });
    // At the end of the input the request is answered.
    let opened = client.open(&mut wire[request..][..behind]).unwrap();
    assert!(matches!(opened.event, Event::ApplicationData(_)));
    assert!(!client.has_control());
    assert_eq!(client.next_control(), None);
    assert_eq!(client.poll_control(&mut wire), Ok(0));

    client.install_one(Role::Client, Epoch::Application, suite.secret(9)).unwrap();
    assert_eq!(client.next_control(), Some(Control::KeyUpdate { request: false }));
    let length = client.poll_control(&mut wire).unwrap();
    assert_ne!(length, 0);
    assert!(!client.has_control());
}
