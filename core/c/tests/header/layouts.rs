//! The offsets of the fields of every structure, in the compiled library.

use core::mem::offset_of;

use tls_record_c as library;

/// A structure of the library.
pub(crate) struct Layout {
    pub(crate) size: usize,
    pub(crate) align: usize,
    pub(crate) offsets: Vec<(&'static str, usize)>,
}

macro_rules! layouts {
    ($($(#[$cfg:meta])? $name:ident: $type:ty { $($field:ident),* })*) => {
        /// Name of each structure, and its layout if the features have it.
        pub(crate) fn layouts() -> Vec<(&'static str, Option<Layout>)> {
            vec![$((stringify!($name), {
                let _layout: Option<Layout> = None;
                $(#[$cfg])?
                let _layout = Some(Layout {
                    size: size_of::<$type>(),
                    align: align_of::<$type>(),
                    offsets: vec![$((stringify!($field), offset_of!($type, $field))),*],
                });
                _layout
            })),*]
        }
    };
}

layouts! {
    Config: library::Config {
        key_limit, limit_handshake_message, limit_early_data, fragment_limit, record_size_limit, version,
        padding_size, role, padding, pads_control, constant_time_padding, tls12_half_close,
        post_handshake_auth, limit_empty_records, limit_warnings, limit_key_updates, limit_renegotiations
    }
    #[cfg(feature = "key-store")]
    KeyStore: library::KeyStore {
        context, keys, update, seal, open, destroy_key, destroy_secret, parts
    }
    #[cfg(feature = "key-store")]
    KeyStoreParts: library::KeyStoreParts { begin, authenticate, decrypt, update, verify, end }
    Secret: library::Secret<'static> {
        secret, secret_len, iv, iv_len, store, handle, sequence, suite
    }
    Slice: library::Slice { data, len }
    SliceMut: library::SliceMut { data, len }
    Opened: library::Opened {
        consumed, offset, len, needed, message_len, message_offset, event, detail
    }
    Sealed: library::Sealed { taken, written, needed }
    Control: library::Control { kind, alert, request, content_type, len, message }
    #[cfg(feature = "long-records")]
    Arrived: library::Arrived {
        record, unauthenticated_offset, unauthenticated_len, place, content, arrival
    }
    Position: library::Position {
        read_sequence, write_sequence, read_epoch, write_epoch, has_read_keys, has_write_keys
    }
    #[cfg(secrets)]
    CryptoInfo: library::CryptoInfo { len, bytes }
    End: library::End {
        read, read_epoch, inside_record, fault, read_alert, write, write_alert, is_clean
    }
}
