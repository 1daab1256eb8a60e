//! The connection of Rust that an end is compared with: whole, or in two halves.

use std::rc::Rc;

use tls_record::{ConnectionIn, Mailbox, Opener, TrafficSecret, WriteEnd, WriterIn};
use tls_record_c as c;

use crate::checksum::Checksum;

pub(super) type Secret = TrafficSecret<Checksum>;
pub(super) type Whole = ConnectionIn<Secret, Box<[u8]>>;
pub(super) type Writer = WriterIn<Secret, Box<[u8]>>;

/// A whole connection, or its halves, of which one may be wiped.
#[derive(Default)]
pub(super) struct Twin {
    pub(super) whole: Option<Whole>,
    pub(super) opener: Option<Opener<Secret>>,
    pub(super) writer: Option<Writer>,
    /// The mailbox of the halves, and whose memory it has.
    pub(super) mailbox: Option<(bool, Rc<Mailbox>)>,
    /// The opener has posted a notice, and was not asked since.
    pub(super) has_posted: bool,
}

impl Twin {
    pub(super) fn is_split(&self) -> bool {
        self.opener.is_some() || self.writer.is_some()
    }

    pub(super) fn is_made(&self) -> bool {
        self.whole.is_some() || self.is_split()
    }

    pub(super) fn whole(&mut self) -> &mut Whole {
        self.whole.as_mut().expect("it was not refused")
    }

    /// Calls `call` with the opener, which takes and posts words as the functions of C do.
    pub(super) fn with_opener<R>(&mut self, call: impl FnOnce(&mut Opener<Secret>) -> R) -> R {
        self.take_signal();
        let returned = call(self.opener.as_mut().expect("it was not refused"));
        self.post_notice();
        returned
    }

    /// The same with the writer.
    pub(super) fn with_writer<R>(&mut self, call: impl FnOnce(&mut Writer) -> R) -> R {
        self.take_notice();
        let returned = call(self.writer.as_mut().expect("it was not refused"));
        self.post_signal();
        returned
    }

    pub(super) fn take_signal(&mut self) {
        let (Some((_, mailbox)), Some(opener)) = (&self.mailbox, &mut self.opener) else { return };
        let signal = mailbox.take_signal();
        if !signal.is_empty() {
            opener.apply(signal);
        }
    }

    pub(super) fn take_notice(&mut self) {
        let (Some((_, mailbox)), Some(writer)) = (&self.mailbox, &mut self.writer) else { return };
        let notice = mailbox.take_notice();
        if !notice.is_empty() {
            writer.apply(notice);
        }
    }

    pub(super) fn post_notice(&mut self) {
        let (Some((_, mailbox)), Some(opener)) = (&self.mailbox, &mut self.opener) else { return };
        if opener.has_notice() {
            mailbox.post_notice(opener.take_notice());
            self.has_posted = true;
        }
    }

    pub(super) fn post_signal(&mut self) {
        let (Some((_, mailbox)), Some(writer)) = (&self.mailbox, &mut self.writer) else { return };
        if writer.has_signal() {
            mailbox.post_signal(writer.take_signal());
        }
    }

    /// Returns the reserved slot.
    pub(super) fn slot_mut(&mut self) -> Option<&mut [u8]> {
        match (&mut self.whole, &mut self.writer) {
            (Some(whole), _) => whole.slot_mut(),
            (None, Some(writer)) => writer.slot_mut(),
            (None, None) => None,
        }
    }
}

/// What a connection and its writer both have, and which is not the same.
pub(super) trait Sends {
    fn write_end(&self) -> WriteEnd;
}

impl Sends for Whole {
    fn write_end(&self) -> WriteEnd {
        self.end().write
    }
}

impl Sends for Writer {
    fn write_end(&self) -> WriteEnd {
        self.end()
    }
}

/// A type of C, and the part of an end that it is.
pub(super) trait Part: c::Object + Sized {
    /// Which memory of an end it has.
    const INDEX: usize;

    fn is_made(twin: &Twin) -> bool;
}

impl Part for c::Connection {
    const INDEX: usize = super::CONNECTION;

    fn is_made(twin: &Twin) -> bool {
        twin.whole.is_some()
    }
}

impl Part for c::Opener {
    const INDEX: usize = super::OPENER;

    fn is_made(twin: &Twin) -> bool {
        twin.opener.is_some()
    }
}

impl Part for c::Writer {
    const INDEX: usize = super::WRITER;

    fn is_made(twin: &Twin) -> bool {
        twin.writer.is_some()
    }
}
