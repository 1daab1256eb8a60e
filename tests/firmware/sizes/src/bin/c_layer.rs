//! The functions of `layer_with_handles` in the C API, with keys in a key store. Its functions are C.

#![no_std]
#![no_main]

sizes::keep_functions! {
    tls_record_c: layer_init layer_open layer_eof layer_seal layer_seal_in_place layer_seal_handshake
        layer_poll_control layer_next_control layer_close layer_cancel layer_abort layer_update_keys
        layer_set_version layer_install layer_end layer_wipe
}
