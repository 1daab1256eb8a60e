//! The examples as their users run them: against each other, and against the `openssl` program.

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
use tls_record_alloc::Stream;

const VERSIONS: [&str; 2] = ["1.2", "1.3"];

/// The path of an example. `cargo test` builds them; before a run of this test alone, `cargo build --examples` does.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
    let path = profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{path:?} is not built: cargo build --examples");
    path
}

fn run(program: impl AsRef<std::ffi::OsStr>, args: &[&str], input: &str) -> Output {
    let mut child = spawn(program, args);
    // The program may have ended without reading.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn spawn(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Child {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn assert_status(output: &Output, status: i32) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "stdout: {out}\nstderr: {err}");
}

/// A program that is stopped when the test is done with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The example `server`, and where it listens.
fn server(args: &[&str]) -> (Running, SocketAddr) {
    let mut args = args.to_vec();
    args.extend(["--listen", "127.0.0.1:0"]);
    let mut child = spawn(example("server"), &args);
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let addr = line.trim_end().rsplit(' ').next().and_then(|addr| addr.parse().ok());
    let running = Running(child);
    (running, addr.unwrap_or_else(|| panic!("no address in {line:?}")))
}

/// A client that is talked to line by line.
struct Talking {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Talking {
    fn new(mut child: Child) -> Self {
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, input, output }
    }

    fn client(addr: SocketAddr, args: &[&str]) -> Self {
        let addr = addr.to_string();
        let mut all = vec!["--connect", &addr, "--insecure"];
        all.extend(args);
        Self::new(spawn(example("client"), &all))
    }

    fn say(&mut self, line: &str) {
        self.input.write_all(line.as_bytes()).expect("it reads");
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        line
    }

    /// Ends its input and waits for its end.
    fn end(self) -> Output {
        let Self { child, input, mut output } = self;
        drop(input);
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).expect("its output");
        let mut ended = child.wait_with_output().expect("it ends");
        ended.stdout = rest;
        ended
    }
}

/// PEM files of a certificate for localhost and of its key.
static PEM: LazyLock<(PathBuf, PathBuf)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    (cert, key)
});

fn pem() -> (&'static str, &'static str) {
    let (cert, key) = &*PEM;
    (cert.to_str().expect("UTF-8"), key.to_str().expect("UTF-8"))
}

#[test]
fn the_tour_ends_well_and_is_plain_text_in_a_pipe() {
    let output = run(example("tour"), &[], "");
    assert_status(&output, 0);
    let out = text(&output.stdout);
    assert!(out.contains("checks hold, 0 do not"), "{out}");
    assert!(!out.contains('\x1b') && !out.contains("WRONG"), "{out}");
}

#[test]
fn every_example_explains_itself() {
    for name in ["tour", "server", "client"] {
        let output = run(example(name), &["--help"], "");
        assert_status(&output, 0);
        assert!(text(&output.stdout).contains("Usage:"));
    }
}

