//! Every language says everything, in its own words, with the same values in them.

use std::collections::{BTreeSet, HashMap};

use valetkey_domain::{ErrorCode, Language};

use super::{Case, FormCase, case, fill, of_failure, of_form, texts};

fn places(text: &str) -> BTreeSet<(&str, bool)> {
    let pieces = fill::pieces(text).into_iter();
    let places = pieces.filter_map(|piece| match piece {
        fill::Piece::Place { name, strong } => Some((name, strong)),
        fill::Piece::Text(_) => None,
    });
    places.collect()
}

/// No page falls back to English: whatever is said in another language is said in other words.
#[test]
fn texts_of_every_language_are_its_own_and_have_the_same_places() {
    let english = texts(Language::English).all();
    for language in Language::ALL.into_iter().filter(|language| *language != Language::English) {
        for ((name, text), (_, original)) in texts(language).all().into_iter().zip(&english) {
            assert!(!text.trim().is_empty(), "{language:?} lacks {name}");
            assert_eq!(places(text), places(original), "{language:?} {name}");
            // "Error" is Spanish too.
            let shared = (language, name) == (Language::Spanish, "error_title");
            assert!(text != *original || shared, "{language:?} {name} is still English: {text}");
        }
    }
}

#[test]
fn failures_of_every_language_are_its_own() {
    for language in Language::ALL {
        let mut titles: HashMap<&str, Case> = HashMap::new();
        for case in Case::ALL {
            let words = of_failure(language, *case);
            assert!(
                !words.title.ends_with('.') && words.text.ends_with('.') && words.todo.ends_with('.'),
                "{language:?} {case:?}"
            );
            let double = titles.insert(words.title, *case);
            assert_eq!(double, None, "{language:?}: {} stands for two", words.title);
            if language != Language::English {
                let english = of_failure(Language::English, *case);
                assert!(
                    words.title != english.title && words.text != english.text && words.todo != english.todo,
                    "{language:?} {case:?} is still English"
                );
            }
        }
        let forms: BTreeSet<_> = FormCase::ALL.into_iter().map(|case| of_form(language, case)).collect();
        assert_eq!(forms.len(), FormCase::ALL.len(), "{language:?}");
        assert!(forms.iter().all(|text| text.ends_with('.')));
    }
    let forms: BTreeSet<_> =
        Language::ALL.into_iter().map(|language| of_form(language, FormCase::CheckEntries)).collect();
    assert_eq!(forms.len(), Language::ALL.len());
}

/// Every code has a page, and the codes of the flow have one each.
#[test]
fn cases_of_flow_codes_are_told_apart() {
    let mut codes: HashMap<Case, Vec<ErrorCode>> = HashMap::new();
    for code in ErrorCode::ALL {
        if let Some(case) = case::Case::of_flow(*code) {
            assert_eq!(Case::of(*code), case);
            codes.entry(case).or_default().push(*code);
        }
        let _every_code_has_words = of_failure(Language::German, Case::of(*code));
    }
    codes.remove(&Case::ConnectionNotSetUp);
    assert!(codes.values().all(|codes| codes.len() == 1), "{codes:?}");
}

#[test]
fn cases_in_general_blame_whom_they_belong_to() {
    for (code, case) in [
        (ErrorCode::StorageUnavailable, Case::ServerFailed),
        (ErrorCode::Internal, Case::ServerFailed),
        (ErrorCode::UpstreamTimeout, Case::ProviderFailed),
        (ErrorCode::UpstreamDnsFailed, Case::ProviderOutOfReach),
        (ErrorCode::UpstreamForbidden, Case::OrganizationRule),
        (ErrorCode::ProviderAdminRequired, Case::AdministratorRequired),
        (ErrorCode::ProviderSignInRequired, Case::SignInRequired),
        (ErrorCode::AccountNotFound, Case::AccountGone),
        (ErrorCode::UnsupportedMediaType, Case::RequestUnreadable),
        (ErrorCode::Conflict, Case::Passing),
        (ErrorCode::AccountExpired, Case::NewLinkNeeded),
    ] {
        assert_eq!(Case::of(code), case, "{code:?}");
    }
}
