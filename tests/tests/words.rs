//! The text of errors, `Debug` output without secrets, and which ends are clean.

use std::collections::HashSet;
use std::error::Error;

use tls_record::aead::{Algorithm, null::Null};
use tls_record::takeover::{Follower, KeyLogLine, SecretKind, TakeoverError};
use tls_record::{
    AlertDescription, CloseError, Config, Control, End, Epoch, Fault, Flood, InvalidHandle,
    KeyError, OpenError, ReadEnd, RecordBuffer, RecordTooLong, ResumeError, Role, SealError,
    ShutdownError, SuspendError, TrafficSecret, WriteEnd,
};
use tls_record_tests::records::{Connection, Suite};

const FAULTS: [Fault; 26] = [
    Fault::NotTls,
    Fault::RecordOverflow,
    Fault::BadRecordMac,
    Fault::RecordVersion,
    Fault::UnexpectedContentType,
    Fault::NoContentType,
    Fault::UnexpectedHandshake,
    Fault::EmptyHandshakeRecord,
    Fault::HandshakeTooLong,
    Fault::Interleaved,
    Fault::SpansKeyChange,
    Fault::BadChangeCipherSpec,
    Fault::HandshakeLength,
    Fault::KeyUpdateValue,
    Fault::EmptyAlert,
    Fault::AlertLength,
    Fault::AlertLevel,
    Fault::Flood(Flood::EmptyRecords),
    Fault::Flood(Flood::ChangeCipherSpecs),
    Fault::Flood(Flood::Warnings),
    Fault::Flood(Flood::KeyUpdates),
    Fault::Flood(Flood::Renegotiations),
    Fault::TooMuchEarlyData,
    Fault::SequenceExhausted,
    Fault::Crypto,
    Fault::Aborted(AlertDescription::UNKNOWN_CA),
];

/// The texts of some errors, which are those of no other.
fn distinct<E: Error>(errors: impl IntoIterator<Item = E>) -> Vec<String> {
    let texts: Vec<_> = errors.into_iter().map(|error| error.to_string()).collect();
    for text in &texts {
        // A sentence for a log, not just the name of a variant.
        assert!(text.contains(' ') && text.is_ascii() && !text.contains('\n'), "{text:?}");
    }
    assert_eq!(texts.iter().collect::<HashSet<_>>().len(), texts.len(), "{texts:?}");
    texts
}

// 9846 6.2: implementations should have a way to log alerts.
#[test]
fn a_fault_names_itself_and_the_alert_it_sends() {
    for (fault, text) in FAULTS.into_iter().zip(distinct(FAULTS)) {
        match fault.alert().and_then(AlertDescription::name) {
            Some(alert) => assert!(text.ends_with(&format!(" ({alert})")), "{text}"),
            None => assert_eq!(text, "the peer does not speak TLS"),
        }
    }
}

#[test]
fn errors_show_their_fields() {
    let fault = Fault::Aborted(AlertDescription(200));
    assert_eq!(OpenError::from(fault), OpenError::Fault(fault));
    for text in distinct([
        OpenError::Fault(fault),
        OpenError::PeerAlert(AlertDescription(200)),
        OpenError::Truncated,
    ]) {
        assert_eq!(text.contains("alert 200"), !text.contains("close_notify"), "{text}");
    }
    let texts = distinct([
        SealError::NoSpace { need: 1234 },
        SealError::ControlFirst,
        SealError::Closed,
        SealError::Failed,
        SealError::NoKeys,
        SealError::TooLong,
        SealError::NotHandshake,
        SealError::KeyExhausted,
        SealError::Crypto,
    ]);
    assert!(texts[0].contains("1234"), "{texts:?}");
    distinct([CloseError::AlreadyClosed, CloseError::Failed, CloseError::NotAnErrorAlert]);
    let texts = distinct([
        KeyError::Fault(fault),
        KeyError::Length,
        KeyError::Unsupported,
        KeyError::Epoch,
        KeyError::NoUpdate,
        KeyError::RequestOutstanding,
        KeyError::Closed,
        KeyError::Crypto,
    ]);
    assert!(texts[0].contains("alert 200"), "{texts:?}");
}

