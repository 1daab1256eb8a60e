//! A client and a server over embassy-net, each in two embassy tasks: one with the `Opener` and one with
//! the `Writer`, linked by a mailbox. Data in both directions at once, KeyUpdates of both, and a shutdown.
//! `driver.rs` is what a user writes.

#![no_std]
#![no_main]

mod clock;
mod driver;
mod loopback;

use cortex_m::Peripherals;
use defmt::{info, unwrap};
use driver::Wake;
use embassy_executor::{Spawner, task};
use embassy_net::tcp::{TcpReader, TcpSocket, TcpWriter};
use embassy_net::{
    Config as NetConfig, Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4,
};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use loopback::Loopback;
use static_cell::StaticCell;
use tls_record::aead::Algorithm;
use tls_record::aead::rustcrypto::RustCrypto;
use tls_record::{
    Config, Connection, End, Epoch, KeyError, Linked, Mailbox, Opener, ReadEnd, RecordSizeLimit,
    Role, TrafficSecret, WriteEnd, Writer,
};

type Secret = TrafficSecret<RustCrypto>;

/// The most plaintext of a record, in both directions.
const LIMIT: RecordSizeLimit = RecordSizeLimit::new(513).unwrap();
/// The longest record that arrives.
const RX: usize = LIMIT.max_record_len();
/// The longest record that leaves, and a KeyUpdate before it.
const TX: usize = RX + 70;
/// The send buffer and the receive buffer of a socket.
const BUFFER: usize = 1100;
/// What each end sends.
const LEN: usize = 1 << 16;

const ADDRESS: Ipv4Address = Ipv4Address::new(127, 0, 0, 1);

/// What the tasks of both ends have to tell in the end: the receiving tasks how much has arrived, and if it
/// was as it was sent.
static RECEIVED: Channel<CriticalSectionRawMutex, (Role, ReadEnd, usize, bool), 2> = Channel::new();
static SENT: Channel<CriticalSectionRawMutex, (Role, WriteEnd), 2> = Channel::new();

/// One end of a connection, with all that its two tasks share.
struct Place {
    buffers: StaticCell<[[u8; BUFFER]; 2]>,
    socket: StaticCell<TcpSocket<'static>>,
    mailbox: StaticCell<Mailbox>,
    wake: Wake,
    /// Set when the peer's direction has ended; then the sending task is woken.
    ended: Wake,
}

static CLIENT: Place = Place::new();
static SERVER: Place = Place::new();

impl Place {
    const fn new() -> Self {
        Self {
            buffers: StaticCell::new(),
            socket: StaticCell::new(),
            mailbox: StaticCell::new(),
            wake: Wake::new(),
            ended: Wake::new(),
        }
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    clock::start(unwrap!(Peripherals::take()));
    static RESOURCES: StaticCell<StackResources<2>> = StaticCell::new();
    let config = NetConfig::ipv4_static(StaticConfigV4 {
        address: Ipv4Cidr::new(ADDRESS, 8),
        gateway: None,
        dns_servers: Default::default(),
    });
    let resources = RESOURCES.init(StackResources::new());
    let (stack, runner) = embassy_net::new(Loopback::default(), config, resources, 1);
    spawner.spawn(unwrap!(run_network(runner)));
    spawner.spawn(unwrap!(connect(spawner, stack, Role::Server, &SERVER)));
    spawner.spawn(unwrap!(connect(spawner, stack, Role::Client, &CLIENT)));

    let halves = size_of::<Linked<Opener<Secret>>>() + size_of::<Linked<Writer<Secret, TX>>>();
    let received = size_of::<([u8; RX], usize)>();
    info!("a connection: {} bytes of RAM", halves + size_of::<Mailbox>() + received);
    let mut is_clean = true;
    let (mut read, mut write) = ([ReadEnd::Open; 2], [WriteEnd::Open; 2]);
    for _ in 0..2 {
        let (role, end, received, is_right) = RECEIVED.receive().await;
        info!("received {} bytes, all as they were sent: {}", received, is_right);
        is_clean &= received == LEN && is_right;
        read[usize::from(role == Role::Server)] = end;
        let (role, end) = SENT.receive().await;
        write[usize::from(role == Role::Server)] = end;
    }
    for (read, write) in read.into_iter().zip(write) {
        let end = End { read, write };
        info!("{}", end);
        is_clean &= end.is_clean();
    }
    board::end(if is_clean { Ok(()) } else { Err("not clean") });
}

#[task]
async fn run_network(mut runner: Runner<'static, Loopback>) {
    runner.run().await
}

/// Makes a TCP connection, and starts the two tasks of its end.
#[task(pool_size = 2)]
async fn connect(spawner: Spawner, stack: Stack<'static>, role: Role, place: &'static Place) {
    let [rx, tx] = place.buffers.init([[0; BUFFER]; 2]);
    let socket = place.socket.init(TcpSocket::new(stack, rx, tx));
    match role {
        Role::Client => unwrap!(socket.connect((ADDRESS, 443)).await.ok()),
        Role::Server => unwrap!(socket.accept(443).await.ok()),
    }
    let (reader, writer) = socket.split();
    let tls = unwrap!(tls(role).ok());
    let (opener, sealer) = tls.split_over(place.mailbox.init(Mailbox::new()));
    spawner.spawn(unwrap!(receive(role, opener, reader, place)));
    spawner.spawn(unwrap!(send(role, sealer, writer, place)));
}

/// Takes the secrets of a handshake, which are all of it that is here.
fn tls(role: Role) -> Result<Connection<Secret, TX>, KeyError> {
    let mut config = Config::new(role);
    config.record_size_limit = Some(LIMIT);
    let mut tls = Connection::without_keys(config);
    let secret = |byte| Secret::tls13(Algorithm::Chacha20Poly1305, &[byte; 32]);
    tls.install(Epoch::Application, secret(1)?, secret(2)?)?;
    Ok(tls)
}

#[task(pool_size = 2)]
async fn receive(
    role: Role,
    mut opener: Linked<'static, Opener<Secret>>,
    mut socket: TcpReader<'static>,
    place: &'static Place,
) {
    let (mut received, mut is_right) = (0, true);
    let end = driver::receive::<_, RX>(&mut opener, &mut socket, &place.wake, async |data| {
        is_right &= data == &DATA[received % 256..][..data.len()];
        received += data.len();
    });
    let end = end.await;
    place.ended.signal(());
    place.wake.signal(());
    RECEIVED.send((role, end, received, is_right)).await;
}

#[task(pool_size = 2)]
async fn send(
    role: Role,
    mut writer: Linked<'static, Writer<Secret, TX>>,
    mut socket: TcpWriter<'static>,
    place: &'static Place,
) {
    let mut sent = 0;
    while sent < LEN {
        if sent == LEN / 2 {
            unwrap!(writer.with(|writer| writer.update_keys(true)).ok());
        }
        unwrap!(driver::send(&mut writer, &mut socket, &DATA[..512]).await.ok());
        sent += 512;
    }
    // The server closes when the client has. Until then it sends what is due.
    while role == Role::Server && !place.ended.signaled() {
        place.wake.wait().await;
        driver::flush(&mut writer, &mut socket).await;
    }
    let _ = writer.with(|writer| writer.shutdown());
    driver::flush(&mut writer, &mut socket).await;
    let _ = socket.flush().await;
    SENT.send((role, writer.half().end())).await;
}

/// The data, from any multiple of 256 on.
static DATA: [u8; 1024] = {
    let mut data = [0; 1024];
    let mut at = 0;
    while at < data.len() {
        data[at] = at as u8;
        at += 1;
    }
    data
};
