//! Checks on this machine that the stack constants of the backends are large enough.

use std::process::ExitCode;
use std::thread;

use stack::{Needs, Stack};
#[cfg(feature = "aws-lc-rs")]
use tls_record::aead::aws_lc::AwsLc;
use tls_record::aead::rustcrypto::{RustCrypto, RustCryptoParts};
use tls_record::aead::{Provider, ring::Ring};

fn main() -> ExitCode {
    let thread = thread::Builder::new().stack_size(1 << 20).spawn(run);
    let are_met = thread.ok().and_then(|thread| thread.join().ok());
    if are_met == Some(true) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run() -> bool {
    // SAFETY: this thread has a MiB, of which it has used little; no signal has a handler.
    let stack = unsafe { Stack::new(stack::stack_pointer() - (1 << 18)) };
    let are_met = [
        are_met::<Ring>(&stack, "ring"),
        are_met::<RustCrypto>(&stack, "RustCrypto"),
        are_met::<RustCryptoParts>(&stack, "RustCrypto in parts"),
        #[cfg(feature = "aws-lc-rs")]
        are_met::<AwsLc>(&stack, "AWS-LC"),
    ];
    !are_met.contains(&false)
}

fn are_met<P: Provider>(stack: &Stack, name: &str) -> bool {
    let needs = Needs::of::<P>(stack);
    println!("{name}: {needs}");
    needs.are_met()
}
