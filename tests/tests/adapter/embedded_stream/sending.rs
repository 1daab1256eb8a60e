//! Records that the transport refuses, and when they are sent again.

use embedded_io::{Error, ErrorKind, Read, Write};
use tls_record_alloc::tls_record::{OpenError, StreamError};
use tls_record_tests::peers::{PeerEnd, Role};

use super::for_each_stream;
use crate::endpoint::embedded::{Calls, read_some, settle, stream};
use crate::support::{Stack, TLS12, TLS13, message};
use crate::wire::WireError;

#[test]
fn a_transport_that_carries_a_byte_at_a_time_loses_nothing() {
    for agreed in [TLS12, TLS13] {
        let mut tls = stream(Role::Client, agreed, Stack::Openssl);
        tls.transport_mut().piece = 1;
        tls.write_all(&message(5000)).unwrap();
        tls.flush().unwrap();
        assert_eq!(tls.transport_mut().peer.read(), message(5000));
        tls.transport_mut().peer.write(&message(5000));
        tls.transport_mut().collect();
        tls.transport_mut().peer.close();
        let mut received = vec![0; 5000];
        tls.read_exact(&mut received).unwrap();
        assert_eq!(received, message(5000));
        assert_eq!(read_some(&mut tls), b"");
        tls.close().unwrap();
        assert!(tls.end().is_clean());
    }
}

#[test]
fn written_data_is_sent_by_a_flush_and_before_the_stream_waits() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.write_all(b"one ").unwrap();
    assert_eq!(tls.transport_mut().peer.read(), b"");
    tls.flush().unwrap();
    assert!(tls.transport_mut().flushed);
    assert_eq!(tls.transport_mut().peer.read(), b"one ");
    tls.write_all(b"two").unwrap();
    settle(&mut tls);
    assert_eq!(tls.transport_mut().peer.read(), b"two");
}

#[test]
fn an_error_of_the_transport_is_returned_and_nothing_is_lost() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.write_all(b"one").unwrap();
    tls.transport_mut().is_broken = true;
    let error = tls.flush().unwrap_err();
    assert_eq!(error, StreamError::Transport(WireError::Broken));
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert_eq!(tls.transport_error(), Some(ErrorKind::NotConnected));
    tls.transport_mut().peer.write(b"still here");
    assert_eq!(read_some(&mut tls), b"still here");
    tls.transport_mut().is_broken = false;
    tls.transport_mut().piece = 0;
    let error = tls.flush().unwrap_err();
    assert_eq!((error, error.kind()), (StreamError::WriteZero, ErrorKind::WriteZero));
    tls.transport_mut().piece = 10;
    tls.flush().unwrap();
    assert_eq!(tls.transport_mut().peer.read(), b"one");
    assert_eq!(tls.transport_error(), Some(ErrorKind::NotConnected), "the first");
}

#[test]
fn a_timeout_is_no_failure_of_the_transport() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    assert_eq!(tls.transport_error(), None);
    tls.transport_mut().piece = 0;
    tls.write_all(b"one").unwrap();
    assert_eq!(tls.flush(), Err(StreamError::WriteZero));
    assert_eq!(tls.transport_error(), Some(ErrorKind::WriteZero));
}

#[test]
fn reading_does_not_send_again_what_the_transport_refused() {
    for calls in Calls::BOTH {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        settle(&mut tls);
        calls.write_all(&mut tls, b"some");
        tls.transport_mut().is_broken = true;
        for _ in 0..100 {
            tls.transport_mut().peer.write(b"x");
            assert_eq!(calls.read(&mut tls, &mut [0]), Ok(1));
        }
        assert_eq!(tls.transport_mut().refused, 1);
        // The caller may ask for it.
        let broken = StreamError::Transport(WireError::Broken);
        assert_eq!(calls.flush(&mut tls), Err(broken));
        assert_eq!(calls.close(&mut tls), Err(broken));
        assert_eq!(tls.transport_mut().refused, 3);
        tls.transport_mut().is_broken = false;
        tls.transport_mut().peer.write(b"x");
        assert_eq!(calls.read(&mut tls, &mut [0]), Ok(1));
        assert_eq!(tls.transport_mut().peer.read(), b"");
        calls.close(&mut tls).unwrap();
        assert_eq!(tls.transport_mut().peer.read(), b"some");
        assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
    }
}

