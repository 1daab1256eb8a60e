//! Tests of the blocking stream alone: see `every_stream` for those of all streams.

mod closing;
mod data;
mod handshake;
mod key_updates;
mod tcp;

use std::io::{ErrorKind, Read};

use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_tests::peers::{Negotiated, Peer, Role};

use crate::endpoint::blocking::{Tls, stream};
use crate::support::{Adapter, ROLES, Stack, other};

/// The errors of a blocking socket whose timeout has passed: on Unix, and on Windows.
const TIMEOUTS: [ErrorKind; 2] = [ErrorKind::WouldBlock, ErrorKind::TimedOut];

/// Runs a test in both roles, with every suite and peer.
fn for_each_stream(test: impl Fn(Tls, Negotiated)) {
    for role in ROLES {
        for agreed in Negotiated::all() {
            for stack in Stack::ALL {
                println!("{role:?} {agreed:?} {stack:?}");
                test(stream(role, agreed, stack.peer(other(role), agreed)), agreed);
            }
        }
    }
}

/// Returns a client whose server is an engine of ours, which can send any message.
fn stream_to_adapter(agreed: Negotiated) -> Tls<Adapter<Ring>> {
    stream(Role::Client, agreed, Box::new(Adapter::new(Role::Server, agreed)))
}

fn read_exactly<Q: Peer + ?Sized>(tls: &mut Tls<Q>, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    tls.read_exact(&mut out).unwrap();
    out
}

fn read_some<Q: Peer + ?Sized>(tls: &mut Tls<Q>) -> Vec<u8> {
    let mut out = [0; 100];
    let len = tls.read(&mut out).unwrap();
    out[..len].to_vec()
}
