//! Counts the instructions of a record layer for a record of 64 bytes, called from Rust and through the C API,
//! without the cipher. Run it with `-icount shift=0`.

#![no_std]
#![no_main]

use core::hint::black_box;
use core::mem::MaybeUninit;
use core::ptr::null;

use board::instructions::{CONTENT, RECORDS, Timer};
use cortex_m_rt::entry;
use tls_record::aead::Algorithm;
use tls_record::aead::null::Null;
use tls_record::{
    Config, Epoch, Event, KeyError, OpenError, Opened, RecordLayer, Role, SealError, TrafficSecret,
    Version,
};
use tls_record_c::{Bytes, BytesMut, Handle, In, Memory, Out, Sealed, Secret, Status};

#[entry]
fn main() -> ! {
    board::end(run())
}

fn run() -> Result<(), KeyError> {
    let mut timer = Timer::start();
    keep();
    for version in [Version::Tls13, Version::Tls12] {
        let built_in = from_rust(
            version,
            &mut timer,
            Layer::seal_in_place,
            Layer::open,
            |layer, content, record| layer.seal(&[content], record),
        )?;
        // Hidden from the optimizer, which would else build the functions into the loops.
        let seal: fn(&mut Layer, &[&[u8]], &mut [u8]) -> _ = black_box(Layer::seal);
        let called = from_rust(
            version,
            &mut timer,
            black_box(Layer::seal_in_place as fn(&mut Layer, &mut [u8], usize) -> _),
            black_box(Layer::open as fn(&mut Layer, &mut [u8]) -> _),
            |layer, content, record| seal(layer, &[content], record),
        )?;
        let c = through_c(version, &mut timer);
        for (call, name) in ["in place", "open", "copied"].into_iter().enumerate() {
            defmt::info!("{}: {}: {} {} {}", version, name, built_in[call], called[call], c[call]);
        }
    }
    Ok(())
}

/// In place, opened, from a slice.
type Counts = [u32; 3];

fn from_rust(
    version: Version,
    timer: &mut Timer,
    seal_in_place: impl Fn(&mut Layer, &mut [u8], usize) -> Result<usize, SealError>,
    open: impl Fn(&mut Layer, &mut [u8]) -> Result<Opened, OpenError>,
    seal: impl Fn(&mut Layer, &[u8], &mut [u8]) -> Result<tls_record::Sealed, SealError>,
) -> Result<Counts, KeyError> {
    let (mut sealer, mut opener) = (layer(version, Role::Client)?, layer(version, Role::Server)?);
    let mut records = [[0; CONTENT + 32]; RECORDS];
    let in_place = timer.each(&mut records, |record| {
        black_box(defmt::unwrap!(seal_in_place(&mut sealer, record, CONTENT).ok()));
    });
    let len = sealer.sealer().record_len(CONTENT);
    let opened = timer.each(&mut records, |record| match open(&mut opener, &mut record[..len]) {
        Ok(Opened { event: Event::ApplicationData(range), consumed }) => {
            black_box((range.start, range.len(), consumed));
        }
        _ => defmt::panic!("not opened"),
    });
    let content = black_box([7; CONTENT]);
    let copied = timer.each(&mut records, |record| {
        let sealed = defmt::unwrap!(seal(&mut sealer, &content, record).ok());
        black_box((sealed.taken, sealed.written));
    });
    Ok([in_place, opened, copied])
}

type Layer = RecordLayer<TrafficSecret<Null>>;

/// The whole of a layer, as a library for C has it: what is called from several places is not built into one.
#[inline(never)]
fn keep() {
    black_box((Layer::open as *const (), Layer::open_into as *const (), Layer::eof as *const ()));
    black_box((Layer::seal as *const (), Layer::seal_in_place as *const ()));
    black_box((Layer::seal_handshake as *const (), Layer::poll_control as *const ()));
    black_box((Layer::next_control as *const (), Layer::update_keys as *const ()));
    black_box((Layer::close as *const (), Layer::cancel as *const (), Layer::abort as *const ()));
    black_box((Layer::install as *const (), Layer::install_one as *const ()));
    black_box((Layer::set_padding as *const (), Layer::set_version as *const ()));
    black_box((Layer::end as *const (), Layer::join as *const (), Layer::split as *const ()));
    black_box((Layer::refuse_renegotiation as *const (), Layer::check_closed as *const ()));
}

