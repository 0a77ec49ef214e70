//! Addresses that nothing is sent to, so that nobody makes the suite call what listens for this
//! machine or its neighbours alone (CWE-918).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where webhooks may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Also to this machine and its link: for development.
    pub allow_local: bool,
    /// Also without TLS: for development.
    pub allow_plaintext: bool,
}

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No address of a machine: unspecified, multicast, broadcast.
    Nobody,
    /// This machine.
    Loopback,
    /// Its link, where routers and the metadata of clouds answer.
    LinkLocal,
    /// Metadata of clouds at addresses that are not of the link.
    Metadata,
}

/// Of Alibaba Cloud and Tencent Cloud, of AWS over IPv6.
const METADATA: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Why nothing is sent there; `None` where it may be.
pub fn refused(address: IpAddr, limits: Limits) -> Option<Refused> {
    let why = kind(address)?;
    let is_local = why != Refused::Nobody;
    (!(limits.allow_local && is_local)).then_some(why)
}

fn kind(address: IpAddr) -> Option<Refused> {
    if METADATA.contains(&address) {
        return Some(Refused::Metadata);
    }
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => match within(address) {
            Some(v4) => kind(IpAddr::V4(v4)),
            None => kind_of_v6(address),
        },
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Option<Refused> {
    let [first, ..] = address.octets();
    match first {
        // RFC 1122 §3.2.1.3: this network.
        0 => Some(Refused::Nobody),
        127 => Some(Refused::Loopback),
        _ if address.is_link_local() => Some(Refused::LinkLocal),
        // Multicast, reserved, broadcast.
        224.. => Some(Refused::Nobody),
        _ => None,
    }
}

fn kind_of_v6(address: Ipv6Addr) -> Option<Refused> {
    match address.segments() {
        _ if address.is_unspecified() || address.is_multicast() => Some(Refused::Nobody),
        _ if address.is_loopback() => Some(Refused::Loopback),
        // fe80::/10, and fec0::/10 of before RFC 3879.
        [first, ..] if first & 0xff80 == 0xfe80 => Some(Refused::LinkLocal),
        _ => None,
    }
}

/// The IPv4 address that an IPv6 one leads to: mapped (RFC 4291 §2.5.5), by NAT64 (RFC 6052) or
/// by 6to4 (RFC 3056).
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let [one, two] = high.to_be_bytes();
        let [three, four] = low.to_be_bytes();
        Ipv4Addr::new(one, two, three, four)
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(v4(g, h)),
        // Compatible (deprecated), but for :: and ::1.
        [0, 0, 0, 0, 0, 0] if (g, h) > (0, 1) => Some(v4(g, h)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}
