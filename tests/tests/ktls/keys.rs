//! KeyUpdates, tickets, and the limits of keys.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use tls_record_alloc::KernelTlsError;
use tls_record_alloc::rustls::client::Resumption;
use tls_record_alloc::tls_record::{AlertDescription, KeyError, WriteEnd};
use tls_record_tests::peers::{Peer, PeerEnd, Role, rustls_client_config};

use crate::support::{TLS12, TLS13, client, connect_by, pair, to_kernel};

#[test]
fn a_key_update_is_followed_and_answered_or_ends_the_connection() {
    for request in [false, true] {
        let Some((mut kernel, mut peer)) = pair(Role::Client, TLS13) else { return };
        peer.write(b"before");
        peer.tls.key_update(request);
        peer.write(b"behind");
        let mut data = [0; 6];
        kernel.read_exact(&mut data).unwrap();
        assert_eq!(&data, b"before");
        if !kernel.can_update_keys() {
            let error = kernel.read(&mut data).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let reason = error.get_ref().unwrap().downcast_ref::<KernelTlsError>().unwrap();
            assert_eq!(*reason, KernelTlsError::NoKeyUpdate);
            let alert = AlertDescription::INTERNAL_ERROR;
            assert_eq!(kernel.end().write, WriteEnd::AlertSent(alert));
            assert_eq!(peer.receive_end(), PeerEnd::Alert(alert.0));
            continue;
        }
        kernel.read_exact(&mut data).unwrap();
        assert_eq!(&data, b"behind");
        for _ in 0..3 {
            kernel.write_all(b"our data").unwrap();
            peer.tls.key_update(request);
            peer.write(b"behind");
            kernel.read_exact(&mut data).unwrap();
        }
        kernel.close().unwrap();
        assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
        assert_eq!(peer.read, b"our data".repeat(3));
        peer.close();
        assert_eq!(kernel.read(&mut data).unwrap(), 0);
        assert!(kernel.end().is_clean());
    }
}

#[test]
fn our_key_updates_are_sent_where_the_kernel_can() {
    let Some((mut kernel, mut peer)) = pair(Role::Server, TLS13) else { return };
    if !kernel.can_update_keys() {
        assert_eq!(kernel.update_keys(), Err(KeyError::NoUpdate));
    } else {
        for _ in 0..5 {
            kernel.write_all(b"data").unwrap();
            kernel.update_keys().unwrap();
        }
    }
    kernel.write_all(b"the last").unwrap();
    kernel.close().unwrap();
    assert_eq!(kernel.update_keys(), Err(KeyError::Closed));
    assert_eq!(peer.receive_end(), PeerEnd::CloseNotify);
    assert!(peer.read.ends_with(b"the last"));

    let Some((mut kernel, _peer)) = pair(Role::Server, TLS12) else { return };
    assert!(!kernel.can_update_keys());
    assert_eq!(kernel.update_keys(), Err(KeyError::NoUpdate));
}

#[test]
fn tickets_that_the_kernel_receives_are_stored() {
    let mut config = rustls_client_config(TLS13.version, TLS13.suite);
    config.resumption = Resumption::in_memory_sessions(8);
    let config = Arc::new(config);
    let (stream, mut peer) = connect_by(client(config.clone()), Role::Client, TLS13);
    let Some(mut kernel) = to_kernel(stream) else { return };
    // The tickets of OpenSSL are sent now.
    peer.send();
    peer.write(b"data");
    let mut byte = [0];
    for expected in b"data" {
        // A ticket comes in hundreds of pieces.
        kernel.read_exact(&mut byte).unwrap();
        assert_eq!(byte[0], *expected);
    }
    // A session is offered again: the ClientHello has a binder.
    let mut again = client(config);
    again.advance().unwrap();
    let mut first = client(Arc::new(rustls_client_config(TLS13.version, TLS13.suite)));
    first.advance().unwrap();
    assert!(again.unsent().len() > first.unsent().len() + 100);
    drop(peer);
}
