//! What the types of C say, in those of Rust.

use tls_record::{End as Ended, Epoch, Event, Fault, Opened, ReadEnd, Role, WriteEnd};
use tls_record_c as c;

use super::Span;

/// Returns the slices of the parts, how many are given, and whether the header does not allow them.
pub(crate) fn slices(
    parts: &[Span; 2],
    count: u8,
    out: Option<&Span>,
) -> ([c::Slice; 8], usize, bool) {
    // Nine are too many; the parts after the second are empty.
    let count = usize::from(count) % 10;
    let given = &parts[..count.min(2)];
    let overlaps = |part: &Span| out.is_some_and(|out| part.overlaps(out));
    let is_refused = count == 9 || given.iter().any(|part| part.is_refused() || overlaps(part));
    let slice = |at: usize| match parts.get(at) {
        Some(part) => c::Slice { data: part.pointer, len: part.len },
        None => c::Slice { data: std::ptr::null(), len: 0 },
    };
    (std::array::from_fn(slice), count, is_refused)
}

pub(crate) fn contents(parts: &[Span; 2], count: usize, buffers: &[u8]) -> Vec<Vec<u8>> {
    parts.iter().take(count).map(|part| buffers[part.range()].to_vec()).collect()
}

pub(crate) fn policy(padding: u8, size: u16) -> tls_record::Padding {
    match padding {
        0 => tls_record::Padding::None,
        1 => tls_record::Padding::Block(size),
        2 => tls_record::Padding::PowerOfTwo,
        _ => tls_record::Padding::Size(size),
    }
}

pub(crate) fn epoch_of(number: u8) -> Epoch {
    match number {
        1 => Epoch::Plaintext,
        2 => Epoch::EarlyData,
        3 => Epoch::Handshake,
        _ => Epoch::Application,
    }
}

pub(crate) fn epoch_number(epoch: Epoch) -> u8 {
    [Epoch::Plaintext, Epoch::EarlyData, Epoch::Handshake, Epoch::Application]
        .iter()
        .position(|other| *other == epoch)
        .map_or(0, |at| at as u8 + 1)
}

/// Says in C what the config of Rust says.
pub(crate) fn config_of(config: &tls_record::Config) -> c::Config {
    let (padding, padding_size) = match config.padding {
        tls_record::Padding::Block(size) => (1, size),
        tls_record::Padding::PowerOfTwo => (2, 0),
        tls_record::Padding::Size(size) => (3, size),
        _ => (0, 0),
    };
    c::Config {
        key_limit: config.key_limit,
        limit_handshake_message: config.limits.handshake_message,
        limit_early_data: config.limits.early_data,
        fragment_limit: config.fragment_limit,
        record_size_limit: config.record_size_limit.map_or(0, |limit| limit.get()),
        version: match config.version {
            None => 0,
            Some(tls_record::Version::Tls12) => 0x0303,
            Some(tls_record::Version::Tls13) => 0x0304,
        },
        padding_size,
        role: if config.role == Role::Client { 1 } else { 2 },
        padding,
        pads_control: config.pads_control.into(),
        constant_time_padding: config.constant_time_padding.into(),
        tls12_half_close: (config.tls12_on_peer_close == tls_record::close::OnPeerClose::HalfClose)
            .into(),
        post_handshake_auth: config.post_handshake_auth.into(),
        limit_empty_records: config.limits.empty_records,
        limit_warnings: config.limits.warnings,
        limit_key_updates: config.limits.key_updates,
        limit_renegotiations: config.limits.renegotiations,
    }
}

pub(crate) fn check_opened(opened: &c::Opened, expected: &Opened) {
    assert_eq!(opened.consumed, expected.consumed);
    let range = opened.offset..opened.offset + opened.len;
    match &expected.event {
        Event::Nothing => assert_eq!(opened.event, 0),
        Event::NeedMore { total } => assert_eq!((opened.event, opened.needed), (1, *total)),
        Event::ApplicationData(data) => assert_eq!((opened.event, &range), (2, data)),
        Event::Handshake(piece) => {
            let parts = (opened.event, opened.detail, opened.message_len, opened.message_offset);
            let header = &piece.header;
            assert_eq!(parts, (3, header.message_type.0, header.length, piece.offset));
            assert_eq!(range, piece.body);
        }
        Event::ChangeCipherSpec => assert_eq!(opened.event, 4),
        Event::KeyUpdate { requested } => {
            assert_eq!((opened.event, opened.detail), (5, u8::from(*requested)));
        }
        Event::Warning(alert) => assert_eq!((opened.event, opened.detail), (6, alert.0)),
        Event::Closed => assert_eq!(opened.event, 7),
        event => panic!("an event that this target does not know: {event:?}"),
    }
}

pub(crate) fn check_end(end: &c::End, expected: &Ended) {
    check_read_end(end, &expected.read);
    check_write_end(end, &expected.write);
    assert_eq!(end.is_clean, u8::from(expected.is_clean()));
}

pub(crate) fn check_read_end(end: &c::End, expected: &ReadEnd) {
    let (read, read_alert) = match expected {
        ReadEnd::Open => (0, 0),
        ReadEnd::Closed { epoch } => {
            assert_eq!(end.read_epoch, epoch_number(*epoch));
            (1, 0)
        }
        ReadEnd::Truncated { epoch, inside_record } => {
            assert_eq!(end.read_epoch, epoch_number(*epoch));
            assert_eq!(end.inside_record, u8::from(*inside_record));
            (2, 0)
        }
        ReadEnd::PeerAlert(alert) => (3, alert.0),
        ReadEnd::Fault(fault) => {
            assert_ne!(end.fault, 0);
            assert_eq!(end.fault == 26, matches!(fault, Fault::Aborted(_)));
            (4, fault.alert().map_or(0, |alert| alert.0))
        }
        ReadEnd::HandedOver => (5, 0),
    };
    assert_eq!((end.read, end.read_alert), (read, read_alert));
}

pub(crate) fn check_write_end(end: &c::End, expected: &WriteEnd) {
    let parts = match expected {
        WriteEnd::Open => (0, 0),
        WriteEnd::Closing => (1, 0),
        WriteEnd::Closed => (2, 0),
        WriteEnd::AlertQueued(alert) => (3, alert.0),
        WriteEnd::AlertSent(alert) => (4, alert.0),
        WriteEnd::Failed => (5, 0),
        WriteEnd::HandedOver => (6, 0),
    };
    assert_eq!((end.write, end.write_alert), parts);
}
