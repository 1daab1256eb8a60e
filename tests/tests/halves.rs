//! Split halves: notices and signals arrive, however and whenever they are carried.

use std::sync::atomic::{AtomicU32, Ordering};

use tls_record::close::{ReadState, WriteState};
use tls_record::{
    AlertDescription, CloseError, Config, Control, End, Epoch, Event, Fault, Flood, KeyError,
    Mailbox, Notice, OpenError, Opener, ReadEnd, Role, SealError, Sealer, Signal, WriteEnd,
};
use tls_record_tests::records::{
    ALERT, CLOSE_NOTIFY, Connection, DATA, Got, HANDSHAKE, Hand, Secret, Suite, key_update,
    open_all,
};

/// The halves of a connection, and its other end: one [`Hand`] seals for the opener, and one opens
/// the records of the sealer.
struct Halves {
    opener: Opener<Secret>,
    sealer: Sealer<Secret>,
    peer: Hand,
    mirror: Hand,
}

impl Halves {
    fn new(suite: Suite) -> Self {
        let Connection { layer, peer, mirror } = Connection::established(suite, Role::Client);
        let (opener, sealer) = layer.split();
        Self { opener, sealer, peer, mirror }
    }

    fn receive(&mut self, record: &[u8]) -> Result<Vec<Got>, OpenError> {
        let (got, left) = open_all(|input| self.opener.open(input), record);
        left.map(|_| got)
    }

    /// A record that makes the opener post a notice.
    fn make_notice(mut self, kind: Kind) -> Notice {
        let record = match kind {
            Kind::Requested => self.peer.seal(HANDSHAKE, &key_update(1)),
            Kind::Answered => {
                self.sealer.update_keys(true).unwrap();
                self.control();
                self.opener.apply(self.sealer.take_signal());
                self.peer.seal(HANDSHAKE, &key_update(0))
            }
            Kind::Closed => self.peer.seal(ALERT, &CLOSE_NOTIFY),
            Kind::Failed => self.peer.seal(ALERT, &[2, 80]),
            Kind::Fault => self.peer.forge(DATA, b"forged"),
        };
        let _ = self.receive(&record);
        assert!(self.opener.has_notice());
        self.opener.take_notice()
    }

    fn control(&mut self) -> Vec<Vec<u8>> {
        let (mut sent, mut out) = (Vec::new(), [0; 64]);
        while self.sealer.has_control() {
            let length = self.sealer.poll_control(&mut out).expect("sealed");
            let (content_type, content) = self.mirror.open(&out[..length]);
            if content_type == HANDSHAKE {
                self.mirror.update();
            }
            sent.push(content);
            assert!(sent.len() < 100, "control does not end");
        }
        sent
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Requested,
    Answered,
    Closed,
    Failed,
    Fault,
}

const KINDS: [Kind; 5] = [Kind::Requested, Kind::Answered, Kind::Closed, Kind::Failed, Kind::Fault];

fn tls13() -> Halves {
    Halves::new(Suite::Tls13)
}

#[test]
fn a_fault_that_a_caller_drops_still_reaches_the_peer() {
    fn reads(halves: &mut Halves, record: &mut [u8]) -> Result<(), OpenError> {
        halves.opener.open(record)?;
        unreachable!("the record is forged")
    }
    for suite in Suite::ALL {
        let mut halves = Halves::new(suite);
        let mut record = halves.peer.forge(DATA, b"forged");
        for _ in 0..3 {
            assert!(reads(&mut halves, &mut record).is_err());
        }
        let _ = halves.opener.eof();
        assert!(halves.opener.has_notice());
        let notice = halves.opener.take_notice();
        assert!(!halves.opener.has_notice() && halves.opener.take_notice().is_empty());

        // The sealer knows nothing before it has the notice.
        let sealed = halves.sealer.seal(&[b"data"], &mut [0; 64]).unwrap();
        assert_eq!(sealed.taken, 4);
        halves.mirror.sequence += 1;
        halves.sealer.apply(notice);
        assert_eq!(halves.sealer.seal(&[b"data"], &mut [0; 64]), Err(SealError::Failed));
        assert_eq!(halves.control(), [[2, 20]]);
        let end = End { read: halves.opener.end(), write: halves.sealer.end() };
        assert_eq!(end.read, ReadEnd::Fault(Fault::BadRecordMac));
        assert_eq!(end.write, WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC));
    }
}

