//! The memory into which all pointers point.
//!
//! Two layers, memory in which no layer is made, the place of a result, and the bytes of the buffers.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::Range;

use tls_record_c as c;

use super::{Buffer, Object, Place};

/// Bytes of the buffers.
pub(super) const AREA: usize = 2048;

/// Not less than that of a layer, with any ciphers.
pub(super) const ALIGNMENT: usize = 64;

/// Bytes of the place of a result.
const RESULT: usize = 64;

pub(super) struct Arena(*mut u8);

impl Arena {
    /// Bytes of a layer, not less than `TLSR_LAYER_SIZE`.
    pub(super) const OBJECT: usize = size_of::<c::Memory<c::Layer>>().next_multiple_of(ALIGNMENT);

    const RESULT_AT: usize = 3 * Self::OBJECT;
    const BUFFERS_AT: usize = Self::RESULT_AT + RESULT;
    const LAYOUT: Layout = match Layout::from_size_align(Self::BUFFERS_AT + AREA, ALIGNMENT) {
        Ok(layout) => layout,
        Err(_) => panic!("a size that is too great"),
    };

    pub(super) fn new() -> Self {
        // SAFETY: it is not empty.
        let first = unsafe { alloc_zeroed(Self::LAYOUT) };
        assert!(!first.is_null());
        Self(first)
    }

    fn at(&self, at: usize) -> *mut u8 {
        self.0.wrapping_add(at)
    }

    /// Returns a copy of the bytes of the buffers.
    pub(super) fn buffers(&self) -> Vec<u8> {
        let mut copy = vec![0; AREA];
        // SAFETY: they were zeroed, and no object with padding was written there.
        unsafe { copy.as_mut_ptr().copy_from(self.at(Self::BUFFERS_AT), AREA) };
        copy
    }

    /// Writes to the buffers.
    pub(super) fn fill(&self, at: usize, bytes: &[u8]) {
        let start = at % AREA;
        let len = bytes.len().min(AREA - start);
        // SAFETY: so many bytes of the buffers are there.
        unsafe { self.at(Self::BUFFERS_AT + start).copy_from(bytes.as_ptr(), len) };
    }

    pub(super) fn layer(&self, second: bool, object: &Object) -> c::Handle<'_, c::Layer> {
        let own = usize::from(second) * Self::OBJECT;
        let pointer = match object {
            Object::Own => self.at(own),
            Object::Null => std::ptr::null_mut(),
            Object::Misaligned { by } => self.at(own + usize::from(by % 16)),
            Object::Unmade => self.at(2 * Self::OBJECT),
            Object::Inside { at } => {
                let room = (AREA - Self::OBJECT) / ALIGNMENT;
                self.at(Self::BUFFERS_AT + usize::from(*at) % room * ALIGNMENT)
            }
        };
        // SAFETY: null, misaligned, or as many bytes of this memory, all of which were written. Objects are only made
        // in those of `Own`.
        unsafe { c::Handle::new(pointer.cast()) }
    }

    pub(super) fn span(&self, buffer: &Buffer) -> Span {
        match buffer {
            Buffer::In { at, len } => {
                let start = usize::from(*at) % AREA;
                let len = usize::from(*len) % (AREA - start + 1);
                Span { pointer: self.at(Self::BUFFERS_AT + start), start, len }
            }
            Buffer::Null { len } => {
                Span { pointer: std::ptr::null_mut(), start: 0, len: (*len).into() }
            }
            Buffer::TooLong { at, len } => {
                let start = usize::from(*at) % AREA;
                let len = usize::MAX - usize::from(*len);
                Span { pointer: self.at(Self::BUFFERS_AT + start), start, len }
            }
        }
    }

    pub(super) fn place(&self, place: &Place) -> Filled {
        let (pointer, start) = match place {
            Place::Own => (self.at(Self::RESULT_AT), None),
            Place::Null => (std::ptr::null_mut(), None),
            Place::Misaligned { by } => (self.at(Self::RESULT_AT + 1 + usize::from(by % 7)), None),
            Place::Inside { at } => {
                let start = usize::from(*at) % ((AREA - RESULT) / 8) * 8;
                (self.at(Self::BUFFERS_AT + start), Some(start))
            }
        };
        Filled { pointer, start }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: `new` has allocated it so.
        unsafe { dealloc(self.0, Self::LAYOUT) };
    }
}

/// A buffer of a call.
pub(super) struct Span {
    pub(super) pointer: *mut u8,
    start: usize,
    pub(super) len: usize,
}

impl Span {
    pub(super) fn is_refused(&self) -> bool {
        self.len > AREA || self.pointer.is_null() && self.len > 0
    }

    /// Returns whether they have bytes in common.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        if self.is_refused() || other.is_refused() || self.len == 0 || other.len == 0 {
            return false;
        }
        self.start < other.start + other.len && other.start < self.start + self.len
    }

    /// Where it is among the bytes of the buffers, if it is not refused.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.start + self.len
    }

    pub(super) fn bytes(&self) -> c::Bytes<'_> {
        // SAFETY: so many bytes of the memory, or refused.
        unsafe { c::Bytes::new(self.pointer) }
    }

    pub(super) fn bytes_mut(&self) -> c::BytesMut<'_> {
        // SAFETY: as above. Nothing else uses them during the call, but the place of the result.
        unsafe { c::BytesMut::new(self.pointer) }
    }
}

/// The place of the result of a call.
#[derive(Clone, Copy)]
pub(super) struct Filled {
    pointer: *mut u8,
    start: Option<usize>,
}

impl Filled {
    pub(super) fn is_refused<T>(&self) -> bool {
        self.pointer.is_null() || !self.pointer.cast::<T>().is_aligned()
    }

    /// Which bytes of the buffers a result of this type overwrites.
    pub(super) fn in_buffers<T>(&self) -> Option<(usize, usize)> {
        self.start.map(|start| (start, start + size_of::<T>()))
    }

    pub(super) fn out<'a, T: c::Plain>(&self) -> c::Out<'a, T> {
        // SAFETY: null, or so many bytes of the memory.
        unsafe { c::Out::new(self.pointer.cast()) }
    }

    /// Takes the result that a call has written. Zeros are left, because its padding may be anything.
    pub(super) fn take<T: c::Plain>(&self) -> T {
        // SAFETY: the call has written it.
        let result = unsafe { self.pointer.cast::<T>().read() };
        // SAFETY: so many bytes are there.
        unsafe { self.pointer.write_bytes(0, size_of::<T>()) };
        result
    }
}
