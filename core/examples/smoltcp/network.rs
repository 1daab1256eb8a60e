//! The network, simulated: one interface of smoltcp with a loopback device, two TCP sockets, and a clock
//! that goes on as fast as it can.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{FaultInjector, Loopback, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

pub(crate) struct Network {
    interface: Interface,
    device: FaultInjector<Loopback>,
    sockets: SocketSet<'static>,
    client: SocketHandle,
    server: SocketHandle,
    now: Instant,
}

const ADDRESS: IpAddress = IpAddress::v4(127, 0, 0, 1);
const PORT: u16 = 443;

impl Network {
    /// A client that connects to a server. Each socket has a send and a receive buffer of these lengths.
    pub(crate) fn new((tx, rx): (usize, usize)) -> Self {
        let now = Instant::from_millis(0);
        let mut device = FaultInjector::new(Loopback::new(Medium::Ip), 1);
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, now);
        interface.update_ip_addrs(|addresses| addresses.push(IpCidr::new(ADDRESS, 8)).unwrap());
        let mut sockets = SocketSet::new(Vec::new());
        let [client, server] = [(); 2].map(|()| {
            let buffer = |len| SocketBuffer::new(vec![0; len]);
            let mut socket = Socket::new(buffer(rx), buffer(tx));
            // A record is not to wait for the acknowledgement of another.
            socket.set_nagle_enabled(false);
            sockets.add(socket)
        });
        sockets.get_mut::<Socket>(server).listen(PORT).unwrap();
        let socket = sockets.get_mut::<Socket>(client);
        socket.connect(interface.context(), (ADDRESS, PORT), 50_000).unwrap();
        Self { interface, device, sockets, client, server, now }
    }

    /// Loses this many percent of the packets from now on.
    pub(crate) fn lose(&mut self, percent: u8) {
        self.device.set_drop_chance(percent);
    }

    /// Carries packets, and lets time pass up to the next timer.
    pub(crate) fn poll(&mut self) {
        self.interface.poll(self.now, &mut self.device, &mut self.sockets);
        // An idle connection has timers that are minutes away.
        let sleep = self.interface.poll_delay(self.now, &self.sockets).unwrap_or(Duration::ZERO);
        self.now += sleep.min(Duration::from_millis(100));
    }

    pub(crate) fn client(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.client)
    }

    pub(crate) fn server(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.server)
    }
}
