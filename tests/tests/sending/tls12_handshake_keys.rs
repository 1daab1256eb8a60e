use super::*;

// CVE-2026-5446: installed a second time, the keys would repeat their nonces.
#[test]
fn are_installed_once() {
    let secret = || Suite::Tls12Gcm.secret(1);
    let mut connection = fresh(Role::Client).install(Epoch::Handshake, Suite::Tls12Gcm);
    let installed =
        connection.layer.install(Epoch::Application, secret(), Suite::Tls12Gcm.secret(2));
    assert_eq!(installed, Err(KeyError::Epoch));
    connection.layer.with_halves(|opener, sealer| {
        assert_eq!(opener.install(Epoch::Application, secret()), Err(KeyError::Epoch));
        assert_eq!(sealer.install(Epoch::Application, secret()), Err(KeyError::Epoch));
        // Nor are they those of application data before the Finished has had number 0.
        let reuse = Err(KeyError::NonceReuse);
        assert_eq!((opener.establish(), sealer.establish()), (reuse, reuse));
    });
    let finished = message(20, &[0; 12]);
    assert!(connection.layer.seal_handshake(&[&finished], &mut [0; 64]).is_ok());
    connection.accept(HANDSHAKE, &finished);
    connection.layer.with_halves(|opener, sealer| {
        assert_eq!((opener.establish(), sealer.establish()), (Ok(()), Ok(())));
    });
}

// 5246 7.1: what follows the change_cipher_spec is protected.
#[test]
fn are_due_after_change_cipher_spec() {
    let mut layer = fresh(Role::Client).set_version(Version::Tls12).layer;
    let mut out = [0; 64];
    let finished = message(20, &[0; 12]);
    layer.with_halves(|_, sealer| {
        assert_eq!(sealer.change_cipher_spec(&mut out), Ok(6));
        assert_eq!(sealer.change_cipher_spec(&mut out), Err(SealError::NotHandshake));
        let sealed = sealer.seal_handshake(&[&finished], &mut out);
        assert_eq!(sealed, Err(SealError::NoKeys));
        sealer.install(Epoch::Handshake, Suite::Tls12Gcm.secret(1)).unwrap();
        assert!(sealer.seal_handshake(&[&finished], &mut out).is_ok());
    });
}

// 5288 3: a nonce must not repeat. The Finished had number 0 under the application keys, too.
#[test]
fn application_keys_of_tls12_never_begin_at_sequence_number_0() {
    for suite in [Suite::Tls12Gcm, Suite::Tls12Chacha] {
        let [client, server] = [1, 2].map(|byte| move || suite.secret(byte));
        let mut layer = fresh(Role::Client).layer;
        let reuse = Err(KeyError::NonceReuse);
        assert_eq!(layer.install(Epoch::Application, client(), server()), reuse);
        for (first, second) in [(0, 1), (1, 0)] {
            let keys = ((client(), first), (server(), second));
            assert_eq!(layer.take_over(Epoch::Application, keys.0, keys.1), reuse);
        }
        for writer in [Role::Client, Role::Server] {
            assert_eq!(layer.install_one(writer, Epoch::Application, client()), reuse);
        }
        layer.with_halves(|opener, sealer| {
            assert_eq!(opener.install(Epoch::Application, server()), reuse);
            assert_eq!(sealer.install(Epoch::Application, client()), reuse);
            assert_eq!((opener.sequence(), sealer.sequence()), (None, None));
        });
        // Nothing has changed: the number of the next record is all that was missing.
        assert_eq!(layer.take_over(Epoch::Application, (client(), 1), (server(), 1)), Ok(()));
    }
}

// 5246 7.1: after our change_cipher_spec the peer reads under the new keys.
#[test]
fn an_alert_behind_change_cipher_spec_waits_for_the_keys() {
    let ends: [fn(&mut Sealer<Secret>); 3] = [
        |sealer| sealer.close().unwrap(),
        |sealer| sealer.cancel().unwrap(),
        |sealer| sealer.abort(AlertDescription::INTERNAL_ERROR).unwrap(),
    ];
    for end in ends {
        let mut sealer = Sealer::new(Config::new(Role::Client));
        sealer.set_version(Version::Tls12);
        let mut out = [0; 64];
        assert_eq!(sealer.change_cipher_spec(&mut out), Ok(6));
        end(&mut sealer);
        assert!(!sealer.has_control());
        assert_eq!(sealer.poll_control(&mut out), Ok(0));
        sealer.install(Epoch::Handshake, Suite::Tls12Gcm.secret(7)).unwrap();
        assert!(sealer.has_control());
        let written = sealer.poll_control(&mut out).unwrap();
        let (content_type, _) = Hand::new(Suite::Tls12Gcm, 7).open(&out[..written]);
        assert_eq!(content_type, ALERT);
    }
}

#[test]
fn a_shutdown_behind_change_cipher_spec_asks_for_the_keys() {
    let layer = fresh(Role::Client).set_version(Version::Tls12).layer;
    let mut tls = tls_record::Connection::<_, 512>::new(layer);
    tls.write_change_cipher_spec().unwrap();
    tls.sent(6);
    for _ in 0..2 {
        assert_eq!(tls.shutdown(), Err(ShutdownError::NoKeys));
        assert_eq!(tls.shutdown_both(100), Err(ShutdownError::NoKeys));
    }
    tls.install_one(Role::Client, Epoch::Handshake, Suite::Tls12Gcm.secret(7)).unwrap();
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));
    tls.sent(tls.unsent().len());
    assert_eq!(tls.shutdown(), Ok(()));
}
