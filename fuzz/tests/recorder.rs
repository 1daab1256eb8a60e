//! Recording sessions, replaying them, and printing them as tests.

use tls_record_fuzz::Input as _;
use tls_record_fuzz::checksum::Checksum;
use tls_record_fuzz::input::{Field, snippet};
use tls_record_fuzz::recorder::{Cipher, Recorder, Trace};
use tls_record_fuzz::tls_record::aead::{Provider, ring::Ring};
use tls_record_fuzz::tls_record::{AlertDescription, Event, Role, Version};

/// Runs a session whose bytes arrive in pieces of `piece` bytes, and returns the traces of both ends.
fn session<P: Provider>(version: Version, cipher: Cipher, len: usize, piece: usize) -> [Trace; 2] {
    let secrets = [vec![1; len], vec![2; len]];
    let end = |role, read: usize| {
        let [read, write] = [&secrets[read], &secrets[1 - read]];
        Recorder::<P>::new(role, version, cipher.clone(), read, write).expect("secrets")
    };
    let (mut client, mut server) = (end(Role::Client, 0), end(Role::Server, 1));
    let (mut out, mut wire, mut delivered) = (vec![0; 400], Vec::new(), Vec::<u8>::new());
    for _ in 0..3 {
        let sealed = client.seal(b"some data", &mut out).expect("the buffer is long enough");
        wire.extend(&out[..sealed.written]);
        if version == Version::Tls13 {
            client.update_keys(false).expect("keys");
        }
        while client.has_control() {
            let len = client.poll_control(&mut out).expect("the buffer is long enough");
            wire.extend(&out[..len]);
        }
    }
    client.close().expect("open");
    assert!(client.poll_control(&mut [0; 3]).is_err(), "no room");
    let len = client.poll_control(&mut out).expect("the buffer is long enough");
    wire.extend(&out[..len]);

    let (mut shown, mut is_over) = (0, false);
    while !is_over {
        shown = (shown + piece).min(wire.len());
        let opened = server.open(&mut wire[..shown]).expect("records of an honest peer");
        if let Event::ApplicationData(range) = &opened.event {
            delivered.extend(&wire[range.clone()]);
        }
        is_over = opened.event == Event::Closed;
        wire.drain(..opened.consumed);
        shown -= opened.consumed;
    }
    assert_eq!(delivered, b"some datasome datasome data");
    let _ = server.abort(AlertDescription::GENERAL_ERROR);
    server.eof();
    [client.trace(), server.trace()]
}

#[test]
fn a_recorded_session_replays_to_the_same_bytes() {
    for piece in [1, 7, 1000] {
        for trace in session::<Ring>(Version::Tls13, Cipher::Aes256Gcm, 48, piece) {
            trace.run();
        }
        for trace in session::<Ring>(Version::Tls12, Cipher::Aes128Gcm, 28, piece) {
            trace.run();
        }
        for trace in session::<Checksum>(Version::Tls13, Cipher::Chacha20Poly1305, 32, piece) {
            let (_, sum) = trace.replay::<Checksum>().expect("secrets");
            assert_eq!(trace.sum, sum.to_be_bytes());
        }
    }
}

#[test]
fn a_changed_trace_has_another_sum() {
    let [_, mut trace] = session::<Ring>(Version::Tls13, Cipher::Aes128Gcm, 32, 1000);
    trace.steps.pop();
    let (_, sum) = trace.replay::<Ring>().expect("secrets");
    assert_ne!(trace.sum, sum.to_be_bytes());
}

#[test]
fn a_trace_decodes_from_its_bytes() {
    for trace in session::<Ring>(Version::Tls13, Cipher::Aes128Gcm, 32, 50) {
        let mut bytes = Vec::new();
        trace.encode(&mut bytes);
        let decoded = Trace::decode(&mut arbitrary::Unstructured::new(&bytes)).expect("a trace");
        assert_eq!(decoded, trace);
    }
}

/// Compares the printed test with the test below, which is a copy of it.
#[test]
fn an_input_prints_itself_as_a_test() {
    let input = {
        use tls_record_fuzz::close::*;
        Input { replies: true, events: vec![Event::PeerCloseNotify, Event::AlertSealed] }
    };
    let [open, close] = ["\n#[test]\nfn found() {", "\n}\n"];
    let source = include_str!("recorder.rs");
    let at = source.rfind(open).expect("the test is below");
    let len = source[at..].find(close).expect("the end of the test") + close.len();
    let words = |rust: &str| rust.split_whitespace().collect::<String>();
    assert_eq!(words(&snippet("close", &input)), words(&source[at..][..len]));
}

#[test]
fn found() {
    use tls_record_fuzz::close::*;
    Input { replies: true, events: vec![Event::PeerCloseNotify, Event::AlertSealed] }.run();
}
