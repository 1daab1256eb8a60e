//! Runs the examples as programs, against each other and against OpenSSL, GnuTLS and Python.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tls_record::aead::ring::Ring;
use tls_record_alloc::{Handshake, Stream};

#[allow(dead_code)] // The example uses the rest.
#[path = "../examples/compio/stream.rs"]
mod compio_stream;

const VERSIONS: [&str; 2] = ["1.2", "1.3"];

/// Returns the path of an example. `cargo test` builds the examples. To run only this test, build
/// them with `cargo build --examples`.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
    let path = profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{path:?} is not built: cargo build --examples");
    path
}

fn run(program: impl AsRef<std::ffi::OsStr>, args: &[&str], input: &str) -> Output {
    let mut child = spawn(program, args);
    // The program may exit without reading its input.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("the program exits")
}

fn spawn(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Child {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn assert_status(output: &Output, status: i32) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "stdout: {out}\nstderr: {err}");
}

/// A child process that is killed on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the example `server` and returns its address.
fn server(args: &[&str]) -> (Running, SocketAddr) {
    start("server", args)
}

/// Starts an example that is a server, and returns its address.
fn start(name: &str, args: &[&str]) -> (Running, SocketAddr) {
    let mut args = args.to_vec();
    args.extend(["--listen", "127.0.0.1:0"]);
    listening(spawn(example(name), &args))
}

/// Waits until a server listens, and returns its address.
fn listening(mut child: Child) -> (Running, SocketAddr) {
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("a line of output");
    let addr = line.trim_end().rsplit(' ').next().and_then(|addr| addr.parse().ok());
    let running = Running(child);
    (running, addr.unwrap_or_else(|| panic!("no address in {line:?}")))
}

/// A client program that is driven line by line.
struct InteractiveClient {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl InteractiveClient {
    fn new(mut child: Child) -> Self {
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, input, output }
    }

    fn client(addr: SocketAddr, args: &[&str]) -> Self {
        let addr = addr.to_string();
        let mut all = vec!["--connect", &addr, "--insecure"];
        all.extend(args);
        Self::new(spawn(example("client"), &all))
    }

    fn send_line(&mut self, line: &str) {
        self.input.write_all(line.as_bytes()).expect("the program reads its input");
    }

    fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("UTF-8 output");
        line
    }

    /// Closes the input of the program and waits until it exits.
    fn finish(self) -> Output {
        let Self { child, input, mut output } = self;
        drop(input);
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).expect("readable output");
        let mut ended = child.wait_with_output().expect("the program exits");
        ended.stdout = rest;
        ended
    }
}

/// PEM files of a certificate for localhost and of its key.
static PEM: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("the file is written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("the file is written");
    (cert, key)
});

fn pem() -> (&'static str, &'static str) {
    let (cert, key) = &*PEM;
    (cert.to_str().expect("UTF-8"), key.to_str().expect("UTF-8"))
}

#[test]
fn the_tour_succeeds_and_prints_plain_text_into_a_pipe() {
    let output = run(example("tour"), &[], "");
    assert_status(&output, 0);
    let out = text(&output.stdout);
    assert!(out.contains("checks passed, 0 failed"), "{out}");
    assert!(!out.contains('\x1b') && !out.contains("FAILED"), "{out}");
}

#[test]
fn every_example_prints_its_usage() {
    for name in ["tour", "server", "client", "openssl_server", "compio"] {
        let output = run(example(name), &["--help"], "");
        assert_status(&output, 0);
        assert!(text(&output.stdout).contains("Usage:"));
    }
}

#[test]
fn the_client_exits_with_status_3_after_wrong_usage_and_without_a_server() {
    assert_status(&run(example("client"), &[], ""), 3);
    assert_status(&run(example("client"), &["--connect", "localhost:1"], ""), 3);
    let unused = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let args = ["--connect", &unused.to_string(), "--insecure"];
    assert_status(&run(example("client"), &args, ""), 3);
}

