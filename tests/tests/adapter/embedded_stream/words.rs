//! The stream and its errors as text.

use tls_record_alloc::tls_record::{
    AlertDescription, Fault, Flood, OpenError, RecordTooLong, SealError, ShutdownError, StreamError,
};
use tls_record_tests::peers::Role;

use crate::endpoint::embedded::stream;
use crate::support::{Stack, TLS13};
use crate::wire::WireError;

#[test]
fn debug_output_of_a_stream_shows_its_state() {
    let tls = stream(Role::Server, TLS13, Stack::Openssl);
    let words = format!("{tls:?}");
    assert!(words.starts_with("EmbeddedStream(") && words.contains("Application keys"), "{words}");
}

#[test]
fn the_source_of_an_error_is_what_caused_it() {
    fn source<E: std::error::Error + Copy + PartialEq + 'static>(
        error: StreamError<WireError>,
        cause: E,
    ) -> bool {
        std::error::Error::source(&error).unwrap().downcast_ref() == Some(&cause)
    }
    assert!(source(StreamError::Transport(WireError::Broken), WireError::Broken));
    let (too_long, alert) = (RecordTooLong { total: 9 }, AlertDescription::INTERNAL_ERROR);
    assert!(source(StreamError::TooLong(too_long), too_long));
    assert!(source(StreamError::Open(OpenError::PeerAlert(alert)), OpenError::PeerAlert(alert)));
    assert!(source(StreamError::Seal(SealError::Closed), SealError::Closed));
    assert!(source(StreamError::Shutdown(ShutdownError::Failed), ShutdownError::Failed));
    for error in [StreamError::<WireError>::WriteZero, StreamError::Truncated] {
        assert!(std::error::Error::source(&error).is_none());
    }
}

#[test]
fn every_error_says_what_failed() {
    let errors = [
        StreamError::Transport(WireError::Broken),
        StreamError::WriteZero,
        StreamError::Truncated,
        StreamError::TooLong(RecordTooLong { total: 9 }),
        StreamError::Open(OpenError::Fault(Fault::Flood(Flood::EmptyRecords))),
        StreamError::Seal(SealError::Closed),
        StreamError::Shutdown(ShutdownError::Failed),
    ];
    let words = errors.map(|error| error.to_string());
    for (at, sentence) in words.iter().enumerate() {
        assert!(sentence.len() > 10, "{sentence}");
        assert!(!words[..at].contains(sentence), "{sentence}");
    }
}
