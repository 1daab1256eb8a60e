//! `tlsr_follower`: follows the handshake of another TLS library, and takes its connection over.

use tls_record::Version;
use tls_record::takeover::{Follower as Handshake, SecretKind, TakeoverError};

use crate::config::{Config, config_of, role_of};
use crate::keys::{Provider, moving_keys};
use crate::layer::Layer;
use crate::memory::{Bytes, BytesMut, Handle, In, Memory, Object, Out, Slice};
use crate::numbers::*;
use crate::outcome::Opened;
use crate::status::Status;

/// `tlsr_follower`.
pub struct Follower(Handshake<Provider>);

impl Object for Follower {
    const KIND: u8 = 5;
}

/// `tlsr_follower_init`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_init"))]
pub extern "C" fn follower_init(follower: Handle<'_, Follower>, size: usize) -> Status {
    Status::of(|| follower.put(size, Follower(Handshake::new())))
}

/// `tlsr_follower_wipe`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_wipe"))]
pub extern "C" fn follower_wipe(follower: Handle<'_, Follower>) -> Status {
    follower.wipe()
}

/// `tlsr_follower_follow`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_follow"))]
pub extern "C" fn follower_follow(
    follower: Handle<'_, Follower>,
    sender: u8,
    input: BytesMut<'_>,
    len: usize,
    opened: Out<'_, Opened>,
) -> Status {
    Status::of(|| {
        let place = opened.cleared()?;
        let Follower(follower) = follower.get()?;
        let sender = role_of(sender)?;
        let input = input.slice(len)?;
        let followed = follower.follow(sender, input);
        if let Err(TakeoverError::MissingSecret(kind)) = followed {
            place.write(Opened { detail: kind_number(kind), ..Opened::new(0) });
            return Ok(followed.map(|_| ())?);
        }
        Opened::fill(place, &followed)
    })
}

/// `tlsr_follower_key_log`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_key_log"))]
pub extern "C" fn follower_key_log(
    follower: Handle<'_, Follower>,
    line: Bytes<'_>,
    len: usize,
    taken: Out<'_, u8>,
) -> Status {
    Status::of(|| {
        let place = taken.cleared_if_any()?;
        let Follower(follower) = follower.get()?;
        let line = line.slice(len)?;
        let taken = follower.key_log(line)?;
        if let Some(place) = place {
            place.write(taken.into());
        }
        Ok(())
    })
}

/// `tlsr_follower_secret`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_secret"))]
pub extern "C" fn follower_secret(
    follower: Handle<'_, Follower>,
    kind: u8,
    secret: Bytes<'_>,
    len: usize,
) -> Status {
    Status::of(|| {
        let Follower(follower) = follower.get()?;
        follower.secret(kind_of(kind)?, secret.slice(len)?)?;
        Ok(())
    })
}

/// `tlsr_follower_is_finished`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_is_finished"))]
pub extern "C" fn follower_is_finished(follower: Handle<'_, Follower>, sender: u8) -> i32 {
    let follower = follower.get().and_then(|follower| Ok((follower, role_of(sender)?)));
    follower.is_ok_and(|(Follower(follower), sender)| follower.is_finished(sender)).into()
}

/// `tlsr_follower_is_complete`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_is_complete"))]
pub extern "C" fn follower_is_complete(follower: Handle<'_, Follower>) -> i32 {
    follower.get().is_ok_and(|Follower(follower)| follower.is_complete()).into()
}

/// `tlsr_follower_version`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_version"))]
pub extern "C" fn follower_version(follower: Handle<'_, Follower>) -> u16 {
    let negotiated = follower.get().ok().and_then(|Follower(follower)| follower.negotiated());
    negotiated.map_or(0, |(version, _)| version_number(version))
}

/// `tlsr_follower_suite`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_suite"))]
pub extern "C" fn follower_suite(follower: Handle<'_, Follower>) -> u16 {
    let suite = follower.get().ok().and_then(|Follower(follower)| follower.suite());
    suite.unwrap_or(0)
}

/// `tlsr_follower_alpn`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_alpn"))]
pub extern "C" fn follower_alpn(
    follower: Handle<'_, Follower>,
    protocol: Out<'_, Slice>,
) -> Status {
    Status::of(|| {
        let place = protocol.cleared()?;
        let Follower(follower) = follower.get()?;
        place.write(Slice::of(follower.alpn().unwrap_or_default()));
        Ok(())
    })
}

/// `tlsr_follower_client_random`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_client_random"))]
pub extern "C" fn follower_client_random(
    follower: Handle<'_, Follower>,
    random: Out<'_, [u8; 32]>,
) -> Status {
    Status::of(|| {
        let place = random.cleared()?;
        let Follower(follower) = follower.get()?;
        place.write(*follower.client_random());
        Ok(())
    })
}

/// `tlsr_follower_finish`.
#[unsafe(export_name = concat!(env!("TLSR_PREFIX"), "follower_finish"))]
pub extern "C" fn follower_finish(
    follower: Handle<'_, Follower>,
    config: In<'_, Config>,
    layer: Handle<'_, Layer>,
    size: usize,
) -> Status {
    moving_keys(size_of::<Memory<Layer>>(), || {
        layer.check_beside(&follower)?;
        let Follower(follower) = follower.get()?;
        let config = config_of(config)?;
        let room = layer.room(size)?;
        room.fill(Layer(follower.finish_as(config)?));
        Ok(())
    })
}

/// The two bytes of the wire.
const fn version_number(version: Version) -> u16 {
    match version {
        Version::Tls12 => TLS_1_2,
        Version::Tls13 => TLS_1_3,
    }
}

/// `TLSR_SECRET_...`.
const KINDS: [(u8, SecretKind); 6] = [
    (SECRET_CLIENT_HANDSHAKE, SecretKind::ClientHandshake),
    (SECRET_SERVER_HANDSHAKE, SecretKind::ServerHandshake),
    (SECRET_CLIENT_TRAFFIC, SecretKind::ClientTraffic),
    (SECRET_SERVER_TRAFFIC, SecretKind::ServerTraffic),
    (SECRET_MASTER, SecretKind::Master),
    (SECRET_EXPORTER, SecretKind::Exporter),
];

fn kind_number(kind: SecretKind) -> u8 {
    KINDS.iter().find(|known| known.1 == kind).map_or(0, |known| known.0)
}

fn kind_of(number: u8) -> Result<SecretKind, Status> {
    KINDS.iter().find(|known| known.0 == number).map(|known| known.1).ok_or(Status::ARGUMENT)
}

impl From<TakeoverError> for Status {
    fn from(error: TakeoverError) -> Self {
        match error {
            TakeoverError::MissingSecret(_) => Self::MISSING_SECRET,
            TakeoverError::SecretLength => Self::LENGTH,
            TakeoverError::Version(_) => Self::VERSION,
            TakeoverError::Suite(_) => Self::UNSUPPORTED,
            TakeoverError::EarlyData => Self::EARLY_DATA,
            TakeoverError::Malformed => Self::MALFORMED,
            TakeoverError::ExplicitNonces => Self::EXPLICIT_NONCES,
            TakeoverError::NotComplete => Self::NOT_COMPLETE,
            TakeoverError::Busy => Self::BUSY,
            TakeoverError::Ended => Self::NOT_ESTABLISHED,
            TakeoverError::Open(error) => error.into(),
            TakeoverError::Key(error) => error.into(),
            _ => Self::FAILED,
        }
    }
}
