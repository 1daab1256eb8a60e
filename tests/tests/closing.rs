//! The closing state machine over its whole state space, and the engine that runs it.

use std::collections::BTreeSet;

use tls_record::close::{OnPeerClose, ReadState, Trigger, WriteState, transition};
use tls_record::{Config, Role, Version};
use tls_record_tests::records::{ALERT, CLOSE_NOTIFY, Connection, HANDSHAKE, Suite};

const POLICIES: [OnPeerClose; 2] = [OnPeerClose::HalfClose, OnPeerClose::Reply];
const READS: [ReadState; 5] = [
    ReadState::Open,
    ReadState::PeerClosed,
    ReadState::Truncated,
    ReadState::Failed,
    ReadState::HandedOver,
];
const WRITES: [WriteState; 7] = [
    WriteState::Open,
    WriteState::CancelQueued,
    WriteState::CloseQueued,
    WriteState::Closed,
    WriteState::AlertQueued,
    WriteState::Failed,
    WriteState::HandedOver,
];
const TRIGGERS: [Trigger; 9] = [
    Trigger::PeerCloseNotify,
    Trigger::PeerError,
    Trigger::TransportEof,
    Trigger::Fault,
    Trigger::Close,
    Trigger::Cancel,
    Trigger::AlertSealed,
    Trigger::ReadHandedOver,
    Trigger::WriteHandedOver,
];

/// One transition of the state machine.
#[derive(Clone, Copy, Debug)]
struct Case {
    policy: OnPeerClose,
    read: ReadState,
    write: WriteState,
    trigger: Trigger,
}

impl Case {
    fn after(self) -> (ReadState, WriteState) {
        transition(self.policy, self.read, self.write, self.trigger)
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for policy in POLICIES {
        for read in READS {
            for write in WRITES {
                for trigger in TRIGGERS {
                    cases.push(Case { policy, read, write, trigger });
                }
            }
        }
    }
    cases
}

/// Checks every transition of the state machine, and that none is left out.
fn for_each_case(check: impl Fn(Case)) {
    let cases = cases();
    cases.iter().copied().for_each(check);
    println!("{} cases", cases.len());
    assert_eq!(cases.len(), 2 * 5 * 7 * 9);
}

#[test]
fn each_half_agrees_with_the_state_of_the_connection() {
    for_each_case(|case| {
        let Case { policy, read, write, trigger } = case;
        // After the end of reading no event is delivered.
        let reaches_write = match trigger {
            Trigger::PeerCloseNotify | Trigger::PeerError | Trigger::TransportEof => {
                read == ReadState::Open
            }
            Trigger::Fault
            | Trigger::Close
            | Trigger::Cancel
            | Trigger::AlertSealed
            | Trigger::ReadHandedOver
            | Trigger::WriteHandedOver => true,
        };
        let write_after = if reaches_write { write.after(policy, trigger) } else { write };
        assert_eq!(case.after(), (read.after(trigger), write_after), "{case:?}");
    });
}

#[test]
fn ends_are_final() {
    for_each_case(|case| {
        let (read, write) = case.after();
        if case.trigger != Trigger::ReadHandedOver {
            assert!(read == case.read || case.read == ReadState::Open, "{case:?}");
        }
        if case.trigger != Trigger::WriteHandedOver {
            let is_final = matches!(
                case.write,
                WriteState::Closed | WriteState::Failed | WriteState::HandedOver
            );
            assert!(write == case.write || !is_final, "{case:?}");
        }
    });
}

// A half that was suspended or is in the kernel ends there.
#[test]
fn a_half_is_handed_over_only_by_a_hand_over_and_for_good() {
    for_each_case(|case| {
        let (read, write) = case.after();
        let was_given = case.trigger == Trigger::ReadHandedOver && case.read != ReadState::Failed;
        let was_over = case.read == ReadState::HandedOver;
        assert_eq!(read == ReadState::HandedOver, was_over || was_given, "{case:?}");

        // A pending alert is not left behind.
        let may_be_given = matches!(case.write, WriteState::Open | WriteState::Closed);
        let was_given = case.trigger == Trigger::WriteHandedOver && may_be_given;
        let was_over = case.write == WriteState::HandedOver;
        assert_eq!(write == WriteState::HandedOver, was_over || was_given, "{case:?}");

        if case.trigger == Trigger::ReadHandedOver {
            assert_eq!(write, case.write, "{case:?}");
        }
        if case.trigger == Trigger::WriteHandedOver {
            assert_eq!(read, case.read, "{case:?}");
        }
    });
}

#[test]
fn closing_states_never_go_back() {
    type State = (ReadState, WriteState);
    fn reachable(from: State) -> BTreeSet<String> {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from]);
        while let Some((read, write)) = todo.pop() {
            for case in cases().iter().filter(|case| (case.read, case.write) == (read, write)) {
                let after = case.after();
                if after != (read, write) && seen.insert(format!("{after:?}")) {
                    todo.push(after);
                }
            }
        }
        seen
    }
    let mut pairs = 0;
    for read in READS {
        for write in WRITES {
            let onward = reachable((read, write));
            assert!(!onward.contains(&format!("{:?}", (read, write))), "{read:?} {write:?}");
            pairs += onward.len();
        }
    }
    println!("{pairs} ordered pairs");
    assert_eq!(pairs, 217, "a transition has come or gone");
}

