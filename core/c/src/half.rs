//! Splitting a layer into its halves, and joining them.

use tls_record::RecordLayer;

use crate::keys::moving_keys;
use crate::layer::Layer;
use crate::mailbox::{Carry, Link, Mailbox, NewMailbox};
use crate::memory::{Handle, Memory};
use crate::opener::Opener;
use crate::sealer::Sealer;
use crate::status::Status;

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

    /// Calls `call` with this half. What the other half posted is applied before it, and the notice or
    /// signal of this half is posted after it, whatever it returns.
    pub(crate) fn with<R>(
        &mut self,
        call: impl FnOnce(&mut H) -> Result<R, Status>,
    ) -> Result<R, Status> {
        let link = self.link;
        let mailbox = match &link {
            Some(link) => Some(link.get::<H>()?),
            None => None,
        };
        if let Some(mailbox) = mailbox {
            self.half.take(mailbox);
            self.post(mailbox);
        }
        let returned = call(&mut self.half);
        if let Some(mailbox) = mailbox {
            self.post(mailbox);
        }
        returned
    }

    fn post(&mut self, mailbox: &Mailbox) {
        self.has_posted |= self.half.post(mailbox);
    }

    /// Returns whether something was posted since this was last asked; `None` without a mailbox.
    pub(crate) fn take_has_posted(&mut self) -> Option<bool> {
        self.link.is_some().then(|| core::mem::take(&mut self.has_posted))
    }

    /// Links this half with the other one, and posts what it has for it.
    fn link(&mut self, link: Link) {
        self.link = Some(link);
        if let Ok(mailbox) = link.get::<H>() {
            self.post(mailbox);
        }
    }

    /// Applies what is in the mailbox, and returns the half of the engine. It keeps the notice or signal
    /// that results from it.
    fn unlink(mut self) -> H {
        if let Some(link) = self.link
            && let Ok(mailbox) = link.get::<H>()
        {
            self.half.take(mailbox);
        }
        self.half
    }

    /// Checks that the half has its mailbox still.
    fn check_link(&self) -> Result<Option<Link>, Status> {
        if let Some(link) = &self.link {
            link.get::<H>()?;
        }
        Ok(self.link)
    }
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
    moving_keys(size_of::<Memory<Layer>>(), || {
        layer.check_beside(&opener)?;
        layer.check_beside(&sealer)?;
        opener.check_beside(&sealer)?;
        mailbox.check_beside(&layer)?;
        mailbox.check_beside(&opener)?;
        mailbox.check_beside(&sealer)?;
        let layer = layer.held()?;
        let new_mailbox =
            if mailbox.is_null() { None } else { Some(NewMailbox::new(mailbox, mailbox_size)?) };
        let (opener_addr, sealer_addr) = (opener.addr(), sealer.addr());
        let (opener, sealer) = (opener.room(opener_size)?, sealer.room(sealer_size)?);

        let Layer(layer) = layer.take();
        let (opener_half, sealer_half) = layer.split();
        let (mut opener_half, mut sealer_half) = (Half::new(opener_half), Half::new(sealer_half));
        if let Some(new_mailbox) = new_mailbox {
            let (opener_link, sealer_link) = new_mailbox.link(opener_addr, sealer_addr);
            opener_half.link(opener_link);
            sealer_half.link(sealer_link);
        }
        opener.fill(Opener(opener_half));
        sealer.fill(Sealer(sealer_half));
        Ok(())
    })
}

/// `tlsr_layer_join`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "layer_join"))]
pub extern "C" fn layer_join(
    layer: Handle<'_, Layer>,
    size: usize,
    opener: Handle<'_, Opener>,
    sealer: Handle<'_, Sealer>,
) -> Status {
    moving_keys(size_of::<Memory<Layer>>(), || {
        layer.check_beside(&opener)?;
        layer.check_beside(&sealer)?;
        opener.check_beside(&sealer)?;
        let (mut opener, mut sealer) = (opener.held()?, sealer.held()?);
        let layer = layer.room(size)?;
        match (opener.get().0.check_link()?, sealer.get().0.check_link()?) {
            (None, None) => {}
            (Some(one), Some(other)) if one.is_same_mailbox(&other) => {}
            _ => return Err(Status::MISMATCH),
        }

        let (Opener(opener), Sealer(sealer)) = (opener.take(), sealer.take());
        layer.fill(Layer(RecordLayer::join(opener.unlink(), sealer.unlink())?));
        Ok(())
    })
}
