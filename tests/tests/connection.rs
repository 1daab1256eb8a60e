//! Connections that own their output: the answers of a shutdown, slots, and transports that take a
//! part.
//!
//! Tests that carry a name of `gsk_secure_socket_shutdown`'s answers are what z/OS System SSL
//! promises of it.

use std::io::{self, ErrorKind};

use tls_record::aead::{Aead, AeadError};
use tls_record::close::OnPeerClose;
use tls_record::{
    AlertDescription, CloseError, Config, Connection, ConnectionSet, ContentType, DirectionKeys,
    End, Epoch, Event, Fault, InvalidHandle, KeyError, KeySchedule, Mailbox, OpenError, ReadEnd,
    RecordLayer, Role, SealError, ShutdownError, Version, WriteEnd, Writer,
};
use tls_record_tests::records::{
    self, ALERT, CLOSE_NOTIFY, DATA, Got, HANDSHAKE, Hand, Layer, Secret, Suite, key_update,
    message, open_all, plaintext, split,
};
use zeroize::Zeroize;

const CLEAN: End =
    End { read: ReadEnd::Closed { epoch: Epoch::Application }, write: WriteEnd::Closed };

/// A connection whose other end is worked by hand, behind a transport that takes what it is told to.
struct Wired<const TX: usize = 512> {
    tls: Connection<Secret, TX>,
    /// Seals what arrives.
    peer: Hand,
    /// Opens what leaves.
    mirror: Hand,
    /// What the transport took and the mirror has not opened.
    taken: Vec<u8>,
}

impl<const TX: usize> Wired<TX> {
    fn over(records::Connection { layer, peer, mirror }: records::Connection) -> Self {
        Self { tls: Connection::new(layer), peer, mirror, taken: Vec::new() }
    }

    fn new(suite: Suite) -> Self {
        Self::over(records::Connection::established(suite, Role::Client))
    }

    fn configured(suite: Suite, configure: impl FnOnce(&mut Config)) -> Self {
        Self::over(records::Connection::configured(suite, configure))
    }

    /// The transport takes `len` bytes, or all there are.
    fn take(&mut self, len: usize) -> usize {
        let unsent = self.tls.unsent();
        let len = len.min(unsent.len());
        self.taken.extend_from_slice(&unsent[..len]);
        self.tls.sent(len);
        len
    }

    /// The whole records that the transport has taken.
    fn opened(&mut self) -> Vec<(ContentType, Vec<u8>)> {
        let mut records = Vec::new();
        let wire = std::mem::take(&mut self.taken);
        let mut at = 0;
        while let Some(&[_, _, _, high, low]) = wire.get(at..at + 5) {
            let end = at + 5 + usize::from(u16::from_be_bytes([high, low]));
            let Some(record) = wire.get(at..end) else { break };
            let (content_type, content) = self.mirror.open(record);
            if content_type == HANDSHAKE && content.first() == Some(&24) {
                self.mirror.update();
            }
            records.push((content_type, content));
            at = end;
        }
        self.taken = wire[at..].to_vec();
        records
    }

    /// The transport takes everything, `piece` bytes at a time.
    fn send_in(&mut self, piece: usize) -> Vec<(ContentType, Vec<u8>)> {
        while self.take(piece) != 0 {}
        let records = self.opened();
        assert_eq!(self.taken, [], "records are whole");
        records
    }

    fn send(&mut self) -> Vec<(ContentType, Vec<u8>)> {
        self.send_in(usize::MAX)
    }

    fn receive(&mut self, record: &[u8]) -> Result<Vec<Got>, OpenError> {
        let (got, left) = open_all(|input| self.tls.received(input), record);
        left.map(|_| got)
    }

    fn accept(&mut self, content_type: ContentType, content: &[u8]) -> Vec<Got> {
        let record = self.peer.seal(content_type, content);
        let got = self.receive(&record).expect("accepted");
        if matches!(got.last(), Some(Got::KeyUpdate(_))) {
            self.peer.update();
        }
        got
    }

    fn is_full(&self) -> bool {
        self.tls.unsent().len() + self.tls.writer().sealer().control_len() > TX
    }

    /// Writes until there is no room for a control record.
    fn fill(&mut self) {
        let overhead = self.tls.writer().sealer().record_len(0);
        while !self.is_full() {
            let room = TX - self.tls.unsent().len();
            let limit = usize::from(self.tls.writer().sealer().fragment_limit());
            let data = vec![b'f'; limit.min(room - overhead)];
            assert_eq!(self.tls.write(&[&data]), Ok(data.len()));
        }
    }
}

fn alert(content: [u8; 2]) -> (ContentType, Vec<u8>) {
    (ALERT, content.to_vec())
}

fn data(content: &[u8]) -> (ContentType, Vec<u8>) {
    (DATA, content.to_vec())
}

const PIECES: [usize; 7] = [1, 2, 3, 7, 24, 100, usize::MAX];

// The nine answers

#[test]
fn gsk_ok_says_that_the_transport_took_the_last_byte() {
    for suite in Suite::ALL {
        for piece in PIECES {
            let mut end = Wired::<512>::new(suite);
            assert_eq!(end.tls.write(&[b"some", b" data"]), Ok(9));
            loop {
                match end.tls.shutdown() {
                    Ok(()) => break,
                    Err(ShutdownError::WouldBlock) => {}
                    Err(error) => panic!("{error}"),
                }
                assert_ne!(end.tls.unsent(), []);
                assert_eq!(end.tls.end().write, WriteEnd::Closing);
                end.take(piece);
            }
            assert_eq!(end.tls.unsent(), []);
            assert_eq!(end.tls.end().write, WriteEnd::Closed);
            assert_eq!(end.opened(), [data(b"some data"), alert(CLOSE_NOTIFY)]);
            // One step: the peer's direction is none of its business.
            assert_eq!(end.tls.end().read, ReadEnd::Open);
            assert_eq!(end.accept(DATA, b"late"), [Got::Data(b"late".to_vec())]);
        }
    }
}

#[test]
fn gsk_connection_active_while_a_slot_is_reserved() {
    for suite in Suite::ALL {
        for commits in [false, true] {
            let mut end = Wired::<512>::new(suite);
            end.tls.reserve(10).unwrap()[..4].copy_from_slice(b"slot");
            for _ in 0..3 {
                assert_eq!(end.tls.shutdown(), Err(ShutdownError::SlotReserved));
                assert_eq!(end.tls.shutdown_both(0), Err(ShutdownError::SlotReserved));
            }
            // Nothing is queued: the connection is as open as before.
            assert_eq!((end.tls.unsent(), end.tls.end().write), (&[][..], WriteEnd::Open));
            assert!(end.tls.may_write());
            let mut expected = Vec::new();
            if commits {
                end.tls.commit(4).unwrap();
                expected.push(data(b"slot"));
            } else {
                end.tls.cancel().unwrap();
            }
            assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
            expected.push(alert(CLOSE_NOTIFY));
            assert_eq!(end.send(), expected);
            assert_eq!(end.tls.shutdown(), Ok(()));
        }
    }
}

#[test]
fn gsk_err_connection_closed_when_our_close_notify_has_left() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
        // A write after the shutdown is an error from the first moment.
        for _ in 0..2 {
            assert_eq!(end.tls.write(&[b"late"]), Err(SealError::Closed));
            assert_eq!(end.tls.write_handshake(&[&message(4, b"")]), Err(SealError::Closed));
            assert_eq!(end.tls.reserve(4), Err(SealError::Closed));
            assert_eq!(end.tls.update_keys(false), Err(KeyError::Closed));
            assert!(!end.tls.may_write() && !end.tls.can_write());
            end.send();
        }
        assert_eq!(end.tls.shutdown(), Ok(()));
        for _ in 0..3 {
            assert_eq!(end.tls.shutdown(), Err(ShutdownError::AlreadyClosed));
            assert_eq!(end.send(), []);
        }
    }
}

/// The error of a transport is the transport's, and the connection does not claim what it did not
/// take.
#[test]
fn gsk_err_io_is_the_error_of_the_transport() {
    fn close<const TX: usize>(
        end: &mut Wired<TX>,
        mut transport: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<()> {
        loop {
            match end.tls.shutdown() {
                Ok(()) => return Ok(()),
                Err(ShutdownError::WouldBlock) => {
                    let taken = transport()?;
                    end.take(taken);
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
    for suite in Suite::ALL {
        for before in 0..suite.overhead() + 2 {
            let mut end = Wired::<512>::new(suite);
            let mut calls = 0;
            let closed = close(&mut end, || {
                calls += 1;
                if calls > before { Err(ErrorKind::ConnectionReset.into()) } else { Ok(1) }
            });
            assert_eq!(closed.unwrap_err().kind(), ErrorKind::ConnectionReset);
            assert_eq!(end.tls.end().write, WriteEnd::Closing, "{before} bytes of it left");
            // If that was not its end, the rest follows.
            close(&mut end, || Ok(3)).unwrap();
            assert_eq!(end.opened(), [alert(CLOSE_NOTIFY)]);
        }
    }
}

#[test]
fn gsk_err_not_sslv3_when_the_peer_does_not_speak_tls() {
    for role in [Role::Client, Role::Server] {
        for first in [&b"GET / HTTP/1.1"[..], b"HTTP/1.1 400", &[0x80, 0x2e, 1, 0, 2]] {
            for hello in [false, true] {
                let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(role)));
                if hello {
                    tls.write_handshake(&[&message(1, b"hello")]).unwrap();
                    if role == Role::Client {
                        tls.sent(3);
                    }
                }
                let error = OpenError::Fault(Fault::NotTls);
                assert_eq!(tls.received(&mut first.to_vec()), Err(error), "{role:?}");
                // There is no one to alert, and nothing half sent to be completed.
                assert_eq!(tls.unsent(), []);
                for _ in 0..2 {
                    assert_eq!(tls.shutdown(), Err(ShutdownError::NotTls), "{role:?} {hello}");
                    assert_eq!(tls.shutdown_both(100), Err(ShutdownError::NotTls));
                }
                let end = End { read: ReadEnd::Fault(Fault::NotTls), write: WriteEnd::Failed };
                assert_eq!(tls.end(), end);
            }
        }
    }
}

#[test]
fn gsk_err_not_sslv3_also_after_our_close_notify() {
    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Client)));
    tls.write_handshake(&[&message(1, b"hello")]).unwrap();
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));
    tls.sent(usize::MAX);
    assert_eq!(tls.shutdown_both(100), Err(ShutdownError::AwaitingPeer { drained: 0 }));
    assert!(tls.received(&mut b"HTTP/1.1 400".to_vec()).is_err());
    assert_eq!(tls.shutdown_both(100), Err(ShutdownError::NotTls));
}

