//! What leaves. Which requirement each test is for, `conformance.md` says.

use std::collections::HashSet;

use proptest::prelude::{ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use tls_record::aead::{Aead, AeadError, Algorithm, NONCE_LEN};
use tls_record::close::{OnPeerClose, ReadState, WriteState};
use tls_record::{
    Alert, AlertDescription, CloseError, Config, Control, DirectionKeys, Epoch, Event, Fault,
    KeyError, KeySchedule, OpenError, Opener, ReadEnd, RecordBuffer, RecordLayer, Role, SealError,
    Sealed, Sealer, Stream, StreamError, Version, WriteEnd,
};
use tls_record_tests::records::{
    ALERT, CLOSE_NOTIFY, Connection, DATA, Got, HANDSHAKE, Hand, Layer, Secret, Suite,
    USER_CANCELED, key_update, message, open_all, plaintext, split,
};
use zeroize::Zeroize;

/// The most records that one AES-GCM key may seal (9846 5.5).
const GCM_LIMIT: u64 = 23_726_566;
/// The records of those that are kept for control.
const RESERVE: u64 = 4;

fn fresh(role: Role) -> Connection {
    Connection::new(Config::new(role))
}

fn tls13() -> Connection {
    Connection::established(Suite::Tls13, Role::Client)
}

fn gcm() -> Connection {
    Connection::established(Suite::Tls12Gcm, Role::Client)
}

/// One connection in every epoch that a direction can be in.
fn every_epoch() -> [Connection; 7] {
    [
        fresh(Role::Server),
        fresh(Role::Client).set_version(Version::Tls13),
        fresh(Role::Client).install(Epoch::EarlyData, Suite::Tls13),
        fresh(Role::Server).install(Epoch::Handshake, Suite::Tls13),
        tls13(),
        gcm(),
        Connection::established(Suite::Tls12Chacha, Role::Server),
    ]
}

/// A direction whose next record is number `sequence`.
fn sealer_at(suite: Suite, sequence: u64) -> (Sealer<Secret>, Hand) {
    let mut sealer = Sealer::new(Config::new(Role::Client));
    sealer.install(Epoch::Application, suite.secret(7), sequence).unwrap();
    let mut mirror = Hand::new(suite, 7);
    mirror.sequence = sequence;
    (sealer, mirror)
}

mod closing {
    use super::*;

    // 9846 6.1, rustls#3047, mbedtls#10878
    #[test]
    fn one_close_notify_and_nothing_after_it() {
        for mut connection in every_epoch() {
            assert_eq!([connection.layer.close(), connection.layer.close()], [Ok(()), Ok(())]);
            assert_eq!(connection.send(b"late"), Err(SealError::Closed));
            assert_eq!(connection.layer.end().write, WriteEnd::Closing);
            assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);

            let layer = &mut connection.layer;
            assert_eq!(layer.end().write, WriteEnd::Closed);
            assert_eq!(layer.close(), Err(CloseError::AlreadyClosed));
            assert_eq!(layer.cancel(), Err(CloseError::AlreadyClosed));
            assert_eq!(layer.abort(AlertDescription::DECODE_ERROR), Err(CloseError::AlreadyClosed));
            assert_eq!(layer.seal(&[b"late"], &mut [0; 64]), Err(SealError::Closed));
            assert_eq!(layer.seal(&[], &mut [0; 64]), Err(SealError::Closed));
            assert_eq!(layer.seal_in_place(&mut [0; 64], 0), Err(SealError::Closed));
            assert_eq!(
                layer.seal_handshake(&[&message(4, b"")], &mut [0; 64]),
                Err(SealError::Closed)
            );
            assert_eq!(layer.update_keys(true), Err(KeyError::Closed));
            let written = connection.halves(|_, sealer| sealer.change_cipher_spec(&mut [0; 64]));
            assert_eq!(written, Err(SealError::Closed));
            assert_eq!(connection.control(), []);
        }
    }

    // 9846 6.1: closing our direction leaves the other open, in either version.
    #[test]
    fn reading_goes_on_after_our_close_notify() {
        for suite in Suite::ALL {
            let mut connection = Connection::established(suite, Role::Client);
            connection.layer.close().unwrap();
            assert_eq!(connection.accept(DATA, b"one"), [Got::Data(b"one".to_vec())]);
            assert_eq!(connection.control().len(), 1);
            assert_eq!(connection.accept(DATA, b"two"), [Got::Data(b"two".to_vec())]);
            assert_eq!(connection.accept(ALERT, &CLOSE_NOTIFY), [Got::Closed]);
            assert!(connection.layer.end().is_clean());
            assert_eq!(connection.control(), []);
        }
    }

    // 9846 6.1: user_canceled "MUST be followed by a close_notify".
    #[test]
    fn user_canceled_then_close_notify_one_at_a_time() {
        let expected = [(ALERT, USER_CANCELED.to_vec()), (ALERT, CLOSE_NOTIFY.to_vec())];
        for mut connection in every_epoch() {
            connection.layer.cancel().unwrap();
            assert_eq!(connection.control(), expected);
            assert_eq!(connection.layer.end().write, WriteEnd::Closed);
        }
        for mut connection in every_epoch() {
            // Whatever the application does between the two.
            connection.layer.cancel().unwrap();
            let mut out = [0; 64];
            let mut next = |connection: &mut Connection| {
                let length = connection.layer.poll_control(&mut out).expect("sealed");
                connection.mirror.open(&out[..length])
            };
            assert_eq!(next(&mut connection), expected[0]);
            assert!(connection.layer.has_control());
            assert_eq!([connection.layer.cancel(), connection.layer.close()], [Ok(()), Ok(())]);
            assert_eq!(connection.send(b"late"), Err(SealError::Closed));
            assert_eq!(connection.layer.eof(), connection.layer.end().read);
            assert_eq!(next(&mut connection), expected[1]);
            assert!(!connection.layer.has_control());
        }
        let mut connection = tls13();
        connection.layer.close().unwrap();
        connection.layer.cancel().unwrap();
        assert_eq!(connection.control(), expected[1..], "canceling is over after closing");
    }

    // 9846 6.1 and 5246 7.2.1
    #[test]
    fn the_peers_close_notify_is_answered_as_the_version_has_it() {
        use OnPeerClose::{HalfClose, Reply};
        for suite in Suite::ALL {
            for policy in [Reply, HalfClose] {
                let mut connection =
                    Connection::configured(suite, |config| config.tls12_on_peer_close = policy);
                connection.send(b"sealed before").unwrap();
                connection.accept(ALERT, &CLOSE_NOTIFY);
                if suite != Suite::Tls13 && policy == Reply {
                    assert_eq!(connection.send(b"data"), Err(SealError::Closed));
                    assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);
                    assert!(connection.layer.end().is_clean());
                } else {
                    assert_eq!(connection.control(), []);
                    assert_eq!(connection.send(b"data"), Ok(vec![b"data".to_vec()]));
                    assert_eq!(connection.layer.end().write, WriteEnd::Open);
                }
            }
        }
    }

    #[test]
    fn a_tls12_answer_discards_what_is_not_sealed_yet() {
        let mut connection = gcm();
        connection.halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
        connection.accept(ALERT, &CLOSE_NOTIFY);
        assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);
    }
}

mod failing {
    use super::*;

