//! The server: a loop over the clients, the listening socket, and the process before or after this one.

use std::cell::Cell;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use rustix::process::{Signal, getpid, kill_process};
use rustls::ServerConfig;
use tls_record::SuspendError;
use zeroize::Zeroizing;

use crate::client::Client;
use crate::handover::{self, Giver, Key, PATIENCE, Taker};
use crate::support::{Identity, Tls};

/// A TLS server that can be restarted without losing a connection.
///
/// Every line of a client is answered with the number of the process, the number of the line, and the line.
/// If a process listens at --socket, this one takes over its listening socket and its connections, and that
/// one ends.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Where to listen, as HOST:PORT, if there is no process to take over from.
    #[arg(long, value_name = "ADDR")]
    listen: String,
    /// The Unix socket through which connections are handed over.
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// A file of 32 random bytes, for both processes and for no one else.
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
    /// For tests: the step of a hand-over at which the process kills itself.
    #[arg(long, value_name = "STEP", hide = true)]
    die_at: Option<String>,
    /// For tests: at which time that it comes to the step.
    #[arg(long, default_value_t = 1, hide = true)]
    die_after: u32,
    /// For tests: the longest message of a hand-over, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = handover::MAX_MESSAGE, hide = true)]
    max_message: usize,
}

/// How many connections are taken over before it is the turn of the clients.
const BATCH: usize = 16;