#[test]
fn gsk_err_socket_closed_before_the_peers_close_notify() {
    for suite in Suite::ALL {
        for inside_record in [false, true] {
            for shuts_down_first in [false, true] {
                let mut end = Wired::<512>::new(suite);
                if shuts_down_first {
                    assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
                }
                if inside_record {
                    end.tls.received(&mut [23, 3]).unwrap();
                }
                let read = ReadEnd::Truncated { epoch: Epoch::Application, inside_record };
                assert_eq!(end.tls.eof(), read);
                for _ in 0..3 {
                    assert_eq!(end.tls.shutdown(), Err(ShutdownError::Truncated));
                    assert_eq!(end.tls.shutdown_both(100), Err(ShutdownError::Truncated));
                }
                // The other direction may still work.
                assert_eq!(end.tls.end(), End { read, write: WriteEnd::Closing });
                assert_eq!(end.send(), [alert(CLOSE_NOTIFY)]);
                assert_eq!(end.tls.shutdown(), Err(ShutdownError::Truncated));
                assert_eq!(end.tls.end(), End { read, write: WriteEnd::Closed });
                assert!(!end.tls.end().is_clean());
                assert_eq!(end.send(), []);
            }
        }
    }
}

/// The peer closed its direction and went: that is no obstacle to our close_notify.
#[test]
fn gsk_err_socket_closed_is_not_said_after_the_peers_close_notify() {
    for suite in Suite::ALL {
        for policy in [OnPeerClose::Reply, OnPeerClose::HalfClose] {
            let mut end =
                Wired::<512>::configured(suite, |config| config.tls12_on_peer_close = policy);
            end.accept(ALERT, &CLOSE_NOTIFY);
            assert_eq!(end.tls.eof(), ReadEnd::Closed { epoch: Epoch::Application });
            let replies = suite != Suite::Tls13 && policy == OnPeerClose::Reply;
            assert_eq!(end.tls.unsent().is_empty(), !replies);
            assert_eq!(end.tls.may_write(), !replies);
            assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
            assert_eq!(end.send_in(1), [alert(CLOSE_NOTIFY)]);
            assert_eq!(end.tls.shutdown(), Ok(()));
            assert_eq!(end.tls.shutdown(), Err(ShutdownError::AlreadyClosed));
            assert_eq!(end.tls.end(), CLEAN);
        }
    }
}

#[test]
fn gsk_invalid_state_before_the_connection_has_started() {
    for role in [Role::Client, Role::Server] {
        let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(role)));
        for _ in 0..3 {
            assert_eq!(tls.shutdown(), Err(ShutdownError::NotStarted));
            assert_eq!(tls.shutdown_both(100), Err(ShutdownError::NotStarted));
            assert_eq!((tls.unsent(), tls.end().write), (&[][..], WriteEnd::Open));
        }
        // Nothing was queued: the handshake may begin.
        tls.write_handshake(&[&message(1, b"hello")]).unwrap();
        assert_eq!(tls.unsent().len(), 14);
    }
}

/// A record that was sealed or opened is a start, whoever has it now.
#[test]
fn gsk_invalid_state_is_not_said_once_there_is_something_to_close() {
    for takes in [0, 3, 14] {
        let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Client)));
        tls.write_handshake(&[&message(1, b"hello")]).unwrap();
        tls.sent(takes);
        assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock), "{takes} bytes have left");
        assert_eq!(tls.unsent().len(), 14 - takes + 7);
        tls.sent(usize::MAX);
        assert_eq!(tls.shutdown(), Ok(()));
        assert_eq!(tls.shutdown(), Err(ShutdownError::AlreadyClosed));
    }
    let mut layer = Layer::new(Config::new(Role::Client));
    layer.with_halves(|_, sealer| {
        sealer.seal_handshake(&[&message(1, b"hello")], &mut [0; 64]).unwrap();
    });
    let mut tls = Connection::<Secret, 512>::new(layer);
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));

    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Server)));
    tls.received(&mut plaintext(HANDSHAKE, &message(1, b"hello"))).unwrap();
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(tls.unsent(), plaintext(ALERT, &CLOSE_NOTIFY));
}

#[test]
fn gsk_invalid_state_when_the_connection_has_failed() {
    for suite in Suite::ALL {
        // By a fault of the peer's, an alert of the peer's, and an abort of ours.
        for how in 0..3 {
            for piece in PIECES {
                let mut end = Wired::<512>::new(suite);
                let record = match how {
                    0 => end.peer.forge(DATA, b"forged"),
                    1 => end.peer.seal(ALERT, &[2, 80]),
                    _ => vec![],
                };
                if how == 2 {
                    end.tls.abort(AlertDescription::DECODE_ERROR).unwrap();
                } else {
                    assert!(end.receive(&record).is_err());
                }
                for _ in 0..3 {
                    assert_eq!(end.tls.shutdown(), Err(ShutdownError::Failed));
                    assert_eq!(end.tls.shutdown_both(100), Err(ShutdownError::Failed));
                    assert_eq!(end.tls.write(&[b"data"]), Err(SealError::Failed));
                    assert_eq!(end.tls.reserve(4), Err(SealError::Failed));
                }
                let (sent, write) = match how {
                    0 => (
                        vec![alert([2, 20])],
                        WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC),
                    ),
                    1 => (vec![], WriteEnd::Failed),
                    _ => {
                        (vec![alert([2, 50])], WriteEnd::AlertSent(AlertDescription::DECODE_ERROR))
                    }
                };
                assert_eq!(end.send_in(piece), sent);
                assert_eq!(end.tls.end().write, write);
                assert_eq!(end.tls.shutdown(), Err(ShutdownError::Failed));
            }
        }
    }
}

#[test]
fn gsk_invalid_state_after_a_failure_before_the_version_was_known() {
    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Server)));
    tls.abort(AlertDescription::HANDSHAKE_FAILURE).unwrap();
    for _ in 0..2 {
        assert_eq!(tls.shutdown(), Err(ShutdownError::Failed));
        tls.sent(usize::MAX);
    }
    assert_eq!(
        tls.end().write,
        WriteEnd::AlertSent(AlertDescription::HANDSHAKE_FAILURE),
        "it has left"
    );
}

#[test]
fn gsk_would_block_write_loses_nothing_and_sends_the_alert_once() {
    for suite in Suite::ALL {
        for piece in PIECES {
            let mut end = Wired::<512>::new(suite);
            end.fill();
            let waits = end.tls.unsent().len();
            // There is no room for the alert yet.
            for _ in 0..3 {
                assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
                assert_eq!(end.tls.unsent().len(), waits);
            }
            let mut calls = 0;
            while end.tls.shutdown() == Err(ShutdownError::WouldBlock) {
                end.take(piece);
                calls += 1;
                assert!(calls < 1000, "it does not end");
            }
            let mut records = end.opened();
            assert_eq!(records.pop(), Some(alert(CLOSE_NOTIFY)));
            assert!(!records.is_empty() && records.iter().all(|record| record.0 == DATA));
            assert_eq!(end.tls.shutdown(), Err(ShutdownError::AlreadyClosed));
            assert_eq!(end.send(), []);
        }
    }
}

#[test]
fn gsk_would_block_write_until_the_last_byte_though_it_is_sealed() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    for taken in 0..24 {
        assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock), "{taken} bytes have left");
        assert_eq!(end.tls.end().write, WriteEnd::Closing);
        end.take(1);
    }
    assert_eq!(end.tls.shutdown(), Ok(()));
}

/// A handle never means another connection: not in its own set, not in another.
#[test]
fn gsk_invalid_handle_when_it_is_stale_or_foreign() {
    type Set = ConnectionSet<Connection<Secret, 128>, 3>;
    let connection = || Connection::new(Layer::new(Config::new(Role::Client)));
    let (mut set, mut other) = (Set::new(1), Set::new(2));
    let (first, foreign) = (set.insert(connection()).unwrap(), other.insert(connection()).unwrap());
    assert_ne!(first, foreign);
    let is_invalid = |set: &mut Set, handle| {
        set.get(handle).is_err_and(|error| error == InvalidHandle)
            && set.get_mut(handle).is_err_and(|error| error == InvalidHandle)
            && set.remove(handle).is_err_and(|error| error == InvalidHandle)
    };
    assert!(is_invalid(&mut set, foreign) && is_invalid(&mut other, first));
    assert!(set.get(first).is_ok() && set.get_mut(first).is_ok());
    assert!(set.remove(first).is_ok());
    // Once removed it is stale, also when another has its place.
    assert!(is_invalid(&mut set, first));
    let mut stale = vec![first];
    for _ in 0..100 {
        let next = set.insert(connection()).unwrap();
        assert!(!stale.contains(&next));
        assert!(stale.iter().all(|&stale| is_invalid(&mut set, stale)));
        assert!(set.get(next).is_ok(), "and the new one is as good as before");
        set.remove(next).unwrap();
        stale.push(next);
    }
    assert!(set.is_empty() && other.len() == 1);
    // A place that this set never had.
    let mut large = ConnectionSet::<u8, 4>::new(1);
    let handles = [0, 1, 2, 3].map(|value| large.insert(value).unwrap());
    assert!(is_invalid(&mut set, handles[3]));
}