#[test]
fn alerts_are_shown_by_name() {
    for (alert, name) in [
        (AlertDescription::CLOSE_NOTIFY, "close_notify"),
        (AlertDescription::NO_APPLICATION_PROTOCOL, "no_application_protocol"),
        (AlertDescription(200), "alert 200"),
    ] {
        assert_eq!((alert.to_string(), format!("{alert:?}")), (name.into(), name.into()));
    }
}

#[test]
fn halves_show_their_state_and_no_secret() {
    let mut connection = Connection::new(Config::new(Role::Client));
    let text = format!("{:?}", connection.layer);
    assert_eq!(
        text,
        "RecordLayer(Opener(Open, Plaintext keys, record None), \
         Sealer(Open, Plaintext keys, record None))"
    );
    connection = connection.install(Epoch::Application, Suite::Tls13);
    connection.send(b"data").unwrap();
    let text = format!("{:?}", connection.layer);
    assert_eq!(
        text,
        "RecordLayer(Opener(Open, Application keys, record Some(0)), \
         Sealer(Open, Application keys, record Some(1)))"
    );
    let mut owning = tls_record::Connection::<_, 256>::new(connection.layer);
    owning.write(&[b"data"]).unwrap();
    assert_eq!(
        format!("{owning:?}"),
        "Connection(Opener(Open, Application keys, record Some(0)), \
         Writer(Sealer(Open, Application keys, record Some(2)), 26 bytes unsent))"
    );
    let secret = TrafficSecret::<Null>::tls13(Algorithm::Aes128Gcm, &[0xc5; 32]).unwrap();
    assert_eq!(format!("{secret:?}"), "TrafficSecret(Aes128Gcm, redacted)");
}

#[test]
fn notices_and_signals_can_be_shown() {
    let mut connection = Connection::established(Suite::Tls13, Role::Client);
    let words = connection.halves(|opener, sealer| {
        let none = (opener.take_notice(), sealer.take_signal());
        assert_eq!(format!("{none:?}"), "({}, {})");
        sealer.update_keys(true).unwrap();
        sealer.poll_control(&mut [0; 64]).unwrap();
        sealer.abort(AlertDescription::DECODE_ERROR).unwrap();
        opener.open(&mut [21, 3, 3, 0, 0]).unwrap_err();
        (opener.take_notice(), sealer.take_signal())
    });
    let expected = r#"({unexpected_message}, {decode_error, "UPDATE_REQUESTED"})"#;
    assert_eq!(format!("{words:?}"), expected);
}

#[test]
fn a_layer_names_the_control_record_that_is_next() {
    let mut layer = Connection::established(Suite::Tls13, Role::Client).layer;
    assert_eq!(layer.next_control(), None);
    layer.update_keys(true).unwrap();
    layer.close().unwrap();
    let expected =
        [Control::KeyUpdate { request: true }, Control::Alert(AlertDescription::CLOSE_NOTIFY)];
    for control in expected {
        assert_eq!(layer.next_control(), Some(control));
        layer.poll_control(&mut [0; 64]).unwrap();
    }
    assert_eq!(layer.next_control(), None);
}

// 9846 6.1: without a close_notify in each direction, data may be missing.
#[test]
fn an_end_is_clean_if_both_sides_closed_an_established_connection() {
    let alert = AlertDescription::INTERNAL_ERROR;
    let reads = [
        ReadEnd::Closed { epoch: Epoch::Application },
        ReadEnd::Closed { epoch: Epoch::Plaintext },
        ReadEnd::Closed { epoch: Epoch::EarlyData },
        ReadEnd::Closed { epoch: Epoch::Handshake },
        ReadEnd::Open,
        ReadEnd::Truncated { epoch: Epoch::Application, inside_record: false },
        ReadEnd::PeerAlert(alert),
        ReadEnd::Fault(Fault::BadRecordMac),
    ];
    let writes = [
        WriteEnd::Closed,
        WriteEnd::Open,
        WriteEnd::Closing,
        WriteEnd::AlertQueued(alert),
        WriteEnd::AlertSent(alert),
        WriteEnd::Failed,
    ];
    for read in reads {
        for write in writes {
            let is_clean = (read, write) == (reads[0], writes[0]);
            assert_eq!(End { read, write }.is_clean(), is_clean, "{read:?}, {write:?}");
        }
    }
}

