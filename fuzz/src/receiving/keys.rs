//! Installing keys and handing them over, compared with the
//! [`Reference`](crate::reference::Reference).

use tls_record::aead::Provider;
use tls_record::close::{ReadState, Trigger, WriteState};
use tls_record::{
    AlertDescription, Epoch, KernelDirection, KeyError, KeySchedule, TrafficSecret, Version,
};

use super::{Secrets, Stage, World};
use crate::peer::Direction;
use crate::reference::{Outcome, check_keys};
use crate::setup::by_writer;
use crate::words;

impl<P: Provider> World<P> {
    pub(super) fn install(&mut self, stage: &Stage) {
        self.tell();
        let (epoch, (read, write)) = (stage.epoch(), stage.seeds());
        let suite = self.suite.clone();
        let number = suite.first_number(epoch);
        let expected = self.check_own_keys(epoch, &suite.secret(write), number);
        let (opened, sealed) = self.layer.with_halves(|opener, sealer| {
            // New keys, or keys that another implementation has used.
            let opened = match number {
                0 => opener.install(epoch, suite.secret(read)),
                _ => opener.take_over(epoch, suite.secret(read), number),
            };
            (opened, sealer.take_over(epoch, suite.secret(write), number))
        });
        assert_eq!(opened, self.reference.take_over(epoch, suite.secret(read), number));
        assert_eq!(sealed, expected);
        if sealed.is_ok() {
            self.sends_under(suite.secret(write), number);
        }
        self.share_version();
        self.learn_of_keys(opened);
        self.check_secrets();
    }

    pub(super) fn install_again(&mut self, stage: &Stage, ours: bool) {
        self.tell();
        let (epoch, (read, write)) = (stage.epoch(), Stage::Handshake.seeds());
        let suite = self.suite.clone();
        let secret = || suite.secret(if ours { write } else { read });
        let expected = if ours {
            self.check_own_keys(epoch, &secret(), 0)
        } else {
            self.reference.take_over(epoch, secret(), 0)
        };
        let installed = self.layer.with_halves(|opener, sealer| match ours {
            true => sealer.install(epoch, secret()),
            false => opener.install(epoch, secret()),
        });
        assert_eq!(installed, expected);
        let _ = installed.inspect_err(words::check);
        if ours && installed.is_ok() {
            self.sends_under(secret(), 0);
        }
        self.share_version();
        self.learn_of_keys(installed);
        self.check_secrets();
    }

    pub(super) fn sends_under(&mut self, secret: TrafficSecret<P>, number: u64) {
        self.peer_in = Direction::from(secret, number);
        self.own_version = self.peer_in.version();
        self.has_own_keys = true;
    }

    /// Checks that the connection fails if both halves were given the same secret, one after the
    /// other.
    fn check_secrets(&mut self) {
        if self.has_own_keys && self.reference.is_under_secret_of(&self.peer_in) {
            self.reference.abort(AlertDescription::INTERNAL_ERROR.0);
            self.facts.note_failure();
            (self.has_own_keys, self.is_update_due) = (false, false);
        }
    }

    /// Installs keys in one direction, which must not be those of the other direction.
    pub(super) fn install_one(&mut self, stage: &Stage, ours: bool, crossed: bool) {
        let (epoch, (read, write)) = (stage.epoch(), stage.seeds());
        let suite = self.suite.clone();
        let secret = || suite.secret(if ours == crossed { read } else { write });
        self.share_version();
        let is_used = self.sends_by(&secret()) || self.reference.is_under(&secret());
        let expected = if is_used {
            Err(KeyError::SameSecret)
        } else if ours {
            self.check_own_keys(epoch, &secret(), 0)
        } else {
            self.reference.take_over(epoch, secret(), 0)
        };
        let writer = if ours { self.role } else { self.role.peer() };
        let installed = self.layer.install_one(writer, epoch, secret());
        assert_eq!(installed, expected);
        self.tell();
        if installed.is_ok() {
            if ours {
                self.sends_under(secret(), 0);
            } else {
                self.peer_out = Direction::new(secret());
            }
            self.share_version();
        }
        self.learn_of_keys(installed);
    }

    /// Returns whether the keys of the sending half were derived from this secret.
    fn sends_by(&self, secret: &TrafficSecret<P>) -> bool {
        self.has_own_keys && self.peer_in.is_under(secret)
    }

    /// Returns whether the sending half must accept keys.
    pub(super) fn check_own_keys(
        &self,
        epoch: Epoch,
        secret: &TrafficSecret<P>,
        number: u64,
    ) -> Result<(), KeyError> {
        match self.write_state() {
            WriteState::Open => {}
            WriteState::HandedOver => return Err(KeyError::HandedOver),
            _ => return Err(KeyError::Closed),
        }
        let known = self.own_version.or(self.suite.pinned());
        let current = self.layer.sealer().epoch();
        check_keys(known, current, (secret.version(), epoch), number)?;
        if self.sends_by(secret) { Err(KeyError::SameSecret) } else { Ok(()) }
    }

    /// Returns whether the sending half must accept the end of a TLS 1.2 handshake.
    pub(super) fn check_own_establish(&self) -> Result<(), KeyError> {
        let is_tls12 = self.own_version == Some(Version::Tls12);
        if !is_tls12 || self.layer.sealer().epoch() != Epoch::Handshake {
            Err(KeyError::Epoch)
        } else if self.has_own_keys && self.peer_in.sequence == 0 {
            // The Finished was not sent.
            Err(KeyError::NonceReuse)
        } else {
            match self.facts.write() {
                WriteState::Open => Ok(()),
                WriteState::HandedOver => Err(KeyError::HandedOver),
                _ => Err(KeyError::Closed),
            }
        }
    }

