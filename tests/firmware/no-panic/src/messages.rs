//! `Display` of every error. Not the derived `Debug`, because the helpers of the standard library
//! for it have assertions.

use core::fmt::{Display, Formatter, Result, Write};
use core::hint::black_box as any;

use tls_record::{
    AlertDescription, BufferTooShort, CloseError, Fault, InvalidHandle, KeyError, OpenError,
    RecordTooLong, ResumeError, SealError, ShutdownError, StreamError, SuspendError,
};

pub(crate) fn prove() {
    display(AlertDescription::CLOSE_NOTIFY);
    display(Fault::NotTls);
    display(OpenError::Truncated);
    display(SealError::Closed);
    display(CloseError::Failed);
    display(KeyError::Epoch);
    display(ShutdownError::WouldBlock);
    display(SuspendError::Busy);
    display(ResumeError::Forged);
    display(InvalidHandle);
    display(RecordTooLong { total: 1 });
    display(BufferTooShort { need: 1 });
    display(StreamError::Transport(LineIsDead));
}

fn display(message: impl Display) {
    let _ = write!(Log, "{}", any(&message));
}

struct Log;

impl Write for Log {
    #[inline(never)]
    fn write_str(&mut self, text: &str) -> Result {
        any(text);
        any(Ok(()))
    }
}

struct LineIsDead;

impl Display for LineIsDead {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("the line is dead")
    }
}
