//! A client and a server over smoltcp: data in both directions at once, KeyUpdates of both, and a
//! shutdown in two steps.

#[path = "../../../../../../core/examples/smoltcp/driver.rs"]
mod driver;

use defmt::info;
use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use tls_record::{OpenError, ReadEnd, Role};

use crate::Secret;
use crate::loopback::Loopback;

/// 512 bytes of data, and their protection.
const RECORD: usize = 542;
const BUFFER: usize = 1500;
/// What each end sends.
const LEN: usize = 1 << 18;

type Tls = driver::Tls<Secret, RECORD>;

pub fn run() -> Result<(), &'static str> {
    info!(
        "a connection over smoltcp: {} bytes of RAM, and {} for its socket",
        size_of::<Tls>(),
        2 * BUFFER
    );
    let mut device = Loopback::new();
    let mut now = Instant::from_millis(0);
    let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, now);
    let address = IpAddress::v4(127, 0, 0, 1);
    interface.update_ip_addrs(|addresses| {
        let _ = addresses.push(IpCidr::new(address, 8));
    });

    let mut buffers = [[0; BUFFER]; 4];
    let [a, b, c, d] = buffers.each_mut().map(|buffer| SocketBuffer::new(&mut buffer[..]));
    let mut storage = [SocketStorage::EMPTY; 2];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let handles = [sockets.add(Socket::new(a, b)), sockets.add(Socket::new(c, d))];
    let server = sockets.get_mut::<Socket>(handles[1]);
    server.listen(443).map_err(|_| "listen")?;
    let client = sockets.get_mut::<Socket>(handles[0]);
    client.connect(interface.context(), (address, 443), 50_000).map_err(|_| "connect")?;

    let mut apps = [App::new(Role::Client)?, App::new(Role::Server)?];
    let mut polls = 0_u32;
    while !apps.iter().all(|app| app.tls.layer.end().is_clean()) {
        polls += 1;
        if polls == 20_000 {
            return Err("no progress");
        }
        interface.poll(now, &mut device, &mut sockets);
        now += interface.poll_delay(now, &sockets).unwrap_or(Duration::ZERO);
        for (app, handle) in apps.iter_mut().zip(handles) {
            app.turn(sockets.get_mut(handle)).map_err(|_| "a connection failed")?;
        }
    }
    for app in &apps {
        info!("received {} bytes, all as they were sent: {}", app.received, app.is_right);
        info!("{}", app.tls.layer.end());
    }
    Ok(())
}

struct App {
    tls: Tls,
    sent: usize,
    received: usize,
    is_right: bool,
    has_updated_keys: bool,
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

impl App {
    fn new(role: Role) -> Result<Self, &'static str> {
        let layer = crate::layer(tls_record::Config::new(role)).map_err(|_| "keys")?;
        let tls = Tls::new(layer);
        Ok(Self { tls, sent: 0, received: 0, is_right: true, has_updated_keys: false })
    }

    fn turn(&mut self, socket: &mut Socket) -> Result<(), OpenError> {
        let Self { tls, received, is_right, .. } = self;
        while tls.receive(socket, |bytes| {
            *is_right &= bytes == &DATA[*received % 256..][..bytes.len()];
            *received += bytes.len();
        })? {}
        if self.sent >= LEN / 2 && !self.has_updated_keys {
            self.has_updated_keys = self.tls.layer.update_keys(true).is_ok();
        }
        let piece = &DATA[self.sent % 256..][..(LEN - self.sent).min(768)];
        self.sent += self.tls.send(socket, piece).unwrap_or(0);
        // The client closes first, and the server when it has read that.
        let is_last = self.tls.layer.end().read != ReadEnd::Open;
        if self.sent == LEN
            && (is_last || socket.local_endpoint().is_some_and(|end| end.port != 443))
        {
            let _ = self.tls.layer.close();
            let _ = self.tls.send(socket, &[]);
        }
        Ok(())
    }
}
