//! The compiled-in files.

use super::Connectors;

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
    for slug in
        ["gmail", "googlecalendar", "googledrive", "slack", "microsoft365", "github", "linear", "sandbox"]
    {
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
