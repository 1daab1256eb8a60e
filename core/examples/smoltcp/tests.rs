//! What the driver promises, over TCP connections of smoltcp.

#[cfg(feature = "tls12")]
use tls_record::Event;
use tls_record::{Fault, Padding, SealError, ShutdownError, WriteEnd};

use super::*;

const BUFFERS: (usize, usize) = (1500, 1500);
const INTERNAL_ERROR: AlertDescription = AlertDescription::INTERNAL_ERROR;

impl Pair {
    /// A connection whose TCP handshake is done, and on which nothing is sent by itself.
    fn idle(buffers: (usize, usize)) -> Self {
        let mut pair = Self::new(0, buffers);
        pair.carry();
        assert!(pair.network.server().may_send());
        pair
    }

    /// Polls the network alone, until nothing moves any more.
    fn carry(&mut self) {
        for _ in 0..50 {
            self.network.poll();
        }
    }

    fn client_sends(&mut self, data: &[u8]) -> Result<usize, SealError> {
        self.client.tls.send(self.network.client(), data)
    }

    /// What the server receives now, up to an error.
    fn server_receives(&mut self) -> (Vec<u8>, Result<(), OpenError>) {
        receive(&mut self.server.tls, self.network.server())
    }

    fn client_receives(&mut self) -> (Vec<u8>, Result<(), OpenError>) {
        receive(&mut self.client.tls, self.network.client())
    }
}

fn receive(tls: &mut Tls, socket: &mut Socket) -> (Vec<u8>, Result<(), OpenError>) {
    let mut data = Vec::new();
    loop {
        match tls.receive(socket, |bytes| data.extend_from_slice(bytes)) {
            Ok(true) => {}
            Ok(false) => return (data, Ok(())),
            Err(error) => return (data, Err(error)),
        }
    }
}

/// A megabyte each way at once, with KeyUpdates of both, through buffers of fewer than three records.
#[test]
fn megabytes_pass_in_both_directions_at_once_and_both_ends_close() {
    let mut pair = Pair::new(1 << 20, BUFFERS);
    while pair.client.is_busy() || pair.server.is_busy() {
        pair.turn().unwrap();
    }
    assert!(pair.client.has_updated_keys && pair.server.has_updated_keys);
    let ends = pair.end(How::Close);
    assert_eq!(ends.map(End::is_clean), [true; 2], "{ends:?}");
    for app in [&pair.client, &pair.server] {
        assert_eq!((app.received, app.is_corrupt), (1 << 20, false));
    }
}

/// Records begin everywhere in the rings, and go around their ends. A receive buffer may be shorter than a
/// record.
#[test]
fn records_pass_through_buffers_of_any_length() {
    for tx in (RECORD..RECORD + 60).step_by(7).chain([1083, 1084, 1085, 4096]) {
        for rx in [60, 541, 542, 600, 1501] {
            let mut pair = Pair::new(10_000, (tx, rx));
            while pair.client.is_busy() || pair.server.is_busy() {
                pair.turn().unwrap();
            }
            let ends = pair.end(How::Close);
            assert_eq!(ends.map(End::is_clean), [true; 2], "{tx}, {rx}: {ends:?}");
            assert!(!pair.client.is_corrupt && !pair.server.is_corrupt);
        }
    }
}

/// With a peer that acknowledges a part, the ring is empty only when everything is acknowledged.
#[test]
fn a_record_goes_around_the_end_of_the_send_buffer_while_bytes_wait_in_it() {
    let mut pair = Pair::idle((1500, 600));
    let data: Vec<u8> = (0..1536).map(|at| at as u8).collect();
    assert_eq!(pair.client_sends(&data[..1024]), Ok(1024));
    pair.carry(); // 600 bytes, and the peer does not read.
    let waiting = 2 * 534 - 600;
    assert_eq!(pair.network.client().send_queue(), waiting);
    assert_eq!(pair.network.client().send(|room| (0, room.len())), Ok(1500 - 600 - waiting));
    assert_eq!(pair.client_sends(&data[1024..]), Ok(512));
    let mut received = Vec::new();
    while received.len() < data.len() {
        received.extend(pair.server_receives().0);
        pair.network.poll();
    }
    assert!(received == data);
}

/// TCP repeats records that are sealed once.
#[test]
fn lost_packets_are_sent_again_below_tls() {
    let mut pair = Pair::new(100_000, BUFFERS);
    pair.network.lose(10);
    while pair.client.is_busy() || pair.server.is_busy() {
        pair.turn().unwrap();
    }
    assert_eq!(pair.end(How::Close).map(End::is_clean), [true; 2]);
    assert!(!pair.client.is_corrupt && !pair.server.is_corrupt);
}

