//! Output as tables and charts.

use std::io::{self, Write};

use tls_record_benches::chart::{self, Chart};
use tls_record_benches::timing::Spread;

use crate::case::Row;
use crate::limits::Limits;

/// The rows of one section, with its headings.
pub(crate) struct Part {
    pub(crate) title: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) rows: Vec<Row>,
}

impl Part {
    /// Prints the part as a table.
    pub(crate) fn print(&self, limits: &Limits) -> io::Result<()> {
        let Self { title: _, ours, theirs, unit, rows } = self;
        let mut out = io::stdout().lock();
        writeln!(out, "\n| {unit} | {ours} | {theirs} | ratio | quartiles | limit |")?;
        writeln!(out, "|---|---|---|---|---|---|")?;
        for Row { name, ours, theirs, ratio } in rows {
            let Spread { low, median, high } = ratio;
            let limit = limits.of(name).map(|limit| format!("{limit:.2}")).unwrap_or_default();
            write!(out, "| {name} | {ours:.0} | {theirs:.0} | {median:.2} ")?;
            writeln!(out, "| {low:.2} to {high:.2} | {limit} |")?;
        }
        out.flush()
    }
}

/// Draws a chart for each part.
pub(crate) fn svg(parts: &[Part]) -> String {
    let drawn: Vec<_> = parts.iter().map(Drawn::new).collect();
    let charts: Vec<_> =
        drawn.iter().map(|Drawn { title, groups, rows }| Chart { title, groups, rows }).collect();
    chart::svg(&charts)
}

/// Owns the data that a [`Chart`] borrows.
struct Drawn {
    title: String,
    groups: Vec<String>,
    rows: [(String, Vec<f64>); 2],
}

impl Drawn {
    fn new(part: &Part) -> Self {
        let figures = |figure: fn(&Row) -> f64| part.rows.iter().map(figure).collect();
        Self {
            title: format!("{}: {}", part.title, part.unit),
            groups: part.rows.iter().map(|row| row.name.clone()).collect(),
            rows: [
                (part.ours.to_owned(), figures(|row| row.ours)),
                (part.theirs.to_owned(), figures(|row| row.theirs)),
            ],
        }
    }
}