// 9846 6.1: "If a transport-level close is received prior to a close_notify, the receiver cannot
// know that all the data that was sent has been received."
#[test]
fn only_a_close_notify_is_a_clean_end() {
    for_each_case(|case| {
        let (read, write) = case.after();
        let closes = case.read == ReadState::Open && case.trigger == Trigger::PeerCloseNotify;
        let was_closed =
            case.read == ReadState::PeerClosed && case.trigger != Trigger::ReadHandedOver;
        assert_eq!(read == ReadState::PeerClosed, closes || was_closed, "{case:?}");
        if case.trigger == Trigger::TransportEof {
            let truncates = case.read == ReadState::Open;
            assert_eq!(read, if truncates { ReadState::Truncated } else { case.read }, "{case:?}");
            assert_eq!(write, case.write, "{case:?}");
        }
    });
}

// 9846 6.1: "This does not have any effect on its read side of the connection."
#[test]
fn closing_our_direction_leaves_theirs_alone() {
    for_each_case(|case| {
        if matches!(case.trigger, Trigger::Close | Trigger::Cancel | Trigger::AlertSealed) {
            assert_eq!(case.after().0, case.read, "{case:?}");
        }
    });
}

// 9846 6.1: a close_notify of TLS 1.3 "does not have any effect on" the other direction.
// 5246 7.2.1: "The other party MUST respond with a close_notify alert of its own and close down the
// connection immediately, discarding any pending writes."
#[test]
fn the_peers_close_notify_half_closes_or_is_answered() {
    for chosen in POLICIES {
        assert_eq!(OnPeerClose::in_version(Version::Tls13, chosen), OnPeerClose::HalfClose);
        assert_eq!(OnPeerClose::in_version(Version::Tls12, chosen), chosen);
    }
    for_each_case(|case| {
        if case.trigger != Trigger::PeerCloseNotify {
            return;
        }
        let replies = case.policy == OnPeerClose::Reply
            && (case.read, case.write) == (ReadState::Open, WriteState::Open);
        let write = if replies { WriteState::CloseQueued } else { case.write };
        assert_eq!(case.after().1, write, "{case:?}");
    });
}

// 9846 6: after an error alert "any further data" is neither sent nor received; it is not answered.
#[test]
fn the_peers_error_alert_stops_both_directions() {
    for_each_case(|case| {
        if case.trigger == Trigger::PeerError && case.read == ReadState::Open {
            let is_over = matches!(case.write, WriteState::Closed | WriteState::HandedOver);
            let write = if is_over { case.write } else { WriteState::Failed };
            assert_eq!(case.after(), (ReadState::Failed, write), "{case:?}");
        }
    });
}

// 9846 6.2: one fatal alert. It replaces a close_notify that is not sealed yet, and is not sent
// after one that is.
#[test]
fn a_fault_sends_an_alert_unless_our_end_has_left() {
    for_each_case(|case| {
        if case.trigger == Trigger::Fault {
            let has_ended = matches!(
                case.write,
                WriteState::Closed | WriteState::Failed | WriteState::HandedOver
            );
            let write = if has_ended { case.write } else { WriteState::AlertQueued };
            assert_eq!(case.after().1, write, "{case:?}");
        }
    });
}

/// The alert that a transition sends.
fn sent(case: Case) -> Option<&'static str> {
    match (case.trigger, case.write) {
        (Trigger::AlertSealed, WriteState::CancelQueued) => Some("user_canceled"),
        (Trigger::AlertSealed, WriteState::CloseQueued) => Some("close_notify"),
        (Trigger::AlertSealed, WriteState::AlertQueued) => Some("fatal"),
        _ => None,
    }
}

