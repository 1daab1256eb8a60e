//! A connection in the kernel, and its peer at the other end of a TCP connection.

use std::env;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tls_record_alloc::takeover::{self, Takeover};
use tls_record_alloc::tls_record::KernelDirection;
use tls_record_alloc::tls_record::aead::ring::{Ring, RingAead};
use tls_record_alloc::tls_record::aead::{Aead, Algorithm, Provider};
use tls_record_alloc::{
    Handshake, KernelStream, KernelTlsError, NotInKernel, Stream, rustls::ClientConfig,
};
use tls_record_tests::peers::{
    Negotiated, OpensslContext, OpensslPeer, Peer, PeerEnd, Role, SERVER_NAME, Suite, Version,
    rustls_client_config, rustls_server_config,
};

pub(crate) type Kernel = KernelStream<TcpStream, Ring>;
pub(crate) type User = Stream<TcpStream, Ring>;

pub(crate) const TLS12: Negotiated =
    Negotiated { version: Version::Tls12, suite: Suite::Aes128Gcm };
pub(crate) const TLS13: Negotiated =
    Negotiated { version: Version::Tls13, suite: Suite::Aes128Gcm };

/// Data of a length.
pub(crate) fn message(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 % 251) as u8).collect()
}

/// Two ends of a TCP connection. A test that hangs fails in the end.
pub(crate) fn sockets() -> (TcpStream, TcpStream) {
    sockets_at("127.0.0.1:0")
}

/// Two ends of a TCP connection to an address of this machine.
pub(crate) fn sockets_at(address: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(address).unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    for socket in [&ours, &theirs] {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.set_nodelay(true).unwrap();
    }
    (ours, theirs)
}

/// OpenSSL at its end of a TCP connection.
pub(crate) struct Openssl {
    pub(crate) tls: OpensslPeer,
    pub(crate) socket: TcpStream,
    pub(crate) read: Vec<u8>,
}

impl Openssl {
    /// Sends what OpenSSL has to send.
    pub(crate) fn send(&mut self) {
        let output = self.tls.take_output();
        self.socket.write_all(&output).unwrap();
    }

