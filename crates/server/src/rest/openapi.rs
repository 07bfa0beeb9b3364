//! What the OpenAPI document says beside the endpoints.

use std::collections::BTreeMap;
use utoipa::{
    IntoResponses, OpenApi,
    openapi::{
        ContentBuilder, RefOr, Response, ResponseBuilder,
        security::{ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme},
    },
};
use valetkey_domain::Permission;

use crate::error::ErrorResponse;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Valetkey",
        description = "Connects end users' third-party accounts, keeps their credentials, and acts with them.\n\n\
            Every error has a code from one catalogue; its `docs` field links to a page with cause and remedies.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        version = "v1"
    ),
    components(schemas(ErrorResponse)),
    security(("bearer" = []), ("client_credentials" = [])),
    tags(
        (name = "connections", description = "Configured connectors: one serves all users."),
        (name = "accounts", description = "Connected accounts: one end user's credential for one connection."),
        (name = "tools", description = "Named actions of a connector, executed on an account."),
        (name = "connectors", description = "The third-party apps that can be connected."),
        (name = "executions", description = "The durable record of tool and proxy calls."),
        (name = "diagnoses", description = "Why something does not work, and whose move it is."),
        (name = "webhooks", description = "Endpoints of your app that are told what happens."),
        (name = "api clients", description = "Who may call this API: clients and static tokens."),
        (name = "server", description = "Running the server itself: its keyring, a restored database.")
    )
)]
struct Document;

/// The document without its endpoints.
pub(super) fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("A static API token (`vk_…`) or an access token from `POST /oauth/token`."))
                .build(),
        ),
    );
    let scopes = Scopes::from_iter(Permission::ALL.iter().map(|p| (p.as_str(), "")));
    components.add_security_scheme(
        "client_credentials",
        SecurityScheme::OAuth2(OAuth2::new([Flow::ClientCredentials(ClientCredentials::new(
            "/oauth/token",
            scopes,
        ))])),
    );
    document
}

/// The answer of every endpoint when something is wrong.
pub(crate) struct Errors;

impl IntoResponses for Errors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let response = ResponseBuilder::new()
            .description("Something is wrong; the code says what, the remedies what to do.")
            .content(
                "application/json",
                ContentBuilder::new()
                    .schema(Some(utoipa::openapi::Ref::from_schema_name("ErrorResponse")))
                    .build(),
            )
            .build();
        BTreeMap::from([("default".to_owned(), RefOr::T(response))])
    }
}