#[test]
fn a_reader_that_pauses_holds_the_writer_back_and_gets_everything() {
    let mut pair = Pair::idle(BUFFERS);
    let data: Vec<u8> = (0..20_000).map(|at| at as u8).collect();
    let mut sent = 0;
    // The server does not call `receive`.
    for _ in 0..100 {
        sent += pair.client_sends(&data[sent..]).unwrap();
        pair.network.poll();
    }
    assert!((1000..3000).contains(&sent), "two buffers of 1,500 bytes hold {sent} bytes of data");
    assert_eq!(pair.client_sends(&data[sent..]), Ok(0));

    let mut received = Vec::new();
    while received.len() < data.len() {
        let (more, opened) = pair.server_receives();
        opened.unwrap();
        received.extend(more);
        sent += pair.client_sends(&data[sent..]).unwrap();
        pair.network.poll();
    }
    assert!(received == data);
}

/// The classic deadlock: neither reads before it has written everything.
#[test]
fn two_ends_that_write_and_do_not_read_are_told_so_and_go_on_when_they_read() {
    let mut pair = Pair::new(100_000, BUFFERS);
    for _ in 0..100 {
        pair.network.poll();
        pair.client.send(pair.network.client());
        pair.server.send(pair.network.server());
    }
    // No call waits: each has said how much it took, and says 0 from now on.
    for app in [&pair.client, &pair.server] {
        assert!((1000..3000).contains(&app.sent), "{}", app.sent);
    }
    assert_eq!(pair.client_sends(&[0; 512]), Ok(0));
    while pair.client.is_busy() || pair.server.is_busy() {
        pair.turn().unwrap();
    }
    assert_eq!(pair.end(How::Close).map(End::is_clean), [true; 2]);
}

#[test]
fn a_requested_key_update_is_answered_by_an_end_that_sends_nothing() {
    let mut pair = Pair::idle(BUFFERS);
    pair.client.tls.layer.update_keys(true).unwrap();
    assert_eq!(pair.client_sends(b"under new keys"), Ok(14));
    pair.carry();
    assert_eq!(pair.server_receives(), (b"under new keys".to_vec(), Ok(())));
    pair.carry();
    assert_eq!(pair.client_receives(), (vec![], Ok(())));
    // The answer has come: another may be requested.
    pair.client.tls.layer.update_keys(true).unwrap();
}

/// RFC 5246 section 7.2.2.
#[cfg(feature = "tls12")]
#[test]
fn a_request_to_renegotiate_in_several_records_is_refused_once() {
    let mut pair = Pair::idle(BUFFERS);
    for (app, role) in [(&mut pair.client, Role::Client), (&mut pair.server, Role::Server)] {
        let mut layer = RecordLayer::new(Config::new(role));
        let keys = |byte| Secret::tls12(Algorithm::Aes128Gcm, &[byte; 16], &[byte; 4]).unwrap();
        layer.take_over(Epoch::Application, (keys(1), 1), (keys(2), 1)).unwrap();
        app.tls = Tls::new(layer);
    }
    let client = &mut pair.client.tls.layer;
    client.set_fragment_limit(20);
    let (mut client_hello, mut records) = ([0; 60], [0; 300]);
    client_hello[..4].copy_from_slice(&[1, 0, 0, 56]);
    let len = client.seal_handshake(&[&client_hello], &mut records).unwrap();
    pair.network.client().send_slice(&records[..len]).unwrap();
    pair.carry();
    assert_eq!(pair.server_receives(), (vec![], Ok(())));
    pair.carry();
    let len = pair.network.client().recv_slice(&mut records).unwrap();
    let opened = pair.client.tls.layer.open(&mut records[..len]).unwrap();
    assert_eq!(opened.event, Event::Warning(AlertDescription::NO_RENEGOTIATION));
    assert_eq!(opened.consumed, len);
}