// 9846 6.1, 5246 7.2.1: the application closes, and the peer's close_notify demands an answer.
#[test]
fn a_close_at_both_halves_sends_one_close_notify() {
    for suite in Suite::ALL {
        for ours_comes_first in [false, true] {
            for one_has_left in [false, true] {
                let mut halves = Halves::new(suite);
                let close_notify = halves.peer.seal(ALERT, &CLOSE_NOTIFY);
                halves.receive(&close_notify).unwrap();
                let notice = halves.opener.take_notice();
                let mut sent = Vec::new();
                for is_ours in [ours_comes_first, !ours_comes_first] {
                    if is_ours {
                        let closed = halves.sealer.close();
                        assert!(matches!(closed, Ok(()) | Err(CloseError::AlreadyClosed)));
                    } else {
                        halves.sealer.apply(notice);
                    }
                    if one_has_left {
                        sent.extend(halves.control());
                    }
                }
                sent.extend(halves.control());
                assert_eq!(sent, [CLOSE_NOTIFY]);
                let end = End { read: halves.opener.end(), write: halves.sealer.end() };
                assert!(end.is_clean());
            }
        }
    }
}

// 9846 6.2: the application aborts while the opener finds a fault.
#[test]
fn a_failure_of_both_halves_sends_one_alert() {
    for suite in Suite::ALL {
        for ours_comes_first in [false, true] {
            let mut halves = Halves::new(suite);
            let forged = halves.peer.forge(DATA, b"forged");
            assert!(halves.receive(&forged).is_err());
            let notice = halves.opener.take_notice();
            for is_ours in [ours_comes_first, !ours_comes_first] {
                if is_ours {
                    let aborted = halves.sealer.abort(AlertDescription::ACCESS_DENIED);
                    assert_eq!(aborted.is_ok(), ours_comes_first);
                } else {
                    halves.sealer.apply(notice);
                }
            }
            let first = if ours_comes_first { 49 } else { 20 };
            assert_eq!(halves.control(), [[2, first]]);
            halves.opener.apply(halves.sealer.take_signal());
            assert_eq!(halves.opener.end(), ReadEnd::Fault(Fault::BadRecordMac));
        }
    }
}

#[test]
fn notices_gather_until_they_are_taken() {
    let mut halves = tls13();
    for request in [1, 0] {
        let record = halves.peer.seal(HANDSHAKE, &key_update(request));
        halves.receive(&record).unwrap();
        halves.peer.update();
    }
    let forged = halves.peer.forge(DATA, b"forged");
    assert!(halves.receive(&forged).is_err());
    halves.sealer.apply(halves.opener.take_notice());
    assert_eq!(halves.control(), [[2, 20]], "the reply is not owed any more");
}

#[test]
fn notices_merge_by_or_in_any_order_and_any_number() {
    let mut merged = 0;
    for suite in [Suite::Tls13, Suite::Tls12Gcm] {
        for first in KINDS {
            for second in KINDS {
                let is_tls13 = suite == Suite::Tls13;
                let is_update = |kind| matches!(kind, Kind::Requested | Kind::Answered);
                if !is_tls13 && (is_update(first) || is_update(second)) {
                    continue;
                }
                let make = |kind| Halves::new(suite).make_notice(kind);
                let (a, b) = (make(first), make(second));
                assert_eq!(a.merge(b), b.merge(a));
                assert_eq!(a.merge(b).merge(a), a.merge(b));
                assert_eq!(a.merge(Notice::NONE), a);
                assert_eq!(Notice::from_bits(a.bits() | b.bits()), a.merge(b));

                let after = |notices: &[Notice]| {
                    let mut halves = Halves::new(suite);
                    halves.sealer.update_keys(true).ok();
                    let sent_before = halves.control();
                    notices.iter().for_each(|&notice| halves.sealer.apply(notice));
                    let again = halves.sealer.update_keys(true);
                    (
                        sent_before,
                        again,
                        halves.control(),
                        halves.sealer.state(),
                        halves.sealer.end(),
                    )
                };
                let together = after(&[a.merge(b)]);
                for order in [&[a, b][..], &[b, a], &[a, b, b], &[b, a, a, b], &[a.merge(b), a]] {
                    assert_eq!(after(order), together, "{suite:?}: {first:?}, {second:?}");
                }
                merged += 1;
            }
        }
    }
    println!("{merged} pairs");
    assert_eq!(merged, 25 + 9);
}

