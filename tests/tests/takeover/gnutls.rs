//! Connections of GnuTLS's programs: another process makes the handshake, and only its bytes and its key log
//! file are seen. GnuTLS negotiates the sizes of records (RFC 8449).

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::*;
use tls_record_tests::peers::identity;

/// The longest content that each side asks for.
const CLIENT_LIMIT: usize = 700;
const SERVER_LIMIT: usize = 600;

const PATIENCE: Duration = Duration::from_secs(20);

/// A program, which is killed when it is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder for the certificate and the key log, which is removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tls-record-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A client and a server of GnuTLS, whose connection passes through here.
struct Relay {
    client: Program,
    to_client: TcpStream,
    _server: Program,
    to_server: TcpStream,
    folder: Folder,
}

impl Relay {
    /// The program of `role` is the library: it writes its secrets to a file.
    fn start(role: Role, version: &str) -> Self {
        let folder = Folder::new(&format!("{role:?}-{version}"));
        let identity = identity();
        let certificate = folder.write("certificate", &identity.certificate);
        let key = folder.write("key", identity.key.secret_pkcs8_der());
        let log = folder.write("secrets", b"");
        let priority = format!("--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}");
        let start = |program: &str, of: Role, args: &[&str]| {
            let mut command = Command::new(program);
            command.arg(&priority).args(args);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
            if of == role {
                command.env("SSLKEYLOGFILE", &log);
            }
            Program(command.spawn().unwrap())
        };

        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let server = start(
            "gnutls-serv",
            Role::Server,
            &[
                "--echo",
                "--x509fmtder",
                &format!("--port={port}"),
                &format!("--x509certfile={certificate}"),
                &format!("--x509keyfile={key}"),
                &format!("--recordsize={SERVER_LIMIT}"),
            ],
        );
        let began = Instant::now();
        let to_server = loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                Ok(tcp) => break tcp,
                Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
            }
            sleep(Duration::from_millis(10));
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = start(
            "gnutls-cli",
            Role::Client,
            &[
                "--insecure",
                &format!("--port={}", listener.local_addr().unwrap().port()),
                &format!("--recordsize={CLIENT_LIMIT}"),
                "127.0.0.1",
            ],
        );
        let to_client = listener.accept().unwrap().0;
        for tcp in [&to_client, &to_server] {
            tcp.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        }
        Self { client, to_client, _server: server, to_server, folder }
    }

    /// Passes the handshake through, and takes the place of the library of `role`.
    fn take_over(&self, role: Role) -> Engine<'_> {
        let mut follower = Follower::<Ring>::new();
        let mut received = [Vec::new(), Vec::new()];
        let began = Instant::now();
        while !follower.is_complete() {
            assert!(began.elapsed() < PATIENCE, "{follower:?}");
            for (sender, received) in [Role::Client, Role::Server].into_iter().zip(&mut received) {
                let (mut from, mut to) = match sender {
                    Role::Client => (&self.to_client, &self.to_server),
                    Role::Server => (&self.to_server, &self.to_client),
                };
                read(&mut from, received);
                // What the peer sends after its Finished is for the engine.
                while !follower.is_finished(engine_role(sender))
                    && let Some(len) = first_record(received)
                {
                    to.write_all(&received[..len]).unwrap();
                    while let Err(TakeoverError::MissingSecret(kind)) =
                        follow(&mut follower, sender, &received[..len])
                    {
                        assert!(began.elapsed() < PATIENCE, "no secret {kind:?}");
                        self.tell(&mut follower);
                    }
                    received.drain(..len);
                }
            }
        }
        let layer = loop {
            match follower.finish(Config::new(engine_role(role))) {
                Err(TakeoverError::MissingSecret(kind)) => {
                    assert!(began.elapsed() < PATIENCE, "no secret {kind:?}");
                    self.tell(&mut follower);
                }
                layer => break layer.unwrap(),
            }
        };
        let [of_client, of_server] = received;
        match role {
            Role::Client => Engine { layer, peer: &self.to_server, received: of_server },
            Role::Server => Engine { layer, peer: &self.to_client, received: of_client },
        }
    }

    fn tell(&self, follower: &mut Follower<Ring>) {
        for line in fs::read(self.folder.0.join("secrets")).unwrap().split(|byte| *byte == b'\n') {
            follower.key_log(line).unwrap();
        }
    }
}

