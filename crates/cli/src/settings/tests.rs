use std::{ffi::OsString, path::Path};

use pretty_assertions::assert_eq;
use valetkey_domain::ExposeSecret;

use super::*;

const KEY: &str = "0qdIiLh+9+zB2GK9S2OSsnQ7QgOgmPHSPRs1rFjLmlU=";

/// The settings that a set of sources gives: a configuration file, variables without their prefix, flags.
struct Sources {
    file: Option<tempfile::NamedTempFile>,
    variables: Vec<(String, String)>,
    flags: Flags,
}

impl Sources {
    /// What `serve` needs at least.
    fn good() -> Self {
        Self::of(&[("MASTER_KEY", KEY)])
    }

    fn of(variables: &[(&str, &str)]) -> Self {
        let variables =
            variables.iter().map(|(name, value)| (format!("VALETKEY_{name}"), (*value).to_owned()));
        Self { file: None, variables: variables.collect(), flags: Flags::default() }
    }

    fn and(mut self, name: &str, value: &str) -> Self {
        self.variables.push((format!("VALETKEY_{name}"), value.to_owned()));
        self
    }

    fn flag(mut self, name: &'static str, value: &str) -> Self {
        self.flags.values.insert(name, value.to_owned());
        self
    }

    fn file(mut self, text: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        self.flags.config = Some(file.path().to_owned());
        self.file = Some(file);
        self
    }

    fn load(&self, mode: Mode) -> Result<Settings, Vec<Problem>> {
        let variables = self.variables.iter().map(|(n, v)| (OsString::from(n), OsString::from(v)));
        Settings::load(mode, &self.flags, variables)
    }

