use super::*;

// TLS 1.2 has one set of keys; those of a TLS 1.3 handshake never protect data.
#[test]
fn is_for_the_handshake_keys_of_tls12_alone() {
    for (epoch, suite) in [
        (Epoch::EarlyData, Suite::Tls13),
        (Epoch::Handshake, Suite::Tls13),
        (Epoch::Application, Suite::Tls13),
        (Epoch::Application, Suite::Tls12Gcm),
    ] {
        fresh(Role::Client).install(epoch, suite).halves(|opener, sealer| {
            let epochs = (opener.epoch(), sealer.epoch());
            assert_eq!(epochs.1, epoch);
            let established = (opener.establish(), sealer.establish());
            assert_eq!(established, (Err(KeyError::Epoch), Err(KeyError::Epoch)));
            assert_eq!((opener.epoch(), sealer.epoch()), epochs);
        });
    }
    for version in [Version::Tls12, Version::Tls13] {
        fresh(Role::Client).set_version(version).halves(|opener, sealer| {
            let established = (opener.establish(), sealer.establish());
            assert_eq!(established, (Err(KeyError::Epoch), Err(KeyError::Epoch)));
        });
    }
}
