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