    fn serve(&self) -> Settings {
        self.load(Mode::Serve).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// The names of the settings that are refused.
    fn refused(&self) -> Vec<String> {
        self.load(Mode::Serve).unwrap_err().into_iter().map(|problem| problem.setting).collect()
    }
}

#[test]
fn setting_in_several_sources_is_taken_from_the_strongest() {
    let file = Sources::good().file("listen = \"127.0.0.1:1\"\nlog_level = \"warn\"\nlink_ttl_s = 60\n");
    assert_eq!(file.serve().network.listen.port(), 1);
    assert_eq!(file.serve().limits.link_ttl.unwrap().as_secs(), 60);
    let environment = file.and("LISTEN", "127.0.0.1:2");
    assert_eq!(environment.serve().network.listen.port(), 2);
    let flags = environment.flag("listen", "127.0.0.1:3");
    assert_eq!(flags.serve().network.listen.port(), 3);
    assert_eq!(flags.serve().logging.level, tracing::level_filters::LevelFilter::WARN);
}

#[test]
fn setting_that_nobody_knows_is_refused_by_name() {
    assert_eq!(Sources::good().and("MASTERKEY", "x").refused(), ["masterkey"]);
    assert_eq!(
        Sources::good()
            .file("listenn = 1\n[shared_credentials.gmail]\nclient_id = \"a\"\nclient_secret = \"b\"")
            .refused(),
        ["listenn"]
    );
    let typo = Sources::good().and("SHARED_CREDENTIALS__GMAIL__ID", "x").refused();
    assert!(typo.contains(&"shared_credentials.gmail.id".to_owned()), "{typo:?}");
    let hint = Sources::good().file("tls-cert = 1").load(Mode::Serve).unwrap_err();
    assert!(hint[0].message.contains("did you mean tls_cert?"), "{hint:?}");
}

#[test]
fn variables_of_clients_and_sdks_are_not_settings() {
    let sources =
        Sources::good().and("URL", "x").and("API_TOKEN", "x").and("CA_FILE", "x").and("APP_NAME", "");
    assert_eq!(sources.serve().app_name, None, "an empty variable counts as not set");
}

/// S33, S58: the start matrix. Each row names its setting.
#[test]
fn serve_with_a_weak_or_missing_setting_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("not.pem"), "no certificate").unwrap();
    std::fs::write(path("short.key"), "c2hvcnQ=").unwrap();
    let rows: Vec<(Sources, &[&str])> = vec![
        (Sources::of(&[]), &["master_key"]),
        (Sources::of(&[("MASTER_KEY", "   ")]), &["master_key"]),
        (Sources::of(&[("MASTER_KEY", "correct horse battery staple")]), &["master_key"]),
        (Sources::of(&[("MASTER_KEY", "c2hvcnQ=")]), &["master_key"]),
        (Sources::of(&[("MASTER_KEY", &"0".repeat(64))]), &["master_key"]),
        (Sources::of(&[("MASTER_KEY_FILE", &path("none.key"))]), &["master_key_file"]),
        (Sources::of(&[("MASTER_KEY_FILE", &path("short.key"))]), &["master_key_file"]),
        (Sources::good().and("MASTER_KEY_FILE", &path("short.key")), &["master_key_file"]),
        (Sources::good().and("LISTEN", "somewhere"), &["listen"]),
        (
            Sources::good().and("LISTEN", "0.0.0.0:7077").and("PUBLIC_URL", "https://x.example"),
            &["listen", "public_url"],
        ),
        (Sources::good().and("LISTEN", "[::]:7077").and("BEHIND_PROXY", "true"), &["public_url"]),
        (Sources::good().and("PUBLIC_URL", "https://x.example"), &["public_url"]),
        (Sources::good().and("PUBLIC_URL", "http://x.example"), &["public_url"]),
        (
            Sources::good().and("PUBLIC_URL", "http://127.0.0.1:1").and("BEHIND_PROXY", "true"),
            &["public_url"],
        ),
        (Sources::good().and("PUBLIC_URL", "ftp://x.example"), &["public_url"]),
        (Sources::good().and("PUBLIC_URL", "connect.example.com"), &["public_url"]),
        (
            Sources::good().and("PUBLIC_URL", "https://x.example/?a=1").and("BEHIND_PROXY", "true"),
            &["public_url"],
        ),
        (Sources::good().and("BEHIND_PROXY", "maybe"), &["behind_proxy"]),
        (Sources::good().and("TLS_CERT", &path("none.pem")), &["tls_cert", "tls_key"]),
        (Sources::good().and("TLS_CERT", &path("not.pem")).and("TLS_KEY", &path("not.pem")), &["tls_cert"]),
        (Sources::good().and("TLS_KEY", &path("not.pem")), &["tls_cert"]),
        (Sources::good().and("DATABASE_URL", "postgres://u:hunter2@db/x?sslmode=prefer"), &["database_url"]),
        (Sources::good().and("DATABASE_URL", "mysql://u:hunter2@db/x"), &["database_url"]),
        (
            Sources::good().and("DATABASE_URL", &format!("sqlite://{}", folder.path().display())),
            &["database_url"],
        ),
        (Sources::good().and("DATA_DIR", &path("not.pem")), &["data_dir"]),
        (Sources::good().and("BOOTSTRAP_CLIENT_ID", "ops"), &["bootstrap_client_secret"]),
        (Sources::good().and("BOOTSTRAP_CLIENT_SECRET", "0123456789abcdef"), &["bootstrap_client_id"]),
        (
            Sources::good().and("BOOTSTRAP_CLIENT_ID", "ops").and("BOOTSTRAP_CLIENT_SECRET", "hunter2"),
            &["bootstrap_client_secret"],
        ),
        (
            Sources::good()
                .and("BOOTSTRAP_CLIENT_ID", "not an id")
                .and("BOOTSTRAP_CLIENT_SECRET", "0123456789abcdef"),
            &["bootstrap_client_id"],
        ),
        (Sources::good().and("UPSTREAM_CA_FILE", &path("none.pem")), &["upstream_ca_file"]),
        (Sources::good().and("HTTPS_PROXY", "socks://u:hunter2@proxy"), &["https_proxy"]),
        (Sources::good().and("NO_PROXY", "corp.example, http://a.example"), &["no_proxy"]),
        (Sources::good().and("ALLOWED_UPSTREAMS", "10.0.0.5"), &["allowed_upstreams"]),
        (Sources::good().and("CONNECTORS_DIR", &path("none")), &["connectors_dir"]),
        (
            Sources::good().and("SHARED_CREDENTIALS__GMAIL__CLIENT_ID", "x"),
            &["shared_credentials.gmail.client_secret"],
        ),
        (Sources::good().and("LOG_FORMAT", "xml"), &["log_format"]),
        (Sources::good().and("LOG_LEVEL", "loud"), &["log_level"]),
        (Sources::good().and("LINK_TTL_S", "soon"), &["link_ttl_s"]),
        (Sources::good().and("CALL_DEADLINE_S", "0"), &["call_deadline_s"]),
        (Sources::good().and("MAX_BODY_BYTES", "-1"), &["max_body_bytes"]),
        (Sources::good().and("APP_NAME", "a\nb"), &["app_name"]),
        (Sources::good().flag("listen", "127.0.0.1"), &["listen"]),
        (Sources::good().file("listen = ["), &["config"]),
    ];
    for (row, (sources, expected)) in rows.iter().enumerate() {
        let problems = sources.load(Mode::Serve).err().unwrap_or_default();
        let names: Vec<_> = problems.iter().map(|problem| problem.setting.as_str()).collect();
        assert_eq!(names, *expected, "row {row}: {:?}", sources.variables);
        // S56: a refusal repeats no secret.
        let told = format!("{problems:?}");
        assert!(!told.contains("hunter2") && !told.contains("horse"), "row {row}: {told}");
    }
}

