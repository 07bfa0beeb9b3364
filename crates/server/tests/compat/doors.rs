//! What holds for every call, whatever it asks for.

use http::header;
use tonic::Code;
use valetkey_api::Descriptors;

use crate::support::{code, framed, header_text, info, raw, start, status};

const LIST: &str = "/scalekit.v1.connected_accounts.ConnectedAccountService/ListConnectedAccounts";

/// Whatever it is called: UNIMPLEMENTED, never an HTTP 404.
#[tokio::test]
async fn method_unknown_is_unimplemented() {
    let (app, tenant) = start().await;
    let bearer = format!("Bearer {}", tenant.token);
    for path in [
        "/scalekit.v1.tools.ToolService/Bogus",
        "/scalekit.v1.mcp.McpService/ListMcpConfigs",
        "/scalekit.v1.connections.ConnectionService/ListAppConnections",
        "/grpc.health.v1.Health/Check",
        "/other.Service/Method",
        "/oauth/token",
        "/v1/connect/accounts",
        "/",
        "/%ff/\u{20ac}",
    ] {
        let Ok(path) = path.parse::<http::Uri>() else { continue };
        for headers in [&[("authorization", bearer.as_str())][..], &[]] {
            let status = status(&raw(&app, &path.to_string(), headers, framed(b"")).await);
            assert_eq!(status.code(), Code::Unimplemented, "{path}: {status}");
            assert_eq!(info(&status).error_code, "unimplemented");
        }
    }
}

/// RPCs that are described and not written yet: the same, with our details, once the caller is known.
#[tokio::test]
async fn rpc_not_written_yet_is_unimplemented_with_details() {
    let (app, tenant) = start().await;
    let bearer = format!("Bearer {}", tenant.token);
    for rpc in [
        "/scalekit.v1.tools.ToolService/RefreshTools",
        "/scalekit.v1.connected_accounts.ConnectedAccountService/GetRedirectUrl",
        "/scalekit.v1.connected_accounts.ConnectedAccountService/ListMyAppConnections",
    ] {
        let status = status(&raw(&app, rpc, &[("authorization", &bearer)], framed(b"")).await);
        assert_eq!(status.code(), Code::Unimplemented, "{rpc}");
        assert_eq!(info(&status).error_code, "unimplemented");
        assert!(status.message().contains(rpc.trim_start_matches('/')), "{}", status.message());
    }
}

/// S40: no RPC answers to strangers.
#[tokio::test]
async fn rpc_without_a_caller_is_unauthenticated() {
    let (app, _) = start().await;
    for rpc in Descriptors::embedded().unwrap().rpcs() {
        for headers in [
            &[][..],
            &[("authorization", "Bearer vk_bogus")],
            &[("authorization", "Basic dTpw")],
            &[("authorization", "")],
        ] {
            let status = status(&raw(&app, &rpc.path, headers, framed(b"")).await);
            assert_eq!(status.code(), Code::Unauthenticated, "{}", rpc.path);
            assert_eq!(info(&status).error_code, "unauthenticated");
        }
    }
}

/// The Python SDK sends the fresh token first and the stale one behind it.
#[tokio::test]
async fn authorization_of_two_values_the_first_counts() {
    let (app, tenant) = start().await;
    let (fresh, stale) = (format!("Bearer {}", tenant.token), "Bearer vk_stale");
    let fresh_first = [("authorization", fresh.as_str()), ("authorization", stale)];
    assert_eq!(code(&raw(&app, LIST, &fresh_first, framed(b"")).await), Code::Ok);
    let stale_first = [("authorization", stale), ("authorization", fresh.as_str())];
    assert_eq!(code(&raw(&app, LIST, &stale_first, framed(b"")).await), Code::Unauthenticated);
}

/// S45: what is no message is an error of the caller's, not of the server's.
#[tokio::test]
async fn message_malformed_is_refused() {
    let (app, tenant) = start().await;
    let bearer = format!("Bearer {}", tenant.token);
    let execute = "/scalekit.v1.tools.ToolService/ExecuteTool";
    // Groups within groups, beyond what a decoder may follow.
    let deep = (0..300).fold(Vec::new(), |inner: Vec<u8>, _| {
        let length = prost::encoding::encoded_len_varint(inner.len() as u64);
        let mut outer = vec![0x1a];
        prost::encoding::encode_varint(inner.len() as u64, &mut outer);
        assert_eq!(outer.len(), 1 + length);
        outer.extend(inner);
        outer
    });
    let compressed = [&[1, 0, 0, 0, 1][..], b"x"].concat();
    let cases = [
        Vec::new(),
        vec![0, 0],
        vec![0, 0, 0, 0, 9, 1],
        [framed(b""), framed(b"")].concat(),
        compressed,
        framed(&[0xff; 40]),
        framed(&[0x0a, 0x02, 0xff, 0xfe]),
        framed(&deep),
    ];
    for body in cases {
        let status = status(&raw(&app, execute, &[("authorization", &bearer)], body.clone()).await);
        assert_eq!(status.code(), Code::InvalidArgument, "{body:?}: {status}");
    }
    let timeout = [("authorization", bearer.as_str()), ("grpc-timeout", "soon")];
    assert_eq!(code(&raw(&app, LIST, &timeout, framed(b"")).await), Code::InvalidArgument);
}

#[tokio::test]
async fn message_too_large_is_refused_as_grpc() {
    let (app, tenant) = start().await;
    let bearer = format!("Bearer {}", tenant.token);
    let body = framed(&vec![0; 5 * 1024 * 1024]);
    let status = status(&raw(&app, LIST, &[("authorization", &bearer)], body).await);
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(info(&status).error_code, "payload_too_large");
}

#[tokio::test]
async fn answers_carry_the_request_id() {
    let (app, tenant) = start().await;
    let bearer = format!("Bearer {}", tenant.token);
    let response = raw(&app, LIST, &[("authorization", &bearer)], framed(b"")).await;
    assert_eq!(code(&response), Code::Ok);
    assert!(header_text(response.headers(), "x-request-id").starts_with("req_"));
    let response = raw(&app, LIST, &[], framed(b"")).await;
    let request_id = info(&status(&response)).request_info.unwrap().request_id;
    assert_eq!(header_text(response.headers(), "x-request-id"), request_id);
    assert!(status(&response).message().contains(&request_id));
    assert!(response.headers().get(header::RETRY_AFTER).is_none());
}

/// The access token of `/oauth/token` works as well as a static one.
#[tokio::test]
async fn access_token_of_client_credentials_is_accepted() {
    let (app, tenant) = start().await;
    let secret = valetkey_domain::SecretString::from(tenant.client_secret.clone());
    let token = app.engine.issue_access_token(&tenant.client_id, &secret).await.unwrap();
    let bearer = format!("Bearer {}", valetkey_domain::ExposeSecret::expose_secret(&token.token));
    assert_eq!(code(&raw(&app, LIST, &[("authorization", &bearer)], framed(b"")).await), Code::Ok);
}