    /// Receives once. Returns false at the end of the transport.
    pub(crate) fn receive(&mut self) -> bool {
        let mut bytes = vec![0; 1 << 16];
        match self.socket.read(&mut bytes) {
            Ok(0) => false,
            Ok(len) => {
                self.tls.receive(&bytes[..len]);
                self.read.extend(self.tls.read());
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Receives until this much data has come.
    pub(crate) fn receive_data(&mut self, len: usize) {
        while self.read.len() < len {
            assert!(
                self.receive(),
                "only {} of {len} bytes: {:?}",
                self.read.len(),
                self.tls.end()
            );
        }
    }

    /// Receives until the peer has ended its direction.
    pub(crate) fn receive_end(&mut self) -> PeerEnd {
        while self.tls.end() == PeerEnd::Open {
            assert!(self.receive(), "a truncation");
        }
        self.tls.end()
    }

    pub(crate) fn write(&mut self, data: &[u8]) {
        self.tls.write(data);
        self.send();
    }

    pub(crate) fn close(&mut self) {
        self.tls.close();
        self.send();
    }
}

/// Makes the handshake with OpenSSL. What OpenSSL sends behind it, tickets for instance, it has not sent.
pub(crate) fn connect(role: Role, agreed: Negotiated) -> (User, Openssl) {
    let handshake = match role {
        Role::Client => client(Arc::new(rustls_client_config(agreed.version, agreed.suite))),
        Role::Server => {
            Handshake::server(Arc::new(rustls_server_config(agreed.version, agreed.suite))).unwrap()
        }
    };
    connect_by(handshake, role, agreed)
}

pub(crate) fn client(config: Arc<ClientConfig>) -> Handshake {
    Handshake::client(config, SERVER_NAME.try_into().unwrap()).unwrap()
}

pub(crate) fn connect_by(handshake: Handshake, role: Role, agreed: Negotiated) -> (User, Openssl) {
    let (ours, peer) = openssl_peer(role, agreed);
    let stream = Stream::from_handshake(handshake, ours).unwrap();
    (stream, peer.join().unwrap())
}

/// Makes the handshake by OpenSSL at our end, too.
pub(crate) fn connect_by_openssl<P: Provider>(
    role: Role,
    agreed: Negotiated,
) -> (Stream<TcpStream, P>, Openssl) {
    let ssl = OpensslContext::new(&agreed.setup(role)).ssl();
    let library = match role {
        Role::Client => takeover::Openssl::client(ssl),
        Role::Server => takeover::Openssl::server(ssl),
    };
    let (ours, peer) = openssl_peer(role, agreed);
    let stream = Stream::from_takeover(Takeover::new(library.unwrap()), ours).unwrap();
    (stream, peer.join().unwrap())
}

/// Returns our end of a connection, and OpenSSL at the other end while it makes the handshake. `role` is ours.
fn openssl_peer(role: Role, agreed: Negotiated) -> (TcpStream, JoinHandle<Openssl>) {
    let (ours, theirs) = sockets();
    let other = if role == Role::Client { Role::Server } else { Role::Client };
    let peer = thread::spawn(move || {
        let tls = OpensslPeer::new(&agreed.setup(other));
        let mut peer = Openssl { tls, socket: theirs, read: Vec::new() };
        peer.send();
        while peer.tls.is_handshaking() {
            assert!(peer.receive());
            let sends_tickets = other == Role::Server && agreed.version == Version::Tls13;
            if peer.tls.is_handshaking() || !sends_tickets {
                peer.send();
            }
        }
        peer
    });
    (ours, peer)
}

/// Hands a stream to the kernel. `None` if the kernel has no TLS, or not with this suite.
///
/// # Panics
/// In the virtual machine, where the kernel has it.
pub(crate) fn to_kernel(stream: User) -> Option<Kernel> {
    match KernelStream::new(stream) {
        Ok(kernel) => Some(kernel),
        Err(refused) => left_out(refused),
    }
}

fn left_out(refused: NotInKernel<TcpStream, Ring>) -> Option<Kernel> {
    let reason = refused.error.get_ref().and_then(|error| error.downcast_ref());
    let is_missing = matches!(reason, Some(KernelTlsError::NoModule | KernelTlsError::Suite));
    assert!(is_missing && !is_required(), "{}", refused.error);
    println!("left out: {}", refused.error);
    None
}

/// Whether the kernel must have TLS.
pub(crate) fn is_required() -> bool {
    env::var_os("KTLS_REQUIRED").is_some()
}

/// A connection in the kernel with OpenSSL, whose tickets have arrived.
pub(crate) fn pair(role: Role, agreed: Negotiated) -> Option<(Kernel, Openssl)> {
    let (stream, mut peer) = connect(role, agreed);
    peer.send();
    Some((to_kernel(stream)?, peer))
}

/// A TLS 1.3 peer that seals whatever it is told to.
pub(crate) struct Sealing {
    pub(crate) socket: TcpStream,
    direction: KernelDirection<Ring>,
    aead: RingAead,
    iv: [u8; 12],
    sequence: u64,
}

impl Sealing {
    /// Makes a connection with a client in user space.
    pub(crate) fn connect() -> (User, Self) {
        Self::connect_over(sockets())
    }

    pub(crate) fn connect_over((ours, mut theirs): (TcpStream, TcpStream)) -> (User, Self) {
        let peer = thread::spawn(move || {
            let config = rustls_server_config(TLS13.version, TLS13.suite);
            let mut handshake = Handshake::server(Arc::new(config)).unwrap();
            handshake.complete(&mut theirs).unwrap();
            let mut established = handshake.finish::<Ring>().unwrap();
            theirs.write_all(established.unsent.filled()).unwrap();
            let mut direction = established.sealer.hand_to_kernel().unwrap();
            let (aead, iv, sequence) = keys(&mut direction);
            Self { socket: theirs, direction, aead, iv, sequence }
        });
        let config = rustls_client_config(TLS13.version, TLS13.suite);
        let stream = Stream::from_handshake(client(Arc::new(config)), ours).unwrap();
        (stream, peer.join().unwrap())
    }

    pub(crate) fn pair() -> Option<(Kernel, Self)> {
        let (stream, peer) = Self::connect();
        Some((to_kernel(stream)?, peer))
    }

    /// Updates the keys.
    pub(crate) fn update(&mut self) {
        self.direction.update().unwrap();
        (self.aead, self.iv, self.sequence) = keys(&mut self.direction);
    }

    /// Seals a record.
    pub(crate) fn seal(&mut self, content_type: u8, content: &[u8]) -> Vec<u8> {
        let mut body = [content, &[content_type]].concat();
        let mut record = vec![23, 3, 3];
        record.extend((body.len() as u16 + 16).to_be_bytes());
        let mut nonce = self.iv;
        for (place, byte) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *place ^= byte;
        }
        self.sequence += 1;
        let mut tag = [0; 16];
        self.aead.seal(&nonce, &record, &mut body, &mut tag).unwrap();
        [&record[..], &body, &tag].concat()
    }

    pub(crate) fn send(&mut self, content_type: u8, content: &[u8]) {
        let record = self.seal(content_type, content);
        self.socket.write_all(&record).unwrap();
    }

    /// Receives up to the end of the transport.
    pub(crate) fn receive_all(&mut self) -> Vec<u8> {
        let mut received = Vec::new();
        let _ = self.socket.read_to_end(&mut received);
        received
    }
}

/// Returns the key, the iv and the sequence number of a direction with AES-128-GCM.
fn keys(direction: &mut KernelDirection<Ring>) -> (RingAead, [u8; 12], u64) {
    // The fields are version, cipher, iv, key, salt and sequence number.
    let info = direction.crypto_info().unwrap();
    let info = info.as_bytes();
    let mut iv = [0; 12];
    iv[..4].copy_from_slice(&info[28..32]);
    iv[4..].copy_from_slice(&info[4..12]);
    let aead = Ring::aead(Algorithm::Aes128Gcm, &info[12..28]).unwrap();
    (aead, iv, u64::from_be_bytes(info[32..].try_into().unwrap()))
}

/// A NewSessionTicket message of 300 bytes.
pub(crate) fn ticket() -> Vec<u8> {
    let body = [&[0, 0, 0, 60, 1, 2, 3, 4, 1, 0, 1, 26][..], &[7; 282], &[0, 0]].concat();
    [&[4, 0, 1, 40][..], &body].concat()
}

/// Waits until the kernel keeps an error for the next call of the socket.
pub(crate) fn wait_for_error(kernel: &Kernel) {
    // `POLLERR` need not be asked for.
    let mut sockets = [PollFd::new(kernel.as_fd(), PollFlags::empty())];
    assert_eq!(poll(&mut sockets, PollTimeout::from(20_000_u16)), Ok(1), "no error");
}

/// Makes a socket non-blocking, and writes until it takes no more. Returns the data.
pub(crate) fn fill(kernel: &mut Kernel) -> Vec<u8> {
    kernel.socket().set_nonblocking(true).unwrap();
    let data = message(1 << 16);
    let mut written = Vec::new();
    loop {
        match kernel.write(&data) {
            Ok(len) => written.extend(&data[..len]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return written;
            }
        }
    }
}

/// Ends the peer's direction of the transport.
pub(crate) fn cut(socket: &TcpStream) {
    socket.shutdown(Shutdown::Write).unwrap();
}
