//! Types and services generated from `proto/`, one module per package.

/// `scalekit.v1.connected_accounts`
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated; the documentation is in the .proto file"
)]
pub mod connected_accounts {
    tonic::include_proto!("scalekit.v1.connected_accounts");
}

/// `scalekit.v1.tools`
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated; the documentation is in the .proto file"
)]
pub mod tools {
    tonic::include_proto!("scalekit.v1.tools");
}

/// `scalekit.v1.errdetails`
pub mod errdetails {
    tonic::include_proto!("scalekit.v1.errdetails");
}

/// `google.rpc`
pub mod rpc {
    tonic::include_proto!("google.rpc");
}

/// `google.api`
pub mod google_api {
    tonic::include_proto!("google.api");
}

/// `valetkey.options.v1`
pub mod options {
    tonic::include_proto!("valetkey.options.v1");
}
