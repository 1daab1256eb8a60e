//! Custom ciphers: one that fails, and tags of other lengths.

use tls_record::{Connection, End, Fault, ReadEnd, SealError, ShutdownError, WriteEnd};
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
fn a_record_fits_whatever_the_length_of_its_tag() {
    let chip = Chip::new();
    chip.tag_len.set(64);
    let mut tls = Connection::<_, 200>::new(chip.layer());
    assert!(tls.can_write());
    let taken = tls.write(&[&[0; 200]]).unwrap();
    assert_eq!(taken, 200 - 2 * 70 - 5, "a KeyUpdate would still fit");
    tls.update_keys(false).unwrap();
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(tls.unsent().len(), 200);
}
