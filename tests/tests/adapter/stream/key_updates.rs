//! KeyUpdates before the limit of a key, and answers that cannot be sent.

use std::io::{ErrorKind, Read, Write};

use tls_record_tests::peers::Role;

use super::read_some;
use crate::endpoint::blocking::{Tls, stream};
use crate::support::{KEY_UPDATE_RECORD, Stack, TLS13, handshake, message};
use crate::wire::Wire;

#[test]
fn keys_are_updated_before_they_are_used_up() {
    for stack in Stack::ALL {
        let mut client = handshake(Role::Client, TLS13);
        client.engine_config().key_limit = 10;
        client.engine_config().fragment_limit = 100;
        let mut wire = Wire::to(stack.peer(Role::Server, TLS13));
        client.complete(&mut wire).unwrap();
        let mut tls = Tls::new(client.finish().unwrap(), wire);
        let before = tls.transport().sent;
        // 100 records, 6 under each key: four are reserved for control.
        tls.write_all(&message(10_000)).unwrap();
        assert_eq!(tls.transport_mut().peer.read(), message(10_000));
        let updates = tls.transport().sent - before - 100 * (5 + 100 + 1 + 16);
        assert_eq!(updates, 16 * KEY_UPDATE_RECORD);
    }
}

#[test]
fn data_is_delivered_though_the_answer_to_a_key_update_cannot_be_sent() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    tls.transport_mut().peer.key_update(true);
    tls.transport_mut().peer.write(b"still here");
    tls.transport_mut().is_broken = true;
    assert_eq!(read_some(&mut tls), b"still here");
    assert_eq!(tls.flush().unwrap_err().kind(), ErrorKind::ConnectionReset);
    // Reading does not retry after a lasting error; flushing does.
    let calls = tls.transport().calls;
    for _ in 0..100 {
        assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(tls.transport().calls - calls, 100, "of reading");
    tls.transport_mut().is_broken = false;
    let before = tls.transport().sent;
    tls.flush().unwrap();
    assert_eq!(tls.transport().sent - before, KEY_UPDATE_RECORD);
}

#[test]
fn a_flush_that_failed_is_remembered() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl.peer(Role::Server, TLS13));
    tls.transport_mut().peer.key_update(true);
    tls.transport_mut().is_flush_blocked = true;
    assert_eq!(tls.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(!tls.transport().flushed && tls.wants_write());
    tls.transport_mut().is_flush_blocked = false;
    tls.flush().unwrap();
    assert!(tls.transport().flushed && !tls.wants_write());
}