    // 9846 6 and 6.2; 5246 7.2.2
    #[test]
    fn every_error_alert_is_fatal_and_leaves_once() {
        for description in (0..=255).map(AlertDescription) {
            for mut connection in every_epoch() {
                // The closure alerts, and those that are reserved: 9846 appendix B, 5246 7.2.2.
                if matches!(description.0, 0 | 90 | 21 | 30 | 41 | 60 | 100 | 111 | 114) {
                    let refused = connection.layer.abort(description);
                    assert_eq!(refused, Err(CloseError::NotAnErrorAlert));
                    assert_eq!(connection.control(), []);
                    continue;
                }
                connection.layer.abort(description).unwrap();
                assert_eq!(connection.layer.end().write, WriteEnd::AlertQueued(description));
                let again = connection.layer.abort(AlertDescription::DECODE_ERROR);
                assert_eq!(again, Err(CloseError::Failed));
                assert_eq!(connection.layer.close(), Err(CloseError::Failed));
                assert_eq!(connection.control(), [(ALERT, vec![2, description.0])]);
                assert_eq!(connection.layer.end().write, WriteEnd::AlertSent(description));
                assert_eq!(connection.layer.abort(description), Err(CloseError::Failed));
                assert_eq!(connection.control(), []);
            }
        }
    }

    // 9846 6.2: "a way to facilitate logging the sending [...] of alerts".
    #[test]
    fn alerts_are_shown_before_they_leave() {
        for mut connection in every_epoch() {
            let alert = |description| Some(Control::Alert(description));
            let layer = &mut connection.layer;
            assert_eq!(layer.next_control(), None);
            layer.cancel().unwrap();
            assert_eq!(layer.next_control(), alert(AlertDescription::USER_CANCELED));
            layer.poll_control(&mut [0; 64]).unwrap();
            assert_eq!(layer.next_control(), alert(AlertDescription::CLOSE_NOTIFY));
            layer.abort(AlertDescription::ACCESS_DENIED).unwrap();
            assert_eq!(layer.next_control(), alert(AlertDescription::ACCESS_DENIED));
            layer.poll_control(&mut [0; 64]).unwrap();
            assert_eq!(layer.next_control(), None);
        }
    }

    // 9846 6: alerts "are encrypted as specified by the current connection state", which is that of
    // our own direction.
    #[test]
    fn an_alert_leaves_under_the_keys_of_our_own_direction() {
        let mut connection = fresh(Role::Server).set_version(Version::Tls13);
        let keys = |_: &mut _, sealer: &mut Sealer<Secret>| {
            sealer.install(Epoch::Handshake, Suite::Tls13.secret(5), 0)
        };
        connection.layer.with_halves(keys).unwrap();
        connection.mirror = Hand::new(Suite::Tls13, 5);
        assert!(connection.receive(&plaintext(DATA, b"too early")).is_err());
        assert_eq!(connection.control(), [(ALERT, vec![2, 10])]);

        let mut connection = fresh(Role::Client).set_version(Version::Tls13);
        let keys = |opener: &mut Opener<Secret>, _: &mut _| {
            opener.install(Epoch::Handshake, Suite::Tls13.secret(6), 0)
        };
        connection.layer.with_halves(keys).unwrap();
        connection.peer = Hand::new(Suite::Tls13, 6);
        let forged = connection.peer.forge(HANDSHAKE, b"forged");
        assert!(connection.receive(&forged).is_err());
        assert_eq!(connection.control(), [(ALERT, vec![2, 20])]);
    }

    // Data that looks like an alert is data; what the machine has to send, nobody else can.
    #[test]
    fn alerts_and_key_updates_are_sealed_by_the_machine_alone() {
        for suite in Suite::ALL {
            let mut connection = Connection::established(suite, Role::Client);
            let mut out = [0; 64];
            for message in [&CLOSE_NOTIFY[..], &[2, 40], &key_update(0)] {
                let sealed = connection.layer.seal(&[message], &mut out).unwrap();
                let opened = connection.mirror.open(&out[..sealed.written]);
                assert_eq!(opened, (DATA, message.to_vec()));
                let sealed = connection.layer.seal_handshake(&[message], &mut out);
                assert_eq!(sealed, Err(SealError::NotHandshake));
            }
            let refused = connection.layer.abort(AlertDescription::CLOSE_NOTIFY);
            assert_eq!(refused, Err(CloseError::NotAnErrorAlert));
            assert_eq!(connection.layer.end().write, WriteEnd::Open);
        }
    }

    #[test]
    fn after_an_abort_nothing_is_opened_or_sealed() {
        for mut connection in every_epoch() {
            connection.layer.abort(AlertDescription::BAD_CERTIFICATE).unwrap();
            let fault = Fault::Aborted(AlertDescription::BAD_CERTIFICATE);
            assert_eq!(connection.receive(&[22, 3, 3, 0, 0]), Err(OpenError::Fault(fault)));
            assert_eq!(connection.layer.end().read, ReadEnd::Fault(fault));
            assert_eq!(connection.layer.opener().sequence(), None);
            assert_eq!(connection.send(b"data"), Err(SealError::Failed));
            let ticket = message(4, b"");
            let sealed = connection.layer.seal_handshake(&[&ticket], &mut [0; 64]);
            assert_eq!(sealed, Err(SealError::Failed));
            let written = connection.halves(|_, sealer| sealer.change_cipher_spec(&mut [0; 64]));
            assert_eq!(written, Err(SealError::Failed));
            assert_eq!(connection.layer.update_keys(false), Err(KeyError::Closed));
        }
    }

    // After a close_notify that was sealed, not even the alert leaves.
    #[test]
    fn a_fault_replaces_a_close_notify_that_has_not_left() {
        let fatal = (ALERT, vec![2, AlertDescription::BAD_RECORD_MAC.0]);
        let close_notify = (ALERT, CLOSE_NOTIFY.to_vec());
        let user_canceled = (ALERT, USER_CANCELED.to_vec());
        for suite in Suite::ALL {
            for cancels in [false, true] {
                let all = if cancels { 2 } else { 1 };
                for left_before in 0..=all {
                    let mut connection = Connection::established(suite, Role::Server);
                    if cancels {
                        connection.layer.cancel().unwrap();
                    } else {
                        connection.layer.close().unwrap();
                    }
                    let (mut out, mut sent) = ([0; 64], Vec::new());
                    for _ in 0..left_before {
                        let length = connection.layer.poll_control(&mut out).unwrap();
                        sent.push(connection.mirror.open(&out[..length]));
                    }
                    let forged = connection.peer.forge(DATA, b"forged");
                    let error = OpenError::Fault(Fault::BadRecordMac);
                    assert_eq!(connection.receive(&forged), Err(error));
                    sent.extend(connection.control());

                    let mut expected = vec![user_canceled.clone(), close_notify.clone()];
                    expected.drain(..2 - all);
                    expected.truncate(left_before);
                    if left_before < all {
                        expected.push(fatal.clone());
                    }
                    assert_eq!(sent, expected);
                    let end = connection.layer.end();
                    assert_eq!(end.read, ReadEnd::Fault(Fault::BadRecordMac));
                    assert_eq!(end.write == WriteEnd::Closed, left_before == all);
                }
            }
        }
    }

    #[test]
    fn a_fault_clears_key_updates_that_are_due() {
        let mut connection = tls13();
        connection.accept(HANDSHAKE, &key_update(1));
        connection.layer.update_keys(true).unwrap();
        let forged = connection.peer.forge(DATA, b"forged");
        assert!(connection.receive(&forged).is_err());
        assert_eq!(connection.control(), [(ALERT, vec![2, 20])]);
    }