#[test]
fn a_full_set_gives_the_connection_back() {
    let mut set = ConnectionSet::<u8, 3>::new(0);
    let handles = [10, 11, 12].map(|value| set.insert(value).unwrap());
    assert_eq!(set.insert(13), Err(13));
    assert_eq!(set.len(), 3);
    for (handle, value) in handles.iter().zip([10, 11, 12]) {
        assert_eq!(set.get(*handle), Ok(&value));
    }
    let all: Vec<_> = set.iter_mut().map(|(handle, value)| (handle, *value)).collect();
    assert_eq!(all, handles.into_iter().zip([10, 11, 12]).collect::<Vec<_>>());
    assert_eq!(set.remove(handles[1]), Ok(11));
    let fourth = set.insert(13).unwrap();
    assert_eq!(set.insert(14), Err(14));
    *set.get_mut(fourth).unwrap() += 1;
    let values: Vec<_> = set.iter_mut().map(|(_, value)| *value).collect();
    assert_eq!(values, [10, 14, 12]);
    assert_eq!(ConnectionSet::<u8, 0>::new(0).insert(1), Err(1));
}

// Two steps

#[test]
fn two_steps_deliver_what_is_under_way() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        assert_eq!(end.accept(DATA, b"before"), [Got::Data(b"before".to_vec())]);
        assert_eq!(end.tls.shutdown_both(1000), Err(ShutdownError::WouldBlock));
        assert_eq!(end.accept(DATA, b"under way"), [Got::Data(b"under way".to_vec())]);
        assert_eq!(end.send_in(1), [alert(CLOSE_NOTIFY)]);
        let drained = (suite.overhead() + 9) as u32;
        assert_eq!(end.tls.shutdown_both(1000), Err(ShutdownError::AwaitingPeer { drained }));
        // A record in part is not drained yet.
        let record = end.peer.seal(DATA, b"more");
        end.tls.received(&mut record[..10].to_vec()).unwrap();
        assert_eq!(end.tls.shutdown_both(1000), Err(ShutdownError::AwaitingPeer { drained }));
        end.receive(&record).unwrap();
        let drained = drained + record.len() as u32;
        assert_eq!(end.tls.shutdown_both(1000), Err(ShutdownError::AwaitingPeer { drained }));
        end.accept(ALERT, &CLOSE_NOTIFY);
        for _ in 0..3 {
            assert_eq!(end.tls.shutdown_both(1000), Ok(()));
            assert_eq!(end.tls.end(), CLEAN);
        }
    }
}

#[test]
fn two_steps_in_any_order_of_the_peers_close() {
    for suite in Suite::ALL {
        for policy in [OnPeerClose::Reply, OnPeerClose::HalfClose] {
            for peer_closes_before in 0..3 {
                let mut end =
                    Wired::<512>::configured(suite, |config| config.tls12_on_peer_close = policy);
                for step in 0..3 {
                    if step == peer_closes_before {
                        end.accept(ALERT, &CLOSE_NOTIFY);
                    }
                    match step {
                        0 => {
                            let blocked = Err(ShutdownError::WouldBlock);
                            assert_eq!(end.tls.shutdown_both(1000), blocked);
                        }
                        1 => assert_eq!(end.send(), [alert(CLOSE_NOTIFY)]),
                        _ => assert_eq!(end.tls.shutdown_both(1000), Ok(())),
                    }
                }
                assert_eq!(end.tls.end(), CLEAN);
            }
        }
    }
}

#[test]
fn the_budget_is_spent_by_one_byte_too_many() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        let _ = end.tls.shutdown();
        end.send();
        end.accept(DATA, b"0123456789");
        let drained = (suite.overhead() + 10) as u32;
        let spent = Err(ShutdownError::BudgetSpent { drained });
        let awaiting = Err(ShutdownError::AwaitingPeer { drained });
        assert_eq!(end.tls.shutdown_both(drained), awaiting);
        assert_eq!(end.tls.shutdown_both(drained - 1), spent);
        assert_eq!(end.tls.shutdown_both(0), spent);
        // Who has more patience may go on.
        assert_eq!(end.tls.shutdown_both(drained), awaiting);
        end.accept(ALERT, &CLOSE_NOTIFY);
        assert_eq!(end.tls.shutdown_both(0), Ok(()));
    }
}

#[test]
fn what_is_received_in_pieces_counts_for_the_budget() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    let _ = end.tls.shutdown();
    end.send();
    let record = end.peer.seal(DATA, b"in pieces");
    let mut out = [0; 64];
    let opened = end.tls.received_into(&[&record[..7], &record[7..]], &mut out).unwrap();
    assert_eq!(Got::of(&opened.event, &out), Some(Got::Data(b"in pieces".to_vec())));
    assert_eq!(end.tls.shutdown_both(30), Err(ShutdownError::BudgetSpent { drained: 31 }));
    // What it has to tell is told, as by the other call.
    let forged = end.peer.forge(DATA, b"forged");
    assert!(end.tls.received_into(&[&forged], &mut out).is_err());
    assert_eq!(end.tls.shutdown_both(100), Err(ShutdownError::Failed));
    let mut end = Wired::<512>::new(Suite::Tls13);
    let request = end.peer.seal(HANDSHAKE, &key_update(1));
    end.tls.received_into(&[&request], &mut out).unwrap();
    assert_eq!(end.send(), [(HANDSHAKE, key_update(0))]);
}

/// A peer that sends for ever and does not read: our alert cannot leave, and waiting has a bound all
/// the same.
#[test]
fn the_budget_holds_while_our_alert_waits_for_the_transport() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    assert_eq!(end.tls.shutdown_both(50), Err(ShutdownError::WouldBlock));
    end.accept(DATA, &[0; 28]);
    assert_eq!(end.tls.shutdown_both(50), Err(ShutdownError::WouldBlock));
    end.accept(DATA, b"");
    assert_eq!(end.tls.shutdown_both(50), Err(ShutdownError::BudgetSpent { drained: 72 }));
    assert_eq!(end.tls.end().write, WriteEnd::Closing, "it has not left");
}

#[test]
fn two_steps_end_with_the_transport_or_with_a_failure() {
    for suite in Suite::ALL {
        let closing = || {
            let mut end = Wired::<512>::new(suite);
            let _ = end.tls.shutdown();
            end.send();
            let awaiting = Err(ShutdownError::AwaitingPeer { drained: 0 });
            assert_eq!(end.tls.shutdown_both(0), awaiting);
            end
        };
        let mut end = closing();
        end.tls.eof();
        assert_eq!(end.tls.shutdown_both(0), Err(ShutdownError::Truncated));

        let mut end = closing();
        let forged = end.peer.forge(DATA, b"forged");
        assert!(end.receive(&forged).is_err());
        // Nothing follows a close_notify, not even an alert.
        assert_eq!(end.send(), []);
        assert_eq!(end.tls.shutdown_both(0), Err(ShutdownError::Failed));
        assert_eq!(end.tls.end().write, WriteEnd::Closed);

        let mut end = closing();
        let error = end.peer.seal(ALERT, &[2, 80]);
        assert!(end.receive(&error).is_err());
        assert_eq!(end.tls.shutdown_both(0), Err(ShutdownError::Failed));
    }
}

// Discarded is not sent

#[test]
fn a_fatal_alert_of_the_peers_discards_what_is_unsent() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        end.tls.write(&[b"data"]).unwrap();
        end.take(3);
        let error = end.peer.seal(ALERT, &[2, 80]);
        assert!(end.receive(&error).is_err());
        assert_eq!(end.tls.unsent(), []);
        assert_eq!(end.tls.end().write, WriteEnd::Failed);
        assert_eq!(end.tls.shutdown(), Err(ShutdownError::Failed));
    }
}

#[test]
fn what_was_discarded_is_not_told_as_sent() {
    for suite in Suite::ALL {
        for taken in 0..=suite.overhead() + 2 {
            let mut end = Wired::<512>::new(suite);
            let _ = end.tls.shutdown();
            assert_eq!(end.take(taken), taken);
            let error = end.peer.seal(ALERT, &[2, 80]);
            assert!(end.receive(&error).is_err());
            assert_eq!(end.tls.unsent(), []);
            let left = taken == suite.overhead() + 2;
            let write = if left { WriteEnd::Closed } else { WriteEnd::Failed };
            assert_eq!(end.tls.end().write, write, "{taken} bytes had left");
            if !left {
                assert_eq!(end.tls.shutdown(), Err(ShutdownError::Failed));
            }
        }
    }
}

/// Two fatal alerts that cross: ours was sealed before the other half told of theirs.
#[test]
fn an_alert_that_was_discarded_is_not_told_as_sent() {
    for suite in Suite::ALL {
        for taken in 0..=suite.overhead() + 2 {
            let Wired { tls, mut peer, .. } = Wired::<512>::new(suite);
            let (mut opener, mut writer) = tls.split();
            writer.abort(AlertDescription::DECODE_ERROR).unwrap();
            writer.sent(taken);
            assert!(opener.open(&mut peer.seal(ALERT, &[2, 80])).is_err());
            writer.apply(opener.take_notice());
            assert_eq!(writer.unsent(), []);
            let left = taken == suite.overhead() + 2;
            let sent = WriteEnd::AlertSent(AlertDescription::DECODE_ERROR);
            assert_eq!(writer.end(), if left { sent } else { WriteEnd::Failed }, "{taken}");
        }
    }
}

