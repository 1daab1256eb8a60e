//! Checks that the targets find planted bugs: applies each patch of `planted/` to a copy, runs the
//! targets, and prints which one found it, after how many executions.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use clap::Parser;

/// The targets for bugs in the engine. The others find no other ones, and are slow to build.
const OF_THE_ENGINE: &[&str] = &[
    "header",
    "alert",
    "close",
    "open",
    "seal",
    "handshake_epochs",
    "duplex",
    "connection",
    "suspend",
    "takeover",
    "parts",
];

/// The targets for bugs in the C API.
const OF_C: &[&str] = &["c_api", "c_connection"];

#[derive(Parser)]
#[command(
    about = "Checks that the fuzz targets find bugs that are planted in a copy of the engine"
)]
struct Arguments {
    /// Seconds for each bug, in which its targets run in parallel
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Start from the committed corpora instead of empty ones
    #[arg(long)]
    corpora: bool,
    /// The folder for the copy and its build
    #[arg(long, default_value = "target/planted")]
    scratch: PathBuf,
    /// The patches to test [default: all]
    patches: Vec<String>,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = fuzz.parent().expect("the package is in a workspace");
    let scratch = std::path::absolute(&arguments.scratch)?;
    let copy = scratch.join("copy");
    copy_tree(workspace, &copy, &scratch)?;

    let mut patches: Vec<PathBuf> = fs::read_dir(fuzz.join("planted"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    patches.sort();
    println!("| planted bug | found by | executions | seconds |\n|---|---|---|---|");
    let mut missed = 0;
    for patch in &patches {
        let name = patch.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        if !arguments.patches.is_empty() && !arguments.patches.iter().any(|one| one == name) {
            continue;
        }
        apply(patch, &copy, false)?;
        let built = build(&copy, &scratch);
        let found = built.and_then(|()| hunt(targets(patch)?, &arguments, &scratch));
        apply(patch, &copy, true)?;
        match found? {
            Some(Found { target, executions, time }) => {
                println!("| {name} | {target} | {executions} | {:.1} |", time.as_secs_f64());
            }
            None => {
                println!("| {name} | **none** | | {} |", arguments.seconds);
                missed += 1;
            }
        }
    }
    if missed == 0 {
        Ok(())
    } else {
        Err(io::Error::other(format!("{missed} planted bugs were not found")))
    }
}

/// Copies the workspace, without build output.
fn copy_tree(from: &Path, to: &Path, scratch: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if from.join(entry.file_name()).exists() {
            continue;
        }
        // The entry is from an earlier run, and no longer in the workspace.
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if name == "target" || name == ".git" || name == "corpus" || path == scratch {
            continue;
        }
        let to = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy_tree(&path, &to, scratch)?;
        } else if fs::read(&to).ok() != Some(fs::read(&path)?) {
            // An unchanged file keeps its time stamp, so that it is not built again.
            fs::copy(&path, &to)?;
        }
    }
    Ok(())
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let message = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {message}")))
}

fn apply(patch: &Path, copy: &Path, backwards: bool) -> io::Result<()> {
    let mut git = Command::new("git");
    // Otherwise git resolves the paths in the repository around the copy.
    git.env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(copy)).current_dir(copy);
    git.arg("apply").args(backwards.then_some("--reverse")).arg(patch);
    succeed(&mut git)
}

fn build(copy: &Path, scratch: &Path) -> io::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(copy).env("CARGO_TARGET_DIR", scratch.join("build"));
    cargo.args(["+nightly", "fuzz", "build", "--fuzz-dir", "fuzz", "--sanitizer", "none"]);
    cargo.args(["--no-default-features", "--features", "libfuzzer", "--codegen-units", "16"]);
    // Building takes more time than running, so optimize little.
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_DEBUG", "none");
    succeed(&mut cargo)
}

struct Found {
    target: &'static str,
    executions: String,
    time: Duration,
}

/// Returns the targets that can find the bug of a patch.
fn targets(patch: &Path) -> io::Result<&'static [&'static str]> {
    let is_of_c = fs::read_to_string(patch)?.contains("+++ b/core/c/");
    Ok(if is_of_c { OF_C } else { OF_THE_ENGINE })
}

/// Runs the targets in parallel until one of them finds a fault.
fn hunt(
    targets: &[&'static str],
    arguments: &Arguments,
    scratch: &Path,
) -> io::Result<Option<Found>> {
    let binaries = scratch.join("build").join(host()?).join("release");
    let start = Instant::now();
    let mut running: Vec<(&'static str, Child)> = Vec::new();
    let log = |target: &str| scratch.join(target).with_extension("log");
    for &target in targets {
        let corpus = scratch.join("corpus").join(target);
        let _ = fs::remove_dir_all(&corpus);
        fs::create_dir_all(&corpus)?;
        if arguments.corpora {
            for (number, input) in tls_record_fuzz::pack::corpus(target)?.iter().enumerate() {
                fs::write(corpus.join(number.to_string()), input)?;
            }
        }
        let mut fuzzer = Command::new(binaries.join(target));
        fuzzer.arg(format!("-max_total_time={}", arguments.seconds));
        // An endless run counts as a finding too.
        fuzzer.args(["-print_final_stats=1", "-timeout=20", "-seed=1"]);
        fuzzer.arg(format!("-artifact_prefix={}/", scratch.display())).arg(corpus);
        fuzzer.stdout(Stdio::null()).stderr(fs::File::create(log(target))?);
        running.push((target, fuzzer.spawn()?));
    }
    let mut found = None;
    while found.is_none() && !running.is_empty() {
        thread::sleep(Duration::from_millis(20));
        let mut still = Vec::new();
        for (target, mut child) in running {
            match child.try_wait()? {
                None => still.push((target, child)),
                Some(status) if status.success() => {}
                Some(_) => {
                    let executions = executions(&fs::read_to_string(log(target))?);
                    found.get_or_insert(Found { target, executions, time: start.elapsed() });
                }
            }
        }
        running = still;
    }
    for (_, child) in &mut running {
        child.kill()?;
        child.wait()?;
    }
    Ok(found)
}

fn executions(log: &str) -> String {
    let count = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    count.map_or_else(|| "?".to_owned(), |count| count.trim().to_owned())
}

fn host() -> io::Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| io::Error::other("`rustc -vV` prints no host"))
}
