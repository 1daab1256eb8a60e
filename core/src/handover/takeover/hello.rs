//! What a handshake agrees on for the record layer, read from its messages byte by byte.
//!
//! [`HelloReader`] reads a ClientHello, a ServerHello or an EncryptedExtensions (RFC 9846 sections 4.2 and
//! 4.4.1, RFC 5246 section 7.4.1), which may arrive in pieces of any length, and keeps in [`Hellos`] what
//! decides how records are protected. It judges nothing else: the TLS library does.

use crate::protocol::handshake::HandshakeType;
use crate::protocol::record::Version;

/// Length of a random value in bytes.
pub(crate) const RANDOM_LEN: usize = 32;
/// The longest protocol name that is kept, in bytes.
pub(crate) const MAX_ALPN_LEN: usize = 24;

/// The random value of a ServerHello that is a HelloRetryRequest (RFC 9846 section 4.2.3).
const HELLO_RETRY_REQUEST: [u8; RANDOM_LEN] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The extensions that matter to records.
const MAX_FRAGMENT_LENGTH: u16 = 1;
const ALPN: u16 = 16;
const RECORD_SIZE_LIMIT: u16 = 28;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// The negotiated values, as far as the messages were read.
pub(crate) struct Hellos {
    pub(crate) client_random: [u8; RANDOM_LEN],
    /// True once `client_random` was read: zeros are a valid value.
    pub(crate) has_client_random: bool,
    pub(crate) server_random: [u8; RANDOM_LEN],
    /// The version of the ServerHello, or of its supported_versions.
    pub(crate) version: u16,
    pub(crate) suite: u16,
    /// The record_size_limit of each end (RFC 8449); 0 if it sent none.
    pub(crate) client_limit: u16,
    pub(crate) server_limit: u16,
    /// The max_fragment_length that the server confirmed (RFC 6066 section 4); 0 if there is none.
    pub(crate) fragment_code: u8,
    /// Whether the last ClientHello offered early data, and the server accepted it.
    pub(crate) offers_early_data: bool,
    pub(crate) accepts_early_data: bool,
    alpn: [u8; MAX_ALPN_LEN],
    alpn_len: u8,
}

impl Hellos {
    pub(crate) const fn new() -> Self {
        Self {
            client_random: [0; RANDOM_LEN],
            has_client_random: false,
            server_random: [0; RANDOM_LEN],
            version: 0,
            suite: 0,
            client_limit: 0,
            server_limit: 0,
            fragment_code: 0,
            offers_early_data: false,
            accepts_early_data: false,
            alpn: [0; MAX_ALPN_LEN],
            alpn_len: 0,
        }
    }

    /// Whether the ServerHello was a HelloRetryRequest.
    pub(crate) fn is_retry(&self) -> bool {
        self.server_random == HELLO_RETRY_REQUEST
    }

    /// The version, if records of it are known.
    pub(crate) const fn version(&self) -> Option<Version> {
        match self.version {
            0x0303 => Some(Version::Tls12),
            0x0304 => Some(Version::Tls13),
            _ => None,
        }
    }

    /// The protocol that the server chose, unless its name is too long.
    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        self.alpn.get(..self.alpn_len.into()).filter(|name| !name.is_empty())
    }

    /// Resets what an earlier message of this type has set: the last ClientHello and ServerHello count.
    const fn begin(&mut self, message: HandshakeType) {
        match message {
            HandshakeType::CLIENT_HELLO => {
                self.client_limit = 0;
                self.offers_early_data = false;
            }
            HandshakeType::SERVER_HELLO => {
                self.server_limit = 0;
                self.fragment_code = 0;
                self.alpn_len = 0;
            }
            _ => {}
        }
    }
}

/// A length in a message exceeds what is around it, or the message ends too early.
#[derive(Debug)]
pub(crate) struct Malformed;

/// The parts of the messages, in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    LegacyVersion,
    Random,
    SessionIdLength,
    SessionId,
    /// All that a client offers, or the one that the server chose.
    SuitesLength,
    Suites,
    Suite,
    CompressionsLength,
    Compressions,
    Compression,
    /// A TLS 1.2 hello may end before it.
    ExtensionsLength,
    /// A message may end before it, if the extensions fill their length.
    ExtensionType,
    ExtensionLength,
    Extension,
}

