//! Checks that the constants of a backend are large enough.

use core::fmt::{self, Display, Formatter};

use tls_record::Version;
use tls_record::aead::{Aead, Algorithm, Provider};

use crate::{Depths, Stack, Unscrubbed, measure};

const VERSIONS: [Version; 2] = [Version::Tls13, Version::Tls12];
const ALGORITHMS: [Algorithm; 5] = [
    Algorithm::Aes128Gcm,
    Algorithm::Aes256Gcm,
    Algorithm::Chacha20Poly1305,
    Algorithm::Aes128Ccm,
    Algorithm::Aes128Ccm8,
];

/// The measured stack of the suites of a backend, and its constants.
pub struct Needs {
    keys: [usize; 2],
    cipher: [usize; 2],
}

impl Needs {
    /// Measures all suites.
    pub fn of<P: Provider>(stack: &Stack) -> Self {
        let mut depths = Depths::default();
        for version in VERSIONS {
            for algorithm in ALGORITHMS.into_iter().filter(|&algorithm| P::supports(algorithm)) {
                measure::<Unscrubbed<P>>(stack, version, algorithm, &mut depths);
            }
        }
        let keys = ["Opener::install", "Sealer::install", "poll_control, KeyUpdate", "suspend"]
            .map(|call| depths.most(call));
        // Installing keys overwrites its own stack.
        let resume = depths.most("resume") - depths.most("Opener::install");
        let keys = keys.into_iter().max().unwrap_or_default().max(resume);
        let cipher = depths.most("cipher: seal").max(depths.most("cipher: open"));
        Self { keys: [keys, P::STACK], cipher: [cipher, P::Aead::STACK] }
    }

    /// True if the overwritten stack covers the used stack.
    pub fn are_met(&self) -> bool {
        [self.keys, self.cipher].into_iter().all(|[need, constant]| need <= constant)
    }
}

impl Display for Needs {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ([keys, provider], [cipher, aead]) = (self.keys, self.cipher);
        write!(f, "keys take {keys} bytes of stack, Provider::STACK is {provider}, ")?;
        write!(f, "the cipher takes {cipher}, Aead::STACK is {aead}")
    }
}
