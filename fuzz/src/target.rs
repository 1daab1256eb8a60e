//! What a target is, and how one is run: by a fuzzer, by a test, by hand.

use std::cell::RefCell;
use std::sync::{LazyLock, Once};
use std::{env, panic};

use arbitrary::Unstructured;

use crate::input::{Field, snippet};

/// An input that can be run.
pub trait Input: Field + std::fmt::Debug {
    /// The name of the target and of the module that it is in.
    const NAME: &'static str;

    /// Runs it, and checks what must hold.
    ///
    /// # Panics
    /// If it does not hold: that is the finding.
    fn run(&self);

    /// Whether a real cipher is under the engine, which takes more time than all else.
    fn has_real_cipher(&self) -> bool {
        false
    }
}

/// A target without its type.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Runs an input. Before a panic gets through, the input is printed as a [`snippet`].
    pub run: fn(&[u8]),
    /// [`Input::has_real_cipher`]
    pub has_real_cipher: fn(&[u8]) -> bool,
    /// An input as a test.
    pub snippet: fn(&[u8]) -> String,
    /// The bytes that an input is encoded as: those that it was decoded from, or fewer.
    pub canonical: fn(&[u8]) -> Vec<u8>,
    /// How many random inputs a test runs: fewer where each costs a handshake.
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

/// In the environment of a fuzzer: it decodes its inputs and does nothing more, which is what the speed
/// of a target is a share of.
pub const DECODE_ONLY: &str = "TLS_RECORD_FUZZ_DECODE_ONLY";

/// What a fuzzer calls: [`run`], if not told otherwise by [`DECODE_ONLY`].
pub fn fuzz<I: Input>(bytes: &[u8]) {
    static IS_DECODE_ONLY: LazyLock<bool> = LazyLock::new(|| env::var_os(DECODE_ONLY).is_some());
    if *IS_DECODE_ONLY {
        drop(std::hint::black_box(decode::<I>(bytes)));
    } else {
        run::<I>(bytes);
    }
}

/// Decodes and runs an input. If that panics, it is printed as a test first.
pub fn run<I: Input>(bytes: &[u8]) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // libFuzzer's own hook aborts.
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
