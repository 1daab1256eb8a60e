//! Where a read puts data.

#[cfg(feature = "tokio")]
use tokio::io::ReadBuf;

/// The free part of the buffer that the caller of a read passed.
pub(crate) trait Room {
    /// Returns how many bytes fit.
    fn remaining(&self) -> usize;

    /// Returns the front of the room, as far as it is initialized. A record may be opened there.
    fn initialized(&mut self) -> &mut [u8];

    /// Takes `len` [initialized](Self::initialized) bytes for data, and off the room.
    fn advance(&mut self, len: usize);

    /// Copies data, which must fit, into the room.
    fn put(&mut self, data: &[u8]);
}

/// No room: data stays where it was opened.
pub(crate) struct InPlace;

impl Room for InPlace {
    fn remaining(&self) -> usize {
        0
    }

    fn initialized(&mut self) -> &mut [u8] {
        &mut []
    }

    fn advance(&mut self, _: usize) {}

    fn put(&mut self, _: &[u8]) {}
}

/// The slice becomes shorter at its front.
impl Room for &mut [u8] {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn initialized(&mut self) -> &mut [u8] {
        self
    }

    fn advance(&mut self, len: usize) {
        *self = core::mem::take(self).get_mut(len..).unwrap_or_default();
    }

    fn put(&mut self, data: &[u8]) {
        // It writes everything, because `data` fits.
        let _ = std::io::Write::write(self, data);
    }
}

#[cfg(feature = "tokio")]
impl Room for ReadBuf<'_> {
    fn remaining(&self) -> usize {
        Self::remaining(self)
    }

    fn initialized(&mut self) -> &mut [u8] {
        let filled = self.filled().len();
        self.initialized_mut().get_mut(filled..).unwrap_or_default()
    }

    fn advance(&mut self, len: usize) {
        Self::advance(self, len);
    }

    fn put(&mut self, data: &[u8]) {
        self.put_slice(data);
    }
}

/// hyper does not show which part of its buffer is initialized.
#[cfg(feature = "hyper")]
impl Room for hyper::rt::ReadBufCursor<'_> {
    fn remaining(&self) -> usize {
        Self::remaining(self)
    }

    fn initialized(&mut self) -> &mut [u8] {
        &mut []
    }

    fn advance(&mut self, _: usize) {}

    fn put(&mut self, data: &[u8]) {
        self.put_slice(data);
    }
}
