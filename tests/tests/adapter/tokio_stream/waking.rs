//! Which task is woken, and when.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{AlertDescription, CloseError, OpenError};
use tls_record_alloc::{Shutdown, TokioStream, WriteHalf};
use tls_record_tests::breakable::{self, Breakable};
use tls_record_tests::peers::{Peer, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{for_each_stream, is_idle, read_some, stream};
use crate::endpoint::inner;
use crate::polling::now;
use crate::support::{Stack, TLS13, forged_record, handshake};
use crate::wire::Wire;

/// A task that counts how often it is woken.
#[derive(Default)]
struct Task(AtomicUsize);

impl Task {
    fn poll<F: Future>(self: &Arc<Self>, future: F) -> Poll<F::Output> {
        let waker = Waker::from(self.clone());
        pin!(future).poll(&mut Context::from_waker(&waker))
    }

    fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn reading_that_has_to_send_does_not_take_the_wake_up_of_a_writer() {
    let (reader, writer) = (Arc::new(Task::default()), Arc::new(Task::default()));
    for is_reader_dropped in [false, true] {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        tls.transport_mut().is_blocked = true;
        now(tls.write(b"some")).unwrap();
        let wakes = writer.wakes();
        assert!(writer.poll(tls.flush()).is_pending());
        tls.transport_mut().peer.key_update(true);
        assert!(reader.poll(tls.read(&mut [0])).is_pending(), "it polled the transport last");
        tls.transport_mut().unblock();
        assert_eq!(writer.wakes() - wakes, 1);
        if !is_reader_dropped {
            // The reader comes first, and leaves the writer nothing to do.
            assert!(reader.poll(tls.read(&mut [0])).is_pending());
        }
        assert!(writer.poll(tls.flush()).is_ready());
        assert_eq!(tls.transport_mut().peer.read(), b"some");
    }
}

#[test]
fn a_task_is_woken_when_another_has_sent_its_data() {
    let (reader, writer) = (Arc::new(Task::default()), Arc::new(Task::default()));
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().is_blocked = true;
    now(tls.write(b"some")).unwrap();
    assert!(writer.poll(tls.flush()).is_pending());
    // The transport is ready before it wakes a task.
    tls.transport_mut().is_blocked = false;
    assert!(reader.poll(tls.read(&mut [0])).is_pending());
    assert_eq!(writer.wakes(), 1);
    assert!(writer.poll(tls.flush()).is_ready());
}

#[test]
fn a_writer_learns_of_the_end_from_the_reader() {
    let writer = Arc::new(Task::default());
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.transport_mut().is_blocked = true;
    now(tls.write(b"some")).unwrap();
    assert!(writer.poll(tls.write(b"more")).is_pending());
    tls.transport_mut().peer.receive(&forged_record());
    assert!(now(tls.read(&mut [0])).is_err());
    assert_eq!(writer.wakes(), 1);
    let Poll::Ready(Err(error)) = writer.poll(tls.write(b"more")) else { panic!() };
    let alert = AlertDescription::BAD_RECORD_MAC;
    assert_eq!(inner::<OpenError>(&error), OpenError::PeerAlert(alert));
}

#[test]
fn a_writing_half_learns_of_the_end_from_the_reading_half() {
    type Call =
        fn(&mut WriteHalf<tokio::io::WriteHalf<Wire<dyn Peer>>, Ring>, &Arc<Task>) -> Poll<bool>;
    let calls: [Call; 3] = [
        |write, task| task.poll(write.write(b"more")).map(|result| result.is_err()),
        |write, task| task.poll(write.flush()).map(|result| result.is_err()),
        |write, task| task.poll(write.shutdown()).map(|result| result.is_err()),
    ];
    for call in calls {
        let writer = Arc::new(Task::default());
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        assert!(is_idle(&mut tls), "tickets");
        tls.transport_mut().peer.receive(&forged_record());
        tls.transport_mut().is_blocked = true;
        let (mut read, mut write) = tls.into_split(tokio::io::split);
        now(write.write(b"some")).unwrap();
        assert!(call(&mut write, &writer).is_pending());
        assert!(now(read.read(&mut [0])).is_err());
        assert_eq!(writer.wakes(), 1);
        assert_eq!(call(&mut write, &writer), Poll::Ready(true));
    }
}

// The alert is queued behind data that the transport does not take: the writer must not wait for ever.
#[test]
fn a_writing_half_learns_of_a_fault_from_the_reading_half() {
    let writer = Arc::new(Task::default());
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.transport_mut().peer.write(b"forged");
    *tls.transport_mut().collect().back_mut().unwrap() ^= 1;
    tls.transport_mut().is_blocked = true;
    let (mut read, mut write) = tls.into_split(tokio::io::split);
    now(write.write(b"some")).unwrap();
    assert!(writer.poll(write.write(b"more")).is_pending());
    assert!(now(read.read(&mut [0])).is_err());
    assert_eq!(writer.wakes(), 1);
    assert!(matches!(writer.poll(write.write(b"more")), Poll::Ready(Err(_))));
}

#[test]
fn a_writing_half_that_was_dropped_is_not_woken() {
    let writer = Arc::new(Task::default());
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    assert!(is_idle(&mut tls), "tickets");
    tls.transport_mut().peer.receive(&forged_record());
    tls.transport_mut().is_blocked = true;
    let (mut read, mut write) = tls.into_split(tokio::io::split);
    now(write.write(b"some")).unwrap();
    assert!(writer.poll(write.flush()).is_pending());
    drop(write);
    assert!(now(read.read(&mut [0])).is_err());
    assert_eq!(writer.wakes(), 0);
}

#[test]
fn a_reader_learns_from_the_writer_that_the_cipher_failed() {
    for is_control in [false, true] {
        let mut handshake = handshake(Role::Client, TLS13);
        let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
        now(handshake.complete_async(&mut wire)).unwrap();
        let mut tls = TokioStream::<_, Breakable>::new(handshake.finish().unwrap(), wire);
        let reader = Arc::new(Task::default());
        assert!(reader.poll(tls.read(&mut [0])).is_pending());
        breakable::set_broken(true);
        if is_control {
            assert!(now(tls.shutdown()).is_err(), "no close_notify has left");
        } else {
            assert!(now(tls.write(b"data")).is_err());
        }
        breakable::set_broken(false);
        assert_eq!(reader.wakes(), 1);
        assert!(matches!(reader.poll(tls.read(&mut [0])), Poll::Ready(Err(_))));
    }
}

#[test]
fn shutting_down_in_two_steps_does_not_take_the_wake_up_of_a_reader() {
    let (reader, closer) = (Arc::new(Task::default()), Arc::new(Task::default()));
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.set_shutdown(Shutdown::TwoSteps { budget: 100 });
    assert!(reader.poll(tls.read(&mut [0])).is_pending());
    assert!(closer.poll(tls.shutdown()).is_pending(), "it polled the transport last");
    assert_eq!(reader.wakes(), 0);
    tls.transport_mut().peer.write(b"for the reader");
    tls.transport_mut().reader.take().unwrap().wake();
    assert_eq!((reader.wakes(), closer.wakes()), (1, 1));
    // Either task may be polled first.
    assert!(reader.poll(tls.read(&mut [0; 4])).is_ready());
    assert!(closer.poll(tls.shutdown()).is_pending());
    assert_eq!(read_some(&mut tls), b"the reader");
    assert!(reader.poll(tls.read(&mut [0])).is_pending());
    tls.transport_mut().peer.close();
    assert!(closer.poll(tls.shutdown()).is_ready());
    assert_eq!(reader.wakes(), 2);
    assert_eq!(read_some(&mut tls), b"");
}

#[test]
fn aborting_wakes_a_shutdown_that_waits_for_the_peer() {
    let (reader, closer) = (Arc::new(Task::default()), Arc::new(Task::default()));
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
    assert!(reader.poll(tls.read(&mut [0])).is_pending());
    assert!(closer.poll(tls.shutdown()).is_pending());
    // After our close_notify no alert is sent, but the receiving direction ends.
    assert_eq!(tls.abort(AlertDescription::INTERNAL_ERROR), Err(CloseError::AlreadyClosed));
    assert_eq!((reader.wakes(), closer.wakes()), (1, 1));
    assert!(closer.poll(tls.shutdown()).is_ready());
    assert!(reader.poll(tls.read(&mut [0])).is_ready());
}

#[test]
fn a_shutdown_that_waits_for_the_peer_learns_that_the_cipher_failed() {
    let mut handshake = handshake(Role::Client, TLS13);
    let mut wire = Wire::to(Stack::Openssl.peer(Role::Server, TLS13));
    now(handshake.complete_async(&mut wire)).unwrap();
    let mut tls = TokioStream::<_, Breakable>::new(handshake.finish().unwrap(), wire);
    tls.set_shutdown(Shutdown::TwoSteps { budget: 1000 });
    let closer = Arc::new(Task::default());
    // The close_notify waits behind data that the transport does not take.
    tls.transport_mut().is_blocked = true;
    assert_eq!(now(tls.write(b"data")).unwrap(), 4);
    assert!(closer.poll(tls.shutdown()).is_pending());
    tls.transport_mut().is_blocked = false;
    breakable::set_broken(true);
    let flushed = now(tls.flush());
    breakable::set_broken(false);
    assert_ne!(closer.wakes(), 0, "{flushed:?}");
    assert!(matches!(closer.poll(tls.shutdown()), Poll::Ready(Err(_))));
}

#[test]
fn each_call_polls_the_transport_once_and_wakes_nothing() {
    for_each_stream(|mut tls, _| {
        assert!(is_idle(&mut tls), "tickets");
        let task = Arc::new(Task::default());
        let before = tls.transport().calls;
        assert!(task.poll(tls.read(&mut [0])).is_pending());
        assert_eq!(tls.transport().calls - before, 1);
        tls.transport_mut().is_blocked = true;
        assert!(task.poll(tls.write(b"one")).is_ready());
        let before = tls.transport().calls;
        assert!(task.poll(tls.write(b"two")).is_pending());
        assert!(task.poll(tls.flush()).is_pending());
        assert_eq!(tls.transport().calls - before, 2);
        assert_eq!(task.wakes(), 0);
        tls.transport_mut().unblock();
        assert_eq!(task.wakes(), 1);
    });
}
