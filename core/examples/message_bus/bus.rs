//! The bus, simulated: it carries messages in both directions, and loses, doubles or swaps one if told so.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::driver::{Bus, MESSAGE};

/// What happens to a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Damage {
    Lose,
    Double,
    /// It arrives behind the next one.
    Swap,
    /// A bit of this byte is flipped.
    #[cfg_attr(not(test), expect(dead_code, reason = "main has no option for it"))]
    Flip(usize),
}

/// One direction.
#[derive(Default)]
pub(crate) struct Direction {
    /// Everything that was sent, as someone sees it who listens.
    pub(crate) overheard: Vec<[u8; MESSAGE]>,
    /// What the receiver has not taken. As many as this fit; with none, there is no limit.
    waiting: VecDeque<[u8; MESSAGE]>,
    pub(crate) capacity: Option<usize>,
    /// The damage, and the number of the message that it happens to: 0 is the first.
    pub(crate) damage: Option<(Damage, usize)>,
    swapped: Option<[u8; MESSAGE]>,
}

impl Direction {
    fn carry(&mut self, mut message: [u8; MESSAGE]) {
        let number = self.overheard.len();
        self.overheard.push(message);
        match self.damage.filter(|(_, at)| *at == number) {
            Some((Damage::Lose, _)) => return,
            Some((Damage::Double, _)) => self.waiting.push_back(message),
            Some((Damage::Swap, _)) => {
                self.swapped = Some(message);
                return;
            }
            Some((Damage::Flip(at), _)) => message[at] ^= 1,
            None => {}
        }
        self.waiting.push_back(message);
        self.waiting.extend(self.swapped.take());
    }
}

/// One end of the bus.
pub(crate) struct Port {
    pub(crate) output: Rc<RefCell<Direction>>,
    pub(crate) input: Rc<RefCell<Direction>>,
}

impl Port {
    /// The two ends of a bus.
    pub(crate) fn pair() -> [Self; 2] {
        let (there, back) = <(Rc<RefCell<Direction>>, Rc<RefCell<Direction>>)>::default();
        [Self { output: there.clone(), input: back.clone() }, Self { output: back, input: there }]
    }
}

impl Bus for Port {
    fn send(&mut self, message: &[u8; MESSAGE]) -> bool {
        let output = &mut *self.output.borrow_mut();
        let is_free = output.capacity.is_none_or(|capacity| output.waiting.len() < capacity);
        if is_free {
            output.carry(*message);
        }
        is_free
    }

    fn receive(&mut self) -> Option<[u8; MESSAGE]> {
        self.input.borrow_mut().waiting.pop_front()
    }
}
