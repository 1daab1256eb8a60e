//! Exporting keying material for other protocols (RFC 9846 section 7.5).

use alloc::boxed::Box;

use rustls::Tls13CipherSuite;
use rustls::crypto::tls13::OkmBlock;
use tls_record::scrub_stack;

/// Bytes of stack to overwrite after [`Exporter::export`], including the calls into rustls.
const EXPORT_STACK: usize = 8 << 10;

/// Exports keying material of a TLS 1.3 connection (RFC 9846 section 7.5).
///
/// For instance, channel bindings (RFC 9266). It holds the exporter secret, which a KeyUpdate does
/// not change. The secret is wiped on drop.
///
/// rustls cannot export keying material after the handover to the engine, nor through its
/// unbuffered API before it.
// Boxed, because moving a secret leaves copies of it in memory.
pub struct Exporter(Box<Inner>);

struct Inner {
    suite: &'static Tls13CipherSuite,
    secret: OkmBlock,
}

impl Exporter {
    pub(crate) fn new(suite: &'static Tls13CipherSuite, secret: &[u8]) -> Self {
        Self(Box::new(Inner { suite, secret: OkmBlock::new(secret) }))
    }

    /// Fills `out` with the keying material for `label` and `context`.
    ///
    /// In TLS 1.3 an empty context is the same as no context.
    ///
    /// # Errors
    /// [`ExportError`] if `label` is longer than 249 bytes, or `out` is longer than 255 times the
    /// output length of the cipher suite's hash.
    ///
    /// ```
    /// # use tls_record_alloc::{ExportError, Exporter};
    /// # fn example(exporter: &Exporter) -> Result<(), ExportError> {
    /// let mut binding = [0; 32];
    /// exporter.export(b"EXPORTER-Channel-Binding", &[], &mut binding)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), ExportError> {
        let exported = self.derive(label, context, out);
        scrub_stack(EXPORT_STACK);
        exported
    }

    /// Not inlined: [`scrub_stack`] must reach its stack frame.
    #[inline(never)]
    fn derive(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), ExportError> {
        let Inner { suite, secret } = &*self.0;
        let (hash, hkdf) = (suite.common.hash_provider, suite.hkdf_provider);
        let derived = hkdf.expander_for_okm(secret);
        let mut secret = zeroize::Zeroizing::new([0; OkmBlock::MAX_LEN]);
        let secret = secret.get_mut(..hash.output_len()).ok_or(ExportError)?;
        expand_label(&*derived, label, hash.hash(&[]).as_ref(), secret)?;
        let exporting = hkdf.expander_for_okm(&OkmBlock::new(secret));
        expand_label(&*exporting, b"exporter", hash.hash(context).as_ref(), out)
    }
}

/// HKDF-Expand-Label (RFC 9846 section 7.1).
fn expand_label(
    expander: &dyn rustls::crypto::tls13::HkdfExpander,
    label: &[u8],
    context: &[u8],
    out: &mut [u8],
) -> Result<(), ExportError> {
    const PREFIX: &[u8] = b"tls13 ";
    let length = |bytes: usize| u8::try_from(bytes).map_err(|_| ExportError);
    let out_len = u16::try_from(out.len()).map_err(|_| ExportError)?.to_be_bytes();
    let label_len = [length(PREFIX.len().saturating_add(label.len()))?];
    let context_len = [length(context.len())?];
    let info = [&out_len, &label_len[..], PREFIX, label, &context_len, context];
    expander.expand_slice(&info, out).map_err(|_| ExportError)
}

impl core::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Exporter(redacted)")
    }
}

/// The label or the requested output is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportError;

impl core::fmt::Display for ExportError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("label or output too long")
    }
}

impl core::error::Error for ExportError {}
