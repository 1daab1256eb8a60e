//! Times that can be compared: what takes turns in one process.

use std::ops::Range;
use std::time::Instant;

/// Median and quartiles.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// A quarter is less.
    pub low: f64,
    /// One half is less.
    pub median: f64,
    /// A quarter is more.
    pub high: f64,
}

impl Spread {
    /// Of some samples.
    ///
    /// # Panics
    /// If there are none.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |quarters: usize| samples[(samples.len() - 1) * quarters / 4];
        Self { low: at(1), median: at(2), high: at(3) }
    }
}

/// Nanoseconds for each of `count` calls.
pub fn nanoseconds(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    for i in 0..count {
        call(i);
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

/// A buffer that begins at the edge of a page: how fast code is depends on where bytes lie.
#[derive(Debug)]
pub struct Page {
    bytes: Vec<u8>,
    place: Range<usize>,
}

impl Page {
    /// A buffer of this length.
    pub fn new(len: usize) -> Self {
        const PAGE: usize = 4096;
        let bytes = vec![0x5a; len + PAGE];
        let start = bytes.as_ptr().align_offset(PAGE);
        Self { bytes, place: start..start + len }
    }

    /// All of it.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[self.place.clone()]
    }
}
