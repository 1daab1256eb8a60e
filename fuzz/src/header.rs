//! Record headers: how they decode, and how a receiver handles them before the body has arrived.

use tls_record::aead::null::Null;
use tls_record::{
    Config, Event, HEADER_LEN, HandshakeHeader, Header, OpenError, Opened, Opener, TrafficSecret,
};

use crate::input::input;
pub use crate::receiving::Stage;
use crate::receiving::{Way, outcome};
use crate::reference::{Outcome, Reference};
pub use crate::setup::{Few, Pad, Setup, Suite};

input! {
    /// The first bytes that a receiver gets.
    pub struct Input {
        /// The connection.
        pub setup: Setup,
        /// The installed keys, if any.
        pub stage: Option<Stage>,
        /// Whether it skips early data; the value is true after a HelloRetryRequest.
        pub skips: Option<bool>,
        /// The bytes.
        pub bytes: Vec<u8>,
    }
}

impl Input {
    fn config(&self) -> Config {
        self.setup.config()
    }

    fn opener(&self) -> Opener<TrafficSecret<Null>> {
        let mut opener = Opener::new(self.config());
        if let Some(stage) = &self.stage {
            let (epoch, suite) = (stage.epoch(), &self.setup.suite);
            let _ = opener.take_over(epoch, suite.secret(1), suite.first_number(epoch));
        }
        if let Some(after_retry) = self.skips {
            let _ = opener.skip_early_data(after_retry);
        }
        opener
    }

    fn reference(&self) -> Reference<Null> {
        let mut reference = Reference::new(&self.config());
        if let Some(stage) = &self.stage {
            let (epoch, suite) = (stage.epoch(), &self.setup.suite);
            let _ = reference.take_over(epoch, suite.secret(1), suite.first_number(epoch));
        }
        if let Some(after_retry) = self.skips {
            let _ = reference.skip_early_data(after_retry);
        }
        reference
    }
}

fn open(opener: &mut Opener<TrafficSecret<Null>>, bytes: &[u8]) -> (usize, Outcome) {
    let mut bytes = bytes.to_vec();
    let opened: Result<Opened, OpenError> = opener.open(&mut bytes);
    let consumed = opened.as_ref().map_or(0, |opened| opened.consumed);
    if let Ok(Opened { event: Event::NeedMore { total }, .. }) = opened {
        assert!(total > bytes.len(), "`total` must be more than was shown");
    }
    (consumed, outcome(&opened, &bytes))
}

impl crate::target::Input for Input {
    const NAME: &'static str = "header";

    fn run(&self) {
        if let Some(&head) = self.bytes.first_chunk::<HEADER_LEN>() {
            let header = Header::decode(head);
            assert_eq!(header.encode(), head);
            let [content_type, .., high, low] = head;
            let length = u16::from(high) << 8 | u16::from(low);
            assert_eq!((header.content_type.0, header.length), (content_type, length));
        }
        if let Some(&head) = self.bytes.first_chunk::<{ HandshakeHeader::LEN }>() {
            let header = HandshakeHeader::decode(head);
            assert_eq!(header.encode(), head);
            assert!(header.length < 1 << 24);
        }

        // All bytes in one call, compared with the reference.
        let at_once = open(&mut self.opener(), &self.bytes);
        assert_eq!(at_once, self.reference().next(Way::InPlace, &self.bytes, usize::MAX));

        // Byte by byte, the result must be the same, and come as early as possible.
        let mut opener = self.opener();
        let mut needed = HEADER_LEN;
        for len in 0..=self.bytes.len() {
            match open(&mut opener, &self.bytes[..len]) {
                (_, Outcome::NeedMore(total)) => {
                    assert!(
                        len < needed || needed == HEADER_LEN,
                        "the length must not change after the header"
                    );
                    needed = total;
                }
                other => {
                    assert_eq!(len, needed);
                    assert_eq!(other, at_once);
                    return;
                }
            }
        }
        assert_eq!(at_once, (0, Outcome::NeedMore(needed)));
    }
}
