//! Every setting, once: name, default, meaning. Flags, environment variables, the configuration file, the printed
//! table and the errors are all made from this.

/// One setting. Its name is the key in the configuration file; the flag is the same with dashes, the environment
/// variable the same in capitals after `VALETKEY_`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// The key in the configuration file.
    pub(crate) name: &'static str,
    /// What stands in the help for its value.
    pub(crate) value: &'static str,
    /// The default of `valetkey serve`, as text for people.
    pub(crate) default: &'static str,
    /// The default of `valetkey dev`, where it is another.
    pub(crate) dev_default: Option<&'static str>,
    /// A secret has no flag: the process list shows arguments to everybody on the machine.
    pub(crate) secret: bool,
    /// What it does.
    pub(crate) help: &'static str,
}

impl Setting {
    pub(crate) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    pub(crate) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_ascii_uppercase())
    }
}

/// What every environment variable of ours starts with.
pub(crate) const PREFIX: &str = "VALETKEY_";

/// The table in which the OAuth clients shared by all connections of a connector stand.
pub(crate) const SHARED_CREDENTIALS: &str = "shared_credentials";

/// Variables with our prefix that are not settings: what client commands and SDKs read, and where tests find the
/// binary.
pub(crate) const OTHER_VARIABLES: [&str; 7] =
    ["URL", "CLIENT_ID", "CLIENT_SECRET", "CA_FILE", "API_TOKEN", "BIN", "CONFIG"];

const fn setting(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { name, value, default, dev_default: None, secret: false, help }
}

const fn dev(setting: Setting, default: &'static str) -> Setting {
    Setting { dev_default: Some(default), ..setting }
}

const fn secret(setting: Setting) -> Setting {
    Setting { secret: true, ..setting }
}

