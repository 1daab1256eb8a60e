//! The sizes of the opaque types, as text in the library.
//!
//! They depend on the target and on the ciphers that are built in. The script `configure` finds this text
//! in the library and makes `tls_record_config.h` of it, without a compiler or an emulator of the target.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "runs in the compiler alone, where a panic is an error"
)]

use crate::buffer::Buffer;
use crate::connection::{Connection, MIN_BUFFER};
use crate::layer::Layer;
use crate::mailbox::Mailbox;
use crate::memory::{MAX_PARTS, Memory};
use crate::opener::Opener;
use crate::sealer::Sealer;
use crate::writer::Writer;

/// The alignment of all opaque types. `Handle::put` does not compile for a type that needs more.
pub(crate) const ALIGNMENT: usize = align_of::<Memory<Layer>>();

const LINES: &[Line] = &[
    line("CONFIG_VERSION", crate::text::VERSION as usize),
    line("ALIGNMENT", ALIGNMENT),
    line("MAX_PARTS", MAX_PARTS),
    line("MIN_BUFFER", MIN_BUFFER),
    line("LAYER_SIZE", size::<Layer>()),
    line("CONNECTION_SIZE", size::<Connection>()),
    line("BUFFER_SIZE", size::<Buffer>()),
    // The header leaves out what this library was built without.
    #[cfg(secrets)]
    line("SUSPENDED_LEN", tls_record::SUSPENDED_LEN),
    #[cfg(secrets)]
    line("KERNEL_SIZE", size::<crate::kernel::Kernel>()),
    #[cfg(all(feature = "takeover", secrets))]
    line("FOLLOWER_SIZE", size::<crate::follower::Follower>()),
    #[cfg(feature = "long-records")]
    line("LONG_RECORDS", 1),
    line("OPENER_SIZE", size::<Opener>()),
    line("SEALER_SIZE", size::<Sealer>()),
    line("WRITER_SIZE", size::<Writer>()),
    line("MAILBOX_SIZE", size::<Mailbox>()),
];

/// What C says of an object of the greatest alignment.
pub(crate) const fn size<T>() -> usize {
    size_of::<Memory<T>>().next_multiple_of(ALIGNMENT)
}

/// The definitions of `tls_record_config.h`. Without `#[used]`, so that it is in the library, which exports it, but a
/// linker that removes unused sections leaves it out of the program.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "config_text"))]
pub static CONFIG_TEXT: [Line; LINES.len()] = all(LINES);

const fn all<const LEN: usize>(lines: &[Line]) -> [Line; LEN] {
    let mut all = [Line([0; LINE_LEN]); LEN];
    let mut at = 0;
    while at < LEN {
        all[at] = lines[at];
        at += 1;
    }
    all
}

const LINE_LEN: usize = 48;

/// A definition, filled up with spaces.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Line([u8; LINE_LEN]);

impl Line {
    /// Returns the definition, with the end of its line.
    pub fn as_str(&self) -> &str {
        // It is ASCII.
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

const fn line(name: &str, value: usize) -> Line {
    let mut line = [b' '; LINE_LEN];
    line[LINE_LEN - 1] = b'\n';
    put(&mut line, 0, "#define TLSR_");
    put(&mut line, 13, name);
    let mut rest = value;
    // The digits, the last one first.
    let mut at = LINE_LEN - 2;
    loop {
        line[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        at -= 1;
        if rest == 0 {
            break;
        }
    }
    assert!(13 + name.len() <= at, "a name that is too long");
    Line(line)
}

const fn put(line: &mut [u8; LINE_LEN], start: usize, text: &str) {
    let mut at = 0;
    while at < text.len() {
        line[start + at] = text.as_bytes()[at];
        at += 1;
    }
}
