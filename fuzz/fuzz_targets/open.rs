//! See [`tls_record_fuzz::open`].

#![no_main]

use libfuzzer_sys::fuzz_target;
use tls_record_fuzz::open::{Input, run};

fuzz_target!(|input: Input| run(&input));
