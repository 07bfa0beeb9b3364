//! Which hosts are reached beside the egress proxy.
//!
//! The rules are those of Go's `net/http`, which are curl's but for a dot in front: an entry is matched against the host
//! as the URL names it. No name is looked up for it: a range of addresses says something about URLs with an address.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use url::Host;

/// One entry of `no_proxy`: hosts that are called directly.
///
/// `example.com` is that host and all below it, `.example.com` and `*.example.com` only those below it, `10.0.0.5` and
/// `fd00::5` an address, `10.0.0.0/8` a range of them, `*` every host. All but a range and `*` may have a port:
/// `example.com:8443`, `[fd00::5]:8443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direct {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    Range(IpNet),
    Below {
        /// In lower case, without a dot at either end.
        name: String,
        /// The host of this name too.
        itself: bool,
    },
}

/// An entry that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no host name, domain suffix, address or range of addresses")]
pub struct NotDirect;

impl FromStr for Direct {
    type Err = NotDirect;

    fn from_str(text: &str) -> Result<Self, NotDirect> {
        let whole = |hosts| Ok(Self { hosts, port: None });
        if text == "*" {
            return whole(Hosts::All);
        }
        if text.contains('/') {
            return whole(Hosts::Range(text.parse().map_err(|_| NotDirect)?));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return whole(Hosts::Range(address.to_canonical().into()));
        }
        let (name, port) = match text.rsplit_once(':').filter(|_| !text.ends_with(']')) {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| NotDirect)?)),
            None => (text, None),
        };
        let below = name.strip_prefix("*.").or_else(|| name.strip_prefix('.'));
        let hosts = match (Host::parse(below.unwrap_or(name)), below) {
            (Ok(Host::Ipv4(address)), None) => Hosts::Range(IpAddr::from(address).into()),
            (Ok(Host::Ipv6(address)), None) => Hosts::Range(IpAddr::from(address).to_canonical().into()),
            (Ok(Host::Domain(name)), _) => {
                let name = name.trim_end_matches('.');
                let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
                    return Err(NotDirect);
                }
                Hosts::Below { name: name.to_owned(), itself: below.is_none() }
            }
            _ => return Err(NotDirect),
        };
        Ok(Self { hosts, port })
    }
}

impl fmt::Display for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hosts {
            Hosts::All => f.write_str("*")?,
            Hosts::Range(range) if range.prefix_len() < range.max_prefix_len() => write!(f, "{range}")?,
            Hosts::Range(IpNet::V6(range)) if self.port.is_some() => write!(f, "[{}]", range.addr())?,
            Hosts::Range(range) => write!(f, "{}", range.addr())?,
            Hosts::Below { name, itself } => write!(f, "{}{name}", if *itself { "" } else { "." })?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl Direct {
    /// Whether `host` is one of them. `literal` are the addresses that it is by itself, without being looked up.
    pub(super) fn covers(&self, host: &str, literal: Option<&[IpAddr]>, port: u16) -> bool {
        if self.port.is_some_and(|only| only != port) {
            return false;
        }
        match &self.hosts {
            Hosts::All => true,
            Hosts::Range(range) => {
                literal.unwrap_or_default().iter().any(|ip| range.contains(&ip.to_canonical()))
            }
            Hosts::Below { name, itself } => {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                match host.strip_suffix(name.as_str()) {
                    Some("") => *itself,
                    Some(rest) => rest.ends_with('.'),
                    None => false,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(entry: &str, host: &str, port: u16) -> bool {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|ip| vec![ip]);
        entry.parse::<Direct>().unwrap().covers(host, address.as_deref(), port)
    }

    #[test]
    fn entry_covers_what_go_and_curl_say() {
        for (entry, yes, no) in [
            ("*", &["a.example", "10.0.0.1"][..], &[][..]),
            (
                "example.com",
                &["example.com", "EXAMPLE.com", "example.com.", "a.b.example.com"],
                &["badexample.com"],
            ),
            (".example.com", &["a.example.com"], &["example.com", "badexample.com"]),
            ("*.example.com", &["a.example.com"], &["example.com", "com"]),
            ("10.0.0.5", &["10.0.0.5", "[::ffff:10.0.0.5]"], &["10.0.0.50", "10.0.0.5.example"]),
            ("10.0.0.0/8", &["10.255.0.1"], &["11.0.0.1", "intranet.example"]),
            ("fd00::/8", &["[fd00::1]"], &["[fe80::1]", "10.0.0.1"]),
            ("[fd00::5]", &["[fd00::5]"], &["[fd00::6]"]),
            ("bücher.example", &["xn--bcher-kva.example"], &["bucher.example"]),
        ] {
            assert!(yes.iter().all(|host| covers(entry, host, 443)), "{entry}");
            assert!(!no.iter().any(|host| covers(entry, host, 443)), "{entry}");
        }
    }

    #[test]
    fn entry_with_a_port_covers_that_port_alone() {
        for (entry, host) in
            [("a.example:8443", "a.example"), ("10.0.0.5:8443", "10.0.0.5"), ("[fd00::5]:8443", "[fd00::5]")]
        {
            assert!(covers(entry, host, 8443), "{entry}");
            assert!(!covers(entry, host, 443), "{entry}");
        }
    }

    #[test]
    fn entry_shown_reads_back_as_the_same() {
        for text in
            ["*", "a.example", ".a.example:1", "10.0.0.5", "10.0.0.5:8", "fd00::5", "[fd00::5]:8", "fd00::/8"]
        {
            let entry: Direct = text.parse().unwrap();
            assert_eq!(entry.to_string(), text);
            assert_eq!(entry.to_string().parse::<Direct>().unwrap(), entry);
        }
    }

    #[test]
    fn entry_that_means_nothing_is_refused() {
        for text in [
            "",
            ".",
            "*.",
            "a b",
            "http://a.example",
            "a.example:",
            "a.example:http",
            "10.0.0.0/33",
            "a/8",
            "*a.example",
            "..a",
        ] {
            assert_eq!(text.parse::<Direct>(), Err(NotDirect), "{text}");
        }
    }
}
