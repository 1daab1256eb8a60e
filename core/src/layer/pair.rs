//! Keys for the two directions of one connection, and what the halves must agree on.
//!
//! Parameters are named by who writes, client or server, and the role chooses the half: there is no
//! order of reading and writing to confuse.

use crate::crypto::keys::KeySchedule;
use crate::layer::opener::Opener;
use crate::layer::sealer::Sealer;
use crate::protocol::error::KeyError;
use crate::protocol::record::{Epoch, Role};

/// Keys of one direction, with the sequence number of its next record.
pub(crate) type Numbered<K> = (K, u64);

/// Gives both halves their keys, or neither.
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
    if read.version() != write.version() {
        return Err(KeyError::Mismatch);
    }
    if read.is_same_secret(&write) || opener.is_under(&write) || sealer.is_under(&read) {
        return Err(KeyError::SameSecret);
    }
    sealer.check_install(epoch, &write, write_sequence)?;
    opener.take_over(epoch, read, read_sequence)?;
    sealer.take_over(epoch, write, write_sequence)
}

/// Gives one half the keys of the records that `writer` seals.
#[inline(never)] // As above.
pub(crate) fn install_one<K: KeySchedule>(
    opener: &mut Opener<K>,
    sealer: &mut Sealer<K>,
    writer: Role,
    epoch: Epoch,
    schedule: K,
) -> Result<(), KeyError> {
    if opener.is_under(&schedule) || sealer.is_under(&schedule) {
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

/// Whether two halves can be of one connection.
fn check<K: KeySchedule>(opener: &Opener<K>, sealer: &Sealer<K>) -> Result<(), KeyError> {
    let versions = (opener.version(), sealer.version());
    if opener.role() != sealer.role() || matches!(versions, (Some(a), Some(b)) if a != b) {
        return Err(KeyError::Mismatch);
    }
    if opener.schedule().is_some_and(|schedule| sealer.is_under(schedule)) {
        return Err(KeyError::SameSecret);
    }
    Ok(())
}

/// Makes two halves those of one connection, if they can be.
pub(crate) fn join<K: KeySchedule>(
    opener: &mut Opener<K>,
    sealer: &mut Sealer<K>,
) -> Result<(), KeyError> {
    share_version(opener, sealer);
    check(opener, sealer)
}

/// What a caller did to the halves one by one must leave them halves of one connection, or it ends.
pub(crate) fn settle<K: KeySchedule>(opener: &mut Opener<K>, sealer: &mut Sealer<K>) {
    share_version(opener, sealer);
    if check(opener, sealer).is_err() {
        sealer.crypto_failed();
    }
}

/// A version that one half knows is that of the other, whose keys are held against it.
fn share_version<K: KeySchedule>(opener: &mut Opener<K>, sealer: &mut Sealer<K>) {
    if let Some(version) = opener.version() {
        sealer.set_version(version);
    } else if let Some(version) = sealer.version() {
        opener.set_version(version);
    }
}
