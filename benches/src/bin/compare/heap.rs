//! What is allocated, in whichever language: this program's own malloc and its like, in front of those
//! of glibc.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicIsize = AtomicIsize::new(0);
static BYTES: AtomicIsize = AtomicIsize::new(0);

/// What a call did to the heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// Allocations, growing ones included.
    pub(crate) calls: isize,
    /// Bytes that are held now and were not before.
    pub(crate) bytes: isize,
}

/// Counts what `call` allocates.
pub(crate) fn count<T>(call: impl FnOnce() -> T) -> (T, Count) {
    CALLS.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    IS_COUNTING.store(true, Relaxed);
    let result = call();
    IS_COUNTING.store(false, Relaxed);
    (result, Count { calls: CALLS.load(Relaxed), bytes: BYTES.load(Relaxed) })
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(place: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
    fn __libc_free(place: *mut c_void);
    fn malloc_usable_size(place: *mut c_void) -> usize;
}

/// Adds `sign` times the size of `place`, and the call that made it.
fn note(place: *mut c_void, sign: isize) {
    if IS_COUNTING.load(Relaxed) && !place.is_null() {
        // SAFETY: it was allocated by the functions of glibc, and is not freed yet.
        let bytes = unsafe { malloc_usable_size(place) } as isize;
        BYTES.fetch_add(sign * bytes, Relaxed);
        CALLS.fetch_add(isize::from(sign == 1), Relaxed);
    }
}

// SAFETY of all of these: they hand on to glibc what they were given, under the same contract.

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    let place = unsafe { __libc_malloc(size) };
    note(place, 1);
    place
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let place = unsafe { __libc_calloc(count, size) };
    note(place, 1);
    place
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(place: *mut c_void, size: usize) -> *mut c_void {
    note(place, -1);
    let place = unsafe { __libc_realloc(place, size) };
    note(place, 1);
    place
}

#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    let place = unsafe { __libc_memalign(alignment, size) };
    note(place, 1);
    place
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(
    place: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> c_int {
    const ENOMEM: c_int = 12;
    let made = unsafe { aligned_alloc(alignment, size) };
    if ptr::eq(made, ptr::null()) {
        return ENOMEM;
    }
    unsafe { *place = made };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(place: *mut c_void) {
    note(place, -1);
    unsafe { __libc_free(place) };
}
