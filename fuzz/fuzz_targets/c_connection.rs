//! See [`tls_record_fuzz::c_connection`].

#![no_main]

use libfuzzer_sys::fuzz_target;
use tls_record_fuzz::c_connection::Input;
use tls_record_fuzz::target::fuzz;

fuzz_target!(|bytes: &[u8]| fuzz::<Input>(bytes));
