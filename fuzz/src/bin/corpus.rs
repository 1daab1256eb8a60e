//! Corpora, in and out of their packs; inputs as tests.

use std::fs;
use std::io;
use std::path::PathBuf;

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
    /// Writes the inputs that are made by hand, in src/seeds
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