#[test]
fn a_mailbox_keeps_a_notice_and_a_signal_apart() {
    let mut requesting = tls13();
    requesting.sealer.update_keys(true).unwrap();
    requesting.control();
    let mut failing = tls13();
    failing.sealer.abort(AlertDescription::INTERNAL_ERROR).unwrap();
    let signals = [&mut requesting, &mut failing].map(|halves| halves.sealer.take_signal());
    let notices = [Kind::Requested, Kind::Fault].map(|kind| tls13().make_notice(kind));

    let mailbox = Mailbox::new();
    for notice in notices {
        for signal in signals {
            mailbox.post_signal(signal);
            mailbox.post_notice(notice);
            assert_eq!((mailbox.take_notice(), mailbox.take_signal()), (notice, signal));
            mailbox.post_notice(notice);
            assert!(mailbox.take_signal().is_empty(), "it was taken");
            assert_eq!(mailbox.take_notice(), notice);
            assert!(mailbox.take_notice().is_empty());
        }
    }
}

#[test]
fn an_abort_stops_the_opener() {
    for suite in Suite::ALL {
        let mut halves = Halves::new(suite);
        assert!(!halves.sealer.has_signal());
        halves.sealer.abort(AlertDescription::CERTIFICATE_REQUIRED).unwrap();
        assert!(halves.sealer.has_signal());
        let signal = halves.sealer.take_signal();
        assert!(!halves.sealer.has_signal() && halves.sealer.take_signal().is_empty());

        // The opener knows nothing before it has the signal.
        let record = halves.peer.seal(DATA, b"data");
        assert_eq!(halves.receive(&record), Ok(vec![Got::Data(b"data".to_vec())]));
        for _ in 0..2 {
            halves.opener.apply(signal);
            let fault = Fault::Aborted(AlertDescription::CERTIFICATE_REQUIRED);
            let record = halves.peer.seal(DATA, b"data");
            assert_eq!(halves.receive(&record), Err(OpenError::Fault(fault)));
            assert_eq!(halves.opener.end(), ReadEnd::Fault(fault));
            assert_eq!(
                (halves.opener.state(), halves.opener.sequence()),
                (ReadState::Failed, None)
            );
            // It is our own alert: the opener has no notice to post.
            assert!(!halves.opener.has_notice());
        }
        assert_eq!(halves.control(), [[2, 116]]);
    }
}

#[test]
fn a_stop_does_not_undo_the_end_of_the_other_direction() {
    let mut halves = tls13();
    let record = halves.peer.seal(ALERT, &CLOSE_NOTIFY);
    halves.receive(&record).unwrap();
    halves.sealer.abort(AlertDescription::DECODE_ERROR).unwrap();
    halves.opener.apply(halves.sealer.take_signal());
    assert_eq!(halves.opener.end(), ReadEnd::Closed { epoch: Epoch::Application });
    assert_eq!(halves.opener.open(&mut [1]).unwrap().event, Event::Closed);
    assert_eq!(halves.opener.sequence(), None, "the connection has failed, the keys are gone");
}

/// Halves whose sealing cipher fails from now on.
fn without_cipher() -> Halves {
    let mut halves = tls13();
    halves.sealer = Sealer::new(Config::new(Role::Client));
    halves.sealer.take_over(Epoch::Application, Suite::Tls12Chacha.secret(1), u64::MAX).unwrap();
    halves
}

#[test]
fn a_cipher_that_fails_stops_the_opener() {
    let mut halves = without_cipher();
    halves.sealer.close().unwrap();
    assert_eq!(halves.sealer.poll_control(&mut [0; 64]), Err(SealError::Crypto));
    assert_eq!(
        (halves.sealer.state(), halves.sealer.end()),
        (WriteState::Failed, WriteEnd::Failed)
    );
    assert_eq!(halves.sealer.poll_control(&mut [0; 64]), Ok(0));
    halves.opener.apply(halves.sealer.take_signal());
    assert_eq!(halves.opener.end(), ReadEnd::Fault(Fault::Crypto));
}

