//! A small heap for the handshake of rustls, which records its greatest use.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering};

use linked_list_allocator::LockedHeap;

/// Bytes of heap.
pub const LEN: usize = 16 * 1024;

struct Heap {
    list: LockedHeap,
    most: AtomicUsize,
}

#[global_allocator]
static HEAP: Heap = Heap { list: LockedHeap::empty(), most: AtomicUsize::new(0) };

// SAFETY: the list allocates and frees.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the same contract.
        let memory = unsafe { self.list.alloc(layout) };
        self.most.fetch_max(used(), Ordering::Relaxed);
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        unsafe { self.list.dealloc(memory, layout) }
    }
}

#[repr(align(16))]
struct Memory(UnsafeCell<[u8; LEN]>);

// SAFETY: only the heap touches it.
unsafe impl Sync for Memory {}

static MEMORY: Memory = Memory(UnsafeCell::new([0; LEN]));

/// # Safety
/// Once, before anything is allocated.
pub unsafe fn init() {
    // SAFETY: the memory is static, and nothing else uses it.
    unsafe { HEAP.list.lock().init(MEMORY.0.get().cast(), LEN) }
}

/// Bytes in use.
pub fn used() -> usize {
    HEAP.list.lock().used()
}

/// The most bytes that were in use at a time.
pub fn most_used() -> usize {
    HEAP.most.load(Ordering::Relaxed)
}