#[test]
fn a_fatal_alert_of_ours_is_queued_until_its_last_byte_was_taken() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        end.tls.write(&[b"data"]).unwrap();
        let forged = end.peer.forge(DATA, b"forged");
        assert!(end.receive(&forged).is_err());
        while !end.tls.unsent().is_empty() {
            let queued = WriteEnd::AlertQueued(AlertDescription::BAD_RECORD_MAC);
            assert_eq!(end.tls.end().write, queued);
            end.take(1);
        }
        let sent = WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC);
        assert_eq!(end.tls.end().write, sent);
        assert_eq!(end.opened(), [data(b"data"), alert([2, 20])], "data leaves before it");
    }
}

#[test]
fn a_fatal_alert_waits_for_room() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        end.fill();
        let waits = end.tls.unsent().len();
        end.tls.abort(AlertDescription::DECODE_ERROR).unwrap();
        assert_eq!(end.tls.unsent().len(), waits);
        assert_eq!(end.tls.abort(AlertDescription::DECODE_ERROR), Err(CloseError::Failed));
        let records = end.send_in(5);
        assert_eq!(records.last(), Some(&alert([2, 50])));
    }
}

// Slots

#[test]
fn control_that_falls_due_leaves_before_the_slot_and_before_its_commit() {
    for waits in [false, true] {
        let mut end = Wired::<512>::new(Suite::Tls13);
        if waits {
            end.tls.write(&[b"first"]).unwrap();
            end.take(2);
        }
        end.tls.reserve(100).unwrap().copy_from_slice(&[7; 100]);
        end.accept(HANDSHAKE, &key_update(1));
        let mut expected = vec![(HANDSHAKE, key_update(0))];
        if waits {
            expected.insert(0, data(b"first"));
        }
        assert_eq!(end.send_in(1), expected, "while the slot is reserved");
        assert_eq!(end.tls.slot_mut(), Some(&mut [7; 100][..]));
        end.tls.commit(100).unwrap();
        assert_eq!(end.send(), [data(&[7; 100])]);
    }
}

#[test]
fn control_that_is_still_there_is_before_the_record_of_the_slot() {
    for piece in PIECES {
        let mut end = Wired::<512>::new(Suite::Tls13);
        end.tls.write(&[b"first"]).unwrap();
        end.tls.reserve(9).unwrap().copy_from_slice(b"committed");
        end.accept(HANDSHAKE, &key_update(1));
        end.tls.commit(9).unwrap();
        end.tls.write(&[b"last"]).unwrap();
        let expected =
            [data(b"first"), (HANDSHAKE, key_update(0)), data(b"committed"), data(b"last")];
        assert_eq!(end.send_in(piece), expected);
    }
}

#[test]
fn a_second_control_record_makes_the_slot_wait_until_the_transport_has_taken_the_first() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.tls.reserve(4).unwrap().copy_from_slice(b"slot");
    end.accept(HANDSHAKE, &key_update(1));
    assert_eq!(end.tls.unsent().len(), 27);
    end.tls.update_keys(true).unwrap();
    assert_eq!(end.tls.unsent().len(), 27, "there is no room for it");
    for taken in 0..27 {
        assert_eq!(end.tls.commit(4), Err(SealError::NoSpace { need: 27 }), "{taken}");
        assert_eq!(end.tls.slot_mut(), Some(&mut b"slot".to_owned()[..]));
        end.take(1);
    }
    assert_eq!(end.tls.unsent().len(), 27, "the second");
    end.tls.commit(4).unwrap();
    let expected = [(HANDSHAKE, key_update(0)), (HANDSHAKE, key_update(1)), data(b"slot")];
    assert_eq!(end.send(), expected);
}

#[test]
fn control_that_waited_for_the_slot_leaves_when_that_is_canceled() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.tls.reserve(4).unwrap();
    end.accept(HANDSHAKE, &key_update(1));
    end.tls.update_keys(true).unwrap();
    assert_eq!(end.tls.unsent().len(), 27);
    end.tls.cancel().unwrap();
    assert_eq!(end.send(), [(HANDSHAKE, key_update(0)), (HANDSHAKE, key_update(1))]);
    // The receiving half knows of the request, and is told the answer.
    assert_eq!(end.tls.update_keys(true), Err(KeyError::RequestOutstanding));
    end.accept(HANDSHAKE, &key_update(0));
    assert_eq!(end.tls.update_keys(true), Ok(()));
}

#[test]
fn a_fault_takes_the_slot_away_and_its_alert_leaves() {
    for suite in Suite::ALL {
        // With the gap before the slot used up or not.
        for updates in 0..=usize::from(suite == Suite::Tls13) * 2 {
            for how in 0..3 {
                let mut end = Wired::<512>::new(suite);
                end.tls.reserve(300).unwrap().fill(7);
                for _ in 0..updates {
                    end.accept(HANDSHAKE, &key_update(1));
                }
                match how {
                    0 => {
                        let forged = end.peer.forge(DATA, b"forged");
                        assert!(end.receive(&forged).is_err());
                    }
                    1 => end.tls.abort(AlertDescription::BAD_RECORD_MAC).unwrap(),
                    _ => {
                        let error = end.peer.seal(ALERT, &[2, 80]);
                        assert!(end.receive(&error).is_err());
                    }
                }
                assert_eq!(end.tls.slot_mut(), None);
                assert_eq!(end.tls.commit(300), Err(SealError::NoSlot));
                assert_eq!(end.tls.cancel(), Err(SealError::NoSlot));
                // It has the room of the slot, at once.
                end.take(usize::MAX);
                let last = end.opened().pop();
                assert_eq!(last, (how != 2).then(|| alert([2, 20])), "{suite:?} {updates} {how}");
            }
        }
    }
}

// 5246 7.2.1: "discarding any pending writes"
#[test]
fn a_tls12_peer_that_closes_takes_the_slot_away_unless_we_half_close() {
    for suite in [Suite::Tls12Gcm, Suite::Tls12Chacha] {
        for policy in [OnPeerClose::Reply, OnPeerClose::HalfClose] {
            let mut end =
                Wired::<512>::configured(suite, |config| config.tls12_on_peer_close = policy);
            end.tls.write(&[b"sealed"]).unwrap();
            end.tls.reserve(4).unwrap().copy_from_slice(b"slot");
            end.accept(ALERT, &CLOSE_NOTIFY);
            if policy == OnPeerClose::Reply {
                assert_eq!(end.tls.commit(4), Err(SealError::NoSlot));
                assert_eq!(end.tls.write(&[b"late"]), Err(SealError::Closed));
                assert_eq!(end.send(), [data(b"sealed"), alert(CLOSE_NOTIFY)]);
            } else {
                assert_eq!(end.tls.commit(4), Ok(()));
                assert_eq!(end.send(), [data(b"sealed"), data(b"slot")]);
            }
        }
    }
}

#[test]
fn a_slot_can_be_committed_in_part_or_not_at_all() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        end.tls.reserve(9).unwrap().copy_from_slice(b"committed");
        assert_eq!(end.tls.reserve(1), Err(SealError::SlotReserved));
        assert_eq!(end.tls.write(&[b"data"]), Err(SealError::SlotReserved));
        assert_eq!(end.tls.write_handshake(&[&message(4, b"")]), Err(SealError::SlotReserved));
        assert_eq!(end.tls.commit(10), Err(SealError::TooLong));
        assert_eq!(end.tls.slot_mut(), Some(&mut b"committed".to_owned()[..]));
        end.tls.commit(6).unwrap();
        assert_eq!(end.tls.commit(6), Err(SealError::NoSlot));
        // Cover traffic, 9846 5.4.
        end.tls.reserve(0).unwrap();
        end.tls.commit(0).unwrap();
        end.tls.reserve(5).unwrap();
        end.tls.cancel().unwrap();
        assert_eq!(end.tls.cancel(), Err(SealError::NoSlot));
        assert_eq!(end.tls.slot_mut(), None);
        assert_eq!(end.send(), [data(b"commit"), data(b"")]);
    }
}

#[test]
fn a_slot_longer_than_a_record_is_refused() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        let limit = usize::from(end.tls.writer().sealer().fragment_limit());
        assert_eq!(end.tls.reserve(limit + 1), Err(SealError::TooLong));
        assert_eq!(end.tls.reserve(limit).unwrap().len(), limit);
        end.tls.commit(limit).unwrap();
        assert_eq!(end.send()[0].1.len(), limit);
    }
}

#[test]
fn a_limit_of_the_peers_that_comes_late_binds_the_slot() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.tls.reserve(100).unwrap();
    end.tls.with_halves(|_, sealer| sealer.set_record_size_limit(64)).unwrap();
    assert_eq!(end.tls.commit(64), Err(SealError::TooLong));
    end.tls.commit(63).unwrap();
    assert_eq!(end.send(), [data(&[0; 63])]);
}

// Room

#[test]
fn state_and_room_are_different_questions() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        let asks = |end: &Wired<512>| (end.tls.may_write(), end.tls.can_write());
        assert_eq!(asks(&end), (true, true));
        end.tls.reserve(1).unwrap();
        assert_eq!(asks(&end), (true, false), "a slot is reserved");
        end.tls.cancel().unwrap();
        end.fill();
        assert_eq!(asks(&end), (true, false), "there is no room");
        end.send();
        assert_eq!(asks(&end), (true, true));
        let _ = end.tls.shutdown();
        assert_eq!(asks(&end), (false, false), "it is closed");
    }
    let tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Client)));
    assert_eq!((tls.may_write(), tls.can_write()), (false, false), "there are no keys");
}

