//! The chip, simulated: a UART with an interrupt, a DMA channel, a LED; and the peer at the other end of
//! the line. Time passes in [`wait_for_event`].

use std::collections::VecDeque;
use std::sync::{LazyLock, Mutex, MutexGuard};

use tls_record::aead::Algorithm;
use tls_record::{Config, Epoch, Event, RecordLayer, Role};

use crate::Secret;

/// Bytes that the UART holds at most, and that come in one interrupt.
const FIFO: usize = 16;

struct Board {
    peer: RecordLayer<Secret>,
    script: VecDeque<Step>,
    line: VecDeque<u8>,
    fifo: VecDeque<u8>,
    is_enabled: bool,
    is_pending: bool,
    /// What the DMA channel transmits.
    transfer: Option<Vec<u8>>,
    finished: Option<usize>,
    led: Vec<bool>,
    heard: String,
    key_updates: usize,
}

/// What the peer does, one after the other, each when the firmware is idle.
enum Step {
    Say(&'static str),
    /// Goes on to new keys, and asks for new keys of the firmware.
    UpdateKeys,
    Close,
}

static BOARD: LazyLock<Mutex<Board>> = LazyLock::new(|| {
    let (client, server) = secrets_of_the_handshake();
    let secret = |secret: [u8; 32]| Secret::tls13(Algorithm::Aes128Gcm, &secret).unwrap();
    let mut peer = RecordLayer::new(Config::new(Role::Server));
    peer.install(Epoch::Application, secret(client), secret(server)).unwrap();
    let script = [
        Step::Say("on\nof"),
        Step::Say("f\nwhat?\n"),
        Step::UpdateKeys,
        Step::Say("on\noff\n"),
        Step::Close,
    ];
    Mutex::new(Board {
        peer,
        script: script.into(),
        line: VecDeque::new(),
        fifo: VecDeque::new(),
        is_enabled: false,
        is_pending: false,
        transfer: None,
        finished: None,
        led: Vec::new(),
        heard: String::new(),
        key_updates: 0,
    })
});

fn board() -> MutexGuard<'static, Board> {
    BOARD.lock().unwrap()
}

/// What a handshake would have derived.
pub(crate) fn secrets_of_the_handshake() -> ([u8; 32], [u8; 32]) {
    ([1; 32], [2; 32])
}

pub(crate) fn switch_led(is_on: bool) {
    board().led.push(is_on);
}

/// Sleeps until an interrupt handler has run since the last call, as the instruction WFE does.
pub(crate) fn wait_for_event() {
    let is_due = {
        let board = &mut *board();
        board.pass_time();
        board.is_enabled && std::mem::take(&mut board.is_pending)
    };
    if is_due {
        crate::on_uart_interrupt();
    }
}

pub(crate) mod uart {
    use super::board;

    /// Takes bytes that have arrived. Returns how many.
    pub(crate) fn read(out: &mut [u8]) -> usize {
        let fifo = &mut board().fifo;
        let len = out.len().min(fifo.len());
        out.iter_mut().zip(fifo.drain(..len)).for_each(|(to, from)| *to = from);
        len
    }

    pub(crate) fn enable_interrupt() {
        board().is_enabled = true;
    }

    pub(crate) fn disable_interrupt() {
        board().is_enabled = false;
    }

    /// Has the handler run once more, as soon as it can.
    pub(crate) fn pend_interrupt() {
        board().is_pending = true;
    }
}

pub(crate) mod dma {
    use super::board;

    /// Transmits these bytes through the UART. They must stay where they are until it has finished. (The
    /// simulated channel reads them at once.)
    pub(crate) fn start(bytes: &[u8]) {
        let replaced = board().transfer.replace(bytes.to_vec());
        assert!(replaced.is_none(), "the channel is busy");
    }

    pub(crate) fn is_busy() -> bool {
        let board = board();
        board.transfer.is_some() || board.finished.is_some()
    }

    /// How many bytes a transfer has transmitted that has finished since the last call.
    pub(crate) fn take_finished() -> Option<usize> {
        board().finished.take()
    }
}

impl Board {
    fn pass_time(&mut self) {
        if let Some(bytes) = self.transfer.take() {
            self.finished = Some(bytes.len());
            self.hear(bytes);
        } else if self.line.is_empty() && self.fifo.is_empty() {
            self.act();
        }
        let len = self.line.len().min(FIFO - self.fifo.len());
        self.fifo.extend(self.line.drain(..len));
        self.is_pending |= len > 0;
    }

    fn hear(&mut self, mut bytes: Vec<u8>) {
        let mut at = 0;
        while at < bytes.len() {
            let opened = self.peer.open(&mut bytes[at..]).unwrap();
            match opened.event {
                Event::ApplicationData(range) => {
                    self.heard += std::str::from_utf8(&bytes[at..][range]).unwrap();
                }
                Event::KeyUpdate { .. } => self.key_updates += 1,
                _ => {}
            }
            at += opened.consumed;
        }
    }

    fn act(&mut self) {
        let mut out = [0; 512];
        let mut written = 0;
        match self.script.pop_front() {
            Some(Step::Say(words)) => {
                written = self.peer.seal(&[words.as_bytes()], &mut out).unwrap().written;
            }
            Some(Step::UpdateKeys) => self.peer.update_keys(true).unwrap(),
            Some(Step::Close) => self.peer.close().unwrap(),
            None => {}
        }
        while self.peer.has_control() {
            written += self.peer.poll_control(&mut out[written..]).unwrap();
        }
        self.line.extend(&out[..written]);
    }
}

// For the test

#[cfg(test)]
pub(crate) fn led_so_far() -> Vec<bool> {
    board().led.clone()
}

#[cfg(test)]
pub(crate) fn heard_by_the_peer() -> String {
    board().heard.clone()
}

#[cfg(test)]
pub(crate) fn key_updates_of_the_firmware() -> usize {
    board().key_updates
}
