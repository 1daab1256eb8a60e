//! Packs and unpacks corpora, and prints inputs as tests.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use tls_record_fuzz::{TARGETS, Target, pack, seeds};

#[derive(Parser)]
#[command(about = "Manages the corpora of the fuzz targets of tls-record")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print an input as a test, to paste into a file of tests
    Show {
        /// The target of the input
        target: String,
        /// The file of the input
        file: PathBuf,
    },
    /// Write the committed corpora as files for fuzzers: DIRECTORY/TARGET/INPUT
    Unpack {
        /// The directory to write to
        directory: PathBuf,
        /// The targets [default: all]
        targets: Vec<String>,
    },
    /// Make the pack of a target from the files of a directory, which should be minimised
    Pack {
        /// The target
        target: String,
        /// The directory of its inputs
        directory: PathBuf,
    },
    /// Run the committed corpora, to measure their coverage
    Replay {
        /// The targets [default: all]
        targets: Vec<String>,
    },
    /// Write the inputs of src/seeds to the corpora
    Seeds,
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
    }
    Ok(())
}
