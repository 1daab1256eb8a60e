//! The memory into which all pointers point.
//!
//! The objects, the place of a result, and the bytes of the buffers.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::marker::PhantomData;
use std::ops::Range;

use tls_record_c as c;

use super::{Buffer, Place};

/// Bytes of the buffers.
pub(crate) const AREA: usize = 2048;

/// Not less than that of an object, with any ciphers.
pub(crate) const ALIGNMENT: usize = 64;

/// Bytes of the place of a result.
const RESULT: usize = 64;

pub(crate) struct Arena {
    first: *mut u8,
    layout: Layout,
    /// Where each object is made, one behind the other.
    objects: Vec<Range<usize>>,
    result_at: usize,
    buffers_at: usize,
}

impl Arena {
    /// Makes the memory, of zeros, with objects of these sizes.
    pub(crate) fn new(sizes: &[usize]) -> Self {
        let mut result_at = 0;
        let objects = sizes.iter().map(|size| {
            let start = result_at;
            result_at += size.next_multiple_of(ALIGNMENT);
            start..result_at
        });
        let objects = objects.collect();
        let buffers_at = result_at + RESULT;
        // With the ciphers of some features an object is longer than the buffers.
        let longest = sizes.iter().copied().fold(AREA, usize::max);
        let layout = Layout::from_size_align(buffers_at + longest, ALIGNMENT);
        let layout = layout.expect("a small size");
        // SAFETY: it is not empty.
        let first = unsafe { alloc_zeroed(layout) };
        assert!(!first.is_null());
        Self { first, layout, objects, result_at, buffers_at }
    }

    fn at(&self, at: usize) -> *mut u8 {
        self.first.wrapping_add(at)
    }

    /// Where an object is made.
    pub(crate) fn object(&self, index: usize) -> *mut u8 {
        self.at(self.objects[index].start)
    }

    /// Bytes of the memory of an object, not less than its size in the header.
    pub(crate) fn object_len(&self, index: usize) -> usize {
        self.objects[index].len()
    }

    /// Returns a copy of bytes of an object that has no padding, or of memory where none is made.
    pub(crate) fn object_bytes(&self, index: usize, range: Range<usize>) -> Vec<u8> {
        let from = &self.objects[index];
        assert!(range.end <= from.len());
        let mut copy = vec![0; range.len()];
        // SAFETY: so many bytes are there, which were written.
        unsafe { copy.as_mut_ptr().copy_from(self.at(from.start + range.start), range.len()) };
        copy
    }

    /// Writes the same byte to a part of the memory of an object.
    pub(crate) fn fill_object(&self, index: usize, range: Range<usize>, byte: u8) {
        let to = &self.objects[index];
        assert!(range.end <= to.len());
        // SAFETY: so many bytes are there.
        unsafe { self.at(to.start + range.start).write_bytes(byte, range.len()) };
    }

    /// Copies an object to the memory of another one.
    pub(crate) fn copy_object(&self, from: usize, to: usize) {
        let len = self.object_len(from);
        assert!(len <= self.object_len(to));
        // SAFETY: so many bytes are there, in two places.
        unsafe { self.object(to).copy_from(self.object(from), len) };
    }

    /// Memory for an object of `len` bytes among those of the buffers, or at their beginning if it is longer.
    pub(crate) fn inside(&self, at: u16, len: usize) -> *mut u8 {
        let room = (AREA.saturating_sub(len) / ALIGNMENT).max(1);
        self.at(self.buffers_at + usize::from(at) % room * ALIGNMENT)
    }

    /// Returns a copy of the bytes of the buffers.
    pub(crate) fn buffers(&self) -> Vec<u8> {
        let mut copy = vec![0; AREA];
        // SAFETY: they were zeroed, and no object with padding was written there.
        unsafe { copy.as_mut_ptr().copy_from(self.at(self.buffers_at), AREA) };
        copy
    }

    /// Writes to the buffers.
    pub(crate) fn fill(&self, at: usize, bytes: &[u8]) {
        let start = at % AREA;
        let len = bytes.len().min(AREA - start);
        // SAFETY: so many bytes of the buffers are there.
        unsafe { self.at(self.buffers_at + start).copy_from(bytes.as_ptr(), len) };
    }