#[test]
fn the_answers_of_a_connection_have_different_texts() {
    let texts = distinct([
        ShutdownError::SlotReserved,
        ShutdownError::WouldBlock,
        ShutdownError::AlreadyClosed,
        ShutdownError::AwaitingPeer { drained: 1 },
        ShutdownError::BudgetSpent { drained: 70_000 },
        ShutdownError::Truncated,
        ShutdownError::NotTls,
        ShutdownError::NotStarted,
        ShutdownError::Failed,
    ]);
    assert!(texts[4].contains("70000"), "the progress: {}", texts[4]);
    distinct([
        SuspendError::Busy,
        SuspendError::Unsupported,
        SuspendError::NotEstablished,
        SuspendError::PaddingFunction,
        SuspendError::Crypto,
    ]);
    distinct([ResumeError::Format, ResumeError::Forged, ResumeError::Crypto]);
    distinct([InvalidHandle]);
    assert!(distinct([RecordTooLong { total: 600 }])[0].contains("600"));
}

#[test]
fn the_errors_of_a_takeover_have_different_texts_and_show_their_fields() {
    let texts = distinct([
        TakeoverError::MissingSecret(SecretKind::ServerTraffic),
        TakeoverError::MissingSecret(SecretKind::Master),
        TakeoverError::Version(0x0302),
        TakeoverError::Suite(0x002f),
        TakeoverError::Open(OpenError::Fault(Fault::Aborted(AlertDescription(200)))),
        TakeoverError::SecretLength,
        TakeoverError::EarlyData,
        TakeoverError::Malformed,
        TakeoverError::ExplicitNonces,
        TakeoverError::NotComplete,
        TakeoverError::Busy,
        TakeoverError::Ended,
        TakeoverError::Key(KeyError::Crypto),
    ]);
    let fields = ["SERVER_TRAFFIC_SECRET_0", "CLIENT_RANDOM", "0x0302", "0x002f", "alert 200"];
    for (text, field) in texts.iter().zip(fields) {
        assert!(text.contains(field), "{text}");
    }
}

#[test]
fn a_follower_shows_its_directions_and_no_secret() {
    let mut follower = Follower::<Null>::new();
    follower.secret(SecretKind::Master, &[0xc5; 48]).unwrap();
    assert_eq!(
        format!("{follower:?}"),
        "Follower(Opener(Open, Plaintext keys, record None), \
         Opener(Open, Plaintext keys, record None))"
    );
    let line = format!("CLIENT_RANDOM {} {}", "c5".repeat(32), "c5".repeat(48));
    let line = KeyLogLine::parse(line.as_bytes()).unwrap();
    assert_eq!(format!("{line:?}"), "KeyLogLine(Master, redacted)");
}

/// The types in `api.txt`, which lists the public API with all features, that have the trait.
fn types_with(format_trait: &str) -> HashSet<&'static str> {
    let api = include_str!("../../core/api.txt").lines().filter(|line| line.starts_with("impl"));
    let types = api.filter_map(|line| line.split_once(&format!(" {format_trait} for ")));
    types.filter_map(|(_, shown)| shown.split(['<', ' ']).next()).collect()
}

#[test]
fn what_can_be_shown_can_be_sent_by_defmt() {
    let debug = types_with("core::fmt::Debug");
    assert!(debug.contains("tls_record::Opener"));
    let format = types_with("defmt::traits::Format");
    assert_eq!(debug.difference(&format).collect::<Vec<_>>(), [&""; 0]);
}

#[test]
fn a_buffer_does_not_show_its_content() {
    let mut buffer = RecordBuffer::<64>::default();
    buffer.room().unwrap()[..6].copy_from_slice(b"secret");
    buffer.received(6);
    assert_eq!(format!("{buffer:?}"), "RecordBuffer(6 of 64 bytes)");
}
