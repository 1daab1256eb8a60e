//! The example `hot_restart`: connections go from process to process under traffic, and either process is
//! killed at every step.
//!
//! `TLS_RECORD_HOT_RESTART_CONNECTIONS=1000` asks for more connections than the 200 of a usual run; each
//! takes one descriptor here and one in the server (`ulimit -n`).
#![cfg(target_os = "linux")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{
    self, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketType,
};
use rustix::process::{Pid, Signal, kill_process};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tls_record::aead::ring::Ring;
use tls_record::{AlertDescription, Event, MAX_RECORD, RecordBuffer, RecordLayer};
use tls_record_alloc::Handshake;

#[allow(dead_code)] // The examples use the rest.
#[path = "../examples/support/mod.rs"]
mod support;
use support::{Tls, insecure_client_config};

/// A folder for the sockets and secrets of one test, in which processes succeed each other.
struct Place {
    folder: PathBuf,
    secret: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Not below the target folder: the path of a Unix socket has at most 107 bytes.
        let name = format!("hot_restart-{}-{number}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        let secret = folder.join("secret");
        std::fs::write(&secret, [number as u8 + 1; 32]).expect("written");
        Self { folder, secret }
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    fn start(&self, addr: Option<SocketAddr>, args: &[&str]) -> Server {
        self.try_start(addr, args).expect("it listens")
    }

    fn try_start(&self, addr: Option<SocketAddr>, args: &[&str]) -> Option<Server> {
        Server::new(self.command(&self.socket(), &self.secret, addr).args(args))
    }

    fn command(&self, socket: &Path, secret: &Path, addr: Option<SocketAddr>) -> Command {
        let addr = addr.map_or("127.0.0.1:0".into(), |addr| addr.to_string());
        let mut command = Command::new(example());
        command.args(["--listen", &addr]).arg("--socket").arg(socket).arg("--secret").arg(secret);
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The path of the example. `cargo test` builds it; before a run of this test alone,
/// `cargo build --examples` does.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
    let path = profile.join("examples/hot_restart");
    assert!(path.exists(), "{path:?} is not built: cargo build --examples");
    path
}

/// A process, which is stopped when the test is done with it.
struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    addr: SocketAddr,
}

impl Server {
    /// Starts a process, and waits until it listens. `None` if it ends before.
    fn new(command: &mut Command) -> Option<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("text");
        let mut server = Self { child, out, addr: SocketAddr::from(([0; 4], 0)) };
        server.addr = line.trim_end().rsplit(' ').next().and_then(|addr| addr.parse().ok())?;
        Some(server)
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many connections it has taken over, when it has; `None` if it is killed before.
    fn taken(&mut self) -> Option<usize> {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("text");
        line.strip_prefix("took over ")?.strip_suffix(" connections\n")?.parse().ok()
    }

    /// Waits for its end. Returns its status, or the number of the signal, and what it said.
    fn end(mut self) -> (Result<i32, i32>, String) {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "it does not end");
            thread::sleep(Duration::from_millis(2));
        };
        (status.code().ok_or(status.signal().unwrap_or(0)), self.complaints())
    }

    fn complaints(&mut self) -> String {
        let _ = self.child.kill();
        let mut text = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut text).expect("text");
        text
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The signal by which the example ends itself.
const KILLED: Result<i32, i32> = Err(9);

/// A client by rustls, which checks every answer.
struct Client {
    tls: StreamOwned<ClientConnection, TcpStream>,
    /// The number of the next answer.
    next: u64,
}

impl Client {
    /// With TLS 1.2 if `number` is odd, otherwise with TLS 1.3.
    fn new(addr: SocketAddr, number: usize) -> Self {
        static CONFIGS: LazyLock<[Arc<ClientConfig>; 2]> = LazyLock::new(|| {
            [Tls::V13, Tls::V12].map(|tls| Arc::new(insecure_client_config(tls).expect("a config")))
        });
        let tcp = TcpStream::connect(addr).expect("it listens");
        tcp.set_nodelay(true).expect("set");
        tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        let name = "localhost".try_into().expect("a name");
        let tls = ClientConnection::new(CONFIGS[number % 2].clone(), name).expect("a client");
        Self { tls: StreamOwned::new(tls, tcp), next: 1 }
    }

    fn say(&mut self, lines: &str) -> io::Result<()> {
        self.tls.write_all(lines.as_bytes())?;
        self.tls.flush()
    }

