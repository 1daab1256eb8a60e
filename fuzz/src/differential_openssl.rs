//! OpenSSL and the engine as receivers of the same records: see
//! [`differential`](crate::differential).

pub use crate::differential::{Case, Kind, Part, Tampering};
use crate::input::input;

input! {
    /// The records that both receive.
    pub struct Input {
        /// The records.
        pub case: Case,
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "differential_openssl";

    fn run(&self) {
        self.case.run(tls_record_tests::differential::Stack::Openssl);
    }
}