#[test]
fn reading_sends_again_when_the_transport_has_taken_something() {
    for calls in Calls::BOTH {
        for is_write in [false, true] {
            let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
            settle(&mut tls);
            calls.write_all(&mut tls, b"some");
            tls.transport_mut().is_broken = true;
            calls.wait(&mut tls);
            if is_write {
                let data = message(3000);
                let written = calls.write(&mut tls, &data).unwrap();
                let broken = Err(StreamError::Transport(WireError::Broken));
                assert_eq!(calls.write(&mut tls, &data[written..]), broken);
                tls.transport_mut().is_broken = false;
                calls.write_all(&mut tls, &data[written..]);
            } else {
                tls.transport_mut().is_broken = false;
                calls.flush(&mut tls).unwrap();
                calls.write_all(&mut tls, &message(3000));
            }
            calls.wait(&mut tls);
            assert_eq!(tls.transport_mut().peer.read(), [b"some", &message(3000)[..]].concat());
        }
    }
}

#[test]
fn a_flush_that_failed_is_not_repeated_by_reading() {
    for calls in Calls::BOTH {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        settle(&mut tls);
        calls.write_all(&mut tls, b"some");
        calls.flush(&mut tls).unwrap();
        tls.transport_mut().is_broken = true;
        let broken = Err(StreamError::Transport(WireError::Broken));
        assert_eq!(calls.flush(&mut tls), broken);
        for _ in 0..10 {
            calls.wait(&mut tls);
        }
        assert_eq!(tls.transport_mut().refused, 1);
        tls.transport_mut().is_broken = false;
        calls.flush(&mut tls).unwrap();
    }
}

#[test]
fn reading_tries_again_after_an_error_that_passes() {
    for calls in Calls::BOTH {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        settle(&mut tls);
        calls.write_all(&mut tls, b"some");
        tls.transport_mut().times_out = true;
        calls.wait(&mut tls);
        assert_eq!(tls.transport_mut().peer.read(), b"");
        tls.transport_mut().times_out = false;
        calls.wait(&mut tls);
        assert_eq!(tls.transport_mut().peer.read(), b"some");
    }
}

// A buffering transport passes bytes on when it is flushed. `Wire` asserts that it is flushed
// before every wait.
#[test]
fn a_buffering_transport_is_flushed_before_reading_waits() {
    for calls in Calls::BOTH {
        for_each_stream(|mut tls, _| {
            settle(&mut tls);
            tls.transport_mut().buffers = true;
            calls.write_all(&mut tls, &message(5000));
            assert!(!tls.transport_mut().buffered.is_empty());
            calls.wait(&mut tls);
            assert_eq!(tls.transport_mut().peer.read(), message(5000));
        });
    }
}

// The peer's alert discards unsent records. Records that the transport has taken are still flushed.
#[test]
fn a_buffering_transport_is_flushed_though_the_rest_was_discarded() {
    for calls in Calls::BOTH {
        for_each_stream(|mut tls, _| {
            settle(&mut tls);
            tls.transport_mut().peer.write(b"x");
            let mut forged = [0; 48];
            forged[..5].copy_from_slice(&[23, 3, 3, 0, 43]);
            tls.transport_mut().peer.receive(&forged);
            assert_eq!(calls.read(&mut tls, &mut [0]), Ok(1));
            tls.transport_mut().buffers = true;
            calls.write_all(&mut tls, &message(5000));
            assert!(!tls.transport_mut().flushed);
            let error = calls.read(&mut tls, &mut [0]).unwrap_err();
            assert!(matches!(error, StreamError::Open(OpenError::PeerAlert(_))), "{error:?}");
            assert!(tls.transport_mut().flushed);
        });
    }
}
