//! The close-state machine against facts: what has been asked for, what has arrived and what has left.
//!
//! [`Facts`] knows no transitions. It remembers, and says of any moment what the words of RFC 9846
//! section 6 and RFC 5246 section 7.2.1 make of what it remembers.

use tls_record::close::{OnPeerClose, ReadState, Trigger, WriteState, transition};

use crate::input::input;

/// An alert of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// user_canceled
    UserCanceled,
    /// close_notify
    CloseNotify,
    /// A fatal one.
    Fatal,
}

/// What happened to a connection, as far as its end goes.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What came first of all that ends receiving.
    received_end: Option<ReadState>,
    /// Our direction is to end by a close_notify.
    is_close_wanted: bool,
    /// A user_canceled is to come before it.
    is_cancel_wanted: bool,
    /// A fatal alert is to be sent.
    has_fault: bool,
    /// The peer failed before our direction had ended.
    has_peer_failed: bool,
    /// The keys of our direction are somebody else's.
    is_handed_over: bool,
    /// The alerts that left.
    sent: Vec<Alert>,
}

impl Facts {
    /// Whether nothing of ours may leave any more.
    fn is_over(&self) -> bool {
        self.is_handed_over
            || self.has_peer_failed
            || matches!(self.sent.last(), Some(Alert::CloseNotify | Alert::Fatal))
    }

    /// Whether the keys of our direction may go elsewhere: not while an alert is due, which they are
    /// to seal, nor after a failure, which has wiped them.
    fn may_hand_over(&self) -> bool {
        let has_failed = self.has_peer_failed || self.sent.last() == Some(&Alert::Fatal);
        self.due().is_none() && !has_failed
    }

    /// Something happened.
    pub fn note(&mut self, on_peer_close: OnPeerClose, trigger: Trigger) {
        let is_receiving = self.received_end.is_none();
        let may_want = !self.is_over() && !self.has_fault && !self.is_close_wanted;
        match trigger {
            // 9846 6.1: what arrives behind an end is ignored.
            Trigger::PeerCloseNotify | Trigger::PeerError | Trigger::TransportEof
                if !is_receiving => {}
            Trigger::PeerCloseNotify => {
                self.received_end = Some(ReadState::PeerClosed);
                self.is_close_wanted |= may_want && on_peer_close == OnPeerClose::Reply;
            }
            Trigger::PeerError => {
                self.received_end = Some(ReadState::Failed);
                self.has_peer_failed |= !self.is_over();
            }
            Trigger::TransportEof => self.received_end = Some(ReadState::Truncated),
            Trigger::Fault => {
                self.received_end.get_or_insert(ReadState::Failed);
                self.has_fault |= !self.is_over();
            }
            Trigger::Close => self.is_close_wanted |= may_want,
            Trigger::Cancel => {
                self.is_close_wanted |= may_want;
                self.is_cancel_wanted |= may_want;
            }
            Trigger::AlertSealed => self.sent.extend(self.due()),
            // What has failed has no keys to give away.
            Trigger::ReadHandedOver if self.received_end == Some(ReadState::Failed) => {}
            Trigger::ReadHandedOver => self.received_end = Some(ReadState::HandedOver),
            Trigger::WriteHandedOver => self.is_handed_over |= self.may_hand_over(),
        }
    }

    /// The connection ends, and there is no alert to send.
    pub fn note_failure(&mut self) {
        self.received_end.get_or_insert(ReadState::Failed);
        self.has_peer_failed |= !self.is_over();
    }

    /// What arrived is forgotten: the sending half alone does not know of it.
    pub fn forget_receiving(&mut self) {
        self.received_end = None;
    }

    /// The alert that is to leave next.
    pub fn due(&self) -> Option<Alert> {
        if self.is_over() {
            None
        } else if self.has_fault {
            // 9846 6.2, also in place of a close_notify that has not left.
            Some(Alert::Fatal)
        } else if self.is_cancel_wanted && self.sent.is_empty() {
            Some(Alert::UserCanceled)
        } else {
            self.is_close_wanted.then_some(Alert::CloseNotify)
        }
    }

