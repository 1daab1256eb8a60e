//! Alerts: the encoding of their messages, and every alert in every state.

use tls_record::close::{ReadState, WriteState};
use tls_record::{
    Alert, AlertClass, AlertDescription, AlertLevel, Config, Epoch, Fault, Flood, OpenError,
    ReadEnd, Role, Version, WriteEnd,
};
use tls_record_tests::STRIDE;
use tls_record_tests::records::{ALERT, CLOSE_NOTIFY, Connection, DATA, Got, Suite, plaintext};

#[test]
fn every_message_survives_a_round_trip() {
    for message in (0..=u16::MAX).step_by(STRIDE).map(u16::to_be_bytes) {
        let alert = Alert::decode(&message).expect("two bytes");
        assert_eq!((alert.level.0, alert.description.0), (message[0], message[1]));
        assert_eq!(alert.encode(), message);
        assert_eq!(alert.plaintext_record(), plaintext(ALERT, &message)[..]);
    }
}

#[test]
fn a_message_has_two_bytes() {
    for length in (0..=1024).step_by(STRIDE).chain([1, 2, 3]) {
        assert_eq!(Alert::decode(&vec![1; length]).is_some(), length == 2);
    }
}

// 9846 6; 5246 7.2.2
#[test]
fn levels_and_classes() {
    for description in (0..=255).map(AlertDescription) {
        let (level, class) = match description.0 {
            0 => (1, AlertClass::Closure),
            90 => (1, AlertClass::UserCanceled),
            100 => (1, AlertClass::Error),
            _ => (2, AlertClass::Error),
        };
        assert_eq!((description.level(), description.class()), (AlertLevel(level), class));
        assert_eq!(Alert::new(description).encode(), [level, description.0]);
    }
}

// The registry of 9846 section 6 and appendix B.2 as far as it is in use, and 5246's
// no_renegotiation.
#[test]
fn alerts_have_the_names_of_the_registry() {
    let named = (0..=255).filter_map(|value| Some((value, AlertDescription(value).name()?)));
    let numbers: Vec<u8> = named.clone().map(|(value, _)| value).collect();
    let registry = [
        0, 10, 20, 22, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 90, 100, 109,
        110, 112, 113, 115, 116, 117, 120,
    ];
    assert_eq!(numbers, registry);
    assert_eq!(AlertDescription(255).to_string(), "alert 255");
    for (value, name) in named {
        assert_eq!(AlertDescription(value).to_string(), name);
    }
}

/// The effect of an alert that is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The peer has closed.
    PeerClosed,
    /// The caller gets a warning, and the connection goes on.
    Reported,
    /// The connection has failed, and no alert is sent.
    FatalReceived,
    /// A fatal alert with this description is sent.
    Refused(u8),
}

fn in_tls13(description: u8) -> Answer {
    match description {
        0 => Answer::PeerClosed,
        90 => Answer::Reported,
        _ => Answer::FatalReceived,
    }
}

fn in_tls12(level: u8, description: u8) -> Answer {
    match (level, description) {
        (1 | 2, 0) => Answer::PeerClosed,
        (1, _) => Answer::Reported,
        (2, _) => Answer::FatalReceived,
        _ => Answer::Refused(47),
    }
}

/// The states in which an alert can arrive.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Before keys, with or without a known version.
    Plaintext(Option<Version>),
    /// Under the keys of an epoch.
    Protected(Suite, Epoch),
    /// In TLS 1.3, without protection although there are keys.
    Unprotected(Epoch),
}

impl Place {
    const ALL: [Self; 13] = [
        Self::Plaintext(None),
        Self::Plaintext(Some(Version::Tls12)),
        Self::Plaintext(Some(Version::Tls13)),
        Self::Protected(Suite::Tls13, Epoch::EarlyData),
        Self::Protected(Suite::Tls13, Epoch::Handshake),
        Self::Protected(Suite::Tls13, Epoch::Application),
        Self::Protected(Suite::Tls12Gcm, Epoch::Handshake),
        Self::Protected(Suite::Tls12Gcm, Epoch::Application),
        Self::Protected(Suite::Tls12Chacha, Epoch::Handshake),
        Self::Protected(Suite::Tls12Chacha, Epoch::Application),
        Self::Unprotected(Epoch::EarlyData),
        Self::Unprotected(Epoch::Handshake),
        Self::Unprotected(Epoch::Application),
    ];

    fn connection(self, role: Role) -> Connection {
        let connection = Connection::new(Config::new(role));
        match self {
            Self::Plaintext(None) => connection,
            Self::Plaintext(Some(version)) => connection.set_version(version),
            Self::Protected(suite, epoch) => connection.install(epoch, suite),
            Self::Unprotected(epoch) => connection.install(epoch, Suite::Tls13),
        }
    }

    fn answer(self, level: u8, description: u8) -> Answer {
        match self {
            // Before the version is known, the peer may be a TLS 1.2 server that sends a warning.
            Self::Plaintext(None | Some(Version::Tls12)) => in_tls12(level, description),
            Self::Plaintext(Some(Version::Tls13)) => in_tls13(description),
            Self::Protected(Suite::Tls13, _) => in_tls13(description),
            Self::Protected(..) => in_tls12(level, description),
            Self::Unprotected(Epoch::Handshake) if !matches!(description, 0 | 90) => {
                Answer::FatalReceived
            }
            Self::Unprotected(_) => Answer::Refused(10),
        }
    }
}