#[test]
fn problems_are_all_told_at_once() {
    let sources = Sources::of(&[("LISTEN", "x"), ("LOG_LEVEL", "x"), ("NONSENSE", "x")]);
    assert_eq!(sources.refused(), ["nonsense", "listen", "master_key", "log_level"]);
}

#[test]
fn problem_says_where_the_value_came_from() {
    let environment = Sources::good().and("LISTEN", "x").load(Mode::Serve).unwrap_err();
    assert!(environment[0].message.contains("VALETKEY_LISTEN"), "{environment:?}");
    let flag = Sources::good().flag("log_level", "x").load(Mode::Serve).unwrap_err();
    assert!(flag[0].message.contains("--log-level"), "{flag:?}");
    let sources = Sources::good().file("call_deadline_s = 0");
    let file = sources.load(Mode::Serve).unwrap_err();
    let path = sources.flags.config.as_deref().map(Path::to_string_lossy).unwrap();
    assert!(file[0].message.contains(path.as_ref()), "{file:?}");
}

#[test]
fn configuration_file_that_is_broken_is_not_quoted() {
    let problems =
        Sources::good().file("listen = 1\nmaster_key = \"hunter2\n").load(Mode::Serve).unwrap_err();
    let told = format!("{problems:?}");
    assert!(told.contains("line 2") && !told.contains("hunter2"), "{told}");
}

#[test]
fn serve_with_good_settings_starts() {
    let proxy = Sources::good().and("LISTEN", "0.0.0.0:8080").and("BEHIND_PROXY", "true");
    let settings = proxy.and("PUBLIC_URL", "https://connect.example.com").serve();
    assert_eq!(settings.network.public_url.unwrap().as_str(), "https://connect.example.com/");
    let plain = Sources::good().and("DATA_DIR", "somewhere").serve();
    assert_eq!(plain.storage.database, Path::new("somewhere/valetkey.db"));
    assert!(!plain.upstreams.allow_private);
    let list = Sources::good().file("allowed_upstreams = [\"10.0.0.5:8443\", \"[fd00::1]:443\"]").serve();
    assert_eq!(list.upstreams.allow.len(), 2);
    let digits =
        Sources::of(&[("MASTER_KEY", "9458073021573681930364262129972200332245383236405622415499095145")]);
    assert!(digits.serve().master_key.is_some(), "a key of digits is not read as a number");
}

