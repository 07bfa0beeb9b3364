//! What a message says. It is made of what was stored with it and, where it tells what a call brought, of the kept answer.
//! Before it is sent the first time it is sealed and stored: whenever it is sent again it is the same, byte by byte.

use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use valetkey_domain::{
    AccountId, Change, Error, ErrorCode, Execution, ExecutionId, StoreError, Time,
    sealed::SealContext,
    webhook::{Delivery, DeliveryBody, WebhookEvent},
};
use zeroize::Zeroizing;

use crate::Engine;

/// What a sealed body is sealed for.
pub(crate) const DELIVERY_BODY: &str = "delivery_body";
/// How often a body is made anew because something was in between: another process made it, or its account has gone.
const ATTEMPTS: u32 = 3;

/// The largest result of a call that is sent along, in bytes of JSON.
const MAX_RESULT: usize = 256 << 10;

fn instant(at: Time) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

/// What an error says, in short.
fn told(error: &Error) -> Value {
    let details = error.details();
    let code = error.code();
    json!({
        "code": code.as_str(),
        "message": details.message,
        "cause": details.cause,
        "remedies": remedies(code),
    })
}

fn remedies(code: ErrorCode) -> Vec<&'static str> {
    code.entry().remedies.iter().map(|(_, text)| *text).collect()
}

/// The record of a call, with the names that it has at `GET /v1/connect/executions/{id}`.
fn record(execution: &Execution) -> Map<String, Value> {
    let record = json!({
        "id": execution.id.as_str(),
        "status": execution.status.as_str(),
        "tool_name": execution.tool,
        "connector": execution.connector,
        "connection_id": execution.connection.as_str(),
        "connected_account_id": execution.account.as_str(),
        "identifier": execution.identifier,
        "agent_run_id": execution.agent_run_id,
        "client_id": execution.client.as_str(),
        "source": execution.source.as_str(),
        "request_id": execution.request_id,
        "upstream_request": execution.upstream_request,
        "upstream_status": execution.upstream_status,
        "error_code": execution.error_code.map(ErrorCode::as_str),
        "error_message": execution.error_message,
        "started_at": instant(execution.started_at),
        "duration_us": execution.duration_us,
    });
    match record {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

impl Engine {
    /// The body of a message: the one it was sent with before, or else a new one, which is durable now. `None` if the
    /// message is gone.
    pub(super) async fn webhook_body(
        &self,
        delivery: &Delivery,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let context = SealContext {
            environment: delivery.environment.as_str(),
            record: delivery.id.as_str(),
            field: DELIVERY_BODY,
            generation: 0,
        };
        for _ in 0..ATTEMPTS {
            if let Some(sealed) = self.0.store.delivery_body(&delivery.webhook, &delivery.id).await? {
                return Ok(Some(self.0.keyring.open(context, &sealed).await?));
            }
            let (body, account) = self.compose(delivery).await?;
            let sealed = self.0.keyring.seal(context, body.as_slice()).await?;
            let (webhook, id) = (delivery.webhook.clone(), delivery.id.clone());
            let insert = DeliveryBody { webhook, delivery: id, account, sealed };
            match self.0.store.commit(Change::InsertDeliveryBody(insert).into()).await {
                Ok(()) => return Ok(Some(body)),
                Err(StoreError::Conflict { .. }) => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(None)
    }

    /// A new body, and the account with which the call was made whose answer is in it.
    async fn compose(&self, delivery: &Delivery) -> Result<(Zeroizing<Vec<u8>>, Option<AccountId>), Error> {
        let (data, account) = match delivery.event {
            WebhookEvent::ExecutionFinished => self.execution_told(delivery).await?,
            _ => (facts(delivery), None),
        };
        let body = json!({
            "id": delivery.id.as_str(),
            "type": delivery.event.as_str(),
            "timestamp": instant(delivery.created_at),
            "environment": delivery.environment.as_str(),
            "data": data,
        });
        Ok((Zeroizing::new(serde_json::to_vec(&body).map_err(Error::internal)?), account))
    }

    async fn execution_told(
        &self,
        delivery: &Delivery,
    ) -> Result<(Map<String, Value>, Option<AccountId>), Error> {
        let id = delivery.subject.as_deref().and_then(|id| id.parse::<ExecutionId>().ok());
        let execution = match &id {
            Some(id) => self.0.store.execution(id).await?,
            None => None,
        };
        let Some(execution) = execution else {
            // It was removed by its age before it could be told.
            let told = [("id".into(), json!(delivery.subject)), ("result_omitted".into(), true.into())];
            return Ok((Map::from_iter(told), None));
        };
        let mut data = record(&execution);
        if let Some(name) = &delivery.connection_name {
            data.insert("connection_name".into(), json!(name));
        }
        let (name, value) = match self.brought_by(&execution).await? {
            Some(Ok(result)) if result.to_string().len() <= MAX_RESULT => ("data", result),
            Some(Err(error)) if error.code() != ErrorCode::AnswerNotKept => ("error", told(&error)),
            Some(_) | None => ("result_omitted", true.into()),
        };
        let account = (name != "result_omitted").then(|| execution.account.clone());
        data.insert(name.into(), value);
        Ok((data, account))
    }
}

/// What is told of an account or a connection.
fn facts(delivery: &Delivery) -> Map<String, Value> {
    let mut data = delivery.facts.as_object().cloned().unwrap_or_default();
    for (name, value) in
        [("identifier", &delivery.identifier), ("connection_name", &delivery.connection_name)]
    {
        if let Some(value) = value {
            data.insert(name.into(), value.clone().into());
        }
    }
    let code = data.get("code").and_then(Value::as_str).and_then(ErrorCode::parse);
    if let Some(code) = code {
        data.insert("remedies".into(), json!(remedies(code)));
    }
    data
}
