//! The record layers of others, beside ours: time, allocations and memory, in one process.
//!
//! ```text
//! cargo run --release -p tls-record-benches --features peers --bin compare
//! ```
//!
//! Every library is a client that has made a handshake with one and the same server. They take turns:
//! in each turn every one of them seals and opens some records of a length, or ends some connections.
//! A process gives the median of its turns, and of the ratios to the first library in the same turn;
//! the table has the median of several processes. `benches/README.md` says what is measured and what
//! is not, and how to add a library.

mod boringssl;
mod buffered;
mod embedded;
mod heap;
mod openssl;
mod ours;
mod peer;
mod s2n;
mod unbuffered;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use clap::Parser;
use peer::{Client, Io, Library, Server};
use tls_record_benches::chart::{self, Chart};
use tls_record_benches::timing::{Spread, nanoseconds};

const LENGTHS: [usize; 3] = [64, 1_024, 16_384];

/// Turns of each process: with records, and with ends of connections.
const TURNS: usize = 301;
const ENDINGS: usize = 15;

/// Connections that end in a turn, one half of them by their own close_notify.
const CONNECTIONS: usize = 64;

/// Records of which the allocations are counted.
const COUNTED: usize = 100;

#[derive(Parser)]
struct Arguments {
    /// Only libraries with this in their names, and ours.
    #[arg(long, default_value = "")]
    only: String,
    /// How many processes to take the median of.
    #[arg(long, default_value_t = 5)]
    processes: usize,
    /// Writes all figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Draws the times to this file.
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Measure once, here, and print numbers for the table.
    #[arg(long, hide = true)]
    one: bool,
}

fn libraries(only: &str) -> Vec<Library> {
    let mut theirs: Vec<Library> = Vec::new();
    theirs.extend(unbuffered::LIBRARIES);
    theirs.extend(buffered::LIBRARIES);
    theirs.extend(openssl::LIBRARIES);
    theirs.extend(boringssl::libraries());
    theirs.extend(s2n::LIBRARIES);
    theirs.extend(embedded::LIBRARIES);
    theirs.retain(|library| library.name.contains(only));
    ours::LIBRARIES.into_iter().chain(theirs).collect()
}

/// A connection of a library, and who makes the records that it receives.
struct Subject {
    client: Box<dyn Client>,
    server: Server,
}

impl Subject {
    fn new(library: &Library) -> Self {
        let (client, server) = (library.connect)(Server::new());
        Self { client, server }
    }

    /// One record each way, and nothing is measured: what is made on first use is there.
    fn warm(&mut self, io: &mut Io) {
        let content = [0x5a; 64];
        // Header, inner type, tag.
        assert_eq!(self.client.seal(&content, io), content.len() + 22);
        io.incoming = self.server.seal(&content);
        assert_eq!(self.client.open(io), content.len());
    }

    fn seal(&mut self, records: usize, content: &[u8], io: &mut Io) -> f64 {
        nanoseconds(records, |_| {
            assert!(self.client.seal(content, io) > content.len());
        })
    }

    fn open(&mut self, records: usize, content: &[u8], io: &mut Io) -> f64 {
        let mut incoming: Vec<_> = (0..records).map(|_| self.server.seal(content)).collect();
        nanoseconds(records, |i| {
            std::mem::swap(&mut io.incoming, &mut incoming[i]);
            assert_eq!(self.client.open(io), content.len());
        })
    }
}

/// Figures of one process, by library and what was measured.
type Figures = BTreeMap<(usize, String), f64>;

/// Figures as they are added: one for each turn.
#[derive(Default)]
struct Samples(BTreeMap<(usize, String), Vec<f64>>);

impl Samples {
    /// One turn of all libraries.
    fn add(&mut self, what: &str, turn: &[f64]) {
        for (library, time) in turn.iter().enumerate() {
            self.0.entry((library, format!("{what}, ns"))).or_default().push(*time);
            let ratio = time / turn[0];
            self.0.entry((library, format!("{what}, ratio"))).or_default().push(ratio);
        }
    }

    fn figures(self) -> Figures {
        self.0.into_iter().map(|(key, samples)| (key, Spread::of(samples).median)).collect()
    }
}

