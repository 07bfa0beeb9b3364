//! What the provider keeps for its users: mail, calendar, files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use valetkey_domain::Time;

/// The user that a client acts as by its own right (RFC 6749 §4.4).
pub(crate) const APP_USER: &str = "app";

/// How much of a kind one user may have; keeps a forgotten simulator small.
const MAX_ITEMS: usize = 2_000;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct World {
    pub(crate) people: BTreeMap<String, Person>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) username: String,
    /// The organization they belong to.
    #[serde(default)]
    pub(crate) tenant: String,
    /// Whether an administrator has disabled them.
    #[serde(default)]
    pub(crate) suspended: bool,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) locale: String,
    pub(crate) time_zone: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) events: Vec<Event>,
    pub(crate) files: Vec<File>,
    /// Counts ids up, never back.
    pub(crate) last_number: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) thread_id: String,
    pub(crate) folder: Folder,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) cc: Vec<String>,
    pub(crate) subject: String,
    pub(crate) body: String,
    pub(crate) unread: bool,
    pub(crate) sent_at: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Folder {
    Inbox,
    Sent,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) start: Time,
    pub(crate) end: Time,
    pub(crate) location: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) attendees: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) mime_type: String,
    pub(crate) content: String,
    pub(crate) modified_at: Time,
}

/// A message to be sent.
pub(crate) struct Draft {
    pub(crate) to: Vec<String>,
    pub(crate) cc: Vec<String>,
    pub(crate) subject: String,
    pub(crate) body: String,
    pub(crate) in_reply_to: Option<String>,
}

/// Why a message cannot be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    UnknownSender,
    UnknownMessage,
    Full,
}

impl Person {
    pub(crate) fn id(&self) -> String {
        format!("user_{}", self.username)
    }

    /// The next id of a kind: `msg_ada_7`.
    pub(crate) fn next_id(&mut self, prefix: &str) -> String {
        self.last_number += 1;
        format!("{prefix}_{}_{}", self.username, self.last_number)
    }

    pub(crate) fn add_event(&mut self, event: Event) -> Option<&Event> {
        if self.events.len() >= MAX_ITEMS {
            return None;
        }
        self.events.push(event);
        self.events.last()
    }

    /// Keeps a file under its name: a new one, or new content for the one of that name; `true` when it is new.
    /// `None` when there is no room.
    pub(crate) fn put_file(
        &mut self,
        name: &str,
        mime_type: String,
        content: String,
        now: Time,
    ) -> Option<(&File, bool)> {
        let index = self.files.iter().position(|file| file.name == name);
        let Some(index) = index else {
            if self.files.len() >= MAX_ITEMS {
                return None;
            }
            let id = self.next_id("file");
            self.files.push(File { id, name: name.to_owned(), mime_type, content, modified_at: now });
            return self.files.last().map(|file| (file, true));
        };
        let file = self.files.get_mut(index)?;
        file.mime_type = mime_type;
        file.content = content;
        file.modified_at = now;
        Some((file, false))
    }
}

impl World {
    /// Sends as a mail provider does: a copy stays with the sender, and whoever of the recipients lives here gets
    /// one of their own.
    pub(crate) fn send(&mut self, sender: &str, draft: Draft, now: Time) -> Result<Message, NotSent> {
        let person = self.people.get_mut(sender).ok_or(NotSent::UnknownSender)?;
        if person.messages.len() >= MAX_ITEMS {
            return Err(NotSent::Full);
        }
        let thread = match &draft.in_reply_to {
            Some(id) => {
                let parent = person.messages.iter().find(|m| m.id == *id).ok_or(NotSent::UnknownMessage)?;
                Some(parent.thread_id.clone())
            }
            None => None,
        };
        let sent = Message {
            id: person.next_id("msg"),
            thread_id: thread.unwrap_or_else(|| person.next_id("thr")),
            folder: Folder::Sent,
            from: person.email.clone(),
            to: draft.to,
            cc: draft.cc,
            subject: draft.subject,
            body: draft.body,
            unread: false,
            sent_at: now,
        };
        person.messages.push(sent.clone());
        for recipient in self.people.values_mut().filter(|p| p.username != sender) {
            let addressed = sent.to.iter().chain(&sent.cc).any(|a| a.eq_ignore_ascii_case(&recipient.email));
            if addressed && recipient.messages.len() < MAX_ITEMS {
                let id = recipient.next_id("msg");
                recipient.messages.push(Message { id, folder: Folder::Inbox, unread: true, ..sent.clone() });
            }
        }
        Ok(sent)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::seed;

    const NOW: Time = datetime!(2026-01-01 00:00 UTC);

    fn draft(to: &str, in_reply_to: Option<&str>) -> Draft {
        Draft {
            to: vec![to.to_owned()],
            cc: vec![],
            subject: "Re: proofs".to_owned(),
            body: "Agreed.".to_owned(),
            in_reply_to: in_reply_to.map(str::to_owned),
        }
    }

    #[test]
    fn message_to_a_neighbour_arrives_in_the_same_thread() {
        let mut world = seed::world(NOW);
        let parent = world.people["ada"].messages[0].clone();
        let sent = world.send("ada", draft("GRACE@example.com", Some(&parent.id)), NOW).unwrap();
        assert_eq!(sent.thread_id, parent.thread_id);
        let received = world.people["grace"].messages.last().unwrap();
        assert_eq!(
            (received.folder, received.unread, &received.thread_id),
            (Folder::Inbox, true, &sent.thread_id)
        );
        assert_ne!(received.id, sent.id);
    }

    #[test]
    fn reply_to_an_unknown_message_sends_nothing() {
        let mut world = seed::world(NOW);
        let before = world.people["ada"].messages.len();
        assert_eq!(
            world.send("ada", draft("a@b.c", Some("msg_x")), NOW).unwrap_err(),
            NotSent::UnknownMessage
        );
        assert_eq!(world.people["ada"].messages.len(), before);
    }
}
