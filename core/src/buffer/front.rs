//! The first bytes of a content.

/// A content, of which the first bytes are at hand.
#[derive(Clone, Copy)]
pub(crate) struct Front<'a> {
    bytes: &'a [u8],
    /// Bytes behind them. There are some only in a record that lies in several pieces.
    #[cfg(feature = "long-records")]
    behind: usize,
}

impl<'a> Front<'a> {
    /// Returns a content that lies in one piece.
    #[inline(always)]
    pub(crate) const fn whole(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            #[cfg(feature = "long-records")]
            behind: 0,
        }
    }

    /// Returns a content with `behind` bytes behind those of `bytes`.
    #[cfg(feature = "long-records")]
    pub(crate) const fn of_more(bytes: &'a [u8], behind: usize) -> Self {
        Self { bytes, behind }
    }

    /// Returns the bytes that are at hand: all of them, or more than the reader looks at.
    pub(crate) const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the length of the whole content.
    #[inline(always)]
    pub(crate) const fn len(self) -> usize {
        #[cfg(feature = "long-records")]
        return self.bytes.len().saturating_add(self.behind);
        #[cfg(not(feature = "long-records"))]
        return self.bytes.len();
    }

    /// Returns whether the content is empty.
    pub(crate) const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }
}
