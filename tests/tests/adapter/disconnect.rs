//! TLS connections that are closed with their TCP connection, without losing data.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tls_record_alloc::tls_record::aead::ring::Ring;
use tls_record_alloc::tls_record::{AlertDescription, End, OpenError, ReadEnd, WriteEnd};
use tls_record_alloc::{Stream, TokioStream, disconnect, disconnect_async};
use tls_record_tests::peers::{
    Negotiated, SERVER_NAME, Suite, Version, rustls_client_config, rustls_server_config,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::message;

const AGREED: [Negotiated; 2] = [
    Negotiated { version: Version::Tls12, suite: Suite::Aes128Gcm },
    Negotiated { version: Version::Tls13, suite: Suite::Aes128Gcm },
];

/// Longer than any step that is not meant to time out.
const LONG: Duration = Duration::from_secs(20);

/// A length that one call of `write` takes completely.
const RESPONSE: usize = 40_000;

/// A transport that takes nothing for so long is full. Sockets that have just said so may take more a
/// little later, because Linux makes room in their buffers.
const FULL: Duration = Duration::from_secs(1);

type Tls = Stream<TcpStream, Ring>;

#[derive(Clone, Copy, Debug)]
enum Driver {
    Blocking,
    Tokio,
}

/// A server that reads `read` bytes, writes `response` bytes or as many as the transport takes, and
/// disconnects.
#[derive(Clone, Copy)]
struct Server {
    driver: Driver,
    agreed: Negotiated,
    read: usize,
    response: usize,
    budget: u64,
    patience: Duration,
}

/// The end of the connection, and the time that disconnecting took.
type Outcome = (io::Result<End>, Duration);

impl Server {
    fn start(self) -> (TcpStream, JoinHandle<Outcome>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (tcp, _) = listener.accept().unwrap();
        let server = thread::spawn(move || match self.driver {
            Driver::Blocking => self.blocking(tcp),
            Driver::Tokio => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(self.tokio(tcp)),
        });
        (client, server)
    }

    fn blocking(self, tcp: TcpStream) -> Outcome {
        let config = rustls_server_config(self.agreed.version, self.agreed.suite);
        let mut tls = match Tls::accept(Arc::new(config), tcp) {
            Ok(tls) => tls,
            Err(failed) => {
                let started = Instant::now();
                disconnect(failed.transport, self.budget, self.patience);
                return (Err(failed.error), started.elapsed());
            }
        };
        let _ = tls.read_exact(&mut vec![0; self.read]);
        tls.transport().set_nonblocking(true).unwrap();
        let (mut left, mut taken) = (self.response, Instant::now());
        while left != 0 && taken.elapsed() < FULL {
            match tls.write(&message(left.min(RESPONSE))) {
                Ok(len) => (left, taken) = (left - len, Instant::now()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(_) => break,
            }
        }
        let started = Instant::now();
        (tls.disconnect(self.budget, self.patience), started.elapsed())
    }

    async fn tokio(self, tcp: TcpStream) -> Outcome {
        tcp.set_nonblocking(true).unwrap();
        let tcp = tokio::net::TcpStream::from_std(tcp).unwrap();
        let config = rustls_server_config(self.agreed.version, self.agreed.suite);
        let patience = tokio::time::sleep(self.patience);
        let mut tls = match TokioStream::<_, Ring>::accept(Arc::new(config), tcp).await {
            Ok(tls) => tls,
            Err(failed) => {
                let started = Instant::now();
                disconnect_async(failed.transport, self.budget, patience).await;
                return (Err(failed.error), started.elapsed());
            }
        };
        let _ = tls.read_exact(&mut vec![0; self.read]).await;
        let mut left = self.response;
        while left != 0
            && let data = message(left.min(RESPONSE))
            && let Ok(Ok(len)) = tokio::time::timeout(FULL, tls.write(&data)).await
        {
            left -= len;
        }
        let started = Instant::now();
        let patience = tokio::time::sleep(self.patience);
        (tls.disconnect(self.budget, patience).await, started.elapsed())
    }
}

fn for_each_server(test: impl Fn(Server)) {
    for driver in [Driver::Blocking, Driver::Tokio] {
        for agreed in AGREED {
            println!("{driver:?} {agreed:?}");
            let (budget, patience) = (1 << 30, LONG);
            test(Server { driver, agreed, read: 3, response: RESPONSE, budget, patience });
        }
    }
}

fn client(agreed: Negotiated, tcp: TcpStream) -> Tls {
    let config = Arc::new(rustls_client_config(agreed.version, agreed.suite));
    Stream::connect(config, SERVER_NAME.try_into().unwrap(), tcp).unwrap()
}

// Closing a socket with unread input resets the connection, and the client loses what it has not
// read.
#[test]
fn a_response_arrives_completely_while_the_client_still_sends() {
    for_each_server(|server| {
        for _ in 0..10 {
            let (tcp, served) = server.start();
            let mut tls = client(server.agreed, tcp);
            tls.write_all(b"GET").unwrap();
            for _ in 0..20 {
                // In TLS 1.2 the close_notify may have arrived already, which ends this direction
                // too.
                let _ = tls.write_all(&[0; 10_000]);
            }
            thread::sleep(Duration::from_millis(20));
            let mut response = Vec::new();
            tls.read_to_end(&mut response).unwrap();
            assert!(response == message(RESPONSE), "{} bytes", response.len());
            tls.close().unwrap();
            tls.transport().shutdown(Shutdown::Write).unwrap();
            let (end, took) = served.join().unwrap();
            assert!(end.unwrap().is_clean());
            assert!(took < LONG, "{took:?}");
        }
    });
}

#[test]
fn a_client_that_never_closes_is_left_after_the_time_limit() {
    for_each_server(|server| {
        let patience = Duration::from_millis(200);
        let (tcp, served) = Server { patience, ..server }.start();
        let mut tls = client(server.agreed, tcp);
        tls.write_all(b"GET").unwrap();
        tls.read_exact(&mut [0; RESPONSE]).unwrap();
        let (end, took) = served.join().unwrap();
        let end = end.unwrap();
        assert_eq!(end, End { read: ReadEnd::Open, write: WriteEnd::Closed });
        assert!((patience..LONG).contains(&took), "{took:?}");
        drop(tls);
    });
}

#[test]
fn a_client_that_sends_forever_is_left_when_the_budget_is_spent() {
    for_each_server(|server| {
        let (tcp, served) = Server { budget: 100_000, ..server }.start();
        let mut tls = client(server.agreed, tcp);
        tls.write_all(b"GET").unwrap();
        while tls.write_all(&[0; 10_000]).is_ok() {}
        let (end, took) = served.join().unwrap();
        end.unwrap();
        assert!(took < LONG, "{took:?}");
    });
}

#[test]
fn a_client_that_reads_nothing_is_left_with_an_error() {
    for_each_server(|server| {
        let patience = Duration::from_millis(300);
        let (tcp, served) = Server { patience, response: usize::MAX, ..server }.start();
        let mut tls = client(server.agreed, tcp);
        tls.write_all(b"GET").unwrap();
        let (end, took) = served.join().unwrap();
        assert_eq!(end.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!((patience..LONG).contains(&took), "{took:?}");
    });
}

#[test]
fn both_sides_may_have_much_unsent_and_read_only_afterwards() {
    for_each_server(|server| {
        let (tcp, served) = server.start();
        let mut tls = client(server.agreed, tcp);
        tls.write_all(b"GET").unwrap();
        // More than the sockets hold: it can be sent only because the server reads and discards it.
        let data = vec![0; 16_000_000];
        if tls.write_all(&data).is_ok() {
            tls.flush().unwrap();
        }
        let mut response = Vec::new();
        tls.read_to_end(&mut response).unwrap();
        assert!(response == message(RESPONSE), "{} bytes", response.len());
        let _ = tls.close();
        tls.transport().shutdown(Shutdown::Write).unwrap();
        served.join().unwrap().0.unwrap();
    });
}

#[test]
fn the_alert_of_a_broken_record_arrives() {
    for_each_server(|server| {
        for _ in 0..10 {
            let (tcp, served) = server.start();
            let mut tls = client(server.agreed, tcp);
            let forged = [&[23, 3, 3, 1, 0][..], &[7; 256], &[0; 100_000]].concat();
            tls.transport_mut().write_all(&forged).unwrap();
            thread::sleep(Duration::from_millis(10));
            let error = tls.read(&mut [0]).unwrap_err();
            let alert = OpenError::PeerAlert(AlertDescription::BAD_RECORD_MAC);
            assert_eq!(error.get_ref().unwrap().downcast_ref(), Some(&alert));
            tls.transport().shutdown(Shutdown::Write).unwrap();
            let (end, took) = served.join().unwrap();
            assert_eq!(end.unwrap().write, WriteEnd::AlertSent(AlertDescription::BAD_RECORD_MAC));
            assert!(took < LONG, "{took:?}");
        }
    });
}

#[test]
fn the_alert_of_a_failed_handshake_arrives() {
    for_each_server(|server| {
        for _ in 0..10 {
            let (mut tcp, served) = server.start();
            let request = [&b"GET / HTTP/1.1\r\n"[..], &[b'x'; 100_000]].concat();
            tcp.write_all(&request).unwrap();
            thread::sleep(Duration::from_millis(10));
            let mut alert = Vec::new();
            BufReader::new(&tcp).read_to_end(&mut alert).unwrap();
            assert_eq!(alert.first(), Some(&21), "{alert:?}");
            tcp.shutdown(Shutdown::Write).unwrap();
            let (error, took) = served.join().unwrap();
            assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidData);
            assert!(took < LONG, "{took:?}");
        }
    });
}

// The transport has bytes in a buffer of its own, such as an alert, when it is shut down.
#[test]
fn a_transport_without_a_stream_is_read_while_it_is_shut_down() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (near, mut far) = tokio::io::duplex(100);
        let mut transport = tokio::io::BufWriter::with_capacity(1000, near);
        transport.write_all(&[7; 500]).await.unwrap();
        let peer = tokio::spawn(async move {
            // It reads only after it has written.
            far.write_all(&[1; 300]).await.unwrap();
            let mut received = Vec::new();
            far.read_to_end(&mut received).await.unwrap();
            received
        });
        let started = Instant::now();
        disconnect_async(transport, 65_536, tokio::time::sleep(LONG)).await;
        assert!(started.elapsed() < LONG);
        assert_eq!(peer.await.unwrap(), [7; 500]);
    });
}

// A socket that is closed with unread input resets the connection.
#[test]
fn a_reset_while_input_is_discarded_is_not_the_end_of_the_client() {
    for_each_server(|server| {
        let (tcp, served) = server.start();
        let mut tls = client(server.agreed, tcp);
        tls.write_all(b"GET").unwrap();
        tls.transport().peek(&mut [0]).unwrap();
        // Until the response and the close_notify are sent.
        thread::sleep(Duration::from_millis(200));
        drop(tls);
        let (end, took) = served.join().unwrap();
        assert_eq!(end.unwrap(), End { read: ReadEnd::Open, write: WriteEnd::Closed });
        assert!(took < LONG, "{took:?}");
    });
}

#[test]
fn a_client_that_is_gone_is_not_waited_for() {
    for_each_server(|server| {
        let (tcp, served) = server.start();
        let mut tls = client(server.agreed, tcp);
        tls.write_all(b"GET").unwrap();
        let mut line = Vec::new();
        BufReader::new(&mut tls).read_until(0, &mut line).unwrap();
        drop(tls);
        let (_, took) = served.join().unwrap();
        assert!(took < LONG, "{took:?}");
    });
}