    // 9846 5.1: legacy_record_version "MUST be set to 0x0303 for all records generated by a TLS 1.3
    // implementation other than an initial ClientHello".
    #[test]
    fn alerts_before_keys_carry_the_version_of_alerts() {
        for role in [Role::Client, Role::Server] {
            for description in [AlertDescription::CLOSE_NOTIFY, AlertDescription::DECODE_ERROR] {
                let mut layer = fresh(role).layer;
                if layer.abort(description).is_err() {
                    layer.close().unwrap();
                }
                let mut out = [0; 7];
                assert_eq!(layer.poll_control(&mut out), Ok(7));
                assert_eq!(out, Alert::new(description).plaintext_record(), "{role:?}");
            }
        }
    }

    #[test]
    fn a_first_client_hello_carries_the_version_of_its_own() {
        let hello = message(1, b"hello");
        let mut out = [0; 14];
        for (connection, minor) in [
            (fresh(Role::Client), 1),
            (fresh(Role::Client).set_version(Version::Tls13), 3),
            (fresh(Role::Server), 3),
        ] {
            let Connection { mut layer, .. } = connection;
            assert_eq!(layer.seal_handshake(&[&hello], &mut out), Ok(14));
            assert_eq!(out[..5], [22, 3, minor, 0, 9]);
        }
    }

    #[test]
    fn no_renegotiation_is_a_warning_of_tls12_alone() {
        let mut connection = tls13();
        let refused = connection.halves(|_, sealer| sealer.refuse_renegotiation());
        assert_eq!(refused, Err(KeyError::Epoch));
        let mut connection = fresh(Role::Server).install(Epoch::Handshake, Suite::Tls12Gcm);
        let refused = connection.halves(|_, sealer| sealer.refuse_renegotiation());
        assert_eq!(refused, Err(KeyError::Epoch));

        let mut connection = gcm();
        connection.halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
        connection.halves(|_, sealer| sealer.refuse_renegotiation()).unwrap();
        assert_eq!(connection.control(), vec![(ALERT, vec![1, 100]); 2]);
        connection.layer.close().unwrap();
        connection.control();
        let refused = connection.halves(|_, sealer| sealer.refuse_renegotiation());
        assert_eq!(refused, Err(KeyError::Closed));
    }
}

mod key_updates {
    use super::*;

    // 9846 4.7.3: "prior to sending its next Application Data record".
    #[test]
    fn the_reply_goes_out_before_the_next_data() {
        let mut connection = tls13();
        connection.accept(HANDSHAKE, &key_update(1));
        let first = Err(SealError::ControlFirst);
        assert_eq!(
            connection.layer.seal(&[b"data"], &mut [0; 64]),
            first.map(|_: usize| Sealed::default())
        );
        assert_eq!(connection.layer.seal_in_place(&mut [0; 64], 4), first);
        assert_eq!(connection.layer.seal_handshake(&[&message(4, b"")], &mut [0; 64]), first);
        assert_eq!(connection.layer.sealer().sequence(), Some(0));
        // Under the old key, alone in its record; what follows is under the new one: `control` and
        // `send` compare every tag.
        assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
        assert_eq!(connection.layer.sealer().sequence(), Some(0));
        assert_eq!(connection.send(b"data"), Ok(vec![b"data".to_vec()]));
        connection.layer.close().unwrap();
        assert_eq!(connection.control(), [(ALERT, CLOSE_NOTIFY.to_vec())]);
    }

    // 9846 4.7.3: "multiple KeyUpdates while it is silent [...] a single update".
    #[test]
    fn many_requests_get_one_reply() {
        let mut connection = tls13();
        for _ in 0..32 {
            assert_eq!(connection.accept(HANDSHAKE, &key_update(1)), [Got::KeyUpdate(true)]);
        }
        assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
    }

    #[test]
    fn without_a_request_there_is_no_reply() {
        let mut connection = tls13();
        connection.accept(HANDSHAKE, &key_update(0));
        assert_eq!(connection.control(), []);
    }

    // The read keys go on, but nothing may follow our close_notify (9846 6.1).
    #[test]
    fn none_after_our_close_notify() {
        for is_sealed in [false, true] {
            let mut connection = tls13();
            connection.layer.close().unwrap();
            let mut sent = if is_sealed { connection.control() } else { vec![] };
            assert_eq!(connection.accept(HANDSHAKE, &key_update(1)), [Got::KeyUpdate(true)]);
            assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
            sent.extend(connection.control());
            assert_eq!(sent, [(ALERT, CLOSE_NOTIFY.to_vec())]);
        }
    }

    // 9846 4.7.3: "Until receiving a subsequent KeyUpdate from the peer, the sender MUST NOT send
    // another KeyUpdate with request_update set to update_requested."
    #[test]
    fn one_request_at_a_time() {
        for answer in [0, 1] {
            let mut connection = tls13();
            assert_eq!(connection.layer.update_keys(true), Ok(()));
            assert_eq!(connection.layer.update_keys(true), Err(KeyError::RequestOutstanding));
            assert_eq!(connection.control(), [(HANDSHAKE, key_update(1))]);
            assert_eq!(connection.layer.update_keys(true), Err(KeyError::RequestOutstanding));
            assert_eq!(connection.layer.update_keys(false), Ok(()));
            assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
            connection.accept(DATA, b"data");
            assert_eq!(connection.layer.update_keys(true), Err(KeyError::RequestOutstanding));

            // "If [...] they cross in flight, then each side will also send a response".
            connection.accept(HANDSHAKE, &key_update(answer));
            let reply = [(HANDSHAKE, key_update(0))];
            assert_eq!(connection.control(), reply[..usize::from(answer)]);
            assert_eq!(connection.layer.update_keys(true), Ok(()));
            assert_eq!(connection.control(), [(HANDSHAKE, key_update(1))]);
        }
    }

    #[test]
    fn are_for_tls13_application_keys() {
        for mut connection in every_epoch() {
            let is_there = connection.mirror.suite == Suite::Tls13
                && connection.layer.sealer().epoch() == Epoch::Application;
            let expected = if is_there { Ok(()) } else { Err(KeyError::NoUpdate) };
            assert_eq!(connection.layer.update_keys(false), expected);
            assert_eq!(connection.layer.has_control(), is_there);
        }
    }
}

mod key_limits {
    use super::*;

