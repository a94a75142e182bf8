//! Which addresses a connection may be made to, judged by the address itself and never by the name it was found under.
//!
//! Who may say where a request goes could otherwise have it go to services that trust this machine: its own on
//! loopback, and the metadata service that hands out the machine's credentials. A check of the name alone is no check:
//! a name may resolve to something else when it is looked up again (DNS rebinding).

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which special addresses are meant. Every address that is not special is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    pub loopback: bool,
    pub link_local: bool,
}

/// What is special about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// This machine: 127.0.0.0/8, 0.0.0.0/8 (which Linux connects to this machine), ::1 and ::.
    Loopback,
    /// Link-local, 169.254.0.0/16 and fe80::/10, where clouds have their metadata services, and those metadata
    /// services that live elsewhere.
    LinkLocal,
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Special::Loopback => "an address of this machine",
            Special::LinkLocal => "a link-local address or a cloud's metadata service",
        })
    }
}

/// AWS's instance metadata by IPv6 (AWS, "Configure the Instance Metadata Service options").
const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// Alibaba Cloud's instance metadata (Alibaba Cloud, "View instance metadata").
const ALIBABA_METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

impl Allowed {
    /// # Errors
    /// What is special about the address, where that is not allowed.
    pub fn permits(self, address: IpAddr) -> Result<(), Special> {
        match special(address) {
            Some(Special::Loopback) if !self.loopback => Err(Special::Loopback),
            Some(Special::LinkLocal) if !self.link_local => Err(Special::LinkLocal),
            _ => Ok(()),
        }
    }

    /// Judges a URL's host where it is an address, in whatever spelling. A name is judged when it is looked up.
    ///
    /// # Errors
    /// As [`Allowed::permits`].
    pub fn permits_host(self, url: &Url) -> Result<(), Special> {
        literal(url).map_or(Ok(()), |address| self.permits(address))
    }
}

/// What is special about an address, if anything.
pub fn special(address: IpAddr) -> Option<Special> {
    let address = match address {
        IpAddr::V6(address) => within(address).map_or(IpAddr::V6(address), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    };
    let (is_loopback, is_link_local) = match address {
        IpAddr::V4(address) => (
            address.is_loopback() || address.octets()[0] == 0,
            address.is_link_local() || address == ALIBABA_METADATA,
        ),
        IpAddr::V6(address) => (
            address.is_loopback() || address.is_unspecified(),
            address.is_unicast_link_local() || address == AWS_METADATA,
        ),
    };
    match (is_loopback, is_link_local) {
        (true, _) => Some(Special::Loopback),
        (_, true) => Some(Special::LinkLocal),
        _ => None,
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped (::ffff:0:0/96), compatible (::/96), behind the well-known
/// NAT64 prefix (64:ff9b::/96, RFC 6052) or 6to4 (2002::/16, RFC 3056).
fn within(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// The host of a URL where it is an address, not a name. The parser has already made one of `127.1`, `0x7f000001` and the like.
pub fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Every allowed address of a host, which is a name or an address.
///
/// # Errors
/// The host is not found; [`Refused`] where it has no address but special ones that are not allowed.
pub async fn look_up(host: &str, port: u16, allowed: Allowed) -> io::Result<Vec<SocketAddr>> {
    let mut kept = Vec::new();
    let mut refused = None;
    for address in tokio::net::lookup_host((host, port)).await? {
        match allowed.permits(address.ip()) {
            Ok(()) => kept.push(address),
            Err(special) => refused = Some(special),
        }
    }
    match refused {
        Some(special) if kept.is_empty() => Err(io::Error::other(Refused(special))),
        _ if kept.is_empty() => Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address")),
        _ => Ok(kept),
    }
}

/// All addresses of a host are special ones that are not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its address is {0}")]
pub struct Refused(pub Special);

impl Refused {
    /// The refusal that is the reason of an error.
    pub fn within<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Refused> {
        let reasons = std::iter::successors(Some(error), |error| (*error).source());
        reasons.into_iter().find_map(|reason| {
            let by_system = reason.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            by_system.and_then(|inner| inner.downcast_ref()).or_else(|| reason.downcast_ref())
        })
    }
}

/// Resolves names to allowed addresses only, so that nothing else can be connected to.
pub(super) struct Resolver(pub(super) Allowed);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0;
        Box::pin(async move {
            // Port 0 is replaced by the one that the URL asks for.
            let addresses = look_up(name.as_str(), 0, allowed).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_in_every_spelling() {
        let cases = [
            ("http://127.0.0.1/", Some(Special::Loopback)),
            ("http://127.255.255.254/", Some(Special::Loopback)),
            ("http://127.1/", Some(Special::Loopback)),
            ("http://2130706433/", Some(Special::Loopback)),
            ("http://0x7f000001/", Some(Special::Loopback)),
            ("http://0177.0.0.1/", Some(Special::Loopback)),
            ("http://127.0.0.1./", Some(Special::Loopback)),
            ("http://%31%32%37.0.0.1/", Some(Special::Loopback)),
            ("http://0.0.0.0/", Some(Special::Loopback)),
            ("http://0/", Some(Special::Loopback)),
            ("http://[::1]/", Some(Special::Loopback)),
            ("http://[::]/", Some(Special::Loopback)),
            ("http://[0:0:0:0:0:0:0:1]/", Some(Special::Loopback)),
            ("http://[::ffff:127.0.0.1]/", Some(Special::Loopback)),
            ("http://[::ffff:0.0.0.0]/", Some(Special::Loopback)),
            ("http://[::127.0.0.1]/", Some(Special::Loopback)),
            ("http://[64:ff9b::7f00:1]/", Some(Special::Loopback)),
            ("http://[2002:7f00:1::]/", Some(Special::Loopback)),
            ("http://169.254.169.254/", Some(Special::LinkLocal)),
            ("http://2852039166/", Some(Special::LinkLocal)),
            ("http://[fe80::1]/", Some(Special::LinkLocal)),
            ("http://[febf::1]/", Some(Special::LinkLocal)),
            ("http://[::ffff:169.254.169.254]/", Some(Special::LinkLocal)),
            ("http://[64:ff9b::a9fe:a9fe]/", Some(Special::LinkLocal)),
            ("http://[fd00:ec2::254]/", Some(Special::LinkLocal)),
            ("http://100.100.100.200/", Some(Special::LinkLocal)),
            ("http://192.168.0.1/", None),
            ("http://10.0.0.1/", None),
            ("http://128.0.0.1/", None),
            ("http://126.255.255.255/", None),
            ("http://[fec0::1]/", None),
            ("http://[2001:db8::1]/", None),
            ("http://[::ffff:192.0.2.1]/", None),
        ];
        for (text, expected) in cases {
            let address = literal(&Url::parse(text).unwrap()).unwrap_or_else(|| panic!("{text} is a name"));
            assert_eq!(special(address), expected, "{text}");
        }
    }

    #[test]
    fn each_kind_is_allowed_by_itself() {
        let (loopback, link_local): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [169, 254, 169, 254].into());
        let allowed = |loopback, link_local| Allowed { loopback, link_local };
        assert_eq!(allowed(false, true).permits(loopback), Err(Special::Loopback));
        assert_eq!(allowed(true, false).permits(loopback), Ok(()));
        assert_eq!(allowed(true, false).permits(link_local), Err(Special::LinkLocal));
        assert_eq!(allowed(false, true).permits(link_local), Ok(()));
        assert_eq!(Allowed::default().permits([192, 0, 2, 1].into()), Ok(()));
    }
}
