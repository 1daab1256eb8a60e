//! Custom ciphers: one that fails, and tags of other lengths.

use tls_record::{
    Config, Connection, End, Epoch, Fault, Padding, ReadEnd, Role, SealError, ShutdownError,
    Version, WriteEnd,
};
use tls_record_tests::chip::Chip;
use tls_record_tests::records::{key_update, message};

/// Without a cipher there is no alert: sealed records are sent, and both directions have failed.
#[test]
fn a_cipher_that_fails_ends_both_directions_and_discards_the_slot() {
    for how in 0..5 {
        let chip = Chip::new();
        chip.seals.set(1);
        let mut tls = Connection::<_, 512>::new(chip.layer());
        tls.write(&[b"sealed"]).unwrap();
        match how {
            0 => {
                tls.reserve(4).unwrap();
                assert_eq!(tls.commit(4), Err(SealError::Crypto));
            }
            1 => assert_eq!(tls.write(&[b"data"]), Err(SealError::Crypto)),
            2 => assert_eq!(tls.shutdown(), Err(ShutdownError::Failed)),
            3 => {
                let sealed = tls.write_handshake(&[&message(4, b"")]);
                assert_eq!(sealed, Err(SealError::Crypto));
            }
            // A requested KeyUpdate, with a slot reserved.
            _ => {
                tls.reserve(4).unwrap();
                let mut request =
                    [&[23, 3, 3, 0, 22][..], &key_update(1), &[22], &[0; 16]].concat();
                tls.received(&mut request).unwrap();
                assert_eq!(tls.commit(4), Err(SealError::Crypto));
            }
        }
        let end = End { read: ReadEnd::Fault(Fault::Crypto), write: WriteEnd::Failed };
        assert_eq!((tls.end(), tls.unsent().len()), (end, 5 + 6 + 1 + 16), "{how}");
        assert_eq!(tls.slot_mut(), None);
        assert_eq!(tls.commit(4), Err(SealError::NoSlot));
        tls.sent(100);
        assert_eq!((tls.end(), tls.shutdown()), (end, Err(ShutdownError::Failed)));
        assert_eq!(tls.write(&[b"late"]), Err(SealError::Failed));
    }
}

#[test]
fn the_shortest_buffer_writes_updates_keys_and_closes_whatever_the_length_of_tags() {
    let chip = Chip::new();
    for tag_len in 1..=48 {
        for version in [Version::Tls12, Version::Tls13] {
            for padding in [None, Some(Padding::FULL), Some(Padding::Block(64))] {
                println!("{tag_len} {version:?} {padding:?}");
                chip.tag_len.set(tag_len);
                let mut config = Config::new(Role::Client);
                config.pads_control = padding.is_some();
                config.padding = padding.unwrap_or(Padding::None);
                let mut tls = Connection::<_, 128>::without_keys(config);
                let keys = || (chip.slot_of(version), 1);
                tls.take_over(Epoch::Application, keys(), keys()).unwrap();
                assert!(tls.can_write());
                tls.reserve(1).unwrap();
                tls.discard().unwrap();
                assert_ne!(tls.write(&[&[0; 200]]).unwrap(), 0);
                if version == Version::Tls13 {
                    tls.update_keys(false).unwrap();
                }
                for call in 0.. {
                    let closed = tls.shutdown();
                    if tls.unsent().is_empty() {
                        assert_eq!(closed, Ok(()));
                        break;
                    }
                    assert_eq!((closed, call < 4), (Err(ShutdownError::WouldBlock), true));
                    tls.sent(usize::MAX);
                }
            }
        }
    }
}