    /// Reads the answer to `line`. Returns the process that gave it.
    fn hear(&mut self, line: &str) -> io::Result<u32> {
        let mut answer = String::new();
        // A transport that ends without a close_notify is an error.
        let len = self.tls.read_line(&mut answer)?;
        assert!(answer.ends_with('\n'), "a clean end after {len} bytes: {answer:?}");
        let (pid, rest) = answer.split_once(' ').expect("a process");
        let expected = format!("{} {line}\n", self.next);
        assert!(rest == expected, "{rest:?} is not {expected:?}");
        self.next += 1;
        Ok(pid.parse().expect("its number"))
    }

    fn exchange(&mut self, line: &str) -> io::Result<u32> {
        self.say(&format!("{line}\n"))?;
        self.hear(line)
    }

    /// Closes. The server closes, too, and sends nothing before.
    fn close(mut self) -> io::Result<()> {
        self.tls.conn.send_close_notify();
        let mut rest = Vec::new();
        self.tls.read_to_end(&mut rest)?;
        assert_eq!(rest, b"");
        Ok(())
    }
}

/// Clients in threads of their own. When they are told to stop, they talk once more and close.
struct Crowd {
    stop: Arc<AtomicBool>,
    clients: Vec<thread::JoinHandle<Told>>,
}

/// What a client has seen.
struct Told {
    /// The process that answered last.
    pid: u32,
    /// Whether the connection lived until the client closed it.
    survived: bool,
    /// When answers came, and after how long.
    round_trips: Vec<(Instant, Duration)>,
}

impl Crowd {
    fn new(addr: SocketAddr, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = Vec::new();
        // Some at a time: the backlog is short.
        for batch in (0..count).collect::<Vec<_>>().chunks(32) {
            let connecting: Vec<_> = batch
                .iter()
                .map(|&number| {
                    thread::spawn(move || {
                        let mut client = Client::new(addr, number);
                        client.exchange("hello").expect("an answer");
                        client
                    })
                })
                .collect();
            for (number, connecting) in batch.iter().copied().zip(connecting) {
                let (stop, client) = (stop.clone(), connecting.join().expect("a client"));
                let pause = Duration::from_micros(500 * count as u64);
                clients.push(thread::spawn(move || talk(client, number, pause, &stop)));
            }
        }
        Self { stop, clients }
    }

    fn stop(self) -> Vec<Told> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().map(|client| client.join().expect("right answers")).collect()
    }
}

/// Short lines, long ones, or many at once, by the number of the client.
fn talk(mut client: Client, number: usize, pause: Duration, stop: &AtomicBool) -> Told {
    let (len, count) = [(10, 1), (3000, 1), (100, 20), (12_000, 3)][number / 2 % 4];
    let mut told = Told { pid: 0, survived: true, round_trips: Vec::new() };
    loop {
        let is_last = stop.load(Ordering::Relaxed);
        let lines: Vec<String> = (client.next..client.next + count)
            .map(|line| format!("{number}/{line}/").repeat(len / 10))
            .collect();
        let started = Instant::now();
        let said = client.say(&(lines.join("\n") + "\n"));
        let heard = lines.iter().try_for_each(|line| client.hear(line).map(|pid| told.pid = pid));
        if said.and(heard).is_err() {
            told.survived = false;
            return told;
        }
        told.round_trips.push((started, started.elapsed()));
        if is_last {
            told.survived = client.close().is_ok();
            return told;
        }
        thread::sleep(pause);
    }
}

/// An `openssl s_client`, which is talked to line by line.
struct OpenSsl(Child, BufReader<ChildStdout>, u64);

impl OpenSsl {
    fn new(addr: SocketAddr, flag: &str) -> Option<Self> {
        let child = Command::new("openssl")
            .args(["s_client", "-connect", &addr.to_string(), flag, "-quiet", "-no_ign_eof"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("left out, for want of the openssl program: its clients");
            return None;
        };
        let out = BufReader::new(child.stdout.take().expect("piped"));
        Some(Self(child, out, 0))
    }

    fn exchange(&mut self, line: &str) -> u32 {
        writeln!(self.0.stdin.as_mut().expect("piped"), "{line}").expect("it reads");
        let mut answer = String::new();
        self.1.read_line(&mut answer).expect("text");
        self.2 += 1;
        let (pid, rest) = answer.split_once(' ').expect("an answer");
        assert_eq!(rest, format!("{} {line}\n", self.2));
        pid.parse().expect("a number")
    }

    fn close(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("its end").success());
    }
}

#[test]
fn the_example_explains_itself() {
    let output = Command::new(example()).arg("--help").output().expect("it runs");
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).expect("text");
    assert!(help.contains("Usage:") && !help.contains("die"), "{help}");
}