#[test]
fn lines_come_back_reversed_and_both_sides_close() {
    for tls in VERSIONS {
        let (_server, addr) = server(&["--self-signed", "--mode", "reverse", "--tls", tls]);
        let args = ["--connect", &addr.to_string(), "--insecure"];
        let output = run(example("client"), &args, "hello\nworld\n");
        assert_status(&output, 0);
        assert_eq!(text(&output.stdout), "olleh\ndlrow\n");
    }
}

#[test]
fn certificates_are_read_from_files_and_verified() {
    let (cert, key) = pem();
    let (_server, addr) = server(&["--cert", cert, "--key", key, "--mode", "reverse"]);
    let addr = addr.to_string();
    let args = ["--connect", &addr, "--ca", cert, "--server-name", "localhost"];
    assert_status(&run(example("client"), &args, ""), 0);
    let args = ["--connect", &addr, "--ca", cert, "--server-name", "elsewhere"];
    let output = run(example("client"), &args, "");
    assert_status(&output, 2);
    assert!(text(&output.stderr).contains("certificate"), "{}", text(&output.stderr));
}

#[test]
fn requests_are_answered_until_the_client_closes_or_asks_for_it() {
    for tls in VERSIONS {
        let (_server, addr) = server(&["--self-signed", "--tls", tls]);
        let mut client = InteractiveClient::client(addr, &[]);
        for (path, status) in [
            ("/", "200 OK"),
            ("/keyupdate", if tls == "1.3" { "200 OK" } else { "501 Not Implemented" }),
            ("/close", "200 OK"),
        ] {
            client.send_line(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            assert_eq!(client.read_line(), format!("HTTP/1.1 {status}\r\n"));
            while client.read_line() != "\r\n" {}
            client.read_line();
        }
        // The server has closed, so the client exits although its input has not ended.
        assert_eq!(client.read_line(), "");
        assert_status(&client.finish(), 0);
    }
}

// Otherwise TCP delays the small packets of a response (Nagle's algorithm).
#[test]
fn a_response_is_one_record() {
    let (cert, key) = pem();
    let (_server, addr) = server(&["--cert", cert, "--key", key]);
    let mut tls = client(addr);
    tls.write_all(REQUEST).expect("the write succeeds");
    let record = tls.fill_buf().expect("a response");
    assert!(record.ends_with(b"you asked for /\n"), "{}", text(record));
}

#[test]
fn a_second_key_update_request_before_the_answer_to_the_first_is_no_error() {
    let (_server, addr) = server(&["--self-signed"]);
    let request = "GET /keyupdate HTTP/1.1\r\n\r\n".repeat(3) + "GET /close HTTP/1.1\r\n\r\n";
    let args = ["--connect", &addr.to_string(), "--insecure"];
    let output = run(example("client"), &args, &request);
    assert_status(&output, 0);
    assert_eq!(text(&output.stdout).matches("200 OK").count(), 4);
}

#[test]
fn the_server_disconnects_a_silent_client_and_closes_one_that_sends_too_long_a_line() {
    let (_server, addr) = server(&["--self-signed", "--idle", "1"]);
    let mut silent = TcpStream::connect(addr).expect("the server accepts connections");
    silent.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    assert_eq!(silent.read_to_end(&mut Vec::new()).expect("the end of the stream"), 0);
    let args = ["--connect", &addr.to_string(), "--insecure"];
    let output = run(example("client"), &args, &"a line without an end".repeat(10_000));
    assert_status(&output, 0);
}

/// Said, because with all features of the adapter on rustls does not know which one to take.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

type Client = Stream<TcpStream, Ring>;

fn client(addr: SocketAddr) -> Client {
    let name = "localhost".try_into().expect("a name");
    let tcp = TcpStream::connect(addr).expect("the server accepts connections");
    Client::connect(client_config(), name, tcp).expect("a handshake")
}

fn client_config() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let file = std::fs::read(&PEM.0).expect("the PEM file");
    roots.add(CertificateDer::from_pem_slice(&file).expect("PEM")).expect("a certificate");
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has suites of both versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// What a client does to a server. A client that is returned stays connected.
type Act = fn(SocketAddr) -> Option<Client>;

const CLIENTS: [(&str, Act); 10] = [
    ("closes", |addr| {
        let mut tls = client(addr);
        tls.close().expect("close_notify is sent");
        assert_eq!(tls.read(&mut [0]).expect("the end of the stream"), 0);
        None
    }),
    ("closes its direction and then reads", |addr| {
        let mut tls = client(addr);
        tls.write_all(REQUEST).expect("the write succeeds");
        tls.close().expect("close_notify is sent");
        tls.transport().shutdown(Shutdown::Write).expect("shutdown of the socket");
        let mut response = Vec::new();
        tls.read_to_end(&mut response).expect("a response");
        assert!(text(&response).contains("you asked for /"));
        None
    }),
    ("is cut off between two records", |addr| {
        let tls = client(addr);
        tls.transport().shutdown(Shutdown::Both).expect("shutdown of the socket");
        None
    }),
    ("is cut off inside a record", |addr| {
        let mut tls = client(addr);
        tls.transport_mut().write_all(&[23, 3, 3, 0, 100, 1]).expect("the write succeeds");
        None
    }),
    ("resets the connection", |addr| {
        // The operating system resets it on drop, because there is unread input.
        let mut tls = client(addr);
        tls.write_all(REQUEST).expect("the write succeeds");
        thread::sleep(Duration::from_millis(100));
        None
    }),
    ("forges a record", |addr| {
        let mut tls = client(addr);
        tls.transport_mut()
            .write_all(&[&[23, 3, 3, 0, 30][..], &[7; 30]].concat())
            .expect("the write succeeds");
        assert!(tls.read(&mut [0]).is_err());
        None
    }),
    ("does not speak TLS", |addr| {
        let mut tcp = TcpStream::connect(addr).expect("the server accepts connections");
        tcp.write_all(REQUEST).expect("the write succeeds");
        let _ = tcp.read_to_end(&mut Vec::new());
        None
    }),
    ("sends 100,000 bytes at once", |addr| {
        let mut tls = client(addr);
        let count = 100_000 / REQUEST.len();
        tls.write_all(&REQUEST.repeat(count)).expect("the write succeeds");
        tls.close().expect("close_notify is sent");
        let mut responses = Vec::new();
        tls.read_to_end(&mut responses).expect("responses");
        assert_eq!(text(&responses).matches("200 OK").count(), count);
        None
    }),
    ("reads nothing", |addr| {
        let mut tls = client(addr);
        tls.transport().set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        while tls.write_all(&REQUEST.repeat(1000)).is_ok() {}
        Some(tls)
    }),
    ("sends nothing", |addr| Some(client(addr))),
];

#[test]
fn the_server_disconnects_every_kind_of_client_and_keeps_running() {
    let (cert, key) = pem();
    for tls in VERSIONS {
        let args = ["--cert", cert, "--key", key, "--idle", "1", "--tls", tls];
        let (mut running, addr) = server(&args);
        let mut reports = BufReader::new(running.0.stderr.take().expect("a pipe")).lines();
        for (what, act) in CLIENTS {
            let client = act(addr);
            let report = reports.next().expect("the server still runs").expect("UTF-8 output");
            println!("TLS {tls}, a client that {what}: {report}");
            drop(client);
        }
        let mut last = client(addr);
        last.write_all(REQUEST).expect("the write succeeds");
        assert!(text(last.fill_buf().expect("a response")).contains("you asked for /"));
    }
}

/// Starts a server for one client, which runs `act` after the handshake. Returns its address.
fn faulty_server(tls: &str, act: fn(Stream<TcpStream, Ring>)) -> SocketAddr {
    let version = if tls == "1.2" { &rustls::version::TLS12 } else { &rustls::version::TLS13 };
    let (cert, key) = &*PEM;
    let config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .expect("ring has suites of both versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(cert).expect("PEM")],
            PrivateKeyDer::from_pem_file(key).expect("PEM"),
        )
        .expect("a config");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("its address");
    thread::spawn(move || {
        let (tcp, _) = listener.accept().expect("the client");
        act(Stream::accept(Arc::new(config), tcp).expect("a handshake"));
    });
    addr
}

#[test]
fn the_client_exits_with_every_kind_of_server() {
    type Act = fn(Client);
    const SERVERS: [(&str, i32, Act); 6] = [
        ("closes and disconnects", 0, |tls| drop(tls.disconnect(1 << 20, Duration::from_secs(5)))),
        ("closes its direction and then reads", 0, |mut tls| {
            tls.close().expect("close_notify is sent");
            let _ = tls.read_to_end(&mut Vec::new());
        }),
        ("drops the connection without closing", 1, drop),
        ("drops the connection inside a record", 1, |mut tls| {
            tls.transport_mut().write_all(&[23, 3, 3, 0, 100, 1]).expect("the write succeeds");
            let _ = tls.transport().shutdown(Shutdown::Write);
            let _ = tls.read_to_end(&mut Vec::new());
        }),
        ("forges a record", 2, |mut tls| {
            let forged = [&[23, 3, 3, 0, 30][..], &[7; 30]].concat();
            tls.transport_mut().write_all(&forged).expect("the write succeeds");
            let _ = tls.read_to_end(&mut Vec::new());
        }),
        ("reads nothing and sends nothing", 1, |tls| {
            thread::sleep(Duration::from_secs(30));
            drop(tls);
        }),
    ];
    for tls in VERSIONS {
        for (what, status, act) in SERVERS {
            let addr = faulty_server(tls, act).to_string();
            let args = ["--connect", &addr, "--insecure", "--idle", "1", "--tls", tls];
            let started = Instant::now();
            // More than the socket buffers hold.
            let output = run(example("client"), &args, &"x".repeat(16_000_000));
            println!("TLS {tls}, a server that {what}: {}", text(&output.stderr));
            // In TLS 1.2 the server's close_notify ends both directions: the client reports that it
            // could not send all data, but exits with the same status.
            assert_status(&output, status);
            assert!(started.elapsed() < Duration::from_secs(20));
        }
    }
}

#[test]
fn the_server_serves_many_clients_at_a_time() {
    let (_server, addr) = server(&["--self-signed", "--mode", "reverse"]);
    let mut clients: Vec<_> = (0..8).map(|_| InteractiveClient::client(addr, &[])).collect();
    for client in clients.iter_mut().rev() {
        client.send_line("abc\n");
        assert_eq!(client.read_line(), "cba\n");
    }
    for client in clients {
        assert_status(&client.finish(), 0);
    }
}

/// A proxy between client and server that can cut the connection or change bytes.
struct TamperingProxy {
    addr: SocketAddr,
    flip: Arc<AtomicBool>,
    client: thread::JoinHandle<TcpStream>,
}

impl TamperingProxy {
    fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("its address");
        let flip = Arc::new(AtomicBool::new(false));
        let client = thread::spawn({
            let flip = flip.clone();
            move || {
                let (client, _) = listener.accept().expect("the client");
                let server = TcpStream::connect(server).expect("the server");
                forward(&client, &server, flip);
                forward(&server, &client, Arc::default());
                client
            }
        });
        Self { addr, flip, client }
    }
}

