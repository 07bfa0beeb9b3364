//! The embedded descriptors, read once.

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{DescriptorPool, DynamicMessage, ExtensionDescriptor, MessageDescriptor};

use crate::{
    http_rules::{self, HttpRoute},
    limits::Limits,
    proto::{google_api, options},
};

static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

static DESCRIPTORS: LazyLock<Result<Descriptors, DescriptorError>> = LazyLock::new(Descriptors::read);

/// The embedded descriptors do not say what they should. Only a mistake in `proto/` can cause it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("descriptors: {0}")]
pub struct DescriptorError(pub String);

/// One RPC of the compatible API.
#[derive(Debug, Clone)]
pub struct Rpc {
    /// The gRPC path: `/package.Service/Method`.
    pub path: String,
    /// The method's name alone.
    pub name: String,
    /// The request type.
    pub input: MessageDescriptor,
    /// The response type.
    pub output: MessageDescriptor,
    /// The permission that the caller must hold, unless the use case decides.
    pub permission: Option<String>,
    /// How it is reached over plain HTTP.
    pub routes: Vec<HttpRoute>,
}

/// Everything the descriptors say.
#[derive(Debug)]
pub struct Descriptors {
    rpcs: Vec<Rpc>,
    by_path: HashMap<String, usize>,
    limits: Limits,
    pool: DescriptorPool,
}

impl Descriptors {
    /// The embedded descriptors.
    ///
    /// # Errors
    /// Only when `proto/` is wrong: a limit that makes no sense, a malformed path template, an RPC without access rule.
    pub fn embedded() -> Result<&'static Self, DescriptorError> {
        DESCRIPTORS.as_ref().map_err(Clone::clone)
    }

    /// Every RPC.
    #[must_use]
    pub fn rpcs(&self) -> &[Rpc] {
        &self.rpcs
    }

    /// The RPC with this gRPC path.
    #[must_use]
    pub fn rpc(&self, path: &str) -> Option<&Rpc> {
        self.by_path.get(path).map(|index| &self.rpcs[*index])
    }

    /// The limits of all fields.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// All types, for reading details of errors.
    #[must_use]
    pub fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    fn read() -> Result<Self, DescriptorError> {
        let pool = DescriptorPool::decode(BYTES).map_err(|e| DescriptorError(e.to_string()))?;
        let http = extension(&pool, "google.api.http")?;
        let access = extension(&pool, "valetkey.options.v1.access")?;
        let mut rpcs = Vec::new();
        for service in pool.services() {
            for method in service.methods() {
                let path = format!("/{}/{}", service.full_name(), method.name());
                let options = method.options();
                let rule: google_api::HttpRule = option(&options, &http)
                    .ok_or_else(|| DescriptorError(format!("{path} has no HTTP rule")))?;
                // Deny by default (S40): an RPC that does not say who may call it does not start.
                let access: options::Access = option(&options, &access)
                    .ok_or_else(|| DescriptorError(format!("{path} has no access rule")))?;
                rpcs.push(Rpc {
                    name: method.name().to_owned(),
                    input: method.input(),
                    output: method.output(),
                    permission: Some(access.permission).filter(|p| !p.is_empty()),
                    routes: http_rules::routes(&rule, &method.input())
                        .map_err(|e| DescriptorError(format!("{path}: {e}")))?,
                    path,
                });
            }
        }
        let limits = Limits::read(&pool)?;
        let by_path = rpcs.iter().enumerate().map(|(index, rpc)| (rpc.path.clone(), index)).collect();
        Ok(Self { rpcs, by_path, limits, pool })
    }
}

/// An extension by name.
pub(crate) fn extension(pool: &DescriptorPool, name: &str) -> Result<ExtensionDescriptor, DescriptorError> {
    pool.get_extension_by_name(name).ok_or_else(|| DescriptorError(format!("no extension {name}")))
}

/// The value of an option, if it is set.
pub(crate) fn option<T: prost::Message + Default>(
    options: &DynamicMessage,
    extension: &ExtensionDescriptor,
) -> Option<T> {
    if !options.has_extension(extension) {
        return None;
    }
    options.get_extension(extension).as_message()?.transcode_to().ok()
}
