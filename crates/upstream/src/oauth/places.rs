//! Which of several places (sites, companies, workspaces) an account is of.

use std::collections::BTreeMap;

use serde_json::Value;
use valetkey_domain::{Error, ErrorCode};

use super::reply;
use crate::connector::{JsonPath, Places, Target};

/// How many places are read of an answer.
const MOST: usize = 1000;
/// How many are named in a refusal.
const NAMED: usize = 20;

/// Why the calls after an authorization did not come to their end.
#[derive(Debug)]
pub enum FollowUpFailure {
    /// A call failed, or its answer could not be used.
    Call(Error),
    /// The calls went well, and nothing says which place the account is of.
    Place(PlaceRefusal),
}

impl From<Error> for FollowUpFailure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

/// What asks for a certain place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenBy {
    /// The variable of the connection.
    Variable,
    /// The account was of it before.
    Before,
}

impl ChosenBy {
    /// As it is written in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Variable => "variable",
            Self::Before => "before",
        }
    }
}

/// No place could be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceRefusal {
    /// `place_not_chosen` or `place_not_granted`.
    pub code: ErrorCode,
    /// The variable of the connection that chooses.
    pub variable: String,
    /// The place that was asked for, as far as there is a name for it, and what asked for it.
    pub wanted: Option<(ChosenBy, String)>,
    /// The places that the user granted, with name and address; at most twenty.
    pub granted: Vec<String>,
    /// How many there are.
    pub count: usize,
}

/// The facts of the place that the account is of.
pub(super) fn facts(
    places: &Places,
    paths: &BTreeMap<String, JsonPath>,
    target: &Target<'_>,
    before: &BTreeMap<String, String>,
    document: &Value,
) -> Result<BTreeMap<String, String>, FollowUpFailure> {
    let unreadable = |what: &str| {
        Error::new(ErrorCode::UpstreamResponseInvalid)
            .message(format!("The provider's list of places {what}."))
    };
    let list = match &places.list {
        Some(path) => path.first(document),
        None => Some(document),
    };
    let items = list.and_then(Value::as_array).ok_or_else(|| unreadable("is no list"))?;
    if items.len() > MOST {
        return Err(unreadable("is too long").into());
    }
    let mut granted: Vec<BTreeMap<String, String>> = Vec::new();
    for item in items {
        let facts = reply::facts(paths, item);
        let id = facts.get(&places.id).ok_or_else(|| unreadable("has one without an id"))?;
        // A place may be told once for each product that it has.
        if !granted.iter().any(|known| known.get(&places.id) == Some(id)) {
            granted.push(facts);
        }
    }
    // Never put into an address: what somebody stated counts, whether it fits the pattern or not.
    let stated = target.variables.get(&places.variable).map(String::as_str);
    choose(places, stated.filter(|stated| !stated.trim().is_empty()), before, granted)
        .map_err(FollowUpFailure::Place)
}

/// The place that the variable names, else the one of before, else the only one.
fn choose(
    places: &Places,
    stated: Option<&str>,
    before: &BTreeMap<String, String>,
    granted: Vec<BTreeMap<String, String>>,
) -> Result<BTreeMap<String, String>, PlaceRefusal> {
    let refusal = |code, wanted| PlaceRefusal {
        code,
        variable: places.variable.clone(),
        wanted,
        granted: granted.iter().take(NAMED).map(|place| in_words(places, place)).collect(),
        count: granted.len(),
    };
    if let Some(stated) = stated {
        let wanted = || Some((ChosenBy::Variable, stated.to_owned()));
        // Ids and addresses are one place's own; a name may be that of several.
        for fact in places.facts() {
            let fits = |place: &&BTreeMap<String, String>| {
                place.get(fact).is_some_and(|value| plain(value) == plain(stated))
            };
            let mut fitting = granted.iter().filter(fits);
            match (fitting.next(), fitting.next()) {
                (Some(place), None) => return Ok(place.clone()),
                (Some(_), Some(_)) => return Err(refusal(ErrorCode::PlaceNotChosen, wanted())),
                (None, _) => {}
            }
        }
        return Err(refusal(ErrorCode::PlaceNotGranted, wanted()));
    }
    if let Some(id) = before.get(&places.id) {
        let wanted = || Some((ChosenBy::Before, in_words(places, before)));
        let same = granted.iter().find(|place| place.get(&places.id) == Some(id));
        return same.cloned().ok_or_else(|| refusal(ErrorCode::PlaceNotGranted, wanted()));
    }
    match granted.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(refusal(ErrorCode::PlaceNotGranted, None)),
        _ => Err(refusal(ErrorCode::PlaceNotChosen, None)),
    }
}