#[test]
fn no_byte_is_lost_or_repeated_over_several_restarts_under_traffic() {
    const RESTARTS: usize = 4;
    let count = std::env::var("TLS_RECORD_HOT_RESTART_CONNECTIONS");
    let count = count.map_or(200, |count| count.parse().expect("a number"));
    let place = Place::new("traffic");
    let mut server = place.start(None, &[]);
    let addr = server.addr;
    let crowd = Crowd::new(addr, count);
    let mut others: Vec<_> =
        ["-tls1_2", "-tls1_3"].into_iter().filter_map(|flag| OpenSsl::new(addr, flag)).collect();
    let mut windows = Vec::new();
    for restart in 0..RESTARTS {
        for other in &mut others {
            assert_eq!(other.exchange("before"), server.pid());
        }
        thread::sleep(Duration::from_millis(300));
        let started = Instant::now();
        let mut successor = place.start(None, &[]);
        assert_eq!(successor.taken(), Some(count + others.len()));
        windows.push((started, Instant::now()));
        assert_eq!(server.end(), (Ok(0), String::new()), "restart {restart}");
        server = successor;
        for other in &mut others {
            assert_eq!(other.exchange("after"), server.pid());
        }
    }
    others.into_iter().for_each(OpenSsl::close);
    let told = crowd.stop();
    assert!(told.iter().all(|told| told.survived && told.pid == server.pid()));

    // The pause: what a client waited for an answer, from the start of the process to its last connection.
    let (during, otherwise): (Vec<_>, Vec<_>) =
        told.iter().flat_map(|told| &told.round_trips).partition(|(started, took)| {
            windows.iter().any(|(from, to)| started < to && *started + *took > *from)
        });
    let longest = |trips: &[&(Instant, Duration)]| trips.iter().map(|trip| trip.1).max();
    println!(
        "{count} connections, {RESTARTS} restarts of at most {:.1?}: of {} round trips meanwhile the longest \
         took {:.1?}, of {} others {:.1?}",
        windows.iter().map(|(from, to)| *to - *from).max().unwrap_or_default(),
        during.len(),
        longest(&during).unwrap_or_default(),
        otherwise.len(),
        longest(&otherwise).unwrap_or_default(),
    );
}

/// RFC 5246 section 7.2.2.
#[test]
fn a_request_to_renegotiate_in_several_records_is_refused_once() {
    let place = Place::new("renegotiation");
    let server = place.start(None, &[]);
    let mut tcp = TcpStream::connect(server.addr).expect("it listens");
    let config = Arc::new(insecure_client_config(Tls::V12).expect("a config"));
    let name = "localhost".try_into().expect("a name");
    let mut handshake = Handshake::client(config, name).expect("a client");
    handshake.engine_config().fragment_limit = 20;
    handshake.complete(&mut tcp).expect("a handshake");
    let made = handshake.finish::<Ring>().expect("keys");
    let mut layer = RecordLayer::join(*made.opener, *made.sealer).expect("one connection");
    let mut out = [0; 1024];
    let mut client_hello = [0; 60];
    client_hello[..4].copy_from_slice(&[1, 0, 0, 56]);
    let len = layer.seal_handshake(&[&client_hello], &mut out).expect("sealed");
    tcp.write_all(&out[..len]).expect("taken");
    let len = layer.seal(&[b"line\n"], &mut out).expect("sealed").written;
    tcp.write_all(&out[..len]).expect("taken");

    let (mut received, mut warnings) = (RecordBuffer::<MAX_RECORD>::new(), Vec::new());
    loop {
        let opened = layer.open(received.filled()).expect("opened");
        match opened.event {
            Event::NeedMore { .. } => match tcp.read(received.room().expect("room")) {
                Ok(len @ 1..) => received.received(len),
                end => panic!("no answer: {end:?}"),
            },
            Event::Warning(description) => warnings.push(description),
            Event::ApplicationData(_) => break,
            _ => {}
        }
        received.consume(&opened);
    }
    assert_eq!(warnings, [AlertDescription::NO_RENEGOTIATION]);
}

/// A client stops inside a line and inside a record, and does not read what it is sent.
#[test]
fn parts_of_lines_and_of_records_go_along() {
    for version in 0..2 {
        let place = Place::new("parts");
        let mut server = place.start(None, &[]);
        let mut client = Client::new(server.addr, version);
        client.exchange("whole").expect("an answer");
        client.say("the first half,").expect("taken");
        client.tls.conn.writer().write_all(b" the second half\n").expect("taken");
        let mut record = Vec::new();
        client.tls.conn.write_tls(&mut record).expect("a record");
        let (one, other) = record.split_at(record.len() / 2);
        client.tls.sock.write_all(one).expect("taken");
        server = restart(&place, server);
        client.tls.sock.write_all(other).expect("taken");
        assert_eq!(client.hear("the first half, the second half").expect("it"), server.pid());
        client.close().expect("a clean end");
    }
}

