//! A client and a server over smoltcp, both in this process: data in both directions at once, KeyUpdates,
//! and the ways in which a connection ends. `driver.rs` is what a user writes, without `std` and without a
//! heap. CI also compiles it for a Cortex-M4, and runs it there.
//!
//! ```sh
//! cargo run -p tls-record --example smoltcp -- --help
//! cargo test -p tls-record --example smoltcp
//! ```

pub mod driver;
mod network;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use network::Network;
use smoltcp::socket::tcp::Socket;
use tls_record::aead::{Algorithm, ring::Ring};
use tls_record::{
    AlertDescription, Config, End, Epoch, OpenError, ReadEnd, RecordLayer, Role, TrafficSecret,
};

/// Length of the longest record, in bytes: up to 512 bytes of data, and their protection.
const RECORD: usize = 542;

type Secret = TrafficSecret<Ring>;
type Tls = driver::Tls<Secret, RECORD>;

/// Runs a TLS client and a TLS server over smoltcp, in one process, and prints how the connection ends.
///
/// Both send at once. Halfway each goes on to new keys, and requests new keys of the other. The exit status
/// is 1 if other data arrives than was sent, or if an end is not reported as what it is.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// How much each end sends, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    data: usize,
    /// Length of the send buffer and of the receive buffer of each socket, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 1500,
        value_parser = clap::value_parser!(u16).range(RECORD as i64..))]
    buffer: u16,
    /// How many percent of the packets are lost while data is sent. TCP sends them again.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=50))]
    lose: u8,
    /// How the client ends when it has sent and received everything.
    #[arg(long, value_enum, default_value_t)]
    end: How,
}

/// How a client ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
enum How {
    /// By a close_notify, and then it waits for that of the server: a shutdown in two steps.
    #[default]
    Close,
    /// By a fatal alert, as when the application finds something wrong: the server must report it.
    Alert,
    /// By a FIN without a close_notify: the server must report a truncation.
    Fin,
    /// By a reset of the TCP connection, which is a truncation as well.
    Reset,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut pair = Pair::new(args.data, (args.buffer.into(), args.buffer.into()));
    pair.network.lose(args.lose);
    let mut polls = 0;
    // A reset destroys what has not arrived.
    while pair.is_busy() {
        pair.turn()?;
        polls += 1;
    }
    println!("{} bytes in each direction, {polls} polls of the interface", args.data);
    pair.network.lose(0); // Nobody repeats a reset.
    let ends = pair.end(args.end);
    for (name, app, end) in [("client", &pair.client, ends[0]), ("server", &pair.server, ends[1])] {
        println!("{name}: received {} bytes; {:?}; {:?}", app.received, end.read, end.write);
        if app.is_corrupt || app.received != args.data {
            return Err("other data has arrived than was sent".into());
        }
    }
    let is_right = match args.end {
        How::Close => ends[0].is_clean() && ends[1].is_clean(),
        How::Alert => ends[1].read == ReadEnd::PeerAlert(AlertDescription::INTERNAL_ERROR),
        How::Fin | How::Reset => matches!(ends[1].read, ReadEnd::Truncated { .. }),
    };
    if is_right { Ok(()) } else { Err("the end is reported as another".into()) }
}

/// Both applications, and the network between them.
struct Pair {
    network: Network,
    client: App,
    server: App,
}

impl Pair {
    /// Each end is going to send `len` bytes. Each socket has a send and a receive buffer of the lengths
    /// `buffers`.
    fn new(len: usize, buffers: (usize, usize)) -> Self {
        let network = Network::new(buffers);
        Self { network, client: App::new(Role::Client, len), server: App::new(Role::Server, len) }
    }

    /// Whether data is under way, or the network has no connection yet.
    fn is_busy(&mut self) -> bool {
        let is_connected = self.network.client().may_send() && self.network.server().may_send();
        !is_connected || self.client.is_busy() || self.server.is_busy()
    }

    fn turn(&mut self) -> Result<(), OpenError> {
        self.network.poll();
        self.client.turn(self.network.client())?;
        self.server.turn(self.network.server())
    }

    /// The client ends, the server answers. Returns how the connection ended for each.
    fn end(&mut self, how: How) -> [End; 2] {
        let (layer, socket) = (&mut self.client.tls.layer, self.network.client());
        match how {
            How::Close => layer.close().unwrap(),
            How::Alert => layer.abort(AlertDescription::INTERNAL_ERROR).unwrap(),
            How::Fin => socket.close(),
            How::Reset => socket.abort(),
        }
        self.settle();
        [self.client.tls.layer.end(), self.server.tls.layer.end()]
    }

    /// Goes on until nothing happens any more. A server whose client has closed closes as well.
    fn settle(&mut self) {
        for _ in 0..200 {
            self.network.poll();
            let _ = self.client.turn(self.network.client());
            let _ = self.server.turn(self.network.server());
            if let ReadEnd::Closed { .. } = self.server.tls.layer.end().read
                && self.server.unsent() == 0
            {
                let _ = self.server.tls.layer.close();
            }
        }
    }
}

/// An application, which sends bytes that the other one knows.
struct App {
    tls: Tls,
    /// How many bytes it sends in all.
    len: usize,
    sent: usize,
    received: usize,
    has_updated_keys: bool,
    is_corrupt: bool,
}

/// The data, from any multiple of 256 on.
static DATA: [u8; 4096] = {
    let mut data = [0; 4096];
    let mut at = 0;
    while at < data.len() {
        data[at] = at as u8;
        at += 1;
    }
    data
};

impl App {
    /// The handshake, of which there are only the secrets here, has told both ends the limit.
    fn new(role: Role, len: usize) -> Self {
        let mut layer = RecordLayer::new(Config::new(role));
        let secret = |byte| Secret::tls13(Algorithm::Aes128Gcm, &[byte; 32]).unwrap();
        layer.install(Epoch::Application, secret(1), secret(2)).unwrap();
        let tls = Tls::new(layer);
        Self { tls, len, sent: 0, received: 0, has_updated_keys: false, is_corrupt: false }
    }

    fn unsent(&self) -> usize {
        self.len - self.sent
    }

    /// Whether something is still to be sent or received, or to be sealed.
    fn is_busy(&self) -> bool {
        self.unsent() > 0 || self.received < self.len || self.tls.layer.has_control()
    }

    /// Does what can be done now. To be called after every poll of the interface.
    fn turn(&mut self, socket: &mut Socket) -> Result<(), OpenError> {
        self.receive(socket)?;
        self.send(socket);
        Ok(())
    }

    fn receive(&mut self, socket: &mut Socket) -> Result<(), OpenError> {
        let Self { tls, received, is_corrupt, .. } = self;
        let deliver = |bytes: &[u8]| {
            *is_corrupt |= bytes != &DATA[*received % 256..][..bytes.len()];
            *received += bytes.len();
        };
        let mut deliver = deliver;
        while tls.receive(socket, &mut deliver)? {}
        Ok(())
    }

    /// Sends until there is no more room or data.
    fn send(&mut self, socket: &mut Socket) {
        if self.sent >= self.len / 2 && !self.has_updated_keys && self.len > 0 {
            self.has_updated_keys = self.tls.layer.update_keys(true).is_ok();
        }
        let piece = &DATA[self.sent % 256..][..self.unsent().min(DATA.len() - 256)];
        self.sent += self.tls.send(socket, piece).unwrap_or(0);
    }
}
