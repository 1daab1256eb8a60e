//! The halves of a connection and their mailbox: splitting a layer or a connection, and joining its halves.

use tls_record::{ConnectionIn, KeyError, RecordLayer};

use crate::connection::Connection;
use crate::keys::{Keys, moving_keys};
use crate::layer::Layer;
use crate::mailbox::{Carry, Link, Mailbox, NewMailbox};
use crate::memory::{Handle, Memory, Object};
use crate::opener::Opener;
use crate::sealer::Sealer;
use crate::status::Status;
use crate::writer::Writer;

/// One half of a connection, and its mailbox: a [`Linked`](tls_record::Linked) half of the engine, whose
/// mailbox is checked, or one without a mailbox.
pub(crate) struct Half<H> {
    half: H,
    link: Option<Link>,
    /// Whether something was posted since the caller has asked.
    has_posted: bool,
}

impl<H: Carry> Half<H> {
    pub(crate) const fn new(half: H) -> Self {
        Self { half, link: None, has_posted: false }
    }

    pub(crate) const fn get(&self) -> &H {
        &self.half
    }

    /// Calls `call` with this half. What the other half posted is applied before it, and the notice or
    /// signal of this half is posted after it, whatever it returns.
    pub(crate) fn with<R>(
        &mut self,
        call: impl FnOnce(&mut H) -> Result<R, Status>,
    ) -> Result<R, Status> {
        if self.link.is_some() {
            self.exchange()?;
        }
        let returned = call(&mut self.half);
        if self.link.is_some() {
            self.post();
        }
        returned
    }

    /// Calls `take`, which takes the notice or signal of this half: it has none if it has a mailbox, where
    /// it was posted before.
    pub(crate) fn with_posted<R>(&mut self, take: impl FnOnce(&mut H) -> R) -> Result<R, Status> {
        self.with(|_| Ok(()))?;
        Ok(take(&mut self.half))
    }

    // Not inlined: every function of a half calls these two.

    /// Applies what the other half posted.
    #[inline(never)]
    fn exchange(&mut self) -> Result<(), Status> {
        if let Some(link) = self.link {
            self.half.take(link.get::<H>()?);
        }
        Ok(())
    }

    /// Posts the notice or signal of this half.
    #[inline(never)]
    fn post(&mut self) {
        if let Some(link) = self.link
            && let Ok(mailbox) = link.get::<H>()
        {
            self.has_posted |= self.half.post(mailbox);
        }
    }

    /// Returns whether something was posted since this was last asked; `None` without a mailbox.
    pub(crate) fn take_has_posted(&mut self) -> Option<bool> {
        self.link.is_some().then(|| core::mem::take(&mut self.has_posted))
    }

    /// Links this half with the other one, and posts what it has for it.
    fn link(&mut self, link: Link) {
        self.link = Some(link);
        self.post();
    }

    /// Applies what is in the mailbox, before the half leaves it. The half keeps the notice or signal that
    /// results from it.
    fn unlink(&mut self) {
        if let Some(link) = self.link.take()
            && let Ok(mailbox) = link.get::<H>()
        {
            self.half.take(mailbox);
        }
    }

    /// Checks that the half has its mailbox still.
    fn check_link(&self) -> Result<Option<Link>, Status> {
        if let Some(link) = &self.link {
            link.get::<H>()?;
        }
        Ok(self.link)
    }
}

