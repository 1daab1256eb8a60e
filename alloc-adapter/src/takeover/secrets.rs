//! The secrets that a library reports.

use alloc::vec::Vec;

use tls_record::scrub_stack;
use tls_record::takeover::{KeyLogLine, SecretKind};
use zeroize::Zeroizing;

/// Bytes of stack to overwrite after a key log line has been read.
const LINE_STACK: usize = 1024;

/// The secrets of one connection that a TLS library has reported. They are wiped when dropped.
#[derive(Default)]
pub struct Secrets(Vec<(SecretKind, Zeroizing<Vec<u8>>)>);

impl Secrets {
    /// Creates an empty list.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a secret. If there are several of a kind, the first is used.
    pub fn push(&mut self, kind: SecretKind, secret: &[u8]) {
        // The exact size: a vector that grows leaves a copy in freed memory.
        self.0.push((kind, Zeroizing::new(secret.to_vec())));
    }

    /// Adds the secret of a key log line (RFC 9850). The line must be of this connection. A line that is
    /// malformed or has an unknown label is ignored.
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
