//! Connections that the engine takes over from the handshakes of OpenSSL and rustls, with nothing but
//! the bytes of both directions and the lines of a key log.

mod by_hand;
mod connection;
mod gnutls;
mod recorded;
mod refusals;

use recorded::Recording;
use tls_record::aead::ring::Ring;
use tls_record::aead::rustcrypto::RustCrypto;
use tls_record::aead::{Algorithm, Provider};
use tls_record::takeover::{Follower, KeyLogLine, SecretKind, TakeoverError};
use tls_record::{Config, Event, HEADER_LEN, Header, Opened, RecordLayer, TrafficSecret};
use tls_record_tests::peers::{
    Extras, Group, Negotiated, OpensslContext, Peer, PeerEnd, Role, RustlsPeer, SecretLog, Suite,
    Version, pump, rustls_client_config_with, rustls_server_config_with,
};

/// The implementations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stack {
    Openssl,
    Rustls,
}

impl Stack {
    const ALL: [Self; 2] = [Self::Openssl, Self::Rustls];

    fn peer(self, role: Role, agreed: Negotiated, extras: &Extras) -> Box<dyn Peer> {
        let Negotiated { version, suite } = agreed;
        match (self, role) {
            (Self::Openssl, _) => {
                Box::new(OpensslContext::with(&agreed.setup(role), extras).peer())
            }
            (Self::Rustls, Role::Client) => Box::new(RustlsPeer::client(
                rustls_client_config_with(version, suite, extras).into(),
            )),
            (Self::Rustls, Role::Server) => Box::new(RustlsPeer::server(
                rustls_server_config_with(version, suite, extras).into(),
            )),
        }
    }
}

fn engine_role(role: Role) -> tls_record::Role {
    match role {
        Role::Client => tls_record::Role::Client,
        Role::Server => tls_record::Role::Server,
    }
}

fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// The first record of `bytes`, or `None` if there is no whole one.
fn first_record(bytes: &[u8]) -> Option<usize> {
    let header = Header::decode(*bytes.first_chunk()?);
    let total = HEADER_LEN + usize::from(header.length);
    (total <= bytes.len()).then_some(total)
}

/// Follows all records of `bytes`. Returns how many messages and records that were.
fn follow<P: Provider>(
    follower: &mut Follower<P>,
    sender: Role,
    bytes: &[u8],
) -> Result<usize, TakeoverError> {
    let (mut bytes, mut at, mut count) = (bytes.to_vec(), 0, 0);
    while at < bytes.len() {
        let Opened { consumed, .. } = follower.follow(engine_role(sender), &mut bytes[at..])?;
        assert_ne!(consumed, 0, "only whole records are followed here");
        at += consumed;
        count += 1;
    }
    Ok(count)
}

/// A library whose handshake is followed, and what stands at the other end.
struct Takeover {
    role: Role,
    library: Box<dyn Peer>,
    peer: Box<dyn Peer>,
    log: SecretLog,
    /// What the peer sent and the library was not shown.
    received: Vec<u8>,
}

impl Takeover {
    /// Runs the handshake to its end. The library sees one record at a time, and no other before that was
    /// followed.
    fn run<P: Provider>(&mut self) -> Result<Follower<P>, TakeoverError> {
        let mut follower = Follower::<P>::new();
        let mut record = Vec::new();
        for _ in 0..100 {
            self.library.receive(&record);
            self.tell_secrets(&mut follower)?;
            follow(&mut follower, other(self.role), &record)?;
            self.tell_secrets(&mut follower)?;
            let sent = self.library.take_output();
            follow(&mut follower, self.role, &sent)?;
            self.peer.receive(&sent);
            self.received.extend(self.peer.take_output());
            if follower.is_complete() && !self.library.is_handshaking() {
                return Ok(follower);
            }
            let len = first_record(&self.received).unwrap_or(0);
            record = self.received.drain(..len).collect();
        }
        panic!("the handshake does not end");
    }

    fn tell_secrets<P: Provider>(&self, follower: &mut Follower<P>) -> Result<(), TakeoverError> {
        for line in self.log.lines() {
            follower.key_log(line.as_bytes())?;
        }
        Ok(())
    }

    fn finish<P: Provider>(&mut self) -> RecordLayer<TrafficSecret<P>> {
        let mut follower = self.run::<P>().expect("the handshake can be followed");
        follower.finish(Config::new(engine_role(self.role))).expect("the connection is taken over")
    }
}