/// Checks the state of a connection after `answer`.
fn check(place: Place, mut connection: Connection, record: &[u8], alert: Alert, answer: Answer) {
    let received = connection.receive(record);
    let description = alert.description;
    let end = connection.layer.end();
    let states = (connection.layer.opener().state(), connection.layer.sealer().state());
    match answer {
        Answer::PeerClosed => {
            assert_eq!(received, Ok(vec![Got::Closed]));
            let replies = matches!(
                place,
                Place::Protected(Suite::Tls12Gcm | Suite::Tls12Chacha, _)
                    | Place::Plaintext(Some(Version::Tls12))
            );
            let expected: &[_] = if replies { &[(ALERT, CLOSE_NOTIFY.to_vec())] } else { &[] };
            assert_eq!(connection.control(), expected);
            let epoch = connection.layer.opener().epoch();
            assert_eq!(end.read, ReadEnd::Closed { epoch });
        }
        Answer::Reported => {
            assert_eq!(received, Ok(vec![Got::Warning(description)]));
            assert_eq!(states, (ReadState::Open, WriteState::Open));
            if connection.layer.opener().epoch() == Epoch::Application {
                assert_eq!(connection.accept(DATA, b"x"), [Got::Data(b"x".to_vec())]);
            }
            assert_eq!(connection.accept(ALERT, &CLOSE_NOTIFY), [Got::Closed]);
        }
        Answer::FatalReceived => {
            assert_eq!(received, Err(OpenError::PeerAlert(description)));
            assert_eq!(connection.receive(record), received);
            assert_eq!(states, (ReadState::Failed, WriteState::Failed));
            assert_eq!(end.read, ReadEnd::PeerAlert(description));
            assert_eq!(end.write, WriteEnd::Failed);
            assert_eq!(connection.control(), []);
            let layer = &connection.layer;
            assert_eq!((layer.opener().sequence(), layer.sealer().sequence()), (None, None));
        }
        Answer::Refused(ours) => {
            let ours = AlertDescription(ours);
            let Err(OpenError::Fault(fault)) = received else { panic!("{received:?}") };
            assert_eq!(fault.alert(), Some(ours));
            assert_eq!(end.write, WriteEnd::AlertQueued(ours));
            assert_eq!(connection.control(), [(ALERT, vec![2, ours.0])]);
        }
    }
}

// CVE-2020-24659: an alert at an unexpected time dereferenced a null pointer.
#[test]
fn every_alert_in_every_state() {
    let descriptions = || (0..=255).step_by(STRIDE);
    let mut cases = 0;
    for role in [Role::Client, Role::Server] {
        for place in Place::ALL {
            // A client receives nothing under these keys.
            if role == Role::Client
                && let Place::Protected(_, Epoch::EarlyData) | Place::Unprotected(Epoch::EarlyData) =
                    place
            {
                continue;
            }
            for level in 0..=3 {
                for description in descriptions() {
                    let mut connection = place.connection(role);
                    let message = [level, description];
                    let record = match place {
                        Place::Unprotected(_) => plaintext(ALERT, &message),
                        _ => connection.peer.seal(ALERT, &message),
                    };
                    let alert = Alert::decode(&message).unwrap();
                    check(place, connection, &record, alert, place.answer(level, description));
                    cases += 1;
                }
            }
        }
    }
    println!("{cases} cases");
    assert_eq!(cases, (2 * 13 - 2) * 4 * descriptions().count());
}

// An alert is answered with an alert only if it violates the protocol.
#[test]
fn faults_send_the_alerts_that_they_are_named_after() {
    let aborted = |value| Fault::Aborted(AlertDescription(value));
    for (fault, alert) in [
        (Fault::NotTls, None),
        (Fault::RecordOverflow, Some(22)),
        (Fault::BadRecordMac, Some(20)),
        (Fault::RecordVersion, Some(70)),
        (Fault::UnexpectedContentType, Some(10)),
        (Fault::NoContentType, Some(10)),
        (Fault::UnexpectedHandshake, Some(10)),
        (Fault::EmptyHandshakeRecord, Some(10)),
        (Fault::HandshakeTooLong, Some(47)),
        (Fault::Interleaved, Some(10)),
        (Fault::SpansKeyChange, Some(10)),
        (Fault::BadChangeCipherSpec, Some(10)),
        (Fault::HandshakeLength, Some(50)),
        (Fault::KeyUpdateValue, Some(47)),
        (Fault::EmptyAlert, Some(10)),
        (Fault::AlertLength, Some(50)),
        (Fault::AlertLevel, Some(47)),
        (Fault::Flood(Flood::EmptyRecords), Some(10)),
        (Fault::Flood(Flood::ChangeCipherSpecs), Some(10)),
        (Fault::Flood(Flood::Warnings), Some(10)),
        (Fault::Flood(Flood::KeyUpdates), Some(10)),
        (Fault::Flood(Flood::Renegotiations), Some(10)),
        (Fault::TooMuchEarlyData, Some(10)),
        (Fault::SequenceExhausted, Some(80)),
        (Fault::Crypto, Some(80)),
        (aborted(48), Some(48)),
        (aborted(255), Some(255)),
    ] {
        assert_eq!(fault.alert(), alert.map(AlertDescription), "{fault}");
    }
}
