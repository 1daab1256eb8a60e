//! Mistakes that are planted on purpose: a checker that does not find them proves nothing.

use tls_record::close::{OnPeerClose, ReadState, Trigger, WriteState};

use crate::properties;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    // In the closing state machine
    /// The end of the transport is taken for a close_notify.
    EofIsClean,
    /// `close` forgets that the close_notify is sealed already.
    ClosesTwice,
    /// A fault after the close_notify still sends an alert.
    AlertAfterClose,
    /// An error alert is answered by one.
    AnswersPeerAlert,
    // In the halves
    /// An error alert is taken for a close_notify.
    PeerAlertIsClean,
    /// The sealer does not learn of the peer's close_notify.
    CloseNotTold,
    /// The sealer does not learn of a fault.
    FaultNotTold,
    /// Data is sealed after the close_notify.
    DataAfterClose,
    /// A KeyUpdate is answered after the close_notify.
    KeyUpdateAfterClose,
    /// A KeyUpdate that arrives after our close_notify does not change the keys.
    NoKeyUpdateAfterClose,
    // In halves that were handed over
    /// A sealer in the kernel still seals a fatal alert, in plaintext.
    HandedOverSeals,
    /// A record that was offered to the kernel stays due.
    OffersTwice,
    /// A sealer in the kernel reports an end there.
    KernelEndTold,
    /// `abort` ends an opener that was handed over.
    AbortOverwritesHandOver,
    /// A sealer in the kernel does not get the notices of the opener.
    KernelNotTold,
    /// A suspended connection offers a due record as if it were in the kernel.
    SuspendedOffers,
    // In the driver
    /// A close_notify is dropped if the transport is full.
    WouldBlockLosesAlert,
    /// The end of the transport is not reported.
    EofNotTold,
    /// An application that waits for the peer's close_notify does not read.
    WaitsWithoutReading,
    /// After a fault, records stay in the transport.
    FailedEndStopsDraining,
    /// A failed endpoint keeps its transport.
    FailedEndStays,
}

impl Mistake {
    /// All mistakes, and the property that each one breaks.
    pub(crate) const ALL: [(Self, &[&'static str]); 21] = [
        (Self::EofIsClean, &[properties::NOTHING_LOST, properties::ONE_HISTORY]),
        (Self::ClosesTwice, &[properties::NOTHING_AFTER_THE_END]),
        (Self::AlertAfterClose, &[properties::NOTHING_AFTER_THE_END]),
        (Self::AnswersPeerAlert, &[properties::ONE_HISTORY]),
        (Self::PeerAlertIsClean, &[properties::NOTHING_LOST, properties::ONE_HISTORY]),
        (Self::CloseNotTold, &[properties::NOBODY_WAITS]),
        (Self::FaultNotTold, &[properties::NOBODY_WAITS]),
        (Self::DataAfterClose, &[properties::NOTHING_AFTER_THE_END]),
        (Self::KeyUpdateAfterClose, &[properties::NOTHING_AFTER_THE_END]),
        (Self::NoKeyUpdateAfterClose, &[properties::HONEST_RECORDS_OPEN]),
        (Self::HandedOverSeals, &[properties::HANDED_OVER_IS_SILENT]),
        (Self::OffersTwice, &[properties::NOTHING_AFTER_THE_END, properties::ONE_ANSWER]),
        (Self::KernelEndTold, &[properties::HANDED_OVER_FOR_EVER]),
        (Self::AbortOverwritesHandOver, &[properties::HANDED_OVER_FOR_EVER]),
        (Self::KernelNotTold, &[properties::NOBODY_WAITS]),
        (Self::SuspendedOffers, &[properties::SUSPENDED_OFFERS_NOTHING]),
        (Self::WouldBlockLosesAlert, &[properties::ONE_HISTORY]),
        (Self::EofNotTold, &[properties::NOBODY_WAITS, properties::BOTH_LEAVE]),
        (Self::WaitsWithoutReading, &[properties::NOBODY_WAITS]),
        (Self::FailedEndStopsDraining, &[properties::NOBODY_WAITS]),
        (Self::FailedEndStays, &[properties::NOBODY_WAITS, properties::BOTH_LEAVE]),
    ];

    pub(crate) const fn is_of_the_driver(self) -> bool {
        matches!(
            self,
            Self::WouldBlockLosesAlert
                | Self::EofNotTold
                | Self::WaitsWithoutReading
                | Self::FailedEndStopsDraining
                | Self::FailedEndStays
        )
    }

    pub(crate) const fn is_of_key_updates(self) -> bool {
        matches!(self, Self::KeyUpdateAfterClose | Self::NoKeyUpdateAfterClose)
    }

    pub(crate) const fn is_of_the_hand_over(self) -> bool {
        matches!(
            self,
            Self::HandedOverSeals
                | Self::OffersTwice
                | Self::KernelEndTold
                | Self::AbortOverwritesHandOver
                | Self::KernelNotTold
                | Self::SuspendedOffers
        )
    }

    pub(crate) fn read_after(self, state: ReadState, trigger: Trigger) -> ReadState {
        match (self, state, trigger) {
            (Self::EofIsClean, ReadState::Open, Trigger::TransportEof) => ReadState::PeerClosed,
            (Self::AbortOverwritesHandOver, ReadState::HandedOver, Trigger::Fault) => {
                ReadState::Failed
            }
            _ => state.after(trigger),
        }
    }

    pub(crate) fn write_after(
        self,
        state: WriteState,
        on_peer_close: OnPeerClose,
        trigger: Trigger,
    ) -> WriteState {
        match (self, state, trigger) {
            (Self::ClosesTwice, WriteState::Closed, Trigger::Close) => WriteState::CloseQueued,
            (Self::AlertAfterClose, WriteState::Closed, Trigger::Fault)
            | (Self::HandedOverSeals, WriteState::HandedOver, Trigger::Fault)
            | (Self::AnswersPeerAlert, WriteState::Open, Trigger::PeerError) => {
                WriteState::AlertQueued
            }
            _ => state.after(on_peer_close, trigger),
        }
    }
}
