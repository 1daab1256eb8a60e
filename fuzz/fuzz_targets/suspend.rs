//! See [`tls_record_fuzz::suspend`].

#![no_main]

use libfuzzer_sys::fuzz_target;
use tls_record_fuzz::suspend::Input;
use tls_record_fuzz::target::run;

fuzz_target!(|bytes: &[u8]| run::<Input>(bytes));
