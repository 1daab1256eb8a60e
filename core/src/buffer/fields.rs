//! Writing and reading consecutive fields of fixed lengths.

/// A writer of fields. It holds the bytes that are not written yet.
pub(crate) struct Packer<'a>(pub(crate) &'a mut [u8]);

impl<'a> Packer<'a> {
    /// Returns the bytes of the next field, for the caller to fill.
    pub(crate) fn next<const LEN: usize>(&mut self) -> Option<&'a mut [u8; LEN]> {
        let (place, rest) = core::mem::take(&mut self.0).split_first_chunk_mut()?;
        self.0 = rest;
        Some(place)
    }

    pub(crate) fn put<const LEN: usize>(&mut self, field: [u8; LEN]) -> Option<()> {
        *self.next()? = field;
        Some(())
    }
}

/// A reader of fields. It holds the bytes that are not read yet.
pub(crate) struct Unpacker<'a>(pub(crate) &'a [u8]);

impl<'a> Unpacker<'a> {
    /// Returns the bytes of the next field.
    pub(crate) fn next<const LEN: usize>(&mut self) -> Option<&'a [u8; LEN]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(field)
    }

    pub(crate) fn take<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        self.next().copied()
    }
}