    /// What a connection is made to do.
    #[derive(Clone, Debug)]
    enum Step {
        Write(usize),
        Handshake(usize),
        PeerRequests,
        Request,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..200_usize).prop_map(Step::Write),
            1 => (0..60_usize).prop_map(Step::Handshake),
            1 => any::<bool>().prop_map(|peer| if peer { Step::PeerRequests } else { Step::Request }),
        ];
        prop::collection::vec(step, 0..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 3 } else { 256 },
            failure_persistence: None,
            ..Default::default()
        })]

        // 9846 5.5: "implementations SHOULD do a key update [...] prior to reaching these limits".
        #[test]
        fn short_key_phases(key_limit in 12..30_u32, fragment_limit in 10..40_u16, steps in steps()) {
            let mut connection = Connection::configured(Suite::Tls13, |config| {
                (config.key_limit, config.fragment_limit) = (key_limit, fragment_limit);
            });
            let mut config = Config::new(Role::Client); // who reads tickets
            config.limits.key_updates = 255; // which are another test's
            let mut opener = Opener::new(config);
            // Our secret, as `Connection` installs it.
            opener.install(Epoch::Application, Suite::Tls13.secret(0x80 + 0x30), 0).unwrap();
            let (mut written, mut read) = (Vec::new(), Vec::new());
            let mut phases = 0;

            for step in steps {
                let data = match step {
                    Step::Write(length) => vec![length as u8; length],
                    Step::Handshake(length) => message(4, &vec![0; length]),
                    Step::PeerRequests => {
                        connection.accept(DATA, b"restores the budget");
                        connection.accept(HANDSHAKE, &key_update(1));
                        continue;
                    }
                    Step::Request => {
                        let _ = connection.layer.update_keys(true);
                        continue;
                    }
                };
                let (mut at, mut out) = (0, [0; 2048]);
                while at < data.len() {
                    let layer = &mut connection.layer;
                    let sealed = match step {
                        Step::Write(_) => layer.seal(&[&data[at..]], &mut out),
                        _ => layer.seal_handshake(&[&data[at..]], &mut out).map(|written| Sealed { taken: data.len(), written }),
                    };
                    let length = match sealed {
                        Ok(sealed) => {
                            at += sealed.taken;
                            sealed.written
                        }
                        Err(error) => {
                            assert_eq!(error, SealError::ControlFirst);
                            layer.poll_control(&mut out).unwrap()
                        }
                    };
                    assert!(length > 0, "progress");
                    assert!(layer.sealer().sequence().unwrap() <= key_limit.into());
                    let (got, left) = open_all(|input| opener.open(input), &out[..length]);
                    assert_eq!(left, Ok(0));
                    for got in got {
                        match got {
                            Got::Data(data) => read.extend(data),
                            Got::KeyUpdate(_) => phases += 1,
                            Got::Message(..) | Got::Nothing => {}
                            got => panic!("{got:?}"),
                        }
                    }
                }
                if let Step::Write(_) = step {
                    written.extend(data);
                }
            }
            assert_eq!(read, written);
            assert!(phases as usize >= written.len() / (usize::from(fragment_limit) * key_limit as usize));
        }
    }

    /// Both ends of a connection, and what is on the wire to each.
    struct Ends {
        layers: [Layer; 2],
        wires: [Vec<u8>; 2],
        written: [Vec<u8>; 2],
        read: [Vec<u8>; 2],
        updates: [usize; 2],
    }

    impl Ends {
        fn new(key_limits: [u32; 2]) -> Self {
            let layer = |end: usize| {
                let mut config = Config::new([Role::Client, Role::Server][end]);
                config.key_limit = key_limits[end];
                config.limits.key_updates = 255; // which are another test's
                let secret = |end| Suite::Tls13.secret([1, 0x80][end]);
                let mut layer = Layer::new(config);
                layer.install(Epoch::Application, secret(1 - end), secret(end)).unwrap();
                layer
            };
            Self {
                layers: [layer(0), layer(1)],
                wires: Default::default(),
                written: Default::default(),
                read: Default::default(),
                updates: [0; 2],
            }
        }

        fn write(&mut self, end: usize, length: usize) {
            for byte in (0..length).map(|at| at as u8) {
                let mut out = [0; 64];
                // An update of its own and a request may be due.
                for _ in 0..2 {
                    let written = self.layers[end].poll_control(&mut out).unwrap();
                    self.wires[1 - end].extend(&out[..written]);
                }
                let written = self.layers[end].seal(&[&[byte]], &mut out).unwrap().written;
                self.wires[1 - end].extend(&out[..written]);
                self.written[1 - end].push(byte);
            }
        }

        fn deliver(&mut self, end: usize) {
            let wire = std::mem::take(&mut self.wires[end]);
            let (got, left) = open_all(|input| self.layers[end].open(input), &wire);
            assert_eq!(left, Ok(0));
            for got in got {
                match got {
                    Got::Data(data) => self.read[end].extend(data),
                    Got::KeyUpdate(_) => self.updates[end] += 1,
                    got => panic!("{got:?}"),
                }
            }
        }

        fn answer(&mut self, end: usize) {
            let mut out = [0; 64];
            for _ in 0..2 {
                let written = self.layers[end].poll_control(&mut out).unwrap();
                self.wires[1 - end].extend(&out[..written]);
            }
            assert!(!self.layers[end].has_control());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        // 9846 5.5 and 4.7.3: both ends update their keys by themselves and ask each other to, and
        // what one has sent is on its way while the other goes on.
        #[test]
        fn short_key_phases_at_both_ends(
            key_limits in [5..12_u32, 5..12_u32],
            steps in prop::collection::vec((0..2_usize, 0..4_u8, 0..20_usize), 0..60),
        ) {
            let mut ends = Ends::new(key_limits);
            for (end, action, length) in steps {
                match action {
                    0 => ends.write(end, length),
                    1 => drop(ends.layers[end].update_keys(true)),
                    2 => ends.deliver(end),
                    _ => ends.answer(end),
                }
            }
            for end in [0, 1, 0, 1, 0, 1] {
                ends.answer(end);
                ends.deliver(1 - end);
            }
            assert_eq!(ends.read, ends.written);
            for end in [0, 1] {
                // A key phase has `key_limit` records, of which four are kept for control.
                let phases = ends.written[end].len() / (u64::from(key_limits[1 - end]) - RESERVE) as usize;
                assert!(ends.updates[end] >= phases.saturating_sub(1));
                // Every request is answered, and nothing is owed.
                assert_eq!(ends.layers[end].update_keys(true), Ok(()));
                let sequence = ends.layers[1 - end].opener().sequence();
                assert_eq!(ends.layers[end].sealer().sequence(), sequence);
            }
        }
    }

    #[test]
    fn keys_are_updated_by_themselves_before_their_limit() {
        let (mut sealer, mut mirror) = sealer_at(Suite::Tls13, GCM_LIMIT - RESERVE - 1);
        let mut out = [0; 64];
        let sealed = sealer.seal(&[b"the last"], &mut out).unwrap();
        assert_eq!(mirror.open(&out[..sealed.written]), (DATA, b"the last".to_vec()));
        assert!(sealer.has_control());
        assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::ControlFirst));
        let length = sealer.poll_control(&mut out).unwrap();
        // "Automatic updates carry update_not_requested."
        assert_eq!(mirror.open(&out[..length]), (HANDSHAKE, key_update(0)));
        assert_eq!((sealer.sequence(), sealer.has_control()), (Some(0), false));
    }

    #[test]
    fn where_there_is_no_key_update_data_ends_and_the_end_does_not() {
        for (limit, suite, epoch) in [
            (20, Suite::Tls12Gcm, Epoch::Application),
            (20, Suite::Tls12Chacha, Epoch::Application),
            (20, Suite::Tls13, Epoch::EarlyData),
            (u32::MAX, Suite::Tls12Gcm, Epoch::Application),
            (u32::MAX, Suite::Tls13, Epoch::EarlyData),
        ] {
            for cancels in [false, true] {
                let mut config = Config::new(Role::Client);
                config.key_limit = limit;
                let mut sealer = Sealer::new(config);
                let start = GCM_LIMIT.min(limit.into()) - RESERVE - 3;
                sealer.install(epoch, suite.secret(7), start).unwrap();
                let mut mirror = Hand::new(suite, 7);
                mirror.sequence = start;
                let mut out = [0; 64];
                for _ in 0..3 {
                    let sealed = sealer.seal(&[b"data"], &mut out).unwrap();
                    mirror.open(&out[..sealed.written]);
                }
                assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::KeyExhausted));
                assert_eq!(sealer.seal_in_place(&mut out, 4), Err(SealError::KeyExhausted));
                let ticket = message(5, b"");
                assert_eq!(
                    sealer.seal_handshake(&[&ticket], &mut out),
                    Err(SealError::KeyExhausted)
                );
                assert!(!sealer.has_control());
                assert!(sealer.refuse_renegotiation().is_err());

                let expected = if cancels {
                    sealer.cancel().unwrap();
                    vec![USER_CANCELED, CLOSE_NOTIFY]
                } else {
                    sealer.abort(AlertDescription::INTERNAL_ERROR).unwrap();
                    vec![[2, 80]]
                };
                for alert in expected {
                    let length = sealer.poll_control(&mut out).unwrap();
                    assert_eq!(mirror.open(&out[..length]), (ALERT, alert.to_vec()));
                }
                assert!(!sealer.has_control());
            }
        }
    }

    #[test]
    fn handshake_keys_are_exhausted_too() {
        let mut config = Config::new(Role::Server);
        (config.key_limit, config.fragment_limit) = (6, 100);
        let mut connection = Connection::new(config).install(Epoch::Handshake, Suite::Tls13);
        let mut out = [0; 1024];
        let long = message(11, &[0; 200]);
        let sealed = connection.layer.seal_handshake(&[&long], &mut out);
        assert_eq!(sealed, Err(SealError::KeyExhausted), "three records where there are two");
        assert_eq!(connection.layer.sealer().sequence(), Some(0));
        let short = message(11, &[0; 196]);
        assert_eq!(connection.layer.seal_handshake(&[&short], &mut out), Ok(2 * 122));
    }

    // A driver that loops while there is control, as the crate's example does, must come to an end,
    // whatever the configuration.
    #[test]
    fn a_tiny_key_limit_still_lets_data_through() {
        for key_limit in 0..=8 {
            let mut connection =
                Connection::configured(Suite::Tls13, |config| config.key_limit = key_limit);
            let mut sent = false;
            for _ in 0..10 {
                connection.layer.poll_control(&mut [0; 64]).unwrap();
                sent |= connection.layer.seal(&[b"x"], &mut [0; 64]).is_ok();
            }
            assert!(sent, "a key limit of {key_limit}");
        }
    }

    #[test]
    fn a_message_that_no_key_can_carry_is_not_put_off_for_ever() {
        let mut connection = Connection::configured(Suite::Tls13, |config| {
            (config.key_limit, config.fragment_limit, config.role) = (6, 10, Role::Server);
        });
        let ticket = message(4, &[0; 100]);
        let mut out = [0; 1024];
        let mut last = None;
        for _ in 0..10 {
            connection.control();
            last = Some(connection.layer.seal_handshake(&[&ticket], &mut out));
        }
        assert_ne!(last, Some(Err(SealError::ControlFirst)));
    }
}

