//! The ring of receive buffers, and the buffers that are lent.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::array;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::IoUring;
use io_uring::types::BufRingEntry;

/// How many buffers are in the ring at first.
const FEW: u16 = 8;

/// The most chunks in [`Chunks`]. What comes behind them is copied to the last.
const MAX_CHUNKS: usize = 8;

/// Buffers that the kernel fills, and the ring of those that it may fill.
///
/// Their memory is never freed, because the kernel may write to it as long as the ring exists.
pub(super) struct Buffers {
    entries: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    count: u16,
    len: u32,
    /// Where the next buffer is put into the ring. A cell, so that chunks stay in their thread.
    tail: Cell<u16>,
    /// The number of buffers in the ring, and how many are to be in it: a few that are used again and again stay
    /// in the cache, as long as they are enough.
    shown: Cell<u16>,
    enough: Cell<u16>,
    /// The others that are not lent. The last used is at the end.
    idle: RefCell<Vec<u16>>,
}

impl Buffers {
    /// Makes `count` buffers of `len` bytes, and gives them to the kernel.
    pub(super) fn register(
        uring: &IoUring,
        group: u16,
        count: u16,
        len: u32,
    ) -> io::Result<&'static Self> {
        if !count.is_power_of_two() || len == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "buffers: a power of two"));
        }
        let entries = allocate(count, size_of::<BufRingEntry>(), 4096)?.cast();
        let memory = allocate(count, len as usize, 16)?;
        // SAFETY: both were allocated above and are never freed.
        unsafe {
            let address = entries.as_ptr() as u64;
            uring.submitter().register_buf_ring_with_flags(address, count, group, 0)?;
        }
        let (tail, shown) = (Cell::new(0), Cell::new(0));
        let enough = Cell::new(count.min(FEW));
        let idle = RefCell::new((0..count).collect());
        let this =
            Box::leak(Box::new(Self { entries, memory, count, len, tail, shown, enough, idle }));
        this.show();
        Ok(this)
    }

    /// Lends the buffer, whose first `len` bytes are filled.
    ///
    /// # Safety
    /// The kernel must have taken the buffer out of the ring since it was given, and reported it only here.
    pub(super) unsafe fn take(&'static self, id: u16, len: u32) -> Chunk {
        debug_assert!(id < self.count && len <= self.len);
        self.shown.set(self.shown.get() - 1);
        self.show();
        Chunk { memory: Memory::Lent(self, id), start: 0, end: len.min(self.len) as usize }
    }

    fn buffer(&self, id: u16) -> NonNull<u8> {
        // SAFETY: there are more buffers than `id`, so it is inside of the allocation.
        unsafe { self.memory.add(usize::from(id) * self.len as usize) }
    }

    /// Takes back a buffer that was lent. The caller has no access to it any more.
    fn give(&self, id: u16) {
        self.idle.borrow_mut().push(id);
        self.show();
    }

    /// Raises the number of buffers in the ring, because they were not enough.
    pub(super) fn show_more(&self) {
        self.enough.set(self.enough.get().saturating_mul(2).min(self.count));
        self.show();
    }

    /// Puts buffers into the ring until there are enough, or no more.
    fn show(&self) {
        while self.shown.get() < self.enough.get()
            && let Some(id) = self.idle.borrow_mut().pop()
        {
            self.put(id);
            self.shown.set(self.shown.get() + 1);
        }
    }

    /// Puts a buffer that nobody uses into the ring.
    fn put(&self, id: u16) {
        let tail = self.tail.get();
        let place = usize::from(tail & (self.count - 1));
        // SAFETY: the place is inside of the ring, which lives for ever. The kernel does not read it until the
        // tail is beyond it, which is stored last. The tail lies in a field of the first entry that the setters
        // leave alone.
        unsafe {
            let entry = &mut *self.entries.add(place).as_ptr();
            entry.set_addr(self.buffer(id).as_ptr() as u64);
            entry.set_len(self.len);
            entry.set_bid(id);
            let shared = BufRingEntry::tail(self.entries.as_ptr()).cast_mut();
            AtomicU16::from_ptr(shared).store(tail.wrapping_add(1), Ordering::Release);
        }
        self.tail.set(tail.wrapping_add(1));
    }
}

