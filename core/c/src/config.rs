//! `tlsr_config`: the settings of a connection.

use tls_record::close::OnPeerClose;
use tls_record::{Padding, RecordSizeLimit, Role, Version};

use crate::memory::{In, Out, Plain};
use crate::numbers::*;
use crate::status::Status;

/// `tlsr_config`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the header describes the fields")]
pub struct Config {
    pub key_limit: u32,
    pub limit_handshake_message: u32,
    pub limit_early_data: u32,
    pub fragment_limit: u16,
    pub record_size_limit: u16,
    pub version: u16,
    pub padding_size: u16,
    pub role: u8,
    pub padding: u8,
    pub pads_control: u8,
    pub constant_time_padding: u8,
    pub tls12_half_close: u8,
    pub post_handshake_auth: u8,
    pub limit_empty_records: u8,
    pub limit_warnings: u8,
    pub limit_key_updates: u8,
    pub limit_renegotiations: u8,
}

// SAFETY: integers.
unsafe impl Plain for Config {}

/// `tlsr_config_init`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "config_init"))]
pub extern "C" fn config_init(config: Out<'_, Config>, role: u8) -> Status {
    Status::of(|| {
        let place = config.cleared()?;
        let default = tls_record::Config::new(role_of(role)?);
        place.write(Config {
            key_limit: default.key_limit,
            limit_handshake_message: default.limits.handshake_message,
            limit_early_data: default.limits.early_data,
            fragment_limit: default.fragment_limit,
            record_size_limit: 0,
            version: 0,
            padding_size: 0,
            role,
            padding: PADDING_NONE,
            pads_control: default.pads_control.into(),
            constant_time_padding: default.constant_time_padding.into(),
            tls12_half_close: (default.tls12_on_peer_close == OnPeerClose::HalfClose).into(),
            post_handshake_auth: default.post_handshake_auth.into(),
            limit_empty_records: default.limits.empty_records,
            limit_warnings: default.limits.warnings,
            limit_key_updates: default.limits.key_updates,
            limit_renegotiations: default.limits.renegotiations,
        });
        Ok(())
    })
}

/// Reads the settings.
pub(crate) fn config_of(config: In<'_, Config>) -> Result<tls_record::Config, Status> {
    let from = config.get()?;
    let mut config = tls_record::Config::new(role_of(from.role)?);
    if from.version != 0 {
        config.version = Some(version_of(from.version)?);
    }
    if from.record_size_limit != 0 {
        config.record_size_limit = Some(size_limit_of(from.record_size_limit)?);
    }
    config.key_limit = from.key_limit;
    config.limits.handshake_message = from.limit_handshake_message;
    config.limits.early_data = from.limit_early_data;
    config.limits.empty_records = from.limit_empty_records;
    config.limits.warnings = from.limit_warnings;
    config.limits.key_updates = from.limit_key_updates;
    config.limits.renegotiations = from.limit_renegotiations;
    config.fragment_limit = from.fragment_limit;
    config.padding = padding_of(from.padding, from.padding_size)?;
    config.pads_control = from.pads_control != 0;
    config.constant_time_padding = from.constant_time_padding != 0;
    if from.tls12_half_close != 0 {
        config.tls12_on_peer_close = OnPeerClose::HalfClose;
    }
    config.post_handshake_auth = from.post_handshake_auth != 0;
    Ok(config)
}

pub(crate) const fn role_of(role: u8) -> Result<Role, Status> {
    match role {
        CLIENT => Ok(Role::Client),
        SERVER => Ok(Role::Server),
        _ => Err(Status::ARGUMENT),
    }
}

pub(crate) const fn version_of(version: u16) -> Result<Version, Status> {
    match version {
        #[cfg(feature = "tls12")]
        TLS_1_2 => Ok(Version::Tls12),
        TLS_1_3 => Ok(Version::Tls13),
        _ => Err(Status::ARGUMENT),
    }
}

pub(crate) fn size_limit_of(limit: u16) -> Result<RecordSizeLimit, Status> {
    RecordSizeLimit::new(limit).ok_or(Status::ARGUMENT)
}

/// `tlsr_padding` and its size.
pub(crate) const fn padding_of(padding: u8, size: u16) -> Result<Padding, Status> {
    Ok(match padding {
        PADDING_NONE => Padding::None,
        PADDING_BLOCK => Padding::Block(size),
        PADDING_POWER_OF_TWO => Padding::PowerOfTwo,
        PADDING_SIZE => Padding::Size(size),
        _ => return Err(Status::ARGUMENT),
    })
}