/// How long after a failure this process tries again to listen for a successor.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) fn main() -> ExitCode {
    match Server::new(Args::parse()).and_then(|server| Ok(server.run()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hot_restart: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Server {
    path: PathBuf,
    config: Arc<ServerConfig>,
    secret: Key,
    steps: Steps,
    max_message: usize,
    /// `None` after a hand-over that ended early: the predecessor accepts the new clients.
    listener: Option<TcpListener>,
    clients: Vec<Client>,
    /// The process before this one, until it has given everything.
    predecessor: Option<Taker>,
    /// Where the process after this one connects, as soon as this one has taken everything.
    successors: Option<OwnedFd>,
    /// When to listen there, if not at once: it has failed before.
    listen_at: Instant,
    /// The process after this one, and since when it is there.
    successor: Option<(Giver, Instant)>,
}

impl Server {
    fn new(args: Args) -> Result<Self, Box<dyn Error>> {
        let steps = Steps { die_at: args.die_at, left: Cell::new(args.die_after) };
        let secret = Zeroizing::new(std::fs::read(&args.secret)?);
        let secret = secret[..].try_into().map_err(|_| "the secret is not 32 bytes long")?;
        let secret = Zeroizing::new(secret);
        let config = Arc::new(Identity::self_signed()?.server_config(Tls::Any)?);

        let path = args.socket;
        let mut predecessor = Taker::connect(&path, &secret)?;
        steps.reached("requested");
        let (listener, successors): (TcpListener, _) = match &mut predecessor {
            Some(predecessor) => (predecessor.listener()?.into(), None),
            None => (TcpListener::bind(&args.listen)?, Some(handover::listen(&path)?)),
        };
        steps.reached("listener-taken");
        listener.set_nonblocking(true)?;
        println!("listening on {}", listener.local_addr()?);
        Ok(Self {
            path,
            config,
            secret,
            steps,
            max_message: args.max_message,
            listener: Some(listener),
            clients: Vec::new(),
            predecessor,
            successors,
            listen_at: Instant::now(),
            successor: None,
        })
    }

    /// Serves until a successor has taken everything. An error if the predecessor did not give everything, and the
    /// last of the clients that it gave has gone.
    fn run(mut self) -> io::Result<()> {
        loop {
            if self.listener.is_none() && self.clients.is_empty() {
                return Err(io::Error::other("the last connection that was taken over has ended"));
            }
            let mut ready = self.wait()?.into_iter();
            self.clients.retain_mut(|client| ready.next() != Some(true) || client.pump());
            let has_clients = self.listener.is_some() && ready.next() == Some(true);
            let has_process = ready.next() == Some(true);
            if self.successor.is_some() {
                match self.give() {
                    Ok(true) => return Ok(()),
                    Ok(false) => continue,
                    Err(error) => eprintln!("hot_restart: the hand-over was called off: {error}"),
                }
            } else if has_process && self.predecessor.is_some() {
                self.take();
            } else if has_process && let Err(error) = self.begin_giving() {
                eprintln!("hot_restart: a successor was refused: {error}");
            }
            self.listen();
            if has_clients {
                self.accept();
            }
        }
    }

    /// Waits, and returns whether each client is ready, the listening socket, and the other process, as far as they
    /// are there.
    fn wait(&self) -> io::Result<Vec<bool>> {
        let (mut accepting, mut timeout) = (PollFlags::IN, None);
        let process = match (&self.successor, &self.predecessor, &self.successors) {
            (Some((giver, _)), ..) => {
                // New clients wait for the successor, and unfinished handshakes for PATIENCE.
                accepting = PollFlags::empty();
                timeout = Some(Duration::from_millis(10));
                Some(giver.socket.as_fd())
            }
            (_, Some(taker), _) => Some(taker.socket.as_fd()),
            (_, _, Some(successors)) => Some(successors.as_fd()),
            (None, None, None) => {
                timeout = self.listener.is_some().then_some(RETRY);
                None
            }
        };
        let timeout = timeout.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        let mut fds: Vec<_> = self.clients.iter().map(Client::poll_fd).collect();
        fds.extend(self.listener.as_ref().map(|listener| PollFd::new(listener, accepting)));
        fds.extend(process.map(|process| PollFd::from_borrowed_fd(process, PollFlags::IN)));
        retry_on_intr(|| poll(&mut fds, timeout.as_ref()))?;
        Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect())
    }

    /// Listens for a successor, as soon as there is no predecessor.
    fn listen(&mut self) {
        let is_alone = self.listener.is_some() && self.predecessor.is_none();
        if !is_alone || self.successors.is_some() || Instant::now() < self.listen_at {
            return;
        }
        match handover::listen(&self.path) {
            Ok(successors) => self.successors = Some(successors),
            // The clients are served all the same.
            Err(error) => {
                eprintln!("hot_restart: no successor can connect to --socket: {error}");
                self.listen_at = Instant::now() + RETRY;
            }
        }
    }

    fn accept(&mut self) {
        while let Some(listener) = &self.listener {
            let accepted = listener.accept();
            match accepted.and_then(|(tcp, _)| Client::new(tcp, self.config.clone())) {
                Ok(client) => self.clients.push(client),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // The client is gone, or there are too many at a time: keep serving the others.
                Err(error) => {
                    eprintln!("hot_restart: a client was not accepted: {error}");
                    return thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }

    fn begin_giving(&mut self) -> io::Result<()> {
        let (Some(listener), Some(successors)) = (&self.listener, &self.successors) else {
            return Ok(());
        };
        let mut giver = Giver::accept(successors, &self.secret)?;
        giver.max_message = self.max_message;
        self.steps.reached("accepted");
        giver.give_listener(listener.as_fd())?;
        self.steps.reached("listener-given");
        self.successor = Some((giver, Instant::now()));
        Ok(())
    }

    /// Gives the next connections to the successor; true after the last. After an error, those that were
    /// not given are still served here.
    fn give(&mut self) -> io::Result<bool> {
        let Some((mut giver, since)) = self.successor.take() else { return Ok(false) };
        let given = self.give_to(&mut giver, since);
        match given {
            Ok(_) => self.successor = Some((giver, since)),
            Err(_) => giver.call_off(),
        }
        given
    }

    fn give_to(&mut self, giver: &mut Giver, since: Instant) -> io::Result<bool> {
        let mut room = giver.room()?;
        for at in (0..self.clients.len()).rev() {
            if room == 0 {
                break;
            }
            match self.clients[at].suspend(giver) {
                Ok(suspended) => {
                    self.steps.reached("suspended");
                    if let Some(with) = self.clients.swap_remove(at).into_belongings() {
                        giver.give(suspended, with)?;
                    }
                    self.steps.reached("given");
                    room -= 1;
                }
                Err(SuspendError::Busy) if since.elapsed() < PATIENCE => {}
                Err(_) => drop(self.clients.swap_remove(at)),
            }
        }
        if self.clients.is_empty() && giver.finish()? {
            self.steps.reached("finished");
            return Ok(true);
        }
        Ok(false)
    }

    /// Takes the connections that have arrived from the predecessor.
    fn take(&mut self) {
        let Some(mut taker) = self.predecessor.take() else { return };
        for _ in 0..BATCH {
            match self.take_one(&mut taker) {
                Ok(true) => continue,
                Ok(false) => self.steps.reached("all-taken"),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    eprintln!("hot_restart: the hand-over ended early: {error}");
                    // Only one process may keep it, or a successor would reach only one of two.
                    if !taker.has_dead_giver() {
                        eprintln!("hot_restart: new clients go to the process before this one");
                        self.listener = None;
                    }
                }
            }
            println!("took over {} connections", taker.taken());
            return;
        }
        self.predecessor = Some(taker);
    }

    /// Takes the next connection; false if there are no more.
    fn take_one(&mut self, taker: &mut Taker) -> io::Result<bool> {
        let Some((suspended, with)) = taker.receive()? else { return Ok(false) };
        self.steps.reached("received");
        let layer = taker.resume(suspended)?;
        self.steps.reached("resumed");
        let mut client = Client::resumed(layer, with).ok_or(ErrorKind::InvalidData)?;
        taker.acknowledge();
        self.steps.reached("acknowledged");
        // Its buffers may hold a line, of which the socket knows nothing.
        if client.pump() {
            self.clients.push(client);
        }
        Ok(true)
    }
}

/// Where this process is to be killed.
struct Steps {
    die_at: Option<String>,
    left: Cell<u32>,
}

impl Steps {
    fn reached(&self, step: &str) {
        if self.die_at.as_deref() == Some(step) {
            self.left.set(self.left.get() - 1);
            if self.left.get() == 0 {
                let _ = kill_process(getpid(), Signal::KILL);
            }
        }
    }
}