/// The settings in the order in which they are shown.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("listen", "ADDRESS:PORT", "127.0.0.1:7077", "Where to listen; port 0 takes a free one."),
    dev(
        setting(
            "public_url",
            "URL",
            "required unless it listens on loopback",
            "Where browsers and callers reach the server. Redirect URIs and authorization links begin with it.",
        ),
        "https://127.0.0.1:PORT",
    ),
    dev(
        setting("tls_cert", "FILE", "none", "Certificate chain in PEM, the server's own certificate first."),
        "a generated one",
    ),
    dev(
        setting("tls_key", "FILE", "none", "Private key in PEM that belongs to tls_cert."),
        "a generated one",
    ),
    setting(
        "behind_proxy",
        "true|false",
        "false",
        "Something in front ends TLS: allows plain HTTP on other addresses than loopback. Needs an https public_url.",
    ),
    dev(setting("data_dir", "FOLDER", "valetkey-data", "Where the database is."), ".valetkey"),
    setting(
        "database_url",
        "URL",
        "sqlite://DATA_DIR/valetkey.db",
        "The database: sqlite://PATH, or postgres://USER:PASSWORD@HOST/NAME?sslmode=verify-full (not as a flag: other users of the machine see flags).",
    ),
    dev(
        secret(setting(
            "master_key",
            "KEY",
            "required, or master_key_file",
            "The key that everything stored is sealed under: 32 random bytes in base64 or hexadecimal, as \
             `openssl rand -base64 32` makes. Keep a copy elsewhere: without it the stored credentials are lost.",
        )),
        "a generated one",
    ),
    dev(
        setting("master_key_file", "FILE", "none", "A file that holds the master key."),
        "DATA_DIR/master.key",
    ),
    setting(
        "master_key_command",
        "COMMAND",
        "none",
        "A command that prints the master key, such as the client of a key management service. Run once at start, without a shell.",
    ),
    secret(setting(
        "previous_master_key",
        "KEY",
        "none",
        "The master key until now, while it is being replaced: the first start with both wraps the keyring under the new one.",
    )),
    setting("previous_master_key_file", "FILE", "none", "A file that holds the master key until now."),
    setting(
        "bootstrap_client_id",
        "ID",
        "none",
        "An API client that exists from the first start on, to make others with.",
    ),
    secret(setting("bootstrap_client_secret", "SECRET", "none", "Its secret, at least 16 characters.")),
    dev(
        setting(
            "allow_private_upstreams",
            "true|false",
            "false",
            "Lets connections point at loopback and private addresses, over plain http too.",
        ),
        "true",
    ),
    setting(
        "allowed_upstreams",
        "ADDRESS:PORT,…",
        "none",
        "Single loopback or private addresses that connections may point at, each with its port.",
    ),
    setting(
        "upstream_ca_file",
        "FILE",
        "none",
        "Certificates in PEM to trust at providers, beside the system's.",
    ),
    setting("https_proxy", "URL", "none", "An HTTP proxy through which calls to providers are tunnelled."),
    setting(
        "no_proxy",
        "HOST,…",
        "none",
        "What is called without https_proxy: hosts with all below them, .suffixes for those below alone, addresses, ranges such as 10.0.0.0/8, each but a range perhaps with a port; * for everything.",
    ),
    setting(
        "connectors_dir",
        "FOLDER",
        "none",
        "Further connector files (*.yaml), beside the built-in ones.",
    ),
    setting("app_name", "NAME", "none", "Who asks, as end users read it on the hosted pages."),
    setting(
        "sso_issuer",
        "URL",
        "none",
        "Single sign-on for the dashboard: the issuer of an OpenID Connect provider, exactly as it writes it.",
    ),
    setting("sso_client_id", "ID", "none", "The client id that the provider gave this server."),
    secret(setting("sso_client_secret", "SECRET", "none", "The client secret that belongs to it.")),
    setting("sso_client_secret_file", "FILE", "none", "A file that holds the client secret."),
    setting("sso_scopes", "SCOPE,…", "profile,email", "What is asked for beside openid."),
    setting(
        "sso_domains",
        "DOMAIN,…",
        "all",
        "The domains whose verified e-mail addresses may sign in for the first time.",
    ),
    setting(
        "sso_admit_domains",
        "true|false",
        "false",
        "Makes a user of everybody with an address of sso_domains; otherwise an owner adds people before.",
    ),
    setting("sso_default_role", "owner|operator|viewer", "viewer", "What those users may do."),
    setting("sso_role_claim", "CLAIM", "none", "The claim that holds a person's groups, such as groups."),
    setting(
        "sso_roles",
        "GROUP=ROLE,…",
        "none",
        "What the members of a group may do; looked at with every sign-in, and it makes users of them.",
    ),
    setting(
        "sso_trust_email",
        "true|false",
        "false",
        "Takes addresses as verified that the provider does not mark so: where only administrators give them out.",
    ),
    setting(
        "sso_require",
        "true|false",
        "false",
        "Switches passwords off. The setup link of a server without users still works.",
    ),
    setting(
        "sso_session_s",
        "SECONDS",
        "3600",
        "How long a session goes on that began at the provider, before it is asked again: who is disabled there is out by then.",
    ),
    setting("sso_label", "TEXT", "Continue with single sign-on", "What stands on the button."),
    dev(
        setting(
            "sso_allow_private",
            "true|false",
            "false",
            "Lets the provider be on a loopback or private address, over plain http too.",
        ),
        "true",
    ),
    setting("link_ttl_s", "SECONDS", "86400", "How long an authorization link works."),
    setting("call_deadline_s", "SECONDS", "30", "The deadline of one call to a provider."),
    setting(
        "refresh_deadline_s",
        "SECONDS",
        "120",
        "How long a provider may take to answer a renewal. Callers do not wait that long; the answer is kept for them.",
    ),
    setting(
        "refreshes_per_provider",
        "COUNT",
        "50",
        "How many credentials of one provider the background renews at the same time.",
    ),
    setting(
        "role",
        "all|api|worker",
        "all",
        "What this process does: everything, only requests, or only the background work. Several may share one PostgreSQL database.",
    ),
    setting("keep_events_days", "DAYS", "90", "How long the history of accounts and connections is kept."),
    setting("keep_executions_days", "DAYS", "30", "How long executions are kept."),
    setting(
        "keep_answers_s",
        "SECONDS",
        "86400",
        "How long the answers of calls with an idempotency key or mode async are kept, sealed.",
    ),
    setting("max_kept_answer_bytes", "BYTES", "1048576", "The largest answer that is kept."),
    setting("async_at_once", "COUNT", "64", "How many calls with mode async run at the same time."),
    setting("async_waiting", "COUNT", "1000", "How many of them wait for their turn at most."),
    setting(
        "calls_per_connection",
        "COUNT",
        "100",
        "How many tool calls through one connection run at the same time.",
    ),
    setting(
        "calls_waiting",
        "COUNT",
        "1000",
        "How many more wait for their turn, for each connection, at most.",
    ),
    setting(
        "call_attempts",
        "COUNT",
        "3",
        "How often a tool call is made at most that does no harm when repeated and fails in passing.",
    ),
    setting("read_cache_bytes", "BYTES", "33554432", "How much memory answers of cacheable tools may take."),
    setting(
        "api_rate_per_key",
        "COUNT",
        "10000",
        "How many calls of the API a second one API token, or one API client with its access tokens, may make; ten seconds' worth may come at once, 0 is no limit.",
    ),
    setting(
        "api_rate_per_environment",
        "COUNT",
        "20000",
        "The same for all keys of an environment together.",
    ),
    setting("max_body_bytes", "BYTES", "4194304", "The largest request body, but for proxied calls."),
    setting("max_response_bytes", "BYTES", "8388608", "The largest answer of a provider to a tool call."),
    dev(
        setting(
            "drain_timeout_s",
            "SECONDS",
            "25",
            "How long requests in flight may take to end at shutdown.",
        ),
        "3",
    ),
    dev(setting("log_format", "json|text", "json", "How log lines are written (to stderr)."), "text"),
    setting("log_level", "LEVEL", "info", "off, error, warn, info, debug or trace."),
];

pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn settings_all_have_a_name_of_their_own_and_a_sentence() {
        let names: HashSet<_> = SETTINGS.iter().map(|s| s.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        for setting in SETTINGS {
            assert!(setting.help.ends_with('.'), "{}", setting.name);
            assert!(!OTHER_VARIABLES.contains(&setting.name.to_ascii_uppercase().as_str()));
        }
    }
}