#[test]
fn wrong_usage_and_an_unreachable_server_are_status_3_of_the_client() {
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
fn certificates_come_from_files_and_are_verified() {
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
        let mut client = Talking::client(addr, &[]);
        for (path, status) in [
            ("/", "200 OK"),
            ("/keyupdate", if tls == "1.3" { "200 OK" } else { "501 Not Implemented" }),
            ("/close", "200 OK"),
        ] {
            client.say(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            assert_eq!(client.hear(), format!("HTTP/1.1 {status}\r\n"));
            while client.hear() != "\r\n" {}
            client.hear();
        }
        // The server has closed: the client follows, although its input has not ended.
        assert_eq!(client.hear(), "");
        assert_status(&client.end(), 0);
    }
}

// Six small packets would wait for each other in TCP.
#[test]
fn a_response_is_one_record() {
    let (cert, key) = pem();
    let (_server, addr) = server(&["--cert", cert, "--key", key]);
    let mut tls = client(addr);
    tls.write_all(REQUEST).expect("taken");
    let record = tls.fill_buf().expect("a response");
    assert!(record.ends_with(b"you asked for /\n"), "{}", text(record));
}

#[test]
fn requests_for_new_keys_that_overtake_the_answer_are_no_error() {
    let (_server, addr) = server(&["--self-signed"]);
    let request = "GET /keyupdate HTTP/1.1\r\n\r\n".repeat(3) + "GET /close HTTP/1.1\r\n\r\n";
    let args = ["--connect", &addr.to_string(), "--insecure"];
    let output = run(example("client"), &args, &request);
    assert_status(&output, 0);
    assert_eq!(text(&output.stdout).matches("200 OK").count(), 4);
}

#[test]
fn a_silent_client_is_left_and_one_that_sends_nonsense_is_closed() {
    let (_server, addr) = server(&["--self-signed", "--idle", "1"]);
    let mut silent = TcpStream::connect(addr).expect("it listens");
    silent.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    assert_eq!(silent.read_to_end(&mut Vec::new()).expect("an end"), 0);
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
    let mut roots = RootCertStore::empty();
    let file = std::fs::read(&PEM.0).expect("it was written");
    roots.add(CertificateDer::from_pem_slice(&file).expect("PEM")).expect("a certificate");
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has suites of both versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let tcp = TcpStream::connect(addr).expect("it listens");
    Client::connect(Arc::new(config), name, tcp).expect("a handshake")
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// What a client does to a server. If it is returned, it stays.
type Act = fn(SocketAddr) -> Option<Client>;

const CLIENTS: [(&str, Act); 10] = [
    ("closes", |addr| {
        let mut tls = client(addr);
        tls.close().expect("sent");
        assert_eq!(tls.read(&mut [0]).expect("the end"), 0);
        None
    }),
    ("closes its direction and then reads", |addr| {
        let mut tls = client(addr);
        tls.write_all(REQUEST).expect("taken");
        tls.close().expect("sent");
        tls.transport().shutdown(Shutdown::Write).expect("shut");
        let mut response = Vec::new();
        tls.read_to_end(&mut response).expect("a response");
        assert!(text(&response).contains("you asked for /"));
        None
    }),
    ("is cut off between two records", |addr| {
        let tls = client(addr);
        tls.transport().shutdown(Shutdown::Both).expect("cut");
        None
    }),
    ("is cut off inside a record", |addr| {
        let mut tls = client(addr);
        tls.transport_mut().write_all(&[23, 3, 3, 0, 100, 1]).expect("taken");
        None
    }),
    ("resets", |addr| {
        // Its system does, because there is unread input.
        let mut tls = client(addr);
        tls.write_all(REQUEST).expect("taken");
        thread::sleep(Duration::from_millis(100));
        None
    }),
    ("forges a record", |addr| {
        let mut tls = client(addr);
        tls.transport_mut().write_all(&[&[23, 3, 3, 0, 30][..], &[7; 30]].concat()).expect("taken");
        assert!(tls.read(&mut [0]).is_err());
        None
    }),
    ("does not speak TLS", |addr| {
        let mut tcp = TcpStream::connect(addr).expect("it listens");
        tcp.write_all(REQUEST).expect("taken");
        let _ = tcp.read_to_end(&mut Vec::new());
        None
    }),
    ("sends 100,000 bytes at once", |addr| {
        let mut tls = client(addr);
        let count = 100_000 / REQUEST.len();
        tls.write_all(&REQUEST.repeat(count)).expect("taken");
        tls.close().expect("sent");
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
    ("says nothing", |addr| Some(client(addr))),
];

#[test]
fn the_server_survives_every_kind_of_client_and_leaves_each_of_them() {
    let (cert, key) = pem();
    for tls in VERSIONS {
        let args = ["--cert", cert, "--key", key, "--idle", "1", "--tls", tls];
        let (mut running, addr) = server(&args);
        let mut reports = BufReader::new(running.0.stderr.take().expect("piped")).lines();
        for (what, act) in CLIENTS {
            let stays = act(addr);
            let report = reports.next().expect("the server lives").expect("text");
            println!("TLS {tls}, a client that {what}: {report}");
            drop(stays);
        }
        let mut last = client(addr);
        last.write_all(REQUEST).expect("taken");
        assert!(text(last.fill_buf().expect("a response")).contains("you asked for /"));
    }
}

/// A server that makes handshakes and then does as `act` says.
fn odd_server(tls: &str, act: fn(Stream<TcpStream, Ring>)) -> SocketAddr {
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
fn the_client_leaves_every_kind_of_server() {
    type Act = fn(Client);
    const SERVERS: [(&str, i32, Act); 6] = [
        ("closes and goes", 0, |tls| drop(tls.disconnect(1 << 20, Duration::from_secs(5)))),
        ("closes its direction and then reads", 0, |mut tls| {
            tls.close().expect("sent");
            let _ = tls.read_to_end(&mut Vec::new());
        }),
        ("goes without closing", 1, drop),
        ("goes inside a record", 1, |mut tls| {
            tls.transport_mut().write_all(&[23, 3, 3, 0, 100, 1]).expect("taken");
            let _ = tls.transport().shutdown(Shutdown::Write);
            let _ = tls.read_to_end(&mut Vec::new());
        }),
        ("forges a record", 2, |mut tls| {
            let forged = [&[23, 3, 3, 0, 30][..], &[7; 30]].concat();
            tls.transport_mut().write_all(&forged).expect("taken");
            let _ = tls.read_to_end(&mut Vec::new());
        }),
        ("reads nothing and says nothing", 1, |tls| {
            thread::sleep(Duration::from_secs(30));
            drop(tls);
        }),
    ];
    for tls in VERSIONS {
        for (what, status, act) in SERVERS {
            let addr = odd_server(tls, act).to_string();
            let args = ["--connect", &addr, "--insecure", "--idle", "1", "--tls", tls];
            let started = Instant::now();
            // More than the sockets hold.
            let output = run(example("client"), &args, &"x".repeat(16_000_000));
            println!("TLS {tls}, a server that {what}: {}", text(&output.stderr));
            // In TLS 1.2 its close_notify ends both directions: what was not sent is lost, and it says so.
            assert_status(&output, status);
            assert!(started.elapsed() < Duration::from_secs(20));
        }
    }
}

#[test]
fn many_clients_are_served_at_a_time() {
    let (_server, addr) = server(&["--self-signed", "--mode", "reverse"]);
    let mut clients: Vec<_> = (0..8).map(|_| Talking::client(addr, &[])).collect();
    for client in clients.iter_mut().rev() {
        client.say("abc\n");
        assert_eq!(client.hear(), "cba\n");
    }
    for client in clients {
        assert_status(&client.end(), 0);
    }
}

/// A transport between client and server that can be tampered with.
struct Middle {
    addr: SocketAddr,
    flip: Arc<AtomicBool>,
    client: thread::JoinHandle<TcpStream>,
}

impl Middle {
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

/// Carries bytes from one to the other in the background; the last byte of what it carries while
/// `flip` is set comes out changed.
fn forward(from: &TcpStream, to: &TcpStream, flip: Arc<AtomicBool>) {
    let (mut from, mut to) = (from.try_clone().expect("it"), to.try_clone().expect("it"));
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
fn a_connection_that_is_cut_off_is_status_1() {
    for tls in VERSIONS {
        let (_server, addr) = server(&["--self-signed", "--mode", "reverse", "--tls", tls]);
        let middle = Middle::before(addr);
        let mut client = Talking::client(middle.addr, &[]);
        client.say("abc\n");
        assert_eq!(client.hear(), "cba\n");
        let wire = middle.client.join().expect("it was accepted");
        wire.shutdown(Shutdown::Both).expect("cut");
        assert_eq!(client.hear(), "");
        let output = client.end();
        assert_status(&output, 1);
        assert!(text(&output.stderr).contains("truncated"));
    }
}

#[test]
fn a_fatal_alert_arrives_and_is_status_2() {
    for tls in VERSIONS {
        let (_server, addr) = server(&["--self-signed", "--mode", "reverse", "--tls", tls]);
        let middle = Middle::before(addr);
        let mut client = Talking::client(middle.addr, &[]);
        client.say("abc\n");
        assert_eq!(client.hear(), "cba\n");
        middle.flip.store(true, Ordering::SeqCst);
        client.say("def\n");
        assert_eq!(client.hear(), "");
        let output = client.end();
        assert_status(&output, 2);
        assert!(text(&output.stderr).contains("bad_record_mac"));
    }
}

/// Whether the `openssl` program is there; says so by name where it is not.
fn has_openssl(test: &str) -> bool {
    has("openssl", "version", test)
}

fn has(program: &str, version: &str, test: &str) -> bool {
    let asked =
        Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if asked.is_err() {
        eprintln!("left out, for want of the {program} program: {test}");
    }
    asked.is_ok()
}

/// A request to close, and much that the server does not read: a socket that is closed with unread input
/// is reset, and the reset destroys what the client has not read yet.
fn last_request() -> String {
    format!("GET /close HTTP/1.1\r\n\r\n{}", "X: and so on\r\n".repeat(20_000))
}

const LAST_RESPONSE: &str = "Content-Length: 21\r\n\r\nyou asked for /close\n";

/// How many responses must arrive: all of them.
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
        let mut client = Talking::new(spawn("openssl", &args));
        client.say("forth\n");
        assert_eq!(client.hear(), "htrof\n");
        client.say("and back\n");
        assert_eq!(client.hear(), "kcab dna\n");
        assert_status(&client.end(), 0);
    }
}

#[test]
fn openssl_s_client_asks_for_new_keys() {
    if !has_openssl("openssl_s_client_asks_for_new_keys") {
        return;
    }
    let (_server, addr) = server(&["--self-signed", "--mode", "reverse"]);
    let addr = addr.to_string();
    let mut client = Talking::new(spawn("openssl", &["s_client", "-connect", &addr, "-tls1_3"]));
    for (line, answer) in [("one\n", "eno\n"), ("K\n", ""), ("two\n", "owt\n")] {
        client.say(line);
        if answer.is_empty() {
            // It takes a command only at the beginning of what it reads, and no more with it.
            thread::sleep(Duration::from_millis(500));
        }
        // Among much else that it prints.
        while !answer.is_empty() && client.hear() != answer {}
    }
    assert_status(&client.end(), 0);
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
        let mut client = Talking::new(spawn(example("client"), &args));
        client.say("hello\n");
        assert_eq!(client.hear(), "olleh\n");
        assert_status(&client.end(), 0);
    }
}

/// Waits until someone listens there.
fn wait_for(addr: SocketAddr) {
    let started = Instant::now();
    while TcpStream::connect(addr).is_err() {
        assert!(started.elapsed() < Duration::from_secs(10), "nobody listens at {addr}");
        thread::sleep(Duration::from_millis(20));
    }
}