    /// The alerts that left.
    pub fn sent(&self) -> &[Alert] {
        &self.sent
    }

    /// How far receiving is.
    pub fn read(&self) -> ReadState {
        self.received_end.unwrap_or(ReadState::Open)
    }

    /// How far sending is.
    pub fn write(&self) -> WriteState {
        match (self.sent.last(), self.due()) {
            _ if self.is_handed_over => WriteState::HandedOver,
            (Some(Alert::CloseNotify), _) => WriteState::Closed,
            (_, Some(Alert::UserCanceled)) => WriteState::CancelQueued,
            (_, Some(Alert::CloseNotify)) => WriteState::CloseQueued,
            (_, Some(Alert::Fatal)) => WriteState::AlertQueued,
            (_, None) if self.is_over() => WriteState::Failed,
            (_, None) => WriteState::Open,
        }
    }
}

input! {
    /// What can happen.
    pub enum Event {
        /// The peer's close_notify arrives.
        PeerCloseNotify,
        /// The peer's error alert arrives.
        PeerError,
        /// The transport ends.
        TransportEof,
        /// The peer breaks the protocol.
        Fault,
        /// The application closes.
        Close,
        /// The application cancels.
        Cancel,
        /// The alert that is due leaves.
        AlertSealed,
        /// The keys of the receiving direction are suspended or given to the kernel.
        ReadHandedOver,
        /// Those of the sending direction are.
        WriteHandedOver,
    }
}

impl Event {
    fn trigger(&self) -> Trigger {
        match self {
            Self::PeerCloseNotify => Trigger::PeerCloseNotify,
            Self::PeerError => Trigger::PeerError,
            Self::TransportEof => Trigger::TransportEof,
            Self::Fault => Trigger::Fault,
            Self::Close => Trigger::Close,
            Self::Cancel => Trigger::Cancel,
            Self::AlertSealed => Trigger::AlertSealed,
            Self::ReadHandedOver => Trigger::ReadHandedOver,
            Self::WriteHandedOver => Trigger::WriteHandedOver,
        }
    }
}

input! {
    /// A life.
    pub struct Input {
        /// Whether a close_notify is replied to.
        pub replies: bool,
        /// What happens, in this order.
        pub events: Vec<Event>,
    }
}

impl crate::target::Input for Input {
    const NAME: &'static str = "close";

    fn run(&self) {
        let rule = if self.replies { OnPeerClose::Reply } else { OnPeerClose::HalfClose };
        let mut facts = Facts::default();
        let mut machine = (ReadState::Open, WriteState::Open);
        let (mut read, mut write) = machine;
        for event in &self.events {
            let trigger = event.trigger();
            let before = machine;
            // The halves, which run apart: the sending one hears of the peer only what counts.
            let is_of_peer =
                matches!(event, Event::PeerCloseNotify | Event::PeerError | Event::TransportEof);
            if !is_of_peer || read == ReadState::Open {
                write = write.after(rule, trigger);
            }
            read = read.after(trigger);
            machine = transition(rule, machine.0, machine.1, trigger);
            facts.note(rule, trigger);

            assert_eq!(machine, (facts.read(), facts.write()), "after {event:?}");
            assert_eq!((read, write), machine, "the halves after {event:?}");
            assert_eq!(write.is_alert_due(), facts.due().is_some());
            if before.0 == ReadState::HandedOver {
                assert_eq!(read, ReadState::HandedOver, "it is over, whatever happens");
            }
            if before.1 == WriteState::HandedOver {
                assert_eq!(write, WriteState::HandedOver, "it is over, whatever happens");
            }
        }
        use Alert::{CloseNotify, Fatal, UserCanceled};
        assert!(
            matches!(
                facts.sent[..],
                [] | [UserCanceled | CloseNotify | Fatal] | [UserCanceled, CloseNotify | Fatal]
            ),
            "sent {:?}",
            facts.sent
        );
    }
}
