//! Connections whose halves exchange notices and signals through a mailbox.

use super::{Connection, Writer};
use crate::crypto::keys::KeySchedule;
use crate::layer::mailbox::{Half, Linked, Mailbox};
use crate::layer::opener::Opener;
use crate::protocol::error::KeyError;

impl<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>> Connection<K, TX, B> {
    /// Splits the connection into halves that exchange notices and signals through `mailbox`: see
    /// [`RecordLayer::split_over`](crate::RecordLayer::split_over).
    ///
    /// ```
    /// # use tls_record::aead::{Algorithm, ring::Ring};
    /// # use tls_record::{Config, Connection, Epoch, RecordLayer, Role, TrafficSecret};
    /// use tls_record::{KeySchedule, Linked, Mailbox, ShutdownError, Writer};
    ///
    /// /// The sending half: the first step of a shutdown. It sends the unsent bytes whatever
    /// /// `shutdown` returns.
    /// fn close<K: KeySchedule, const TX: usize>(
    ///     writer: &mut Linked<'_, Writer<K, TX>>,
    ///     mut send: impl FnMut(&[u8]) -> usize,
    /// ) -> Result<(), ShutdownError> {
    ///     loop {
    ///         let closed = writer.with(|writer| writer.shutdown());
    ///         let unsent = writer.half().unsent();
    ///         // An alert of the peer's may have discarded what was to be sent.
    ///         if unsent.is_empty() && closed != Err(ShutdownError::WouldBlock) {
    ///             return closed;
    ///         }
    ///         let taken = send(unsent);
    ///         writer.with(|writer| writer.sent(taken));
    ///     }
    /// }
    ///
    /// # let secret = |byte| TrafficSecret::<Ring>::tls13(Algorithm::Aes128Gcm, &[byte; 32]);
    /// # let mut layer = RecordLayer::new(Config::new(Role::Client));
    /// # layer.install(Epoch::Application, secret(1)?, secret(2)?)?;
    /// # let connection = Connection::<_, 512>::new(layer);
    /// let mut mailbox = Mailbox::new();
    /// let (mut opener, mut writer) = connection.split_over(&mut mailbox);
    /// assert_eq!(close(&mut writer, |records| records.len()), Ok(()));
    ///
    /// // The receiving half: the second step, which counts the bytes that arrive from now on.
    /// let closed = opener.with(|opener| opener.check_closed(1 << 16));
    /// assert_eq!(closed, Err(ShutdownError::AwaitingPeer { drained: 0 }));
    /// # Ok::<(), tls_record::KeyError>(())
    /// ```
    pub fn split_over<'a>(
        self,
        mailbox: &'a mut Mailbox,
    ) -> (Linked<'a, Opener<K>>, Linked<'a, Writer<K, TX, B>>) {
        let (opener, writer) = self.split();
        Linked::pair(opener, writer, mailbox)
    }

    /// Joins the halves that [`split_over`](Self::split_over) made: see
    /// [`RecordLayer::join_linked`](crate::RecordLayer::join_linked).
    ///
    /// # Errors
    /// The errors of [`join`](Self::join), and [`KeyError::Mismatch`] if the halves belong to
    /// different connections.
    pub fn join_linked(
        opener: Linked<'_, Opener<K>>,
        writer: Linked<'_, Writer<K, TX, B>>,
    ) -> Result<Self, KeyError> {
        let (opener, writer) = opener.unlink(writer)?;
        Self::join(opener, writer)
    }
}

impl<K: KeySchedule, const TX: usize, B: AsRef<[u8]> + AsMut<[u8]>> Half for Writer<K, TX, B> {
    fn take(&mut self, mailbox: &Mailbox) {
        let notice = mailbox.take_notice();
        if !notice.is_empty() {
            self.apply(notice);
        }
    }

    fn post(&mut self, mailbox: &Mailbox) {
        if self.has_signal() {
            mailbox.post_signal(self.take_signal());
        }
    }
}