/// Whoever is told that there is room gets it: for a write, and for a slot.
#[test]
fn can_write_is_a_promise() {
    let mut promises = 0;
    for suite in Suite::ALL {
        for slot in [false, true] {
            for step in 1..200 {
                let mut end = Wired::<300>::new(suite);
                let limit = usize::from(end.tls.writer().sealer().fragment_limit());
                for _ in 0..8 {
                    if end.tls.can_write() {
                        promises += 1;
                        if slot {
                            end.tls.reserve(limit).unwrap();
                            end.tls.commit(step.min(limit)).unwrap();
                        } else {
                            assert_eq!(end.tls.write(&[&vec![0; limit]]), Ok(limit));
                        }
                    }
                    end.take(step);
                }
            }
        }
    }
    println!("{promises} promises");
    assert!(promises > 1000);
}

#[test]
fn a_key_update_that_has_no_room_makes_data_and_slots_wait() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.fill();
    end.tls.update_keys(false).unwrap();
    assert_eq!(end.tls.write(&[b"data"]), Err(SealError::NoSpace { need: 27 }));
    assert_eq!(end.tls.reserve(1), Err(SealError::NoSpace { need: 27 }));
    assert_eq!(end.tls.write_handshake(&[&message(4, b"")]), Err(SealError::NoSpace { need: 27 }));
    assert!(end.tls.may_write() && !end.tls.can_write());
    assert_eq!(end.send_in(9).last(), Some(&(HANDSHAKE, key_update(0))));
    assert_eq!(end.tls.write(&[b"data"]), Ok(4));
    assert_eq!(end.send(), [data(b"data")]);
}

#[test]
fn a_fragment_limit_is_never_more_than_fits() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    let limit = end.tls.writer().sealer().fragment_limit();
    // A small one first, say, and then as large as can be.
    end.tls.with_halves(|_, sealer| sealer.set_fragment_limit(100));
    assert_eq!(end.tls.writer().sealer().fragment_limit(), 100);
    end.tls.with_halves(|_, sealer| sealer.set_fragment_limit(16_384));
    assert_eq!(end.tls.writer().sealer().fragment_limit(), limit);
    assert!(end.tls.can_write());
    assert!(end.tls.write(&[&[0; 2000]]).is_ok());
}

fn writes_and_closes<const TX: usize>() {
    for suite in Suite::ALL {
        let mut end = Wired::<TX>::new(suite);
        let limit = usize::from(end.tls.writer().sealer().fragment_limit());
        assert!(limit >= 65 && end.tls.writer().sealer().record_len(limit) <= TX, "{TX}");
        assert!(end.tls.can_write(), "{TX}");
        let content: Vec<u8> = (0..5 * TX).map(|i| (i % 251) as u8).collect();
        let (mut written, mut got) = (0, Vec::new());
        while written < content.len() {
            match end.tls.write(&[&content[written..]]) {
                Ok(0) => panic!("{TX}: no progress"),
                Ok(taken) => written += taken,
                Err(SealError::NoSpace { need }) => {
                    assert!(need <= TX && !end.tls.unsent().is_empty(), "{TX}: {need}");
                    end.take(TX / 3);
                }
                Err(error) => panic!("{TX}: {error}"),
            }
            got.extend(end.opened());
        }
        got.extend(end.send_in(TX / 3));
        assert!(got.iter().all(|record| record.0 == DATA), "{TX}");
        let got: Vec<u8> = got.into_iter().flat_map(|record| record.1).collect();
        assert!(got == content, "{TX}");

        // The longest slot, with a control record in front of it.
        end.tls.reserve(limit).unwrap().fill(9);
        let mut expected = vec![data(&vec![9; limit]), alert(CLOSE_NOTIFY)];
        if suite == Suite::Tls13 {
            end.accept(HANDSHAKE, &key_update(1));
            expected.insert(0, (HANDSHAKE, key_update(0)));
        }
        end.tls.commit(limit).unwrap();
        let _ = end.tls.shutdown();
        assert_eq!(end.send(), expected, "{TX}");
        assert_eq!(end.tls.shutdown(), Ok(()));
    }
}

#[test]
fn every_size_of_output_works() {
    macro_rules! sizes {
        ($($tx:literal)*) => { $(writes_and_closes::<$tx>();)* };
    }
    sizes!(128 129 130 131 132 133 140 149 150 151 152 153 154 155 156 157 158 159 160 161 162);
    sizes!(190 191 192 193 255 256 257 511 512 513 1024 2048 16384 16446 16447 16448 16484);
    sizes!(20000 65535 65536 65598 65599 70000);
}

/// A cipher of somebody's own.
#[derive(Clone)]
struct Own {
    tag_len: usize,
    /// How many records it seals before it fails.
    seals: usize,
}

impl Own {
    fn connect<const TX: usize>(self) -> Connection<Self, TX> {
        let mut layer = RecordLayer::new(Config::new(Role::Client));
        layer.install(Epoch::Application, self.clone(), self).unwrap();
        Connection::new(layer)
    }
}

impl Zeroize for Own {
    fn zeroize(&mut self) {}
}

impl KeySchedule for Own {
    type Aead = Self;

    fn version(&self) -> Version {
        Version::Tls13
    }

    fn keys(&self) -> Result<DirectionKeys<Self>, KeyError> {
        Ok(DirectionKeys { aead: self.clone(), iv: [0; 12] })
    }

    fn update(&mut self) -> Result<(), KeyError> {
        Ok(())
    }
}

impl Aead for Own {
    fn tag_len(&self) -> usize {
        self.tag_len
    }

    fn confidentiality_limit(&self) -> u64 {
        u64::MAX
    }

    fn has_explicit_nonce(&self) -> bool {
        false
    }

    fn seal(
        &mut self,
        _: &[u8; 12],
        _: &[u8],
        _: &mut [u8],
        _: &mut [u8],
    ) -> Result<(), AeadError> {
        self.seals = self.seals.checked_sub(1).ok_or(AeadError)?;
        Ok(())
    }

    fn open(&mut self, _: &[u8; 12], _: &[u8], _: &mut [u8], _: &[u8]) -> Result<(), AeadError> {
        Ok(())
    }
}

/// Without a cipher there is no alert: what is sealed leaves, and both directions have failed.
#[test]
fn a_cipher_that_fails_ends_both_directions_and_takes_the_slot_away() {
    for how in 0..5 {
        let mut tls = Own { tag_len: 16, seals: 1 }.connect::<512>();
        tls.write(&[b"sealed"]).unwrap();
        match how {
            0 => {
                tls.reserve(4).unwrap();
                assert_eq!(tls.commit(4), Err(SealError::Crypto));
            }
            1 => assert_eq!(tls.write(&[b"data"]), Err(SealError::Crypto)),
            2 => assert_eq!(tls.shutdown(), Err(ShutdownError::Failed)),
            3 => {
                let sealed = tls.write_handshake(&[&message(4, b"")]);
                assert_eq!(sealed, Err(SealError::Crypto));
            }
            // A KeyUpdate that is asked for, with a slot reserved.
            _ => {
                tls.reserve(4).unwrap();
                let mut request =
                    [&[23, 3, 3, 0, 22][..], &key_update(1), &[22], &[0; 16]].concat();
                tls.received(&mut request).unwrap();
                assert_eq!(tls.commit(4), Err(SealError::Crypto));
            }
        }
        let end = End { read: ReadEnd::Fault(Fault::Crypto), write: WriteEnd::Failed };
        assert_eq!((tls.end(), tls.unsent().len()), (end, 5 + 6 + 1 + 16), "{how}");
        assert_eq!(tls.slot_mut(), None);
        assert_eq!(tls.commit(4), Err(SealError::NoSlot));
        tls.sent(100);
        assert_eq!((tls.end(), tls.shutdown()), (end, Err(ShutdownError::Failed)));
        assert_eq!(tls.write(&[b"late"]), Err(SealError::Failed));
    }
}

#[test]
fn a_record_fits_whatever_the_length_of_its_tag() {
    let mut tls = Own { tag_len: 64, seals: 2 }.connect::<200>();
    assert!(tls.can_write());
    let taken = tls.write(&[&[0; 200]]).unwrap();
    assert_eq!(taken, 200 - 2 * 70 - 5, "a KeyUpdate would still fit");
    tls.update_keys(false).unwrap();
    assert_eq!(tls.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(tls.unsent().len(), 200);
}

// KeyUpdates

#[test]
fn an_idle_connection_answers_a_key_update_with_no_call_in_between() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    for _ in 0..40 {
        end.accept(HANDSHAKE, &key_update(1));
        assert_eq!(end.tls.unsent().len(), 27);
        assert_eq!(end.send(), [(HANDSHAKE, key_update(0))]);
        end.accept(DATA, b"data");
    }
    // One answer waits for the transport, and one for all that came meanwhile waits behind it.
    for _ in 0..5 {
        end.accept(HANDSHAKE, &key_update(1));
        assert_eq!(end.tls.unsent().len(), 27);
    }
    assert_eq!(end.send(), [(HANDSHAKE, key_update(0)), (HANDSHAKE, key_update(0))]);
}

#[test]
fn requests_while_the_transport_stalls_take_no_more_room_than_there_is() {
    let mut end = Wired::<512>::new(Suite::Tls13);
    end.fill();
    let waits = end.tls.unsent().len();
    for _ in 0..32 {
        end.accept(HANDSHAKE, &key_update(1));
        assert_eq!(end.tls.unsent().len(), waits);
    }
    let records = end.send();
    assert_eq!(records.iter().filter(|record| record.0 == HANDSHAKE).count(), 1);
}

