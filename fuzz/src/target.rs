//! Fuzz targets, and how a fuzzer, a test or a user runs them.

use std::cell::RefCell;
use std::sync::{LazyLock, Once};
use std::{env, panic};

use arbitrary::Unstructured;

use crate::input::{Field, snippet};

/// An input of a target, which can be run.
pub trait Input: Field + std::fmt::Debug {
    /// The name of the target and of its module.
    const NAME: &'static str;

    /// Runs the input, and checks what must hold.
    ///
    /// # Panics
    /// If it does not hold. The panic is the finding.
    fn run(&self);

    /// Returns whether the engine uses a real cipher, which dominates the time.
    fn has_real_cipher(&self) -> bool {
        false
    }
}

/// A target, without its input type.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Decodes and runs an input. If it panics, the input is printed as a [`snippet`].
    pub run: fn(&[u8]),
    /// See [`Input::has_real_cipher`].
    pub has_real_cipher: fn(&[u8]) -> bool,
    /// Returns the code of a test that runs an input.
    pub snippet: fn(&[u8]) -> String,
    /// Decodes and encodes an input. The result is as long as the original, or shorter.
    pub canonical: fn(&[u8]) -> Vec<u8>,
    /// The number of random inputs that a test runs: fewer if each makes a handshake.
    pub inputs: u64,
}

impl Target {
    pub(crate) const fn of<I: Input>(inputs: u64) -> Self {
        Self {
            name: I::NAME,
            run: run::<I>,
            has_real_cipher: |bytes| decode::<I>(bytes).has_real_cipher(),
            snippet: |bytes| snippet(I::NAME, &decode::<I>(bytes)),
            canonical: |bytes| {
                let mut canonical = Vec::new();
                decode::<I>(bytes).encode(&mut canonical);
                canonical
            },
            inputs,
        }
    }
}

fn decode<I: Input>(bytes: &[u8]) -> I {
    I::decode(&mut Unstructured::new(bytes)).expect("missing bytes are zeros")
}

#[derive(Default)]
struct Running {
    print: Option<fn(&[u8]) -> String>,
    bytes: Vec<u8>,
}

thread_local! {
    static RUNNING: RefCell<Running> = RefCell::default();
}

/// The environment variable that makes a fuzzer only decode its inputs, to measure the speed of
/// targets.
pub const DECODE_ONLY: &str = "TLS_RECORD_FUZZ_DECODE_ONLY";

/// Runs an input of a fuzzer, or only decodes it if [`DECODE_ONLY`] is set.
pub fn fuzz<I: Input>(bytes: &[u8]) {
    static IS_DECODE_ONLY: LazyLock<bool> = LazyLock::new(|| env::var_os(DECODE_ONLY).is_some());
    if *IS_DECODE_ONLY {
        drop(std::hint::black_box(decode::<I>(bytes)));
    } else {
        run::<I>(bytes);
    }
}

/// Decodes and runs an input. If it panics, the input is printed as a test first.
pub fn run<I: Input>(bytes: &[u8]) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // Print before the hook of libFuzzer, which aborts.
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            RUNNING.with_borrow(|running| {
                if let Some(print) = running.print {
                    eprintln!("The input, as a test:\n\n{}", print(&running.bytes));
                }
            });
            next(info);
        }));
    });
    RUNNING.with_borrow_mut(|running| {
        running.print = Some(|bytes| snippet(I::NAME, &decode::<I>(bytes)));
        running.bytes.clear();
        running.bytes.extend_from_slice(bytes);
    });
    decode::<I>(bytes).run();
    RUNNING.with_borrow_mut(|running| running.print = None);
}
