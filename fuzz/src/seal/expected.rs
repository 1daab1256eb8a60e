//! What the sender must do: its state, and the results that follow from it.

use tls_record::close::{OnPeerClose, Trigger, WriteState};
use tls_record::{AlertDescription, CloseError, ContentType, Control, Epoch, SealError, Version};

use super::World;
use crate::close::Alert;
use crate::peer::Direction;

impl World {
    pub(super) fn is_tls13(&self) -> bool {
        self.version == Some(Version::Tls13)
    }

    pub(super) fn max_content(&self) -> usize {
        let own = self.config.fragment_limit.min(self.chosen_limit).min(1 << 14);
        let peer = match self.peer_limit {
            Some(limit) if self.epoch != Epoch::Plaintext => {
                // RFC 8449 section 4: the limit includes the content type in TLS 1.3.
                limit - u16::from(self.is_tls13())
            }
            _ => u16::MAX,
        };
        usize::from(own.min(peer).max(1))
    }

    /// Returns the length of a record with `content` bytes of content, and the length of its padding.
    pub(super) fn record_len(&self, content_type: ContentType, content: usize) -> (usize, usize) {
        let unpadded = 5 + content + self.mirror.expansion();
        let is_covered = content_type == ContentType::APPLICATION_DATA || self.setup.pads_control;
        if self.mirror.version() != Some(Version::Tls13) || !is_covered {
            return (unpadded, 0);
        }
        let padding = self.padding.padded(content + 1, self.max_content() + 1) - (content + 1);
        (unpadded + padding, padding)
    }

    /// Returns the first sequence number at which the key may seal only control records.
    pub(super) fn data_limit(&self) -> u64 {
        if self.mirror.version().is_none() {
            return u64::MAX;
        }
        self.setup.data_limit()
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.mirror.sequence >= self.data_limit()
    }

    pub(super) fn may_update(&self) -> bool {
        let is_open = self.state() == WriteState::Open;
        self.is_tls13() && self.epoch == Epoch::Application && is_open
    }

    /// TLS 1.2: returns whether a change_cipher_spec was sent, but its keys are not installed yet.
    pub(super) fn is_keys_due(&self) -> bool {
        self.are_keys_due && self.version == Some(Version::Tls12)
    }

    /// Returns the state of the sending direction of the engine. [`Facts`] continues in the kernel.
    pub(super) fn state(&self) -> WriteState {
        if self.is_in_kernel { WriteState::HandedOver } else { self.facts.write() }
    }

    pub(super) fn is_update_due(&self) -> bool {
        let is_wanted =
            self.is_update_wanted && self.is_tls13() && self.epoch == Epoch::Application;
        is_wanted || (self.is_exhausted() && self.may_update())
    }

    pub(super) fn check_close(&self) -> Result<(), CloseError> {
        match self.state() {
            WriteState::Closed => Err(CloseError::AlreadyClosed),
            WriteState::AlertQueued | WriteState::Failed => Err(CloseError::Failed),
            WriteState::HandedOver => Err(CloseError::HandedOver),
            _ if self.is_truncated => Err(CloseError::Truncated),
            _ => Ok(()),
        }
    }

    pub(super) fn check_open(&self) -> Result<(), SealError> {
        match self.state() {
            WriteState::Open => Ok(()),
            WriteState::CancelQueued | WriteState::CloseQueued | WriteState::Closed => {
                Err(SealError::Closed)
            }
            WriteState::AlertQueued | WriteState::Failed => Err(SealError::Failed),
            WriteState::HandedOver => Err(SealError::HandedOver),
        }
    }

    pub(super) fn check_keys(&self) -> Result<(), SealError> {
        if self.is_update_due() || self.is_request_due {
            return Err(SealError::ControlFirst);
        }
        if self.is_exhausted() { Err(SealError::KeyExhausted) } else { Ok(()) }
    }

    pub(super) fn check_data(&self) -> Result<(), SealError> {
        self.check_open()?;
        if !matches!(self.epoch, Epoch::EarlyData | Epoch::Application) {
            return Err(SealError::NoKeys);
        }
        self.check_keys()
    }

    pub(super) fn note(&mut self, trigger: Trigger) {
        let version = self.version.unwrap_or(Version::Tls13);
        let rule = OnPeerClose::in_version(version, self.config.tls12_on_peer_close);
        self.facts.note(rule, trigger);
        if matches!(self.facts.write(), WriteState::AlertQueued | WriteState::Failed) {
            (self.is_update_wanted, self.is_request_due) = (false, false);
            self.refusals = 0;
        }
        if self.facts.write() == WriteState::Failed {
            // RFC 9846 section 6: the keys are wiped.
            assert_eq!(self.sealer.sequence(), None);
            self.mirror = Direction::plain();
        }
    }

    pub(super) fn fail(&mut self, alert: u8) {
        let is_first = self.facts.due() != Some(Alert::Fatal);
        self.note(Trigger::Fault);
        if is_first && self.facts.due() == Some(Alert::Fatal) {
            self.fatal = Some(alert);
        }
        (self.is_update_wanted, self.is_request_due, self.refusals) = (false, false, 0);
    }

    /// Returns the control message that is due, with its content type and bytes.
    pub(super) fn due(&self) -> Option<(Control, ContentType, Vec<u8>)> {
        if self.is_keys_due() {
            // Control waits for the keys.
            return None;
        }
        let alert = |description, level| {
            let control = Control::Alert(AlertDescription(description));
            (control, ContentType::ALERT, vec![level, description])
        };
        let update = |request| {
            let message = vec![24, 0, 0, 1, u8::from(request)];
            (Control::KeyUpdate { request }, ContentType::HANDSHAKE, message)
        };
        let due = self.facts.due();
        if due == Some(Alert::Fatal) {
            return self.fatal.map(|description| alert(description, 2));
        }
        if self.is_update_due() {
            return Some(update(false));
        }
        if self.is_request_due {
            return Some(update(true));
        }
        let is_open = self.facts.write() == WriteState::Open;
        match due {
            Some(Alert::UserCanceled) => Some(alert(90, 1)),
            Some(_) => Some(alert(0, 1)),
            None => {
                let refuses = self.refusals != 0 && is_open && !self.is_exhausted();
                refuses.then(|| alert(100, 1))
            }
        }
    }

    /// Records that a control message was sent.
    pub(super) fn control_sealed(&mut self, control: Control) {
        match control {
            Control::KeyUpdate { request } => {
                if request {
                    self.is_request_due = false;
                    self.is_request_outstanding = true;
                    assert!(self.sealer.has_signal(), "the receiving half must be told");
                } else {
                    self.is_update_wanted = false;
                }
            }
            Control::Alert(AlertDescription::NO_RENEGOTIATION) => self.refusals -= 1,
            Control::Alert(_) => self.note(Trigger::AlertSealed),
        }
    }
}
