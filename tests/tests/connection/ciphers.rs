//! Ciphers of one's own: one that fails, and tags of other lengths.

use tls_record::aead::{Aead, AeadError};
use tls_record::{
    Config, Connection, DirectionKeys, End, Epoch, Fault, KeyError, KeySchedule, ReadEnd,
    RecordLayer, Role, SealError, ShutdownError, Version, WriteEnd,
};
use tls_record_tests::records::{key_update, message};
use zeroize::Zeroize;

/// A cipher of somebody's own.
#[derive(Clone)]
struct Own {
    tag_len: usize,
    /// How many records it seals before it fails.
    seals: usize,
}

impl Own {
    fn connect<const TX: usize>(self) -> Connection<Self, TX> {
        let mut layer = RecordLayer::new(Config::new(Role::Client));
        layer.install(Epoch::Application, self.clone(), self).unwrap();
        Connection::new(layer)
    }
}

impl Zeroize for Own {
    fn zeroize(&mut self) {}
}

impl KeySchedule for Own {
    type Aead = Self;

    fn version(&self) -> Version {
        Version::Tls13
    }

    fn keys(&self) -> Result<DirectionKeys<Self>, KeyError> {
        Ok(DirectionKeys { aead: self.clone(), iv: [0; 12] })
    }

    fn update(&mut self) -> Result<(), KeyError> {
        Ok(())
    }
}

impl Aead for Own {
    fn tag_len(&self) -> usize {
        self.tag_len
    }

    fn confidentiality_limit(&self) -> u64 {
        u64::MAX
    }

    fn has_explicit_nonce(&self) -> bool {
        false
    }

    fn seal(
        &mut self,
        _: &[u8; 12],
        _: &[u8],
        _: &mut [u8],
        _: &mut [u8],
    ) -> Result<(), AeadError> {
        self.seals = self.seals.checked_sub(1).ok_or(AeadError)?;
        Ok(())
    }

    fn open(&mut self, _: &[u8; 12], _: &[u8], _: &mut [u8], _: &[u8]) -> Result<(), AeadError> {
        Ok(())
    }
}

/// Without a cipher there is no alert: what is sealed leaves, and both directions have failed.
#[test]
fn a_cipher_that_fails_ends_both_directions_and_takes_the_slot_away() {
    for how in 0..5 {
        let mut tls = Own { tag_len: 16, seals: 1 }.connect::<512>();
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
            // A KeyUpdate that is asked for, with a slot reserved.
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
    let mut tls = Own { tag_len: 64, seals: 2 }.connect::<200>();
    assert!(tls.can_write());
    let taken = tls.write(&[&[0; 200]]).unwrap();
    assert_eq!(taken, 200 - 2 * 70 - 5, "a KeyUpdate would still fit");
    tls.update_keys(false).unwrap();
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(tls.unsent().len(), 200);
}