#[test]
fn every_path_sends_at_most_one_end_and_nothing_after_it() {
    let mut logs = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut steps = 0;
    for policy in POLICIES {
        let mut todo = vec![(ReadState::Open, WriteState::Open, Vec::new())];
        while let Some((read, write, log)) = todo.pop() {
            if !seen.insert(format!("{policy:?} {read:?} {write:?} {log:?}")) {
                continue;
            }
            for trigger in TRIGGERS {
                let case = Case { policy, read, write, trigger };
                let (read, write) = case.after();
                let mut log = log.clone();
                log.extend(sent(case));
                // 9846 6.1: user_canceled "MUST be followed by a close_notify"; only a fault of
                // ours or an error alert of theirs comes in between.
                if log == ["user_canceled"] {
                    assert!(
                        matches!(write, WriteState::CloseQueued | WriteState::AlertQueued)
                            || (write, read) == (WriteState::Failed, ReadState::Failed),
                        "{case:?}"
                    );
                }
                let has_closed = log.last() == Some(&"close_notify");
                if write != WriteState::HandedOver {
                    assert_eq!(write == WriteState::Closed, has_closed, "{case:?}");
                }
                logs.insert(log.clone());
                todo.push((read, write, log));
                steps += 1;
            }
        }
    }
    println!("{} states with their history, {steps} steps", seen.len());
    assert!(steps > 300);
    let expected: [&[&str]; 6] = [
        &[],
        &["close_notify"],
        &["fatal"],
        &["user_canceled"],
        &["user_canceled", "close_notify"],
        &["user_canceled", "fatal"],
    ];
    assert_eq!(logs.iter().map(Vec::as_slice).collect::<Vec<_>>(), expected);
}

/// Applies `trigger` to a real connection. Returns whether the engine accepts it: of the two states
/// that can be suspended, it hands only one to the kernel.
fn pull(connection: &mut Connection, trigger: Trigger) -> bool {
    let is_reading = connection.layer.opener().state() == ReadState::Open;
    match trigger {
        Trigger::PeerCloseNotify | Trigger::PeerError | Trigger::Fault if is_reading => {
            let record = match trigger {
                Trigger::PeerCloseNotify => connection.peer.seal(ALERT, &CLOSE_NOTIFY),
                Trigger::PeerError => connection.peer.seal(ALERT, &[2, 40]),
                _ => connection.peer.forge(HANDSHAKE, b"forged"),
            };
            let _ = connection.receive(&record);
        }
        // Input is not opened any more.
        Trigger::PeerCloseNotify | Trigger::PeerError => {
            let _ = connection.receive(&[21, 3, 3, 0, 2, 2, 40]);
        }
        Trigger::Fault => drop(connection.layer.abort(tls_record::AlertDescription::DECODE_ERROR)),
        Trigger::TransportEof => drop(connection.layer.eof()),
        Trigger::Close => drop(connection.layer.close()),
        Trigger::Cancel => drop(connection.layer.cancel()),
        Trigger::AlertSealed => drop(connection.layer.poll_control(&mut [0; 64])),
        Trigger::ReadHandedOver => {
            let given = connection.layer.hand_receiver_to_kernel().is_ok();
            assert_eq!(given, is_reading);
            return given;
        }
        Trigger::WriteHandedOver => {
            let is_open = connection.layer.sealer().state() == WriteState::Open;
            let given = connection.layer.hand_sender_to_kernel().is_ok();
            assert_eq!(given, is_open);
            return given;
        }
    }
    true
}

#[test]
fn the_engine_runs_the_state_machine() {
    const LENGTH: u32 = 4;
    let mut paths = 0;
    for (suite, chosen) in [
        (Suite::Tls13, OnPeerClose::Reply),
        (Suite::Tls12Gcm, OnPeerClose::Reply),
        (Suite::Tls12Chacha, OnPeerClose::HalfClose),
    ] {
        let policy = OnPeerClose::in_version(suite.version(), chosen);
        for path in 0..9_usize.pow(LENGTH) {
            let mut config = Config::new(Role::Server);
            config.tls12_on_peer_close = chosen;
            let mut connection =
                Connection::new(config).install(tls_record::Epoch::Application, suite);
            let (mut read, mut write) = (ReadState::Open, WriteState::Open);
            for step in 0..LENGTH {
                let trigger = TRIGGERS[path / 9_usize.pow(step) % 9];
                if pull(&mut connection, trigger) {
                    (read, write) = transition(policy, read, write, trigger);
                }
                let layer = &connection.layer;
                assert_eq!(
                    (layer.opener().state(), layer.sealer().state()),
                    (read, write),
                    "{suite:?}: path {path}, step {step}: {trigger:?}"
                );
                assert_eq!(layer.has_control(), write.is_alert_due());
            }
            paths += 1;
        }
    }
    println!("{paths} paths");
    assert_eq!(paths, 3 * 6561);
}
