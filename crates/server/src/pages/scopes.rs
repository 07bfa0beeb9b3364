//! Scopes in plain words, for people who are asked to grant them.

/// One scope as a page shows it.
pub(super) struct ScopeWords<'a> {
    /// As the provider spells it.
    pub(super) name: &'a str,
    /// In words, if we have any.
    pub(super) words: Option<&'static str>,
}

/// Puts scopes into words: those that say nothing to a person are left out, those that say the same are said once.
pub(super) fn in_words(scopes: &[String]) -> Vec<ScopeWords<'_>> {
    let mut shown: Vec<ScopeWords<'_>> = Vec::new();
    for scope in scopes {
        if is_technical(scope) {
            continue;
        }
        let words = words_of(scope);
        let said = shown.iter().any(|other| match words {
            Some(words) => other.words == Some(words),
            None => other.name == scope,
        });
        if !said {
            shown.push(ScopeWords { name: scope, words });
        }
    }
    shown
}

/// Scopes that shape the protocol and grant no access to anything of the user's.
fn is_technical(scope: &str) -> bool {
    matches!(scope, "openid" | "offline_access" | "refresh_token" | "offline.access" | "offline")
}

fn words_of(scope: &str) -> Option<&'static str> {
    let scope = scope.strip_prefix("https://graph.microsoft.com/").unwrap_or(scope);
    match scope.strip_prefix("https://www.googleapis.com/auth/") {
        Some(google) => words_of_google(google),
        None => {
            words_of_microsoft(scope).or_else(|| words_of_slack(scope)).or_else(|| words_of_others(scope))
        }
    }
}

fn words_of_google(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "userinfo.email" => "See your e-mail address",
        "userinfo.profile" => "See your name and picture",
        "gmail.readonly" => "Read your e-mail",
        "gmail.metadata" => "See senders, subjects and labels of your e-mail, not its text",
        "gmail.send" => "Send e-mail in your name",
        "gmail.compose" => "Write drafts and send e-mail in your name",
        "gmail.modify" => "Read, send, label and archive your e-mail",
        "gmail.labels" => "See and change your e-mail labels",
        "gmail.settings.basic" => "See and change your e-mail settings and filters",
        "calendar" => "See, change, share and delete your calendars",
        "calendar.readonly" => "See your calendars and events",
        "calendar.events" => "See, create, change and delete events in your calendars",
        "calendar.events.readonly" => "See events in your calendars",
        "calendar.calendarlist.readonly" => "See the list of your calendars",
        "calendar.freebusy" => "See when you are free or busy",
        "drive" => "See, create, change and delete all your files in Drive",
        "drive.readonly" => "See and download all your files in Drive",
        "drive.file" => "See and change the files in Drive that you use with the app",
        "drive.metadata.readonly" => "See names and details of your files in Drive",
        "spreadsheets" => "See, create, change and delete your spreadsheets",
        "documents" => "See, create, change and delete your documents",
        "contacts.readonly" => "See your contacts",
        "contacts" => "See, change and delete your contacts",
        "tasks" => "See, create, change and delete your tasks",
        _ => return None,
    })
}

/// Microsoft Graph.
fn words_of_microsoft(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "User.Read" => "See your name and profile",
        "Mail.Read" => "Read your e-mail",
        "Mail.ReadBasic" => "See senders and subjects of your e-mail, not its text",
        "Mail.ReadWrite" => "Read, change and delete your e-mail",
        "Mail.Send" => "Send e-mail in your name",
        "MailboxSettings.Read" => "See your mailbox settings",
        "MailboxSettings.ReadWrite" => "See and change your mailbox settings",
        "Calendars.Read" => "See your calendars and events",
        "Calendars.ReadWrite" => "See, create, change and delete events in your calendars",
        "Contacts.Read" => "See your contacts",
        "Files.Read" | "Files.Read.All" => "See and download your files",
        "Files.ReadWrite" | "Files.ReadWrite.All" => "See, create, change and delete your files",
        "People.Read" => "See the people you work with",
        "Tasks.ReadWrite" => "See, create, change and delete your tasks",
        _ => return None,
    })
}

fn words_of_slack(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "channels:read" => "See the public channels of your workspace",
        "channels:history" => "Read messages in public channels",
        "channels:join" => "Join public channels",
        "channels:manage" | "channels:write" => "Create and change public channels",
        "groups:read" => "See the private channels it is in",
        "groups:history" => "Read messages in the private channels it is in",
        "im:read" | "mpim:read" => "See direct conversations it is in",
        "im:history" | "mpim:history" => "Read messages in direct conversations it is in",
        "im:write" | "mpim:write" => "Start direct conversations",
        "chat:write" => "Send messages",
        "chat:write.public" => "Send messages to public channels it is not in",
        "reactions:read" => "See reactions to messages",
        "reactions:write" => "Add and remove reactions",
        "files:read" => "See files shared where it is",
        "files:write" => "Upload, change and delete files",
        "users:read" => "See the people in your workspace",
        "users:read.email" => "See the e-mail addresses of the people in your workspace",
        "team:read" => "See the name of your workspace",
        "search:read" => "Search messages and files that you can see",
        "reminders:write" => "Add and remove reminders",
        _ => return None,
    })
}

/// GitHub, Linear and OpenID.
fn words_of_others(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "email" => "See your e-mail address",
        "profile" => "See your name and picture",
        "repo" => "See and change your repositories, private ones too",
        "public_repo" => "See and change your public repositories",
        "repo:status" => "See and set the status of commits",
        "read:user" => "See your profile",
        "user" => "See and change your profile",
        "user:email" => "See your e-mail addresses",
        "read:org" => "See your organizations and teams",
        "gist" => "See and change your gists",
        "notifications" => "See and change your notifications",
        "workflow" => "Change workflow files in your repositories",
        "read" => "See your data there",
        "write" => "Create and change data there",
        "issues:create" => "Create issues",
        "comments:create" => "Write comments",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_words_technical_left_out_and_nothing_said_twice() {
        let scopes = [
            "openid",
            "email",
            "Mail.Read",
            "https://graph.microsoft.com/Mail.Read",
            "custom.thing",
            "custom.thing",
        ]
        .map(str::to_owned);
        let shown: Vec<_> = in_words(&scopes).iter().map(|s| s.words.unwrap_or(s.name).to_owned()).collect();
        assert_eq!(shown, ["See your e-mail address", "Read your e-mail", "custom.thing"]);
    }
}