/// Reads what is there now.
fn read(from: &mut impl Read, received: &mut Vec<u8>) {
    let mut bytes = [0; 4096];
    match from.read(&mut bytes) {
        Ok(len) => received.extend(&bytes[..len]),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        }
    }
}

/// The engine in the place of a program.
struct Engine<'a> {
    layer: RecordLayer<TrafficSecret<Ring>>,
    peer: &'a TcpStream,
    received: Vec<u8>,
}

impl Engine<'_> {
    /// Sends `data` in records as long as they may be. Returns the length of the first content.
    fn send(&mut self, data: &[u8]) -> usize {
        let mut records = [0; 4096];
        let sealed = self.layer.seal(&[data], &mut records).unwrap();
        assert_eq!(sealed.taken, data.len());
        self.peer.write_all(&records[..sealed.written]).unwrap();
        first_record(&records).unwrap() - self.layer.sealer().record_len(0)
    }

    /// Returns the content of the next record, or `None` after a close_notify.
    fn receive(&mut self) -> Option<Vec<u8>> {
        let began = Instant::now();
        loop {
            let Opened { consumed, event } = self.layer.open(&mut self.received).unwrap();
            let content = match event {
                Event::ApplicationData(range) => Some(self.received[range].to_vec()),
                Event::Closed => return None,
                _ => None,
            };
            self.received.drain(..consumed);
            if content.is_some() {
                return content;
            }
            if consumed == 0 {
                assert!(began.elapsed() < PATIENCE, "the peer is silent");
                read(&mut self.peer, &mut self.received);
            }
        }
    }

    fn send_close_notify(&mut self) {
        self.layer.close().unwrap();
        let mut record = [0; 64];
        let len = self.layer.poll_control(&mut record).unwrap();
        self.peer.write_all(&record[..len]).unwrap();
    }
}

#[test]
fn a_handshake_of_another_process_is_taken_over_with_its_sizes_of_records() {
    if Command::new("gnutls-serv").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped, because gnutls-serv is not installed");
        return;
    }
    for version in ["1.2", "1.3"] {
        for role in [Role::Client, Role::Server] {
            let mut relay = Relay::start(role, version);
            let mut stdin = relay.client.0.stdin.take().unwrap();
            let mut stdout = relay.client.0.stdout.take().unwrap();
            let mut engine = relay.take_over(role);
            let (own, peer) = match role {
                Role::Client => (CLIENT_LIMIT, SERVER_LIMIT),
                Role::Server => (SERVER_LIMIT, CLIENT_LIMIT),
            };
            let long = "x".repeat(2000) + "\n";
            // gnutls-serv sends whole lines back. gnutls-cli sends only the first record of its input.
            let data = match role {
                Role::Client => &long,
                Role::Server => "y\n",
            };
            if role == Role::Client {
                assert_eq!(engine.send(data.as_bytes()), peer, "{version}");
            } else {
                stdin.write_all(data.as_bytes()).unwrap();
            }
            let (mut received, mut longest) = (Vec::new(), 0);
            while received.len() < data.len() {
                let content = engine.receive().unwrap();
                longest = longest.max(content.len());
                received.extend(content);
            }
            assert_eq!(received, data.as_bytes());
            if role == Role::Client {
                assert_eq!(longest, own, "{version}");
                engine.send_close_notify();
                assert_eq!(engine.receive(), None);
            } else {
                assert_eq!(engine.send(long.as_bytes()), peer, "{version}");
                drop(stdin);
                assert_eq!(engine.receive(), None);
                engine.send_close_notify();
                let mut printed = String::new();
                stdout.read_to_string(&mut printed).unwrap();
                assert!(printed.contains(&long));
            }
        }
    }
}
