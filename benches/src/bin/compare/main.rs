//! Compares tls-record with the record layers of other libraries: time, allocations and memory.
//!
//! ```text
//! cargo run --release -p tls-record-benches --features peers --bin compare
//! ```
//!
//! Every library is a client that has made a handshake with the same server. The libraries take
//! turns: in each turn every library seals and opens records of one length, or closes some
//! connections. Each process computes the median of its turns, and of the ratios to the first
//! library in the same turn. The table shows the median over several processes. `benches/README.md`
//! describes what is measured, and how to add a library.

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

/// Turns of each process with records.
const TURNS: usize = 301;

/// Turns of each process with closing connections.
const CLOSING_TURNS: usize = 15;

/// Connections in a closing turn. Half of them send a close_notify, the others receive one.
const CONNECTIONS: usize = 64;

/// Records over which allocations are counted.
const COUNTED: usize = 100;

#[derive(Parser)]
struct Arguments {
    /// Compare only libraries whose name contains this text.
    #[arg(long, default_value = "")]
    only: String,
    /// The number of processes over which to take the median.
    #[arg(long, default_value_t = 5)]
    processes: usize,
    /// Write all figures to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Draw the times to this file.
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Measure once in this process, and print the figures.
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

/// A connection of a library, with the server that seals the records for it to open.
struct Subject {
    client: Box<dyn Client>,
    server: Server,
}

impl Subject {
    fn new(library: &Library) -> Self {
        let (client, server) = (library.connect)(Server::new());
        Self { client, server }
    }

    /// Sends one record each way without measuring, so that lazy initialization is done.
    fn warm(&mut self, io: &mut Io) {
        let content = [0x5a; 64];
        // The content is preceded and followed by the header, the inner content type and the tag.
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

/// The figures of one process, by library and name of the figure.
type Figures = BTreeMap<(usize, String), f64>;

/// The samples of each figure: one for each turn.
#[derive(Default)]
struct Samples(BTreeMap<(usize, String), Vec<f64>>);

impl Samples {
    /// Adds one turn of all libraries.
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
            // The first library changes with each turn.
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

fn closings(libraries: &[Library], io: &mut Io, samples: &mut Samples) {
    for turn in 0..CLOSING_TURNS {
        let (mut out, mut received) = (vec![0.0; libraries.len()], vec![0.0; libraries.len()]);
        for i in 0..libraries.len() {
            let i = (turn + i) % libraries.len();
            let mut subjects: Vec<_> =
                (0..CONNECTIONS).map(|_| Subject::new(&libraries[i])).collect();
            for subject in &mut subjects {
                subject.warm(io);
            }
            let (closing, receiving) = subjects.split_at_mut(CONNECTIONS / 2);
            out[i] = nanoseconds(closing.len(), |i| {
                // Header, alert, inner content type, tag.
                assert_eq!(closing[i].client.close(io), 24);
            });
            let mut incoming: Vec<_> =
                receiving.iter_mut().map(|subject| subject.server.close()).collect();
            received[i] = nanoseconds(receiving.len(), |i| {
                std::mem::swap(&mut io.incoming, &mut incoming[i]);
                assert!(receiving[i].client.open_close(io));
            });
        }
        samples.add("seal close_notify", &out);
        samples.add("open close_notify", &received);
    }
}

/// Returns the bytes of heap that are freed with a client, plus the bytes that were lent to it.
fn held(mut subject: Subject, io: &mut Io) -> f64 {
    // Leaves a short record in its transport.
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
        figures.insert((i, "after records of 16 KiB, bytes of heap".to_owned()), held(subject, io));
        let subject = Subject::new(library);
        figures.insert((i, "after the handshake, bytes of heap".to_owned()), held(subject, io));

        let (mut closing, mut receiving) = (Subject::new(library), Subject::new(library));
        closing.warm(io);
        receiving.warm(io);
        let (_, count) = heap::count(|| closing.client.close(io));
        figures.insert((i, "seal close_notify, allocations".to_owned()), count.calls as f64);
        io.incoming = receiving.server.close();
        let (_, count) = heap::count(|| receiving.client.open_close(io));
        figures.insert((i, "open close_notify, allocations".to_owned()), count.calls as f64);
    }
}

/// Measures in this process, and prints one figure on each line.
fn one(libraries: &[Library]) {
    let mut io = Io::new();
    let mut samples = Samples::default();
    records(libraries, &mut io, &mut samples);
    closings(libraries, &mut io, &mut samples);
    let mut figures = samples.figures();
    memory(libraries, &mut io, &mut figures);
    for ((library, what), figure) in figures {
        println!("{library}\t{what}\t{figure}");
    }
}

/// Returns the medians over several processes.
fn measure(arguments: &Arguments) -> Figures {
    let mut all: BTreeMap<(usize, String), Vec<f64>> = BTreeMap::new();
    for process in 1..=arguments.processes {
        eprintln!("process {process} of {}", arguments.processes);
        let output = Command::new(env::current_exe().expect("a program has a path"))
            .args(["--one", "--only", &arguments.only])
            .output()
            .expect("this program starts again");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8(output.stdout).expect("UTF-8 output").lines() {
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
    timed.extend(["seal close_notify", "open close_notify"].map(String::from));
    timed
}

fn markdown(libraries: &[Library], figures: &Figures) {
    let table =
        |heading: &str, unit: &str, columns: &[String], print: &dyn Fn(&mut String, f64)| {
            println!("\n| {heading} | {} |", columns.join(" | "));
            println!("|---|{}", "---|".repeat(columns.len()));
            for (i, library) in libraries.iter().enumerate() {
                let mut row = String::new();
                for column in columns {
                    print(&mut row, figures[&(i, format!("{column}, {unit}"))]);
                }
                println!("| {} |{row}", library.name);
            }
        };
    let time = |row: &mut String, figure| write!(row, " {figure:.0} |").unwrap();
    let ratio = |row: &mut String, figure| write!(row, " {figure:.2} |").unwrap();
    let number = |row: &mut String, figure| write!(row, " {figure} |").unwrap();
    table("ns per record", "ns", &timed(), &time);
    table("time / time of the first line", "ratio", &timed(), &ratio);
    table("allocations per record", "allocations", &timed(), &number);
    let connection = ["after the handshake", "after records of 16 KiB"].map(String::from);
    table("bytes of heap per connection", "bytes of heap", &connection, &number);
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
    let (records, closings) = timed.split_at(2 * LENGTHS.len());
    let (seal, open) = records.split_at(LENGTHS.len());
    let parts = [
        ("Sealing a record: ns per record, by bytes of content", seal),
        ("Opening a record: ns per record, by bytes of content", open),
        ("Closing: ns per close_notify", closings),
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
        fs::write(path, json(&libraries, &figures)).expect("the file is written");
    }
    if let Some(path) = &arguments.svg {
        fs::write(path, svg(&libraries, &figures)).expect("the file is written");
    }
}
