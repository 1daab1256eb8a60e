//! Measures many connections in one process, and one connection in two threads.
//!
//! ```text
//! cargo run --release -p tls-record-benches --bin scale
//! ```
//!
//! Connections are served in random order: each seals a record of 64 bytes and opens it. The time per
//! record rises where the connections no longer fit a cache: `--svg FILE` draws it.
//!
//! Then one connection sends and receives: first in one thread, alternating between records, then
//! with its halves in two threads.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use clap::Parser;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use tls_record::aead::{Algorithm, Provider, aws_lc::AwsLc, ring::Ring};
use tls_record::{Config, Epoch, Event, MAX_RECORD, Opener, Role, Sealer, TrafficSecret, Version};
use tls_record_benches::established;
use tls_record_benches::timing::{Spread, nanoseconds};

const ALGORITHM: Algorithm = Algorithm::Aes128Gcm;

/// The numbers of connections that are measured, and those that are printed.
const COUNTS: [usize; 13] =
    [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
const IN_TABLE: [usize; 4] = [1, 100, 10_000, 1_000_000];

/// Bytes of content of a record, with many connections.
const LEN: usize = 64;

/// Bytes of content that each half processes for one sample, and the number of samples.
const DUPLEX: usize = 64 << 20;
const SAMPLES: usize = 11;

#[derive(Parser)]
struct Arguments {
    /// The largest number of connections.
    #[arg(long, default_value_t = 1_000_000)]
    connections: usize,
    /// Draw the times to this file.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// A sealer and an opener that opens its records. Together they are as large as a connection.
struct Pair<P: Provider> {
    opener: Opener<TrafficSecret<P>>,
    sealer: Sealer<TrafficSecret<P>>,
}

impl<P: Provider> Pair<P> {
    fn new() -> Self {
        let secret = || TrafficSecret::tls13(ALGORITHM, &[7; 32]).expect("32 bytes");
        let mut opener = Opener::new(Config::new(Role::Server));
        opener.install(Epoch::Application, secret()).expect("the first keys");
        let mut sealer = Sealer::new(Config::new(Role::Client));
        sealer.install(Epoch::Application, secret()).expect("the first keys");
        Self { opener, sealer }
    }
}

/// Returns the resident memory of the process, in bytes.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux has /proc");
    let pages = statm.split(' ').nth(1).expect("a second number");
    pages.parse::<usize>().expect("a number") * 4096
}

/// Returns the bytes of memory per connection, and the nanoseconds per record.
fn many<P: Provider>(count: usize) -> (f64, Spread) {
    let before = resident();
    let mut connections = Vec::with_capacity(count);
    connections.extend((0..count).map(|_| Pair::<P>::new()));
    let bytes = (resident() - before) as f64 / count as f64;

    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut record = [0x5a; LEN + 32];
    let mut serve = |rounds| {
        nanoseconds(rounds, |_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Maps the random number to an index of a connection.
            let which = ((u128::from(random) * count as u128) >> 64) as usize;
            let Pair { opener, sealer } = &mut connections[which];
            let len = sealer.seal_in_place(&mut record, LEN).expect("the buffer is long enough");
            let opened = opener.open(&mut record[..len]).expect("a valid record");
            assert!(matches!(opened.event, Event::ApplicationData(_)));
        }) / 2.0
    };
    serve(100_000);
    (bytes, Spread::of((0..SAMPLES).map(|_| serve(200_000)).collect()))
}

/// One connection whose sealer seals, and whose opener opens records that were sealed before.
struct Duplex<P: Provider> {
    sealer: Sealer<TrafficSecret<P>>,
    opener: Opener<TrafficSecret<P>>,
    len: usize,
    incoming: Vec<Vec<u8>>,
}

impl<P: Provider<Aead: Send> + Send> Duplex<P> {
    fn new(len: usize) -> Self {
        let (client, mut server) = established::<P>(Version::Tls13, ALGORITHM);
        let (opener, sealer) = client.split();
        let content = vec![0x5a; len];
        let incoming = (0..DUPLEX / len)
            .map(|_| {
                let mut record = vec![0; len + 32];
                let sealed =
                    server.seal(&[&content], &mut record).expect("the buffer is long enough");
                record.truncate(sealed.written);
                record
            })
            .collect();
        Self { sealer, opener, len, incoming }
    }

    /// Returns the time with one thread, in seconds.
    fn in_one(mut self) -> f64 {
        let mut out = vec![0x5a; MAX_RECORD];
        let start = Instant::now();
        for record in &mut self.incoming {
            seal(&mut self.sealer, &mut out, self.len);
            open(&mut self.opener, record);
        }
        start.elapsed().as_secs_f64()
    }

