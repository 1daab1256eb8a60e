//! One direction of a connection without the engine: its own record protection, record by record.
//!
//! It can also send records that the engine would never send.

use tls_record::aead::{Aead, NONCE_LEN, Provider};
use tls_record::{ContentType, HEADER_LEN, Header, KeySchedule, Role, TrafficSecret, Version};

const TAG_LEN: usize = 16;

/// The keys of one direction.
struct Keys<P: Provider> {
    secret: TrafficSecret<P>,
    key: P::Aead,
    iv: [u8; NONCE_LEN],
}

impl<P: Provider> Keys<P> {
    fn new(secret: TrafficSecret<P>) -> Self {
        let keys = secret.keys().expect("keys can be made");
        Self { secret, key: keys.aead, iv: keys.iv }
    }
}

/// One direction of a connection.
pub struct Direction<P: Provider> {
    keys: Option<Keys<P>>,
    /// The sequence number of the next record.
    pub sequence: u64,
    /// The next record is the first one of a client.
    is_first: bool,
}

/// A decrypted record.
#[derive(Debug)]
pub struct Record {
    /// The content type.
    pub content_type: ContentType,
    /// The content.
    pub content: Vec<u8>,
    /// The length of the padding, in TLS 1.3.
    pub padding: usize,
    /// The length of the whole record.
    pub total: usize,
}

impl<P: Provider> Direction<P> {
    /// Creates a direction without keys.
    pub const fn plain() -> Self {
        Self { keys: None, sequence: 0, is_first: false }
    }

    /// Creates a direction without keys that starts with the first record of `writer`.
    pub fn start(writer: Role) -> Self {
        Self { is_first: writer == Role::Client, ..Self::plain() }
    }

    /// Creates a direction with keys, at sequence number 0.
    pub fn new(secret: TrafficSecret<P>) -> Self {
        Self::from(secret, 0)
    }

    /// Creates a direction with keys, at this sequence number.
    pub fn from(secret: TrafficSecret<P>, sequence: u64) -> Self {
        Self { keys: Some(Keys::new(secret)), sequence, is_first: false }
    }

    /// Notes that the version is negotiated: the next record is not the first one of a client.
    pub const fn version_is_known(&mut self) {
        self.is_first = false;
    }

    /// Updates the keys (RFC 9846 section 7.2).
    ///
    /// # Panics
    /// If there are no TLS 1.3 keys.
    pub fn update(&mut self) {
        let Keys { mut secret, .. } = self.keys.take().expect("there are keys");
        secret.update().expect("there is a next generation");
        *self = Self::new(secret);
    }

    /// Returns the version of the keys, or `None` if records are not protected.
    pub fn version(&self) -> Option<Version> {
        self.keys.as_ref().map(|keys| keys.secret.version())
    }

