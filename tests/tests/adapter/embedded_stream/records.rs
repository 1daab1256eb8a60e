//! Records that are too long, and what a stream that is taken apart gives back.

use embedded_io::Read;
use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{
    AlertDescription, EmbeddedStream, Fault, MAX_RECORD, OpenError, RecordTooLong, StreamError,
};
use tls_record_tests::peers::{PeerEnd, Role};

use crate::endpoint::embedded::{Calls, Tls, read_some, settle, stream, stream_to};
use crate::support::{Adapter, Stack, TLS12, TLS13, message};

#[test]
fn a_record_that_never_fits_is_refused_before_it_is_waited_for() {
    let peer = Stack::Openssl.peer(Role::Client, TLS13);
    let mut tls = stream_to::<_, 512>(Role::Server, TLS13, peer);
    tls.transport_mut().peer.write(&message(1000));
    tls.transport_mut().collect().truncate(5);
    let total = 5 + 1000 + 1 + 16;
    let error = Read::read(&mut tls, &mut [0]).unwrap_err();
    assert_eq!(error, StreamError::TooLong(RecordTooLong { total }));
    let alert = AlertDescription::RECORD_OVERFLOW;
    assert_eq!(tls.transport_mut().peer.end(), PeerEnd::Alert(alert.0));
    let error = Read::read(&mut tls, &mut [0]).unwrap_err();
    assert_eq!(error, StreamError::Open(OpenError::Fault(Fault::Aborted(alert))));
}

#[test]
fn a_renegotiation_in_pieces_is_refused_once() {
    let peer = Box::new(Adapter::<Ring>::new(Role::Client, TLS12));
    let mut tls = stream_to::<_, MAX_RECORD>(Role::Server, TLS12, peer);
    let peer = &mut tls.transport_mut().peer;
    peer.connection().layer.with_halves(|_, sealer| sealer.set_fragment_limit(16));
    let mut client_hello = vec![1, 0, 0, 40];
    client_hello.extend([7; 40]);
    peer.write_handshake(&client_hello);
    settle(&mut tls);
    assert_eq!(tls.transport_mut().peer.warnings, [AlertDescription::NO_RENEGOTIATION]);
}

#[test]
fn a_stream_can_be_taken_apart_and_put_together() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().peer.write(b"one");
    tls.transport_mut().peer.write(b"two");
    assert_eq!(read_some(&mut tls), b"one");
    let (connection, received, wire) = tls.into_parts();
    let mut tls: Tls = EmbeddedStream::new(connection, received, wire);
    assert_eq!(read_some(&mut tls), b"two");
}

// With FTP's CCC and LDAP, plaintext follows the peer's close_notify.
#[test]
fn bytes_after_the_close_notify_stay_in_the_buffer() {
    for calls in Calls::BOTH {
        let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
        settle(&mut tls);
        tls.transport_mut().peer.close();
        tls.transport_mut().collect().extend(b"220 plaintext\r\n");
        for _ in 0..3 {
            assert_eq!(calls.read(&mut tls, &mut [0; 9]), Ok(0));
        }
        calls.close(&mut tls).unwrap();
        let (_, mut received, _) = tls.into_parts();
        assert_eq!(received.filled(), b"220 plaintext\r\n");
    }
}