/// Copies bytes from one socket to the other in a thread. While `flip` is set, it changes the last
/// byte of every read.
fn forward(from: &TcpStream, to: &TcpStream, flip: Arc<AtomicBool>) {
    let (mut from, mut to) =
        (from.try_clone().expect("a cloned socket"), to.try_clone().expect("a cloned socket"));
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(len @ 1..) = from.read(&mut bytes) {
            if flip.load(Ordering::SeqCst) {
                bytes[len - 1] ^= 1;
            }
            if to.write_all(&bytes[..len]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[test]
fn the_client_exits_with_status_1_after_a_truncation() {
    for tls in VERSIONS {
        let (_server, addr) = server(&["--self-signed", "--mode", "reverse", "--tls", tls]);
        let proxy = TamperingProxy::before(addr);
        let mut client = InteractiveClient::client(proxy.addr, &[]);
        client.send_line("abc\n");
        assert_eq!(client.read_line(), "cba\n");
        let wire = proxy.client.join().expect("a connected client");
        wire.shutdown(Shutdown::Both).expect("shutdown of the socket");
        assert_eq!(client.read_line(), "");
        let output = client.finish();
        assert_status(&output, 1);
        assert!(text(&output.stderr).contains("truncated"));
    }
}

#[test]
fn the_client_receives_a_fatal_alert_and_exits_with_status_2() {
    for tls in VERSIONS {
        let (_server, addr) = server(&["--self-signed", "--mode", "reverse", "--tls", tls]);
        let proxy = TamperingProxy::before(addr);
        let mut client = InteractiveClient::client(proxy.addr, &[]);
        client.send_line("abc\n");
        assert_eq!(client.read_line(), "cba\n");
        proxy.flip.store(true, Ordering::SeqCst);
        client.send_line("def\n");
        assert_eq!(client.read_line(), "");
        let output = client.finish();
        assert_status(&output, 2);
        assert!(text(&output.stderr).contains("bad_record_mac"));
    }
}

/// Returns whether the `openssl` program is installed. If not, prints which test is skipped.
fn has_openssl(test: &str) -> bool {
    has("openssl", "version", test)
}

fn has(program: &str, version: &str, test: &str) -> bool {
    let asked =
        Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if asked.is_err() {
        eprintln!("skipped, because {program} is not installed: {test}");
    }
    asked.is_ok()
}

/// Returns a request to close with many bytes that the server does not read. A socket that is
/// closed with unread input is reset, and the reset destroys data that the client has not read yet.
fn last_request() -> String {
    format!("GET /close HTTP/1.1\r\n\r\n{}", "X: and so on\r\n".repeat(20_000))
}

const LAST_RESPONSE: &str = "Content-Length: 21\r\n\r\nyou asked for /close\n";

/// The number of connections to make. Every response must arrive.
const RESPONSES: usize = 100;

#[test]
fn all_responses_before_a_close_arrive_at_openssl_while_it_sends() {
    if !has_openssl("all_responses_before_a_close_arrive_at_openssl_while_it_sends") {
        return;
    }
    for (tls, flag) in [("1.2", "-tls1_2"), ("1.3", "-tls1_3")] {
        let (_server, addr) = server(&["--self-signed", "--tls", tls]);
        let addr = addr.to_string();
        let args = ["s_client", "-connect", &addr, flag, "-quiet"];
        for _ in 0..RESPONSES {
            let output = run("openssl", &args, &last_request());
            let out = text(&output.stdout);
            assert!(out.contains(LAST_RESPONSE), "{out}\n{}", text(&output.stderr));
        }
    }
}

#[test]
fn all_responses_before_a_close_arrive_at_gnutls_while_it_sends() {
    if !has(
        "gnutls-cli",
        "--version",
        "all_responses_before_a_close_arrive_at_gnutls_while_it_sends",
    ) {
        return;
    }
    for (tls, version) in [("1.2", "1.2"), ("1.3", "1.3")] {
        let (_server, addr) = server(&["--self-signed", "--tls", tls]);
        let priority = format!("--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}");
        let port = format!("--port={}", addr.port());
        let args = ["--insecure", &priority, &port, "127.0.0.1"];
        for _ in 0..RESPONSES {
            let output = run("gnutls-cli", &args, &last_request());
            let out = text(&output.stdout);
            assert!(out.contains(LAST_RESPONSE), "{out}\n{}", text(&output.stderr));
        }
    }
}

#[test]
fn all_responses_before_a_close_arrive_at_python_while_it_sends() {
    const CLIENT: &str = r#"
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, sys.argv[2])
request = sys.stdin.buffer.read()

def send(tls):
    try:
        tls.sendall(request)
    except OSError:
        pass

for _ in range(int(sys.argv[3])):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as tcp:
        with context.wrap_socket(tcp) as tls:
            sender = threading.Thread(target=send, args=(tls,))
            sender.start()
            response = b""
            while piece := tls.recv(4096):
                response += piece
            sender.join()
            print(response.decode())
"#;
    if !has("python3", "--version", "all_responses_before_a_close_arrive_at_python_while_it_sends")
    {
        return;
    }
    for (tls, version) in [("1.2", "TLSv1_2"), ("1.3", "TLSv1_3")] {
        let (_server, addr) = server(&["--self-signed", "--tls", tls]);
        let (port, count) = (addr.port().to_string(), RESPONSES.to_string());
        let output = run("python3", &["-c", CLIENT, &port, version, &count], &last_request());
        assert_status(&output, 0);
        assert_eq!(text(&output.stdout).matches(LAST_RESPONSE).count(), RESPONSES);
    }
}

#[test]
fn openssl_s_client_talks_to_the_server() {
    if !has_openssl("openssl_s_client_talks_to_the_server") {
        return;
    }
    for (tls, flag) in [("1.2", "-tls1_2"), ("1.3", "-tls1_3")] {
        let (_server, addr) = server(&["--self-signed", "--mode", "reverse", "--tls", tls]);
        let addr = addr.to_string();
        let args = ["s_client", "-connect", &addr, flag, "-quiet", "-no_ign_eof"];
        let mut client = InteractiveClient::new(spawn("openssl", &args));
        client.send_line("forth\n");
        assert_eq!(client.read_line(), "htrof\n");
        client.send_line("and back\n");
        assert_eq!(client.read_line(), "kcab dna\n");
        assert_status(&client.finish(), 0);
    }
}

#[test]
fn openssl_s_client_updates_its_keys() {
    if !has_openssl("openssl_s_client_updates_its_keys") {
        return;
    }
    let (_server, addr) = server(&["--self-signed", "--mode", "reverse"]);
    let addr = addr.to_string();
    let mut client =
        InteractiveClient::new(spawn("openssl", &["s_client", "-connect", &addr, "-tls1_3"]));
    for (line, answer) in [("one\n", "eno\n"), ("K\n", ""), ("two\n", "owt\n")] {
        client.send_line(line);
        if answer.is_empty() {
            // `s_client` takes a command only if it is alone in one read.
            thread::sleep(Duration::from_millis(500));
        }
        // `s_client` prints other lines as well.
        while !answer.is_empty() && client.read_line() != answer {}
    }
    assert_status(&client.finish(), 0);
}

#[test]
fn the_client_talks_to_openssl_s_server() {
    if !has_openssl("the_client_talks_to_openssl_s_server") {
        return;
    }
    let (cert, key) = pem();
    for (tls, flag) in [("1.2", "-tls1_2"), ("1.3", "-tls1_3")] {
        let addr = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
        let accept = addr.to_string();
        let args = ["s_server", "-accept", &accept, "-cert", cert, "-key", key, "-rev", flag];
        let _server = Running(spawn("openssl", &args));
        wait_for(addr);
        let args = ["--connect", &accept, "--ca", cert, "--server-name", "localhost", "--tls", tls];
        let mut client = InteractiveClient::new(spawn(example("client"), &args));
        client.send_line("hello\n");
        assert_eq!(client.read_line(), "olleh\n");
        assert_status(&client.finish(), 0);
    }
}

#[test]
fn rustls_talks_to_the_server_with_the_handshake_of_openssl() {
    let (cert, key) = pem();
    let (_server, addr) = start("openssl_server", &["--cert", cert, "--key", key]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(cert).expect("PEM")).expect("a certificate");
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .expect("ring has suites of both versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let config = Arc::new(config);
        // The session that the first connection gets is resumed by the second.
        for kind in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
            let name = "localhost".try_into().expect("a name");
            let client = rustls::ClientConnection::new(config.clone(), name).expect("a client");
            let tcp = TcpStream::connect(addr).expect("the server accepts connections");
            let mut tls = BufReader::new(rustls::StreamOwned::new(client, tcp));
            let mut line = String::new();
            for (sent, answer) in
                [("one\n", "eno\n"), ("update keys\n", "syek etadpu\n"), ("two\n", "owt\n")]
            {
                tls.get_mut().write_all(sent.as_bytes()).expect("the write succeeds");
                if version.version == rustls::ProtocolVersion::TLSv1_3 {
                    tls.get_mut().conn.refresh_traffic_keys().expect("a KeyUpdate");
                }
                line.clear();
                tls.read_line(&mut line).expect("an answer");
                assert_eq!(line, answer);
            }
            assert_eq!(tls.get_ref().conn.handshake_kind(), Some(kind));
            tls.get_mut().conn.send_close_notify();
            assert_eq!(tls.read_to_end(&mut Vec::new()).expect("a close_notify"), 0);
        }
    }
}

#[test]
fn openssl_s_client_talks_to_the_server_with_the_handshake_of_openssl() {
    if !has_openssl("openssl_s_client_talks_to_the_server_with_the_handshake_of_openssl") {
        return;
    }
    let (_server, addr) = start("openssl_server", &["--self-signed"]);
    let addr = addr.to_string();
    for flag in ["-tls1_2", "-tls1_3"] {
        let args = ["s_client", "-connect", &addr, flag, "-quiet", "-no_ign_eof"];
        let mut client = InteractiveClient::new(spawn("openssl", &args));
        for (line, answer) in [
            ("forth\n", "htrof\n"),
            ("update keys\n", "syek etadpu\n"),
            ("and back\n", "kcab dna\n"),
        ] {
            client.send_line(line);
            assert_eq!(client.read_line(), answer);
        }
        assert_status(&client.finish(), 0);
    }
}

#[test]
fn a_client_that_does_not_trust_openssls_certificate_gets_no_connection_and_others_do() {
    let (cert, _) = pem();
    let (_server, addr) = start("openssl_server", &["--self-signed"]);
    let addr = addr.to_string();
    let args = ["--connect", &addr, "--ca", cert, "--server-name", "localhost"];
    assert_status(&run(example("client"), &args, ""), 2);
    let output = run(example("client"), &["--connect", &addr, "--insecure"], "hello\n");
    assert_status(&output, 0);
    assert_eq!(text(&output.stdout), "olleh\n");
}

/// Waits until a server listens at `addr`.
fn wait_for(addr: SocketAddr) {
    let started = Instant::now();
    while TcpStream::connect(addr).is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "no server listens at {addr}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn data_comes_back_from_a_server_whose_buffers_the_runtime_owns() {
    let (cert, key) = pem();
    for tls in VERSIONS {
        let args = ["--cert", cert, "--key", key, "--tls", tls];
        let (_server, addr) = start("compio", &args);
        let args = ["--connect", &addr.to_string(), "--ca", cert, "--bytes", "300000"];
        let output = run(example("compio"), &args, "");
        assert_status(&output, 0);
        let ends = "300000 bytes came back: Closed { epoch: Application }, Closed\n";
        assert_eq!(text(&output.stdout), ends);

        let mut peer = client(addr);
        for _ in 0..3 {
            if tls == "1.3" {
                peer.update_keys(true).expect("the last request is answered");
            }
            peer.write_all(REQUEST).expect("the write succeeds");
            let mut back = [0; REQUEST.len()];
            peer.read_exact(&mut back).expect("the data");
            assert_eq!(back, REQUEST);
        }
        peer.close().expect("close_notify is sent");
        assert_eq!(peer.read(&mut [0]).expect("the end of the stream"), 0);
    }
}

#[test]
fn a_server_whose_buffers_the_runtime_owns_tells_the_ends_of_connections_apart() {
    // A client that is dropped with unread tickets is reset.
    const CUT: &[&str] = &["the transport ended before the peer's close_notify", "(os error 104)"];
    const REPORTS: [(&str, &[&str]); 4] = [
        ("closes", &["Closed { epoch: Application }, Closed"]),
        ("is cut off between two records", CUT),
        ("is cut off inside a record", CUT),
        ("forges a record", &["record authentication failed (bad_record_mac)"]),
    ];
    let (cert, key) = pem();
    for tls in VERSIONS {
        let args = ["--cert", cert, "--key", key, "--tls", tls];
        let (mut running, addr) = start("compio", &args);
        let mut reports = BufReader::new(running.0.stderr.take().expect("a pipe")).lines();
        for (what, expected) in REPORTS {
            let (_, act) = CLIENTS.iter().find(|(name, _)| *name == what).expect("a client");
            let _client = act(addr);
            let report = reports.next().expect("the server still runs").expect("UTF-8 output");
            let is_expected = expected.iter().any(|end| report.ends_with(end));
            assert!(is_expected, "TLS {tls}, a client that {what}: {report}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_whose_buffers_the_runtime_owns_reports_a_clean_end_if_the_reset_comes_after_it() {
    use rustix::process::{Pid, Signal, kill_process};

    let (cert, key) = pem();
    for tls in VERSIONS {
        let (mut running, addr) = start("compio", &["--cert", cert, "--key", key, "--tls", tls]);
        let mut peer = client(addr);
        peer.write_all(REQUEST).expect("the write succeeds");
        peer.read_exact(&mut [0; REQUEST.len()]).expect("the data");
        let pid = Pid::from_child(&running.0);
        kill_process(pid, Signal::STOP).expect("the server stops");
        peer.close().expect("close_notify is sent");
        // The socket is gone when the server's close_notify arrives, which is answered by a reset.
        drop(peer);
        kill_process(pid, Signal::CONT).expect("the server continues");
        let mut report = String::new();
        let reports = running.0.stderr.take().expect("a pipe");
        BufReader::new(reports).read_line(&mut report).expect("UTF-8 output");
        assert!(report.ends_with("Closed { epoch: Application }, Closed\n"), "TLS {tls}: {report}");
    }
}

#[test]
fn a_truncation_is_an_unexpected_eof_on_a_stream_whose_buffers_the_runtime_owns() {
    for tls in VERSIONS {
        let addr = faulty_server(tls, drop);
        let name = "localhost".try_into().expect("a name");
        let handshake = Handshake::client(client_config(), name).expect("a client");
        let runtime = compio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let tcp = compio::net::TcpStream::connect(addr).await.expect("the server listens");
            let mut stream = compio_stream::Stream::new(handshake, tcp).await.expect("a handshake");
            let error = stream.read().await.expect_err("a truncation");
            assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "TLS {tls}: {error}");
        });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_whose_buffers_the_runtime_owns_serves_again_after_it_had_too_many_clients() {
    let (cert, key) = pem();
    let path = example("compio");
    let limit = ["-c", "ulimit -n 20; exec \"$0\" \"$@\"", path.to_str().expect("UTF-8")];
    let args = ["--listen", "127.0.0.1:0", "--cert", cert, "--key", key];
    let (mut running, addr) = listening(spawn("sh", &[&limit[..], &args[..]].concat()));
    let reports = BufReader::new(running.0.stderr.take().expect("a pipe"));
    let clients: Vec<_> = (0..30).map(|_| TcpStream::connect(addr).expect("it listens")).collect();
    let mut reports = reports.lines().map(|line| line.expect("UTF-8 output"));
    assert!(reports.any(|report| report.contains("Too many open files")), "it has ended");
    drop(clients);
    let mut peer = client(addr);
    peer.write_all(REQUEST).expect("the write succeeds");
    peer.read_exact(&mut [0; REQUEST.len()]).expect("the data");
}
