//! The numbers of `tls_record.h`, under its names without `TLSR_`.
//!
//! `tests/header.rs` compares them with the header, both ways. Statuses are in `status.rs`; alerts have the
//! numbers of the RFC.

#![allow(dead_code, reason = "the header has them all, the features decide what is used")]

// tlsr_config. 0 is no role, version or epoch, so that zeroed memory is refused.
pub(crate) const CLIENT: u8 = 1;
pub(crate) const SERVER: u8 = 2;

// The two bytes of the wire (RFC 9846 section 4.2.1).
pub(crate) const TLS_1_2: u16 = 0x0303;
pub(crate) const TLS_1_3: u16 = 0x0304;

pub(crate) const MAX_RECORD: usize = 18_437;
const _: () = assert!(MAX_RECORD == tls_record::MAX_RECORD);

pub(crate) const EPOCH_PLAINTEXT: u8 = 1;
pub(crate) const EPOCH_EARLY_DATA: u8 = 2;
pub(crate) const EPOCH_HANDSHAKE: u8 = 3;
pub(crate) const EPOCH_APPLICATION: u8 = 4;

pub(crate) const PADDING_NONE: u8 = 0;
pub(crate) const PADDING_BLOCK: u8 = 1;
pub(crate) const PADDING_POWER_OF_TWO: u8 = 2;
pub(crate) const PADDING_SIZE: u8 = 3;

// tlsr_opened
pub(crate) const EVENT_NOTHING: u8 = 0;
pub(crate) const EVENT_NEED_MORE: u8 = 1;
pub(crate) const EVENT_APPLICATION_DATA: u8 = 2;
pub(crate) const EVENT_HANDSHAKE: u8 = 3;
pub(crate) const EVENT_CHANGE_CIPHER_SPEC: u8 = 4;
pub(crate) const EVENT_KEY_UPDATE: u8 = 5;
pub(crate) const EVENT_WARNING: u8 = 6;
pub(crate) const EVENT_CLOSED: u8 = 7;

// tlsr_arrived
pub(crate) const ARRIVAL_RECORD: u8 = 0;
pub(crate) const ARRIVAL_PROVISIONAL: u8 = 1;
pub(crate) const ARRIVAL_COMMITTED: u8 = 2;

// tlsr_control
pub(crate) const CONTROL_NONE: u8 = 0;
pub(crate) const CONTROL_ALERT: u8 = 1;
pub(crate) const CONTROL_KEY_UPDATE: u8 = 2;

// tlsr_end
pub(crate) const READ_OPEN: u8 = 0;
pub(crate) const READ_CLOSED: u8 = 1;
pub(crate) const READ_TRUNCATED: u8 = 2;
pub(crate) const READ_PEER_ALERT: u8 = 3;
pub(crate) const READ_FAULT: u8 = 4;
pub(crate) const READ_HANDED_OVER: u8 = 5;

pub(crate) const WRITE_OPEN: u8 = 0;
pub(crate) const WRITE_CLOSING: u8 = 1;
pub(crate) const WRITE_CLOSED: u8 = 2;
pub(crate) const WRITE_ALERT_QUEUED: u8 = 3;
pub(crate) const WRITE_ALERT_SENT: u8 = 4;
pub(crate) const WRITE_FAILED: u8 = 5;
pub(crate) const WRITE_HANDED_OVER: u8 = 6;

pub(crate) const FAULT_NOT_TLS: u8 = 1;
pub(crate) const FAULT_RECORD_OVERFLOW: u8 = 2;
pub(crate) const FAULT_BAD_RECORD_MAC: u8 = 3;
pub(crate) const FAULT_RECORD_VERSION: u8 = 4;
pub(crate) const FAULT_UNEXPECTED_CONTENT_TYPE: u8 = 5;
pub(crate) const FAULT_NO_CONTENT_TYPE: u8 = 6;
pub(crate) const FAULT_UNEXPECTED_HANDSHAKE: u8 = 7;
pub(crate) const FAULT_EMPTY_HANDSHAKE_RECORD: u8 = 8;
pub(crate) const FAULT_HANDSHAKE_TOO_LONG: u8 = 9;
pub(crate) const FAULT_INTERLEAVED: u8 = 10;
pub(crate) const FAULT_SPANS_KEY_CHANGE: u8 = 11;
pub(crate) const FAULT_BAD_CHANGE_CIPHER_SPEC: u8 = 12;
pub(crate) const FAULT_HANDSHAKE_LENGTH: u8 = 13;
pub(crate) const FAULT_KEY_UPDATE_VALUE: u8 = 14;
pub(crate) const FAULT_EMPTY_ALERT: u8 = 15;
pub(crate) const FAULT_ALERT_LENGTH: u8 = 16;
pub(crate) const FAULT_ALERT_LEVEL: u8 = 17;
pub(crate) const FAULT_FLOOD_EMPTY_RECORDS: u8 = 18;
pub(crate) const FAULT_FLOOD_CHANGE_CIPHER_SPECS: u8 = 19;
pub(crate) const FAULT_FLOOD_WARNINGS: u8 = 20;
pub(crate) const FAULT_FLOOD_KEY_UPDATES: u8 = 21;
pub(crate) const FAULT_FLOOD_RENEGOTIATIONS: u8 = 22;
pub(crate) const FAULT_TOO_MUCH_EARLY_DATA: u8 = 23;
pub(crate) const FAULT_SEQUENCE_EXHAUSTED: u8 = 24;
pub(crate) const FAULT_CRYPTO: u8 = 25;
pub(crate) const FAULT_ABORTED: u8 = 26;

// tlsr_follower
pub(crate) const SECRET_CLIENT_HANDSHAKE: u8 = 1;
pub(crate) const SECRET_SERVER_HANDSHAKE: u8 = 2;
pub(crate) const SECRET_CLIENT_TRAFFIC: u8 = 3;
pub(crate) const SECRET_SERVER_TRAFFIC: u8 = 4;
pub(crate) const SECRET_MASTER: u8 = 5;
pub(crate) const SECRET_EXPORTER: u8 = 6;
