//! The boundaries of handshake messages (RFC 9846 section 5.1): enough to hand them over piece by
//! piece, to see a KeyUpdate, and to know whether a key change falls between two of them.

use core::ops::Range;

use crate::bytes::copy;

/// The type of a handshake message (RFC 9846 section 4). Unknown values survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HandshakeType(pub u8);

impl HandshakeType {
    /// hello_request (TLS 1.2)
    pub const HELLO_REQUEST: Self = Self(0);
    /// client_hello
    pub const CLIENT_HELLO: Self = Self(1);
    /// server_hello
    pub const SERVER_HELLO: Self = Self(2);
    /// new_session_ticket
    pub const NEW_SESSION_TICKET: Self = Self(4);
    /// end_of_early_data
    pub const END_OF_EARLY_DATA: Self = Self(5);
    /// encrypted_extensions
    pub const ENCRYPTED_EXTENSIONS: Self = Self(8);
    /// certificate
    pub const CERTIFICATE: Self = Self(11);
    /// certificate_request
    pub const CERTIFICATE_REQUEST: Self = Self(13);
    /// certificate_verify
    pub const CERTIFICATE_VERIFY: Self = Self(15);
    /// finished
    pub const FINISHED: Self = Self(20);
    /// key_update
    pub const KEY_UPDATE: Self = Self(24);
}

/// The header of a handshake message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HandshakeHeader {
    /// The type.
    pub message_type: HandshakeType,
    /// Length of the body in bytes, at most 2^24 - 1.
    pub length: u32,
}

impl HandshakeHeader {
    /// Length of the header in bytes.
    pub const LEN: usize = 4;

    /// Reads a header.
    pub const fn decode(bytes: [u8; HandshakeHeader::LEN]) -> Self {
        let [message_type, high, middle, low] = bytes;
        Self {
            message_type: HandshakeType(message_type),
            length: u32::from_be_bytes([0, high, middle, low]),
        }
    }

    /// Writes a header, for a transcript hash for instance: the engine hands over bodies.
    pub const fn encode(self) -> [u8; HandshakeHeader::LEN] {
        let [_, high, middle, low] = self.length.to_be_bytes();
        [self.message_type.0, high, middle, low]
    }
}

/// A handshake message, or a part of one that was split over records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HandshakePiece {
    /// The header of the message that this is a piece of.
    pub header: HandshakeHeader,
    /// Where in the body of the message this piece begins, in bytes.
    pub offset: u32,
    /// Where the piece lies in the slice that was given to `open`.
    pub body: Range<usize>,
}

impl HandshakePiece {
    /// Whether the message ends with this piece.
    pub fn is_last(&self) -> bool {
        let len = u32::try_from(self.body.len()).ok();
        len.and_then(|len| self.offset.checked_add(len)) == Some(self.header.length)
    }
}

/// Follows the messages through a stream of handshake bytes.
#[derive(Clone, Debug)]
pub(crate) struct Messages {
    header: [u8; HandshakeHeader::LEN],
    header_len: u8,
    /// Bytes of the body that are still to come, as a header has them; meaningful once it is whole.
    left: [u8; 3],
}

/// What [`Messages::next`] found at the front of some content.
pub(crate) enum Step {
    /// The content ends within a header, or just behind one that announces a body.
    Header,
    /// A piece of a body.
    Body { header: HandshakeHeader, offset: u32, start: usize, len: usize },
}

impl Messages {
    pub(crate) const fn new() -> Self {
        Self { header: [0; HandshakeHeader::LEN], header_len: 0, left: [0; 3] }
    }

    /// Whether the last message is not complete yet.
    #[inline]
    pub(crate) const fn is_partial(&self) -> bool {
        self.header_len != 0
    }

    /// Takes one message, or what there is of it, from the front of `content`. `judge` is asked
    /// once a message, as soon as its header is whole.
    pub(crate) fn next<E>(
        &mut self,
        content: &[u8],
        judge: impl FnOnce(HandshakeHeader) -> Result<(), E>,
    ) -> Result<Step, E> {
        let have = usize::from(self.header_len);
        let mut body = content;
        let mut start = 0;
        if have < HandshakeHeader::LEN {
            let missing = self.header.get_mut(have..).unwrap_or_default();
            let got = missing.len().min(content.len());
            copy(content, missing);
            self.header_len = self.header_len.saturating_add(got as u8);
            if got < missing.len() {
                return Ok(Step::Header);
            }
            let header = HandshakeHeader::decode(self.header);
            let [_, length @ ..] = self.header;
            self.left = length;
            judge(header)?;
            body = content.get(got..).unwrap_or_default();
            start = got;
            if body.is_empty() && header.length != 0 {
                return Ok(Step::Header);
            }
        }
        let header = HandshakeHeader::decode(self.header);
        let [high, middle, low] = self.left;
        let left = u32::from_be_bytes([0, high, middle, low]);
        let offset = header.length.saturating_sub(left);
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(body.len());
        let [_, left @ ..] = left.saturating_sub(len as u32).to_be_bytes();
        self.left = left;
        if left == [0; 3] {
            self.header_len = 0;
        }
        Ok(Step::Body { header, offset, start, len })
    }
}
