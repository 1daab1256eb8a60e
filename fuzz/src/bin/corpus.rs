//! Corpora, in and out of their packs; inputs as tests; and how fast targets are.

use std::fs;
use std::hint::black_box;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use tls_record_fuzz::{TARGETS, Target, pack, seeds};

#[derive(Parser)]
#[command(about = "Corpora of the fuzz targets of tls-record")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints an input as a test that can be pasted into a file of tests
    Show {
        /// The target that it is for
        target: String,
        /// The file
        file: PathBuf,
    },
    /// Writes the committed corpora, file by file, as fuzzers want them: DIRECTORY/TARGET/INPUT
    Unpack {
        /// Where to
        directory: PathBuf,
        /// Which targets; otherwise all
        targets: Vec<String>,
    },
    /// Makes the pack of a target from the files of a directory, which should be minimised
    Pack {
        /// The target
        target: String,
        /// Where its inputs are
        directory: PathBuf,
    },
    /// Runs the committed corpora: what they cover is what this covers
    Replay {
        /// Which targets; otherwise all
        targets: Vec<String>,
    },
    /// Writes the inputs that are made by hand, in src/seeds.rs
    Seeds,
    /// Says how fast each target is, as a share of decoding its inputs alone, over its corpus
    Speed {
        /// How long each is measured
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Which targets; otherwise all
        targets: Vec<String>,
    },
}

fn chosen(names: &[String]) -> impl Iterator<Item = &'static Target> {
    TARGETS.iter().filter(|target| names.is_empty() || names.iter().any(|one| one == target.name))
}

fn target(name: &str) -> io::Result<&'static Target> {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.ok_or_else(|| io::Error::other(format!("no target {name}")))
}

fn main() -> io::Result<()> {
    match Arguments::parse().command {
        Command::Show { target: name, file } => {
            print!("{}", (target(&name)?.snippet)(&fs::read(file)?));
        }
        Command::Unpack { directory, targets } => {
            for target in chosen(&targets) {
                let directory = directory.join(target.name);
                fs::create_dir_all(&directory)?;
                for (number, input) in pack::corpus(target.name)?.iter().enumerate() {
                    fs::write(directory.join(format!("{number:05}")), input)?;
                }
            }
        }
        Command::Replay { targets } => {
            for target in chosen(&targets) {
                pack::corpus(target.name)?.iter().for_each(|input| (target.run)(input));
            }
        }
        Command::Pack { target: name, directory } => {
            let canonical = target(&name)?.canonical;
            let inputs = pack::files(&directory)?;
            let inputs = inputs.iter().map(|(_, bytes)| canonical(bytes)).collect();
            fs::write(pack::corpora().join(&name).with_extension("pack"), pack::pack(inputs))?;
        }
        Command::Seeds => {
            for (target, name, bytes) in seeds::all() {
                let directory = pack::corpora().join(target);
                fs::create_dir_all(&directory)?;
                fs::write(directory.join(name), bytes)?;
            }
        }
        Command::Speed { seconds, targets } => {
            for target in chosen(&targets) {
                let (decode, run) = speed(target, Duration::from_secs(seconds))?;
                println!(
                    "{:20} decodes {decode:>10.0}/s, runs {run:>10.0}/s: {:3.0} %",
                    target.name,
                    100.0 * run / decode
                );
            }
        }
    }
    Ok(())
}

/// Inputs decoded in a second, and run.
fn speed(target: &Target, time: Duration) -> io::Result<(f64, f64)> {
    let inputs = pack::corpus(target.name)?;
    let per_second = |function: fn(&[u8])| {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < time {
            for input in &inputs {
                function(black_box(input));
            }
            count += inputs.len();
        }
        count as f64 / start.elapsed().as_secs_f64()
    };
    Ok((per_second(target.decode), per_second(target.run)))
}
