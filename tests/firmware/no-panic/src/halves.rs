//! The halves, and the record layer of both.

use core::hint::black_box as any;

use tls_record::{
    AlertDescription, Epoch, KeySchedule, Notice, Opener, Padding, PaddingFn, RecordLayer, Role,
    Sealer, Signal, Version, scrub_stack,
};

use crate::{Keys, config, limit, longest, slices};

pub(crate) fn prove<K: KeySchedule>(keys: impl Keys<K>) {
    opener(keys);
    sealer(keys);
    layer(keys);
    scrub_stack(any(64));
}

fn opener<K: KeySchedule>(keys: impl Keys<K>) {
    let mut buffer = [0; 64];
    let mut opener = Opener::<K>::new(config());
    let opener = any(&mut opener);
    any(Opener::needed(any(opener), any(&buffer)));
    let _ = any(Opener::open(any(opener), any(&mut buffer)));
    let _ = any(Opener::open_into(any(opener), slices(), any(&mut buffer)));
    let _ = any(Opener::open_out_of_place(any(opener), any(&mut buffer), any(&mut [0; 64])));
    any(Opener::eof(any(opener)));
    any(Opener::end(any(opener)));
    let _ = any(Opener::check_closed(any(opener), any(1)));
    any(Opener::role(any(opener)));
    any(Opener::limits(any(opener)));
    any(Opener::epoch(any(opener)));
    any(Opener::sequence(any(opener)));
    any(Opener::state(any(opener)));
    any(Opener::has_notice(any(opener)));
    any(Opener::take_notice(any(opener)).bits());
    Opener::apply(any(opener), Signal::from_bits(any(0)));
    Opener::set_version(any(opener), any(Version::Tls12));
    Opener::set_record_size_limit(any(opener), limit());
    let _ = any(Opener::install(any(opener), any(Epoch::Handshake), keys()));
    let _ = any(Opener::take_over(any(opener), any(Epoch::Application), keys(), any(0)));
    let _ = any(Opener::establish(any(opener)));
    let _ = any(Opener::skip_early_data(any(opener), any(false)));
}

fn sealer<K: KeySchedule>(keys: impl Keys<K>) {
    let mut buffer = [0; 64];
    let mut sealer = Sealer::<K>::new(config());
    let sealer = any(&mut sealer);
    let _ = any(Sealer::seal(any(sealer), slices(), any(&mut buffer)));
    let _ = any(Sealer::seal_in_place(any(sealer), any(&mut buffer), any(1)));
    let _ = any(Sealer::seal_handshake(any(sealer), slices(), any(&mut buffer)));
    let _ = any(Sealer::change_cipher_spec(any(sealer), any(&mut buffer)));
    any(Sealer::headroom(any(sealer)));
    any(Sealer::record_len(any(sealer), any(1)));
    any(Sealer::content_len(any(sealer), any(64)));
    any(Sealer::fragment_limit(any(sealer)));
    any(Sealer::record_limit(any(sealer)));
    Sealer::set_fragment_limit(any(sealer), any(1));
    Sealer::set_padding(any(sealer), any(Padding::By(PaddingFn(longest))));
    Sealer::set_record_size_limit(any(sealer), limit());
    Sealer::set_version(any(sealer), any(Version::Tls12));
    let _ = any(Sealer::install(any(sealer), any(Epoch::Handshake), keys()));
    let _ = any(Sealer::take_over(any(sealer), any(Epoch::Application), keys(), any(0)));
    let _ = any(Sealer::establish(any(sealer)));
    any(Sealer::epoch(any(sealer)));
    any(Sealer::sequence(any(sealer)));

    any(Sealer::has_control(any(sealer)));
    any(Sealer::next_control(any(sealer)));
    let _ = any(Sealer::poll_control(any(sealer), any(&mut buffer)));
    any(Sealer::control_len(any(sealer)));
    let _ = any(Sealer::close(any(sealer)));
    let _ = any(Sealer::cancel(any(sealer)));
    let _ = any(Sealer::abort(any(sealer), any(AlertDescription::DECODE_ERROR)));
    any(Sealer::end(any(sealer)));
    any(Sealer::state(any(sealer)));
    let _ = any(Sealer::update_keys(any(sealer), any(true)));
    let _ = any(Sealer::refuse_renegotiation(any(sealer)));
    let _ = any(Sealer::take_kernel_control(any(sealer)));
    Sealer::apply(any(sealer), Notice::from_bits(any(0)));
    any(Sealer::take_signal(any(sealer)).bits());
    any(Sealer::has_signal(any(sealer)));
}

fn layer<K: KeySchedule>(keys: impl Keys<K>) {
    let mut buffer = [0; 64];
    let layer = any(RecordLayer::<K>::new(config()));
    let (mut opener, mut sealer) = RecordLayer::split(layer);
    any((&mut opener, &mut sealer));
    let Ok(mut layer) = any(RecordLayer::join(opener, sealer)) else { return };
    let layer = any(&mut layer);
    let _ = any(RecordLayer::open(any(layer), any(&mut buffer)));
    let _ = any(RecordLayer::open_into(any(layer), slices(), any(&mut buffer)));
    let _ = any(RecordLayer::open_out_of_place(any(layer), any(&mut buffer), any(&mut [0; 64])));
    any(RecordLayer::eof(any(layer)));
    let _ = any(RecordLayer::seal(any(layer), slices(), any(&mut buffer)));
    let _ = any(RecordLayer::seal_in_place(any(layer), any(&mut buffer), any(1)));
    let _ = any(RecordLayer::seal_handshake(any(layer), slices(), any(&mut buffer)));
    any(RecordLayer::has_control(any(layer)));
    let _ = any(RecordLayer::poll_control(any(layer), any(&mut buffer)));
    any(RecordLayer::next_control(any(layer)));
    let _ = any(RecordLayer::close(any(layer)));
    let _ = any(RecordLayer::check_closed(any(layer), any(1)));
    let _ = any(RecordLayer::cancel(any(layer)));
    let _ = any(RecordLayer::abort(any(layer), any(AlertDescription::DECODE_ERROR)));
    let _ = any(RecordLayer::update_keys(any(layer), any(true)));
    RecordLayer::set_version(any(layer), any(Version::Tls12));
    let epoch = any(Epoch::Handshake);
    let _ = any(RecordLayer::install(any(layer), epoch, keys(), keys()));
    let (client, server) = ((keys(), any(0)), (keys(), any(1)));
    let _ = any(RecordLayer::take_over(any(layer), epoch, client, server));
    let _ = any(RecordLayer::install_one(any(layer), any(Role::Client), epoch, keys()));
    let _ = any(RecordLayer::refuse_renegotiation(any(layer)));
    let _ = any(RecordLayer::take_kernel_control(any(layer)));
    RecordLayer::set_fragment_limit(any(layer), any(1));
    RecordLayer::set_padding(any(layer), any(Padding::By(PaddingFn(longest))));
    RecordLayer::set_own_record_size_limit(any(layer), limit());
    RecordLayer::set_peer_record_size_limit(any(layer), limit());
    any(RecordLayer::end(any(layer)));
    RecordLayer::with_halves(any(layer), |opener, sealer| {
        any((opener, sealer));
    });
    any(RecordLayer::opener(any(layer)));
    any(RecordLayer::sealer(any(layer)));
}
