//! Which addresses may be dialled.
//!
//! Only global unicast is open by itself. The tables follow the IANA special-purpose registries for IPv4 and IPv6
//! (RFC 6890 and what came after); for IPv6 everything outside `2000::/3` is closed, known or not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What kind of address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Global unicast.
    Public,
    /// This machine.
    Loopback,
    /// RFC 1918, or unique local (RFC 4193).
    Private,
    /// Any other special range: link-local, shared, multicast, translation, documentation, reserved, …
    Special,
}

/// `(network, prefix length)` of every special IPv4 range that is neither private nor loopback.
const SPECIAL_V4: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // this network
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // shared address space (RFC 6598)
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local: the clouds' metadata services
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // IETF protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24), // AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24), // AMT
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relay anycast
    (Ipv4Addr::new(192, 175, 48, 0), 24), // AS112
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // reserved, broadcast
];

/// The special ranges inside `2000::/3`.
const SPECIAL_V6: &[(Ipv6Addr, u32)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // IETF protocol assignments, Teredo, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48), // AS112
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

fn in_v4(ip: Ipv4Addr, (network, length): (Ipv4Addr, u32)) -> bool {
    (ip.to_bits() ^ network.to_bits()).leading_zeros() >= length
}

fn in_v6(ip: Ipv6Addr, (network, length): (Ipv6Addr, u32)) -> bool {
    (ip.to_bits() ^ network.to_bits()).leading_zeros() >= length
}

/// Sorts an address. A mapped IPv6 address (`::ffff:a.b.c.d`) is dialled over IPv4 and counts as what it maps.
pub(super) fn class(ip: IpAddr) -> Class {
    match ip.to_canonical() {
        IpAddr::V4(ip) if ip.is_loopback() => Class::Loopback,
        IpAddr::V4(ip) if ip.is_private() => Class::Private,
        IpAddr::V4(ip) if SPECIAL_V4.iter().any(|range| in_v4(ip, *range)) => Class::Special,
        IpAddr::V4(_) => Class::Public,
        IpAddr::V6(ip) if ip.is_loopback() => Class::Loopback,
        IpAddr::V6(ip) if ip.is_unique_local() => Class::Private,
        IpAddr::V6(ip) => {
            let global_unicast = ip.segments()[0] >> 13 == 1;
            if !global_unicast || SPECIAL_V6.iter().any(|range| in_v6(ip, *range)) {
                Class::Special
            } else {
                Class::Public
            }
        }
    }
}

/// What the operator has opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Policy {
    /// Private and loopback addresses, at every port.
    pub allow_private: bool,
    /// Single addresses, each at one port.
    pub allow: Vec<SocketAddr>,
}

/// Why an address may or may not be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Global unicast: with TLS only.
    Public,
    /// Special, but opened by the operator: in plain text too.
    Opened,
    /// Closed.
    Closed,
}

impl Policy {
    /// Whether `ip` may be dialled at `port`.
    pub(super) fn verdict(&self, ip: IpAddr, port: u16) -> Verdict {
        let ip = ip.to_canonical();
        let listed = || self.allow.iter().any(|a| a.port() == port && a.ip().to_canonical() == ip);
        match class(ip) {
            Class::Public => Verdict::Public,
            Class::Private | Class::Loopback if self.allow_private => Verdict::Opened,
            _ if listed() => Verdict::Opened,
            _ => Verdict::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class_of(text: &str) -> Class {
        class(text.parse().unwrap())
    }

    #[test]
    fn address_outside_special_ranges_is_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "2001:200::1",
            "2003::1",
            "3ffe:ffff::1",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(class_of(text), Class::Public, "{text}");
        }
    }