#[test]
fn keys_are_updated_in_the_middle_of_writing() {
    for piece in [1, 13, 100, 512] {
        let mut end = Wired::<512>::configured(Suite::Tls13, |config| {
            config.key_limit = 7; // three of them for data
            config.fragment_limit = 10;
        });
        let content: Vec<u8> = (0..=255).collect();
        let (mut written, mut got) = (0, Vec::new());
        while written < content.len() {
            match end.tls.write(&[&content[written..]]) {
                Ok(taken) => written += taken,
                Err(SealError::NoSpace { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            end.take(piece);
            got.extend(end.opened());
        }
        got.extend(end.send());
        let updates = got.iter().filter(|record| record.0 == HANDSHAKE).count();
        assert_eq!(updates, 26 / 3, "26 records");
        for (at, record) in got.iter().enumerate() {
            assert_eq!(record.0 == HANDSHAKE, at % 4 == 3, "three records of data between them");
        }
        let got: Vec<u8> =
            got.into_iter().filter(|record| record.0 == DATA).flat_map(|record| record.1).collect();
        assert_eq!(got, content);
    }
}

#[test]
fn the_key_update_of_a_used_up_key_leaves_with_no_call_in_between() {
    for slot in [false, true] {
        // One record for data.
        let mut end = Wired::<512>::configured(Suite::Tls13, |config| config.key_limit = 5);
        for _ in 0..3 {
            if slot {
                end.tls.reserve(4).unwrap().copy_from_slice(b"data");
                end.tls.commit(4).unwrap();
            } else {
                end.tls.write(&[b"data"]).unwrap();
            }
            assert_eq!(end.send(), [data(b"data"), (HANDSHAKE, key_update(0))]);
        }
    }
}

// 9846 5.1: no other record between the fragments of a message.
#[test]
fn a_message_that_one_key_cannot_seal_to_its_end_waits_for_the_next() {
    let mut end = Wired::<512>::configured(Suite::Tls13, |config| {
        config.key_limit = 8; // four of them
        config.fragment_limit = 10;
    });
    end.tls.write(&[b"first", b" second"]).unwrap();
    end.tls.write_handshake(&[&message(4, &[7; 20])]).unwrap();
    let records = end.send();
    let types: Vec<_> = records.iter().map(|record| (record.0, record.1.len())).collect();
    let expected = [(DATA, 10), (DATA, 2), (HANDSHAKE, 5), (HANDSHAKE, 10), (HANDSHAKE, 10)];
    assert_eq!(types, [&expected[..], &[(HANDSHAKE, 4)]].concat());
    assert_eq!(records[2].1, key_update(0));
}

#[test]
fn exhausted_keys_of_tls12_are_told_and_the_connection_still_closes() {
    let mut end = Wired::<512>::configured(Suite::Tls12Gcm, |config| config.key_limit = 6);
    end.tls.write(&[b"1"]).unwrap();
    end.tls.reserve(1).unwrap();
    end.tls.commit(1).unwrap();
    assert_eq!(end.tls.write(&[b"3"]), Err(SealError::KeyExhausted));
    assert_eq!(end.tls.reserve(1), Err(SealError::KeyExhausted));
    assert!(!end.tls.may_write() && !end.tls.can_write());
    assert_eq!(end.tls.shutdown(), Err(ShutdownError::WouldBlock));
    assert_eq!(end.send().pop(), Some(alert(CLOSE_NOTIFY)));
}

#[test]
fn a_request_of_ours_is_known_to_the_receiving_half_at_once() {
    let mut end = Wired::<512>::configured(Suite::Tls13, |config| config.limits.key_updates = 0);
    end.fill();
    end.tls.update_keys(true).unwrap();
    assert_eq!(end.tls.update_keys(true), Err(KeyError::RequestOutstanding));
    let records = end.send();
    assert_eq!(records.last(), Some(&(HANDSHAKE, key_update(1))));
    // With no update tolerated but the answer to ours.
    assert_eq!(end.accept(HANDSHAKE, &key_update(0)), [Got::KeyUpdate(false)]);
    end.tls.update_keys(true).unwrap();
}

/// The transport took the request, its answer arrives, and only then it says that it took it.
#[test]
fn the_answer_to_a_request_may_come_before_the_transport_is_done() {
    for how in 0..5 {
        let mut end =
            Wired::<512>::configured(Suite::Tls13, |config| config.limits.key_updates = 1);
        match how {
            0 => end.tls.update_keys(true).unwrap(),
            1 => end.tls.with_halves(|_, sealer| sealer.update_keys(true)).unwrap(),
            // The request waits for the slot.
            2 => {
                end.tls.reserve(4).unwrap();
                end.accept(HANDSHAKE, &key_update(1));
                end.tls.update_keys(true).unwrap();
                end.tls.cancel().unwrap();
                end.take(usize::MAX);
            }
            // It is sealed before a slot.
            3 => {
                end.tls.write(&[b"data"]).unwrap();
                end.tls.update_keys(true).unwrap();
                end.tls.reserve(4).unwrap();
            }
            // For room.
            _ => {
                end.fill();
                end.tls.update_keys(true).unwrap();
                end.take(usize::MAX);
            }
        }
        // One update is tolerated, and this is none.
        end.accept(HANDSHAKE, &key_update(0));
        if how != 2 {
            end.accept(HANDSHAKE, &key_update(0));
        }
        let flood = end.peer.seal(HANDSHAKE, &key_update(0));
        assert_eq!(end.receive(&flood), Err(OpenError::Fault(Fault::Flood)), "{how}");
    }
}

// A handshake

#[test]
fn a_connection_carries_its_own_handshake() {
    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Server)));
    tls.received(&mut plaintext(HANDSHAKE, &message(1, b"hello"))).unwrap();
    tls.with_halves(|opener, sealer| {
        opener.set_version(Version::Tls13);
        sealer.set_version(Version::Tls13);
    });
    tls.write_handshake(&[&message(2, b"server hello")]).unwrap();
    tls.with_halves(|_, sealer| {
        sealer.install(Epoch::Handshake, Suite::Tls13.secret(1), 0).unwrap();
    });
    tls.write_handshake(&[&message(8, b""), &message(20, b"finished")]).unwrap();
    assert_eq!(tls.write(&[b"data"]), Err(SealError::NoKeys));
    assert_eq!(tls.reserve(4), Err(SealError::NoKeys));
    tls.with_halves(|opener, sealer| {
        opener.install(Epoch::Handshake, Suite::Tls13.secret(2), 0).unwrap();
        sealer.install(Epoch::Application, Suite::Tls13.secret(3), 0).unwrap();
    });
    assert_eq!(tls.write(&[b"data"]), Ok(4));
    let wire = tls.unsent().to_vec();
    let records: Vec<_> = split(&wire).collect();
    let mut hands =
        [Hand::new(Suite::Plain, 0), Hand::new(Suite::Tls13, 1), Hand::new(Suite::Tls13, 3)];
    let contents: Vec<_> =
        hands.iter_mut().zip(&records).map(|(hand, record)| hand.open(record)).collect();
    assert_eq!(contents[0], (HANDSHAKE, message(2, b"server hello")));
    assert_eq!(contents[1].1, [message(8, b""), message(20, b"finished")].concat());
    assert_eq!(contents[2], data(b"data"));
}

#[test]
fn a_tls12_connection_carries_its_own_handshake() {
    let suite = Suite::Tls12Gcm;
    let mut tls = Connection::<Secret, 512>::new(Layer::new(Config::new(Role::Client)));
    assert_eq!(tls.write_change_cipher_spec(), Err(SealError::NotHandshake), "of what version?");
    tls.write_handshake(&[&message(1, b"hello")]).unwrap();
    tls.with_halves(|opener, sealer| {
        opener.set_version(Version::Tls12);
        sealer.set_version(Version::Tls12);
    });
    tls.write_handshake(&[&message(16, b"key exchange")]).unwrap();
    tls.write_change_cipher_spec().unwrap();
    assert_eq!(tls.write_change_cipher_spec(), Err(SealError::NotHandshake), "a second one");
    tls.with_halves(|_, sealer| sealer.install(Epoch::Handshake, suite.secret(1), 0)).unwrap();
    tls.write_handshake(&[&message(20, b"finished")]).unwrap();
    tls.with_halves(|_, sealer| sealer.establish()).unwrap();
    assert_eq!(tls.write(&[b"data"]), Ok(4));
    let wire = tls.unsent().to_vec();
    let records: Vec<_> = split(&wire).collect();
    let (mut plain, mut hand) = (Hand::new(Suite::Plain, 0), Hand::new(suite, 1));
    assert_eq!(plain.open(records[0]), (HANDSHAKE, message(1, b"hello")));
    assert_eq!(plain.open(records[1]), (HANDSHAKE, message(16, b"key exchange")));
    assert_eq!(plain.open(records[2]), (ContentType::CHANGE_CIPHER_SPEC, vec![1]));
    assert_eq!(hand.open(records[3]), (HANDSHAKE, message(20, b"finished")));
    assert_eq!(hand.open(records[4]), data(b"data"));
}

#[test]
fn a_change_cipher_spec_waits_for_room_like_everything() {
    let mut tls = Connection::<Secret, 128>::new(Layer::new(Config::new(Role::Server)));
    tls.write_handshake(&[&message(2, &[0; 114])]).unwrap();
    tls.with_halves(|opener, sealer| {
        opener.set_version(Version::Tls13);
        sealer.set_version(Version::Tls13);
    });
    assert_eq!(tls.unsent().len(), 124 + 4);
    assert_eq!(tls.write_change_cipher_spec(), Err(SealError::NoSpace { need: 6 }));
    tls.sent(5);
    assert_eq!(tls.write_change_cipher_spec(), Err(SealError::NoSpace { need: 6 }));
    tls.sent(1);
    tls.write_change_cipher_spec().unwrap();
    assert_eq!(tls.unsent()[122..], [20, 3, 3, 0, 1, 1]);
}

