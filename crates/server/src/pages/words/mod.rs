//! What the pages say, in every language. A language is a file that fills in every text: one that lacks a text does not
//! compile, so that no page can fall back to another language unnoticed.
//!
//! Texts have places for values: `{connector}`, or `{*account}` to set it off. Values are never translated: names of
//! providers and accounts, scopes, codes.

mod case;
mod date;
mod english;
mod fill;
mod french;
mod german;
mod spanish;
#[cfg(test)]
mod tests;

use valetkey_domain::Language;

pub(super) use case::{Case, FormCase};
pub(super) use date::moment;
pub(super) use fill::{plain, rich};

/// The words of the page of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    /// The heading.
    pub(super) title: &'static str,
    /// What happened.
    pub(super) text: &'static str,
    /// What to do.
    pub(super) todo: &'static str,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Everything that pages say beside the words of failures.
        #[derive(Debug)]
        pub(super) struct Texts {
            $($(#[$doc])* pub(super) $name: &'static str,)*
            /// The months, as they stand in a date.
            pub(super) months: [&'static str; 12],
        }

        impl Texts {
            /// Every text with its name.
            #[cfg(test)]
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }
    };
}

texts! {
    /// The heading of a link's page.
    connect_title,
    /// Stands before the title of a page with an alert.
    error_title,
    /// Who asks for what.
    asks,
    asks_unnamed,
    /// What is connected already.
    connected_now,
    connected_now_unnamed,
    same_account_only,
    replaces,
    /// Above the list of scopes.
    scopes_heading,
    /// Facts of the link.
    for_whom,
    sign_in_at,
    back_to,
    valid_until,
    /// Of a form.
    optional,
    where_to_find,
    field_needed,
    field_unfit,
    /// Buttons.
    go_on,
    connect,
    try_again,
    /// Below the button.
    closing_provider,
    closing_provider_unnamed,
    closing_key,
    closing_key_unnamed,
    closing_nothing,
    not_expected,
    /// The page of success.
    connected_title,
    done_title,
    you_connected,
    missing_one,
    missing_many,
    close_page,
    close_page_unnamed,
    /// The page of a failure.
    still_works,
    still_works_unnamed,
    what_to_do,
    connecting,
    status_page,
    reference,
    /// The foot of every page.
    powered_by,
    support,
    privacy,
    choose_language,
}

/// The texts of a language.
pub(super) const fn texts(language: Language) -> &'static Texts {
    match language {
        Language::English => &english::TEXTS,
        Language::German => &german::TEXTS,
        Language::Spanish => &spanish::TEXTS,
        Language::French => &french::TEXTS,
    }
}

/// The page of a failure.
pub(super) const fn of_failure(language: Language, case: Case) -> Words {
    match language {
        Language::English => english::failure(case),
        Language::German => german::failure(case),
        Language::Spanish => spanish::failure(case),
        Language::French => french::failure(case),
    }
}

/// What stands above a form that has to be filled in again.
pub(super) const fn of_form(language: Language, case: FormCase) -> &'static str {
    match language {
        Language::English => english::form(case),
        Language::German => german::form(case),
        Language::Spanish => spanish::form(case),
        Language::French => french::form(case),
    }
}

/// For the files of the languages: less to write.
const fn words(title: &'static str, text: &'static str, todo: &'static str) -> Words {
    Words { title, text, todo }
}
