//! Overwrites stack memory that may hold copies of keys.

use core::hint::black_box;

/// Bytes of one frame of [`scrub_stack`] that are overwritten.
const BLOCK: usize = 256;

/// The least length of the whole frame: the block, the return address, the depth, and the address
/// of the block.
const FRAME: usize = BLOCK + 3 * size_of::<usize>();

/// Overwrites `depth` bytes of the stack below the frame of the caller.
///
/// Functions that the caller has called, and that have returned, may have left copies of keys
/// there: each time a key moves from one function to the next, a copy remains. Registers are not
/// overwritten, nor are the frames of the caller and its callers.
///
/// The engine does this for the keys that it is given. Call it in code that handles keys before the
/// engine gets them: a handshake, or a function that reads a secret from a key store. The functions
/// whose stack is to be overwritten must not be inlined into the caller, because their frames would
/// be part of its frame.
///
/// The call uses `depth` bytes of stack itself. Debug builds leave more copies, deeper in the
/// stack.
///
/// ```
/// use tls_record::aead::{Algorithm, Provider, ring::Ring};
/// use tls_record::{Config, Epoch, KeyError, Opener, TrafficSecret, scrub_stack};
///
/// type Half = Opener<TrafficSecret<Ring>>;
///
/// #[inline(never)]
/// fn install(opener: &mut Half, read_secret: fn(&mut [u8; 32])) -> Result<(), KeyError> {
///     let mut secret = [0; 32];
///     read_secret(&mut secret);
///     opener.install(Epoch::Application, TrafficSecret::tls13(Algorithm::Aes128Gcm, &secret)?)
/// }
///
/// let mut opener = Half::new(Config::new(tls_record::Role::Client));
/// let installed = install(&mut opener, |secret| secret.fill(7));
/// scrub_stack(Ring::STACK + 1024); // what the engine takes, and the frame of `install`
/// installed?;
/// # Ok::<(), KeyError>(())
/// ```
// Not inlined: what it overwrites lies below the frame of the caller.
#[inline(never)]
pub fn scrub_stack(depth: usize) {
    if depth == 0 {
        return;
    }
    let mut block = [0_u8; BLOCK];
    black_box(&mut block);
    scrub_stack(depth.saturating_sub(FRAME));
    // Used after the call, so that the call is no tail call, which would reuse this frame.
    black_box(&mut block);
}

/// [Overwrites](scrub_stack) this many bytes of the stack when it is dropped.
///
/// That is after the last expression of a function has written the value that it returns. To keep
/// the value in a variable until the stack is overwritten would make one more copy.
pub(crate) struct Scrub(pub(crate) usize);

impl Drop for Scrub {
    fn drop(&mut self) {
        scrub_stack(self.0);
    }
}
