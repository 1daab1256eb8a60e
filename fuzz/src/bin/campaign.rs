//! Runs a campaign: all targets in turn, with minimised corpora and a report. Or measures their
//! speed.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{fs, io};

use clap::Parser;
use tls_record_fuzz::target::DECODE_ONLY;
use tls_record_fuzz::{TARGETS, Target, pack};

#[derive(Parser)]
#[command(
    about = "Runs all fuzz targets of tls-record in turn, and minimises their corpora",
    after_help = "Needs a nightly toolchain and cargo-fuzz. Crashes stay in SCRATCH/crashes/<target>; \
                  the report shows each as a test. A campaign may be stopped and started again: inputs are \
                  kept in SCRATCH/corpus. The targets with real TLS implementations build OpenSSL: \
                  see --engine-alone."
)]
struct Arguments {
    /// Total minutes, shared by the targets
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Number of processes that fuzz a target in parallel
    #[arg(long, default_value_t = 2)]
    jobs: u32,
    /// The sanitizer: address or none
    #[arg(long, default_value = "address")]
    sanitizer: String,
    /// Leave out the targets that need OpenSSL and rustls
    #[arg(long)]
    engine_alone: bool,
    /// Measure the speed of each target over its committed corpus instead, as a share of the speed
    /// of a fuzzer that only decodes the same inputs
    #[arg(long)]
    speed: bool,
    /// Write the minimised corpora to the packs of this package
    #[arg(long)]
    keep: bool,
    /// The folder for inputs, crashes and the build
    #[arg(long, default_value = "target/campaign")]
    scratch: PathBuf,
    /// The file for the report [default: SCRATCH/report.md]
    #[arg(long)]
    report: Option<PathBuf>,
    /// The targets to run [default: all]
    targets: Vec<String>,
}

/// The targets that make a handshake for each input.
const WITH_PEERS: [&str; 3] = ["stream", "differential_rustls", "differential_openssl"];

/// The result of a target.
struct Outcome {
    name: &'static str,
    executions: u64,
    seconds: f64,
    edges: [u64; 2],
    inputs: usize,
    crashes: Vec<(PathBuf, String)>,
}

fn main() -> io::Result<()> {
    let mut arguments = Arguments::parse();
    arguments.scratch = std::path::absolute(&arguments.scratch)?;
    let targets: Vec<&Target> = TARGETS.iter().filter(|target| arguments.wants(target)).collect();
    if targets.is_empty() {
        return Err(io::Error::other("no such target"));
    }
    if arguments.speed {
        for target in targets {
            arguments.build(target)?;
            let share = arguments.speed(target)?;
            println!("{}: {:.0} %", target.name, 100.0 * share);
        }
        return Ok(());
    }
    let seconds = arguments.minutes * 60.0 / targets.len() as f64;
    let mut outcomes = Vec::new();
    for target in targets {
        arguments.build(target)?;
        outcomes.push(arguments.fuzz(target, seconds)?);
    }
    let report = arguments.report(&outcomes);
    print!("{report}");
    let path = arguments.report.clone().unwrap_or(arguments.scratch.join("report.md"));
    fs::write(path, report)?;
    match outcomes.iter().map(|outcome| outcome.crashes.len()).sum::<usize>() {
        0 => Ok(()),
        crashes => Err(io::Error::other(format!("{crashes} crashes"))),
    }
}

impl Arguments {
    fn wants(&self, target: &Target) -> bool {
        let is_named = self.targets.iter().any(|name| name == target.name);
        let is_slow = WITH_PEERS.contains(&target.name);
        if self.targets.is_empty() { !(self.engine_alone && is_slow) } else { is_named }
    }

