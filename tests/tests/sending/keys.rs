use tls_record::Padding;
use tls_record_tests::chip::Chip;

use super::*;

// 9846 5.2: "An AEAD algorithm used in TLS 1.3 MUST NOT produce an expansion greater than 255
// octets."
#[test]
fn a_cipher_expands_by_less_than_255_bytes() {
    let chip = Chip::new();
    let mut layer = RecordLayer::new(Config::new(Role::Client));
    for tag_len in [0, 49, 255, 256, 48 + (1 << 8), 48 + (1 << 16), usize::MAX] {
        chip.tag_len.set(tag_len);
        let installed = layer.install(Epoch::Application, chip.slot(), chip.slot());
        assert_eq!(installed, Err(KeyError::Length), "{tag_len}");
    }
    chip.tag_len.set(48);
    layer.install(Epoch::Application, chip.slot(), chip.slot()).unwrap();
    let mut record = vec![7; 5 + 16_384 + 1 + 48];
    assert_eq!(layer.seal_in_place(&mut record, 16_384), Ok(record.len()));
    assert_eq!(record[..5], [23, 3, 3, 0x40, 49]);
    let opened = layer.open(&mut record).unwrap();
    assert_eq!(opened.event, Event::ApplicationData(5..5 + 16_384));
}

/// What is not encrypted must not lie in a buffer of records.
#[test]
fn that_fail_leave_no_content_in_the_output() {
    for how in 0..4 {
        let chip = Chip::new();
        let mut layer = chip.layer();
        layer.set_fragment_limit(8);
        if how == 3 {
            layer.set_padding(Padding::Block(32));
        }
        let mut out = [0x55; 200];
        let mut written = 0;
        if how == 0 {
            // The second record fails: the first must reach the peer.
            chip.seals.set(1);
            let sealed = layer.seal(&[b"one two three"], &mut out).unwrap();
            assert_eq!(sealed, Sealed { taken: 8, written: 30 });
            written = 30;
        } else {
            chip.seals.set(0);
            let sealed = match how {
                1 => layer.seal(&[b"content"], &mut out).map(drop),
                2 => layer.seal_handshake(&[&message(4, b"")], &mut out).map(drop),
                _ => layer.seal(&[b"con", b"tent"], &mut out).map(drop),
            };
            assert_eq!(sealed, Err(SealError::Crypto));
        }
        let behind = &out[written..];
        let zeros = behind.iter().take_while(|&&byte| byte == 0).count();
        assert!(zeros > 0 && behind[zeros..].iter().all(|&byte| byte == 0x55), "{how}");
    }
}

#[test]
fn that_one_direction_does_not_get_end_the_connection() {
    // The keys that the opener gets are made first.
    for (made, end) in [(0, ReadEnd::Open), (1, ReadEnd::Fault(Fault::Crypto))] {
        let chip = Chip::new();
        let mut layer = RecordLayer::new(Config::new(Role::Client));
        chip.keys.set(made);
        let installed = layer.install(Epoch::Application, chip.slot(), chip.slot());
        assert_eq!(installed, Err(KeyError::Crypto));
        assert_eq!(layer.end().read, end);
        assert_eq!(layer.end().write == WriteEnd::Failed, made == 1);
        assert_eq!(layer.poll_control(&mut [0; 64]), Ok(0), "no alert in plaintext");
    }
}

#[test]
fn that_have_no_next_generation_end_the_connection() {
    let chip = Chip::new();
    chip.updates.set(0);
    let mut layer = chip.layer();
    layer.update_keys(false).unwrap();
    assert_eq!(layer.poll_control(&mut [0; 64]), Err(SealError::Crypto));
    assert_eq!(layer.end().write, WriteEnd::Failed);
    assert_eq!(layer.end().read, ReadEnd::Fault(Fault::Crypto));

    let mut layer = chip.layer();
    let mut record = plaintext(DATA, &[&key_update(0)[..], &[22], &[0; 16]].concat());
    assert_eq!(layer.open(&mut record), Err(OpenError::Fault(Fault::Crypto)));
    let alert = AlertDescription::INTERNAL_ERROR;
    assert_eq!(layer.end().write, WriteEnd::AlertQueued(alert));
}