// One signal carries one alert.
#[test]
fn a_cipher_that_fails_on_the_alert_of_an_abort_does_not_make_another_of_it() {
    let mut halves = without_cipher();
    halves.sealer.abort(AlertDescription::HANDSHAKE_FAILURE).unwrap();
    assert_eq!(halves.sealer.poll_control(&mut [0; 64]), Err(SealError::Crypto));
    halves.opener.apply(halves.sealer.take_signal());
    // By OR, 40 and 80 would be 120: no_application_protocol.
    let fault = Fault::Aborted(AlertDescription::HANDSHAKE_FAILURE);
    assert_eq!(halves.opener.end(), ReadEnd::Fault(fault));
}

// The same if the first signal is in the mailbox and not taken yet.
#[test]
fn signals_of_one_connection_merge_into_one_alert() {
    let mut halves = without_cipher();
    halves.sealer.abort(AlertDescription::HANDSHAKE_FAILURE).unwrap();
    let first = halves.sealer.take_signal();
    assert_eq!(halves.sealer.poll_control(&mut [0; 64]), Err(SealError::Crypto));
    halves.opener.apply(first.merge(halves.sealer.take_signal()));
    let fault = Fault::Aborted(AlertDescription::HANDSHAKE_FAILURE);
    assert_eq!(halves.opener.end(), ReadEnd::Fault(fault));
}

#[test]
fn requests_and_answers_are_accounted_for() {
    let mut config = Config::new(Role::Client);
    config.limits.key_updates = 0;
    let Connection { layer, peer, mirror } =
        Connection::new(config).install(Epoch::Application, Suite::Tls13);
    let (opener, sealer) = layer.split();
    let mut halves = Halves { opener, sealer, peer, mirror };

    halves.sealer.update_keys(true).unwrap();
    assert!(!halves.sealer.has_signal(), "not sealed yet");
    assert_eq!(halves.control(), [key_update(1)]);
    halves.opener.apply(halves.sealer.take_signal());
    assert_eq!(halves.sealer.update_keys(true), Err(KeyError::RequestOutstanding));

    // One answer is within the budget, and allows another request.
    let record = halves.peer.seal(HANDSHAKE, &key_update(0));
    assert_eq!(halves.receive(&record), Ok(vec![Got::KeyUpdate(false)]));
    halves.peer.update();
    assert_eq!(halves.sealer.update_keys(true), Err(KeyError::RequestOutstanding));
    halves.sealer.apply(halves.opener.take_notice());
    assert_eq!(halves.sealer.update_keys(true), Ok(()));

    let record = halves.peer.seal(HANDSHAKE, &key_update(0));
    assert_eq!(halves.receive(&record), Err(OpenError::Fault(Fault::Flood(Flood::KeyUpdates))));
}

// 9846 4.7.3: "Until receiving a subsequent KeyUpdate from the peer, the sender MUST NOT send
// another KeyUpdate with request_update set to update_requested."
#[test]
fn an_update_from_before_our_request_is_not_its_answer() {
    let mut halves = tls13();
    let record = halves.peer.seal(HANDSHAKE, &key_update(0));
    halves.receive(&record).unwrap();
    // As in another thread at the same time: the notice has not arrived yet.
    halves.sealer.update_keys(true).unwrap();
    assert_eq!(halves.control(), [key_update(1)]);
    halves.sealer.apply(halves.opener.take_notice());
    assert_eq!(halves.sealer.update_keys(true), Err(KeyError::RequestOutstanding));
}

#[test]
fn joining_delivers_pending_notices_and_signals() {
    let mut halves = tls13();
    let record = halves.peer.seal(HANDSHAKE, &key_update(1));
    halves.receive(&record).unwrap();
    let layer = tls_record::RecordLayer::join(halves.opener, halves.sealer).unwrap();
    assert!(layer.has_control());

    let mut halves = tls13();
    halves.sealer.abort(AlertDescription::DECODE_ERROR).unwrap();
    let layer = tls_record::RecordLayer::join(halves.opener, halves.sealer).unwrap();
    assert_eq!(layer.opener().state(), ReadState::Failed);
}

