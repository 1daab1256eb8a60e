//! What the receiving half reports, and words that none has made.

use tls_record::close::{Trigger, WriteState};
use tls_record::{
    AlertDescription, ContentType, Epoch, Fault, Notice, Opener, ReadEnd, Sealer, Signal, Version,
};

use super::{News, Secret, World};
use crate::checksum::Checksum;
use crate::peer::Direction;

impl World {
    pub(super) fn news(&mut self, news: &News) {
        if self.facts.read() != tls_record::close::ReadState::Open {
            // After the end it reports nothing more.
            return;
        }
        match news {
            News::UpdateRequested => {
                if self.setup.version() == Version::Tls13 {
                    let notice = self.notice(ContentType::HANDSHAKE, &[24, 0, 0, 1, 1]);
                    self.sealer.apply(notice);
                    let is_open = self.facts.write() == WriteState::Open;
                    self.is_update_wanted |= is_open && self.is_tls13();
                }
            }
            News::PeerClosed => {
                let notice = self.notice(ContentType::ALERT, &[1, 0]);
                self.sealer.apply(notice);
                self.note(Trigger::PeerCloseNotify);
            }
            News::PeerFailed => {
                let notice = self.notice(ContentType::ALERT, &[2, 80]);
                self.sealer.apply(notice);
                self.note(Trigger::PeerError);
                // Also after our close_notify was sent.
                assert_eq!(self.sealer.sequence(), None);
                self.mirror = Direction::plain();
            }
            News::Truncated => {
                let mut opener = Opener::<Secret>::new(self.config);
                opener.eof();
                self.sealer.apply(opener.take_notice());
                self.note(Trigger::TransportEof);
                self.is_truncated = true;
                let closed = self.sealer.close();
                assert_eq!(closed, self.check_close());
                self.note(Trigger::Close);
                assert!(closed.is_err(), "a close reports the truncation");
            }
            News::Fault => {
                let notice = self.notice(ContentType::ALERT, &[]);
                self.sealer.apply(notice);
                self.fail(AlertDescription::UNEXPECTED_MESSAGE.0);
            }
        }
    }

    /// Applies a notice of arbitrary bits, which no receiving half would make.
    pub(super) fn foreign(&mut self, bits: u32) {
        let notice = Notice::from_bits(bits);
        assert_eq!(Notice::from_bits(notice.bits()), notice);
        let has = |bit: u32| bits >> bit & 1 == 1;
        let alert = has(8).then_some(match bits.to_le_bytes()[0] {
            // Alerts that do not end the connection.
            0 | 90 | 100 => AlertDescription::INTERNAL_ERROR.0,
            alert => alert,
        });
        assert_eq!(notice.bits() >> 8, bits >> 8 & 0x3f);
        assert_eq!(notice.bits().to_le_bytes()[0], alert.unwrap_or(0));

        self.foreign_signal(bits, alert.map(AlertDescription));
        self.sealer.apply(notice);
        // The sending half does not know the state of the receiving half, so a notice may
        // contradict it.
        self.facts.forget_receiving();
        if has(10) {
            self.note(Trigger::PeerCloseNotify);
            self.facts.forget_receiving();
        }
        self.is_request_outstanding &= !has(12);
        let may_answer = self.facts.write() == WriteState::Open && self.is_tls13();
        self.is_update_wanted |= has(11) && may_answer;
        self.is_truncated |= has(13);
        if let Some(alert) = alert {
            self.fail(alert);
            self.facts.forget_receiving();
        }
        if has(9) {
            self.note(Trigger::PeerError);
            (self.is_update_wanted, self.is_request_due, self.refusals) = (false, false, 0);
            self.mirror = Direction::plain();
        }
        self.facts.forget_receiving();
    }

    /// Applies the same bits to a receiving half: only an alert in them ends it.
    pub(super) fn foreign_signal(&self, bits: u32, alert: Option<AlertDescription>) {
        let signal = Signal::from_bits(bits);
        assert_eq!(Signal::from_bits(signal.bits()), signal);
        let (mut opener, mut peer) = self.established();
        opener.apply(signal);
        let by_cipher = bits >> 10 & 1 == 1;
        let end = match alert {
            Some(_) if by_cipher => ReadEnd::Fault(Fault::Crypto),
            Some(alert) => ReadEnd::Fault(Fault::Aborted(alert)),
            None => ReadEnd::Open,
        };
        assert_eq!(opener.end(), end);
        let mut record = peer.seal(ContentType::APPLICATION_DATA, b"data", 0);
        assert_eq!(opener.open(&mut record).is_ok(), alert.is_none());
        assert!(!opener.has_notice(), "there must be no notice");
    }

    /// Returns the notice of a receiving half that opened this record.
    pub(super) fn notice(&self, content_type: ContentType, content: &[u8]) -> Notice {
        let (mut opener, mut peer) = self.established();
        let _ = opener.open(&mut peer.seal(content_type, content, 0));
        let notice = opener.take_notice();
        assert_eq!(Notice::from_bits(notice.bits()), notice);
        assert_ne!(format!("{notice:?}"), format!("{:?}", Notice::NONE));
        notice
    }

    /// Returns the notice of a receiving half when the peer answers a request.
    pub(super) fn answer(&self) -> Notice {
        let (mut opener, mut peer) = self.established();
        let mut sealer = Sealer::<Secret>::new(self.config);
        sealer.install(Epoch::Application, self.setup.suite.secret(1)).expect("valid keys");
        sealer.update_keys(true).expect("a request");
        sealer.poll_control(&mut vec![0; 1 << 15]).expect("the buffer is long enough");
        opener.apply(sealer.take_signal());
        let _ = opener.open(&mut peer.seal(ContentType::HANDSHAKE, &[24, 0, 0, 1, 0], 0));
        opener.take_notice()
    }

    pub(super) fn established(&self) -> (Opener<Secret>, Direction<Checksum>) {
        let mut config = self.config;
        config.limits = tls_record::Limits::DEFAULT;
        config.record_size_limit = None;
        let mut opener = Opener::new(config);
        let secret = || self.setup.suite.secret(1);
        let number = self.setup.suite.first_number(Epoch::Application);
        opener.take_over(Epoch::Application, secret(), number).expect("valid keys");
        (opener, Direction::from(secret(), number))
    }
}
