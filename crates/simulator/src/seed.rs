//! Who lives at the provider when it starts, and what they have. Dates are told from the start, so that "tomorrow's
//! meeting" is tomorrow's.

use std::collections::BTreeMap;

use time::Duration;
use valetkey_domain::Time;

use crate::world::{APP_USER, Event, File, Folder, Message, Person, World};

/// Subject, sender, hours ago, unread, body.
type Mail = (&'static str, &'static str, i64, bool, &'static str);
/// Title, hours ahead, minutes long, place.
type Meeting = (&'static str, i64, i64, Option<&'static str>);
/// Name, media type, text.
type Document = (&'static str, &'static str, &'static str);

pub(crate) fn world(now: Time) -> World {
    let people = [
        person(now, ("ada", "Ada Lovelace", "en-GB", "Europe/London"), &ADA_MAIL, &ADA_MEETINGS, &ADA_FILES),
        person(
            now,
            ("grace", "Grace Hopper", "en-US", "America/New_York"),
            &GRACE_MAIL,
            &GRACE_MEETINGS,
            &[],
        ),
        person(now, ("alan", "Alan Turing", "en-GB", "Europe/London"), &[], &[], &ALAN_FILES),
        person(now, (APP_USER, "The app itself", "en-GB", "UTC"), &[], &[], &[]),
    ];
    World { people: people.into_iter().map(|p| (p.username.clone(), p)).collect::<BTreeMap<_, _>>() }
}

const ADA_MAIL: [Mail; 4] = [
    (
        "Notes on the engine",
        "charles@example.org",
        76,
        false,
        "Dear Ada,\n\nthe second volume of drawings is with the printer. Note G reads well.\n\nCharles",
    ),
    (
        "Bernoulli numbers",
        "grace@example.com",
        29,
        false,
        "Ada,\n\nI ran your table again and row 24 wants a minus sign. Otherwise it stands.\n\nGrace",
    ),
    (
        "Invoice 1843-07",
        "billing@printers.example",
        6,
        true,
        "Your invoice over 120.00 for the engraving of plates is attached. Due in 14 days.",
    ),
    (
        "Dinner on Thursday?",
        "mary@example.org",
        1,
        true,
        "We would be glad to see you at eight. Do bring the cards with the punched holes.",
    ),
];

const ADA_MEETINGS: [Meeting; 3] = [
    ("Review of Note G", 4, 45, Some("Library")),
    ("Dinner", 51, 120, Some("5 Seymour Street")),
    ("Call with the printers", 98, 30, None),
];

const ADA_FILES: [Document; 3] = [
    ("note-g.md", "text/markdown", "# Note G\n\nA plan for the computation of the numbers of Bernoulli.\n"),
    ("expenses.csv", "text/csv", "date,what,amount\n1843-07-01,engraving,120.00\n1843-07-09,paper,14.50\n"),
    ("ideas.txt", "text/plain", "The engine might act upon other things besides number.\n"),
];

const GRACE_MAIL: [Mail; 1] = [(
    "The moth",
    "harvard@example.org",
    12,
    true,
    "It was in relay 70 of panel F. We taped it into the log book. First actual case.",
)];

const GRACE_MEETINGS: [Meeting; 1] = [("Compiler stand-up", 18, 15, Some("Room 2"))];

const ALAN_FILES: [Document; 1] =
    [("tape.txt", "text/plain", "1 0 1 1 0 1\n^\nstate: q1, symbols: {0, 1, blank}\n")];

/// Ada and Grace work together; Alan belongs to another organization.
fn tenant_of(username: &str) -> &'static str {
    match username {
        "alan" => "bletchley",
        _ => "example",
    }
}

fn person(
    now: Time,
    (username, name, locale, time_zone): (&str, &str, &str, &str),
    mail: &[Mail],
    meetings: &[Meeting],
    documents: &[Document],
) -> Person {
    let email = format!("{username}@example.com");
    let messages = (1..).zip(mail).map(|(n, (subject, from, hours, unread, body))| Message {
        id: format!("msg_{username}_{n}"),
        thread_id: format!("thr_{username}_{n}"),
        folder: Folder::Inbox,
        from: (*from).to_owned(),
        to: vec![email.clone()],
        cc: vec![],
        subject: (*subject).to_owned(),
        body: (*body).to_owned(),
        unread: *unread,
        sent_at: now - Duration::hours(*hours),
    });
    let events = (1..).zip(meetings).map(|(n, (title, hours, minutes, place))| Event {
        id: format!("evt_{username}_{n}"),
        title: (*title).to_owned(),
        start: now + Duration::hours(*hours),
        end: now + Duration::hours(*hours) + Duration::minutes(*minutes),
        location: place.map(str::to_owned),
        description: None,
        attendees: vec![email.clone()],
    });
    let files = (1..).zip(documents).map(|(n, (name, mime_type, content))| File {
        id: format!("file_{username}_{n}"),
        name: (*name).to_owned(),
        mime_type: (*mime_type).to_owned(),
        content: (*content).to_owned(),
        modified_at: now - Duration::days(n),
    });
    Person {
        username: username.to_owned(),
        tenant: tenant_of(username).to_owned(),
        suspended: false,
        name: name.to_owned(),
        locale: locale.to_owned(),
        time_zone: time_zone.to_owned(),
        messages: messages.collect(),
        events: events.collect(),
        files: files.collect(),
        // Leaves room between the seeded ids and the ones given later.
        last_number: 100,
        email,
    }
}
