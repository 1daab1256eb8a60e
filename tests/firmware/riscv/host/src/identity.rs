//! Certificates: an authority that the firmware trusts, and servers that it must accept or refuse.

use std::fs;
use std::path::{Path, PathBuf};

use host::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

/// A certificate authority, made for each run.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The file of its certificate, in DER.
    pub certificate: PathBuf,
}

/// Files in DER, as `openssl s_server` takes them.
pub struct Server {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    /// Its files and those of its servers are in `folder`.
    pub fn new(folder: &Path, name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let certificate = folder.join(name).with_extension("der");
        fs::write(&certificate, params.self_signed(&key)?.der())?;
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Makes a server of this name, whose certificate is valid in 2026 or in another year.
    pub fn server(&self, name: &str, year: i32) -> Result<Server> {
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.not_before = date_time_ymd(year, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate()?;
        let stem = format!("{name}-{year}");
        let file = |what| self.certificate.with_extension(format!("{stem}-{what}.der"));
        let server = Server { certificate: file("cert"), key: file("key") };
        fs::write(&server.certificate, params.signed_by(&key, &self.issuer)?.der())?;
        fs::write(&server.key, key.serialize_der())?;
        Ok(server)
    }
}
