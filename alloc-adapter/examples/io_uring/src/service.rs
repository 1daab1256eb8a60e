//! What a connection is for: the application above the driver.

use tls_record::{AlertDescription, ReadEnd};

/// The application of one connection.
pub(crate) trait Service {
    /// Takes data of the peer, in the memory from which data is sent. Returns how many bytes at its front to
    /// send back, as they are now.
    fn received(&mut self, data: &mut [u8]) -> usize;

    /// Writes data to send to the front of `room`, for one record, and returns its length: 0 if there is none.
    fn produce(&mut self, room: &mut [u8]) -> usize;

    /// Says how to go on when everything that has arrived is used, and nothing is to be sent.
    fn next(&self, source: ReadEnd) -> Next;
}

/// How to go on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Next {
    Wait,
    /// Send a close_notify.
    Close,
    /// Send a fatal alert.
    Abort(AlertDescription),
}

/// The services of the server.
pub(crate) enum Served {
    /// Data goes back to the peer.
    Echo,
    /// Data goes on to another peer, and no other end than a close_notify becomes one there.
    Forward,
    Download(Download),
}

/// Data that can go nowhere is dropped.
pub(crate) struct Discard;

impl Service for Discard {
    fn received(&mut self, _: &mut [u8]) -> usize {
        0
    }

    fn produce(&mut self, _: &mut [u8]) -> usize {
        0
    }

    fn next(&self, _: ReadEnd) -> Next {
        Next::Wait
    }
}

/// Answers `GET /N` by N bytes, and closes.
#[derive(Default)]
pub(crate) struct Download {
    request: Vec<u8>,
    head: Vec<u8>,
    /// Bytes of the body that are left, and the number of the next.
    body: Option<u64>,
    at: u64,
    /// Bytes of content of a record.
    record: usize,
}

/// The longest request.
const MAX_REQUEST: usize = 8 << 10;

/// The body: byte n is n modulo 251. Long enough for a record that begins anywhere.
static PATTERN: [u8; (1 << 14) + 251] = {
    let mut bytes = [0; (1 << 14) + 251];
    let mut i = 0;
    while i < bytes.len() {
        bytes[i] = (i % 251) as u8;
        i += 1;
    }
    bytes
};

impl Download {
    pub(crate) fn new(record: usize) -> Self {
        Self { record, ..Self::default() }
    }

    fn received(&mut self, data: &[u8]) {
        if self.body.is_some() {
            return;
        }
        self.request.extend_from_slice(data);
        let end = self.request.windows(4).position(|end| end == b"\r\n\r\n");
        let (status, len) = if end.unwrap_or(self.request.len()) > MAX_REQUEST {
            ("431 Request Header Fields Too Large", 0)
        } else if end.is_some() {
            let request = String::from_utf8_lossy(&self.request);
            let path = request.split(' ').nth(1).unwrap_or("/");
            match path.trim_start_matches('/').parse() {
                Ok(len) => ("200 OK", len),
                Err(_) => ("404 Not Found", 0),
            }
        } else {
            return;
        };
        self.head = format!("HTTP/1.0 {status}\r\nContent-Length: {len}\r\n\r\n").into_bytes();
        self.body = Some(len);
    }

    fn produce(&mut self, room: &mut [u8]) -> usize {
        let Some(left) = &mut self.body else { return 0 };
        let len = room.len().min(self.record);
        let head = self.head.len().min(len);
        room[..head].copy_from_slice(&self.head[..head]);
        self.head.drain(..head);
        // A file or a generator would write here.
        let body = (len - head).min(usize::try_from(*left).unwrap_or(usize::MAX));
        let from = (self.at % 251) as usize;
        let body = body.min(PATTERN.len() - from);
        room[head..head + body].copy_from_slice(&PATTERN[from..from + body]);
        self.at += body as u64;
        *left -= body as u64;
        head + body
    }
}

impl Service for Served {
    fn received(&mut self, data: &mut [u8]) -> usize {
        match self {
            Self::Echo | Self::Forward => data.len(),
            Self::Download(download) => {
                download.received(data);
                0
            }
        }
    }

    fn produce(&mut self, room: &mut [u8]) -> usize {
        match self {
            Self::Echo | Self::Forward => 0,
            Self::Download(download) => download.produce(room),
        }
    }

    fn next(&self, source: ReadEnd) -> Next {
        match (self, source) {
            (Self::Download(Download { body: Some(0), .. }), _) => Next::Close,
            (_, ReadEnd::Open) => Next::Wait,
            (
                Self::Forward,
                ReadEnd::Truncated { .. } | ReadEnd::PeerAlert(_) | ReadEnd::Fault(_),
            ) => Next::Abort(AlertDescription::INTERNAL_ERROR),
            _ => Next::Close,
        }
    }
}
