//! *Authorities* are the certificates that vouch for a server, as an operator gives them: in PEM.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::env::setting::Setting;

/// The certificates in the value of a setting, at least one; or how the value should be written. Each is looked at, as TLS
/// leaves out in silence what it cannot use.
pub fn parse(text: &str, setting: &Setting<String>) -> Result<Vec<CertificateDer<'static>>, String> {
    let hint = || setting.variable().form.hint();
    let found = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|_| hint())?;
    if found.is_empty() {
        return Err(hint());
    }
    for (at, certificate) in found.iter().enumerate() {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| format!("certificate {} cannot be used: {error}", at + 1))?;
    }
    Ok(found)
}