    pub(crate) fn span(&self, buffer: &Buffer) -> Span {
        match buffer {
            Buffer::In { at, len } => {
                let start = usize::from(*at) % AREA;
                let len = usize::from(*len) % (AREA - start + 1);
                Span { pointer: self.at(self.buffers_at + start), start, len }
            }
            Buffer::Null { len } => {
                Span { pointer: std::ptr::null_mut(), start: 0, len: (*len).into() }
            }
            Buffer::TooLong { at, len } => {
                let start = usize::from(*at) % AREA;
                let len = usize::MAX - usize::from(*len);
                Span { pointer: self.at(self.buffers_at + start), start, len }
            }
        }
    }

    pub(crate) fn place<T: c::Plain>(&self, place: &Place) -> Filled<T> {
        let (pointer, start) = match place {
            Place::Own => (self.at(self.result_at), None),
            Place::Null => (std::ptr::null_mut(), None),
            Place::Misaligned { by } => (self.at(self.result_at + 1 + usize::from(by % 7)), None),
            Place::Inside { at } => {
                let start = usize::from(*at) % ((AREA - RESULT) / 8) * 8;
                (self.at(self.buffers_at + start), Some(start))
            }
        };
        Filled { pointer: pointer.cast(), start, marker: PhantomData }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: `new` has allocated it so.
        unsafe { dealloc(self.first, self.layout) };
    }
}

/// A buffer of a call.
pub(crate) struct Span {
    pub(crate) pointer: *mut u8,
    start: usize,
    pub(crate) len: usize,
}

impl Span {
    pub(crate) fn is_refused(&self) -> bool {
        self.len > AREA || self.pointer.is_null() && self.len > 0
    }

    /// Returns whether they have bytes in common.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        if self.is_refused() || other.is_refused() || self.len == 0 || other.len == 0 {
            return false;
        }
        self.start < other.start + other.len && other.start < self.start + self.len
    }

    /// Where it is among the bytes of the buffers, if it is not refused.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.start + self.len
    }

    pub(crate) fn bytes(&self) -> c::Bytes<'_> {
        // SAFETY: so many bytes of the memory, or refused.
        unsafe { c::Bytes::new(self.pointer) }
    }

    pub(crate) fn bytes_mut(&self) -> c::BytesMut<'_> {
        // SAFETY: as above. Nothing else uses them during the call, but the place of the result.
        unsafe { c::BytesMut::new(self.pointer) }
    }
}

/// The place of the result of a call.
pub(crate) struct Filled<T> {
    pointer: *mut T,
    start: Option<usize>,
    marker: PhantomData<T>,
}

impl<T: c::Plain> Filled<T> {
    pub(crate) fn is_null(&self) -> bool {
        self.pointer.is_null()
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.pointer.is_null() || !self.pointer.is_aligned()
    }

    pub(crate) fn result(&self) -> ResultBytes {
        ResultBytes {
            pointer: self.pointer.cast(),
            len: size_of::<T>(),
            start: self.start,
            is_refused: self.is_refused(),
        }
    }

    pub(crate) fn out<'a>(&self) -> c::Out<'a, T> {
        // SAFETY: null, or so many bytes of the memory.
        unsafe { c::Out::new(self.pointer) }
    }

    /// Takes the result that a call has written. Zeros are left, because its padding may be anything.
    pub(crate) fn take(&self) -> T {
        // SAFETY: the call has written it.
        let result = unsafe { self.pointer.read() };
        // SAFETY: so many bytes are there.
        unsafe { self.pointer.write_bytes(0, 1) };
        result
    }
}

/// The bytes of a result, whatever its type is.
#[derive(Clone, Copy)]
pub(crate) struct ResultBytes {
    pointer: *mut u8,
    len: usize,
    start: Option<usize>,
    is_refused: bool,
}

impl ResultBytes {
    /// Which bytes of the buffers the result overwrites.
    pub(crate) fn in_buffers(&self) -> Range<usize> {
        self.start.map_or(0..0, |start| start..start + self.len)
    }

    /// Writes zeros among the bytes of the buffers, and other bytes elsewhere.
    pub(crate) fn prepare(&self) {
        if !self.is_refused {
            let byte = if self.start.is_some() { 0 } else { 0xa5 };
            // SAFETY: so many bytes of the memory.
            unsafe { self.pointer.write_bytes(byte, self.len) };
        }
    }

    /// Returns whether there are zeros, if something may be written there.
    pub(crate) fn is_cleared(&self) -> bool {
        if self.is_refused {
            return true;
        }
        // SAFETY: so many bytes of the memory, which `prepare` has written, and the call after an error.
        let bytes = unsafe { std::slice::from_raw_parts(self.pointer, self.len) };
        bytes.iter().all(|byte| *byte == 0)
    }
}