mod sequence_numbers {
    use super::*;

    // 9846 5.3: "implementations MUST NOT allow the sequence number to wrap".
    #[test]
    fn never_wrap_when_sealing() {
        let mut out = [0; 64];
        for start in u64::MAX - 8..=u64::MAX {
            let (mut sealer, mut mirror) = sealer_at(Suite::Tls12Chacha, start);
            let mut data = 0;
            while let Ok(sealed) = sealer.seal(&[b"data"], &mut out) {
                mirror.open(&out[..sealed.written]);
                data += 1;
            }
            assert_eq!(data, (u64::MAX - RESERVE).saturating_sub(start));
            assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::KeyExhausted));
            sealer.cancel().unwrap();
            for _ in 0..2 {
                let before = sealer.sequence();
                match sealer.poll_control(&mut out) {
                    Ok(0) => assert_eq!(before, None),
                    Ok(length) => drop(mirror.open(&out[..length])),
                    Err(error) => assert_eq!((error, before), (SealError::Crypto, Some(u64::MAX))),
                }
            }
            let state = if start > u64::MAX - 2 { WriteState::Failed } else { WriteState::Closed };
            assert_eq!(sealer.state(), state, "from {start}");
        }
    }

    #[test]
    fn start_again_with_every_key_update() {
        let secret = || Secret::tls13(Algorithm::Chacha20Poly1305, &[7; 32]).unwrap();
        let mut sealer = Sealer::new(Config::new(Role::Client));
        sealer.install(Epoch::Application, secret(), u64::MAX - RESERVE).unwrap();
        let mut opener = Opener::new(Config::new(Role::Server));
        opener.install(Epoch::Application, secret(), u64::MAX - RESERVE).unwrap();
        let mut out = [0; 64];
        assert_eq!(sealer.seal(&[b"data"], &mut out), Err(SealError::ControlFirst));
        let length = sealer.poll_control(&mut out).unwrap();
        let (got, _) = open_all(|input| opener.open(input), &out[..length]);
        assert_eq!(got, [Got::KeyUpdate(false)]);
        assert_eq!((sealer.sequence(), opener.sequence()), (Some(0), Some(0)));
    }

    #[test]
    fn never_wrap_when_opening() {
        for suite in Suite::ALL {
            let mut connection = fresh(Role::Client);
            let secret = || suite.secret(7);
            let installed = connection.halves(|opener, sealer| {
                sealer.install(Epoch::Application, secret(), 0)?;
                opener.install(Epoch::Application, secret(), u64::MAX - 1)
            });
            assert_eq!(installed, Ok(()));
            connection.peer = Hand::new(suite, 7);
            connection.mirror = connection.peer.clone();
            connection.peer.sequence = u64::MAX - 1;
            assert_eq!(connection.accept(DATA, b"data"), [Got::Data(b"data".to_vec())]);
            assert_eq!(connection.layer.opener().sequence(), Some(u64::MAX));
            let record = plaintext(DATA, &[0; 40]);
            connection.peer = Hand::new(Suite::Plain, 0);
            connection.assert_refuses(
                &record,
                Fault::SequenceExhausted,
                AlertDescription::INTERNAL_ERROR,
            );
        }
    }

    // 5288 3: "The nonce_explicit MAY be the 64-bit sequence number"; CVE-2016-0270: it must not
    // repeat. With an iv of 12 bytes it starts where that says.
    #[test]
    fn explicit_nonces_of_tls12_are_unique() {
        for (iv, start) in
            [(&[9; 4][..], 0_u64), (&[9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8], 0x0102_0304_0506_0708)]
        {
            let mut sealer = Sealer::new(Config::new(Role::Client));
            let secret = Secret::tls12(Algorithm::Aes128Gcm, &[7; 16], iv).unwrap();
            sealer.install(Epoch::Application, secret, 0).unwrap();
            let mut seen = HashSet::new();
            for sequence in 0..1000_u64 {
                let mut out = [0; 64];
                let sealed = sealer.seal(&[b"data"], &mut out).unwrap();
                let record = &out[..sealed.written];
                let explicit = u64::from_be_bytes(record[5..13].try_into().unwrap());
                assert_eq!(explicit, start ^ sequence);
                // The null cipher's tag shows the nonce that it was given.
                assert_eq!(record[17..21], iv[..4]);
                assert_eq!(record[21..29], record[5..13]);
                assert!(seen.insert(explicit), "repeated");
            }
        }
    }
}

mod sizes {
    use super::*;

