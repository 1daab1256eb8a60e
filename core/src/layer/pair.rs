//! Installing keys in both halves of a connection, and checking that the halves fit together.
//!
//! Keys are named after the end that seals records under them, client or server. The role decides
//! which half gets which, so that a caller cannot swap the keys for sealing and opening.

use crate::crypto::keys::KeySchedule;
use crate::layer::opener::Opener;
use crate::layer::sealer::Sealer;
use crate::protocol::error::KeyError;
use crate::protocol::record::{Epoch, Role};

/// Keys of one direction, with the sequence number of its next record.
pub(crate) type Numbered<K> = (K, u64);

/// Installs keys in both halves. If a check fails, neither half gets keys. If the keys of the sealer cannot be
/// made when the opener has its own, the connection fails, and the opener is to get the signal.
///
/// Not inlined: its frame has to be one that [`scrub_stack`](crate::crypto::scrub::scrub_stack) reaches.
#[inline(never)]
pub(crate) fn take_over<K: KeySchedule>(
    opener: &mut Opener<K>,
    sealer: &mut Sealer<K>,
    epoch: Epoch,
    client: Numbered<K>,
    server: Numbered<K>,
) -> Result<(), KeyError> {
    let ((read, read_sequence), (write, write_sequence)) = match opener.role() {
        Role::Client => (server, client),
        Role::Server => (client, server),
    };
    // Both are compared with all keys that are in use before either is dropped, whatever the checks say:
    // see `KeySchedule::is_same_secret`. These two compare with the keys of the same direction.
    let checked = sealer.check_install(epoch, &write, write_sequence);
    opener.has_secret_of(&read);
    let is_shared =
        opener.has_secret_of(&write) | sealer.has_secret_of(&read) | read.is_same_secret(&write);
    if read.version() != write.version() {
        return Err(KeyError::Mismatch);
    }
    if is_shared {
        return Err(KeyError::SameSecret);
    }
    checked?;
    opener.take_over(epoch, read, read_sequence)?;
    sealer.take_over(epoch, write, write_sequence).inspect_err(|_| {
        sealer.crypto_failed();
    })
}

/// Installs the keys of the records that `writer` seals, in the half that seals or opens them.
///
/// Not inlined, for the same reason as [`take_over`].
#[inline(never)]
pub(crate) fn install_one<K: KeySchedule>(
    opener: &mut Opener<K>,
    sealer: &mut Sealer<K>,
    writer: Role,
    epoch: Epoch,
    schedule: K,
) -> Result<(), KeyError> {
    // Both, as above.
    if opener.has_secret_of(&schedule) | sealer.has_secret_of(&schedule) {
        return Err(KeyError::SameSecret);
    }
    if opener.role() == writer {
        sealer.install(epoch, schedule)?;
    } else {
        opener.install(epoch, schedule)?;
    }
    share_version(opener, sealer);
    Ok(())
}

/// Checks that two halves can belong to one connection.
fn check<K: KeySchedule>(opener: &Opener<K>, sealer: &Sealer<K>) -> Result<(), KeyError> {
    let versions = (opener.version(), sealer.version());
    if opener.role() != sealer.role() || matches!(versions, (Some(a), Some(b)) if a != b) {
        return Err(KeyError::Mismatch);
    }
    if opener.schedule().is_some_and(|schedule| sealer.has_secret_of(schedule)) {
        return Err(KeyError::SameSecret);
    }
    Ok(())
}

/// Gives both halves the same version, and checks that they can belong to one connection.
pub(crate) fn join<K: KeySchedule>(
    opener: &mut Opener<K>,
    sealer: &mut Sealer<K>,
) -> Result<(), KeyError> {
    share_version(opener, sealer);
    check(opener, sealer)
}

/// Fails the connection if its halves do not fit together after the caller has changed them.
pub(crate) fn settle<K: KeySchedule>(opener: &mut Opener<K>, sealer: &mut Sealer<K>) {
    share_version(opener, sealer);
    if check(opener, sealer).is_err() {
        sealer.crypto_failed();
    }
}

/// Sets the version that one half knows in the other half, which then refuses keys of another one.
fn share_version<K: KeySchedule>(opener: &mut Opener<K>, sealer: &mut Sealer<K>) {
    if let Some(version) = opener.version() {
        sealer.set_version(version);
    } else if let Some(version) = sealer.version() {
        opener.set_version(version);
    }
}
