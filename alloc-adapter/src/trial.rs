//! Detects whether rustls dropped a record that it could not decrypt.
//!
//! A server that rejects early data skips it by trial decryption (RFC 9846 section 4.3.10). rustls
//! does not count such a dropped record among the bytes to discard, just like a record that it
//! keeps because it holds a part of a handshake message. A dropped record that is shown again is
//! charged again to the 16 KiB that rustls skips. A kept record that is not shown again makes
//! rustls panic. So a record in doubt is taken for a kept one.
//!
//! rustls decrypts in place. A kept record then holds the inner plaintext of a handshake message,
//! whose last byte other than zero is the content type (RFC 9846 section 5.4). A dropped record
//! holds what the cipher left when authentication failed: zeros (ring, AWS-LC), or the unchanged
//! ciphertext.

use tls_record::{ContentType, HEADER_LEN};

/// The length of the tag in all TLS 1.3 suites of rustls, in bytes.
const TAG: usize = 16;

/// The number of bytes to compare. It is improbable that encryption leaves so many bytes unchanged.
const FRONT: usize = 8;

/// The first bytes of an encrypted inner plaintext, to compare with after rustls has tried to
/// decrypt it.
pub(crate) struct Trial {
    /// `None` if the inner plaintext is shorter.
    front: Option<[u8; FRONT]>,
}

impl Trial {
    /// Takes a record before it is shown, when rustls keeps no others. Returns `None` if rustls
    /// cannot drop it.
    pub(crate) fn new(record: &[u8]) -> Option<Self> {
        let content_type = ContentType(*record.first()?);
        (content_type == ContentType::APPLICATION_DATA)
            .then(|| Self { front: inner_plaintext(record).first_chunk().copied() })
    }

    /// Returns whether rustls dropped the record, after it discarded nothing and asked for the next
    /// record.
    pub(crate) fn is_dropped(&self, record: &[u8]) -> bool {
        let inner = inner_plaintext(record);
        let content_type = inner.iter().rev().find(|byte| **byte != 0);
        let is_handshake = content_type.is_some_and(|byte| *byte == ContentType::HANDSHAKE.0);
        let is_unchanged = self.front.is_some() && self.front.as_ref() == inner.first_chunk();
        !is_handshake || is_unchanged
    }
}

fn inner_plaintext(record: &[u8]) -> &[u8] {
    let fragment = record.get(HEADER_LEN..).unwrap_or_default();
    fragment.get(..fragment.len().saturating_sub(TAG)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn record(inner: &[u8]) -> Vec<u8> {
        let length = u16::try_from(inner.len() + TAG).unwrap().to_be_bytes();
        [&[23, 3, 3], &length[..], inner, &[22; TAG]].concat()
    }

    fn is_dropped(before: &[u8], after: &[u8]) -> bool {
        Trial::new(&record(before)).unwrap().is_dropped(&record(after))
    }

    #[test]
    fn a_piece_of_a_handshake_message_is_kept() {
        assert!(
            !is_dropped(&[22], &[22]),
            "no content: encryption may leave a single byte unchanged"
        );
        assert!(!is_dropped(&[0; 7], &[0, 0, 0, 22, 0, 0, 0]));
        assert!(!is_dropped(&[7; 8], &[11, 0, 1, 0, 7, 7, 7, 22]));
        assert!(!is_dropped(&[7; 300], &[&[11, 0, 1, 0][..], &[22], &[0; 295]].concat()));
    }

    #[test]
    fn a_record_that_was_not_decrypted_is_dropped() {
        for len in [0, 1, 7, 8, 300] {
            assert!(is_dropped(&[7; 300][..len], &[0; 300][..len]), "zeros");
            assert!(is_dropped(&[7; 300][..len], &[7; 300][..len]), "unchanged");
        }
        assert!(is_dropped(&[22; 8], &[22; 8]), "unchanged, and it looks like a handshake message");
        assert!(
            Trial::new(&[23, 3, 3, 0, 3, 1, 2, 3]).unwrap().is_dropped(&[23, 3, 3, 0, 3, 1, 2, 3])
        );
    }

    #[test]
    fn a_record_that_is_not_protected_is_never_dropped() {
        for content_type in [20, 21, 22] {
            assert!(Trial::new(&[content_type, 3, 3, 0, 1, 1]).is_none());
        }
    }
}