    fn build(&self, target: &Target) -> io::Result<()> {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut cargo = Command::new("cargo");
        cargo.current_dir(fuzz.parent().expect("the package is in a workspace"));
        cargo.env("CARGO_TARGET_DIR", self.scratch.join("build"));
        cargo.args(["+nightly", "fuzz", "build", "--fuzz-dir", "fuzz", "--no-default-features"]);
        let has_peers = WITH_PEERS.contains(&target.name);
        cargo.args(["--features", if has_peers { "libfuzzer,peers" } else { "libfuzzer" }]);
        cargo.args(["--sanitizer", &self.sanitizer, target.name]);
        eprintln!("{}: building", target.name);
        if cargo.status()?.success() {
            Ok(())
        } else {
            Err(io::Error::other("the target does not build"))
        }
    }

    fn binary(&self, target: &Target) -> io::Result<Command> {
        let output = Command::new("rustc").arg("-vV").output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let host = text.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or_else(|| io::Error::other("`rustc -vV` prints no host"))?;
        let mut binary =
            Command::new(self.scratch.join("build").join(host).join("release").join(target.name));
        binary.current_dir(&self.scratch).env("ASAN_OPTIONS", "detect_odr_violation=0");
        Ok(binary)
    }

    fn fuzz(&self, target: &Target, seconds: f64) -> io::Result<Outcome> {
        let corpus = self.scratch.join("corpus").join(target.name);
        let crashes = self.scratch.join("crashes").join(target.name);
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&crashes)?;
        for (number, input) in pack::corpus(target.name)?.iter().enumerate() {
            fs::write(corpus.join(format!("committed-{number:05}")), input)?;
        }
        let before = self.merge(target, &corpus)?;

        let mut fuzzer = self.binary(target)?;
        fuzzer.arg(format!("-fork={}", self.jobs)).args(["-ignore_crashes=1", "-timeout=10"]);
        fuzzer.arg(format!("-max_total_time={}", seconds.ceil()));
        fuzzer.arg(format!("-artifact_prefix={}/", crashes.display()));
        let dictionary = Path::new(env!("CARGO_MANIFEST_DIR")).join("tls.dict");
        fuzzer.arg(format!("-dict={}", dictionary.display())).arg(&corpus);
        fuzzer.stdout(Stdio::null()).stderr(Stdio::piped());
        let start = Instant::now();
        let mut child = fuzzer.spawn()?;
        let mut executions = 0;
        for line in BufReader::new(child.stderr.take().expect("stderr is piped")).lines() {
            let line = line?;
            // `#123: cov: 45 ft: 67 corp: 8 exec/s 9 ...`
            if let Some((count, rest)) = line.strip_prefix('#').and_then(|l| l.split_once(": ")) {
                executions = count.parse().unwrap_or(executions);
                eprintln!("{}: {count} executions, {rest}", target.name);
            }
        }
        child.wait()?;
        let seconds = start.elapsed().as_secs_f64();

