//! KeyUpdates in both directions (RFC 9846 section 4.7.3).

use tls_record_alloc::tls_record::KeyError;
use tls_record_tests::peers::Role;

use crate::endpoint::{AdapterKind, Kind};
use crate::support::{KEY_UPDATE_RECORD, ROLES, Stack, TLS12, TLS13, other};

#[test]
fn a_stream_that_is_only_read_answers_a_key_update() {
    for kind in Kind::all() {
        for role in ROLES {
            for stack in Stack::ALL {
                let mut tls = kind.stream(role, TLS13, stack.peer(other(role), TLS13));
                assert!(tls.is_idle());
                tls.wire().peer.key_update(true);
                let before = tls.wire().sent;
                assert!(tls.is_idle());
                assert_eq!(tls.wire().sent - before, KEY_UPDATE_RECORD);
                assert!(tls.wire().flushed);
                tls.wire().peer.write(b"new keys, both");
                assert_eq!(tls.read_some(), b"new keys, both");
                tls.send(b"ways");
                assert_eq!(tls.wire().peer.read(), b"ways");
            }
        }
    }
}

// The stream opens all records that one read of the transport brought before it seals an answer.
#[test]
fn all_requests_of_one_read_get_one_answer() {
    for kind in Kind::all() {
        for stack in Stack::ALL {
            let mut tls = kind.stream(Role::Client, TLS13, stack.peer(Role::Server, TLS13));
            assert!(tls.is_idle());
            let before = tls.wire().sent;
            for _ in 0..5 {
                tls.wire().peer.key_update(true);
                tls.wire().peer.write(b"data");
            }
            for _ in 0..5 {
                assert_eq!(tls.read_exactly(4), b"data");
            }
            assert!(tls.is_idle());
            assert_eq!(tls.wire().sent - before, KEY_UPDATE_RECORD);
            tls.send(b"in step");
            assert_eq!(tls.wire().peer.read(), b"in step");
        }
    }
}

// The request is held back while later records are not opened. Writing must not be refused then.
#[test]
fn a_write_between_two_reads_answers_a_request_that_came_before_them() {
    for kind in Kind::all() {
        for stack in Stack::ALL {
            let mut tls = kind.stream(Role::Client, TLS13, stack.peer(Role::Server, TLS13));
            assert!(tls.is_idle());
            let before = tls.wire().sent;
            tls.wire().peer.key_update(true);
            for request in [b"request 1", b"request 2"] {
                tls.wire().peer.write(request);
            }
            for (request, response) in [("request 1", "response 1"), ("request 2", "response 2")] {
                assert_eq!(tls.read_exactly(request.len()), request.as_bytes());
                tls.send(response.as_bytes());
                assert_eq!(tls.wire().peer.read(), response.as_bytes());
            }
            assert_eq!(tls.wire().sent - before, KEY_UPDATE_RECORD + 2 * (10 + 22));
        }
    }
}

#[test]
fn keys_are_updated_on_request() {
    for kind in AdapterKind::ALL {
        for role in ROLES {
            for stack in Stack::ALL {
                let mut tls = kind.stream(role, TLS13, stack.peer(other(role), TLS13));
                for _ in 0..3 {
                    tls.update_keys(true).unwrap();
                    assert_eq!(tls.update_keys(true), Err(KeyError::RequestOutstanding));
                    // The blocking stream has sent it.
                    assert_eq!(tls.wants_write(), !matches!(kind, AdapterKind::Blocking));
                    tls.update_keys(false).unwrap();
                    tls.send(b"to");
                    tls.wire().peer.write(b"fro");
                    assert_eq!(tls.read_some(), b"fro");
                    assert_eq!(tls.wire().peer.read(), b"to");
                }
            }
        }
        let mut tls = kind.stream(Role::Client, TLS12, Stack::Openssl.peer(Role::Server, TLS12));
        assert_eq!(tls.update_keys(true), Err(KeyError::NoUpdate));
    }
}

#[test]
fn requests_of_a_peer_that_does_not_read_do_not_pile_up() {
    for kind in AdapterKind::ALL {
        for is_broken in [true, false] {
            let peer = Stack::Openssl.peer(Role::Server, TLS13);
            let mut tls = kind.stream(Role::Client, TLS13, peer);
            assert!(tls.is_idle());
            let before = tls.wire().sent;
            tls.wire().is_broken = is_broken;
            tls.wire().is_blocked = !is_broken;
            for _ in 0..100 {
                tls.wire().peer.key_update(true);
                tls.wire().peer.write(b"data");
                assert_eq!(tls.read_some(), b"data");
            }
            tls.wire().is_broken = false;
            tls.wire().is_blocked = false;
            tls.flush().unwrap();
            let answers = 2 * KEY_UPDATE_RECORD;
            assert_eq!(tls.wire().sent - before, answers, "one under way, one due");
            tls.send(b"in step");
            assert_eq!(tls.wire().peer.read(), b"in step");
        }
    }
}