/// A text without what does not count when places are compared: case, scheme, slashes and spaces at its ends.
fn plain(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let bare = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
    bare.trim_end_matches('/').to_owned()
}

/// A place for people: name and address, or its id.
fn in_words(places: &Places, place: &BTreeMap<String, String>) -> String {
    let url = places.url.as_ref().and_then(|url| place.get(url));
    let words = match (place.get(&places.name), url) {
        (Some(name), Some(url)) => format!("{name} ({url})"),
        (Some(text), None) | (None, Some(text)) => text.clone(),
        (None, None) => place.get(&places.id).cloned().unwrap_or_default(),
    };
    words.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn places() -> Places {
        serde_json::from_value(
            serde_json::json!({"id": "cloud", "name": "title", "url": "address", "variable": "site"}),
        )
        .unwrap()
    }

    fn place(n: usize) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("cloud".into(), format!("id-{n}")),
            ("title".into(), format!("Team {n}")),
            ("address".into(), format!("https://team{n}.example.com")),
        ])
    }

    fn none() -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    #[test]
    fn place_of_several_chosen_by_id_address_or_name_whatever_the_writing() {
        for stated in ["id-1", "ID-1", "https://team1.example.com/", "TEAM1.example.com", " team 1 "] {
            let chosen = choose(&places(), Some(stated), &none(), vec![place(0), place(1)]).unwrap();
            assert_eq!(chosen, place(1), "{stated}");
        }
    }

    #[test]
    fn place_of_several_not_chosen_names_them() {
        let refusal = choose(&places(), None, &none(), vec![place(0), place(1)]).unwrap_err();
        assert_eq!((refusal.code, refusal.wanted, refusal.count), (ErrorCode::PlaceNotChosen, None, 2));
        assert_eq!(refusal.granted[1], "Team 1 (https://team1.example.com)");
    }

    #[test]
    fn place_of_a_name_that_two_have_is_not_chosen() {
        let mut twin = place(1);
        twin.insert("title".into(), "Team 0".into());
        let granted = vec![place(0), twin];
        let refusal = choose(&places(), Some("team 0"), &none(), granted.clone()).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::PlaceNotChosen);
        assert_eq!(choose(&places(), Some("id-0"), &none(), granted).unwrap(), place(0));
    }

    #[test]
    fn place_of_none_is_not_granted() {
        let refusal = choose(&places(), None, &none(), Vec::new()).unwrap_err();
        assert_eq!((refusal.code, refusal.wanted), (ErrorCode::PlaceNotGranted, None));
    }

    proptest! {
        /// What was asked for is what there is in the end, or nothing.
        #[test]
        fn place_taken_is_always_the_one_asked_for(
            count in 0_usize..5,
            stated in proptest::option::of(0_usize..6),
            before in proptest::option::of(0_usize..6),
        ) {
            let granted: Vec<_> = (0..count).map(place).collect();
            let text = stated.map(|n| format!("TEAM{n}.example.com/"));
            let earlier = before.map(place).unwrap_or_default();
            let taken = choose(&places(), text.as_deref(), &earlier, granted);
            match stated.or(before) {
                Some(n) if n < count => prop_assert_eq!(taken.unwrap(), place(n)),
                Some(_) => prop_assert_eq!(taken.unwrap_err().code, ErrorCode::PlaceNotGranted),
                None => match count {
                    0 => prop_assert_eq!(taken.unwrap_err().code, ErrorCode::PlaceNotGranted),
                    1 => prop_assert_eq!(taken.unwrap(), place(0)),
                    _ => prop_assert_eq!(taken.unwrap_err().code, ErrorCode::PlaceNotChosen),
                },
            }
        }
    }
}
