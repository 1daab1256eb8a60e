//! What is left of the peer's licence to waste our time (see [`Limits`]).

use crate::config::Limits;
use crate::error::Fault;

/// Counts of what came in a row. Each tells how many more are tolerated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    empty_records: u8,
    warnings: u8,
    key_updates: u8,
    renegotiations: u8,
}

impl Budget {
    pub(crate) const fn new(limits: &Limits) -> Self {
        Self {
            empty_records: limits.empty_records,
            warnings: limits.warnings,
            key_updates: limits.key_updates,
            renegotiations: limits.renegotiations,
        }
    }

    pub(crate) const fn to_bytes(self) -> [u8; 4] {
        [self.empty_records, self.warnings, self.key_updates, self.renegotiations]
    }

    pub(crate) const fn from_bytes(bytes: [u8; 4]) -> Self {
        let [empty_records, warnings, key_updates, renegotiations] = bytes;
        Self { empty_records, warnings, key_updates, renegotiations }
    }

    /// A record with content that is no alert has arrived.
    #[inline]
    pub(crate) const fn content_arrived(&mut self, limits: &Limits) {
        self.empty_records = limits.empty_records;
        self.warnings = limits.warnings;
    }

    /// Application data has arrived.
    #[inline]
    pub(crate) const fn data_arrived(&mut self, limits: &Limits) {
        self.content_arrived(limits);
        self.key_updates = limits.key_updates;
    }

    pub(crate) fn empty_record(&mut self) -> Result<(), Fault> {
        spend(&mut self.empty_records)
    }

    pub(crate) fn warning(&mut self) -> Result<(), Fault> {
        spend(&mut self.warnings)
    }

    pub(crate) fn key_update(&mut self) -> Result<(), Fault> {
        spend(&mut self.key_updates)
    }

    pub(crate) fn renegotiation(&mut self) -> Result<(), Fault> {
        spend(&mut self.renegotiations)
    }
}

fn spend(left: &mut u8) -> Result<(), Fault> {
    if *left == 0 {
        return Err(Fault::Flood);
    }
    *left = left.wrapping_sub(1);
    Ok(())
}
