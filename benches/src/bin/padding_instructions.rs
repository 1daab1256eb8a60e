//! Checks `Config::constant_time_padding`: the number of instructions does not depend on the padding.
//!
//! ```text
//! cargo run --release -p tls-record-benches --bin padding_instructions
//! ```
//!
//! It runs itself under callgrind (valgrind must be installed) and fails unless the counts are
//! equal for records whose inner plaintexts have the same length. It counts all of `open`, and the
//! scan alone. The scan is also counted for records that `open` treats differently on purpose:
//! empty records, and records of zeros. `open` is counted with the naive scan too, where the counts
//! must *not* be equal: this shows that the check can fail.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs, process};

use tls_record::aead::null::Null;
use tls_record_benches::padded::{Scan, open, pair, seal};

/// Lengths of inner plaintexts: one that is not a multiple of a block, and the maximum.
const INNER: [u16; 2] = [1_500, 16_385];

/// Lengths of padding, without the longest.
const PADDING: [usize; 11] = [0, 1, 2, 15, 16, 17, 63, 64, 65, 255, 1_000];

/// The function whose instructions are counted.
#[derive(Clone, Copy)]
enum Counted {
    Open(Scan),
    ScanAlone,
}

impl Counted {
    const ALL: [(&'static str, Self); 3] = [
        ("open-naive", Self::Open(Scan::Naive)),
        ("open", Self::Open(Scan::ConstantTime)),
        ("scan", Self::ScanAlone),
    ];

    fn function(self) -> &'static str {
        match self {
            Self::Open(_) => "tls_record_benches::padded::open",
            Self::ScanAlone => "tls_record::crypto::padding::constant_time::scan_in_constant_time",
        }
    }

    fn scan(self) -> Scan {
        match self {
            Self::Open(scan) => scan,
            Self::ScanAlone => Scan::ConstantTime,
        }
    }

    /// Returns the lengths of the content of the records, with `None` for a record of zeros.
    fn contents(self, inner: u16) -> Vec<Option<usize>> {
        let longest = usize::from(inner) - 1;
        let mut contents: Vec<_> = PADDING.iter().map(|padding| Some(longest - padding)).collect();
        contents.push(Some(1));
        if matches!(self, Self::ScanAlone) {
            contents.extend([Some(0), None]);
        }
        contents
    }
}

/// Opens the records. This runs under callgrind.
fn open_all(counted: Counted) {
    for inner in INNER {
        for content in counted.contents(inner) {
            let (mut client, mut server) = pair::<Null>(counted.scan(), inner);
            let mut record = vec![0; usize::from(inner) + 64];
            let length = seal(&mut server, content.unwrap_or(0), &mut record);
            let record = &mut record[..length];
            if content.is_none() {
                record[5] = 0; // The inner content type, which the null cipher leaves as it is.
            }
            let opened = open(&mut client, record);
            assert_eq!(opened, content.filter(|&length| length != 0));
        }
    }
}

/// Returns the number of instructions for each record.
fn count(name: &str, counted: Counted, folder: &Path) -> Vec<u64> {
    let out = folder.join(name);
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={}", counted.function()))
        .arg(format!("--dump-after={}", counted.function()))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().expect("a program has a path"))
        .arg(name)
        .status()
        .expect("valgrind is installed");
    assert!(status.success(), "{status}");
    let records: usize = INNER.iter().map(|&inner| counted.contents(inner).len()).sum();
    (1..=records)
        .map(|part| {
            let path = format!("{}.{part}", out.display());
            let text = fs::read_to_string(&path).expect("a dump for each record");
            let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
            total.expect("a total in the dump").trim().parse().expect("a number")
        })
        .collect()
}

fn main() -> ExitCode {
    if let Some(name) = env::args().nth(1) {
        let (_, counted) =
            Counted::ALL.into_iter().find(|(own, _)| *own == name).expect("a known name");
        open_all(counted);
        return ExitCode::SUCCESS;
    }
    let folder = env::temp_dir().join(format!("padding_instructions.{}", process::id()));
    fs::create_dir(&folder).expect("a folder for the dumps");
    let mut is_good = true;
    for (name, counted) in Counted::ALL {
        let mut counts = &count(name, counted, &folder)[..];
        for inner in INNER {
            let these;
            (these, counts) = counts.split_at(counted.contents(inner).len());
            let is_equal = these.iter().all(|&count| count == these[0] && count != 0);
            let must_be_equal = counted.scan() == Scan::ConstantTime;
            is_good &= is_equal == must_be_equal;
            println!("{name}, {inner} bytes: {}", if is_equal { "equal" } else { "not equal" });
            println!("    {these:?}");
        }
    }
    fs::remove_dir_all(&folder).expect("the folder can be removed");
    println!("{}", if is_good { "passed" } else { "FAILED" });
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
