//! Closing in one step or two.

use std::collections::VecDeque;
use std::task::Poll;

use embedded_io::{ErrorType, Read, Write};
use embedded_io_async as asynch;
use tls_record_alloc::tls_record::aead::{Algorithm, ring::Ring};
use tls_record_alloc::tls_record::{
    self, Config, Connection, EmbeddedStream, Epoch, Padding, ReadEnd, RecordBuffer, RecordLayer,
    ShutdownError, StreamError, TrafficSecret, WriteEnd,
};
use tls_record_tests::peers::{PeerEnd, Role};

use super::for_each_stream;
use crate::endpoint::embedded::{Calls, read_some, settle, stream};
use crate::polling::{finish, poll_once};
use crate::support::{Stack, TLS13, message};
use crate::wire::WireError;

/// A transport that takes everything, with a peer that never stops sending.
struct Endless {
    peer: RecordLayer<TrafficSecret<Ring>>,
    sends: Sends,
    incoming: VecDeque<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Sends {
    Data,
    EmptyRecords,
    PaddedEmptyRecords,
    Tickets,
    KeyUpdates,
}

impl Endless {
    fn record(&mut self) -> Vec<u8> {
        let mut record = vec![0; 2000];
        let len = match self.sends {
            Sends::Data => self.peer.seal(&[&message(1000)], &mut record).unwrap().written,
            Sends::EmptyRecords | Sends::PaddedEmptyRecords => {
                self.peer.seal_in_place(&mut record, 0).unwrap()
            }
            Sends::Tickets => self.peer.seal_handshake(&[&[4, 0, 0, 1, 9]], &mut record).unwrap(),
            Sends::KeyUpdates => {
                self.peer.update_keys(false).unwrap();
                self.peer.poll_control(&mut record).unwrap()
            }
        };
        record.truncate(len);
        record
    }
}

impl ErrorType for Endless {
    type Error = WireError;
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        if self.incoming.is_empty() {
            let record = self.record();
            self.incoming.extend(record);
        }
        Ok(std::io::Read::read(&mut self.incoming, out).unwrap())
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), WireError> {
        Ok(())
    }
}

impl asynch::Read for Endless {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, WireError> {
        Read::read(self, out)
    }
}

impl asynch::Write for Endless {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        Write::write(self, bytes)
    }

    async fn flush(&mut self) -> Result<(), WireError> {
        Ok(())
    }
}

// RFC 9846 section 6.1: the two directions are independent.
#[test]
fn closing_sends_everything_though_the_peers_direction_was_cut() {
    for calls in Calls::BOTH {
        for_each_stream(|mut tls, _| {
            tls.transport_mut().piece = 7;
            let data = message(40_000);
            calls.write_all(&mut tls, &data[..15_000]);
            tls.transport_mut().ends = true;
            assert_eq!(calls.read(&mut tls, &mut [0]), Err(StreamError::Truncated));
            calls.write_all(&mut tls, &data[15_000..]);
            assert!(!tls.connection().unsent().is_empty());
            for _ in 0..2 {
                calls.close(&mut tls).unwrap();
                assert_eq!(tls.end().write, WriteEnd::Closed);
            }
            assert_eq!(tls.transport_mut().peer.read(), data);
            assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
            assert!(tls.transport_mut().flushed);
            assert!(matches!(tls.end().read, ReadEnd::Truncated { .. }));
            assert_eq!(calls.read(&mut tls, &mut [0]), Err(StreamError::Truncated));
        });
    }
}

#[test]
fn closing_in_two_steps_reports_a_truncation_when_everything_is_sent() {
    for calls in Calls::BOTH {
        for is_known in [false, true] {
            for_each_stream(|mut tls, _| {
                tls.transport_mut().piece = 7;
                tls.transport_mut().ends = true;
                if is_known {
                    assert_eq!(calls.read(&mut tls, &mut [0]), Err(StreamError::Truncated));
                }
                calls.write_all(&mut tls, &message(5000));
                for _ in 0..2 {
                    let closed =
                        calls.close_and_drain(&mut tls, 9999, |_| panic!("there is no data"));
                    assert_eq!(closed, Err(StreamError::Truncated));
                }
                assert_eq!(tls.transport_mut().peer.read(), message(5000));
                assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
                tls.tolerate_truncation(true);
                calls.close_and_drain(&mut tls, 0, |_| panic!("there is no data")).unwrap();
            });
        }
    }
}

#[test]
fn closing_in_two_steps_delivers_data_in_flight() {
    for_each_stream(|mut tls, _| {
        tls.transport_mut().peer.write(&message(20_000));
        tls.transport_mut().collect();
        assert_eq!(read_some(&mut tls), message(100));
        tls.transport_mut().peer.close();
        let mut rest = Vec::new();
        tls.close_and_drain(30_000, |data| rest.extend_from_slice(data)).unwrap();
        assert_eq!(rest, message(20_000)[100..]);
        assert!(tls.end().is_clean());
    });
}

