//! S39: another tenant's ids are answered exactly like unknown ones, on every RPC and both doors.

use prost::Message;
use prost_reflect::{DynamicMessage, Kind, Value};
use tonic::Code;
use valetkey_api::{Descriptors, Rpc};
use valetkey_domain::Permissions;

use crate::support::{framed, info, raw, start, status};

const UNKNOWN_ACCOUNT: &str = "ca_01k0p9zq3v8x6m5n4c2b1a0s9d";

/// A request of the RPC with `id` wherever an account's id goes, `connection` wherever a connection's name goes and
/// `identifier` for the user; `None` if the RPC takes no such thing.
fn request(rpc: &Rpc, id: Option<&str>, connection: Option<(&str, &str)>) -> Option<DynamicMessage> {
    let mut message = DynamicMessage::new(rpc.input.clone());
    let mut addressed = false;
    for field in rpc.input.fields() {
        let value = match (field.name(), id, connection) {
            ("id" | "connected_account_id", Some(id), _) => id,
            ("connector" | "connection_id", _, Some((name, _))) => name,
            ("identifier", _, Some((_, identifier))) => identifier,
            ("tool_name", ..) => "stub_get_me",
            ("query", ..) => "canary-user",
            ("auth_request_id", ..) => "ar_01k0p9zq3v8x6m5n4c2b1a0s9d",
            ("connected_account", ..) => {
                let Kind::Message(inner) = field.kind() else { continue };
                message.set_field(&field, Value::Message(DynamicMessage::new(inner)));
                continue;
            }
            _ => continue,
        };
        addressed |= !matches!(field.name(), "tool_name" | "query");
        message.set_field(&field, Value::String(value.to_owned()));
    }
    addressed.then_some(message)
}

#[tokio::test]
async fn foreign_ids_are_answered_like_unknown_ones() {
    let (app, owner) = start().await;
    app.stub_connection(&owner, "owned").await;
    let account = app.stub_account(&owner, "owned", "canary-user", "key-canary").await.account;
    let stranger = app.tenant("two").await;
    let bearer = format!("Bearer {}", app.token(&stranger, Permissions::all()).await);

    let ask = async |rpc: &Rpc, message: DynamicMessage| {
        let body = framed(&message.encode_to_vec());
        let response = raw(&app, &rpc.path, &[("authorization", &bearer)], body).await;
        let text = format!("{:?} {}", response.headers(), String::from_utf8_lossy(response.body()));
        let status = status(&response);
        // Request ids differ; all else must not.
        let words = match status.code() {
            Code::Ok => format!("{:?}", response.body()),
            _ => {
                let id = info(&status).request_info.unwrap().request_id;
                status.message().replace(&id, "")
            }
        };
        (status.code(), words, text)
    };
    let mut asked = 0;
    for rpc in Descriptors::embedded().unwrap().rpcs() {
        let pairs = [
            (request(rpc, Some(account.id.as_str()), None), request(rpc, Some(UNKNOWN_ACCOUNT), None)),
            (
                request(rpc, None, Some(("owned", "canary-user"))),
                request(rpc, None, Some(("never-there", "canary-user"))),
            ),
            (
                request(rpc, None, Some((account.connection.as_str(), "canary-user"))),
                request(rpc, None, Some(("conn_01k0p9zq3v8x6m5n4c2b1a0s9d", "canary-user"))),
            ),
        ];
        for (foreign, unknown) in pairs {
            let (Some(foreign), Some(unknown)) = (foreign, unknown) else { continue };
            let (foreign_code, foreign_words, text) = ask(rpc, foreign).await;
            let (unknown_code, unknown_words, _) = ask(rpc, unknown).await;
            let unknown_words = unknown_words.replace(UNKNOWN_ACCOUNT, account.id.as_str());
            let unknown_words = unknown_words.replace("never-there", "owned");
            let unknown_words =
                unknown_words.replace("conn_01k0p9zq3v8x6m5n4c2b1a0s9d", account.connection.as_str());
            assert_eq!((foreign_code, foreign_words), (unknown_code, unknown_words), "{}", rpc.path);
            assert!(!text.contains("key-canary"), "{}", rpc.path);
            asked += 1;
        }
    }
    assert!(asked >= 20, "only {asked} RPCs were asked");
    let still = valetkey_engine::AccountRef::id(account.id.as_str());
    let still = app.engine.find_account(&owner.operator, &still).await.unwrap().account;
    assert_eq!(still, account, "nothing was changed");
    assert!(app.provider.seen().is_empty(), "nothing was called");
}
