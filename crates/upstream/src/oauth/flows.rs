//! The grants.

use std::{collections::BTreeMap, time::Duration};

use http::header;
use url::Url;
use valetkey_domain::{Error, ExposeSecret as _, SecretString, Time, credential::OAuthTokens};

use super::{
    ClientConfig, LIMITS, TokenFailure, TokenReply,
    authorize::{callback_metadata, scope_params},
    failure::{self, Grant},
    redact::Redactor,
    reply::{self, ReadTokens},
    request::{Params, Values, token_request},
};
use crate::{
    connector::{RefreshBy, Target, TokenReplyShape, TokenRequest},
    http::{CallLimits, Egress, OutboundRequest, Response},
};

/// Exchanges an authorization code (RFC 6749 §4.1.3). `callback` is the whole query of the callback: some connectors
/// keep facts from it.
///
/// # Errors
/// [`TokenFailure`], classed.
pub async fn exchange_code(
    egress: &Egress,
    c: &ClientConfig<'_>,
    code: &SecretString,
    verifier: Option<&SecretString>,
    callback: &BTreeMap<String, String>,
    now: Time,
) -> Result<TokenReply, TokenFailure> {
    // The token endpoint itself may depend on what the callback told (a data centre, say).
    let mut metadata = c.target.metadata.clone();
    metadata.extend(callback_metadata(c.profile, callback));
    let c = &ClientConfig { target: Target { metadata: &metadata, ..c.target }, ..*c };

    let mut params: Params = vec![
        ("grant_type".into(), "authorization_code".into()),
        ("code".into(), code.expose_secret().into()),
        ("redirect_uri".into(), c.redirect_uri.into()),
    ];
    // RFC 7636 §4.5.
    if let Some(verifier) = verifier {
        params.push(("code_verifier".into(), verifier.expose_secret().into()));
    }
    params.extend(resource(c));
    let mut redactor = Redactor::default();
    redactor.add(code);
    redactor.add_maybe(verifier);
    let call = Call { egress, c, grant: Grant::Code, redactor, deadline: LIMITS.deadline, now };
    let values = Values { code: Some(code), callback: Some(callback), ..Values::default() };
    let (mut read, mut provider_time) = call
        .tokens(c.target.token_url(), &c.profile.token.request, &c.profile.token.reply, params, &values)
        .await?;

    if let Some(second) = &c.profile.exchange {
        let mut params = Params::new();
        if let Some(grant_type) = &second.grant_type {
            params.push(("grant_type".into(), grant_type.clone()));
        }
        let mut redactor = Redactor::default();
        redactor.add(&read.access_token);
        let call = Call { redactor, ..call };
        let first = read.access_token.clone();
        let values = Values { access_token: Some(&first), callback: Some(callback), ..Values::default() };
        let (longer, at) =
            call.tokens(c.target.exchange_url(), &second.request, &second.reply, params, &values).await?;
        read = merge(longer, read);
        provider_time = at;
    }
    metadata.extend(read.metadata);
    Ok(TokenReply {
        tokens: OAuthTokens {
            access_token: read.access_token,
            refresh_token: read.refresh_token,
            token_type: read.token_type,
            expires_at: read.expires_at,
            extra: read.extra,
        },
        scopes: read.scopes,
        metadata,
        identity: read.identity,
        provider_time,
    })
}

/// What the second reply lacks is kept from the first; only its own expiry counts.
fn merge(later: ReadTokens, earlier: ReadTokens) -> ReadTokens {
    let mut extra = earlier.extra;
    extra.extend(later.extra);
    let mut metadata = earlier.metadata;
    metadata.extend(later.metadata);
    ReadTokens {
        access_token: later.access_token,
        refresh_token: later.refresh_token.or(earlier.refresh_token),
        token_type: later.token_type.or(earlier.token_type),
        expires_at: later.expires_at,
        extra,
        scopes: later.scopes.or(earlier.scopes),
        metadata,
        identity: later.identity.or(earlier.identity),
    }
}

/// Renews a grant (RFC 6749 §6) in the connector's way. What the reply leaves out (a refresh token that stays good,
/// say) is kept from `tokens`. `deadline` bounds the request to the provider.
///
/// # Errors
/// [`TokenFailure`], classed; `refresh_not_possible` where there is nothing to renew with.
pub async fn refresh(
    egress: &Egress,
    c: &ClientConfig<'_>,
    tokens: &OAuthTokens,
    scopes: &[String],
    deadline: Duration,
    now: Time,
) -> Result<TokenReply, TokenFailure> {
    let how = &c.profile.refresh;
    let mut params = Params::new();
    let mut redactor = Redactor::default();
    match (how.by, &tokens.refresh_token) {
        (RefreshBy::ClientCredentials, _) => {
            return client_credentials(egress, c, scopes, deadline, now).await;
        }
        (RefreshBy::Never, _) | (RefreshBy::RefreshToken, None) => return Err(failure::not_possible()),
        (RefreshBy::RefreshToken, Some(refresh_token)) => {
            let grant_type = how.grant_type.as_deref().unwrap_or("refresh_token");
            params.push(("grant_type".into(), grant_type.into()));
            params.push(("refresh_token".into(), refresh_token.expose_secret().into()));
            redactor.add(refresh_token);
        }
        (RefreshBy::AccessToken, _) => {
            params
                .extend(how.grant_type.as_ref().map(|grant_type| ("grant_type".into(), grant_type.clone())));
        }
    }
    redactor.add(&tokens.access_token);
    if how.send_scopes {
        params.extend(scope_params(c.profile, scopes));
    }
    params.extend(resource(c));

    let call = Call { egress, c, grant: Grant::Refresh, redactor, deadline, now };
    let request = how.request.as_ref().unwrap_or(&c.profile.token.request);
    let shape = how.reply.as_ref().unwrap_or(&c.profile.token.reply);
    let values = Values {
        refresh_token: tokens.refresh_token.as_ref(),
        access_token: Some(&tokens.access_token),
        ..Values::default()
    };
    let (read, provider_time) = call.tokens(c.target.refresh_url(), request, shape, params, &values).await?;
    let mut extra = tokens.extra.clone();
    extra.extend(read.extra);
    Ok(TokenReply {
        tokens: OAuthTokens {
            access_token: read.access_token,
            // RFC 6749 §6: without a new refresh token the old one stays good.
            refresh_token: read.refresh_token.or_else(|| tokens.refresh_token.clone()),
            token_type: read.token_type.or_else(|| tokens.token_type.clone()),
            expires_at: read.expires_at,
            extra,
        },
        scopes: read.scopes,
        metadata: read.metadata,
        identity: read.identity,
        provider_time,
    })
}