        let after = self.merge(target, &corpus)?;
        if self.keep {
            let inputs = pack::files(&after.directory)?;
            let by_hand = pack::files(&pack::corpora().join(target.name))?;
            let inputs = inputs
                .into_iter()
                .map(|(_, input)| (target.canonical)(&input))
                .filter(|input| by_hand.iter().all(|(_, bytes)| bytes != input))
                .collect();
            let path = pack::corpora().join(target.name).with_extension("pack");
            fs::write(path, pack::pack(inputs))?;
        }
        Ok(Outcome {
            name: target.name,
            executions,
            seconds,
            edges: [before.edges, after.edges],
            inputs: after.inputs,
            crashes: self.crashes(target, &crashes)?,
        })
    }

    /// Returns the speed as a share of the speed of decoding alone: the median over rounds. Inputs
    /// with real ciphers are left out, because the cipher would dominate their time.
    fn speed(&self, target: &Target) -> io::Result<f64> {
        const ROUNDS: usize = 5;
        let corpus = self.scratch.join("speed").join(target.name);
        fs::create_dir_all(&corpus)?;
        let mut files = Vec::new();
        for (number, input) in pack::corpus(target.name)?.iter().enumerate() {
            if !(target.has_real_cipher)(input) {
                let file = corpus.join(number.to_string());
                fs::write(&file, input)?;
                files.push(file);
            }
        }
        let time = |runs: usize, is_decode_only: bool| {
            let mut fuzzer = self.binary(target)?;
            fuzzer.env_remove(DECODE_ONLY).arg(format!("-runs={runs}")).args(&files);
            fuzzer.envs(is_decode_only.then_some((DECODE_ONLY, "1")));
            fuzzer.stdout(Stdio::null()).stderr(Stdio::null());
            let start = Instant::now();
            let status = fuzzer.status()?;
            let ended = io::Error::other(format!("{} ended with {status}", target.name));
            if status.success() { Ok(start.elapsed().as_secs_f64()) } else { Err(ended) }
        };
        // The start-up time is in both measurements, and is subtracted.
        let net = |is_decode_only| {
            let runs = 1 + 200_000 / files.len();
            io::Result::Ok(time(runs, is_decode_only)? - time(1, is_decode_only)?)
        };
        let mut shares =
            (0..ROUNDS).map(|_| Ok(net(true)? / net(false)?)).collect::<io::Result<Vec<f64>>>()?;
        shares.sort_by(f64::total_cmp);
        Ok(shares[ROUNDS / 2])
    }

    /// Minimises `corpus` to the fewest inputs that reach the same edges.
    fn merge(&self, target: &Target, corpus: &Path) -> io::Result<Merged> {
        let directory = self.scratch.join("minimised").join(target.name);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)?;
        let mut merge = self.binary(target)?;
        // Counting how often an edge is taken would keep more inputs, but cover no more code.
        merge.args(["-merge=1", "-use_counters=0"]).arg(&directory).arg(corpus);
        let output = merge.output()?;
        let log = String::from_utf8_lossy(&output.stderr);
        // `MERGE-OUTER: 12 new files with 345 new features added; 345 new coverage edges`
        let words: Vec<&str> = log
            .lines()
            .rfind(|line| line.contains("new coverage edges"))
            .map(|line| line.split_whitespace().collect())
            .unwrap_or_default();
        let edges = words.iter().rev().nth(3).and_then(|word| word.parse().ok()).unwrap_or(0);
        let inputs = fs::read_dir(&directory)?.count();
        Ok(Merged { directory, edges, inputs })
    }

    /// Returns each crash with a test that reproduces it. Crashes are not minimised.
    fn crashes(&self, target: &Target, directory: &Path) -> io::Result<Vec<(PathBuf, String)>> {
        let mut crashes = pack::files(directory)?;
        crashes.retain(|(path, _)| path.extension() != Some(OsStr::new("log")));
        let snippet = |(path, bytes): (PathBuf, Vec<u8>)| (path, (target.snippet)(&bytes));
        Ok(crashes.into_iter().map(snippet).collect())
    }

    fn report(&self, outcomes: &[Outcome]) -> String {
        let mut report = String::from(
            "| target | seconds | executions | executions per second | edges before | edges after | inputs | crashes |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        let mut total = 0;
        for outcome in outcomes {
            let Outcome { name, executions, seconds, edges, inputs, crashes } = outcome;
            total += executions;
            let _ = writeln!(
                report,
                "| {name} | {seconds:.0} | {executions} | {:.0} | {} | {} | {} | {} |",
                *executions as f64 / seconds,
                edges[0],
                edges[1],
                inputs,
                crashes.len()
            );
        }
        let _ = writeln!(report, "\n{total} executions in total, {} jobs.", self.jobs);
        for (path, snippet) in outcomes.iter().flat_map(|outcome| &outcome.crashes) {
            let _ = writeln!(report, "\n{}\n\n```rust\n{snippet}```", path.display());
        }
        report
    }
}

struct Merged {
    directory: PathBuf,
    edges: u64,
    inputs: usize,
}