fn layer(version: Version, role: Role) -> Result<Layer, KeyError> {
    let secret = |byte| {
        let secret = match version {
            Version::Tls13 => TrafficSecret::tls13(Algorithm::Aes128Gcm, &[byte; 32]),
            Version::Tls12 => TrafficSecret::tls12(Algorithm::Aes128Gcm, &[byte; 16], &[7; 4]),
        };
        // In TLS 1.2 the Finished has used sequence number 0.
        secret.map(|secret| (secret, u64::from(version == Version::Tls12)))
    };
    let mut layer = RecordLayer::new(black_box(Config::new(role)));
    layer.take_over(Epoch::Application, secret(1)?, secret(2)?)?;
    Ok(layer)
}

fn through_c(version: Version, timer: &mut Timer) -> Counts {
    let mut memory = [const { MaybeUninit::<Memory<tls_record_c::Layer>>::uninit() }; 2];
    let [sealer, opener] = &mut memory;
    let (sealer, opener) = (sealer.as_mut_ptr(), opener.as_mut_ptr());
    init(sealer, version, Role::Client);
    init(opener, version, Role::Server);

    let mut records = [[0; CONTENT + 32]; RECORDS];
    let mut sealed = MaybeUninit::<Sealed>::uninit();
    let mut opened = MaybeUninit::<tls_record_c::Opened>::uninit();
    // Hidden, as above.
    let seal_in_place: extern "C" fn(_, _, _, _, _) -> _ =
        black_box(tls_record_c::layer_seal_in_place);
    let in_place = timer.each(&mut records, |record| {
        // SAFETY: all of this lives longer than the call, and nothing else uses it.
        let status = unsafe {
            seal_in_place(
                Handle::new(sealer),
                BytesMut::new(record.as_mut_ptr()),
                record.len(),
                CONTENT,
                Out::new(sealed.as_mut_ptr()),
            )
        };
        check(status);
        // SAFETY: it was written.
        black_box(unsafe { sealed.assume_init_ref() }.written);
    });
    // SAFETY: it was written.
    let len = unsafe { sealed.assume_init_ref() }.written;
    let open: extern "C" fn(_, _, _, _) -> _ = black_box(tls_record_c::layer_open);
    let opened = timer.each(&mut records, |record| {
        // SAFETY: as above.
        let status = unsafe {
            open(
                Handle::new(opener),
                BytesMut::new(record.as_mut_ptr()),
                len,
                Out::new(opened.as_mut_ptr()),
            )
        };
        check(status);
        // SAFETY: it was written.
        let opened = unsafe { opened.assume_init_ref() };
        defmt::assert!(opened.event == 2);
        black_box((opened.offset, opened.len, opened.consumed));
    });
    let content = black_box([7; CONTENT]);
    let seal: extern "C" fn(_, _, _, _, _, _) -> _ = black_box(tls_record_c::layer_seal);
    let copied = timer.each(&mut records, |record| {
        // SAFETY: as above.
        let status = unsafe {
            seal(
                Handle::new(sealer),
                Bytes::new(content.as_ptr()),
                content.len(),
                BytesMut::new(record.as_mut_ptr()),
                record.len(),
                Out::new(sealed.as_mut_ptr()),
            )
        };
        check(status);
        // SAFETY: it was written.
        let sealed = unsafe { sealed.assume_init_ref() };
        black_box((sealed.taken, sealed.written));
    });
    [in_place, opened, copied]
}

/// Makes an established layer.
fn init(layer: *mut Memory<tls_record_c::Layer>, version: Version, role: Role) {
    let mut config = MaybeUninit::uninit();
    let role = if role == Role::Client { 1 } else { 2 };
    // SAFETY: the memory is there, and nothing else uses it.
    check(unsafe { tls_record_c::config_init(Out::new(config.as_mut_ptr()), role) });
    // SAFETY: the same.
    check(unsafe {
        tls_record_c::layer_init(
            Handle::new(layer),
            size_of::<Memory<tls_record_c::Layer>>(),
            In::new(config.as_ptr()),
        )
    });
    let (client, server, iv) = ([1; 32], [2; 32], [7; 4]);
    let is_tls12 = version == Version::Tls12;
    let secret = |bytes: &[u8; 32]| {
        let (secret_len, iv_len, suite) = if is_tls12 { (16, 4, 0xc02f) } else { (32, 0, 0x1301) };
        // SAFETY: they live longer than the call.
        let (secret, iv) = unsafe { (Bytes::new(bytes.as_ptr()), Bytes::new(iv.as_ptr())) };
        let store = null();
        Secret {
            secret,
            secret_len,
            iv,
            iv_len,
            store,
            handle: 0,
            sequence: is_tls12.into(),
            suite,
        }
    };
    let (client, server) = (secret(&client), secret(&server));
    // SAFETY: as above. 4: the epoch of application data.
    check(unsafe {
        tls_record_c::layer_install(Handle::new(layer), 4, In::new(&client), In::new(&server))
    });
}

fn check(status: Status) {
    defmt::assert!(status == Status::OK);
}
