//! The relay between clients and a server.
#![cfg(target_os = "linux")]

#[allow(dead_code)] // Other tests use the remaining items.
mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use support::{CLEAN, Identity, Program, Tls, body, download, echo, has_io_uring};
use tls_record::aead::ring::Ring;
use tls_record_alloc::Stream;

#[test]
fn data_and_clean_ends_go_through_in_every_pair_of_versions() {
    if !has_io_uring("data_and_clean_ends_go_through_in_every_pair_of_versions") {
        return;
    }
    for backend_version in ["1.2", "1.3"] {
        let server = Program::start(&["serve", "--mode", "echo", "--tls", backend_version]);
        let relay = Program::start(&["relay", "--to", &server.address.to_string()]);
        for version in [Tls::V12, Tls::V13] {
            let mut client = relay.client(version);
            for len in [1, 1000, 16_384, 300_000] {
                echo(&mut client, &body(len)).unwrap();
            }
            client.close_and_read_rest(1 << 16, &mut std::io::sink()).unwrap();
            assert!(client.end().is_clean());
        }
        let report = relay.stop();
        assert_eq!(report.matches(CLEAN).count(), 4, "{report}");
        assert_eq!(server.stop().matches(CLEAN).count(), 2);
    }
}

#[test]
fn a_hundred_clients_at_once_download_through_the_relay() {
    if !has_io_uring("a_hundred_clients_at_once_download_through_the_relay") {
        return;
    }
    let server = Program::start(&["serve"]);
    let relay = Program::start(&["relay", "--to", &server.address.to_string(), "--buffers", "8"]);
    thread::scope(|scope| {
        for i in 0..100 {
            let relay = &relay;
            scope.spawn(move || {
                let mut client = relay.client(Tls::V13);
                assert!(download(&mut client, 100_000 + i).unwrap() == body(100_000 + i));
                client.close().unwrap();
            });
        }
    });
    let report = relay.stop();
    assert_eq!(report.matches(CLEAN).count(), 200, "{report}");
}

#[test]
fn a_truncation_of_the_backend_does_not_become_a_clean_end() {
    if !has_io_uring("a_truncation_of_the_backend_does_not_become_a_clean_end") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Program::start(&["relay", "--to", &listener.local_addr().unwrap().to_string()]);
    let backend = thread::spawn(move || {
        let config = Arc::new(Identity::self_signed().unwrap().server_config(Tls::V13).unwrap());
        let mut tls = Stream::<_, Ring>::accept(config, listener.accept().unwrap().0).unwrap();
        tls.read_exact(&mut [0; 4]).unwrap();
        tls.write_all(b"some of the data").unwrap();
        // No close_notify.
    });
    let mut client = relay.client(Tls::V13);
    client.write_all(b"data").unwrap();
    let mut data = Vec::new();
    let error = client.read_to_end(&mut data).unwrap_err();
    assert_ne!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(data, b"some of the data");
    assert!(!client.end().is_clean());
    backend.join().unwrap();
    relay.stop();
}

#[test]
fn a_backend_that_does_not_answer_fails_the_client() {
    if !has_io_uring("a_backend_that_does_not_answer_fails_the_client") {
        return;
    }
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Program::start(&["relay", "--to", &address.to_string()]);
    let mut client = relay.client(Tls::V13);
    let error = client.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("internal_error"), "{error}");
    relay.stop();
}

#[test]
fn a_client_that_has_closed_its_direction_gets_the_whole_response() {
    if !has_io_uring("a_client_that_has_closed_its_direction_gets_the_whole_response") {
        return;
    }
    let server = Program::start(&["serve"]);
    let relay = Program::start(&["relay", "--to", &server.address.to_string()]);
    // In TLS 1.2 a close_notify ends both directions.
    let mut client = relay.rustls_client(Tls::V13);
    write!(client, "GET /10000000 HTTP/1.0\r\n\r\n").unwrap();
    client.conn.send_close_notify();
    let mut response = Vec::new();
    // Fails without a close_notify.
    client.read_to_end(&mut response).unwrap();
    assert!(response.ends_with(&body(10_000_000)), "{} bytes", response.len());
    let report = relay.stop();
    assert_eq!(report.matches(CLEAN).count(), 2, "{report}");
}