#[test]
fn answers_that_a_client_does_not_read_go_along() {
    for version in 0..2 {
        let place = Place::new("unread");
        let mut server = place.start(None, &[]);
        let mut client = Client::new(server.addr, version);
        // More than the sockets hold, so that the server has answers that it cannot send.
        let line = "x".repeat(15_000);
        let mut said = 0;
        client.tls.sock.set_write_timeout(Some(Duration::from_millis(300))).expect("set");
        while client.say(&format!("{line}\n")).is_ok() {
            said += 1;
        }
        client.tls.sock.set_write_timeout(None).expect("set");
        server = restart(&place, server);
        let mut sock = client.tls.sock.try_clone().expect("a clone");
        // What rustls has not sent of the last line, or of the ones before.
        let mut rest = Vec::new();
        while client.tls.conn.wants_write() {
            client.tls.conn.write_tls(&mut rest).expect("records");
        }
        let sending = thread::spawn(move || sock.write_all(&rest).expect("taken"));
        let mut pid = 0;
        for _ in 0..=said {
            pid = client.hear(&line).expect("an answer");
        }
        sending.join().expect("sent");
        assert_eq!(pid, server.pid());
        client.close().expect("a clean end");
    }
}

fn restart(place: &Place, server: Server) -> Server {
    let mut successor = place.start(None, &[]);
    assert_eq!(successor.taken(), Some(1));
    assert_eq!(server.end(), (Ok(0), String::new()));
    successor
}

const CROWD: usize = 40;

/// Where the process that gives is killed, at which time that it comes there, and how many connections
/// live on in its successor.
const GIVER_KILLED: [(&str, usize, usize); 8] = [
    ("accepted", 1, 0),
    ("listener-given", 1, 0),
    ("suspended", 1, 0),
    ("suspended", 20, 19),
    ("given", 1, 1),
    ("given", 20, 20),
    ("given", CROWD, CROWD),
    ("finished", 1, CROWD),
];

#[test]
fn what_was_given_survives_the_death_of_its_giver_at_every_step() {
    for (step, after, survivors) in GIVER_KILLED {
        println!("the giver is killed at {step}, number {after}");
        let place = Place::new("giver");
        let old = place.start(None, &["--die-at", step, "--die-after", &after.to_string()]);
        let addr = old.addr;
        let crowd = Crowd::new(addr, CROWD);
        let new = place.try_start(Some(addr), &[]);
        assert_eq!(old.end().0, KILLED);
        // Before it has the listening socket, the successor dies with it. The next one begins anew.
        let new = match new {
            None => {
                assert_eq!(step, "accepted");
                place.start(Some(addr), &[])
            }
            Some(mut new) => {
                assert_eq!(new.taken(), Some(survivors));
                new
            }
        };
        let mut newcomer = Client::new(addr, 0);
        assert_eq!(newcomer.exchange("hello").expect("an answer"), new.pid());
        newcomer.close().expect("a clean end");
        check(&place, new, crowd, survivors..=survivors);
    }
}

/// The most connections that are on their way.
const WINDOW: usize = 16;

/// Where the process that takes is killed, at which time that it comes there, and how many connections it
/// has acknowledged and received.
const TAKER_KILLED: [(&str, usize, usize, usize); 10] = [
    ("requested", 1, 0, 0),
    ("listener-taken", 1, 0, 0),
    ("received", 1, 0, 1),
    ("received", 20, 19, 20),
    ("resumed", 1, 0, 1),
    ("resumed", 20, 19, 20),
    ("acknowledged", 1, 1, 1),
    ("acknowledged", 20, 20, 20),
    ("acknowledged", CROWD, CROWD, CROWD),
    // With the straggler, which has a handshake in the meantime.
    ("all-taken", 1, CROWD + 1, CROWD + 1),
];

