//! Measuring times that can be compared within one process.

use std::ops::Range;
use std::time::Instant;

/// The median and the quartiles of samples.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The lower quartile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile.
    pub high: f64,
}

impl Spread {
    /// Computes the median and the quartiles of `samples`.
    ///
    /// # Panics
    /// If there are no samples.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |quarters: usize| samples[(samples.len() - 1) * quarters / 4];
        Self { low: at(1), median: at(2), high: at(3) }
    }
}

/// Makes `count` calls and returns the mean time of a call, in nanoseconds.
pub fn nanoseconds(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    for i in 0..count {
        call(i);
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

/// A page-aligned buffer: the speed of code depends on the alignment of its data.
#[derive(Debug)]
pub struct Page {
    bytes: Vec<u8>,
    place: Range<usize>,
}

impl Page {
    /// Creates a buffer of `len` bytes.
    pub fn new(len: usize) -> Self {
        const PAGE: usize = 4096;
        let bytes = vec![0x5a; len + PAGE];
        let start = bytes.as_ptr().align_offset(PAGE);
        Self { bytes, place: start..start + len }
    }

    /// Returns the whole buffer.
    pub fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes[self.place.clone()]
    }
}