#[test]
fn data_waits_for_its_keys() {
    let mut no_keys = [
        fresh(Role::Client),
        fresh(Role::Server).set_version(Version::Tls13),
        fresh(Role::Server).install(Epoch::Handshake, Suite::Tls13),
        fresh(Role::Server).install(Epoch::Handshake, Suite::Tls12Gcm),
    ];
    for connection in &mut no_keys {
        assert_eq!(connection.send(b"data"), Err(SealError::NoKeys));
        assert_eq!(connection.send(b""), Err(SealError::NoKeys));
        assert_eq!(connection.layer.seal_in_place(&mut [0; 64], 4), Err(SealError::NoKeys));
    }
    let [.., mut tls12] = no_keys;
    let finished = message(20, &[0; 12]);
    let mut out = [0; 64];
    let length = tls12.layer.seal_handshake(&[&finished], &mut out).unwrap();
    assert_eq!(tls12.mirror.open(&out[..length]), (HANDSHAKE, finished));
    tls12.halves(|_, sealer| sealer.establish()).unwrap();
    assert_eq!(tls12.send(b"data"), Ok(vec![b"data".to_vec()]));
    let mut early = fresh(Role::Client).install(Epoch::EarlyData, Suite::Tls13);
    assert_eq!(early.send(b"data"), Ok(vec![b"data".to_vec()]));
}

#[test]
fn epochs_go_forward_and_belong_to_their_version() {
    use Epoch::{Application, EarlyData, Handshake, Plaintext};
    let epochs = [Plaintext, EarlyData, Handshake, Application];
    for suite in [Suite::Tls13, Suite::Tls12Gcm] {
        for first in epochs {
            for second in epochs {
                let has_keys =
                    |epoch| epoch > Plaintext && (suite == Suite::Tls13 || epoch > EarlyData);
                // Both ends of the direction of the client, which alone has early data.
                let mut ends = (
                    Opener::new(Config::new(Role::Server)),
                    Sealer::new(Config::new(Role::Client)),
                );
                let mut install = |epoch| {
                    let secret = || suite.secret(0x10 * epoch as u8);
                    let opened = ends.0.install(epoch, secret());
                    assert_eq!(opened, ends.1.install(epoch, secret()));
                    opened
                };
                // Its Finished has used sequence number 0.
                let is_reuse = |epoch| suite != Suite::Tls13 && epoch == Application;
                let is_first = has_keys(first) && !is_reuse(first);
                let error =
                    |epoch| if is_reuse(epoch) { KeyError::NonceReuse } else { KeyError::Epoch };
                let installed = install(first);
                assert_eq!(installed, if is_first { Ok(()) } else { Err(error(first)) });
                // TLS 1.2 has one set of keys, and a nonce must not be repeated.
                let goes_on = second > first && suite == Suite::Tls13;
                let is_second = has_keys(second) && (goes_on || !is_first);
                let installed = install(second);
                let expected = match is_second {
                    true if is_reuse(second) => Err(KeyError::NonceReuse),
                    true => Ok(()),
                    false => Err(KeyError::Epoch),
                };
                assert_eq!(installed, expected);
            }
        }
    }
}

#[test]
fn are_not_installed_after_the_end() {
    let secret = || Suite::Tls13.secret(1);
    let mut connection = fresh(Role::Client).install(Epoch::Handshake, Suite::Tls13);
    connection.layer.close().unwrap();
    connection.accept(ALERT, &CLOSE_NOTIFY);
    connection.halves(|opener, sealer| {
        assert_eq!(opener.install(Epoch::Application, secret()), Err(KeyError::Closed));
        assert_eq!(sealer.install(Epoch::Application, secret()), Err(KeyError::Closed));
        assert_eq!((opener.epoch(), sealer.epoch()), (Epoch::Handshake, Epoch::Handshake));
        assert_eq!(opener.state(), ReadState::PeerClosed);
    });
}
