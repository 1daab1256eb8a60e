//! The adapter's streams beside those of others: CPU time, and memory.
//!
//! ```text
//! cargo run --release -p tls-record-benches --features streams --bin streams
//! ```
//!
//! What is measured has a thread and a processor of its own, and the time is that thread's, in user
//! and in system mode. The two libraries take turns; the ratio is the median over the rounds of what
//! ours took over what theirs took. `benches/README.md` says what the cases are.

mod blocking_library;
mod bulk;
mod case;
mod clock;
#[path = "../compare/heap.rs"]
mod heap;
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

/// Measures the adapter's streams beside tokio-rustls and rustls.
#[derive(Parser)]
struct Arguments {
    /// Only cases with this in their names.
    #[arg(long, default_value = "")]
    only: String,
    /// The version of TLS.
    #[arg(long, value_enum, default_value = "1.3")]
    tls: Tls,
    /// Leaves Nagle's algorithm on: without TCP_NODELAY, TCP gathers what is written in small pieces.
    #[arg(long)]
    nagle: bool,
    /// How often the libraries take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// CPU time that each turn takes at least.
    #[arg(long, default_value_t = 200)]
    milliseconds: u64,
    /// Draws the figures to this file.
    #[arg(long, visible_alias = "chart")]
    svg: Option<PathBuf>,
    /// Fails if a ratio is above its limit in `streams.limits`.
    #[arg(long)]
    check: bool,
}

/// Measures the cases of a section whose names have `only` in them.
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
        ("Memory of one end", "bytes of heap", memory::held(&setup)?),
        ("Messages of 64 bytes", "allocations", memory::allocations(&setup)?),
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
