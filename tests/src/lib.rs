//! Support for the tests of tls-record: real peers in memory, records by hand, and published
//! vectors.

pub mod peers;
pub mod records;
pub mod rfc8448;
