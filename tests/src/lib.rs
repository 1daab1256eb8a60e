//! Support for the tests of tls-record: real peers in memory, and published vectors.

pub mod peers;
pub mod rfc8448;
