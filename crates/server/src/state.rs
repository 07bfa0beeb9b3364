//! What handlers share.

use std::{ops::Deref, sync::Arc};

use bytes::Bytes;
use tokio::sync::Semaphore;
use valetkey_domain::Error;
use valetkey_engine::Engine;

use crate::{RequestContext, ServerOptions, error::ErrorBody};

/// How many people watch executions as they happen at the same time: each of them asks the database every second.
const TAILS: usize = 32;

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
    /// Room for people who watch executions as they happen.
    pub(crate) tails: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(engine: Engine, options: ServerOptions, openapi: Bytes) -> Self {
        let tails = Arc::new(Semaphore::new(TAILS));
        Self(Arc::new(Parts { engine, options, openapi, tails }))
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