#[test]
fn an_end_that_has_closed_its_direction_goes_on_receiving() {
    let mut pair = Pair::idle(BUFFERS);
    pair.client_sends(b"a question").unwrap();
    pair.client.tls.layer.close().unwrap();
    assert_eq!(pair.client_sends(b"more"), Err(SealError::Closed));
    pair.carry();
    assert_eq!(pair.server_receives(), (b"a question".to_vec(), Ok(())));
    assert!(matches!(pair.server.tls.layer.end().read, ReadEnd::Closed { .. }));

    // The TCP connection is half-closed as well.
    let mut sent = 0;
    let answer = [7; 10_000];
    let mut received = Vec::new();
    while received.len() < answer.len() {
        sent += pair.server.tls.send(pair.network.server(), &answer[sent..]).unwrap();
        pair.network.poll();
        let (more, opened) = pair.client_receives();
        opened.unwrap();
        received.extend(more);
    }
    assert!(received == answer);
    pair.settle(); // The server closes.
    assert!(pair.client.tls.layer.end().is_clean() && pair.server.tls.layer.end().is_clean());
    assert!(!pair.network.client().is_active() && !pair.network.server().is_active());
}

#[test]
fn the_second_step_of_a_shutdown_waits_for_the_close_notify_of_the_peer() {
    let mut pair = Pair::idle(BUFFERS);
    pair.client.tls.layer.close().unwrap();
    pair.client_sends(&[]).unwrap();
    pair.carry();
    let awaited = pair.client.tls.layer.check_closed(1 << 16);
    assert_eq!(awaited, Err(ShutdownError::AwaitingPeer { drained: 0 }));
    pair.settle();
    assert_eq!(pair.client.tls.layer.check_closed(1 << 16), Ok(()));
}

/// The stream of a client: data, a KeyUpdate, data, a close_notify. Returns it, and where its records end.
fn stream() -> (Vec<u8>, Vec<usize>) {
    let mut layer = App::new(Role::Client, 0).tls.layer;
    let (mut bytes, mut ends) = (vec![0; 200], vec![]);
    let mut len = layer.seal(&[b"first"], &mut bytes).unwrap().written;
    ends.push(len);
    layer.update_keys(false).unwrap();
    len += layer.poll_control(&mut bytes[len..]).unwrap();
    ends.push(len);
    len += layer.seal(&[b"second"], &mut bytes[len..]).unwrap().written;
    ends.push(len);
    layer.close().unwrap();
    len += layer.poll_control(&mut bytes[len..]).unwrap();
    ends.push(len);
    bytes.truncate(len);
    (bytes, ends)
}

/// By a FIN and by a reset, before and behind every byte.
#[test]
fn a_transport_that_ends_before_the_close_notify_is_truncated_wherever_it_ends() {
    let (bytes, ends) = stream();
    for how in [How::Fin, How::Reset] {
        for cut in 0..bytes.len() {
            let mut pair = Pair::idle(BUFFERS);
            pair.network.client().send_slice(&bytes[..cut]).unwrap();
            pair.carry();
            let cuts = pair.end(how);
            let inside = cut != 0 && !ends.contains(&cut);
            let ReadEnd::Truncated { inside_record, .. } = cuts[1].read else {
                panic!("{cut}: {cuts:?}");
            };
            assert_eq!(inside_record, inside, "{how:?} at {cut}");
            assert!(!cuts[1].is_clean());
            // What was whole has arrived.
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(pair.server.received, [0, 5, 5, 11][whole]);
            assert_eq!(pair.server_receives(), (vec![], Err(OpenError::Truncated)));
        }
    }
}

/// Data waits in the receive buffer of the socket when the reset arrives.
#[test]
fn what_has_arrived_before_a_fin_or_a_reset_is_delivered_before_the_error() {
    for how in [How::Fin, How::Reset] {
        let mut pair = Pair::idle(BUFFERS);
        pair.client_sends(b"the last words").unwrap();
        pair.carry();
        match how {
            How::Fin => pair.network.client().close(),
            _ => pair.network.client().abort(),
        }
        pair.carry();
        let all = (b"the last words".to_vec(), Err(OpenError::Truncated));
        assert_eq!(pair.server_receives(), all);
    }
}

#[test]
fn a_reset_behind_both_close_notify_changes_nothing() {
    let mut pair = Pair::idle(BUFFERS);
    pair.end(How::Close);
    let ends = pair.end(How::Reset);
    assert_eq!(ends.map(End::is_clean), [true; 2], "{ends:?}");
    assert_eq!(pair.client_receives(), (vec![], Ok(())));
}

#[test]
fn a_connection_that_is_refused_is_truncated() {
    let mut pair = Pair::new(0, BUFFERS);
    pair.network.server().abort();
    pair.carry();
    assert_eq!(pair.client_receives(), (vec![], Err(OpenError::Truncated)));
}

