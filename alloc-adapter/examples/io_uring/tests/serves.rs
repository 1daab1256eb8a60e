//! The server against rustls, OpenSSL, curl, and the streams of the adapter.
#![cfg(target_os = "linux")]

#[allow(dead_code)] // Other tests use the remaining items.
mod support;

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt::Linger};
use rustls::{ClientConnection, HandshakeKind, StreamOwned};
use support::{CLEAN, Program, Tls, body, config, download, echo, has, has_io_uring, name, output};
use tls_record::aead::ring::Ring;
use tls_record_alloc::Stream;

const VERSIONS: [Tls; 2] = [Tls::V12, Tls::V13];

#[test]
fn three_hundred_clients_at_once_get_their_data_and_a_clean_end() {
    if !has_io_uring("three_hundred_clients_at_once_get_their_data_and_a_clean_end") {
        return;
    }
    // So few and short buffers that they run out, with records of many pieces.
    let server =
        Program::start(&["serve", "--mode", "echo", "--buffers", "16", "--buffer-len", "4096"]);
    const CLIENTS: usize = 300;
    let barrier = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for i in 0..CLIENTS {
            let (server, barrier) = (&server, &barrier);
            scope.spawn(move || {
                let data: Vec<u8> = (0..50_000 + i).map(|at| (at * (i + 1)) as u8).collect();
                if i % 2 == 0 {
                    let mut client = server.client(VERSIONS[i / 2 % 2]);
                    barrier.wait();
                    echo(&mut client, &data).unwrap();
                    client.close_and_read_rest(1 << 16, &mut std::io::sink()).unwrap();
                    assert!(client.end().is_clean());
                } else {
                    let mut client = server.rustls_client(VERSIONS[i / 2 % 2]);
                    client.flush().unwrap();
                    barrier.wait();
                    echo(&mut client, &data).unwrap();
                    client.conn.send_close_notify();
                    client.flush().unwrap();
                    // Fails without a close_notify.
                    assert_eq!(client.read_to_end(&mut Vec::new()).unwrap(), 0);
                }
            });
        }
    });
    let report = server.stop();
    assert_eq!(report.matches(CLEAN).count(), CLIENTS, "{report}");
    assert!(!report.contains("no_buffers: 0"), "buffers were enough: {report}");
}

#[test]
fn curl_and_s_client_get_the_whole_body() {
    let test = "curl_and_s_client_get_the_whole_body";
    if !has_io_uring(test) {
        return;
    }
    let server = Program::start(&["serve"]);
    let url = format!("https://{}/300000", server.address);
    let curl_versions: &[&str] = if has("curl", "--version", test) { &["1.2", "1.3"] } else { &[] };
    for &version in curl_versions {
        assert!(
            output("curl", &["-sk", "--tls-max", version, &url], b"") == body(300_000),
            "{version}"
        );
    }
    if has("openssl", "version", test) {
        let address = server.address.to_string();
        let got = output(
            "openssl",
            &["s_client", "-quiet", "-connect", &address],
            b"GET /99999 HTTP/1.0\r\n\r\n",
        );
        assert!(got.ends_with(&body(99_999)), "{} bytes", got.len());
    }
    server.stop();
}