    fn sizes(connection: &mut Connection, length: usize) -> Vec<usize> {
        connection.send(&vec![7; length]).unwrap().iter().map(Vec::len).collect()
    }

    fn limited(suite: Suite, limit: u16) -> Connection {
        let mut connection = Connection::established(suite, Role::Client);
        connection.halves(|_, sealer| sealer.set_record_size_limit(limit)).unwrap();
        connection
    }

    // 8449 4: the limit "includes the content type and padding" in TLS 1.3; 6066 4.
    #[test]
    fn the_peers_limit_is_filled_and_kept() {
        assert_eq!(sizes(&mut limited(Suite::Tls13, 64), 200), [63, 63, 63, 11]);
        assert_eq!(sizes(&mut limited(Suite::Tls12Gcm, 64), 200), [64, 64, 64, 8]);
        assert_eq!(sizes(&mut limited(Suite::Tls12Chacha, 64), 200), [64, 64, 64, 8]);
        assert_eq!(sizes(&mut limited(Suite::Tls13, 512), 1000), [511, 489]);
        for limit in [16_385, u16::MAX] {
            for suite in Suite::ALL {
                assert_eq!(sizes(&mut limited(suite, limit), 16_385), [16_384, 1]);
            }
        }
        assert_eq!(sizes(&mut tls13(), 40_000), [16_384, 16_384, 7232]);
    }

    #[test]
    fn the_smaller_of_two_limits_counts() {
        for (own, peers, expected) in [(50, 64, 50), (100, 64, 63), (1, 64, 1), (0, 64, 1)] {
            let mut connection =
                Connection::configured(Suite::Tls13, |config| config.fragment_limit = own);
            connection.halves(|_, sealer| sealer.set_record_size_limit(peers)).unwrap();
            assert_eq!(connection.layer.sealer().fragment_limit(), expected);
            assert_eq!(
                sizes(&mut connection, 2 * usize::from(expected)),
                [usize::from(expected); 2]
            );
            let too_long = usize::from(expected) + 1;
            let sealed = connection.layer.seal_in_place(&mut [0; 200], too_long);
            assert_eq!(sealed, Err(SealError::TooLong));
        }
    }

    #[test]
    fn a_limit_under_64_is_illegal() {
        let mut connection = tls13();
        for limit in 0..64 {
            let refused = connection.halves(|_, sealer| sealer.set_record_size_limit(limit));
            assert_eq!(refused, Err(limit));
        }
        assert_eq!(connection.layer.sealer().fragment_limit(), 16_384);
    }

    // 8449 4: "Unprotected messages are not subject to this limit."
    #[test]
    fn the_peers_limit_binds_protected_records_alone() {
        let mut connection = fresh(Role::Server).set_version(Version::Tls13);
        connection.halves(|_, sealer| sealer.set_record_size_limit(64)).unwrap();
        let hello = message(2, &[0; 196]);
        let mut out = [0; 1024];
        assert_eq!(connection.layer.seal_handshake(&[&hello], &mut out), Ok(205));
        let mut connection = connection.install(Epoch::Handshake, Suite::Tls13);
        assert_eq!(connection.layer.seal_handshake(&[&hello], &mut out), Ok(200 + 4 * 22));
        let records = split(&out[..200 + 4 * 22]).map(|record| connection.mirror.open(record).1);
        assert_eq!(records.collect::<Vec<_>>().concat(), hello);
    }

    // 9846 5.4: cover traffic is asked for, it does not happen.
    #[test]
    fn no_data_makes_no_record_unless_asked_for() {
        for suite in Suite::ALL {
            let mut connection = Connection::established(suite, Role::Client);
            let none: [&[&[u8]]; 3] = [&[], &[b""], &[b"", b""]];
            for parts in none {
                assert_eq!(connection.layer.seal(parts, &mut []), Ok(Sealed::default()));
            }
            assert_eq!(connection.layer.sealer().sequence(), Some(0));
            let mut record = [0; 64];
            let length = connection.layer.seal_in_place(&mut record, 0).unwrap();
            assert_eq!(length, suite.overhead());
            assert_eq!(connection.mirror.open(&record[..length]), (DATA, vec![]));
        }
    }

    #[test]
    fn parts_are_sealed_as_one() {
        let mut connection =
            Connection::configured(Suite::Tls13, |config| config.fragment_limit = 7);
        let mut out = [0; 512];
        let parts: [&[u8]; 6] = [b"a", b"", b"longer than a record", b"b", b"c", b""];
        let sealed = connection.layer.seal(&parts, &mut out).unwrap();
        let records: Vec<_> =
            split(&out[..sealed.written]).map(|record| connection.mirror.open(record).1).collect();
        assert_eq!((sealed.taken, records.concat()), (23, parts.concat()));
        assert_eq!(records.iter().map(Vec::len).collect::<Vec<_>>(), [7, 7, 7, 2]);
    }
}

mod handshake_messages {
    use super::*;

    fn seal(connection: &mut Connection, parts: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut out = vec![0; 100_000];
        let written = connection.layer.seal_handshake(parts, &mut out).unwrap();
        let opened = split(&out[..written]).map(|record| connection.mirror.open(record));
        opened
            .map(|(content_type, content)| {
                assert_eq!(content_type, HANDSHAKE);
                content
            })
            .collect()
    }

    // 9846 5.1: "MAY be coalesced into a single TLSPlaintext record or fragmented across several".
    #[test]
    fn are_coalesced_and_fragmented_and_never_empty() {
        for mut connection in [
            fresh(Role::Server),
            fresh(Role::Server).install(Epoch::Handshake, Suite::Tls13),
            tls13(),
            fresh(Role::Server).install(Epoch::Handshake, Suite::Tls12Gcm),
        ] {
            let flight = [message(8, b""), message(11, b"certificate"), message(20, b"verify")];
            let coalesced = seal(&mut connection, &[&flight[0], &flight[1], &flight[2]]);
            assert_eq!(coalesced, [flight.concat()]);
            let long = message(11, &[7; 40_000]);
            let (front, back) = long.split_at(2);
            let fragments = seal(&mut connection, &[front, b"", back]);
            assert_eq!(fragments.iter().map(Vec::len).collect::<Vec<_>>(), [16_384, 16_384, 7236]);
            assert_eq!(fragments.concat(), long);
            assert_eq!(seal(&mut connection, &[]), [[]; 0]);
            assert_eq!(seal(&mut connection, &[b""]), [[]; 0]);
            let exactly = message(11, &[7; 2 * 16_384 - 4]);
            assert_eq!(seal(&mut connection, &[&exactly]).len(), 2);
        }
    }

    #[test]
    fn are_whole_and_no_key_updates() {
        let whole = message(11, b"certificate");
        let more = |extra: &[u8]| [&whole[..], extra].concat();
        for (mut connection, content) in [
            whole[..1].to_vec(),
            whole[..4].to_vec(),
            whole[..14].to_vec(),
            more(&[11]),
            more(&whole[..8]),
            key_update(0),
            more(&key_update(1)),
            [key_update(0), whole.clone()].concat(),
            message(24, b""),
        ]
        .into_iter()
        .flat_map(|content| {
            [fresh(Role::Server), tls13(), gcm()].map(|connection| (connection, content.clone()))
        }) {
            let before = connection.layer.sealer().sequence();
            let mut out = [0xaa; 128];
            for at in 0..=content.len() {
                let (front, back) = content.split_at(at);
                let sealed = connection.layer.seal_handshake(&[front, back], &mut out);
                assert_eq!(sealed, Err(SealError::NotHandshake));
            }
            assert_eq!(connection.layer.sealer().sequence(), before);
            assert_eq!(out, [0xaa; 128]);
        }
    }