#[test]
fn a_flight_longer_than_the_output_says_so() {
    let mut tls = Connection::<Secret, 128>::new(Layer::new(Config::new(Role::Server)));
    let Err(SealError::NoSpace { need }) = tls.write_handshake(&[&message(11, &[0; 200])]) else {
        panic!("it does not fit");
    };
    assert!(need > 128, "and never will");
    assert_eq!(tls.unsent(), []);
}

// Halves

#[test]
fn split_and_joined_a_connection_goes_on() {
    for suite in Suite::ALL {
        let mut end = Wired::<512>::new(suite);
        end.tls.write(&[b"before"]).unwrap();
        end.take(3);
        end.tls.reserve(4).unwrap().copy_from_slice(b"slot");
        let (mut opener, mut writer) = end.tls.split();
        writer.commit(4).unwrap();
        // What the opener found out in the meantime is told when they meet again.
        let mut forged = end.peer.forge(DATA, b"forged");
        assert!(opener.open(&mut forged).is_err());
        end.tls = Connection::join(opener, writer);
        let queued = WriteEnd::AlertQueued(AlertDescription::BAD_RECORD_MAC);
        assert_eq!(end.tls.end().write, queued, "at once");
        assert_eq!(end.send(), [data(b"before"), data(b"slot"), alert([2, 20])]);
        let end = end.tls.end();
        assert_eq!(end.read, ReadEnd::Fault(Fault::BadRecordMac));
        assert_eq!(end.write, WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC));
    }
}

#[test]
fn a_renegotiation_is_refused_by_a_warning_that_leaves_by_itself() {
    let mut end = Wired::<512>::new(Suite::Tls12Gcm);
    end.accept(HANDSHAKE, &message(0, b""));
    end.tls.with_halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
    assert_eq!(end.send(), [alert([1, 100])]);
    assert!(end.tls.can_write());
}

#[test]
fn a_sending_half_alone_does_what_it_is_told_at_once() {
    let Wired { tls, mut mirror, .. } = Wired::<512>::new(Suite::Tls12Gcm);
    let (_, mut writer) = tls.split();
    writer.refuse_renegotiation().unwrap();
    assert_eq!(mirror.open(writer.unsent()), alert([1, 100]));
    let Wired { tls, mut mirror, .. } = Wired::<512>::new(Suite::Tls13);
    let (_, mut writer) = tls.split();
    writer.update_keys(true).unwrap();
    assert_eq!(mirror.open(writer.unsent()), (HANDSHAKE, key_update(1)));
    assert!(writer.has_signal());
}

#[test]
fn what_was_due_before_is_unsent_from_the_start() {
    let records::Connection { mut layer, mut mirror, .. } =
        records::Connection::established(Suite::Tls13, Role::Client);
    layer.update_keys(false).unwrap();
    layer.close().unwrap();
    let tls = Connection::<Secret, 512>::new(layer);
    let wire = tls.unsent().to_vec();
    let mut records = split(&wire);
    assert_eq!(mirror.open(records.next().unwrap()), (HANDSHAKE, key_update(0)));
    mirror.update();
    assert_eq!(mirror.open(records.next().unwrap()), alert(CLOSE_NOTIFY));
}

// Anything at any time

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }
}

