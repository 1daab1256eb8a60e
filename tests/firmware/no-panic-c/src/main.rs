//! Links every function of the C API, with keys of both kinds, into a program whose panic handler cannot be linked:
//! see `no-panic`. What C passes is unknown to the optimizer, so that the addresses of the functions are enough.
//!
//! `no-panic-c/missing` checks that every exported function is here.

#![no_std]
#![no_main]

use core::hint::black_box as any;

use tls_record_c::*;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn something_panics() -> !;
    }
    something_panics()
}

/// Keeps the functions of a type.
macro_rules! keep {
    ($($function:ident)*) => {
        $(any($function as *const ());)*
    };
}

#[unsafe(no_mangle)]
extern "C" fn _start() {
    keep! {
        buffer_init buffer_room buffer_received buffer_filled buffer_consume
    }
    keep! {
        config_init
    }
    keep! {
        connection_init connection_from_layer connection_wipe connection_install
        connection_install_one connection_establish connection_set_version
        connection_set_fragment_limit connection_set_padding
        connection_set_own_record_size_limit connection_set_peer_record_size_limit
        connection_update_keys connection_skip_early_data connection_received
        connection_received_into connection_eof connection_transport_failed
        connection_refuse_renegotiation connection_write connection_write_parts
        connection_write_handshake connection_write_change_cipher_spec connection_reserve
        connection_commit connection_discard connection_unsent connection_begin_send
        connection_sent connection_shutdown connection_shutdown_both connection_check_closed
        connection_abort connection_end connection_can_write connection_may_write
        connection_take_sealed_alert connection_position
    }
    keep! {
        follower_init follower_wipe follower_follow follower_key_log follower_secret
        follower_is_finished follower_is_complete follower_version follower_suite follower_alpn
        follower_client_random follower_finish
    }
    keep! {
        layer_open_pieces layer_open_arriving connection_received_pieces connection_received_arriving
        opener_open_pieces opener_open_arriving
    }
    keep! {
        layer_split layer_join connection_split connection_join
    }
    keep! {
        layer_hand_sender_to_kernel layer_hand_receiver_to_kernel
        connection_hand_sender_to_kernel connection_hand_receiver_to_kernel
        layer_take_kernel_control connection_take_kernel_control kernel_crypto_info
        kernel_update kernel_wipe
    }
    keep! {
        layer_init layer_wipe layer_install layer_install_one layer_establish layer_set_version
        layer_set_fragment_limit layer_set_padding layer_set_own_record_size_limit
        layer_set_peer_record_size_limit layer_open layer_open_into layer_skip_early_data
        layer_eof layer_seal layer_seal_parts layer_seal_in_place layer_seal_handshake
        layer_change_cipher_spec layer_poll_control layer_next_control layer_update_keys
        layer_refuse_renegotiation layer_close layer_cancel layer_abort layer_check_closed
        layer_end layer_needed layer_headroom layer_record_len layer_content_len
        layer_control_len layer_fragment_limit layer_position
    }
    keep! {
        opener_init opener_wipe opener_install opener_establish opener_set_version
        opener_set_record_size_limit opener_open opener_open_into opener_skip_early_data
        opener_eof opener_has_notice opener_take_notice opener_apply_signal opener_check_closed
        opener_end opener_needed opener_position
    }
    keep! {
        sealer_init sealer_wipe sealer_install sealer_establish sealer_set_version
        sealer_set_fragment_limit sealer_set_padding sealer_set_record_size_limit sealer_seal
        sealer_seal_parts sealer_seal_in_place sealer_seal_handshake sealer_change_cipher_spec
        sealer_poll_control sealer_next_control sealer_update_keys sealer_refuse_renegotiation
        sealer_take_signal sealer_apply_notice sealer_close sealer_cancel sealer_abort
        sealer_end sealer_headroom sealer_record_len sealer_content_len sealer_control_len
        sealer_fragment_limit sealer_position
    }
    keep! {
        layer_suspend connection_suspend layer_resume connection_resume
    }
    keep! {
        version status_text alert_text alert_record secret_len key_len fault_text
    }
    keep! {
        writer_wipe writer_write writer_write_parts writer_write_handshake
        writer_write_change_cipher_spec writer_reserve writer_commit writer_discard
        writer_unsent writer_begin_send writer_sent writer_transport_failed writer_update_keys
        writer_refuse_renegotiation writer_set_fragment_limit writer_take_signal
        writer_apply_notice writer_shutdown writer_abort writer_end writer_take_kernel_control
    }
    #[cfg(feature = "planted")]
    any([0, 1, 2, 3][any(4)]);
}