    #[test]
    fn change_cipher_spec_is_sealed_where_it_can_come() {
        let tls12_handshake = fresh(Role::Server).install(Epoch::Handshake, Suite::Tls12Gcm);
        for (mut connection, is_expected) in [
            (fresh(Role::Client), false),
            (fresh(Role::Client).set_version(Version::Tls13), true),
            (fresh(Role::Client).install(Epoch::EarlyData, Suite::Tls13), true),
            (fresh(Role::Client).install(Epoch::Handshake, Suite::Tls13), true),
            (tls13(), false),
            (fresh(Role::Client).set_version(Version::Tls12), true),
            (tls12_handshake, false),
            (gcm(), false),
        ] {
            let mut out = [0; 6];
            let sealed = connection.halves(|_, sealer| sealer.change_cipher_spec(&mut out));
            assert_eq!(sealed, if is_expected { Ok(6) } else { Err(SealError::NotHandshake) });
            assert_eq!(out, if is_expected { [20, 3, 3, 0, 1, 1] } else { [0; 6] });
        }
    }
}

mod keys {
    use super::*;

    /// Keys in hardware, whose tags are of some length, and which may have no next generation.
    #[derive(Clone)]
    struct Chip {
        tag_len: usize,
        has_next: bool,
    }

    impl Zeroize for Chip {
        fn zeroize(&mut self) {}
    }

    impl KeySchedule for Chip {
        type Aead = Self;

        fn version(&self) -> Version {
            Version::Tls13
        }

        fn keys(&self) -> Result<DirectionKeys<Self>, KeyError> {
            Ok(DirectionKeys { aead: self.clone(), iv: [0; NONCE_LEN] })
        }

        fn update(&mut self) -> Result<(), KeyError> {
            if self.has_next { Ok(()) } else { Err(KeyError::Crypto) }
        }
    }

    impl Aead for Chip {
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
            _: &[u8; NONCE_LEN],
            _: &[u8],
            _: &mut [u8],
            tag: &mut [u8],
        ) -> Result<(), AeadError> {
            assert_eq!(tag.len(), self.tag_len);
            Ok(())
        }

        fn open(
            &mut self,
            _: &[u8; NONCE_LEN],
            _: &[u8],
            _: &mut [u8],
            tag: &[u8],
        ) -> Result<(), AeadError> {
            assert_eq!(tag.len(), self.tag_len);
            Ok(())
        }
    }

    // 9846 5.2: "An AEAD algorithm used in TLS 1.3 MUST NOT produce an expansion greater than 255
    // octets."
    #[test]
    fn a_cipher_expands_by_255_bytes_and_no_more() {
        let mut layer = RecordLayer::new(Config::new(Role::Client));
        for tag_len in [256, 271, usize::MAX] {
            let chip = Chip { tag_len, has_next: true };
            let installed = layer.install(Epoch::Application, chip.clone(), chip);
            assert_eq!(installed, Err(KeyError::Length), "{tag_len}");
        }
        let chip = Chip { tag_len: 255, has_next: true };
        layer.install(Epoch::Application, chip.clone(), chip).unwrap();
        let mut record = vec![7; 5 + 16_384 + 256];
        assert_eq!(layer.seal_in_place(&mut record, 16_384), Ok(record.len()));
        assert_eq!(record[..5], [23, 3, 3, 0x41, 0]);
        let opened = layer.open(&mut record).unwrap();
        assert_eq!(opened.event, Event::ApplicationData(5..5 + 16_384));
    }

    /// A transport that takes everything.
    struct Sink;

    impl embedded_io::ErrorType for Sink {
        type Error = embedded_io::ErrorKind;
    }

    impl embedded_io::Read for Sink {
        fn read(&mut self, _: &mut [u8]) -> Result<usize, Self::Error> {
            Ok(0)
        }
    }

    impl embedded_io::Write for Sink {
        fn write(&mut self, data: &[u8]) -> Result<usize, Self::Error> {
            Ok(data.len())
        }

        fn flush(&mut self) -> Result<(), Self::Error> {
            Ok(())
        }
    }

    // There is nothing that the transport could take first: waiting for it would be for ever.
    #[test]
    fn a_stream_without_room_for_a_record_says_so() {
        let mut layer = RecordLayer::new(Config::new(Role::Client));
        let chip = Chip { tag_len: 255, has_next: true };
        layer.install(Epoch::Application, chip.clone(), chip).unwrap();
        let connection = tls_record::Connection::<_, 128>::new(layer);
        let mut stream = Stream::<_, _, 512, 128>::new(connection, RecordBuffer::new(), Sink);
        let need = 5 + 1 + 1 + 255;
        let written = embedded_io::Write::write(&mut stream, b"data");
        assert_eq!(written, Err(StreamError::Seal(SealError::NoSpace { need })));
    }

    #[test]
    fn that_have_no_next_generation_end_the_connection() {
        let chip = || Chip { tag_len: 16, has_next: false };
        let mut layer = RecordLayer::new(Config::new(Role::Client));
        layer.install(Epoch::Application, chip(), chip()).unwrap();
        layer.update_keys(false).unwrap();
        assert_eq!(layer.poll_control(&mut [0; 64]), Err(SealError::Crypto));
        assert_eq!(layer.end().write, WriteEnd::Failed);
        assert_eq!(layer.end().read, ReadEnd::Fault(Fault::Crypto));

        let mut layer = RecordLayer::new(Config::new(Role::Client));
        layer.install(Epoch::Application, chip(), chip()).unwrap();
        let mut record = plaintext(DATA, &[&key_update(0)[..], &[22], &[0; 16]].concat());
        assert_eq!(layer.open(&mut record), Err(OpenError::Fault(Fault::Crypto)));
        let alert = AlertDescription::INTERNAL_ERROR;
        assert_eq!(layer.end().write, WriteEnd::AlertQueued(alert));
    }

    #[test]
    fn data_waits_for_its_keys() {
        let mut no_keys = [
            fresh(Role::Client),
            fresh(Role::Server).set_version(Version::Tls13),
            fresh(Role::Server).install(Epoch::Handshake, Suite::Tls13),
            fresh(Role::Server).install(Epoch::Handshake, Suite::Tls12Gcm),
        ];
        for connection in &mut no_keys {
            assert_eq!(connection.send(b"data"), Err(SealError::NoKeys));
            assert_eq!(connection.send(b""), Err(SealError::NoKeys));
            assert_eq!(connection.layer.seal_in_place(&mut [0; 64], 4), Err(SealError::NoKeys));
        }
        let [.., mut tls12] = no_keys;
        tls12.halves(|_, sealer| sealer.establish()).unwrap();
        assert_eq!(tls12.send(b"data"), Ok(vec![b"data".to_vec()]));
        let mut early = fresh(Role::Client).install(Epoch::EarlyData, Suite::Tls13);
        assert_eq!(early.send(b"data"), Ok(vec![b"data".to_vec()]));
    }

    #[test]
    fn epochs_go_forward_and_belong_to_their_version() {
        use Epoch::{Application, EarlyData, Handshake, Plaintext};
        let epochs = [Plaintext, EarlyData, Handshake, Application];
        for suite in [Suite::Tls13, Suite::Tls12Gcm] {
            for first in epochs {
                for second in epochs {
                    let has_keys =
                        |epoch| epoch > Plaintext && (suite == Suite::Tls13 || epoch > EarlyData);
                    let mut connection = fresh(Role::Client);
                    let install = |connection: &mut Connection, epoch| {
                        connection.halves(|opener, sealer| {
                            let opened = opener.install(epoch, suite.secret(1), 0);
                            assert_eq!(opened, sealer.install(epoch, suite.secret(2), 0));
                            opened
                        })
                    };
                    let is_first = has_keys(first);
                    let installed = install(&mut connection, first);
                    assert_eq!(installed, if is_first { Ok(()) } else { Err(KeyError::Epoch) });
                    // TLS 1.2 has one set of keys, and a nonce must not come twice.
                    let goes_on = second > first && suite == Suite::Tls13;
                    let is_second = has_keys(second) && (goes_on || !is_first);
                    let installed = install(&mut connection, second);
                    assert_eq!(installed, if is_second { Ok(()) } else { Err(KeyError::Epoch) });
                }
            }
        }
    }

    #[test]
    fn are_not_installed_after_the_end() {
        let secret = || Suite::Tls13.secret(1);
        let mut connection = fresh(Role::Client).install(Epoch::Handshake, Suite::Tls13);
        connection.layer.close().unwrap();
        connection.accept(ALERT, &CLOSE_NOTIFY);
        connection.halves(|opener, sealer| {
            assert_eq!(opener.install(Epoch::Application, secret(), 0), Err(KeyError::Closed));
            assert_eq!(sealer.install(Epoch::Application, secret(), 0), Err(KeyError::Closed));
            assert_eq!((opener.epoch(), sealer.epoch()), (Epoch::Handshake, Epoch::Handshake));
            assert_eq!(opener.state(), ReadState::PeerClosed);
        });
    }
}