#[test]
fn what_was_not_given_survives_the_death_of_its_taker_at_every_step() {
    for (step, after, acknowledged, received) in TAKER_KILLED {
        println!("the taker is killed at {step}, number {after}");
        let place = Place::new("taker");
        let old = place.start(None, &[]);
        let addr = old.addr;
        let crowd = Crowd::new(addr, CROWD);
        let args = ["--die-at", step, "--die-after", &after.to_string()];
        // It cannot be given in the middle of its handshake.
        let straggler = Straggler::new(addr);
        let new = place.try_start(Some(addr), &args);
        if step == "all-taken" {
            drop(straggler.finish());
            assert_eq!(new.expect("it listens").end().0, KILLED);
            assert_eq!(old.end().0, Ok(0));
            assert!(crowd.stop().iter().all(|told| !told.survived));
            // The next process finds the sockets of two dead ones.
            let third = place.start(Some(addr), &[]);
            assert_eq!(Client::new(addr, 0).exchange("hello").expect("it"), third.pid());
            continue;
        }
        if let Some(new) = new {
            assert_eq!(new.end().0, KILLED);
        }
        let mut straggler = straggler.finish();
        assert_eq!(straggler.exchange("hello").expect("an answer"), old.pid());
        straggler.close().expect("a clean end");
        let mut newcomer = Client::new(addr, 1);
        assert_eq!(newcomer.exchange("hello").expect("an answer"), old.pid());
        newcomer.close().expect("a clean end");
        let least = CROWD.saturating_sub(acknowledged + WINDOW);
        check(&place, old, crowd, least..=CROWD - received);
    }
}

#[test]
fn a_giver_whose_taker_died_with_the_last_connection_accepts_new_ones() {
    let place = Place::new("last");
    let old = place.start(None, &[]);
    let mut client = Client::new(old.addr, 0);
    client.exchange("hello").expect("an answer");
    let new = place.start(Some(old.addr), &["--die-at", "received"]);
    assert_eq!(new.end().0, KILLED);
    assert!(client.exchange("more").is_err());
    let mut newcomer = Client::new(old.addr, 0);
    assert_eq!(newcomer.exchange("hello").expect("an answer"), old.pid());
}

/// Survivors talk to `server`, and can be handed over once more. The others have seen no clean end.
fn check(place: &Place, server: Server, crowd: Crowd, survivors: std::ops::RangeInclusive<usize>) {
    let mut third = place.start(Some(server.addr), &[]);
    let taken = third.taken().expect("a number");
    assert_eq!(server.end().0, Ok(0));
    let told = crowd.stop();
    let survived: Vec<_> = told.iter().filter(|told| told.survived).collect();
    println!("{} of {CROWD} connections survived", survived.len());
    assert_eq!((survived.len(), true), (taken, survivors.contains(&taken)));
    assert!(survived.iter().all(|told| told.pid == third.pid()));
}

/// A client that has sent a part of its ClientHello.
struct Straggler {
    client: Client,
    rest: Vec<u8>,
}

impl Straggler {
    fn new(addr: SocketAddr) -> Self {
        let mut client = Client::new(addr, 0);
        let mut rest = Vec::new();
        client.tls.conn.write_tls(&mut rest).expect("a ClientHello");
        client.tls.sock.write_all(&rest[..20]).expect("taken");
        // When a later one is served, this one is accepted, and not left to the next process.
        let mut later = Client::new(addr, 0);
        later.exchange("hello").expect("an answer");
        later.close().expect("a clean end");
        Self { client, rest: rest.split_off(20) }
    }

    fn finish(mut self) -> Client {
        let StreamOwned { conn, sock, .. } = &mut self.client.tls;
        sock.write_all(&self.rest).expect("taken");
        while conn.is_handshaking() {
            conn.complete_io(sock).expect("a handshake");
        }
        self.client
    }
}

#[test]
fn a_client_in_its_handshake_is_waited_for_and_then_given() {
    let place = Place::new("handshake");
    let old = place.start(None, &[]);
    let straggler = Straggler::new(old.addr);
    let mut new = place.start(Some(old.addr), &[]);
    let mut client = straggler.finish();
    assert_eq!(new.taken(), Some(1));
    assert_eq!(client.exchange("hello").expect("an answer"), new.pid());
    client.close().expect("a clean end");
}

#[test]
fn a_client_that_does_not_finish_its_handshake_holds_nothing_up_for_long() {
    let place = Place::new("straggler");
    let old = place.start(None, &[]);
    let straggler = Straggler::new(old.addr);
    let mut new = place.start(Some(old.addr), &[]);
    assert_eq!(new.taken(), Some(0));
    let mut client = straggler.client;
    assert_eq!(client.tls.sock.read(&mut [0]).expect("the end"), 0);
    assert_eq!(old.end(), (Ok(0), String::new()));
}