    /// Returns the time with two threads, in seconds.
    fn in_two(self) -> f64 {
        let Self { mut sealer, mut opener, len, mut incoming } = self;
        let ready = Barrier::new(2);
        thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let mut out = vec![0x5a; MAX_RECORD];
                ready.wait();
                let start = Instant::now();
                for _ in 0..DUPLEX / len {
                    seal(&mut sealer, &mut out, len);
                }
                (start, Instant::now())
            });
            ready.wait();
            let start = Instant::now();
            for record in &mut incoming {
                open(&mut opener, record);
            }
            let end = Instant::now();
            let (other_start, other_end) = sending.join().expect("the thread does not panic");
            (end.max(other_end) - start.min(other_start)).as_secs_f64()
        })
    }
}

fn seal<P: Provider>(sealer: &mut Sealer<TrafficSecret<P>>, out: &mut [u8], len: usize) {
    black_box(sealer.seal_in_place(out, len).expect("the buffer is long enough"));
}

fn open<P: Provider>(opener: &mut Opener<TrafficSecret<P>>, record: &mut [u8]) {
    let opened = opener.open(record).expect("a valid record");
    assert!(matches!(opened.event, Event::ApplicationData(_)));
}

/// The nanoseconds per record, by the number of connections.
type Curve = Vec<(f64, f64)>;

fn rows<P: Provider>(backend: &str, most: usize) -> Curve {
    let mut curve = Curve::new();
    for count in COUNTS.into_iter().filter(|&count| count <= most) {
        eprintln!("{backend}, {count} connections");
        let (bytes, Spread { low, median, high }) = many::<P>(count);
        curve.push((count as f64, median));
        if IN_TABLE.contains(&count) {
            // Memory is counted in pages, which is too coarse for a few connections.
            let bytes = if count < 10_000 { String::new() } else { format!("{bytes:.0}") };
            println!("| {backend} | {count} | {bytes} | {median:.0} | {low:.0} to {high:.0} |");
        }
    }
    curve
}

/// Draws the curves in colours that are visible on white and on black.
fn draw(curves: &[(&'static str, RGBColor, Curve)], path: &Path) -> Result<(), Box<dyn Error>> {
    const GREY: RGBColor = RGBColor(128, 128, 128);
    let most = curves.iter().flat_map(|(_, _, curve)| curve).map(|(count, _)| *count);
    let highest = curves.iter().flat_map(|(_, _, curve)| curve).map(|(_, time)| *time);
    let (most, highest) = (most.fold(10.0, f64::max), highest.fold(0.0, f64::max));

    let area = SVGBackend::new(path, (680, 360)).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d((1.0..most).log_scale(), 0.0..highest * 1.1)?;
    let label = ("sans-serif", 13).into_font().color(&GREY);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GREY.mix(0.3))
        .light_line_style(TRANSPARENT)
        .axis_style(GREY)
        .label_style(label.clone())
        .x_label_formatter(&|count| match *count {
            1e3..1e6 => format!("{} k", count / 1e3),
            1e6.. => format!("{} M", count / 1e6),
            _ => count.to_string(),
        })
        .y_label_formatter(&f64::to_string)
        .x_desc("connections")
        .y_desc("ns per record of 64 bytes")
        .draw()?;
    for (backend, colour, curve) in curves {
        chart.draw_series(LineSeries::new(curve.iter().copied(), colour.stroke_width(2)))?;
        let Some(&end) = curve.last() else { continue };
        let style = label.clone().color(colour).pos(Pos::new(HPos::Right, VPos::Bottom));
        chart.draw_series([Text::new(*backend, end, style)])?;
    }
    area.present()?;
    Ok(())
}

fn duplex<P: Provider<Aead: Send> + Send>(backend: &str) {
    for len in [1_024, 16_384] {
        let gain = |_| Duplex::<P>::new(len).in_one() / Duplex::<P>::new(len).in_two();
        let Spread { low, median, high } = Spread::of((0..SAMPLES).map(gain).collect());
        println!("| {backend} | {len} | {median:.2} | {low:.2} to {high:.2} |");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { connections, svg } = Arguments::parse();
    println!("| backend | connections | bytes per connection | ns per record | quartiles |");
    println!("|---|---|---|---|---|");
    let curves = [
        ("ring", RGBColor(42, 157, 143), rows::<Ring>("ring", connections)),
        ("AWS-LC", RGBColor(231, 111, 81), rows::<AwsLc>("AWS-LC", connections)),
    ];
    if let Some(path) = svg {
        draw(&curves, &path)?;
    }
    println!();
    println!("| backend | content, bytes | speedup with two threads | quartiles |");
    println!("|---|---|---|---|");
    duplex::<Ring>("ring");
    duplex::<AwsLc>("AWS-LC");
    Ok(())
}