/// Reads one message at a time.
pub(crate) struct HelloReader {
    message: HandshakeType,
    field: Field,
    /// Bytes of the field that are still to come, and the value of those that came, if it is a number.
    left: u16,
    number: u16,
    /// Bytes of extensions behind the one that is being read.
    extensions: u16,
    extension_type: u16,
    extension_len: u16,
}

impl HelloReader {
    pub(crate) const fn new() -> Self {
        Self {
            message: HandshakeType::CLIENT_HELLO,
            field: Field::ExtensionsLength,
            left: 2,
            number: 0,
            extensions: 0,
            extension_type: 0,
            extension_len: 0,
        }
    }

    /// Begins a message of one of the three kinds.
    pub(crate) fn begin(&mut self, message: HandshakeType, hellos: &mut Hellos) {
        *self = Self::new();
        self.message = message;
        if message != HandshakeType::ENCRYPTED_EXTENSIONS {
            self.field = Field::LegacyVersion;
        }
        hellos.begin(message);
    }

    /// Reads the next bytes of the body.
    pub(crate) fn read(&mut self, bytes: &[u8], hellos: &mut Hellos) -> Result<(), Malformed> {
        for &byte in bytes {
            // Only the extensions can be at their end here.
            self.left = self.left.checked_sub(1).ok_or(Malformed)?;
            self.number = (self.number << 8) | u16::from(byte);
            match self.field {
                Field::Random => self.random(byte, hellos),
                Field::Extension => self.extension(byte, hellos),
                _ => {}
            }
            while self.left == 0 && self.next(hellos)? {
                self.number = 0;
            }
        }
        Ok(())
    }

