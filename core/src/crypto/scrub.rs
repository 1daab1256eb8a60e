//! Overwrites stack memory that may hold copies of keys.

use core::hint::black_box;

/// Bytes of one frame of [`scrub_stack`] that are overwritten.
const BLOCK: usize = 256;

/// And what else the frame has at least: the address of the return, the depth, the address of the block.
const FRAME: usize = BLOCK + 3 * size_of::<usize>();

/// Overwrites the stack below the frame of the caller, `depth` bytes of it: what functions left there
/// that it called and that have returned. Moving a key from one function to the next leaves a copy
/// behind each time. Registers are out of reach, and so are the frames of the caller's callers.
///
/// The engine does this by itself for the keys that it is given. It is for code that has keys in its
/// hands before the engine: a handshake, or what reads a secret from a key store. The functions that
/// are cleaned up after must not be inlined into the caller, or their frames are its own.
///
/// It takes `depth` bytes of stack itself. Debug builds leave more copies, and deeper down.
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
#[inline(never)]
pub fn scrub_stack(depth: usize) {
    if depth == 0 {
        return;
    }
    let mut block = [0_u8; BLOCK];
    black_box(&mut block);
    scrub_stack(depth.saturating_sub(FRAME));
    // Used again, so that the call before it does not take over this frame.
    black_box(&mut block);
}

/// [Overwrites the stack](scrub_stack), so deep, when it is dropped: after a function's last
/// expression has put what it returns where the caller wants it. A variable in between would be one
/// more copy.
pub(crate) struct Scrub(pub(crate) usize);

impl Drop for Scrub {
    #[inline]
    fn drop(&mut self) {
        scrub_stack(self.0);
    }
}
