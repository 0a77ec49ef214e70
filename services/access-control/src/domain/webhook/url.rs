//! Addresses of receivers, as far as they can be judged before their names are resolved.

use std::net::IpAddr;

use http::Uri;
use kefu_service::error::Violation;

use super::address::{Limits, refused};

/// Most characters of one.
pub const MOST_URL: usize = 500;

/// The address, where something may be sent to it.
///
/// # Errors
/// What is wrong with it.
pub fn check(text: &str, limits: Limits) -> Result<Uri, Violation> {
    if text.is_empty() {
        return Err(Violation::Required);
    }
    if text.chars().count() > MOST_URL {
        return Err(Violation::TooLong(MOST_URL));
    }
    let uri: Uri = text.parse().map_err(|_| Violation::Format)?;
    let is_secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => limits.allow_plaintext,
        _ => false,
    };
    let authority = uri.authority().ok_or(Violation::Format)?;
    // `Authority::port` takes one that is none for absent.
    let whole = authority.as_str();
    let port = whole.rsplit_once('@').map_or(whole, |(_, rest)| rest);
    let has_port = match port.strip_prefix(authority.host()) {
        Some("") => true,
        Some(port) => port
            .strip_prefix(':')
            .is_some_and(|port| port.parse().is_ok_and(|port: u16| port > 0)),
        None => false,
    };
    // A fragment is not sent, and whoever writes one means something by it.
    let is_whole = !text.contains('#') && !whole.contains('@');
    if !is_secure || !has_port || !is_whole || authority.host().is_empty() {
        return Err(Violation::Format);
    }
    let host = host(&uri);
    let is_local = match literal(&uri) {
        Some(address) => refused(address, limits).is_some(),
        None => {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            !limits.allow_local && (name == "localhost" || name.ends_with(".localhost"))
        }
    };
    if is_local {
        return Err(Violation::NotApplicable);
    }
    Ok(uri)
}

/// The host without the brackets of an IPv6 address.
pub fn host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_matches(['[', ']'])
}

/// The address, where the host is one and no name.
pub fn literal(uri: &Uri) -> Option<IpAddr> {
    host(uri).parse().ok()
}