#[test]
fn a_successor_without_the_secret_is_refused_and_nothing_is_lost() {
    let place = Place::new("secret");
    let mut old = place.start(None, &[]);
    let mut client = Client::new(old.addr, 0);
    client.exchange("hello").expect("an answer");
    let other = place.folder.join("other secret");
    std::fs::write(&other, [99; 32]).expect("written");
    assert!(Server::new(&mut place.command(&place.socket(), &other, Some(old.addr))).is_none());
    assert_eq!(client.exchange("still there").expect("an answer"), old.pid());
    client.close().expect("a clean end");
    assert!(old.complaints().contains("does not have the secret"));
}

/// A message between the processes, with its descriptor.
type Message = (Vec<u8>, Option<OwnedFd>);

fn send(socket: &OwnedFd, (bytes, descriptor): &Message) -> rustix::io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors: Vec<_> = descriptor.iter().map(AsFd::as_fd).collect();
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    net::sendmsg(socket, &[io::IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
}

/// The next message. `None` at the end.
fn receive(socket: &OwnedFd) -> Option<Message> {
    let mut bytes = vec![0; 200_000];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let parts = &mut [io::IoSliceMut::new(&mut bytes)];
    let received = net::recvmsg(socket, parts, &mut control, RecvFlags::CMSG_CLOEXEC).ok()?;
    let descriptor = control.drain().find_map(|one| match one {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    bytes.truncate(received.bytes);
    (!bytes.is_empty()).then_some((bytes, descriptor))
}

/// A connection to the giver, and a socket at which its successor takes the test for the giver.
fn between(place: &Place) -> (OwnedFd, OwnedFd, PathBuf) {
    let front = place.folder.join("front");
    let _ = std::fs::remove_file(&front);
    let socket = || net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).expect("it");
    let (giver, listener) = (socket(), socket());
    net::connect(&giver, &SocketAddrUnix::new(place.socket()).expect("it")).expect("it listens");
    net::bind(&listener, &SocketAddrUnix::new(&front).expect("a path")).expect("bound");
    net::listen(&listener, 1).expect("listening");
    (giver, listener, front)
}

/// Starts a successor whose messages go through `relay`: the giver's one by one, with the way to the taker.
/// Of the taker's messages, the request and `acknowledgements` more reach the giver.
fn relayed(
    place: &Place,
    addr: SocketAddr,
    acknowledgements: usize,
    mut relay: impl FnMut(Message, &OwnedFd) + Send + 'static,
) -> Server {
    let (giver, listener, front) = between(place);
    thread::spawn(move || {
        let (giver, taker) = (Arc::new(giver), Arc::new(net::accept(&listener).expect("a taker")));
        let back = (taker.clone(), giver.clone());
        thread::spawn(move || {
            for number in 0.. {
                match receive(&back.0) {
                    Some(message) if number <= acknowledgements => {
                        let _ = send(&back.1, &message);
                    }
                    Some(_) => {}
                    None => break,
                }
            }
            let _ = net::shutdown(&back.1, net::Shutdown::Both);
        });
        while let Some(message) = receive(&giver) {
            relay(message, &taker);
        }
        let _ = net::shutdown(&taker, net::Shutdown::Both);
    });
    Server::new(&mut place.command(&front, &place.secret, Some(addr))).expect("it listens")
}

/// Whether it is a connection, and not the listening socket or the end.
fn is_connection((bytes, descriptor): &Message) -> bool {
    descriptor.is_some() && bytes.len() > tls_record::SUSPENDED_LEN
}

#[test]
fn a_giver_that_dies_before_it_reads_an_acknowledgement_has_given_all_that_it_sent() {
    const CLIENTS: usize = 3;
    let place = Place::new("unread acknowledgement");
    let old = place.start(None, &[]);
    let mut clients: Vec<_> = (0..CLIENTS).map(|number| Client::new(old.addr, number)).collect();
    for client in &mut clients {
        client.exchange("hello").expect("an answer");
    }
    let (giver, listener, front) = between(&place);
    let relay = thread::spawn(move || {
        let taker = net::accept(&listener).expect("a taker");
        let pid = net::sockopt::socket_peercred(&taker).expect("its process").pid;
        send(&giver, &receive(&taker).expect("a request")).expect("sent");
        for what in ["the listening socket", "the eventfd"] {
            send(&taker, &receive(&giver).expect(what)).expect("sent");
        }
        let given: Vec<_> = (0..CLIENTS).map(|_| receive(&giver).expect("it")).collect();
        send(&taker, &given[0]).expect("sent");
        let mut acknowledged = [PollFd::new(&taker, PollFlags::IN)];
        poll(&mut acknowledged, None).expect("an acknowledgement");
        kill_process(pid, Signal::STOP).expect("stopped");
        thread::sleep(Duration::from_millis(20));
        for message in &given[1..] {
            send(&taker, message).expect("sent");
        }
        drop(taker);
        kill_process(pid, Signal::CONT).expect("it goes on");
    });
    let command = &mut place.command(&front, &place.secret, Some(old.addr));
    let mut new = Server::new(command).expect("it listens");
    assert_eq!(new.taken(), Some(CLIENTS));
    relay.join().expect("all was given");
    for mut client in clients {
        assert_eq!(client.exchange("more").expect("an answer"), new.pid());
        client.close().expect("a clean end");
    }
}

#[test]
fn a_connection_that_is_given_twice_is_resumed_once() {
    let place = Place::new("twice");
    let old = place.start(None, &[]);
    let mut client = Client::new(old.addr, 0);
    client.exchange("hello").expect("an answer");
    let mut new = relayed(&place, old.addr, usize::MAX, |message, taker| {
        let _ = send(taker, &message);
        if is_connection(&message) {
            let _ = send(taker, &message);
        }
    });
    assert_eq!(new.taken(), Some(1));
    assert_eq!(client.exchange("more").expect("an answer"), new.pid());
    client.close().expect("a clean end");
    let complaints = new.complaints();
    assert!(complaints.contains("a connection that was resumed before"), "{complaints}");
}

#[test]
fn a_connection_of_an_earlier_hand_over_is_refused() {
    let place = Place::new("earlier");
    let old = place.start(None, &[]);
    let addr = old.addr;
    let mut client = Client::new(addr, 0);
    client.exchange("hello").expect("an answer");
    let (record, recorded) = std::sync::mpsc::channel();
    let mut new = relayed(&place, addr, usize::MAX, move |message, taker| {
        let _ = send(taker, &message);
        if is_connection(&message) {
            record.send(message).expect("recorded");
        }
    });
    assert_eq!(new.taken(), Some(1));
    assert_eq!(client.exchange("more").expect("an answer"), new.pid());

    let replayed = recorded.recv().expect("a connection");
    std::fs::rename(place.folder.join("front"), place.socket()).expect("renamed");
    let mut third = relayed(&place, addr, usize::MAX, move |message, taker| {
        // In place of the connection that is given now.
        let message = if is_connection(&message) { &replayed } else { &message };
        let _ = send(taker, message);
    });
    assert_eq!(third.taken(), Some(0));
    let complaints = third.complaints();
    assert!(complaints.contains("sealed under another key"), "{complaints}");
    assert!(client.exchange("even more").is_err());
}

/// The process that answers each of some new clients.
fn newcomers(addr: SocketAddr) -> Vec<u32> {
    (0..10).map(|number| Client::new(addr, number).exchange("hello").expect("an answer")).collect()
}

#[test]
fn a_taker_without_descriptors_left_serves_what_it_took_and_only_the_giver_is_reached() {
    let place = Place::new("limit");
    let old = place.start(None, &[]);
    let addr = old.addr;
    let crowd = Crowd::new(addr, CROWD);
    let command = place.command(&place.socket(), &place.secret, Some(addr));
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 20; exec \"$0\" \"$@\""]);
    limited.arg(command.get_program()).args(command.get_args());
    let mut new = Server::new(&mut limited).expect("it listens");
    let taken = new.taken().expect("a number");
    assert!((1..20).contains(&taken), "{taken}");
    assert_eq!(newcomers(addr), [old.pid(); 10]);

    let mut third = place.start(Some(addr), &[]);
    let rest = third.taken().expect("a number");
    assert!(rest >= CROWD - taken - WINDOW);
    assert_eq!(old.end().0, Ok(0));
    assert_eq!(newcomers(addr), [third.pid(); 10]);

    let told = crowd.stop();
    let survivors = |pid| told.iter().filter(|told| told.survived && told.pid == pid).count();
    assert_eq!((survivors(new.pid()), survivors(third.pid())), (taken, rest));
    let (status, complaints) = new.end();
    assert_eq!(status, Ok(1));
    assert!(complaints.contains("without its descriptor"), "{complaints}");
}