    /// Returns whether a renegotiation can be refused, by the engine or the kernel.
    pub(super) fn check_refusal(&self) -> Result<(), KeyError> {
        let is_tls12 = self.own_version == Some(Version::Tls12);
        if !is_tls12 || self.layer.sealer().epoch() != Epoch::Application {
            Err(KeyError::Epoch)
        } else if self.facts.write() != WriteState::Open || self.is_exhausted() {
            Err(KeyError::Closed)
        } else {
            Ok(())
        }
    }

    /// Returns whether the sending keys may seal only control records.
    pub(super) fn is_exhausted(&self) -> bool {
        self.has_own_keys && self.peer_in.sequence >= self.data_limit
    }

    /// Takes keys over in both directions, or in neither.
    pub(super) fn take_over(&mut self, stage: &Stage, number: u64, secrets: &Secrets) {
        let (read, write) = match secrets {
            Secrets::OfHandshake => Stage::Handshake.seeds(),
            _ => stage.seeds(),
        };
        let epoch = stage.epoch();
        let suite = match secrets {
            Secrets::OtherVersion => self.suite.of_other_version(),
            _ => self.suite.clone(),
        };
        let our_suite = match secrets {
            Secrets::Mixed => suite.of_other_version(),
            _ => suite.clone(),
        };
        let write = if *secrets == Secrets::One { read } else { write };
        // A connection without a version would accept either.
        let is_other = *secrets == Secrets::OtherVersion;
        if is_other && self.own_version.or(self.suite.pinned()).is_none() {
            return;
        }
        let (client, server) =
            by_writer(self.role, (suite.secret(read), number), (our_suite.secret(write), number));
        let is_crossed =
            self.reference.is_under(&our_suite.secret(write)) || self.sends_by(&suite.secret(read));
        let mut expected = match secrets {
            Secrets::Mixed => Err(KeyError::Mismatch),
            Secrets::One => Err(KeyError::SameSecret),
            _ if is_crossed => Err(KeyError::SameSecret),
            _ => self.check_own_keys(epoch, &our_suite.secret(write), number),
        };
        if expected.is_ok() {
            expected = self.reference.take_over(epoch, suite.secret(read), number);
        }
        let installed = self.layer.take_over(epoch, client, server);
        assert_eq!(installed, expected);
        self.tell();
        let _ = installed.inspect_err(words::check);
        if installed.is_ok() {
            self.sends_under(suite.secret(write), number);
            self.peer_out = Direction::from(suite.secret(read), number);
        }
        self.learn_of_keys(installed);
    }

    /// Hands the receiving keys to the kernel.
    pub(super) fn hand_receiver_over(&mut self) {
        self.tell();
        let handed = self.layer.hand_receiver_to_kernel();
        assert_eq!(handed.is_ok(), self.reference.may_hand_over());
        let _ = handed.as_ref().inspect_err(|error| words::check(*error));
        self.share_version();
        if let Ok(direction) = handed {
            check_kernel(direction, self.reference.sequence());
            self.reference.hand_over();
            self.note(Trigger::ReadHandedOver);
        }
    }

    /// Hands the sending keys to the kernel. Control messages that become due are offered as values.
    pub(super) fn hand_sender_over(&mut self) {
        self.tell();
        let is_established = self.layer.sealer().epoch() == Epoch::Application;
        // Includes a KeyUpdate request that the sending half has only just learned of.
        let is_due = self.layer.has_control() || self.is_update_due;
        let is_at_rest = self.write_state() == WriteState::Open && !is_due;
        let has_numbers = self.peer_in.sequence < self.data_limit;
        let handed = self.layer.hand_sender_to_kernel();
        assert_eq!(handed.is_ok(), is_established && is_at_rest && has_numbers);
        let _ = handed.as_ref().inspect_err(|error| words::check(*error));
        self.share_version();
        if let Ok(direction) = handed {
            check_kernel(direction, self.peer_in.sequence);
            (self.is_in_kernel, self.has_own_keys) = (true, false);
        }
    }

    /// Records a fault of the peer that a key change has detected.
    pub(super) fn learn_of_keys(&mut self, changed: Result<(), KeyError>) {
        let is_found = matches!(changed, Err(KeyError::Fault(_)));
        let is_new = self.facts.read() == ReadState::Open && self.reference.end().is_some();
        assert_eq!(is_found, is_new, "{changed:?}");
        if let Err(KeyError::Fault(fault)) = changed {
            self.learn(&Outcome::Fault(fault.alert().map(|alert| alert.0)));
        }
    }
}

/// Checks that the kernel gets the sequence number of the next record, and each generation of keys
/// once.
pub(crate) fn check_kernel<P: Provider>(mut direction: KernelDirection<P>, sequence: u64) {
    let info = direction.crypto_info().expect("keys");
    assert!(info.as_bytes().ends_with(&sequence.to_be_bytes()));
    assert_eq!(direction.crypto_info().err(), Some(KeyError::HandedOver));
    if direction.update().is_ok() {
        let info = direction.crypto_info().expect("keys");
        assert!(info.as_bytes().ends_with(&[0; 8]));
        assert_eq!(direction.crypto_info().err(), Some(KeyError::HandedOver));
    }
}
