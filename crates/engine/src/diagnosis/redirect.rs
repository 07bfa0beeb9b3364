//! Redirect URIs that do not agree, with the difference named.

use url::{Host, Url};
use valetkey_domain::{
    ErrorCode, Evidence, Finding,
    catalogue::RemedyAction,
    diagnosis::{Confidence, EvidenceKind},
};

use super::{case::Case, said::Said};

/// In what two redirect URIs differ. Providers compare them byte for byte (RFC 9700 §4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Difference {
    /// The same address written in another way: percent-encoding, an explicit default port.
    Encoding,
    /// A slash at the end.
    TrailingSlash,
    /// Upper and lower case.
    Case,
    /// `http` and `https`.
    Scheme,
    /// The port.
    Port,
    /// The subdomain: both are below one domain.
    Subdomain,
    /// The host.
    Host,
    /// The query.
    Query,
    /// The path.
    Path,
}

impl Difference {
    /// The difference in words.
    fn words(self) -> &'static str {
        match self {
            Self::Encoding => "the encoding of characters",
            Self::TrailingSlash => "a slash at the end",
            Self::Case => "upper and lower case",
            Self::Scheme => "http instead of https, or the other way round",
            Self::Port => "the port",
            Self::Subdomain => "the subdomain",
            Self::Host => "the host",
            Self::Query => "the query",
            Self::Path => "the path",
        }
    }
}

/// In what `theirs` differs from `ours`; empty if they are the same, byte for byte.
pub(super) fn differences(ours: &str, theirs: &str) -> Vec<Difference> {
    if ours == theirs {
        return Vec::new();
    }
    let (Ok(a), Ok(b)) = (Url::parse(ours), Url::parse(theirs)) else { return vec![Difference::Encoding] };
    let mut found = Vec::new();
    if a.scheme() != b.scheme() {
        found.push(Difference::Scheme);
    }
    // The default ports follow the scheme.
    if a.port() != b.port() {
        found.push(Difference::Port);
    }
    if a.host() != b.host() {
        found.push(if is_near(&a, &b) { Difference::Subdomain } else { Difference::Host });
    }
    found.extend(of_paths(a.path(), b.path()));
    if a.query() != b.query() {
        found.push(Difference::Query);
    }
    if found.is_empty() {
        // The same address for a parser, and not the same text: case of the host, a default port, encoding.
        let same_but_case = ours.eq_ignore_ascii_case(theirs);
        found.push(if same_but_case { Difference::Case } else { Difference::Encoding });
    }
    found
}

fn of_paths(ours: &str, theirs: &str) -> Option<Difference> {
    if ours == theirs {
        return None;
    }
    let trimmed = |path: &str| path.trim_end_matches('/').to_owned();
    let decoded = |path: &str| percent_decoded(&trimmed(path));
    Some(if trimmed(ours) == trimmed(theirs) {
        Difference::TrailingSlash
    } else if decoded(ours) == decoded(theirs) {
        Difference::Encoding
    } else if decoded(ours).eq_ignore_ascii_case(&decoded(theirs)) {
        Difference::Case
    } else {
        Difference::Path
    })
}

/// Bytes of a path without its percent-encoding. What is not well-formed stays as it is.
fn percent_decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| path.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether two hosts are below one domain: one is the other with something before it, or their last two labels agree.
fn is_near(a: &Url, b: &Url) -> bool {
    let (Some(Host::Domain(a)), Some(Host::Domain(b))) = (a.host(), b.host()) else { return false };
    let last_two = |host: &str| {
        let labels: Vec<&str> = host.rsplit('.').take(2).map(str::trim).collect();
        (labels.len() == 2).then(|| labels.join("."))
    };
    a.ends_with(&format!(".{b}"))
        || b.ends_with(&format!(".{a}"))
        || (last_two(a).is_some() && last_two(a) == last_two(b))
}

