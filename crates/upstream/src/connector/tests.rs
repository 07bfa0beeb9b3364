//! The compiled-in files.

use valetkey_domain::Language;

use super::{Connectors, Rate};

fn embedded() -> Connectors {
    Connectors::embedded().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn embedded_files_are_found_by_every_name() {
    let connectors = embedded();
    for name in ["gmail", "GMAIL", "Gmail", "google-mail"] {
        assert_eq!(connectors.get(name).unwrap().slug, "gmail");
    }
    assert_eq!(connectors.tool("gmail_send_message").unwrap().1.name, "gmail_send_email");
    assert_eq!(connectors.tool("gmail_fetch_mails").unwrap().1.name, "gmail_list_messages");
    assert!(connectors.tool("GMAIL_SEND_EMAIL").is_none() && connectors.get("nothing").is_none());
}

#[test]
fn embedded_oauth_connectors_have_the_tools_agents_need() {
    let connectors = embedded();
    for slug in [
        "gmail",
        "googlecalendar",
        "googledrive",
        "slack",
        "microsoft365",
        "github",
        "hubspot",
        "jira",
        "linear",
        "notion",
        "salesforce",
        "sandbox",
    ] {
        let connector = connectors.get(slug).unwrap();
        assert!(connector.tools.len() >= 8, "{slug} has {}", connector.tools.len());
        assert!(connector.probe.is_some(), "{slug}");
        let profile = connector.auth.oauth().unwrap();
        // Every scope that is asked for by default is described for the consent page.
        for scope in profile.scopes.default.iter().chain(&profile.scopes.always) {
            assert!(profile.scopes.describe.contains_key(scope), "{slug}: {scope}");
        }
    }
}

/// End users read these words on the hosted pages, each in their language.
#[test]
fn embedded_words_for_end_users_are_in_every_language() {
    for connector in embedded().iter() {
        let described = connector.auth.oauth().map(|profile| profile.scopes.describe.values().collect());
        let form = connector.auth.form().map(|form| form.fields.as_slice()).unwrap_or_default();
        let fields = form.iter().flat_map(|field| std::iter::once(&field.label).chain(&field.help));
        for words in described.unwrap_or_else(Vec::new).into_iter().chain(fields) {
            for language in Language::ALL {
                assert_eq!(words.said_in(language).1, language, "{}: {}", connector.slug, words.english());
            }
        }
    }
}

/// Figures that hold up calls are the provider's own, and say where they are from.
#[test]
fn embedded_limits_that_are_declared_name_their_source() {
    for connector in embedded().iter() {
        let limits = &connector.api.limits;
        let sourced = limits.source.as_deref().is_some_and(|source| source.starts_with("https://"));
        assert_eq!(limits.declares(), sourced, "{}", connector.slug);
    }
}

/// Whatever a shipped connector's provider refuses is explained: only one that takes no credential has nothing to explain.
#[test]
fn embedded_connectors_each_have_a_table_of_failures() {
    for connector in embedded().iter() {
        let rules = connector.reasons.rules().count();
        assert_eq!(rules > 0, connector.slug != "hackernews", "{}: {rules} rules", connector.slug);
    }
}

/// Gmail counts units, Slack each method, GitHub searches together, Graph calls of a mailbox at once.
#[test]
fn embedded_limits_say_what_each_provider_counts() {
    let connectors = embedded();
    let limits = |slug: &str| connectors.get(slug).unwrap().api.limits.clone();
    let gmail = limits("gmail");
    assert_eq!((gmail.cost("gmail_send_email"), gmail.cost("gmail_get_profile")), (100, 1));
    let slack = limits("slack");
    let tier = |tool: &str| {
        slack.of_tool(tool).map(|count| (count.under.to_owned(), count.rate.requests)).collect::<Vec<_>>()
    };
    assert_eq!(tier("slack_list_users"), [("slack_list_users".to_owned(), 20)]);
    assert_eq!(tier("slack_get_user"), [("slack_get_user".to_owned(), 100)]);
    let post: Vec<_> = slack.of_tool("slack_send_message").map(|count| (count.rate, count.per)).collect();
    assert_eq!(post, [(Rate { requests: 1, seconds: 1 }, Some("channel"))]);
    let github = limits("github");
    let under = |tool: &str| github.of_tool(tool).map(|count| count.under.to_owned()).collect::<Vec<_>>();
    assert_eq!(under("github_search_issues"), under("github_search_repositories"));
    assert_eq!(under("github_create_issue").len(), 2);
    assert_eq!(limits("microsoft365").at_once, Some(4));
}

/// With the default scopes everything works that the default scopes are for.
#[test]
fn embedded_default_scopes_cover_the_tools() {
    for connector in embedded().iter() {
        let Some(profile) = connector.auth.oauth() else { continue };
        for tool in &connector.tools {
            // A bot cannot search: that takes the user's own token.
            if tool.name != "slack_search_messages" {
                assert_eq!(
                    tool.missing_scopes(&profile.scopes.default),
                    Vec::<String>::new(),
                    "{}",
                    tool.name
                );
            }
        }
    }
}

fn scopes(list: &[&str]) -> Vec<String> {
    list.iter().map(|scope| (*scope).to_owned()).collect()
}

/// S09
#[test]
fn missing_scopes_know_what_includes_what() {
    let connectors = embedded();
    let send = connectors.tool("gmail_send_email").unwrap().1;
    assert_eq!(
        send.missing_scopes(&scopes(&["https://www.googleapis.com/auth/gmail.readonly"])),
        ["https://www.googleapis.com/auth/gmail.send"],
    );
    assert!(send.missing_scopes(&scopes(&["https://mail.google.com/"])).is_empty());
    // The provider tells no scopes: nothing is known to be missing.
    assert!(send.missing_scopes(&[]).is_empty());
    let list = connectors.tool("microsoft365_list_messages").unwrap().1;
    assert!(list.missing_scopes(&scopes(&["https://graph.microsoft.com/Mail.ReadWrite"])).is_empty());
    assert!(list.missing_scopes(&scopes(&["mail.read"])).is_empty());
    assert_eq!(list.missing_scopes(&scopes(&["User.Read"])), ["Mail.Read"]);
    let search = connectors.tool("slack_search_messages").unwrap().1;
    assert_eq!(search.missing_scopes(&scopes(&["search:read"])), ["user:search:read"]);
}

#[test]
fn definitions_are_complete() {
    for connector in embedded().iter() {
        for tool in &connector.tools {
            let definition = tool.definition();
            assert_eq!(definition["name"], tool.name);
            assert_eq!(definition["input_schema"]["type"], "object");
            assert_eq!(definition["input_schema"]["additionalProperties"], false, "{}", tool.name);
            assert_eq!(definition["annotations"]["readOnlyHint"], tool.read_only);
        }
    }
}
