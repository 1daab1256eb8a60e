//! A network device that receives what it transmits. That of smoltcp needs a heap.

use heapless::{Deque, Vec};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

const MTU: usize = 600;

type Packet = Vec<u8, MTU>;

/// Has room for three packets. With less room, transmitting waits.
pub struct Loopback(Deque<Packet, 3>);

impl Loopback {
    pub const fn new() -> Self {
        Self(Deque::new())
    }
}

impl Device for Loopback {
    type RxToken<'a> = RxToken;
    type TxToken<'a> = TxToken<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities.medium = Medium::Ip;
        capabilities
    }

    fn receive(&mut self, _: Instant) -> Option<(RxToken, TxToken<'_>)> {
        let packet = self.0.pop_front()?;
        Some((RxToken(packet), TxToken(&mut self.0)))
    }

    fn transmit(&mut self, _: Instant) -> Option<TxToken<'_>> {
        if self.0.is_full() { None } else { Some(TxToken(&mut self.0)) }
    }
}

pub struct RxToken(Packet);

impl phy::RxToken for RxToken {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub struct TxToken<'a>(&'a mut Deque<Packet, 3>);

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = Packet::new();
        packet.resize(len, 0).expect("not longer than the MTU");
        let result = f(&mut packet);
        self.0.push_back(packet).expect("there was room");
        result
    }
}
