//! Compares the adapter's streams with those of other libraries: CPU time and memory.
//!
//! ```text
//! cargo run --release -p tls-record-benches --features streams --bin streams
//! ```
//!
//! The measured side runs in its own thread on its own processor, and the time is the user and
//! system CPU time of that thread. The two libraries take turns. In each round, the time of the
//! adapter is divided by the time of the other library; the result is the median of these ratios.
//! `benches/README.md` describes the cases.

mod blocking_library;
mod bulk;
mod case;
mod clock;
#[path = "../compare/heap.rs"]
mod heap;
mod http_pair;
mod http_server;
mod limits;
mod memory;
mod peer;
mod ping_pong;
mod polled;
mod proxy;
mod report;
mod setup;
mod tokio_library;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use std::{fs, io};

use case::{Effort, Row, Section};
use clap::Parser;
use limits::Limits;
use report::Part;
use setup::{Setup, Tls};

/// Compares the adapter's streams with tokio-rustls and rustls.
#[derive(Parser)]
struct Arguments {
    /// Measure only cases whose name contains this text.
    #[arg(long, default_value = "")]
    only: String,
    /// The TLS version.
    #[arg(long, value_enum, default_value = "1.3")]
    tls: Tls,
    /// Do not set TCP_NODELAY, so that TCP gathers short writes (Nagle's algorithm).
    #[arg(long)]
    nagle: bool,
    /// The number of rounds, in which each library takes a turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// The least CPU time of a turn, in milliseconds.
    #[arg(long, default_value_t = 200)]
    milliseconds: u64,
    /// Draw the figures to this file.
    #[arg(long, visible_alias = "chart")]
    svg: Option<PathBuf>,
    /// Fail if a ratio is above its limit in `streams.limits`.
    #[arg(long)]
    check: bool,
}

/// Measures the cases of a section whose names contain `only`.
fn measure(section: &Section, only: &str, effort: Effort) -> io::Result<Vec<Row>> {
    let wanted = section.cases.iter().filter(|case| case.name.contains(only));
    wanted
        .map(|case| {
            eprintln!("{}", case.name);
            case.measure(section.unit, effort)
        })
        .collect()
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let setup = Setup::new(arguments.tls, !arguments.nagle);
    let limits = Limits::new();
    let effort = Effort {
        rounds: arguments.rounds.into(),
        turn: Duration::from_millis(arguments.milliseconds),
    };
    clock::pin_subject();

    let sections = [
        proxy::section(&setup),
        bulk::tokio_section(&setup),
        bulk::blocking_section(&setup),
        ping_pong::tokio_section(&setup),
        ping_pong::blocking_section(&setup),
        http_server::section(&setup),
        http_pair::section(&setup),
    ];
    let mut names = vec![];
    let mut parts = vec![];
    for section in &sections {
        names.extend(section.cases.iter().map(|case| case.name.clone()));
        parts.push(Part {
            title: section.title,
            ours: section.ours,
            theirs: section.theirs,
            unit: section.unit.name(),
            rows: measure(section, &arguments.only, effort)?,
        });
    }
    for (title, unit, rows) in [
        ("Memory of one end", "heap, bytes per connection", memory::held(&setup)?),
        ("Messages of 64 bytes", "allocations per message", memory::allocations(&setup)?),
    ] {
        names.extend(rows.iter().map(|row| row.name.clone()));
        let wanted = rows.into_iter().filter(|row| row.name.contains(&arguments.only));
        parts.push(Part {
            title,
            ours: "tls-record, TokioStream",
            theirs: "tokio-rustls",
            unit,
            rows: wanted.collect(),
        });
    }
    parts.retain(|part| !part.rows.is_empty());

    for part in &parts {
        part.print(&limits)?;
    }
    if let Some(path) = &arguments.svg {
        fs::write(path, report::svg(&parts))?;
    }
    let rows: Vec<_> = parts.into_iter().flat_map(|part| part.rows).collect();
    let failures = if arguments.check { limits.failures(&names, &rows) } else { vec![] };
    for failure in &failures {
        eprintln!("{failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
