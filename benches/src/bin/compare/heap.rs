//! Counts allocations of Rust and C code, with wrappers of malloc and related functions of glibc.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicIsize = AtomicIsize::new(0);
static BYTES: AtomicIsize = AtomicIsize::new(0);

/// The effect of a call on the heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// The number of allocations, including reallocations.
    pub(crate) calls: isize,
    /// The change in allocated bytes.
    pub(crate) bytes: isize,
}

/// Counts the allocations of `call`.
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

/// Records an allocation (`sign` is 1) or a release (`sign` is -1) of the memory at `place`.
fn note(place: *mut c_void, sign: isize) {
    if IS_COUNTING.load(Relaxed) && !place.is_null() {
        // SAFETY: the memory was allocated by glibc and is not freed yet.
        let bytes = unsafe { malloc_usable_size(place) } as isize;
        BYTES.fetch_add(sign * bytes, Relaxed);
        CALLS.fetch_add(isize::from(sign == 1), Relaxed);
    }
}

// SAFETY of the functions below: they pass their arguments to glibc, under the same contract.

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