#[test]
fn a_taker_that_does_not_acknowledge_serves_what_it_took_and_only_the_giver_is_reached() {
    let place = Place::new("no acknowledgement");
    let old = place.start(None, &[]);
    let addr = old.addr;
    let crowd = Crowd::new(addr, CROWD);
    let mut new = relayed(&place, addr, 3, |message, taker| {
        let _ = send(taker, &message);
    });
    let taken = new.taken().expect("a number");
    assert_eq!(taken, WINDOW + 3);
    assert_eq!(newcomers(addr), [old.pid(); 10]);
    let told = crowd.stop();
    let survivors = |pid| told.iter().filter(|told| told.survived && told.pid == pid).count();
    assert_eq!((survivors(new.pid()), survivors(old.pid())), (taken, CROWD - taken));
    assert_eq!(new.end().0, Ok(1));
}

#[test]
fn a_taker_that_cannot_listen_for_a_successor_serves_and_tries_again() {
    let place = Place::new("in the way");
    let old = place.start(None, &[]);
    let addr = old.addr;
    let mut client = Client::new(addr, 0);
    client.exchange("hello").expect("an answer");
    let in_the_way = place.socket().with_extension("new");
    std::fs::create_dir(&in_the_way).expect("created");
    let mut new = place.start(Some(addr), &[]);
    assert_eq!(new.taken(), Some(1));
    assert_eq!(client.exchange("more").expect("an answer"), new.pid());
    assert_eq!(newcomers(addr), [new.pid(); 10]);
    assert!(place.try_start(Some(addr), &[]).is_none());

    std::fs::remove_dir(&in_the_way).expect("removed");
    let started = Instant::now();
    let mut third = loop {
        if let Some(third) = place.try_start(Some(addr), &[]) {
            break third;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "it does not listen again");
        thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(third.taken(), Some(1));
    assert_eq!(client.exchange("even more").expect("an answer"), third.pid());
    let (status, complaints) = new.end();
    assert_eq!(status, Ok(0));
    assert!(complaints.contains("no successor can connect"), "{complaints}");
}

/// The number of lines that a [`burst`] sends.
const BURST: usize = 60_000;

/// A client that sends empty lines together with its last handshake message, and does not read the answers. The server
/// has received much more than a record of them, and waits until it can send.
fn burst(server: &Server) -> Client {
    let mut config = insecure_client_config(Tls::V13).expect("a config");
    // The ClientHello is so long that the buffer of the server grows.
    config.alpn_protocols = vec![vec![b'x'; 200]; 200];
    let socket = net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("it");
    // With short segments and a small window, the socket of the server holds little.
    net::sockopt::set_socket_recv_buffer_size(&socket, 16_384).expect("set");
    nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::TcpMaxSeg, &536).expect("set");
    net::connect(&socket, &server.addr).expect("it listens");
    let mut tcp = TcpStream::from(socket);
    tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    let name = "localhost".try_into().expect("a name");
    let mut tls = ClientConnection::new(Arc::new(config), name).expect("a client");
    tls.set_buffer_limit(None);
    while tls.is_handshaking() {
        while tls.wants_write() {
            tls.write_tls(&mut tcp).expect("taken");
        }
        tls.read_tls(&mut tcp).expect("an answer");
        tls.process_new_packets().expect("a handshake");
    }
    tls.writer().write_all(&[b'\n'; BURST]).expect("taken");
    let pid = Pid::from_raw(server.pid() as i32).expect("a process");
    kill_process(pid, Signal::STOP).expect("stopped");
    while tls.wants_write() {
        tls.write_tls(&mut tcp).expect("taken");
    }
    thread::sleep(Duration::from_millis(100));
    kill_process(pid, Signal::CONT).expect("it goes on");
    thread::sleep(Duration::from_millis(300));
    Client { tls: StreamOwned::new(tls, tcp), next: 1 }
}

#[test]
fn what_the_handshake_received_goes_along_though_it_is_longer_than_a_record() {
    let place = Place::new("burst");
    let server = place.start(None, &[]);
    let mut client = burst(&server);
    let server = restart(&place, server);
    for _ in 1..BURST {
        client.hear("").expect("an answer");
    }
    assert_eq!(client.hear("").expect("an answer"), server.pid());
    client.close().expect("a clean end");
}

#[test]
fn a_client_with_more_than_fits_in_a_message_is_dropped_and_the_others_are_given() {
    let place = Place::new("too long");
    let old = place.start(None, &["--max-message", "10000"]);
    let mut small = Client::new(old.addr, 0);
    small.exchange("hello").expect("an answer");
    let mut large = burst(&old);
    let mut new = place.start(Some(old.addr), &[]);
    assert_eq!(new.taken(), Some(1));
    assert_eq!(old.end(), (Ok(0), String::new()));
    assert_eq!(small.exchange("more").expect("an answer"), new.pid());
    assert!((0..BURST).any(|_| large.hear("").is_err()), "it is served");
}