#[test]
fn shared_credentials_from_file_and_environment_are_joined() {
    let sources = Sources::good()
        .file("[shared_credentials.gmail]\nclient_id = \"id\"\n[shared_credentials.slack]\nclient_id = \"s\"\nclient_secret = \"t\"\n")
        .and("SHARED_CREDENTIALS__GMAIL__CLIENT_SECRET", "from-env");
    let shared = sources.serve().upstreams.shared_credentials;
    assert_eq!(shared.keys().collect::<Vec<_>>(), ["gmail", "slack"]);
    assert_eq!((shared["gmail"].0.as_str(), shared["gmail"].1.expose_secret()), ("id", "from-env"));
}

#[test]
fn dev_needs_no_setting() {
    let settings = Sources::of(&[]).load(Mode::Dev).unwrap();
    assert_eq!(settings.storage.data_dir, Path::new(".valetkey"));
    assert!(settings.master_key.is_none() && settings.upstreams.allow_private);
    assert_eq!(settings.logging.format, LogFormat::Text);
}

#[test]
fn settings_printed_for_debugging_hold_no_secret() {
    let sources = Sources::good()
        .and("BOOTSTRAP_CLIENT_ID", "ops")
        .and("BOOTSTRAP_CLIENT_SECRET", "hunter2-hunter2-hunter2");
    let told = format!("{:?}", sources.serve());
    assert!(!told.contains("hunter2") && !told.contains(KEY), "{told}");
}

/// Single sign-on: what belongs together is set together, and what would let in anybody or nobody is refused.
#[test]
fn single_sign_on_is_read_whole_or_refused() {
    use valetkey_domain::Role;
    assert!(Sources::good().serve().sso.is_none());
    let sso =
        || Sources::good().and("SSO_ISSUER", "https://login.example.com").and("SSO_CLIENT_ID", "valetkey");
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "s3cret-of-the-client\n").unwrap();
    let whole = sso()
        .and("SSO_CLIENT_SECRET_FILE", secret.path().to_str().unwrap())
        .and("SSO_DOMAINS", "Example.com, example.org")
        .and("SSO_ROLE_CLAIM", "groups")
        .and("SSO_ROLES", "a=b=owner, staff=viewer")
        .and("SSO_REQUIRE", "true")
        .and("SSO_SESSION_S", "900")
        .serve()
        .sso
        .unwrap();
    // A slash at the end would be another issuer.
    assert_eq!(whole.issuer, "https://login.example.com");
    assert_eq!(whole.client_secret.as_ref().unwrap().expose_secret(), "s3cret-of-the-client");
    assert_eq!(whole.domains, ["example.com", "example.org"]);
    assert_eq!(whole.roles, [("a=b".to_owned(), Role::Owner), ("staff".to_owned(), Role::Viewer)].into());
    assert_eq!(whole.session, Some(std::time::Duration::from_secs(900)));
    assert!(whole.require && !whole.allow_private && !format!("{whole:?}").contains("s3cret"));
    for (sources, setting) in [
        (Sources::good().and("SSO_ISSUER", "https://login.example.com"), "sso_client_id"),
        (Sources::good().and("SSO_CLIENT_ID", "valetkey"), "sso_issuer"),
        (Sources::good().and("SSO_ISSUER", "http://10.0.0.5").and("SSO_CLIENT_ID", "v"), "sso_issuer"),
        (Sources::good().and("SSO_REQUIRE", "true"), "sso_require"),
        (sso().and("SSO_ADMIT_DOMAINS", "true"), "sso_admit_domains"),
        (sso().and("SSO_DOMAINS", "ada@example.com"), "sso_domains"),
        (sso().and("SSO_ROLES", "staff=king"), "sso_roles"),
        (sso().and("SSO_ROLES", "staff=owner"), "sso_role_claim"),
        (sso().and("SSO_ROLE_CLAIM", "groups"), "sso_roles"),
        (sso().and("SSO_DEFAULT_ROLE", "king"), "sso_default_role"),
        (sso().and("SSO_SESSION_S", "43201"), "sso_session_s"),
    ] {
        assert_eq!(sources.refused(), [setting]);
    }
    let private = sso().and("SSO_ALLOW_PRIVATE", "true").flag("sso_issuer", "http://10.0.0.5:8080").serve();
    assert_eq!(private.sso.unwrap().issuer, "http://10.0.0.5:8080");
}