/// The URLs in a provider's text, without ours.
fn reported(text: &str, ours: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("http") {
        let end = rest[at..]
            .find(|c: char| c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>' | ')' | ',' | ';' | '`'))
            .map_or(rest.len(), |length| at + length);
        let url = rest[at..end].trim_end_matches(['.', ':']);
        // Help pages of the provider are no redirect URIs of ours.
        if url != ours && Url::parse(url).is_ok_and(|url| url.has_host()) && url.contains("/oauth/callback") {
            found.push(url.to_owned());
        }
        rest = &rest[end.max(at + 4).min(rest.len())..];
    }
    found
}

/// The registered URI that is nearest to ours, with the differences.
fn nearest(ours: &str, registered: &[String]) -> Option<(String, Vec<Difference>)> {
    let compared = registered.iter().map(|theirs| (theirs.clone(), differences(ours, theirs)));
    compared.min_by_key(|(_, found)| (found.len(), found.iter().map(|d| *d as u8).max().unwrap_or(0)))
}

/// The differences as a list for people.
fn listed(differences: &[Difference]) -> String {
    let words: Vec<&str> = differences.iter().map(|difference| difference.words()).collect();
    words.join(", ")
}

impl Case<'_> {
    /// The finding about a redirect URI that the provider does not know, with the difference if anything registered is
    /// known: what the caller says is registered, or what the provider names.
    pub(super) fn redirect_mismatch(&self, said: &Said) -> Finding {
        let named = reported(said.message.as_deref().unwrap_or_default(), &self.redirect_uri);
        let source = if self.registered.is_empty() { "the provider names" } else { "is registered" };
        let known = if self.registered.is_empty() { &named } else { &self.registered };
        redirect_finding(self, known, source)
    }

    /// What is wrong with the registered redirect URIs that the caller gave, before anybody has failed over it.
    pub(super) fn unregistered(&self) -> Option<Finding> {
        if self.registered.is_empty() || self.registered.contains(&self.redirect_uri) {
            return None;
        }
        Some(redirect_finding(self, &self.registered, "is registered"))
    }
}

fn redirect_finding(case: &Case<'_>, known: &[String], source: &str) -> Finding {
    redirect_finding_of(&case.redirect_uri, known, source, case.provider())
}

/// The finding itself, for connections without an account too.
pub(super) fn redirect_finding_of(ours: &str, known: &[String], source: &str, provider: &str) -> Finding {
    let finding = Finding::new(ErrorCode::RedirectUriMismatch).evidence(Evidence::new(
        EvidenceKind::Connection,
        format!("The connection's redirect URI is {ours}"),
    ));
    let register = |finding: Finding| {
        finding.remedy(
            RemedyAction::RegisterRedirectUri,
            format!("Register exactly this redirect URI at {provider}, copied and not typed: {ours}"),
        )
    };
    match nearest(ours, known) {
        Some((theirs, found)) if !found.is_empty() => register(
            finding
                .message(format!("{provider} does not know our redirect URI: what {source} differs in {}.", listed(&found)))
                .cause(format!("Ours is {ours}; {source}: {theirs}. Providers compare them character by character."))
                .evidence(Evidence::new(
                    EvidenceKind::Provider,
                    format!("{source}: {theirs}; differs in {}", listed(&found)),
                )),
        ),
        Some(_) => finding
            .confidence(Confidence::Possible)
            .message(format!("{provider} refused our redirect URI, although it {source}."))
            .cause("It is registered at another OAuth client than the connection's, or was registered a moment ago.")
            .remedy(
                RemedyAction::ConfigureConnection,
                format!("Check that the connection's client id is of the app at which {ours} is registered; changes take some minutes."),
            ),
        None => register(
            finding
                .message(format!("{provider} does not know our redirect URI {ours}."))
                .cause("It is not registered, or is registered in another spelling: trailing slash, http or https, port, host, path, upper and lower case."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://connect.example.com/oauth/callback/conn_1";

    #[test]
    fn differences_are_named_one_by_one() {
        use Difference as D;
        for (theirs, expected) in [
            (OURS, vec![]),
            ("https://connect.example.com/oauth/callback/conn_1/", vec![D::TrailingSlash]),
            ("http://connect.example.com/oauth/callback/conn_1", vec![D::Scheme]),
            ("https://connect.example.com:8443/oauth/callback/conn_1", vec![D::Port]),
            ("https://connect.example.com:443/oauth/callback/conn_1", vec![D::Encoding]),
            ("https://www.example.com/oauth/callback/conn_1", vec![D::Subdomain]),
            ("https://example.com/oauth/callback/conn_1", vec![D::Subdomain]),
            ("https://connect.example.org/oauth/callback/conn_1", vec![D::Host]),
            ("https://connect.example.com/oauth/callback", vec![D::Path]),
            ("https://connect.example.com/OAuth/Callback/conn_1", vec![D::Case]),
            ("https://Connect.Example.com/oauth/callback/conn_1", vec![D::Case]),
            ("https://connect.example.com/oauth/callback/conn%5F1", vec![D::Encoding]),
            ("https://connect.example.com/oauth/callback/conn_1?x=1", vec![D::Query]),
            ("http://localhost:3000/callback/", vec![D::Scheme, D::Port, D::Host, D::Path]),
            ("connect.example.com/oauth", vec![D::Encoding]),
        ] {
            assert_eq!(differences(OURS, theirs), expected, "{theirs}");
        }
    }

    #[test]
    fn nearest_is_the_one_with_the_least_differences() {
        let registered = ["http://localhost/x".to_owned(), format!("{OURS}/"), OURS.replace("https", "http")];
        let (theirs, found) = nearest(OURS, &registered).unwrap();
        assert_eq!((theirs, found), (format!("{OURS}/"), vec![Difference::TrailingSlash]));
        assert!(nearest(OURS, &[]).is_none());
    }

    #[test]
    fn reported_uris_are_read_from_the_providers_words() {
        let text = format!(
            "AADSTS50011: The redirect URI '{OURS}' does not match 'http://connect.example.com/oauth/callback/conn_1'. See https://aka.ms/redirectUriMismatchError for details."
        );
        assert_eq!(reported(&text, OURS), ["http://connect.example.com/oauth/callback/conn_1"]);
        assert_eq!(reported("no address httpx", OURS), Vec::<String>::new());
    }

    #[test]
    fn finding_without_anything_known_gives_the_exact_uri() {
        let finding = redirect_finding_of(OURS, &[], "is registered", "Acme");
        assert!(finding.remedies[0].text.ends_with(OURS), "{}", finding.remedies[0].text);
        assert_eq!(finding.remedies[0].action, RemedyAction::RegisterRedirectUri);
    }
}
