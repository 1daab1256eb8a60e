//! One direction of the transport: in order, of bounded capacity, and it may end at any point.

use tls_record::{AlertDescription, Control};

/// A record without its protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Record {
    Data,
    Control(Control),
}

impl Record {
    pub(crate) const CLOSE_NOTIFY: Self =
        Self::Control(Control::Alert(AlertDescription::CLOSE_NOTIFY));
    pub(crate) const USER_CANCELED: Self =
        Self::Control(Control::Alert(AlertDescription::USER_CANCELED));

    /// True if no record may follow it.
    pub(crate) fn is_end(self) -> bool {
        matches!(self, Self::Control(Control::Alert(_))) && self != Self::USER_CANCELED
    }

    pub(crate) fn is_fatal(self) -> bool {
        self.is_end() && self != Self::CLOSE_NOTIFY
    }

    pub(crate) const fn is_key_update(self) -> bool {
        matches!(self, Self::Control(Control::KeyUpdate { .. }))
    }
}

/// The records of one direction: all that were sealed, and the position of the reader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Wire {
    pub(crate) sealed: Vec<Record>,
    /// The number that the reader has opened.
    pub(crate) opened: usize,
    /// The number sealed before the kernel got this direction, if it did.
    pub(crate) handed_at: Option<usize>,
    /// The number that the kernel has sealed.
    pub(crate) relayed: usize,
    /// The number that can arrive, once no more can: the sender has left, or the transport broke.
    pub(crate) ends_at: Option<usize>,
    /// The transport broke.
    pub(crate) was_cut: bool,
    /// The transport changed the record that the reader was to open next.
    pub(crate) was_forged: bool,
}

impl Wire {
    /// The records that the reader has opened.
    pub(crate) fn history(&self) -> &[Record] {
        &self.sealed[..self.opened]
    }

    /// The records in flight.
    pub(crate) fn in_flight(&self) -> &[Record] {
        let end = self.ends_at.unwrap_or(self.sealed.len());
        self.sealed.get(self.opened..end).unwrap_or_default()
    }

    /// True if the reader learns that no more records come.
    pub(crate) fn is_at_eof(&self) -> bool {
        self.ends_at.is_some() && self.in_flight().is_empty()
    }

    /// The generation of keys that protects the next record to open.
    pub(crate) fn generation(&self) -> usize {
        self.history().iter().filter(|record| record.is_key_update()).count()
    }

    /// The kernel seals a record.
    pub(crate) fn relay(&mut self, record: Record) {
        self.sealed.push(record);
        self.relayed += 1;
    }

    /// The sender has left: its records still arrive.
    pub(crate) fn end(&mut self) {
        self.ends_at.get_or_insert(self.sealed.len());
    }

    /// The transport breaks: records sealed from now on are lost, and records in flight if
    /// `at_once`.
    pub(crate) fn cut(&mut self, at_once: bool) {
        let arriving = if at_once { 0 } else { self.in_flight().len() };
        self.ends_at = Some(self.opened + arriving);
        self.was_cut = true;
    }
}
