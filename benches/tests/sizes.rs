//! Checks the tables of sizes in `benches/README.md`.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use std::fmt::Write;

use tls_record::aead::{Provider, aws_lc::AwsLc, ring::Ring, rustcrypto::RustCrypto};
use tls_record::{
    Config, Connection, ConnectionSet, End, KernelDirection, Mailbox, Opener, RecordBuffer,
    RecordLayer, RecordSizes, Sealer, TrafficSecret, Writer,
};

/// Bytes of output that a `Writer` and a `Connection` hold.
const TX: usize = 512;

/// Bytes of the IV of one direction.
const IV: usize = 12;

const PER_BACKEND: [&str; 9] = [
    "AEAD key",
    "`TrafficSecret`",
    "`Opener`",
    "`Sealer`",
    "`RecordLayer`",
    "`RecordLayer` without keys, secrets and IVs",
    "`KernelDirection`",
    "`Writer<_, 512>`",
    "`Connection<_, 512>`",
];

fn per_backend<P: Provider>() -> [usize; 9] {
    let aead = size_of::<P::Aead>();
    let secret = size_of::<TrafficSecret<P>>();
    let layer = size_of::<RecordLayer<TrafficSecret<P>>>();
    [
        aead,
        secret,
        size_of::<Opener<TrafficSecret<P>>>(),
        size_of::<Sealer<TrafficSecret<P>>>(),
        layer,
        layer - 2 * (aead + secret + IV),
        size_of::<KernelDirection<P>>(),
        size_of::<Writer<TrafficSecret<P>, TX>>(),
        size_of::<Connection<TrafficSecret<P>, TX>>(),
    ]
}

fn table() -> String {
    let mut table =
        String::from("| size in bytes | ring | RustCrypto | AWS-LC |\n|---|---|---|---|\n");
    let columns = [per_backend::<Ring>(), per_backend::<RustCrypto>(), per_backend::<AwsLc>()];
    for (row, name) in PER_BACKEND.iter().enumerate() {
        let [ring, rustcrypto, aws_lc] = columns.map(|column| column[row]);
        writeln!(table, "| {name} | {ring} | {rustcrypto} | {aws_lc} |").unwrap();
    }
    table += "\n| type | size in bytes |\n|---|---|\n";
    for (name, size) in [
        ("`Config`", size_of::<Config>()),
        ("`End`", size_of::<End>()),
        ("`Mailbox`", size_of::<Mailbox>()),
        ("`RecordSizes`", size_of::<RecordSizes>()),
        ("`RecordBuffer<512>`", size_of::<RecordBuffer<512>>()),
        ("`ConnectionSet` of 4, without its connections", {
            size_of::<ConnectionSet<[u64; 8], 4>>() - 4 * size_of::<[u64; 8]>()
        }),
    ] {
        writeln!(table, "| {name} | {size} |").unwrap();
    }
    table
}

#[test]
fn the_readme_states_the_sizes() {
    let (readme, table) = (include_str!("../README.md"), table());
    assert!(readme.contains(&table), "benches/README.md must contain these tables:\n\n{table}");
}

#[test]
fn a_connection_takes_at_most_200_bytes_without_its_keys() {
    for sizes in [per_backend::<Ring>(), per_backend::<RustCrypto>(), per_backend::<AwsLc>()] {
        assert!(sizes[5] <= 200, "{sizes:?}");
    }
}