/// Gets tokens for the client itself (RFC 6749 §4.4). `deadline` bounds the request to the provider.
///
/// # Errors
/// [`TokenFailure`], classed; never dead, since there is no grant of a user.
pub async fn client_credentials(
    egress: &Egress,
    c: &ClientConfig<'_>,
    scopes: &[String],
    deadline: Duration,
    now: Time,
) -> Result<TokenReply, TokenFailure> {
    let mut params: Params = vec![("grant_type".into(), "client_credentials".into())];
    if c.profile.scopes.in_token_request {
        params.extend(scope_params(c.profile, scopes));
    }
    let value = |name: &str| c.target.value(name);
    if let Some(audience) = c.profile.audience.as_ref().and_then(|template| template.render(value)) {
        params.push(("audience".into(), audience));
    }
    params.extend(resource(c));
    let call = Call { egress, c, grant: Grant::Client, redactor: Redactor::default(), deadline, now };
    let (request, shape) = (&c.profile.token.request, &c.profile.token.reply);
    let (read, provider_time) =
        call.tokens(c.target.token_url(), request, shape, params, &Values::default()).await?;
    Ok(TokenReply {
        tokens: OAuthTokens {
            access_token: read.access_token,
            refresh_token: read.refresh_token,
            token_type: read.token_type,
            expires_at: read.expires_at,
            extra: read.extra,
        },
        scopes: read.scopes,
        metadata: read.metadata,
        identity: read.identity,
        provider_time,
    })
}

/// RFC 8707 §2.2.
fn resource(c: &ClientConfig<'_>) -> Option<(String, String)> {
    let template = c.profile.resource.as_ref()?;
    Some(("resource".into(), template.render(|name| c.target.value(name))?))
}

/// One call of a token endpoint.
struct Call<'a> {
    egress: &'a Egress,
    c: &'a ClientConfig<'a>,
    grant: Grant,
    redactor: Redactor,
    deadline: Duration,
    now: Time,
}

impl Call<'_> {
    async fn tokens(
        &self,
        url: Result<Option<Url>, Error>,
        request: &TokenRequest,
        shape: &TokenReplyShape,
        params: Params,
        values: &Values<'_>,
    ) -> Result<(ReadTokens, Option<Time>), TokenFailure> {
        let request = url
            .and_then(|url| url.ok_or_else(|| Error::internal("the connector has no token endpoint")))
            .and_then(|url| token_request(self.c, request, url, params, values))
            .map_err(|error| failure::unsendable(&error))?;
        let response = self.send(request).await?;
        let read = self.read(shape, &response)?;
        Ok((read, response.header(&header::DATE).and_then(failure::http_date)))
    }

    async fn send(&self, request: OutboundRequest) -> Result<Response, TokenFailure> {
        let limits = CallLimits { deadline: self.deadline, ..LIMITS };
        self.egress.send(request, limits).await.map_err(|fault| failure::unreached(self.grant, fault))
    }

    fn read(&self, shape: &TokenReplyShape, response: &Response) -> Result<ReadTokens, TokenFailure> {
        let unreadable = |why| failure::unreadable(self.grant, response, why, self.now);
        let document = match reply::document(response, shape.format) {
            Ok(document) => document,
            // RFC 6749 §5.2 again: 401 needs no body to say that it is the client.
            Err(_) if response.status == http::StatusCode::UNAUTHORIZED => serde_json::Value::Null,
            Err(why) => return Err(unreadable(why)),
        };
        if !response.status.is_success() || reply::is_error(shape, &document) {
            let words = reply::error_of(shape, &document);
            let mut redactor = self.redactor.clone();
            redactor.add_maybe(self.c.client_secret);
            // A reply can carry tokens and complain about them in one breath.
            for found in
                [&shape.access_token, &shape.refresh_token].into_iter().chain(shape.extra_tokens.values())
            {
                if let Some(token) = found.first(&document).and_then(serde_json::Value::as_str) {
                    redactor.add(&SecretString::from(token));
                }
            }
            return Err(failure::refused(self.c.profile, self.grant, response, words, &redactor, self.now));
        }
        reply::tokens(shape, &document, self.now).map_err(unreadable)
    }
}