    /// Checks that the message may end here.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        match (self.field, self.left) {
            (Field::ExtensionsLength, 2) | (Field::ExtensionType, 0) => Ok(()),
            _ => Err(Malformed),
        }
    }

    fn is_client_hello(&self) -> bool {
        self.message == HandshakeType::CLIENT_HELLO
    }

    /// Goes on to the next field. Returns false at the end of the extensions, where none is left.
    fn next(&mut self, hellos: &mut Hellos) -> Result<bool, Malformed> {
        (self.field, self.left) = match self.field {
            Field::LegacyVersion => {
                if !self.is_client_hello() {
                    hellos.version = self.number;
                }
                (Field::Random, RANDOM_LEN as u16)
            }
            Field::Random => {
                hellos.has_client_random |= self.is_client_hello();
                (Field::SessionIdLength, 1)
            }
            Field::SessionIdLength => (Field::SessionId, self.number),
            Field::SessionId if self.is_client_hello() => (Field::SuitesLength, 2),
            Field::SessionId => (Field::Suite, 2),
            Field::SuitesLength => (Field::Suites, self.number),
            Field::Suites => (Field::CompressionsLength, 1),
            Field::Suite => {
                hellos.suite = self.number;
                (Field::Compression, 1)
            }
            Field::CompressionsLength => (Field::Compressions, self.number),
            Field::Compressions | Field::Compression => (Field::ExtensionsLength, 2),
            Field::ExtensionsLength => {
                self.extensions = self.number;
                return Ok(self.next_extension());
            }
            Field::ExtensionType => {
                self.extension_type = self.number;
                (Field::ExtensionLength, 2)
            }
            Field::ExtensionLength => {
                self.extension_len = self.number;
                self.extensions = self
                    .number
                    .checked_add(4)
                    .and_then(|all| self.extensions.checked_sub(all))
                    .ok_or(Malformed)?;
                (Field::Extension, self.number)
            }
            Field::Extension => {
                self.end_of_extension(hellos);
                return Ok(self.next_extension());
            }
        };
        Ok(true)
    }

    fn next_extension(&mut self) -> bool {
        let has_more = self.extensions != 0;
        (self.field, self.left) = (Field::ExtensionType, if has_more { 2 } else { 0 });
        has_more
    }

    fn random(&self, byte: u8, hellos: &mut Hellos) {
        let at = RANDOM_LEN.wrapping_sub(1).wrapping_sub(self.left.into());
        let random = if self.is_client_hello() {
            &mut hellos.client_random
        } else {
            &mut hellos.server_random
        };
        if let Some(place) = random.get_mut(at) {
            *place = byte;
        }
    }

    /// Keeps a byte of the chosen protocol: a list of one name, behind two lengths (RFC 7301 section
    /// 3.1).
    fn extension(&self, byte: u8, hellos: &mut Hellos) {
        const LENGTHS: u16 = 3;
        if self.extension_type != ALPN || self.is_client_hello() {
            return;
        }
        let at = self.extension_len.wrapping_sub(1).wrapping_sub(self.left);
        let Some(at) = at.checked_sub(LENGTHS) else { return };
        hellos.alpn_len = match hellos.alpn.get_mut(usize::from(at)) {
            Some(place) => {
                *place = byte;
                at.wrapping_add(1) as u8
            }
            None => u8::MAX,
        };
    }

    fn end_of_extension(&self, hellos: &mut Hellos) {
        let is_client = self.is_client_hello();
        match self.extension_type {
            RECORD_SIZE_LIMIT if is_client => hellos.client_limit = self.number,
            RECORD_SIZE_LIMIT => hellos.server_limit = self.number,
            MAX_FRAGMENT_LENGTH if !is_client => hellos.fragment_code = self.number as u8,
            EARLY_DATA if is_client => hellos.offers_early_data = true,
            EARLY_DATA => hellos.accepts_early_data = true,
            SUPPORTED_VERSIONS if !is_client => hellos.version = self.number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    /// A body of a hello: what comes before the extensions, and these.
    fn hello(before: &[&[u8]], extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut list = Vec::new();
        for (extension_type, body) in extensions {
            list.extend(extension_type.to_be_bytes());
            list.extend((body.len() as u16).to_be_bytes());
            list.extend(*body);
        }
        let mut hello = before.concat();
        hello.extend((list.len() as u16).to_be_bytes());
        hello.extend(list);
        hello
    }

    fn client_hello(extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let (suites, compressions) = ([0, 4, 0x13, 1, 0x13, 2], [1, 0]);
        hello(&[&[3, 3], &[0xc1; 32], &[2, 7, 7], &suites, &compressions], extensions)
    }

    fn server_hello(random: &[u8; 32], extensions: &[(u16, &[u8])]) -> Vec<u8> {
        hello(&[&[3, 3], random, &[0], &[0x13, 1], &[0]], extensions)
    }

    /// Reads a body whole, and in pieces of every length.
    fn read(message: HandshakeType, body: &[u8], hellos: &mut Hellos) -> Result<(), Malformed> {
        for len in 1..=body.len().max(1) {
            let mut reader = HelloReader::new();
            reader.begin(message, hellos);
            body.chunks(len).try_for_each(|piece| reader.read(piece, hellos))?;
            reader.end()?;
        }
        Ok(())
    }

    #[test]
    fn what_a_client_offers_is_kept() {
        let mut hellos = Hellos::new();
        let extensions =
            [(0, &b"name"[..]), (1, &[4]), (28, &[0x40, 1]), (42, &[]), (43, &[2, 3, 4])];
        let body = client_hello(&extensions);
        read(HandshakeType::CLIENT_HELLO, &body, &mut hellos).unwrap();
        assert_eq!(hellos.client_random, [0xc1; 32]);
        assert_eq!((hellos.client_limit, hellos.server_limit), (0x4001, 0));
        assert!(hellos.offers_early_data && !hellos.accepts_early_data);
        // What it offers is not yet chosen.
        assert_eq!((hellos.version, hellos.fragment_code), (0, 0));

        // The second one counts, after a HelloRetryRequest.
        let body = client_hello(&[]);
        read(HandshakeType::CLIENT_HELLO, &body, &mut hellos).unwrap();
        assert_eq!(hellos.client_limit, 0);
        assert!(!hellos.offers_early_data);
    }

    #[test]
    fn what_a_server_chooses_is_kept() {
        let mut hellos = Hellos::new();
        let body = server_hello(&[9; 32], &[(43, &[3, 4]), (51, &[0; 36])]);
        read(HandshakeType::SERVER_HELLO, &body, &mut hellos).unwrap();
        assert_eq!((hellos.version(), hellos.suite), (Some(Version::Tls13), 0x1301));
        assert_eq!(hellos.server_random, [9; 32]);
        assert!(!hellos.is_retry());

        let extensions = [(16, &[0, 3, 2, b'h', b'2'][..]), (28, &[2, 0]), (1, &[4])];
        let body = hello(&[], &extensions);
        read(HandshakeType::ENCRYPTED_EXTENSIONS, &body, &mut hellos).unwrap();
        assert_eq!(hellos.alpn(), Some(&b"h2"[..]));
        assert_eq!((hellos.server_limit, hellos.fragment_code), (512, 4));
        assert!(!hellos.accepts_early_data);
        let body = hello(&[], &[(42, &[])]);
        read(HandshakeType::ENCRYPTED_EXTENSIONS, &body, &mut hellos).unwrap();
        assert!(hellos.accepts_early_data);

        read(HandshakeType::SERVER_HELLO, &server_hello(&HELLO_RETRY_REQUEST, &[]), &mut hellos)
            .unwrap();
        assert!(hellos.is_retry());
        assert_eq!(hellos.version(), Some(Version::Tls12));
        // TLS 1.2 may leave the extensions out.
        let mut body = server_hello(&[9; 32], &[]);
        body.truncate(body.len() - 2);
        read(HandshakeType::SERVER_HELLO, &body, &mut hellos).unwrap();
    }

    #[test]
    fn a_second_server_hello_takes_the_place_of_the_first() {
        let mut hellos = Hellos::new();
        let extensions = [(16, &[0, 3, 2, b'h', b'2'][..]), (28, &[2, 0]), (1, &[4])];
        let body = server_hello(&HELLO_RETRY_REQUEST, &extensions);
        read(HandshakeType::SERVER_HELLO, &body, &mut hellos).unwrap();
        assert_eq!(hellos.alpn(), Some(&b"h2"[..]));
        assert_eq!((hellos.server_limit, hellos.fragment_code), (512, 4));

        read(HandshakeType::SERVER_HELLO, &server_hello(&[9; 32], &[]), &mut hellos).unwrap();
        assert_eq!(hellos.alpn(), None);
        assert_eq!((hellos.server_limit, hellos.fragment_code), (0, 0));
    }

    #[test]
    fn the_name_of_the_server_is_the_only_one_that_is_kept() {
        let mut hellos = Hellos::new();
        let name = &[0, 3, 2, b'h', b'2'][..];
        let body = client_hello(&[(16, name), (51, &[7; 36])]);
        read(HandshakeType::CLIENT_HELLO, &body, &mut hellos).unwrap();
        assert_eq!(hellos.alpn(), None);

        let body = hello(&[], &[(16, name), (10, &[7; 8])]);
        read(HandshakeType::ENCRYPTED_EXTENSIONS, &body, &mut hellos).unwrap();
        assert_eq!(hellos.alpn(), Some(&b"h2"[..]));
    }

    #[test]
    fn a_name_that_is_too_long_is_not_kept() {
        for len in 0..=255_u8 {
            let mut extension = (u16::from(len) + 1).to_be_bytes().to_vec();
            extension.push(len);
            extension.resize(usize::from(len) + 3, b'x');
            let mut hellos = Hellos::new();
            let body = hello(&[], &[(16, &extension)]);
            let mut reader = HelloReader::new();
            reader.begin(HandshakeType::ENCRYPTED_EXTENSIONS, &mut hellos);
            reader.read(&body, &mut hellos).unwrap();
            let kept = (1..=MAX_ALPN_LEN).contains(&len.into());
            assert_eq!(hellos.alpn().map(<[u8]>::len), kept.then_some(len.into()), "{len}");
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_malformed() {
        let whole = client_hello(&[(0, b"name"), (42, &[])]);
        for len in 0..whole.len() {
            // Without its extensions it is whole, too.
            let is_whole = len == whole.len() - 14;
            let read = read(HandshakeType::CLIENT_HELLO, &whole[..len], &mut Hellos::new());
            assert_eq!(read.is_ok(), is_whole, "{len} bytes");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(read(HandshakeType::CLIENT_HELLO, &longer, &mut Hellos::new()).is_err());
        let mut inner = whole;
        let at = inner.len() - 13;
        inner[at] -= 1; // The list of extensions ends inside of the last.
        assert!(read(HandshakeType::CLIENT_HELLO, &inner, &mut Hellos::new()).is_err());
    }
}
