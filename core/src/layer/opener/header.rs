//! Checking the header of a record, before its body has arrived.

use core::ops::Deref;

use super::Opener;
use super::early_data::EarlyData;
use crate::crypto::keys::KeySchedule;
use crate::crypto::protection::Protection;
use crate::protocol::close::ReadState;
use crate::protocol::error::Fault;
use crate::protocol::record::{
    ContentType, Epoch, HEADER_LEN, Header, MAX_CONTENT, MAX_PROTECTED_TLS13, Role, VERSION_FIELD,
    is_not_tls,
};

impl<K: KeySchedule> Opener<K> {
    /// Returns how many bytes of input [`open`](Self::open) needs to return more than
    /// [`Event::NeedMore`](crate::Event::NeedMore).
    ///
    /// It is 0 if this direction has ended, or if `open` will refuse the header. So while the direction is
    /// open, a call of `open` makes progress if `needed(input) <= input.len()`. This can be asked before
    /// `input` is writable, and before waiting for the transport. A record that is opened as it arrives
    /// needs less at a time.
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Epoch, Opener, Role, TrafficSecret};
    /// # let mut opener = Opener::new(Config::new(Role::Client));
    /// # let secret = TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[7; 32])?;
    /// # opener.install(Epoch::Application, secret)?;
    /// assert_eq!(opener.needed(&[]), 5); // a header
    /// assert_eq!(opener.needed(&[23, 3, 3, 0, 30, 1]), 35); // a record of 30 bytes
    /// assert_eq!(opener.needed(b"HTTP/1.1"), 0); // refused by its header
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn needed(&self, input: &[u8]) -> usize {
        if self.state != ReadState::Open {
            return 0;
        }
        if self.rest != 0 {
            return usize::from(self.rest).wrapping_add(self.trailer.into());
        }
        let Some(header) = input.first_chunk() else { return HEADER_LEN };
        let Header { content_type, version, length } = Header::decode(*header);
        let is_refused = match protecting(self.keys.get(), content_type, version) {
            Ok(Some(_)) => self.early_data.is_over(self.max_body, length),
            Ok(None) => self.check_unprotected(header).is_err(),
            Err(_) => true,
        };
        if is_refused { 0 } else { HEADER_LEN.wrapping_add(length.into()) }
    }

    /// Checks the header of an unprotected record (RFC 9846 section 5.1).
    ///
    /// Before there are keys, every record is unprotected. After that, TLS 1.3 has two: the
    /// change_cipher_spec of the compatibility mode (section 5), and the error alert of a peer that
    /// failed before it had keys.
    pub(super) fn check_unprotected(&self, header: &[u8; HEADER_LEN]) -> Result<(), Fault> {
        let Header { content_type, length, .. } = Header::decode(*header);
        if self.is_first && self.epoch == Epoch::Plaintext && is_not_tls(header) {
            return Err(Fault::NotTls);
        }
        let mut longest = MAX_CONTENT;
        let is_expected = match (self.epoch, content_type) {
            (Epoch::Plaintext, ContentType::HANDSHAKE | ContentType::ALERT) => !self.is_keys_due(),
            // It must follow the first ClientHello. A client has sent its own before it receives
            // anything, and a server has received one if it knows the version.
            (Epoch::Plaintext, ContentType::CHANGE_CIPHER_SPEC) => {
                let is_after_hello = self.role == Role::Client || self.version.is_some();
                is_after_hello && !self.is_keys_due()
            }
            (Epoch::Plaintext, ContentType::APPLICATION_DATA) => {
                longest = MAX_PROTECTED_TLS13;
                self.early_data == EarlyData::SkipApplicationData
            }
            (Epoch::EarlyData | Epoch::Handshake, ContentType::CHANGE_CIPHER_SPEC) => true,
            (Epoch::Handshake, ContentType::ALERT) => self.sequence() == Some(0),
            _ => false,
        };
        if !is_expected {
            return Err(Fault::UnexpectedContentType);
        }
        if length > longest {
            return Err(Fault::RecordOverflow);
        }
        Ok(())
    }
}

/// Returns the keys that protect a record, or `None` if it is not protected.
pub(super) fn protecting<K: KeySchedule, P: Deref<Target = Protection<K>>>(
    keys: Option<P>,
    content_type: ContentType,
    version: u16,
) -> Result<Option<P>, Fault> {
    match keys {
        Some(keys) if keys.version.is_tls12() => {
            check_tls12(content_type, version)?;
            Ok(Some(keys))
        }
        // RFC 9846 section 5.2.
        Some(keys) if content_type == ContentType::APPLICATION_DATA => Ok(Some(keys)),
        _ => Ok(None),
    }
}

/// Checks the header of a record under TLS 1.2 keys (RFC 5246 sections 6.1 and 6.2.3).
fn check_tls12(content_type: ContentType, version: u16) -> Result<(), Fault> {
    if version != VERSION_FIELD {
        return Err(Fault::RecordVersion);
    }
    match content_type {
        ContentType::APPLICATION_DATA | ContentType::ALERT | ContentType::HANDSHAKE => Ok(()),
        _ => Err(Fault::UnexpectedContentType),
    }
}
