//! `streams.limits`: the most that a ratio may be.

use std::collections::BTreeMap;

use crate::case::Row;

/// Limits by the names of cases.
pub(crate) struct Limits(BTreeMap<&'static str, f64>);

impl Limits {
    /// Those that were there when this was compiled.
    pub(crate) fn new() -> Self {
        let lines = include_str!("../../../streams.limits").lines();
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(
            lines
                .map(|line| {
                    let (name, limit) = line.split_once(' ').expect("a name and a limit");
                    (name, limit.trim().parse().expect("a number"))
                })
                .collect(),
        )
    }

    pub(crate) fn of(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Ratios above their limits, and limits of cases that do not exist, one on a line.
    pub(crate) fn failures(&self, names: &[String], rows: &[Row]) -> Vec<String> {
        let unknown = self.0.keys().filter(|limited| !names.iter().any(|name| name == *limited));
        let unknown = unknown.map(|name| format!("{name} has a limit, but does not exist"));
        let above = rows.iter().filter_map(|row| {
            let (ratio, limit) = (row.ratio.median, self.of(&row.name)?);
            (ratio > limit).then(|| format!("{}: {ratio:.2} is above {limit:.2}", row.name))
        });
        unknown.chain(above).collect()
    }
}
