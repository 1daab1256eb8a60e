//! Compares the CPU time of the server on io_uring with that of a server on tokio-rustls.
//!
//! Both are programs of one thread on the first processor. The same clients, in this program and on the other
//! processors, load them in turns. The time is user and system time of the server's process, from the clients'
//! first handshake to their last close, for each MiB of data that the server sent.

mod load;
mod peer;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use clap::{Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(version, about = "Compares the server on io_uring with one on tokio-rustls")]
struct Args {
    #[command(subcommand)]
    command: What,
}

#[derive(Subcommand)]
enum What {
    /// Measure. Needs Linux and two processors.
    Run {
        /// How often each server takes a turn.
        #[arg(long, default_value_t = 7)]
        rounds: usize,
        /// Connections at a time.
        #[arg(long, default_value_t = 8)]
        connections: usize,
        /// MiB of data in a turn, over all connections.
        #[arg(long, default_value_t = 512)]
        mib: usize,
        /// Measure only cases whose name contains this text.
        #[arg(long, default_value = "")]
        only: String,
        /// More arguments for the server on io_uring.
        #[arg(long, value_delimiter = ' ', allow_hyphen_values = true)]
        server: Vec<String>,
    },
    /// Be the server on tokio-rustls.
    Peer {
        /// What to serve.
        #[arg(long, value_enum)]
        mode: Mode,
        /// Bytes of content of a record.
        #[arg(long)]
        record: usize,
        /// Bytes of a write.
        #[arg(long)]
        write: usize,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    Http,
    Echo,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Echo => "echo",
        }
    }
}

struct Case {
    name: &'static str,
    mode: Mode,
    record: usize,
    /// Bytes that the server on tokio-rustls writes at a time.
    write: usize,
}

const CASES: [Case; 6] = [
    Case { name: "download/16384", mode: Mode::Http, record: 16384, write: 16384 },
    Case { name: "download/1024", mode: Mode::Http, record: 1024, write: 1024 },
    Case {
        name: "download/16384, writes of 256 KiB",
        mode: Mode::Http,
        record: 16384,
        write: 262_144,
    },
    Case {
        name: "download/1024, writes of 256 KiB",
        mode: Mode::Http,
        record: 1024,
        write: 262_144,
    },
    Case { name: "echo/16384", mode: Mode::Echo, record: 16384, write: 262_144 },
    Case { name: "echo/1024", mode: Mode::Echo, record: 1024, write: 262_144 },
];

fn main() -> ExitCode {
    let done = match Args::parse().command {
        What::Run { rounds, connections, mib, only, server } => {
            let mut cases = CASES.iter().filter(|case| case.name.contains(&only));
            println!(
                "| case | io_uring, µs of CPU per MiB | tokio-rustls | ratio | quartiles | ratio of the least |"
            );
            println!("|---|---|---|---|---|---|");
            cases.try_for_each(|case| measure(case, rounds, connections, mib, &server))
        }
        What::Peer { mode, record, write } => peer::run(mode, record, write).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error: Box<dyn Error> = error;
            eprintln!("measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(
    case: &Case,
    rounds: usize,
    connections: usize,
    mib: usize,
    server: &[String],
) -> Result<(), Box<dyn Error>> {
    let own = env::current_exe()?;
    let record = case.record.to_string();
    let mut ours = vec!["serve", "--mode", case.mode.name(), "--record", &record];
    ours.extend(server.iter().map(String::as_str));
    let ours = Server::start(&own.with_file_name("tls-record-io-uring"), &ours)?;
    let write = case.write.to_string();
    let theirs = ["peer", "--mode", case.mode.name(), "--record", &record, "--write", &write];
    let theirs = Server::start(&own, &theirs)?;

    let bytes = (mib << 20) / connections;
    let turn = |server: &Server| -> io::Result<f64> {
        let before = server.cpu_time()?;
        load::run(server.address, case.mode, case.record, connections, bytes)?;
        let time = server.cpu_time()? - before;
        Ok(time.as_secs_f64() * 1e6 / mib as f64)
    };
    turn(&ours)?;
    turn(&theirs)?;
    let (mut a, mut b, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..rounds {
        let (one, other) = (turn(&ours)?, turn(&theirs)?);
        a.push(one);
        b.push(other);
        ratios.push(one / other);
    }
    let at = |samples: &mut Vec<f64>, quarters: usize| {
        samples.sort_by(f64::total_cmp);
        samples[(samples.len() - 1) * quarters / 4]
    };
    println!(
        "| {} | {:.0} | {:.0} | {:.2} | {:.2} to {:.2} | {:.2} |",
        case.name,
        at(&mut a, 2),
        at(&mut b, 2),
        at(&mut ratios, 2),
        at(&mut ratios, 1),
        at(&mut ratios, 3),
        at(&mut a, 0) / at(&mut b, 0),
    );
    Ok(())
}

/// A server in a process of its own, on the first processor. It is ended on drop.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &Path, args: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(program).args(args).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let address = line.trim_end().rsplit(' ').next().unwrap_or_default().parse()?;
        Ok(Self { child, address })
    }

    /// Returns the user and system time of all threads.
    fn cpu_time(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = fs::read_to_string(thread?.path().join("schedstat"))?;
            nanoseconds += stat.split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}
