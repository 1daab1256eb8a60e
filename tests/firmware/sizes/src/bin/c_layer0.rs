//! The functions of the C API that are those of `layer`, with keys in a key store, whose functions are C.

#![no_std]
#![no_main]

sizes::keep_functions! {
    tls_record_c: layer_init layer_wipe layer_open layer_eof layer_seal layer_seal_in_place layer_seal_handshake
        layer_poll_control layer_next_control layer_close layer_abort layer_set_version layer_install layer_end
}
