//! Libraries that do not answer at once, or say that they are done when they are not.

use std::io::{self, Cursor};

use super::*;

#[derive(Clone, Copy, Debug)]
enum Oddity {
    /// Each call gives half of its output, cut anywhere, while it says that it is done.
    Slow,
    /// It says that it is done from the start.
    Hasty,
    /// It never says that it is done.
    Stuck,
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
            Oddity::Hasty | Oddity::Stuck => self.held.len(),
        };
        sent.extend(self.held.drain(..now));
        Ok(match self.oddity {
            Oddity::Slow => progress,
            Oddity::Hasty => Progress::Complete,
            Oddity::Stuck => Progress::NeedInput,
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

#[test]
fn data_behind_a_handshake_that_the_library_does_not_end_is_not_a_truncation() {
    let stuck = || {
        let setting = Setting::new(Stack::Rustls, tls_record_tests::peers::Role::Server, TLS13);
        let (library, mut peer) = (setting.own.rustls(setting.role), setting.peer());
        let library = Odd { library, oddity: Oddity::Stuck, held: Vec::new() };
        let mut takeover = Takeover::<_, Ring>::new(library);
        for _ in 0..3 {
            let wire = peer.take_output();
            assert_eq!(takeover.receive(&wire), wire.len());
            assert_eq!(takeover.advance(), Ok(Progress::NeedInput));
            peer.receive(takeover.unsent());
            takeover.sent(takeover.unsent().len());
        }
        peer.write(&message(40_000));
        (takeover, Cursor::new(peer.take_output()))
    };
    let check = |result: io::Result<()>, takeover: &mut Takeover<_, Ring>| {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::Other);
        // It may be asked again.
        assert_eq!(takeover.advance(), Ok(Progress::NeedInput));
    };
    let (mut takeover, mut transport) = stuck();
    check(takeover.complete(&mut transport), &mut takeover);
    let (mut takeover, mut transport) = stuck();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    check(runtime.block_on(takeover.complete_async(&mut transport)), &mut takeover);
}

#[test]
fn a_config_of_the_other_role_changes_no_role() {
    for role in ROLES {
        let setting = Setting::new(Stack::Rustls, role, TLS13);
        let mut peer = setting.peer();
        let mut run = Run::new(setting.own.rustls(role), usize::MAX);
        let other = match run.takeover.library().role() {
            tls_record::Role::Client => tls_record::Role::Server,
            tls_record::Role::Server => tls_record::Role::Client,
        };
        *run.takeover.engine_config() = tls_record::Config::new(other);
        run.run(&mut *peer).unwrap();
        *run.takeover.engine_config() = tls_record::Config::new(other);
        let mut ours = run.finish();
        live(&mut ours, &mut *peer, Version::Tls13);
    }
}