fn records(libraries: &[Library], io: &mut Io, samples: &mut Samples) {
    let mut subjects: Vec<_> = libraries.iter().map(Subject::new).collect();
    for subject in &mut subjects {
        subject.warm(io);
    }
    for len in LENGTHS {
        let content = vec![0x5a; len];
        let records = if len > 10_000 { 4 } else { 32 };
        for turn in 0..TURNS {
            let (mut seal, mut open) = (vec![0.0; subjects.len()], vec![0.0; subjects.len()]);
            // Everyone comes first once.
            for i in 0..subjects.len() {
                let i = (turn + i) % subjects.len();
                seal[i] = subjects[i].seal(records, &content, io);
                open[i] = subjects[i].open(records, &content, io);
            }
            samples.add(&format!("seal {len}"), &seal);
            samples.add(&format!("open {len}"), &open);
        }
    }
}

fn endings(libraries: &[Library], io: &mut Io, samples: &mut Samples) {
    for turn in 0..ENDINGS {
        let (mut out, mut received) = (vec![0.0; libraries.len()], vec![0.0; libraries.len()]);
        for i in 0..libraries.len() {
            let i = (turn + i) % libraries.len();
            let mut subjects: Vec<_> =
                (0..CONNECTIONS).map(|_| Subject::new(&libraries[i])).collect();
            for subject in &mut subjects {
                subject.warm(io);
            }
            let (closing, hearing) = subjects.split_at_mut(CONNECTIONS / 2);
            out[i] = nanoseconds(closing.len(), |i| {
                // Header, alert, inner type, tag.
                assert_eq!(closing[i].client.close(io), 24);
            });
            let mut incoming: Vec<_> =
                hearing.iter_mut().map(|subject| subject.server.close()).collect();
            received[i] = nanoseconds(hearing.len(), |i| {
                std::mem::swap(&mut io.incoming, &mut incoming[i]);
                assert!(hearing[i].client.open_close(io));
            });
        }
        samples.add("close_notify out", &out);
        samples.add("close_notify in", &received);
    }
}

/// Bytes that are freed with a client.
fn held(mut subject: Subject, io: &mut Io) -> f64 {
    // Its transport is left with a short record.
    subject.warm(io);
    let lent = subject.client.lent() as f64;
    let ((), freed) = heap::count(|| drop(subject.client));
    lent - freed.bytes as f64
}

fn memory(libraries: &[Library], io: &mut Io, figures: &mut Figures) {
    for (i, library) in libraries.iter().enumerate() {
        let mut subject = Subject::new(library);
        subject.warm(io);
        for len in LENGTHS {
            let content = vec![0x5a; len];
            let ((), count) = heap::count(|| {
                subject.seal(COUNTED, &content, io);
            });
            let each = count.calls as f64 / COUNTED as f64;
            figures.insert((i, format!("seal {len}, allocations")), each);
            let mut calls = 0;
            for _ in 0..COUNTED {
                io.incoming = subject.server.seal(&content);
                calls += heap::count(|| subject.client.open(io)).1.calls;
            }
            let each = calls as f64 / COUNTED as f64;
            figures.insert((i, format!("open {len}, allocations")), each);
        }
        figures.insert((i, "after long records, bytes of heap".to_owned()), held(subject, io));
        let subject = Subject::new(library);
        figures.insert((i, "after the handshake, bytes of heap".to_owned()), held(subject, io));

        let (mut closing, mut hearing) = (Subject::new(library), Subject::new(library));
        closing.warm(io);
        hearing.warm(io);
        let (_, count) = heap::count(|| closing.client.close(io));
        figures.insert((i, "close_notify out, allocations".to_owned()), count.calls as f64);
        io.incoming = hearing.server.close();
        let (_, count) = heap::count(|| hearing.client.open_close(io));
        figures.insert((i, "close_notify in, allocations".to_owned()), count.calls as f64);
    }
}

/// Prints the figures of this process: one on a line.
fn one(libraries: &[Library]) {
    let mut io = Io::new();
    let mut samples = Samples::default();
    records(libraries, &mut io, &mut samples);
    endings(libraries, &mut io, &mut samples);
    let mut figures = samples.figures();
    memory(libraries, &mut io, &mut figures);
    for ((library, what), figure) in figures {
        println!("{library}\t{what}\t{figure}");
    }
}

