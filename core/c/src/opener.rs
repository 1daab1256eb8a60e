//! `tlsr_opener`: the receiving half of a connection.

use tls_record::Signal;

use crate::config::{Config, config_of, size_limit_of, version_of};
use crate::half::Half;
use crate::keys::{Keys, Secret, keys_of, moving_keys};
use crate::memory::{Bytes, BytesMut, Handle, In, Object, Out, Parts};
use crate::outcome::{End, Opened, Position, epoch_of, fill_closed};
use crate::status::Status;

/// `tlsr_opener`.
pub struct Opener(pub(crate) Half<tls_record::Opener<Keys>>);

impl Object for Opener {
    const KIND: u8 = 3;
}

/// `tlsr_opener_init`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_init"))]
pub extern "C" fn opener_init(
    opener: Handle<'_, Opener>,
    size: usize,
    config: In<'_, Config>,
) -> Status {
    Status::of(|| {
        let config = config_of(config)?;
        opener.put(size, Opener(Half::new(tls_record::Opener::new(config))))
    })
}

/// `tlsr_opener_wipe`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_wipe"))]
pub extern "C" fn opener_wipe(opener: Handle<'_, Opener>) -> Status {
    opener.wipe()
}

// Keys

/// `tlsr_opener_install`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_install"))]
pub extern "C" fn opener_install(
    opener: Handle<'_, Opener>,
    epoch: u8,
    secret: In<'_, Secret<'_>>,
) -> Status {
    moving_keys(size_of::<Keys>(), || {
        let Opener(half) = opener.get()?;
        let epoch = epoch_of(epoch)?;
        half.with(|opener| {
            let (keys, sequence) = keys_of(secret)?;
            Ok(opener.take_over(epoch, keys, sequence)?)
        })
    })
}

/// `tlsr_opener_establish`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_establish"))]
pub extern "C" fn opener_establish(opener: Handle<'_, Opener>) -> Status {
    Status::of(|| {
        let Opener(half) = opener.get()?;
        half.with(|opener| Ok(opener.establish()?))
    })
}

// Settings

/// `tlsr_opener_set_version`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_set_version"))]
pub extern "C" fn opener_set_version(opener: Handle<'_, Opener>, version: u16) -> Status {
    Status::of(|| {
        let Opener(half) = opener.get()?;
        let version = version_of(version)?;
        half.with(|opener| {
            opener.set_version(version);
            Ok(())
        })
    })
}

/// `tlsr_opener_set_record_size_limit`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_set_record_size_limit"))]
pub extern "C" fn opener_set_record_size_limit(opener: Handle<'_, Opener>, limit: u16) -> Status {
    Status::of(|| {
        let Opener(half) = opener.get()?;
        let limit = size_limit_of(limit)?;
        half.with(|opener| {
            opener.set_record_size_limit(limit);
            Ok(())
        })
    })
}

// Receiving

/// `tlsr_opener_open`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_open"))]
pub extern "C" fn opener_open(
    opener: Handle<'_, Opener>,
    input: BytesMut<'_>,
    len: usize,
    opened: Out<'_, Opened>,
) -> Status {
    Status::of(|| {
        opened.filled(|place| {
            let Opener(half) = opener.get()?;
            let input = input.slice(len)?;
            half.with(|opener| Opened::fill(place, &opener.open(input)))
        })
    })
}

/// `tlsr_opener_open_into`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_open_into"))]
pub extern "C" fn opener_open_into(
    opener: Handle<'_, Opener>,
    pieces: Parts<'_>,
    count: usize,
    out: BytesMut<'_>,
    len: usize,
    opened: Out<'_, Opened>,
) -> Status {
    Status::of(|| {
        opened.filled(|place| {
            let Opener(half) = opener.get()?;
            let (out, pieces) = out.beside_parts(len, pieces, count)?;
            half.with(|opener| Opened::fill(place, &opener.open_into(pieces.get(), out)))
        })
    })
}

/// `tlsr_opener_skip_early_data`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_skip_early_data"))]
pub extern "C" fn opener_skip_early_data(
    opener: Handle<'_, Opener>,
    after_hello_retry_request: u8,
) -> Status {
    Status::of(|| {
        let Opener(half) = opener.get()?;
        half.with(|opener| Ok(opener.skip_early_data(after_hello_retry_request != 0)?))
    })
}

/// `tlsr_opener_eof`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_eof"))]
pub extern "C" fn opener_eof(opener: Handle<'_, Opener>) -> Status {
    Status::of(|| {
        let Opener(half) = opener.get()?;
        half.with(|opener| {
            opener.eof();
            Ok(())
        })
    })
}

// The other half

/// `tlsr_opener_has_notice`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_has_notice"))]
pub extern "C" fn opener_has_notice(opener: Handle<'_, Opener>, has_notice: Out<'_, u8>) -> Status {
    Status::of(|| {
        let place = has_notice.cleared()?;
        let Opener(half) = opener.get()?;
        let is_here = half.with(|opener| Ok(opener.has_notice()))?;
        place.write(half.take_has_posted().unwrap_or(is_here).into());
        Ok(())
    })
}

/// `tlsr_opener_take_notice`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_take_notice"))]
pub extern "C" fn opener_take_notice(opener: Handle<'_, Opener>, notice: Out<'_, u32>) -> Status {
    Status::of(|| {
        let place = notice.cleared()?;
        let Opener(half) = opener.get()?;
        place.write(half.with_posted(|opener| opener.take_notice().bits())?);
        Ok(())
    })
}

/// `tlsr_opener_apply_signal`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_apply_signal"))]
pub extern "C" fn opener_apply_signal(opener: Handle<'_, Opener>, signal: u32) -> Status {
    Status::of(|| {
        let Opener(half) = opener.get()?;
        half.with(|opener| {
            opener.apply(Signal::from_bits(signal));
            Ok(())
        })
    })
}

// Closing

/// `tlsr_opener_check_closed`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_check_closed"))]
pub extern "C" fn opener_check_closed(
    opener: Handle<'_, Opener>,
    budget: u32,
    drained: Out<'_, u32>,
) -> Status {
    Status::of(|| {
        let place = drained.cleared_if_any()?;
        let Opener(half) = opener.get()?;
        half.with(|opener| fill_closed(place, opener.check_closed(budget)))
    })
}

/// `tlsr_opener_end`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_end"))]
pub extern "C" fn opener_end(opener: Handle<'_, Opener>, end: Out<'_, End>) -> Status {
    Status::of(|| {
        let place = end.cleared()?;
        let Opener(half) = opener.get()?;
        half.with(|opener| {
            End::fill_read(place, opener.end());
            Ok(())
        })
    })
}

// Asking

/// `tlsr_opener_needed`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_needed"))]
pub extern "C" fn opener_needed(opener: Handle<'_, Opener>, input: Bytes<'_>, len: usize) -> usize {
    let needed = || {
        let Opener(half) = opener.get()?;
        let input = input.slice(len)?;
        half.with(|opener| Ok(opener.needed(input)))
    };
    needed().unwrap_or(0)
}

/// `tlsr_opener_position`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "opener_position"))]
pub extern "C" fn opener_position(
    opener: Handle<'_, Opener>,
    position: Out<'_, Position>,
) -> Status {
    Status::of(|| {
        let place = position.cleared()?;
        let Opener(half) = opener.get()?;
        half.with(|opener| {
            place.write(Position::of(Some(opener), None));
            Ok(())
        })
    })
}