// A `KeyError` means that nothing has changed.
#[test]
fn keys_for_both_directions_are_installed_or_none_are() {
    let secret = |byte| Suite::Tls13.secret(byte);
    let mut connection =
        Connection::new(Config::new(Role::Client)).install(Epoch::Handshake, Suite::Tls13);
    connection.layer.close().unwrap();
    let installed = connection.layer.install(Epoch::Application, secret(1), secret(2));
    assert_eq!(installed, Err(KeyError::Closed));
    assert_eq!(connection.layer.opener().epoch(), Epoch::Handshake);
}

/// Two threads exchange the opener's notice and the sealer's signal.
#[test]
fn halves_work_in_two_threads() {
    const ROUNDS: u8 = 100;
    let Halves { mut opener, mut sealer, mut peer, mut mirror } = tls13();
    let (notices, done) = (&AtomicU32::new(0), &AtomicU32::new(0));
    let replies = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for round in 0..ROUNDS {
                let wire =
                    [peer.seal(DATA, &[round]), peer.seal(HANDSHAKE, &key_update(1))].concat();
                peer.update();
                let (got, left) = open_all(|input| opener.open(input), &wire);
                assert_eq!(
                    (got, left),
                    (vec![Got::Data(vec![round]), Got::KeyUpdate(true)], Ok(0))
                );
                notices.fetch_or(opener.take_notice().bits(), Ordering::AcqRel);
            }
            let record = peer.forge(DATA, b"forged");
            assert!(opener.open(&mut record.clone()).is_err());
            notices.fetch_or(opener.take_notice().bits(), Ordering::AcqRel);
            done.store(1, Ordering::Release);
        });
        let writer = scope.spawn(move || {
            let (mut replies, mut out) = (0_usize, [0; 64]);
            loop {
                let is_last = done.load(Ordering::Acquire) == 1;
                sealer.apply(Notice::from_bits(notices.swap(0, Ordering::AcqRel)));
                let length = sealer.poll_control(&mut out).unwrap();
                if length == 0 {
                    assert!(!is_last, "the alert is due");
                    let has_failed = reader.is_finished() && done.load(Ordering::Acquire) == 0;
                    assert!(!has_failed, "no more records come");
                    std::thread::yield_now();
                    continue;
                }
                match mirror.open(&out[..length]) {
                    (HANDSHAKE, reply) => assert_eq!(reply, key_update(0)),
                    (ALERT, alert) => {
                        assert_eq!(alert, [2, 20]);
                        break replies;
                    }
                    other => panic!("{other:?}"),
                }
                mirror.update();
                replies += 1;
            }
        });
        writer.join().unwrap()
    });
    println!("{replies} replies");
    assert!(replies <= usize::from(ROUNDS));
    assert_eq!(Signal::NONE.bits() | Notice::NONE.bits(), 0);
}

// 9846 6.2: a fault after our close_notify sends no alert, but ends the connection all the same.
#[test]
fn an_abort_after_our_close_notify_stops_the_opener_too() {
    for suite in Suite::ALL {
        let mut halves = Halves::new(suite);
        halves.sealer.close().unwrap();
        halves.control();
        let abort = halves.sealer.abort(AlertDescription::DECODE_ERROR);
        assert_eq!(abort, Err(CloseError::AlreadyClosed));
        assert!(!halves.sealer.has_control());
        halves.opener.apply(halves.sealer.take_signal());
        let fault = Fault::Aborted(AlertDescription::DECODE_ERROR);
        assert_eq!(halves.opener.end(), ReadEnd::Fault(fault));
        assert_eq!(halves.sealer.end(), WriteEnd::Closed);
    }
}