mod tls12_handshake_keys {
    use super::*;

    // CVE-2026-5446: installed a second time, the keys would repeat their nonces.
    #[test]
    fn are_installed_once() {
        let secret = || Suite::Tls12Gcm.secret(1);
        let mut connection = fresh(Role::Client).install(Epoch::Handshake, Suite::Tls12Gcm);
        let installed = connection.layer.install(Epoch::Application, secret(), secret());
        assert_eq!(installed, Err(KeyError::Epoch));
        connection.layer.with_halves(|opener, sealer| {
            assert_eq!(opener.install(Epoch::Application, secret(), 0), Err(KeyError::Epoch));
            assert_eq!(sealer.install(Epoch::Application, secret(), 0), Err(KeyError::Epoch));
            assert_eq!((opener.establish(), sealer.establish()), (Ok(()), Ok(())));
        });
    }

    // 5246 7.1: what follows the change_cipher_spec is protected.
    #[test]
    fn are_due_after_change_cipher_spec() {
        let mut layer = fresh(Role::Client).set_version(Version::Tls12).layer;
        let mut out = [0; 64];
        let finished = message(20, &[0; 12]);
        layer.with_halves(|_, sealer| {
            assert_eq!(sealer.change_cipher_spec(&mut out), Ok(6));
            assert_eq!(sealer.change_cipher_spec(&mut out), Err(SealError::NotHandshake));
            let sealed = sealer.seal_handshake(&[&finished], &mut out);
            assert_eq!(sealed, Err(SealError::NoKeys));
            sealer.install(Epoch::Handshake, Suite::Tls12Gcm.secret(1), 0).unwrap();
            assert!(sealer.seal_handshake(&[&finished], &mut out).is_ok());
        });
    }
}

mod a_long_message {
    use super::*;

    // 9846 5.1: nothing comes between its fragments, so that a key must carry all of it.
    #[test]
    fn that_needs_all_of_a_key_waits_for_a_fresh_one() {
        let mut connection = Connection::configured(Suite::Tls13, |config| {
            (config.key_limit, config.fragment_limit, config.role) = (6, 10, Role::Server);
        });
        connection.send(b"data").unwrap();
        let (ticket, mut out) = (message(4, &[7; 16]), [0; 64]);
        let sealed = connection.layer.seal_handshake(&[&ticket], &mut out);
        assert_eq!(sealed, Err(SealError::ControlFirst));
        assert_eq!(connection.control(), [(HANDSHAKE, key_update(0))]);
        assert_eq!(connection.layer.seal_handshake(&[&ticket], &mut out), Ok(2 * 32));
    }
}

mod establishing {
    use super::*;

    // TLS 1.2 has one set of keys; those of a TLS 1.3 handshake never protect data.
    #[test]
    fn is_for_the_handshake_keys_of_tls12_alone() {
        for (epoch, suite) in [
            (Epoch::EarlyData, Suite::Tls13),
            (Epoch::Handshake, Suite::Tls13),
            (Epoch::Application, Suite::Tls13),
            (Epoch::Application, Suite::Tls12Gcm),
        ] {
            fresh(Role::Client).install(epoch, suite).halves(|opener, sealer| {
                let established = (opener.establish(), sealer.establish());
                assert_eq!(established, (Err(KeyError::Epoch), Err(KeyError::Epoch)));
                assert_eq!((opener.epoch(), sealer.epoch()), (epoch, epoch));
            });
        }
        for version in [Version::Tls12, Version::Tls13] {
            fresh(Role::Client).set_version(version).halves(|opener, sealer| {
                let established = (opener.establish(), sealer.establish());
                assert_eq!(established, (Err(KeyError::Epoch), Err(KeyError::Epoch)));
            });
        }
    }
}

// sealer.rs: "Data waits for it."
#[test]
fn data_waits_for_a_key_update_with_a_request_and_without() {
    for request in [false, true] {
        let mut connection = tls13();
        connection.layer.update_keys(request).unwrap();
        assert_eq!(connection.send(b"data"), Err(SealError::ControlFirst));
        let in_place = connection.layer.seal_in_place(&mut [0; 64], 4);
        assert_eq!(in_place, Err(SealError::ControlFirst));
        assert_eq!(connection.control(), [(HANDSHAKE, key_update(request.into()))]);
        assert_eq!(connection.send(b"data"), Ok(vec![b"data".to_vec()]));
    }
}

// go#14376 and its kin: time to the first byte.
mod record_sizes {
    use core::time::Duration;

    use tls_record::RecordSizes;

    const IDLE: Duration = Duration::from_secs(1);

    #[test]
    fn are_small_at_the_start_and_large_when_the_stream_runs() {
        let mut sizes = RecordSizes::new(100, 250, IDLE);
        let now = Duration::from_millis(1);
        for sealed in [100, 200, 300] {
            assert_eq!(sizes.limit(now), 100, "before byte {sealed}");
            sizes.sealed(100, now);
        }
        assert_eq!(sizes.limit(now), u16::MAX);
    }

    #[test]
    fn are_small_again_after_a_silence_and_not_before() {
        let mut sizes = RecordSizes::new(100, 1, IDLE);
        let start = Duration::from_secs(100);
        sizes.sealed(1, start);
        assert_eq!(sizes.limit(start + IDLE - Duration::from_nanos(1)), u16::MAX);
        assert_eq!(sizes.limit(start + IDLE), 100);
        sizes.sealed(1, start + IDLE);
        assert_eq!(sizes.limit(start + IDLE), u16::MAX);
        // A clock that goes back is no silence.
        assert_eq!(sizes.limit(start), u16::MAX);
    }
}
