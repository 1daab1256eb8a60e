//! A network device that receives what it transmits.

use core::task::{Context, Waker};

use embassy_net::driver::{self, Capabilities, Driver, HardwareAddress, LinkState};
use heapless::{Deque, Vec};

const MTU: usize = 600;

type Packet = Vec<u8, MTU>;

/// Has room for two packets. With less room, transmitting waits.
#[derive(Default)]
pub struct Loopback {
    packets: Deque<Packet, 2>,
    waker: Option<Waker>,
}

impl Driver for Loopback {
    type RxToken<'a> = RxToken;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, context: &mut Context<'_>) -> Option<(RxToken, TxToken<'_>)> {
        self.waker = Some(context.waker().clone());
        let packet = self.packets.pop_front()?;
        Some((RxToken(packet), TxToken(self)))
    }

    fn transmit(&mut self, context: &mut Context<'_>) -> Option<TxToken<'_>> {
        self.waker = Some(context.waker().clone());
        if self.packets.is_full() { None } else { Some(TxToken(self)) }
    }

    fn link_state(&mut self, _: &mut Context<'_>) -> LinkState {
        LinkState::Up
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ip
    }
}

pub struct RxToken(Packet);

impl driver::RxToken for RxToken {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, f: F) -> R {
        f(&mut self.0)
    }
}

pub struct TxToken<'a>(&'a mut Loopback);

impl driver::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = Packet::new();
        packet.resize(len, 0).expect("not longer than the MTU");
        let result = f(&mut packet);
        self.0.packets.push_back(packet).expect("there was room");
        // The packet has arrived.
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
        result
    }
}
