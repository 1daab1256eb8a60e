//! One direction of a connection, worked by hand: record by record, with none of the engine's own
//! record protection, and free to do what no engine would.

use tls_record::aead::{Aead, NONCE_LEN, Provider};
use tls_record::{ContentType, HEADER_LEN, Header, KeySchedule, Role, TrafficSecret, Version};

const TAG_LEN: usize = 16;

/// The keys of a direction.
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

/// A direction.
pub struct Direction<P: Provider> {
    keys: Option<Keys<P>>,
    /// The number of the next record.
    pub sequence: u64,
    /// The next record is a client's first one.
    is_first: bool,
}

/// A record that was taken apart.
#[derive(Debug)]
pub struct Record {
    /// What it is.
    pub content_type: ContentType,
    /// What is in it.
    pub content: Vec<u8>,
    /// Zeros behind the content type of TLS 1.3.
    pub padding: usize,
    /// Length of it all.
    pub total: usize,
}

impl<P: Provider> Direction<P> {
    /// A direction before any keys.
    pub const fn plain() -> Self {
        Self { keys: None, sequence: 0, is_first: false }
    }

    /// A direction before any keys, from its first record on.
    pub fn start(writer: Role) -> Self {
        Self { is_first: writer == Role::Client, ..Self::plain() }
    }

    /// A direction under keys that begin here.
    pub fn new(secret: TrafficSecret<P>) -> Self {
        Self::from(secret, 0)
    }

    /// A direction under keys whose next record has this number.
    pub fn from(secret: TrafficSecret<P>, sequence: u64) -> Self {
        Self { keys: Some(Keys::new(secret)), sequence, is_first: false }
    }

    /// The version is negotiated: the next record is not a client's first one any more.
    pub const fn version_is_known(&mut self) {
        self.is_first = false;
    }

    /// Goes on to the next generation of keys (RFC 9846 section 7.2).
    ///
    /// # Panics
    /// Without TLS 1.3 keys.
    pub fn update(&mut self) {
        let Keys { mut secret, .. } = self.keys.take().expect("there are keys");
        secret.update().expect("there is a next generation");
        *self = Self::new(secret);
    }

    /// Whether records are protected, and how.
    pub fn version(&self) -> Option<Version> {
        self.keys.as_ref().map(|keys| keys.secret.version())
    }

    /// Whether the keys are made of this secret.
    pub fn is_under(&self, secret: &TrafficSecret<P>) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.secret.is_same_secret(secret))
    }

    /// Whether both have keys of one secret.
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

    /// Bytes that protection adds: explicit nonce, inner content type, tag.
    pub fn expansion(&self) -> usize {
        let Some(keys) = &self.keys else { return 0 };
        match keys.secret.version() {
            Version::Tls13 => 1 + TAG_LEN,
            Version::Tls12 => keys.explicit_len() + TAG_LEN,
        }
    }

    /// A record. Padding is for TLS 1.3.
    ///
    /// # Panics
    /// If it is too long for a header.
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
        keys.key.seal(&nonce, &additional_data, &mut text, &mut tag).expect("the cipher works");
        self.keys = Some(keys);
        self.sequence += 1;
        [&head[..], &text, &tag].concat()
    }

    /// Takes the record at the front of `records` apart. `None` if it is not one of this direction:
    /// then nothing has changed.
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

    /// The plaintext, and the content type if that is not in it.
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

    /// Takes the record at the front of `records` apart, which one of the engine's must be.
    ///
    /// # Panics
    /// If it is not what this direction protects, or its header is not as it must be, or a TLS 1.2
    /// nonce is not the expected one.
    #[track_caller]
    pub fn open(&mut self, records: &[u8]) -> Record {
        let explicit = self.keys.as_ref().map(|keys| {
            let nonce = self.nonce(keys);
            nonce[NONCE_LEN - keys.explicit_len()..].to_vec()
        });
        let record = self.try_open(records).expect("a record under the expected keys");
        match (self.version(), explicit) {
            (Some(Version::Tls13), _) => assert_eq!(records[..3], [23, 3, 3]),
            (_, Some(explicit)) => {
                assert_eq!(records[1..3], [3, 3]);
                assert!(records[HEADER_LEN..].starts_with(&explicit), "the explicit nonce");
            }
            // The version of a first ClientHello (RFC 9846 section 5.1).
            (_, None) => {
                let is_first = std::mem::take(&mut self.is_first);
                let is_hello = is_first && record.content_type == ContentType::HANDSHAKE;
                assert_eq!(records[1..3], [3, if is_hello { 1 } else { 3 }]);
            }
        }
        record
    }
}

impl<P: Provider> Keys<P> {
    /// Bytes of the nonce in each record: eight in TLS 1.2 with GCM (RFC 5288 section 3).
    fn explicit_len(&self) -> usize {
        let is_tls12 = self.secret.version() == Version::Tls12;
        if is_tls12 && self.key.has_explicit_nonce() { 8 } else { 0 }
    }
}

/// A record header.
///
/// # Panics
/// If `length` has more than 16 bits.
pub fn header(content_type: ContentType, length: usize) -> [u8; HEADER_LEN] {
    let [high, low] = u16::try_from(length).expect("a short record").to_be_bytes();
    [content_type.0, 3, 3, high, low]
}
