//! What handlers share.

use std::{ops::Deref, sync::Arc};

use bytes::Bytes;
use valetkey_domain::Error;
use valetkey_engine::Engine;

use crate::{RequestContext, ServerOptions, error::ErrorBody};

/// The state of every handler. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// What [`App`] derefs to.
pub(crate) struct Parts {
    /// The use cases.
    pub(crate) engine: Engine,
    /// The settings.
    pub(crate) options: ServerOptions,
    /// The description of the native API, as JSON.
    pub(crate) openapi: Bytes,
}

impl App {
    pub(crate) fn new(engine: Engine, options: ServerOptions, openapi: Bytes) -> Self {
        Self(Arc::new(Parts { engine, options, openapi }))
    }
}

impl App {
    /// An error inside an answer that is none as a whole.
    pub(crate) fn error_body(&self, error: &Error, context: &RequestContext) -> ErrorBody {
        ErrorBody::of(error, context.id(), &self.options.address_of("/docs/errors/"))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
