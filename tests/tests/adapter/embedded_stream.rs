//! Tests of the core's stream alone, over transports of embedded-io and embedded-io-async: see
//! `every_stream` for those of all streams.

mod closing;
mod futures;
mod pending;
mod records;
mod sending;
mod words;

use tls_record_tests::peers::Negotiated;

use crate::endpoint::embedded::{Tls, stream};
use crate::support::{ROLES, Stack};

/// Runs a test in both roles, with every suite and peer.
fn for_each_stream(test: impl Fn(Tls, Negotiated)) {
    for role in ROLES {
        for agreed in Negotiated::all() {
            for stack in Stack::ALL {
                println!("{role:?} {agreed:?} {stack:?}");
                test(stream(role, agreed, stack), agreed);
            }
        }
    }
}
