//! Looking at a link.

use valetkey_domain::{
    AccountStatus, Error, ExposeSecret, SecretString, Time, connection::IdentityPolicy, language::Words,
};
use valetkey_upstream::connector::{Auth, Connector, Field};

use super::attempt::{Scene, browser_hash, form_token, well_formed};
use crate::{Engine, context::target, links::host_of};

/// What the hosted page of a link shows.
#[derive(Debug, Clone)]
pub struct LinkPage {
    /// The connector's name for people: `Gmail`.
    pub connector_name: String,
    /// The connector's slug, for its icon.
    pub connector: String,
    /// The name of the connection.
    pub connection_name: String,
    /// For whom the link was made: the app's own id of the user.
    pub identifier: String,
    /// Which of the user's accounts on the connection, if it has a name.
    pub account_name: Option<String>,
    /// Whether only the account at the provider that was connected before is accepted.
    pub pinned: bool,
    /// Whether the account works already: the link repeats its authorization.
    pub connected: bool,
    /// The account at the provider that is connected now, if its name is known.
    pub label: Option<String>,
    /// What will be asked for.
    pub scopes: Vec<ScopeLine>,
    /// What the user has to do.
    pub step: LinkStep,
    /// The host of the provider that the user is sent to.
    pub provider_host: Option<String>,
    /// The host of the app's own page that the user is sent to afterwards, if the app confirms users.
    pub return_host: Option<String>,
    /// When the link stops working.
    pub expires_at: Time,
    /// The value of the browser's cookie, to be set with the page.
    pub browser: SecretString,
    /// Goes into the page's form as a hidden field; only good together with the cookie and the link.
    pub form_token: String,
}

/// A scope, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeLine {
    /// As the provider spells it.
    pub scope: String,
    /// What it lets one do, where the connector says so.
    pub description: Option<Words>,
}

/// What the user has to do on the page of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkStep {
    /// Press *Continue* and be sent to the provider (`start_authorization`).
    GoToProvider,
    /// Fill in a form (`submit_credentials`).
    EnterCredential(Vec<FormField>),
    /// Just press *Continue*: nothing of the user's is needed (`start_authorization`).
    Confirm,
}

/// One field of a credential form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// The name of the input.
    pub name: String,
    /// The label for people.
    pub label: Words,
    /// A sentence of help: where to find the value.
    pub help: Option<Words>,
    /// The page of the provider where the value is found or made.
    pub help_url: Option<String>,
    /// Whether what is typed must not be shown.
    pub secret: bool,
    /// Whether it must be filled in.
    pub required: bool,
    /// An example of a value.
    pub placeholder: Option<String>,
}

impl Engine {
    /// What the page of the link with this token shows to the browser with this cookie. Changes nothing: mail scanners
    /// and link previews look at links too.
    ///
    /// # Errors
    /// `link_invalid`, `link_expired`, `link_used`, `link_other_browser`, `connection_disabled`.
    pub async fn open_link(&self, token: &str, browser: Option<&SecretString>) -> Result<LinkPage, Error> {
        let scene = self.scene_of_link(token).await?;
        self.require_usable(&scene, browser_hash(browser)).await?;
        self.link_page(&scene, token, browser)
    }

    /// The page of an attempt that may go on.
    pub(super) fn link_page(
        &self,
        scene: &Scene,
        token: &str,
        browser: Option<&SecretString>,
    ) -> Result<LinkPage, Error> {
        let connector = self.connector_of(&scene.connection)?;
        let step = match &connector.auth {
            Auth::OAuth(_) => LinkStep::GoToProvider,
            Auth::Static(_, form) => LinkStep::EnterCredential(form.fields.iter().map(form_field).collect()),
            Auth::ClientCredentials(_) | Auth::None => LinkStep::Confirm,
        };
        let known = browser.filter(|cookie| well_formed(cookie.expose_secret()));
        let browser = known.cloned().unwrap_or_else(|| self.new_browser());
        let describe = connector.auth.oauth().map(|profile| &profile.scopes.describe);
        let scopes = scene.attempt.scopes.iter().map(|scope| ScopeLine {
            scope: scope.clone(),
            description: describe.and_then(|words| words.get(scope)).cloned(),
        });
        let connected = scene.account.status() == AccountStatus::Active;
        Ok(LinkPage {
            connector_name: connector.display_name.clone(),
            connector: connector.slug.clone(),
            connection_name: scene.connection.name.clone(),
            identifier: scene.account.identifier.clone(),
            account_name: Some(scene.account.name.clone()).filter(|name| !name.is_empty()),
            pinned: scene.connection.identity_policy == IdentityPolicy::Refuse
                && scene.account.provider_subject.is_some(),
            label: scene.account.label.clone().filter(|_| connected),
            connected,
            scopes: scopes.collect(),
            step,
            provider_host: self.provider_host(scene, connector),
            return_host: host_of(scene.attempt.user_verify_url.as_deref()),
            expires_at: scene.attempt.expires_at,
            form_token: form_token(&browser, token),
            browser,
        })
    }
}

impl Engine {
    /// Where *Continue* leads: the host of the authorization endpoint, with the connection's overrides.
    fn provider_host(&self, scene: &Scene, connector: &Connector) -> Option<String> {
        connector.auth.oauth()?.authorize.as_ref()?;
        let target = target(connector, &scene.connection, &scene.account.metadata);
        let url = target.authorize_url().ok().flatten()?;
        url.host_str().map(str::to_owned)
    }
}

fn form_field(field: &Field) -> FormField {
    FormField {
        name: field.name.clone(),
        label: field.label.clone(),
        help: field.help.clone(),
        help_url: field.url.clone(),
        secret: field.secret,
        required: !field.optional,
        placeholder: field.placeholder.clone(),
    }
}
