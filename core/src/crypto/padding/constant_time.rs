//! The search for the content type in a time that does not depend on the length of the padding.

use core::hint::black_box;

use crate::buffer::bytes::copy;
use crate::small::SMALL;

/// Returns the last byte that is not zero, and how many bytes are behind it. The byte is 0 if there
/// is none.
///
/// Not inlined, so that its instructions can be counted.
#[inline(never)]
pub(super) fn scan_in_constant_time(inner: &[u8]) -> (u8, usize) {
    if SMALL { scan_bytes(inner) } else { scan_blocks(inner) }
}

fn scan_bytes(inner: &[u8]) -> (u8, usize) {
    let mut byte = Last::NONE;
    for &one in inner.iter().rev() {
        byte.look([one.into()]);
    }
    let [last] = byte.words;
    (last as u8, byte.behind)
}

fn scan_blocks(inner: &[u8]) -> (u8, usize) {
    let (front, blocks) = inner.as_rchunks();
    let mut block = Last::NONE;
    for bytes in blocks.iter().rev() {
        block.look(words(bytes));
    }
    // The bytes that are left at the front make one more block, behind zeros that do not count.
    let mut first = [0; BLOCK];
    let start = BLOCK.wrapping_sub(front.len());
    copy(front, first.get_mut(start..).unwrap_or_default());
    block.look(words(&first));

    let mut word = Last::NONE;
    for one in block.words.into_iter().rev() {
        word.look([one]);
    }
    let [last] = word.words;
    let (last, behind) = scan_bytes(&last.to_le_bytes());
    let words = block.behind.wrapping_mul(BLOCK / WORD).wrapping_add(word.behind);
    (last, words.wrapping_mul(WORD).wrapping_add(behind))
}

const WORD: usize = size_of::<usize>();

/// Long enough that looking at a block costs little more than reading it.
const BLOCK: usize = 8 * WORD;

fn words(block: &[u8; BLOCK]) -> [usize; BLOCK / WORD] {
    let mut words = [0; BLOCK / WORD];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = usize::from_le_bytes(*bytes);
    }
    words
}

/// The last of several pieces that is not all zeros; zeros if there is none.
struct Last<const N: usize> {
    words: [usize; N],
    /// How many pieces are behind it.
    behind: usize,
    /// All ones until the piece is found, then zero.
    searching: usize,
}

impl<const N: usize> Last<N> {
    const NONE: Self = Self { words: [0; N], behind: 0, searching: usize::MAX };

    /// Looks at the next piece, from the last to the first.
    fn look(&mut self, piece: [usize; N]) {
        const HALF: u32 = usize::BITS / 2;
        for (found, word) in self.words.iter_mut().zip(piece) {
            *found |= word & self.searching;
        }
        let any = piece.into_iter().fold(0, |any, word| any | word);
        let any = (any | any >> HALF) & (usize::MAX >> HALF);
        self.searching &= zero_mask(any);
        self.behind = self.behind.wrapping_add(self.searching & 1);
    }
}

/// Returns all ones for 0, and 0 for any other number below half of the largest.
#[inline(always)]
pub(super) fn zero_mask(number: usize) -> usize {
    // The number is so small that only for 0 the subtraction gives a negative number. `black_box`
    // hides that from the compiler, which could otherwise see a condition and make a branch of it.
    (black_box(number).wrapping_sub(1).cast_signed() >> (usize::BITS - 1)) as usize
}