    /// Returns whether the keys were derived from this secret.
    pub fn is_under(&self, secret: &TrafficSecret<P>) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.secret.is_same_secret(secret))
    }

    /// Returns whether the keys of both directions were derived from the same secret.
    pub fn is_under_secret_of(&self, other: &Self) -> bool {
        other.keys.as_ref().is_some_and(|keys| self.is_under(&keys.secret))
    }

    fn nonce(&self, keys: &Keys<P>) -> [u8; NONCE_LEN] {
        let mut nonce = keys.iv;
        for (byte, sequence) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= sequence;
        }
        nonce
    }

    /// Returns the number of bytes that protection adds: explicit nonce, inner content type and tag.
    pub fn expansion(&self) -> usize {
        let Some(keys) = &self.keys else { return 0 };
        match keys.secret.version() {
            Version::Tls13 => 1 + TAG_LEN,
            Version::Tls12 => keys.explicit_len() + TAG_LEN,
        }
    }

    /// Seals a record, with padding in TLS 1.3.
    ///
    /// # Panics
    /// If the record is too long for a header.
    pub fn seal(&mut self, content_type: ContentType, content: &[u8], padding: usize) -> Vec<u8> {
        let Some(mut keys) = self.keys.take() else {
            return [&header(content_type, content.len()), content].concat();
        };
        let nonce = self.nonce(&keys);
        let sequence = self.sequence.to_be_bytes();
        let mut text = content.to_vec();
        let (head, additional_data) = match keys.secret.version() {
            Version::Tls13 => {
                text.push(content_type.0);
                text.resize(text.len() + padding, 0);
                let head = header(ContentType::APPLICATION_DATA, text.len() + TAG_LEN).to_vec();
                (head.clone(), head)
            }
            Version::Tls12 => {
                let explicit = &nonce[NONCE_LEN - keys.explicit_len()..];
                let head = header(content_type, explicit.len() + text.len() + TAG_LEN);
                let authenticated = header(content_type, text.len());
                ([&head, explicit].concat(), [&sequence[..], &authenticated].concat())
            }
        };
        let mut tag = [0; TAG_LEN];
        keys.key.seal(&nonce, &additional_data, &mut text, &mut tag).expect("sealing succeeds");
        self.keys = Some(keys);
        self.sequence += 1;
        [&head[..], &text, &tag].concat()
    }

    /// Opens the record at the front of `records`. Returns `None`, and changes nothing, if it is
    /// not a record of this direction.
    pub fn try_open(&mut self, records: &[u8]) -> Option<Record> {
        let (head, rest) = records.split_first_chunk::<HEADER_LEN>()?;
        let outer = Header::decode(*head);
        let body = rest.get(..outer.length.into())?;
        let total = HEADER_LEN + body.len();
        let Some(mut keys) = self.keys.take() else {
            let content = body.to_vec();
            return Some(Record { content_type: outer.content_type, content, padding: 0, total });
        };
        let opened = self.unprotect(&mut keys, head, body);
        self.keys = Some(keys);
        let (mut content, content_type) = opened?;
        self.sequence += 1;
        let Some(content_type) = content_type else {
            let len = content.iter().rposition(|&byte| byte != 0);
            let content_type = ContentType(len.map_or(0, |len| content[len]));
            let padding = content.len() - len.map_or(0, |len| len + 1);
            content.truncate(len.unwrap_or(0));
            return Some(Record { content_type, content, padding, total });
        };
        Some(Record { content_type, content, padding: 0, total })
    }

    /// Returns the plaintext, and the content type unless it is in the plaintext.
    fn unprotect(
        &self,
        keys: &mut Keys<P>,
        head: &[u8; HEADER_LEN],
        body: &[u8],
    ) -> Option<(Vec<u8>, Option<ContentType>)> {
        let mut nonce = self.nonce(keys);
        let (text, tag) = body.split_at_checked(body.len().checked_sub(TAG_LEN)?)?;
        match keys.secret.version() {
            Version::Tls13 => {
                let mut text = text.to_vec();
                keys.key.open(&nonce, head, &mut text, tag).ok()?;
                Some((text, None))
            }
            Version::Tls12 => {
                let (explicit, text) = text.split_at_checked(keys.explicit_len())?;
                nonce[NONCE_LEN - explicit.len()..].copy_from_slice(explicit);
                let mut text = text.to_vec();
                let [content_type, major, minor, ..] = *head;
                let [high, low] = (text.len() as u16).to_be_bytes();
                let plain = [content_type, major, minor, high, low];
                let additional_data = [&self.sequence.to_be_bytes()[..], &plain].concat();
                keys.key.open(&nonce, &additional_data, &mut text, tag).ok()?;
                Some((text, Some(ContentType(content_type))))
            }
        }
    }

    /// Opens the record at the front of `records`, which the engine must have sealed.
    ///
    /// # Panics
    /// If the record does not open, or its header or its TLS 1.2 explicit nonce is wrong.
    #[track_caller]
    pub fn open(&mut self, records: &[u8]) -> Record {
        let explicit = self.keys.as_ref().map(|keys| {
            let nonce = self.nonce(keys);
            nonce[NONCE_LEN - keys.explicit_len()..].to_vec()
        });
        let record =
            self.try_open(records).expect("a record with the expected keys and sequence number");
        match (self.version(), explicit) {
            (Some(Version::Tls13), _) => assert_eq!(records[..3], [23, 3, 3]),
            (_, Some(explicit)) => {
                assert_eq!(records[1..3], [3, 3]);
                assert!(records[HEADER_LEN..].starts_with(&explicit), "the explicit nonce");
            }
            // The version of a first ClientHello (RFC 9846 section 5.1), in all of its records.
            (_, None) => {
                self.is_first &= record.content_type == ContentType::HANDSHAKE;
                assert_eq!(records[1..3], [3, if self.is_first { 1 } else { 3 }]);
            }
        }
        record
    }

    /// Must be called when the records of one call that sealed are opened.
    pub fn end_of_call(&mut self) {
        self.is_first = false;
    }
}

impl<P: Provider> Keys<P> {
    /// Returns the length of the explicit nonce: 8 in TLS 1.2 with GCM (RFC 5288 section 3),
    /// otherwise 0.
    fn explicit_len(&self) -> usize {
        let is_tls12 = self.secret.version() == Version::Tls12;
        if is_tls12 && self.key.has_explicit_nonce() { 8 } else { 0 }
    }
}

/// Returns a record header.
///
/// # Panics
/// If `length` has more than 16 bits.
pub fn header(content_type: ContentType, length: usize) -> [u8; HEADER_LEN] {
    let [high, low] = u16::try_from(length).expect("a short record").to_be_bytes();
    [content_type.0, 3, 3, high, low]
}