    /// S48: both ends of every range of the registries.
    #[test]
    fn address_in_special_range_is_never_public() {
        for (text, expected) in [
            ("0.0.0.0", Class::Special),
            ("0.255.255.255", Class::Special),
            ("10.0.0.0", Class::Private),
            ("10.255.255.255", Class::Private),
            ("100.64.0.0", Class::Special),
            ("100.127.255.255", Class::Special),
            ("127.0.0.1", Class::Loopback),
            ("127.255.255.255", Class::Loopback),
            ("169.254.0.0", Class::Special),
            ("169.254.169.254", Class::Special),
            ("172.16.0.0", Class::Private),
            ("172.31.255.255", Class::Private),
            ("192.0.0.0", Class::Special),
            ("192.0.0.255", Class::Special),
            ("192.0.2.1", Class::Special),
            ("192.31.196.1", Class::Special),
            ("192.52.193.1", Class::Special),
            ("192.88.99.1", Class::Special),
            ("192.168.0.0", Class::Private),
            ("192.168.255.255", Class::Private),
            ("192.175.48.1", Class::Special),
            ("198.18.0.0", Class::Special),
            ("198.19.255.255", Class::Special),
            ("198.51.100.1", Class::Special),
            ("203.0.113.1", Class::Special),
            ("224.0.0.1", Class::Special),
            ("239.255.255.255", Class::Special),
            ("240.0.0.0", Class::Special),
            ("255.255.255.255", Class::Special),
            ("::", Class::Special),
            ("::1", Class::Loopback),
            ("::127.0.0.1", Class::Special),
            ("::ffff:127.0.0.1", Class::Loopback),
            ("::ffff:10.0.0.1", Class::Private),
            ("::ffff:169.254.169.254", Class::Special),
            ("::ffff:0:127.0.0.1", Class::Special),
            ("64:ff9b::7f00:1", Class::Special),
            ("64:ff9b::8.8.8.8", Class::Special),
            ("64:ff9b:1::1", Class::Special),
            ("100::1", Class::Special),
            ("100:0:0:1::1", Class::Special),
            ("2001::1", Class::Special),
            ("2001:2::1", Class::Special),
            ("2001:10::1", Class::Special),
            ("2001:1ff:ffff::1", Class::Special),
            ("2001:db8::1", Class::Special),
            ("2002::1", Class::Special),
            ("2002:7f00:1::", Class::Special),
            ("2620:4f:8000::1", Class::Special),
            ("3fff::1", Class::Special),
            ("3fff:fff::1", Class::Special),
            ("4000::1", Class::Special),
            ("5f00::1", Class::Special),
            ("fc00::1", Class::Private),
            ("fdff::1", Class::Private),
            ("fe80::1", Class::Special),
            ("febf::1", Class::Special),
            ("fec0::1", Class::Special),
            ("ff02::1", Class::Special),
        ] {
            assert_eq!(class_of(text), expected, "{text}");
        }
    }

    /// S52: an entry opens one address at one port.
    #[test]
    fn policy_entry_opens_only_its_port() {
        let policy = Policy { allow_private: false, allow: vec!["127.0.0.1:8080".parse().unwrap()] };
        assert_eq!(policy.verdict("127.0.0.1".parse().unwrap(), 8080), Verdict::Opened);
        assert_eq!(policy.verdict("::ffff:127.0.0.1".parse().unwrap(), 8080), Verdict::Opened);
        assert_eq!(policy.verdict("127.0.0.1".parse().unwrap(), 8081), Verdict::Closed);
        assert_eq!(policy.verdict("127.0.0.2".parse().unwrap(), 8080), Verdict::Closed);
        assert_eq!(policy.verdict("9.9.9.9".parse().unwrap(), 443), Verdict::Public);
    }

    #[test]
    fn policy_private_allowed_leaves_link_local_closed() {
        let policy = Policy { allow_private: true, allow: Vec::new() };
        for text in ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "fc00::1"] {
            assert_eq!(policy.verdict(text.parse().unwrap(), 80), Verdict::Opened, "{text}");
        }
        for text in ["169.254.169.254", "fe80::1", "100.64.0.1", "0.0.0.0", "::", "224.0.0.1"] {
            assert_eq!(policy.verdict(text.parse().unwrap(), 80), Verdict::Closed, "{text}");
        }
    }
}