#[test]
fn before_tcp_is_connected_nothing_is_sent_and_nothing_fails() {
    let mut pair = Pair::new(0, BUFFERS);
    assert_eq!(pair.client_sends(b"data"), Ok(0));
    assert_eq!(pair.client_receives(), (vec![], Ok(())));
    assert_eq!(pair.server_receives(), (vec![], Ok(())));
    pair.carry();
    assert_eq!(pair.client_sends(b"data"), Ok(4));
}

#[test]
fn an_abort_sends_its_alert_behind_the_data() {
    let mut pair = Pair::idle(BUFFERS);
    pair.client_sends(b"data").unwrap();
    pair.client.tls.layer.abort(INTERNAL_ERROR).unwrap();
    assert_eq!(pair.client_sends(b"more"), Err(SealError::Failed));
    pair.carry();
    let expected = (b"data".to_vec(), Err(OpenError::PeerAlert(INTERNAL_ERROR)));
    assert_eq!(pair.server_receives(), expected);
    assert_eq!(pair.client.tls.layer.end().write, WriteEnd::AlertSent(INTERNAL_ERROR));
    assert_eq!(pair.server.tls.layer.end().write, WriteEnd::Failed);
}

/// The send buffer of the server is full of data when it finds a forged record.
#[test]
fn an_alert_that_finds_no_room_leaves_as_soon_as_there_is_some() {
    let mut pair = Pair::idle(BUFFERS);
    for len in [512, 1] {
        while pair.server.tls.send(pair.network.server(), &vec![1; len]).unwrap() > 0 {
            pair.carry();
        }
    }
    let mut forged = stream().0[..27].to_vec();
    forged[26] ^= 1;
    pair.network.client().send_slice(&forged).unwrap();
    pair.carry();
    let failed = Err(OpenError::Fault(Fault::BadRecordMac));
    assert_eq!(pair.server_receives(), (vec![], failed));
    assert!(pair.server.tls.layer.has_control());

    // As after every poll of the interface.
    let (mut received, mut opened) = (0, Ok(()));
    while opened.is_ok() {
        let data;
        (data, opened) = pair.client_receives();
        received += data.len();
        pair.network.poll();
        let _ = pair.server.tls.send(pair.network.server(), &[]);
    }
    assert!(received > 2000, "{received}");
    assert_eq!(opened, Err(OpenError::PeerAlert(AlertDescription::BAD_RECORD_MAC)));
}

#[test]
fn a_record_over_the_limit_ends_the_connection_with_record_overflow() {
    let mut pair = Pair::idle(BUFFERS);
    // The header alone: the body is not waited for.
    pair.network.client().send_slice(&[23, 3, 3, 2, 64]).unwrap();
    pair.carry();
    let failed = Err(OpenError::Fault(Fault::RecordOverflow));
    assert_eq!(pair.server_receives(), (vec![], failed));
    pair.carry();
    let alert = Err(OpenError::PeerAlert(AlertDescription::RECORD_OVERFLOW));
    assert_eq!(pair.client_receives(), (vec![], alert));
}

/// A record that never fits would be waited for without an end.
#[test]
fn no_header_makes_the_driver_wait_for_more_than_its_buffer_holds() {
    for content_type in 0..=255 {
        for length in [RECORD as u16 - 4, 1 << 14, u16::MAX] {
            let mut pair = Pair::idle(BUFFERS);
            let [high, low] = length.to_be_bytes();
            pair.network.client().send_slice(&[content_type, 3, 3, high, low]).unwrap();
            pair.carry();
            let (_, opened) = pair.server_receives();
            assert!(
                matches!(opened, Err(OpenError::Fault(_))),
                "{content_type} {length}: {opened:?}"
            );
        }
    }
}

#[test]
fn padded_records_are_not_longer_than_their_buffers() {
    for padding in [Padding::FULL, Padding::Block(500), Padding::PowerOfTwo] {
        let mut pair = Pair::new(5_000, (RECORD, RECORD));
        for app in [&mut pair.client, &mut pair.server] {
            app.tls.layer.set_padding(padding);
        }
        while pair.client.is_busy() || pair.server.is_busy() {
            pair.turn().unwrap();
        }
        assert_eq!(pair.end(How::Close).map(End::is_clean), [true; 2]);
    }
}

#[test]
fn the_driver_has_at_most_80_lines_of_code() {
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
    assert!(include_str!("driver.rs").lines().map(str::trim).filter(is_code).count() <= 80);
}
