//! Tests of the tokio stream alone: see `every_stream` for those of all streams.

mod data;
mod handshake;
mod shutdown;
mod tcp;
mod waking;

use tls_record_tests::peers::{Negotiated, Role};
use tokio::io::AsyncReadExt;

use crate::endpoint::tokio::{Tls, stream as stream_to};
use crate::polling::{now, poll_once};
use crate::support::{ROLES, Stack, other};

/// Returns an established stream to a peer.
fn stream(role: Role, agreed: Negotiated, stack: Stack) -> Tls {
    stream_to(role, agreed, stack.peer(other(role), agreed))
}

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

fn read_exactly(tls: &mut Tls, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    now(tls.read_exact(&mut out)).unwrap();
    out
}

fn read_some(tls: &mut Tls) -> Vec<u8> {
    let mut out = [0; 100];
    let len = now(tls.read(&mut out)).unwrap();
    out[..len].to_vec()
}

/// True if no data has arrived. Takes the session tickets that came with the handshake.
fn is_idle(tls: &mut Tls) -> bool {
    poll_once(tls.read(&mut [0])).is_pending()
}
