//! Remaining budgets for records of the peer that make no progress (see [`Limits`]).

use crate::layer::config::Limits;
use crate::protocol::error::{Fault, Flood};

/// For each kind of record, how many more are tolerated.
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

    /// A record with content has arrived, and it is no alert: refills the budgets for empty records
    /// and warnings.
    pub(crate) const fn content_arrived(&mut self, limits: &Limits) {
        self.empty_records = limits.empty_records;
        self.warnings = limits.warnings;
    }

    /// Application data has arrived: refills these two budgets, and the one for KeyUpdates.
    pub(crate) const fn data_arrived(&mut self, limits: &Limits) {
        self.content_arrived(limits);
        self.key_updates = limits.key_updates;
    }

    /// Counts one more record of the kind `what`. Returns the fault if the budget is spent.
    pub(crate) fn spend(&mut self, what: Flood) -> Result<(), Fault> {
        let left = match what {
            Flood::EmptyRecords | Flood::ChangeCipherSpecs => &mut self.empty_records,
            Flood::Warnings => &mut self.warnings,
            Flood::KeyUpdates => &mut self.key_updates,
            Flood::Renegotiations => &mut self.renegotiations,
        };
        if *left == 0 {
            return Err(Fault::Flood(what));
        }
        *left = left.wrapping_sub(1);
        Ok(())
    }
}