/// Random calls: what leaves is what was written and committed, byte by byte and in order, the slot
/// stays where it is, and control is never lost or sent twice.
fn anything_at_any_time<const TX: usize>(suite: Suite, seed: u64) {
    let mut random = Random(seed | 1);
    let mut end = Wired::<TX>::configured(suite, |config| {
        if suite == Suite::Tls13 {
            config.key_limit = 9;
        }
    });
    let limit = usize::from(end.tls.writer().sealer().fragment_limit());
    // Data is counted: byte n of the stream is n.
    let (mut written, mut arrived) = (0_u64, 0_u64);
    let (mut slot, mut requests, mut replies) = (None::<(usize, *const u8)>, 0, 0);
    let stream = |from: u64, len: usize| -> Vec<u8> {
        (0..len as u64).map(|i| ((from + i) % 251) as u8).collect()
    };
    for _ in 0..2000 {
        match random.below(12) {
            0..3 => {
                let content = stream(written, random.below(2 * limit));
                let (front, back) = content.split_at(random.below(content.len() + 1));
                match end.tls.write(&[front, b"", back]) {
                    Ok(taken) => written += taken as u64,
                    Err(SealError::NoSpace { need }) => assert!(need <= TX),
                    Err(SealError::SlotReserved) => assert!(slot.is_some()),
                    Err(error) => panic!("{error}"),
                }
            }
            3 => {
                let len = random.below(limit + 1);
                match end.tls.reserve(len) {
                    Ok(place) => {
                        place.copy_from_slice(&stream(written, len));
                        slot = Some((len, place.as_ptr()));
                    }
                    Err(SealError::NoSpace { need }) => assert!(need <= TX),
                    Err(SealError::SlotReserved) => assert!(slot.is_some()),
                    Err(error) => panic!("{error}"),
                }
            }
            4 => {
                if let Some((len, _)) = slot {
                    let part = random.below(len + 1);
                    match end.tls.commit(part) {
                        Ok(()) => {
                            written += part as u64;
                            slot = None;
                        }
                        Err(SealError::NoSpace { .. }) => assert!(!end.tls.unsent().is_empty()),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            5 if slot.is_some() && random.below(4) == 0 => {
                end.tls.cancel().unwrap();
                slot = None;
            }
            6 if suite == Suite::Tls13 && random.below(4) == 0 => {
                // Answered once or more, never not at all.
                end.accept(HANDSHAKE, &key_update(1));
                end.accept(DATA, b"data");
                requests += 1;
            }
            _ => {
                end.take(random.below(TX / 2));
            }
        }
        if let Some((len, at)) = slot {
            let place = end.tls.slot_mut().expect("nothing took it away");
            assert_eq!(place.as_ptr(), at, "it has not moved");
            assert_eq!(place, stream(written, len), "its content is as it was");
        }
        for (content_type, content) in end.opened() {
            match content_type {
                DATA => {
                    assert_eq!(content, stream(arrived, content.len()));
                    arrived += content.len() as u64;
                }
                HANDSHAKE => {
                    assert_eq!(content, key_update(0));
                    replies += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    if slot.is_some() {
        end.tls.cancel().unwrap();
    }
    let _ = end.tls.shutdown();
    let rest = end.send_in(1 + random.below(TX));
    arrived += rest.iter().filter(|record| record.0 == DATA).map(|r| r.1.len() as u64).sum::<u64>();
    replies += rest.iter().filter(|record| record.0 == HANDSHAKE).count();
    assert_eq!(rest.last(), Some(&alert(CLOSE_NOTIFY)));
    assert_eq!(arrived, written);
    assert!(written > 1000, "{written}");
    assert!(suite != Suite::Tls13 || (replies > 20 && requests > 20), "{replies} {requests}");
}

#[test]
fn random_calls_lose_nothing_and_move_no_slot() {
    for seed in 1..=3 {
        for suite in Suite::ALL {
            anything_at_any_time::<128>(suite, seed);
            anything_at_any_time::<150>(suite, seed);
            anything_at_any_time::<400>(suite, seed);
            anything_at_any_time::<3000>(suite, seed);
        }
    }
}

#[test]
fn a_layer_of_any_kind_becomes_a_connection() {
    let layer: RecordLayer<Secret> = Layer::new(Config::new(Role::Client));
    let mut tls = Connection::<Secret, 128>::new(layer);
    assert_eq!(tls.write(&[b"data"]), Err(SealError::NoKeys));
    assert_eq!(tls.commit(0), Err(SealError::NoSlot));
    tls.sent(1000);
    assert_eq!(tls.eof(), ReadEnd::Truncated { epoch: Epoch::Plaintext, inside_record: false });
}

/// How far the two directions are, as numbers that never fall.
fn progress(end: End) -> (u8, u8) {
    let read = match end.read {
        ReadEnd::Open => 0,
        ReadEnd::Closed { .. }
        | ReadEnd::Truncated { .. }
        | ReadEnd::PeerAlert(_)
        | ReadEnd::Fault(_) => 1,
    };
    let write = match end.write {
        WriteEnd::Open => 0,
        WriteEnd::Closing => 1,
        WriteEnd::AlertQueued(_) => 2,
        WriteEnd::Closed | WriteEnd::AlertSent(_) | WriteEnd::Failed => 3,
    };
    (read, write)
}

/// Every call with any argument, also the senseless ones, and any bytes of the peer's.
fn anything_by_anybody(suite: Suite, seed: u64) -> End {
    const TX: usize = 200;
    let mut random = Random(seed | 1);
    let mut end = Wired::<TX>::configured(suite, |config| {
        config.key_limit = [5, 9, 1000][random.below(3)];
        config.tls12_on_peer_close = [OnPeerClose::Reply, OnPeerClose::HalfClose][random.below(2)];
    });
    let (mut written, mut answers) = (Vec::new(), [0; 3]);
    let mut records = Vec::new();
    for _ in 0..120 {
        let before = end.tls.end();
        let len = random.below(2 * TX);
        match random.below(24) {
            0..6 => {
                let content = vec![random.below(256) as u8; len];
                if let Ok(taken) = end.tls.write(&[&content]) {
                    written.extend(&content[..taken]);
                }
            }
            6..8 => drop(end.tls.reserve(len).map(|slot| slot.fill(7))),
            8..10 => {
                if end.tls.commit(len).is_ok() {
                    written.extend(vec![7; len]);
                }
            }
            10 => {
                let _ = end.tls.cancel();
            }
            11 => {
                let _ = end.tls.update_keys(random.below(2) == 0);
            }
            12 if random.below(4) == 0 => match end.tls.shutdown() {
                Ok(()) => {
                    answers[0] += 1;
                    assert_eq!(
                        (end.tls.end().write, end.tls.unsent()),
                        (WriteEnd::Closed, &[][..])
                    );
                }
                Err(ShutdownError::WouldBlock) => assert_ne!(end.tls.unsent(), []),
                Err(_) => {}
            },
            13 if random.below(4) == 0 => {
                if end.tls.shutdown_both(len as u32) == Ok(()) {
                    assert_eq!(end.tls.end(), CLEAN);
                    answers[1] += 1;
                }
            }
            14 if random.below(8) == 0 => {
                let description = AlertDescription(random.below(256) as u8);
                let _ = end.tls.abort(description);
            }
            15 if random.below(8) == 0 => {
                let _ = end.tls.eof();
            }
            16 if random.below(8) == 0 => {
                let record = end.peer.forge(DATA, b"forged");
                assert!(before.read != ReadEnd::Open || end.receive(&record).is_err());
            }
            17 if random.below(4) == 0 => {
                let content = [[1, 0], [2, 80], [1, 90], [1, 41]][random.below(4)];
                let record = end.peer.seal(ALERT, &content);
                let _ = end.receive(&record);
            }
            18 if suite == Suite::Tls13 => {
                let request = random.below(2) as u8;
                let record = end.peer.seal(HANDSHAKE, &key_update(request));
                if let Ok(got) = end.receive(&record)
                    && got == [Got::KeyUpdate(request == 1)]
                {
                    end.peer.update();
                }
            }
            19 if suite != Suite::Tls13 => {
                let _ = end.tls.with_halves(|_, sealer| sealer.refuse_renegotiation());
            }
            20 if random.below(16) == 0 => {
                let _ = end.tls.with_halves(|_, sealer| sealer.cancel());
            }
            21 => {
                let record = end.peer.seal(DATA, b"data");
                let _ = end.receive(&record);
            }
            _ => {
                let _ = end.take(random.below(TX));
            }
        }
        assert!(end.tls.unsent().len() <= TX);
        let (then, now) = (progress(before), progress(end.tls.end()));
        assert!(then.0 <= now.0 && then.1 <= now.1, "{before:?} became {:?}", end.tls.end());
        assert!(then.0 == 0 || before.read == end.tls.end().read, "one end of reading");
        assert!(then.1 < 3 || before.write == end.tls.end().write, "one end of writing");
        assert!(end.tls.may_write() || !end.tls.can_write());
        records.extend(end.opened());
    }
    // Whatever waits, the transport takes at last.
    while end.take(TX) != 0 {}
    records.extend(end.opened());

    // What left is what was written, up to one end at most.
    let ends: Vec<_> = records
        .iter()
        .enumerate()
        .filter(|(_, (content_type, content))| {
            *content_type == ALERT && content[..] != [1, 90] && content[..] != [1, 100]
        })
        .collect();
    assert!(ends.len() <= 1, "{ends:?}");
    let last = ends.first().map(|(at, (_, content))| {
        assert_eq!(*at, records.len() - 1, "nothing follows the end");
        content.clone()
    });
    let left: Vec<u8> =
        records.iter().filter(|record| record.0 == DATA).flat_map(|r| r.1.clone()).collect();
    assert!(written.starts_with(&left));
    match end.tls.end().write {
        WriteEnd::Open => assert!(last.is_none()),
        WriteEnd::Closed => assert_eq!((last, left), (Some(vec![1, 0]), written)),
        WriteEnd::AlertSent(description) => {
            assert_eq!((last, left), (Some(vec![2, description.0]), written));
        }
        // An end that was on its way when the peer failed has left in part at most.
        WriteEnd::Failed => assert!(last.is_none()),
        WriteEnd::Closing | WriteEnd::AlertQueued(_) => panic!("it has all left"),
    }
    end.tls.end()
}

/// The same of two halves, each of which learns late what the other found out.
fn anything_by_late_halves(suite: Suite, seed: u64) -> End {
    const TX: usize = 200;
    let mut random = Random(seed | 1);
    let Wired { tls, mut peer, mut mirror, .. } = Wired::<TX>::new(suite);
    let (mut opener, mut writer) = tls.split();
    let (mailbox, mut wire, mut written) = (Mailbox::new(), Vec::new(), Vec::new());
    let mut take = |writer: &mut Writer<Secret, TX>, len: usize| {
        // The signal is there before the record that made it leaves.
        mailbox.post_signal(writer.take_signal());
        let len = len.min(writer.unsent().len());
        wire.extend_from_slice(&writer.unsent()[..len]);
        writer.sent(len);
    };
    for _ in 0..120 {
        match random.below(16) {
            0..3 => {
                let content = vec![random.below(256) as u8; random.below(TX)];
                let taken = writer.write(&[&content]).unwrap_or(0);
                written.extend(&content[..taken]);
            }
            3 => {
                let _ = writer.reserve(random.below(100)).map(|slot| slot.fill(7));
            }
            4 | 5 => {
                let len = random.below(100);
                if writer.commit(len).is_ok() {
                    written.extend(vec![7; len]);
                }
            }
            6 => {
                let _ = writer.cancel();
            }
            7 => {
                let _ = writer.update_keys(random.below(2) == 0);
            }
            8 if random.below(4) == 0 => {
                let _ = writer.shutdown();
            }
            9 if random.below(16) == 0 => {
                let _ = writer.abort(AlertDescription::HANDSHAKE_FAILURE);
            }
            10 => {
                opener.apply(mailbox.take_signal());
                let mut record = match random.below(20) {
                    0 => peer.forge(DATA, b"forged"),
                    1 => peer.seal(ALERT, &CLOSE_NOTIFY),
                    2 if random.below(4) == 0 => peer.seal(ALERT, &[2, 80]),
                    3..10 if suite == Suite::Tls13 => peer.seal(HANDSHAKE, &key_update(1)),
                    _ => peer.seal(DATA, b"data"),
                };
                if let Ok(Event::KeyUpdate { .. }) = opener.open(&mut record).map(|it| it.event) {
                    peer.update();
                }
                mailbox.post_notice(opener.take_notice());
            }
            11 if random.below(16) == 0 => {
                opener.eof();
                mailbox.post_notice(opener.take_notice());
            }
            12 | 13 => writer.apply(mailbox.take_notice()),
            _ => take(&mut writer, random.below(TX)),
        }
    }
    opener.apply(mailbox.take_signal());
    writer.apply(mailbox.take_notice());
    while !writer.unsent().is_empty() {
        take(&mut writer, TX);
    }
    opener.apply(mailbox.take_signal());
    let tls = Connection::join(opener, writer);

    let (mut left, mut last) = (Vec::new(), None);
    let mut rest = &wire[..];
    while let Some(&[_, _, _, high, low]) = rest.get(..5)
        && let Some(record) = rest.get(..5 + usize::from(u16::from_be_bytes([high, low])))
    {
        assert_eq!(last, None, "nothing follows the end");
        rest = &rest[record.len()..];
        match mirror.open(record) {
            (DATA, content) => left.extend(content),
            (HANDSHAKE, _) => mirror.update(),
            (_, content) => last = Some(content),
        }
    }
    assert!(written.starts_with(&left));
    match tls.end().write {
        WriteEnd::Open | WriteEnd::Failed => assert_eq!(last, None),
        WriteEnd::Closed => assert_eq!((last, left), (Some(vec![1, 0]), written)),
        WriteEnd::AlertSent(description) => {
            assert_eq!((last, left), (Some(vec![2, description.0]), written));
        }
        WriteEnd::Closing | WriteEnd::AlertQueued(_) => panic!("it has all left"),
    }
    tls.end()
}

#[test]
fn whatever_comes_late_to_a_half_one_end_at_most_leaves_and_it_is_the_last() {
    let mut ends = std::collections::BTreeMap::<_, usize>::new();
    for suite in Suite::ALL {
        for seed in 0..1000_u64 {
            let end = anything_by_late_halves(suite, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let name = format!("{:?}", end.write);
            *ends.entry(name.split('(').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    println!("{ends:?}");
    for name in ["Open", "Closed", "AlertSent", "Failed"] {
        assert!(ends[name] > 50, "{name}");
    }
}

#[test]
fn whatever_is_called_one_end_at_most_leaves_and_it_is_the_last() {
    let mut ends = std::collections::BTreeMap::<_, usize>::new();
    for suite in Suite::ALL {
        for seed in 0..2000_u64 {
            let end = anything_by_anybody(suite, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let name = format!("{:?}", end.write);
            *ends.entry(name.split('(').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    println!("{ends:?}");
    for name in ["Open", "Closed", "AlertSent", "Failed"] {
        assert!(ends[name] > 50, "{name}");
    }
}

// RFC 9846 section 6.2: implementations should log the alerts that they send and receive.
#[test]
fn every_alert_that_is_sealed_is_told_once_and_in_order() {
    let mut told = Vec::new();
    let mut tls12 = Wired::<512>::new(Suite::Tls12Gcm);
    for _ in 0..2 {
        tls12.tls.with_halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
    }
    tls12.tls.with_halves(|_, sealer| sealer.cancel()).unwrap();
    while let Some(description) = tls12.tls.take_sealed_alert() {
        told.push(description);
    }
    use AlertDescription as Alert;
    let expected = [
        Alert::NO_RENEGOTIATION,
        Alert::NO_RENEGOTIATION,
        Alert::USER_CANCELED,
        Alert::CLOSE_NOTIFY,
    ];
    assert_eq!(told, expected);

    let mut tls13 = Wired::<512>::new(Suite::Tls13);
    assert_eq!(tls13.tls.take_sealed_alert(), None);
    tls13.tls.abort(Alert::INTERNAL_ERROR).unwrap();
    assert_eq!(tls13.tls.take_sealed_alert(), Some(Alert::INTERNAL_ERROR));
    assert_eq!(tls13.tls.take_sealed_alert(), None);
}