// 9846 4.7.3: the server may send a request after its Finished, before the client has sent its own.
#[test]
fn a_request_before_our_application_keys_is_answered_under_them() {
    let secret = || Suite::Tls13.secret(1);
    let config = Config::new(Role::Client);
    let (mut opener, mut sealer) = (Opener::new(config), Sealer::new(config));
    opener.install(Epoch::Application, secret()).unwrap();
    sealer.install(Epoch::Handshake, Suite::Tls13.secret(2)).unwrap();

    let mut request = Sealer::new(Config::new(Role::Server));
    request.install(Epoch::Application, secret()).unwrap();
    request.update_keys(true).unwrap();
    let mut wire = [0; 64];
    let length = request.poll_control(&mut wire).unwrap();
    opener.open(&mut wire[..length]).unwrap();
    sealer.apply(opener.take_notice());

    assert!(!sealer.has_control(), "handshake keys are not updated");
    assert!(sealer.seal_handshake(&[&[20, 0, 0, 1, 0]], &mut wire).is_ok());
    sealer.install(Epoch::Application, Suite::Tls13.secret(3)).unwrap();
    assert_eq!(sealer.seal(&[b"data"], &mut wire), Err(SealError::ControlFirst));
    assert_eq!(sealer.next_control(), Some(Control::KeyUpdate { request: false }));
}

// The caller carries a notice as bits.
#[test]
fn the_alert_of_any_notice_is_sent_once() {
    const ENDS: u32 = 1 << 8;
    for description in 0..=255 {
        let mut halves = tls13();
        halves.sealer.apply(Notice::from_bits(ENDS | description));
        assert_eq!(halves.control().len(), 1, "alert {description}");
        assert_eq!(halves.sealer.state(), WriteState::Failed);
    }
}

#[test]
fn aborts_after_the_close_are_signalled_as_one() {
    let mut layer = tls_record_tests::records::Layer::new(Config::new(Role::Client));
    let suite = Suite::Tls13;
    layer.install(Epoch::Application, suite.secret(1), suite.secret(2)).unwrap();
    let (mut opener, mut sealer) = layer.split();
    sealer.close().unwrap();
    sealer.poll_control(&mut [0; 64]).unwrap();
    let mut word = Signal::NONE;
    for description in [AlertDescription::INTERNAL_ERROR, AlertDescription::DECODE_ERROR] {
        assert_eq!(sealer.abort(description), Err(CloseError::AlreadyClosed));
        // A mailbox combines them by OR.
        word = word.merge(sealer.take_signal());
    }
    opener.apply(word);
    let fault = Fault::Aborted(AlertDescription::INTERNAL_ERROR);
    assert_eq!(opener.end(), ReadEnd::Fault(fault));
}

// A notice from elsewhere must not make the engine send a record that could not be due: see
// `Notice::from_bits`.
#[test]
fn no_notice_makes_a_key_update_due_in_tls12_or_after_close_notify() {
    let update_requested = Notice::from_bits(1 << 11);
    let mut sealer = Sealer::new(Config::new(Role::Client));
    sealer.apply(update_requested);
    sealer.install(Epoch::Handshake, Suite::Tls12Gcm.secret(1)).unwrap();
    sealer.close().unwrap();
    let mut out = [0; 64];
    assert!(sealer.poll_control(&mut out).is_ok());
    assert_eq!(sealer.establish(), Err(KeyError::Closed));
    assert!(!sealer.has_control());
    assert_eq!(sealer.poll_control(&mut out), Ok(0));

    for suite in Suite::ALL {
        for closes in [false, true] {
            let mut connection = Connection::established(suite, Role::Client);
            if closes {
                connection.layer.close().unwrap();
                connection.control();
            }
            let is_due = connection.halves(|_, sealer| {
                sealer.apply(update_requested);
                sealer.has_control()
            });
            assert_eq!(is_due, suite == Suite::Tls13 && !closes);
        }
    }
}

// A close_notify in place of a fatal alert would make a failure look like a clean end.
#[test]
fn no_notice_sends_a_closure_alert_as_a_fatal_one() {
    const ENDS: u32 = 1 << 8;
    for description in 0..=255 {
        let mut sealer = Sealer::new(Config::new(Role::Client));
        sealer.install(Epoch::Application, Suite::Tls13.secret(1)).unwrap();
        sealer.apply(Notice::from_bits(ENDS | description | 0xffff_0000));
        let expected = match description {
            0 | 90 | 100 => AlertDescription::INTERNAL_ERROR,
            description => AlertDescription(description as u8),
        };
        assert_eq!(sealer.end(), WriteEnd::AlertQueued(expected));
    }
    assert!(Notice::from_bits(0x40).is_empty(), "not an error alert");
    assert!(Signal::from_bits(0xffff_0000).is_empty());
}
