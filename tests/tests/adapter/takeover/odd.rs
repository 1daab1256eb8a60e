//! Libraries that do not answer at once, or say that they are done when they are not.

use super::*;

#[derive(Clone, Copy, Debug)]
enum Oddity {
    /// Each call gives half of its output, cut anywhere, while it says that it is done.
    Slow,
    /// It says that it is done from the start.
    Hasty,
}

struct Odd<L> {
    library: L,
    oddity: Oddity,
    held: Vec<u8>,
}

impl<L: Library> Library for Odd<L> {
    type Error = L::Error;

    fn role(&self) -> tls_record::Role {
        self.library.role()
    }

    fn advance(&mut self, record: &[u8], sent: &mut Vec<u8>) -> Result<Progress, L::Error> {
        let progress = self.library.advance(record, &mut self.held)?;
        let now = match self.oddity {
            Oddity::Slow => self.held.len().div_ceil(2),
            Oddity::Hasty => self.held.len(),
        };
        sent.extend(self.held.drain(..now));
        Ok(match self.oddity {
            Oddity::Slow => progress,
            Oddity::Hasty => Progress::Complete,
        })
    }

    fn take_secrets(&mut self) -> Secrets {
        self.library.take_secrets()
    }
}

fn take_over<L: Library>(library: L, oddity: Oddity, setting: &Setting) {
    let mut peer = setting.peer();
    peer.write(b"at once");
    let mut run = Run::new(Odd { library, oddity, held: Vec::new() }, usize::MAX);
    run.run(&mut *peer).unwrap();
    let mut ours = run.finish();
    pump(&mut ours, &mut *peer);
    assert_eq!(ours.read(), b"at once");
    live(&mut ours, &mut *peer, setting.agreed.version);
}

#[test]
fn an_odd_library_is_taken_over_when_both_finished_messages_have_passed() {
    for oddity in [Oddity::Slow, Oddity::Hasty] {
        for_each(|setting| {
            println!("{oddity:?}");
            match setting.stack {
                Stack::Openssl => take_over(setting.own.openssl(setting.role), oddity, setting),
                Stack::Rustls => take_over(setting.own.rustls(setting.role), oddity, setting),
            }
        });
    }
}
