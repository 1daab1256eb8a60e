//! The limits of ratios in `streams.limits`.

use std::collections::BTreeMap;

use crate::case::Row;

/// The limits, by name of the case.
pub(crate) struct Limits(BTreeMap<&'static str, f64>);

impl Limits {
    /// Reads the limits that were compiled in.
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

    /// Returns messages for ratios above their limits, and for limits of cases that do not exist.
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
