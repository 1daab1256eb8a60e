//! The certificate of the process, and the authority that signs it.

use std::sync::LazyLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// The name that the server's certificate is made out to.
pub const SERVER_NAME: &str = "localhost";

/// A server's certificate with its key (ECDSA over P-256), and its issuer's certificate. Clients
/// that authenticate themselves use it too.
#[derive(Debug)]
pub struct Identity {
    /// The certificate of the authority, which every peer trusts.
    pub authority: CertificateDer<'static>,
    /// The server's certificate, for [`SERVER_NAME`].
    pub certificate: CertificateDer<'static>,
    /// The key of the server's certificate.
    pub key: PrivatePkcs8KeyDer<'static>,
}

/// The identity that all servers of this process share; made on first use.
pub fn identity() -> &'static Identity {
    static IDENTITY: LazyLock<Identity> =
        LazyLock::new(|| generate().expect("an authority and a certificate can be made"));
    &IDENTITY
}

fn generate() -> Result<Identity, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new([SERVER_NAME.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, SERVER_NAME);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let certificate = params.signed_by(&key, &authority)?;

    Ok(Identity {
        authority: authority.der().clone(),
        certificate: certificate.der().clone(),
        key: PrivatePkcs8KeyDer::from(key.serialize_der()),
    })
}
