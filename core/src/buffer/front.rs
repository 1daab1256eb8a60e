//! The first bytes of a content.

/// A content, of which the first bytes are at hand.
#[derive(Clone, Copy)]
pub(crate) struct Front<'a> {
    bytes: &'a [u8],
    /// Length of the content. There is more than `bytes` only in a record that lies in several pieces.
    #[cfg(feature = "long-records")]
    len: usize,
}

impl<'a> Front<'a> {
    /// Returns a content that lies in one piece.
    pub(crate) const fn whole(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            #[cfg(feature = "long-records")]
            len: bytes.len(),
        }
    }

    /// Returns a content of `len` bytes, which begins with `bytes`.
    #[cfg(feature = "long-records")]
    pub(crate) const fn of(bytes: &'a [u8], len: usize) -> Self {
        Self { bytes, len }
    }

    /// Returns the bytes that are at hand: all of them, or more than the reader looks at.
    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the length of the whole content.
    pub(crate) const fn len(self) -> usize {
        #[cfg(feature = "long-records")]
        return self.len;
        #[cfg(not(feature = "long-records"))]
        return self.bytes.len();
    }

    /// Returns whether the content is empty.
    pub(crate) const fn is_empty(self) -> bool {
        self.len() == 0
    }
}