#[test]
fn a_key_update_is_answered_and_data_goes_on_behind_it() {
    if !has_io_uring("a_key_update_is_answered_and_data_goes_on_behind_it") {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo"]);
    let mut client = server.client(Tls::V13);
    for round in 0..20 {
        client.update_keys(true).unwrap();
        // Fails while the last is not answered.
        echo(&mut client, &vec![round; 20_000]).unwrap();
    }
    client.close_and_read_rest(1 << 16, &mut std::io::sink()).unwrap();
    assert!(client.end().is_clean());

    let mut client = server.rustls_client(Tls::V13);
    for round in 0..20 {
        echo(&mut client, &vec![round; 20_000]).unwrap();
        client.conn.refresh_traffic_keys().unwrap();
    }
    client.conn.send_close_notify();
    client.flush().unwrap();
    assert_eq!(client.read_to_end(&mut Vec::new()).unwrap(), 0);
    let report = server.stop();
    assert_eq!(report.matches(CLEAN).count(), 2, "{report}");
}

/// Sends a few bytes at a time.
struct Pieces(TcpStream, usize);

impl Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1 = self.1 % 13 + 1;
        self.0.write(&bytes[..bytes.len().min(self.1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn records_that_arrive_in_pieces_are_opened() {
    if !has_io_uring("records_that_arrive_in_pieces_are_opened") {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo"]);
    for version in VERSIONS {
        let pieces = Pieces(server.tcp(), 0);
        let mut client = Stream::<_, Ring>::connect(config(version), name(), pieces).unwrap();
        echo(&mut client, &body(40_000)).unwrap();
        client.close_and_read_rest(1 << 16, &mut std::io::sink()).unwrap();
        assert!(client.end().is_clean());
    }
    let report = server.stop();
    assert_eq!(report.matches(CLEAN).count(), 2, "{report}");
}

#[test]
fn a_cut_connection_is_reported_as_truncated() {
    if !has_io_uring("a_cut_connection_is_reported_as_truncated") {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo"]);
    let mut client = server.client(Tls::V13);
    echo(&mut client, b"data").unwrap();
    client.transport().shutdown(std::net::Shutdown::Write).unwrap();
    // The other direction works, and is closed.
    assert_eq!(client.read_to_end(&mut Vec::new()).unwrap(), 0);
    drop(client);
    // In the handshake.
    let mut tcp = server.tcp();
    tcp.write_all(&[22, 3, 1]).unwrap();
    tcp.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(tcp.read(&mut [0]).unwrap(), 0);
    let report = server.stop();
    assert!(
        report.contains("Truncated { epoch: Application, inside_record: false }, Closed"),
        "{report}"
    );
}

#[test]
fn a_forged_record_gets_an_alert() {
    if !has_io_uring("a_forged_record_gets_an_alert") {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo"]);
    for version in VERSIONS {
        let mut client = server.client(version);
        echo(&mut client, b"data").unwrap();
        client.transport().write_all(&[23, 3, 3, 0, 40]).unwrap();
        client.transport().write_all(&[0; 40]).unwrap();
        let error = client.read_to_end(&mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("bad_record_mac"), "{error}");
    }
    // No TLS at all: a handshake's alert.
    let mut tcp = server.tcp();
    tcp.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).unwrap();
    assert_eq!(answer[0], 21);
    let report = server.stop();
    assert_eq!(
        report.matches("Fault(BadRecordMac), AlertSent(bad_record_mac)").count(),
        2,
        "{report}"
    );
}

/// RFC 5246 section 7.2.2, RFC 9846 section 6.2.
#[test]
fn a_session_is_resumed_unless_its_connection_has_failed() {
    if !has_io_uring("a_session_is_resumed_unless_its_connection_has_failed") {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo"]);
    for version in VERSIONS {
        let config = config(version);
        let connect = || {
            let client = ClientConnection::new(config.clone(), name()).unwrap();
            let mut client = StreamOwned::new(client, server.tcp());
            // The tickets arrive before the data.
            echo(&mut client, b"data").unwrap();
            client
        };
        let mut first = connect();
        first.conn.send_close_notify();
        assert_eq!(first.read_to_end(&mut Vec::new()).unwrap(), 0);
        let mut second = connect();
        assert_eq!(second.conn.handshake_kind(), Some(HandshakeKind::Resumed));
        // A forged record.
        second.sock.write_all(&[23, 3, 3, 0, 40]).unwrap();
        second.sock.write_all(&[0; 40]).unwrap();
        second.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(connect().conn.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
    }
}

#[test]
fn after_resets_in_mid_transfer_the_buffers_are_there_for_others() {
    if !has_io_uring("after_resets_in_mid_transfer_the_buffers_are_there_for_others") {
        return;
    }
    // Two buffers: if those of a connection that failed were lost, the next would wait for ever.
    let server = Program::start(&["serve", "--mode", "echo", "--buffers", "2"]);
    for _ in 0..20 {
        let mut client = server.client(Tls::V13);
        client.write_all(&[7; 100_000]).unwrap();
        client.read_exact(&mut [0; 100]).unwrap();
        let reset = linger { l_onoff: 1, l_linger: 0 };
        setsockopt(client.transport(), Linger, &reset).unwrap();
    }
    let mut client = server.client(Tls::V13);
    echo(&mut client, &[7; 100_000]).unwrap();
    client.close_and_read_rest(1 << 16, &mut std::io::sink()).unwrap();
    let report = server.stop();
    assert_eq!(
        report.matches("reset by peer").count() + report.matches("Broken pipe").count(),
        20,
        "{report}"
    );
}

#[test]
fn a_client_that_does_not_read_takes_bounded_memory_and_others_are_served() {
    if !has_io_uring("a_client_that_does_not_read_takes_bounded_memory_and_others_are_served") {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo", "--buffers", "16"]);
    let mut slow = server.client(Tls::V13);
    slow.transport().set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    // Until the sockets between it and the server are full, and the server stops to receive.
    let error = (0..).find_map(|_| slow.write_all(&[7; 16_384]).err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let mut client = server.client(Tls::V13);
    echo(&mut client, &body(100_000)).unwrap();
    let memory = server.memory();
    assert!(memory < 40_000, "{memory} KiB");
    // It reads now, and nothing is lost: what it could send is there. Each read tries to send first.
    slow.transport().set_write_timeout(Some(Duration::from_millis(1))).unwrap();
    let mut back = vec![0; 1 << 20];
    slow.read_exact(&mut back).unwrap();
    assert!(back.iter().all(|&byte| byte == 7));

    let downloads = Program::start(&["serve"]);
    let mut slow = downloads.client(Tls::V13);
    slow.write_all(b"GET /10000000000 HTTP/1.0\r\n\r\n").unwrap();
    slow.read_exact(&mut [0; 100]).unwrap();
    assert_eq!(download(&mut downloads.client(Tls::V13), 100_000).unwrap(), body(100_000));
    let memory = downloads.memory();
    assert!(memory < 40_000, "{memory} KiB");
}

#[test]
fn a_client_that_finds_no_place_is_refused_and_the_next_is_served() {
    if !has_io_uring("a_client_that_finds_no_place_is_refused_and_the_next_is_served") {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo", "--connections", "3"]);
    let mut clients: Vec<_> = (0..3).map(|_| server.client(Tls::V13)).collect();
    for _ in 0..3 {
        let mut refused = server.tcp();
        // Reset, or ended.
        assert!(matches!(refused.read(&mut [0]), Ok(0) | Err(_)));
        let mut last = clients.remove(0);
        echo(&mut last, b"data").unwrap();
        // Until the server has closed the socket.
        assert!(last.disconnect(1 << 16, Duration::from_secs(5)).unwrap().is_clean());
        clients.push(server.client(Tls::V13));
    }
    drop(clients);
    server.stop();
}

#[test]
fn in_two_steps_the_server_waits_for_the_close_notify_and_in_one_it_does_not() {
    if !has_io_uring("in_two_steps_the_server_waits_for_the_close_notify_and_in_one_it_does_not") {
        return;
    }
    for (args, reported) in [(&["serve"][..], CLEAN), (&["serve", "--one-step"], "Open, Closed")] {
        let server = Program::start(args);
        let mut client = server.client(Tls::V13);
        assert!(download(&mut client, 70_000).unwrap() == body(70_000));
        client.close().unwrap();
        drop(client);
        let report = server.stop();
        assert!(report.contains(reported), "{report}");
    }
}

#[test]
fn when_it_is_terminated_open_connections_get_a_close_notify() {
    if !has_io_uring("when_it_is_terminated_open_connections_get_a_close_notify") {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo"]);
    let mut clients = [server.client(Tls::V12), server.client(Tls::V13)];
    for client in &mut clients {
        echo(client, b"data").unwrap();
    }
    server.terminate();
    for mut client in clients {
        assert_eq!(client.read_to_end(&mut Vec::new()).unwrap(), 0);
        client.close().unwrap();
        assert!(client.end().is_clean());
    }
    let report = server.stop();
    assert_eq!(report.matches(CLEAN).count(), 2, "{report}");
}

#[test]
fn when_it_is_terminated_a_client_that_does_not_read_is_cut() {
    if !has_io_uring("when_it_is_terminated_a_client_that_does_not_read_is_cut") {
        return;
    }
    let server = Program::start(&["serve"]);
    let mut client = server.client(Tls::V13);
    client.write_all(b"GET /10000000000 HTTP/1.0\r\n\r\n").unwrap();
    client.read_exact(&mut [0; 100]).unwrap();
    let begin = Instant::now();
    let report = server.stop();
    assert!(begin.elapsed() < Duration::from_secs(10), "{report}");
}

#[test]
fn a_request_that_is_too_long_is_answered() {
    if !has_io_uring("a_request_that_is_too_long_is_answered") {
        return;
    }
    let server = Program::start(&["serve"]);
    let mut client = server.client(Tls::V13);
    client.write_all(&[b'a'; 20_000]).unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.0 431 "), "{response}");
}

#[test]
fn a_send_buffer_without_room_for_a_record_is_refused() {
    let program = env!("CARGO_BIN_EXE_tls-record-io-uring");
    let errors = |len: &str| {
        let output = Command::new(program)
            .args(["serve", "--listen", "-", "--slot-len", len])
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(errors("20000").contains("--slot-len"));
}

#[test]
fn the_shortest_send_buffer_serves() {
    if !has_io_uring("the_shortest_send_buffer_serves") {
        return;
    }
    // The length of a record and of what else one may make due.
    let server = Program::start(&["serve", "--slot-len", "20485"]);
    let mut client = server.client(Tls::V13);
    assert!(download(&mut client, 100_000).unwrap() == body(100_000));
}

#[test]
fn a_fast_reader_does_not_starve_others() {
    if !has_io_uring("a_fast_reader_does_not_starve_others") {
        return;
    }
    let server = Program::start(&["serve"]);
    let mut fast = server.client(Tls::V13);
    fast.write_all(b"GET /100000000000 HTTP/1.0\r\n\r\n").unwrap();
    let tcp = fast.transport().try_clone().unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Without opening the records, so that it is faster than the server.
        scope.spawn(|| {
            let (mut tcp, mut room) = (&tcp, vec![0; 1 << 20]);
            while !is_over.load(Ordering::Relaxed) {
                assert_ne!(tcp.read(&mut room).unwrap(), 0);
            }
        });
        for _ in 0..20 {
            assert!(download(&mut server.client(Tls::V13), 1000).unwrap() == body(1000));
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_handshake_that_ends_after_the_termination_is_followed_by_a_close_notify() {
    if !has_io_uring("a_handshake_that_ends_after_the_termination_is_followed_by_a_close_notify") {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo"]);
    let late = server.tcp();
    let mut open = server.client(Tls::V13);
    server.terminate();
    // Now the server has closed all connections.
    assert_eq!(open.read_to_end(&mut Vec::new()).unwrap(), 0);
    let mut late = Stream::<_, Ring>::connect(config(Tls::V13), name(), late).unwrap();
    assert_eq!(late.read_to_end(&mut Vec::new()).unwrap(), 0);
    late.close().unwrap();
    let silent = server.stop();
    assert!(silent.contains(CLEAN), "{silent}");
}

#[test]
fn an_idle_connection_gets_a_close_notify() {
    if !has_io_uring("an_idle_connection_gets_a_close_notify") {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo", "--idle", "1"]);
    let mut client = server.client(Tls::V13);
    assert_eq!(client.read_to_end(&mut Vec::new()).unwrap(), 0);
    client.close().unwrap();
    let report = server.stop();
    assert!(report.contains(CLEAN), "{report}");
}

#[test]
fn a_client_that_sends_its_handshake_byte_by_byte_is_cut_and_one_that_is_slow_after_it_is_not() {
    let test = "a_client_that_sends_its_handshake_byte_by_byte_is_cut_and_one_that_is_slow_after_it_is_not";
    if !has_io_uring(test) {
        return;
    }
    let server = Program::start(&["serve", "--mode", "echo", "--idle", "1"]);
    let mut slow = VERSIONS.map(|version| server.client(version));
    let mut client = ClientConnection::new(config(Tls::V13), name()).unwrap();
    let mut client_hello = Vec::new();
    client.write_tls(&mut client_hello).unwrap();
    let (mut tcp, begin) = (server.tcp(), Instant::now());
    tcp.set_nonblocking(true).unwrap();
    for byte in &client_hello {
        let sent = tcp.write_all(&[*byte]);
        slow.iter_mut().for_each(|client| echo(client, b"data").unwrap());
        let is_open = tcp.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        if sent.is_err() || !is_open {
            break;
        }
        thread::sleep(Duration::from_millis(200));
    }
    // The deadline, 2 seconds in which the handshake could still be completed, and the ticks between which it passed.
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    drop(slow);
    let report = server.stop();
    assert!(report.contains("no handshake"), "{report}");
}

#[test]
fn a_reader_that_takes_longer_than_the_idle_time_for_a_send_is_not_cut() {
    if !has_io_uring("a_reader_that_takes_longer_than_the_idle_time_for_a_send_is_not_cut") {
        return;
    }
    // One send, of which the sockets hold a part.
    let server = Program::start(&["serve", "--idle", "1", "--slot-len", "80000000"]);
    let mut client = server.client(Tls::V13);
    write!(client, "GET /60000000 HTTP/1.0\r\n\r\n").unwrap();
    client.read_exact(&mut [0; 100]).unwrap();
    let (begin, mut len, mut room) = (Instant::now(), 100, vec![0; 2 << 20]);
    loop {
        let read = client.read(&mut room).unwrap();
        len += read;
        if read == 0 {
            break;
        }
        // Until a send would have been cut.
        if begin.elapsed() < Duration::from_secs(8) {
            thread::sleep(Duration::from_nanos(200 * read as u64));
        }
    }
    assert!(len > 60_000_000, "{len} bytes");
}

#[test]
fn unread_input_does_not_reset_a_connection_whose_handshake_has_failed() {
    if !has_io_uring("unread_input_does_not_reset_a_connection_whose_handshake_has_failed") {
        return;
    }
    let server = Program::start(&["serve"]);
    let mut tcp = server.tcp();
    tcp.write_all(&[b'a'; 900_000]).unwrap();
    tcp.shutdown(std::net::Shutdown::Write).unwrap();
    let mut alert = Vec::new();
    tcp.read_to_end(&mut alert).unwrap();
    assert_eq!(alert[0], 21);
}
