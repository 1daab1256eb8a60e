//! `tlsr_mailbox`: carries notices and signals between the halves of a connection.

use tls_record::{Opener, Sealer, WriterIn};

use self::words::{Words, words};
use crate::keys::Keys;
use crate::memory::{Handle, Object, Owned, Room, Shared};
use crate::status::Status;

/// The word of the engine that both halves change.
#[cfg(any(target_has_atomic = "32", feature = "portable-atomic"))]
mod words {
    pub(super) use tls_record::Mailbox as Words;

    pub(super) const fn words() -> Option<Words> {
        Some(Words::new())
    }
}

/// On a target without compare-and-swap there is none.
#[cfg(not(any(target_has_atomic = "32", feature = "portable-atomic")))]
mod words {
    use tls_record::{Notice, Signal};

    pub(super) enum Words {}

    pub(super) const fn words() -> Option<Words> {
        None
    }

    impl Words {
        pub(super) fn post_notice(&self, _: Notice) {
            match *self {}
        }

        pub(super) fn take_notice(&self) -> Notice {
            match *self {}
        }

        pub(super) fn post_signal(&self, _: Signal) {
            match *self {}
        }

        pub(super) fn take_signal(&self) -> Signal {
            match *self {}
        }
    }
}

/// `tlsr_mailbox`.
pub struct Mailbox {
    /// The addresses of the two halves: no others use it.
    opener: usize,
    sender: usize,
    words: Words,
}

impl Object for Mailbox {
    const KIND: u8 = 6;
}

/// A mailbox that will be made, when nothing can fail any more.
pub(crate) struct NewMailbox<'a> {
    room: Room<'a, Mailbox>,
    words: Words,
}

impl<'a> NewMailbox<'a> {
    pub(crate) fn new(mailbox: Handle<'a, Mailbox>, size: usize) -> Result<Self, Status> {
        let words = words().ok_or(Status::UNSUPPORTED)?;
        Ok(Self { room: mailbox.room(size)?, words })
    }

    /// Makes the mailbox of the halves at these addresses. What an earlier pair left in it is dropped.
    pub(crate) fn link(self, opener: usize, sender: usize) -> (Link, Link) {
        let mailbox = self.room.fill_shared(Mailbox { opener, sender, words: self.words });
        (Link { mailbox, owner: opener }, Link { mailbox, owner: sender })
    }
}

/// The mailbox of a half.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    mailbox: Shared<Mailbox>,
    owner: usize,
}

impl Link {
    /// Returns the mailbox, or an error if it was given to other halves.
    pub(crate) fn get<H: Carry>(&self) -> Result<&Mailbox, Status> {
        let mailbox = self.mailbox.get()?;
        if H::owner(mailbox) == self.owner { Ok(mailbox) } else { Err(Status::INVALID_HANDLE) }
    }

    pub(crate) fn is_same_mailbox(&self, other: &Self) -> bool {
        self.mailbox == other.mailbox
    }
}

/// A half that exchanges words through a mailbox, as the engine's [`Linked`](tls_record::Linked) halves.
pub(crate) trait Carry {
    /// Applies what the other half posted.
    fn take(&mut self, mailbox: &Mailbox);

    /// Posts the notice or signal of this half. Returns whether there was one.
    fn post(&mut self, mailbox: &Mailbox) -> bool;

    /// Returns the address of the half that the mailbox has.
    fn owner(mailbox: &Mailbox) -> usize;
}

impl Carry for Opener<Keys> {
    fn take(&mut self, mailbox: &Mailbox) {
        let signal = mailbox.words.take_signal();
        if !signal.is_empty() {
            self.apply(signal);
        }
    }

    fn post(&mut self, mailbox: &Mailbox) -> bool {
        let has_notice = self.has_notice();
        if has_notice {
            mailbox.words.post_notice(self.take_notice());
        }
        has_notice
    }

    fn owner(mailbox: &Mailbox) -> usize {
        mailbox.opener
    }
}

impl Carry for Sealer<Keys> {
    fn take(&mut self, mailbox: &Mailbox) {
        let notice = mailbox.words.take_notice();
        if !notice.is_empty() {
            self.apply(notice);
        }
    }

    fn post(&mut self, mailbox: &Mailbox) -> bool {
        let has_signal = self.has_signal();
        if has_signal {
            mailbox.words.post_signal(self.take_signal());
        }
        has_signal
    }

    fn owner(mailbox: &Mailbox) -> usize {
        mailbox.sender
    }
}

impl Carry for WriterIn<Keys, Owned> {
    fn take(&mut self, mailbox: &Mailbox) {
        let notice = mailbox.words.take_notice();
        if !notice.is_empty() {
            self.apply(notice);
        }
    }

    fn post(&mut self, mailbox: &Mailbox) -> bool {
        let has_signal = self.has_signal();
        if has_signal {
            mailbox.words.post_signal(self.take_signal());
        }
        has_signal
    }

    fn owner(mailbox: &Mailbox) -> usize {
        mailbox.sender
    }
}
