//! What the targets of the C API share: memory for pointers of every kind, a key store, and translations
//! between the types of C and of Rust.

// The pointers of C are made here.
#![allow(unsafe_code)]

mod arena;
mod store;
mod translate;

pub(crate) use self::arena::{ALIGNMENT, AREA, Arena, Filled, ResultBytes, Span};
pub(crate) use self::store::Store;
pub(crate) use self::translate::{
    check_end, check_opened, check_read_end, check_write_end, config_of, contents, epoch_number,
    epoch_of, policy, slices,
};
use crate::input::input;

input! {
    /// A buffer.
    pub enum Buffer {
        /// Bytes of the memory.
        In { at: u16, len: u16, },
        /// Null, with a length.
        Null { len: u8, },
        /// Longer than any object.
        TooLong { at: u16, len: u16, },
    }
}

input! {
    /// Where a call writes its result.
    pub enum Place {
        /// Beside everything.
        Own,
        /// Null.
        Null,
        /// Some bytes further.
        Misaligned { by: u8, },
        /// Among the bytes of the buffers, also those of the call.
        Inside { at: u16, },
    }
}
