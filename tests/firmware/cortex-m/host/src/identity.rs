//! The certificate of the server.

use std::fs;
use std::path::{Path, PathBuf};

use host::Result;
use rcgen::{CertificateParams, KeyPair};

pub const NAME: &str = "localhost";

/// A self-signed certificate.
pub struct Identity {
    /// In DER.
    pub certificate: Vec<u8>,
    /// The files of the certificate and of its key.
    pub files: [PathBuf; 2],
}

impl Identity {
    pub fn new(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new([NAME.to_owned()])?.self_signed(&key)?;
        let files = ["certificate.der", "key.der"].map(|name| folder.join(name));
        fs::write(&files[0], certificate.der())?;
        fs::write(&files[1], key.serialize_der())?;
        Ok(Self { certificate: certificate.der().to_vec(), files })
    }
}
