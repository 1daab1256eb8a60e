//! The secrets that a library tells.

use alloc::vec::Vec;

use tls_record::scrub_stack;
use tls_record::takeover::{KeyLogLine, SecretKind};
use zeroize::Zeroizing;

/// Bytes of stack to overwrite after a line of a key log was read.
const LINE_STACK: usize = 1024;

/// Secrets that a TLS library told of one connection. Wiped when they are dropped.
#[derive(Default)]
pub struct Secrets(Vec<(SecretKind, Zeroizing<Vec<u8>>)>);

impl Secrets {
    /// Creates an empty list.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a secret. The first of a kind counts.
    pub fn push(&mut self, kind: SecretKind, secret: &[u8]) {
        // Exact, so that no growth leaves a copy in freed memory.
        self.0.push((kind, Zeroizing::new(secret.to_vec())));
    }

    /// Adds the secret of a line of a key log (RFC 9850), which must be one of this connection. A line that
    /// is malformed, or of another kind, adds nothing.
    pub fn push_line(&mut self, line: &[u8]) {
        self.read_line(line);
        scrub_stack(LINE_STACK);
    }

    /// Not inlined: [`scrub_stack`] must reach its stack frame.
    #[inline(never)]
    fn read_line(&mut self, line: &[u8]) {
        if let Some(line) = KeyLogLine::parse(line) {
            self.push(line.kind(), line.secret());
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SecretKind, &[u8])> {
        self.0.iter().map(|(kind, secret)| (*kind, secret.as_slice()))
    }
}

impl core::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(kind, _)| kind)).finish()
    }
}
