//! Streams over connections that were taken over.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use tls_record_alloc::{Shutdown, Stream, TokioStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BUDGET: u32 = 1 << 16;

/// Tests a server by OpenSSL with a client by rustls, and the other way round.
fn for_both(test: impl Fn(Negotiated, Openssl, Rustls)) {
    for agreed in Negotiated::all() {
        for role in ROLES {
            println!("{role:?} by OpenSSL: {agreed:?}");
            let openssl = Side::new(role, agreed).openssl(role);
            let rustls = Side::new(other(role), agreed).rustls(other(role));
            test(agreed, openssl, rustls);
        }
    }
}

#[test]
fn blocking_streams_send_data_update_keys_and_close() {
    fn talk<L: Library>(library: L, agreed: Negotiated, tcp: TcpStream) -> io::Result<()> {
        let mut tls = Stream::<_, Ring>::from_takeover(Takeover::new(library), tcp)?;
        for _ in 0..3 {
            tls.write_all(&message(10_000))?;
            let mut data = [0; 10_000];
            tls.read_exact(&mut data)?;
            assert!(data[..] == message(10_000));
            if agreed.version == Version::Tls13 {
                // The answer to the last request may still be under way.
                let _ = tls.update_keys(true);
            }
        }
        tls.close_and_read_rest(BUDGET, &mut io::sink())?;
        assert!(tls.end().is_clean());
        Ok(())
    }
    for_both(|agreed, openssl, rustls| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let other = thread::spawn(move || talk(rustls, agreed, listener.accept().unwrap().0));
        talk(openssl, agreed, TcpStream::connect(addr).unwrap()).unwrap();
        other.join().unwrap().unwrap();
    });
}

#[test]
fn streams_of_tokio_send_data_update_keys_and_shut_down_in_either_way() {
    async fn talk<L: Library>(
        library: L,
        agreed: Negotiated,
        shutdown: Shutdown,
        transport: tokio::io::DuplexStream,
    ) -> io::Result<()> {
        let takeover = Takeover::new(library);
        let mut tls = TokioStream::<_, Ring>::from_takeover(takeover, transport).await?;
        for _ in 0..3 {
            let (mut reading, mut writing) = tokio::io::split(tls);
            let written = tokio::spawn(async move {
                writing.write_all(&message(10_000)).await?;
                io::Result::Ok(writing)
            });
            let mut data = [0; 10_000];
            reading.read_exact(&mut data).await?;
            assert!(data[..] == message(10_000));
            tls = reading.unsplit(written.await??);
            if agreed.version == Version::Tls13 {
                let _ = tls.update_keys(true);
            }
        }
        tls.set_shutdown(shutdown);
        tls.shutdown().await?;
        assert_eq!(tls.read_to_end(&mut Vec::new()).await?, 0);
        assert!(tls.end().is_clean());
        Ok(())
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for shutdown in [Shutdown::OneStep, Shutdown::TwoSteps { budget: BUDGET }] {
        // A pipe of 100 bytes: every flight is cut.
        for capacity in [100, 1 << 20] {
            for_both(|agreed, openssl, rustls| {
                let (ours, theirs) = tokio::io::duplex(capacity);
                runtime.block_on(async {
                    let other = tokio::spawn(talk(rustls, agreed, shutdown, theirs));
                    talk(openssl, agreed, shutdown, ours).await.unwrap();
                    other.await.unwrap().unwrap();
                });
            });
        }
    }
}