/// Splits a layer or connection `W` into an opener and a sending half `S`, over a mailbox unless it is null.
/// Nothing changes after an error.
pub(crate) fn split<W: Object, S: Object, H: Carry>(
    whole: Handle<'_, W>,
    (opener, opener_size): (Handle<'_, Opener>, usize),
    (sender, sender_size): (Handle<'_, S>, usize),
    (mailbox, mailbox_size): (Handle<'_, Mailbox>, usize),
    halves: impl FnOnce(W) -> (tls_record::Opener<Keys>, H),
    sender_of: impl FnOnce(Half<H>) -> S,
) -> Status {
    moving_keys(size_of::<Memory<W>>(), || {
        check_apart(&whole, &opener, &sender)?;
        mailbox.check_beside(&whole)?;
        mailbox.check_beside(&opener)?;
        mailbox.check_beside(&sender)?;
        let mut whole = whole.held()?;
        let buffer = whole.get().buffer();
        opener.check_beside_buffer(buffer)?;
        sender.check_beside_buffer(buffer)?;
        mailbox.check_beside_buffer(buffer)?;
        let new_mailbox =
            if mailbox.is_null() { None } else { Some(NewMailbox::new(mailbox, mailbox_size)?) };
        let (opener_addr, sender_addr) = (opener.addr(), sender.addr());
        let (opener, sender) = (opener.room(opener_size)?, sender.room(sender_size)?);

        let (opener_half, sender_half) = whole.take(halves);
        let (mut opener_half, mut sender_half) = (Half::new(opener_half), Half::new(sender_half));
        if let Some(new_mailbox) = new_mailbox {
            let (opener_link, sender_link) = new_mailbox.link(opener_addr, sender_addr);
            opener_half.link(opener_link);
            sender_half.link(sender_link);
        }
        opener.fill(Opener(opener_half));
        sender.fill(sender_of(sender_half));
        Ok(())
    })
}

/// Joins the halves that [`split`] has made.
pub(crate) fn join<W: Object, S: Object, H: Carry>(
    (whole, size): (Handle<'_, W>, usize),
    opener: Handle<'_, Opener>,
    sender: Handle<'_, S>,
    half_of: impl Fn(&mut S) -> &mut Half<H>,
    into_half: impl FnOnce(S) -> Half<H>,
    joined: impl FnOnce(tls_record::Opener<Keys>, H) -> Result<W, KeyError>,
) -> Status {
    moving_keys(size_of::<Memory<W>>(), || {
        check_apart(&whole, &opener, &sender)?;
        let (mut opener, mut sender) = (opener.held()?, sender.held()?);
        let buffer = sender.get().buffer();
        whole.check_beside_buffer(buffer)?;
        let whole = whole.room(size)?;
        match (opener.get().0.check_link()?, half_of(sender.get()).check_link()?) {
            (None, None) => {}
            (Some(one), Some(other)) if one.is_same_mailbox(&other) => {}
            _ => return Err(Status::MISMATCH),
        }

        opener.get().0.unlink();
        half_of(sender.get()).unlink();
        let opener = opener.take(|Opener(half)| half.half);
        let sender = sender.take(|sender| into_half(sender).half);
        whole.fill(joined(opener, sender)?);
        Ok(())
    })
}

fn check_apart<W: Object, S: Object>(
    whole: &Handle<'_, W>,
    opener: &Handle<'_, Opener>,
    sender: &Handle<'_, S>,
) -> Result<(), Status> {
    whole.check_beside(opener)?;
    whole.check_beside(sender)?;
    opener.check_beside(sender)
}

/// `tlsr_layer_split`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_split"))]
pub extern "C" fn layer_split(
    layer: Handle<'_, Layer>,
    opener: Handle<'_, Opener>,
    opener_size: usize,
    sealer: Handle<'_, Sealer>,
    sealer_size: usize,
    mailbox: Handle<'_, Mailbox>,
    mailbox_size: usize,
) -> Status {
    split(
        layer,
        (opener, opener_size),
        (sealer, sealer_size),
        (mailbox, mailbox_size),
        |Layer(layer)| layer.split(),
        Sealer,
    )
}

/// `tlsr_layer_join`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_join"))]
pub extern "C" fn layer_join(
    layer: Handle<'_, Layer>,
    size: usize,
    opener: Handle<'_, Opener>,
    sealer: Handle<'_, Sealer>,
) -> Status {
    join(
        (layer, size),
        opener,
        sealer,
        |Sealer(half)| half,
        |Sealer(half)| half,
        |opener, sealer| RecordLayer::join(opener, sealer).map(Layer),
    )
}

/// `tlsr_connection_split`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_split"))]
pub extern "C" fn connection_split(
    connection: Handle<'_, Connection>,
    opener: Handle<'_, Opener>,
    opener_size: usize,
    writer: Handle<'_, Writer>,
    writer_size: usize,
    mailbox: Handle<'_, Mailbox>,
    mailbox_size: usize,
) -> Status {
    split(
        connection,
        (opener, opener_size),
        (writer, writer_size),
        (mailbox, mailbox_size),
        |Connection(connection)| connection.split(),
        Writer,
    )
}

/// `tlsr_connection_join`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "connection_join"))]
pub extern "C" fn connection_join(
    connection: Handle<'_, Connection>,
    size: usize,
    opener: Handle<'_, Opener>,
    writer: Handle<'_, Writer>,
) -> Status {
    join(
        (connection, size),
        opener,
        writer,
        |Writer(half)| half,
        |Writer(half)| half,
        |opener, writer| ConnectionIn::join(opener, writer).map(Connection),
    )
}