#[test]
fn draining_has_a_budget() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    for _ in 0..3 {
        tls.transport_mut().peer.write(&message(1000));
    }
    let mut rest = Vec::new();
    let error = tls.close_and_drain(1500, |data| rest.extend_from_slice(data)).unwrap_err();
    let drained = 2 * (5 + 1000 + 1 + 16);
    assert_eq!(error, StreamError::Shutdown(ShutdownError::BudgetSpent { drained }));
    assert_eq!(rest.len(), 2000);
    tls.transport_mut().peer.close();
    tls.close_and_drain(10_000, |data| rest.extend_from_slice(data)).unwrap();
    assert_eq!(rest.len(), 3000);
    assert!(tls.end().is_clean());
}

#[test]
fn closing_in_two_steps_sends_before_it_reads() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    tls.transport_mut().is_blocked = true;
    assert_eq!(poll_once(asynch::Write::write(&mut tls, b"some")), Poll::Ready(Ok(4)));
    tls.transport_mut().peer.write(&message(500));
    let closing = tls.close_and_drain_async(1000, |_| panic!("nothing has left"));
    assert!(poll_once(closing).is_pending());
    tls.transport_mut().unblock();
    let mut rest = Vec::new();
    let closing = tls.close_and_drain_async(1000, |data| rest.extend_from_slice(data));
    assert!(poll_once(closing).is_pending());
    assert_eq!(rest, message(500));
    assert_eq!(tls.transport_mut().peer.read(), b"some");
    assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
    tls.transport_mut().peer.close();
    let closing = tls.close_and_drain_async(1000, |_| panic!("there is no more"));
    assert_eq!(poll_once(closing), Poll::Ready(Ok(())));
    assert!(tls.end().is_clean());
}

#[test]
fn closing_in_two_steps_waits_until_the_transport_has_flushed() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    tls.transport_mut().hesitates = true;
    tls.transport_mut().peer.close();
    finish(tls.close_and_drain_async(0, |_| panic!("there is no more"))).unwrap();
    assert!(tls.end().is_clean() && tls.transport_mut().flushed);
}

#[test]
fn closing_after_the_peer_waits_for_the_transport() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    tls.transport_mut().peer.close();
    assert_eq!(read_some(&mut tls), b"");
    tls.transport_mut().is_blocked = true;
    let calls = tls.transport_mut().calls;
    assert!(poll_once(tls.close_and_drain_async(0, |_| {})).is_pending());
    assert_eq!(tls.transport_mut().calls - calls, 1);
    tls.transport_mut().unblock();
    assert_eq!(poll_once(tls.close_and_drain_async(0, |_| {})), Poll::Ready(Ok(())));
    assert!(tls.end().is_clean() && tls.transport_mut().flushed);
}

#[test]
fn closing_over_a_broken_transport_is_its_error() {
    let mut tls = stream(Role::Client, TLS13, Stack::Openssl);
    settle(&mut tls);
    tls.transport_mut().is_broken = true;
    let broken = StreamError::Transport(WireError::Broken);
    assert_eq!(tls.close(), Err(broken));
    assert_eq!(tls.close_and_drain(0, |_| {}), Err(broken));
    assert_eq!(poll_once(tls.close_async()), Poll::Ready(Err(broken)));
    assert_eq!(poll_once(tls.close_and_drain_async(0, |_| {})), Poll::Ready(Err(broken)));
    tls.transport_mut().is_broken = false;
    tls.close().unwrap();
    assert_eq!(tls.transport_mut().peer.end(), PeerEnd::CloseNotify);
}

#[test]
fn a_peer_that_never_stops_sending_does_not_keep_a_stream_from_closing() {
    let established = |role, padding| {
        let secret =
            |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap();
        let mut config = Config::new(role);
        config.padding = padding;
        let mut layer = RecordLayer::new(config);
        layer.install(Epoch::Application, secret(1), secret(2)).unwrap();
        layer
    };
    let budget = 500;
    for calls in Calls::BOTH {
        for sends in [
            Sends::Data,
            Sends::EmptyRecords,
            Sends::PaddedEmptyRecords,
            Sends::Tickets,
            Sends::KeyUpdates,
        ] {
            let padding = match sends {
                Sends::PaddedEmptyRecords => Padding::Block(64),
                _ => Padding::None,
            };
            let peer = established(tls_record::Role::Server, padding);
            let transport = Endless { peer, sends, incoming: VecDeque::new() };
            let connection =
                Connection::<_, 512>::new(established(tls_record::Role::Client, Padding::None));
            let mut tls =
                EmbeddedStream::<_, _, 2048, 512>::new(connection, RecordBuffer::new(), transport);
            let mut len = 0;
            let rest = |data: &[u8]| len += data.len();
            let closed = match calls {
                Calls::Blocking => tls.close_and_drain(budget, rest),
                Calls::Asynchronous => finish(tls.close_and_drain_async(budget, rest)),
            };
            let Err(StreamError::Shutdown(ShutdownError::BudgetSpent { drained })) = closed else {
                panic!("{sends:?}: {closed:?}");
            };
            assert!(drained > budget && drained < budget + 2000, "{sends:?}: {drained}");
            assert_eq!(len, if matches!(sends, Sends::Data) { 1000 } else { 0 });
            assert_eq!(tls.end().write, WriteEnd::Closed);
        }
    }
}