/// The median over several processes.
fn measure(arguments: &Arguments) -> Figures {
    let mut all: BTreeMap<(usize, String), Vec<f64>> = BTreeMap::new();
    for process in 1..=arguments.processes {
        eprintln!("process {process} of {}", arguments.processes);
        let output = Command::new(env::current_exe().expect("a program has a path"))
            .args(["--one", "--only", &arguments.only])
            .output()
            .expect("it runs again");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8(output.stdout).expect("text").lines() {
            let [library, what, figure] =
                line.split('\t').collect::<Vec<_>>().try_into().expect("three fields");
            let key = (library.parse().expect("a number"), what.to_owned());
            all.entry(key).or_default().push(figure.parse().expect("a number"));
        }
    }
    all.into_iter().map(|(key, figures)| (key, Spread::of(figures).median)).collect()
}

/// What is timed, in the order of the table.
fn timed() -> Vec<String> {
    let mut timed: Vec<_> = ["seal", "open"]
        .iter()
        .flat_map(|work| LENGTHS.map(|len| format!("{work} {len}")))
        .collect();
    timed.extend(["close_notify out", "close_notify in"].map(String::from));
    timed
}

fn markdown(libraries: &[Library], figures: &Figures) {
    let table = |unit: &str, columns: &[String], print: &dyn Fn(&mut String, f64)| {
        println!("\n| {unit} | {} |", columns.join(" | "));
        println!("|---|{}", "---|".repeat(columns.len()));
        for (i, library) in libraries.iter().enumerate() {
            let mut row = String::new();
            for column in columns {
                print(&mut row, figures[&(i, format!("{column}, {unit}"))]);
            }
            println!("| {} |{row}", library.name);
        }
    };
    table("ns", &timed(), &|row, figure| write!(row, " {figure:.0} |").unwrap());
    table("ratio", &timed(), &|row, figure| write!(row, " {figure:.2} |").unwrap());
    table("allocations", &timed(), &|row, figure| write!(row, " {figure} |").unwrap());
    let connection = ["after the handshake", "after long records"].map(String::from);
    table("bytes of heap", &connection, &|row, figure| write!(row, " {figure} |").unwrap());
}

fn json(libraries: &[Library], figures: &Figures) -> String {
    let objects = libraries.iter().enumerate().map(|(i, library)| {
        let own = figures.iter().filter(|((which, _), _)| *which == i);
        let fields: Vec<_> =
            own.map(|((_, what), figure)| format!("    \"{what}\": {figure}")).collect();
        format!("  \"{}\": {{\n{}\n  }}", library.name, fields.join(",\n"))
    });
    format!("{{\n{}\n}}\n", objects.collect::<Vec<_>>().join(",\n"))
}

fn svg(libraries: &[Library], figures: &Figures) -> String {
    let rows = |groups: &[String]| -> Vec<(String, Vec<f64>)> {
        let times = |i| groups.iter().map(|group| figures[&(i, format!("{group}, ns"))]).collect();
        let named = libraries.iter().enumerate();
        named.map(|(i, library)| (library.name.to_owned(), times(i))).collect()
    };
    let timed = timed();
    let (records, endings) = timed.split_at(2 * LENGTHS.len());
    let (seal, open) = records.split_at(LENGTHS.len());
    let parts = [
        ("Sealing a record: ns, by bytes of content", seal),
        ("Opening a record: ns, by bytes of content", open),
        ("Closing: ns", endings),
    ];
    let rows = parts.map(|(_, groups)| rows(groups));
    let charts: Vec<_> = parts
        .iter()
        .zip(&rows)
        .map(|((title, groups), rows)| Chart { title, groups, rows })
        .collect();
    chart::svg(&charts)
}

fn main() {
    let arguments = Arguments::parse();
    let libraries = libraries(&arguments.only);
    if arguments.one {
        return one(&libraries);
    }
    let figures = measure(&arguments);
    markdown(&libraries, &figures);
    if let Some(path) = &arguments.json {
        fs::write(path, json(&libraries, &figures)).expect("the file can be written");
    }
    if let Some(path) = &arguments.svg {
        fs::write(path, svg(&libraries, &figures)).expect("the file can be written");
    }
}
