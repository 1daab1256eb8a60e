//! Searching and wiping the memory of the process.

use std::collections::HashMap;
use std::fs::{self, File};
use std::hint::{black_box, spin_loop};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Needles are masked with this byte, so that the search does not find the needles themselves.
pub(crate) const MASK: u8 = 0xa5;

/// Masked bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Masked(pub(crate) Vec<u8>);

impl Masked {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(bytes.iter().map(|byte| byte ^ MASK).collect())
    }

    pub(crate) fn unmask(&self, out: &mut [u8]) {
        for (out, byte) in out.iter_mut().zip(&self.0) {
            *out = byte ^ MASK;
        }
    }
}

/// A hit of a search: the address, and the index of the needle.
pub(crate) type Hit = (usize, usize);

/// Searches the writable memory of this process.
pub(crate) fn search(needles: &[Masked]) -> Vec<Hit> {
    let mut starts: HashMap<[u8; 4], Vec<usize>> = HashMap::new();
    let mut is_start = vec![false; 1 << 16];
    for (which, Masked(needle)) in needles.iter().enumerate() {
        starts.entry(*needle.first_chunk().unwrap()).or_default().push(which);
        is_start[usize::from(u16::from_ne_bytes([needle[0], needle[1]]))] = true;
    }
    let memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; 1 << 16];
    let own = address_range(&buffer);
    let mut hits = vec![];
    for mapping in mappings() {
        let mut at = mapping.start;
        while at < mapping.end {
            let length = buffer.len().min(mapping.end - at);
            // A mapping of another thread may be gone.
            let Ok(length) = memory.read_at(&mut buffer[..length], at as u64) else { break };
            for (offset, window) in buffer[..length].windows(4).enumerate() {
                let [a, b, c, d] = [0, 1, 2, 3].map(|i: usize| window[i] ^ MASK);
                if !is_start[usize::from(u16::from_ne_bytes([a, b]))] {
                    continue;
                }
                for &which in starts.get(&[a, b, c, d]).into_iter().flatten() {
                    // Compare byte by byte, so that the needle is never unmasked in memory.
                    let Masked(needle) = &needles[which];
                    let found = &buffer[offset..length];
                    let is_whole = found.len() >= needle.len();
                    let is_same = found.iter().zip(needle).all(|(a, b)| a ^ b == MASK);
                    if is_whole && is_same && !own.contains(&(at + offset)) {
                        hits.push((at + offset, which));
                    }
                }
            }
            // Pieces overlap, so that a hit across their boundary is found.
            at += if at + length < mapping.end { length - 64 } else { length };
        }
    }
    hits.sort();
    hits.dedup();
    wipe(&mut buffer);
    hits
}

pub(crate) fn mappings() -> Vec<Range<usize>> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines()
        .filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let address = |hex| usize::from_str_radix(hex, 16).unwrap();
            rest.starts_with("rw").then(|| address(start)..address(end))
        })
        .collect()
}

pub(crate) fn address_range<T: ?Sized>(place: &T) -> Range<usize> {
    let start = std::ptr::from_ref(place).addr();
    start..start + size_of_val(place)
}

/// Returns the approximate stack pointer of the caller: a function called next uses the stack below
/// it.
#[inline(never)]
pub(crate) fn stack_pointer() -> usize {
    let mark = 0_u8;
    black_box(&raw const mark).addr()
}

/// The step that the worker has reached, and the step up to which the searcher lets it run.
#[derive(Default)]
pub(crate) struct Steps {
    reached: AtomicUsize,
    allowed: AtomicUsize,
    pub(crate) object: [AtomicUsize; 2],
    pub(crate) stack_pointer: AtomicUsize,
}

impl Steps {
    /// Reports `step` and waits until the searcher allows the worker to continue.
    #[inline(never)]
    pub(crate) fn stop(&self, step: usize) {
        self.reached.store(step, Ordering::SeqCst);
        while self.allowed.load(Ordering::SeqCst) < step {
            spin_loop();
        }
    }

    pub(crate) fn await_step(&self, step: usize) {
        while self.reached.load(Ordering::SeqCst) < step {
            thread::yield_now();
        }
    }

    pub(crate) fn allow(&self, step: usize) {
        self.allowed.store(step, Ordering::SeqCst);
    }

    /// Returns the stack below the frame of the worker that has stored its stack pointer: half of the
    /// MiB that the worker has.
    pub(crate) fn unused_stack(&self) -> Range<usize> {
        let stack_pointer = self.stack_pointer.load(Ordering::SeqCst);
        stack_pointer - (1 << 19)..stack_pointer
    }

    /// Checks that none of `secrets` is in the [unused stack](Self::unused_stack) of a worker that has
    /// stopped at `step`.
    pub(crate) fn assert_unused_stack_is_clean(&self, secrets: &[Masked], step: usize, case: &str) {
        let unused = self.unused_stack();
        let mut hits = search(secrets);
        hits.retain(|(at, _)| unused.contains(at));
        let depths: Vec<_> = hits.iter().map(|(at, which)| (unused.end - at, *which)).collect();
        assert_eq!(depths, [], "step {step}, {case}");
    }
}

/// Lets the worker run to its end if the searcher panics. Otherwise joining the worker would hang.
pub(crate) struct Release<'a>(pub(crate) &'a Steps);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.allow(usize::MAX);
    }
}

/// Lets the searcher continue if the worker panics. Otherwise the searcher would wait for ever.
pub(crate) struct Arrive<'a>(pub(crate) &'a Steps);

impl Drop for Arrive<'_> {
    fn drop(&mut self) {
        self.0.reached.store(usize::MAX, Ordering::SeqCst);
    }
}

/// Overwrites the stack below the caller, as a program does that handled secrets itself.
#[inline(never)]
pub(crate) fn scrub_stack() {
    black_box(&mut [0_u8; 12 * 1024]);
}

pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    black_box(bytes);
}

#[inline(never)]
pub(crate) fn scrub_deeply() {
    black_box(&mut [0_u8; 1 << 18]);
}

/// Serializes the searches: a search copies memory, and another search would find the copies.
pub(crate) static SEARCHER: Mutex<()> = Mutex::new(());

#[test]
fn a_search_finds_bytes_in_memory() {
    let mut place = Box::new([0; 100]);
    let bytes: Vec<u8> = (100..132).collect();
    place[17..49].copy_from_slice(&bytes);
    let place = black_box(place);
    let hits = search(&[Masked::new(&bytes)]);
    assert!(hits.contains(&(address_range(&place[17..]).start, 0)));
}