/// Allocates `count` times `len` bytes, of which neither is zero.
fn allocate(count: u16, len: usize, align: usize) -> io::Result<NonNull<u8>> {
    let layout = usize::from(count)
        .checked_mul(len)
        .and_then(|len| Layout::from_size_align(len, align).ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "buffers: too long"))?;
    // SAFETY: the length is not zero.
    Ok(NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout)))
}

/// Received bytes, in a buffer that is lent by the kernel or in memory of their own.
///
/// When it is dropped, the buffer is given back.
pub(crate) struct Chunk {
    memory: Memory,
    start: usize,
    end: usize,
}

enum Memory {
    Lent(&'static Buffers, u16),
    Own(Vec<u8>),
}

impl Chunk {
    /// Copies bytes to memory of their own.
    pub(crate) fn copied(bytes: &[u8]) -> Self {
        Self { memory: Memory::Own(bytes.into()), start: 0, end: bytes.len() }
    }

    /// Gives the buffer back early: the bytes are copied to memory of their own.
    fn detach(&mut self) {
        if let Memory::Lent(..) = self.memory {
            *self = Self::copied(self);
        }
    }

    /// Copies bytes to the end. Those that are there are copied only if they are in a lent buffer, or if the memory is
    /// to grow.
    fn append(&mut self, bytes: &[u8]) {
        self.detach();
        if let Memory::Own(memory) = &mut self.memory {
            memory.extend_from_slice(bytes);
            self.end = memory.len();
        }
    }

    /// Removes up to `len` bytes from the front, and returns how many.
    fn consume(&mut self, len: usize) -> usize {
        let len = len.min(self.len());
        self.start += len;
        len
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let memory = match &self.memory {
            // SAFETY: the buffer has this length, and its bytes are initialized, at first to zeros. Until the chunk
            // is dropped, nobody else uses it: see `take`.
            Memory::Lent(buffers, id) => unsafe {
                slice::from_raw_parts(buffers.buffer(*id).as_ptr(), buffers.len as usize)
            },
            Memory::Own(bytes) => bytes,
        };
        &memory[self.start..self.end]
    }
}

impl DerefMut for Chunk {
    fn deref_mut(&mut self) -> &mut [u8] {
        let memory = match &mut self.memory {
            // SAFETY: as for `deref`, and `self` is borrowed exclusively.
            Memory::Lent(buffers, id) => unsafe {
                slice::from_raw_parts_mut(buffers.buffer(*id).as_ptr(), buffers.len as usize)
            },
            Memory::Own(bytes) => bytes,
        };
        &mut memory[self.start..self.end]
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Memory::Lent(buffers, id) = self.memory {
            buffers.give(id);
        }
    }
}

/// The chunks of one socket, in the order in which they have arrived.
#[derive(Default)]
pub(crate) struct Chunks(VecDeque<Chunk>);

impl Chunks {
    /// Adds a chunk.
    pub(crate) fn push(&mut self, chunk: Chunk) {
        if self.0.len() < MAX_CHUNKS {
            self.0.push_back(chunk);
        } else if let Some(last) = self.0.back_mut() {
            last.append(&chunk);
        }
    }

    /// Adds a chunk in front of the others, once.
    pub(crate) fn insert(&mut self, chunk: Chunk) {
        self.0.push_front(chunk);
    }

    /// Returns how many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|chunk| chunk.len()).sum()
    }

    /// Returns the first chunk.
    pub(crate) fn front(&self) -> Option<&Chunk> {
        self.0.front()
    }

    /// Returns all bytes, in pieces.
    pub(crate) fn pieces(&self) -> [&[u8]; MAX_CHUNKS + 1] {
        array::from_fn(|i| self.0.get(i).map_or(&[][..], |chunk| chunk))
    }

    /// Removes `len` bytes from the front. Buffers that are used up go back to the kernel.
    pub(crate) fn consume(&mut self, mut len: usize) {
        while let Some(chunk) = self.0.front_mut()
            && len > 0
        {
            len -= chunk.consume(len);
            self.0.pop_front_if(|chunk| chunk.is_empty());
        }
    }

    /// Gives all buffers back early: the bytes are copied to memory of their own.
    pub(crate) fn detach(&mut self) {
        self.0.iter_mut().for_each(Chunk::detach);
    }

    /// Removes all bytes.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
