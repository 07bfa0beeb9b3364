//! What handlers share.

use std::{ops::Deref, sync::Arc};

use valetkey_engine::Engine;

use crate::ServerOptions;

/// The state of every handler. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// What [`App`] derefs to.
pub(crate) struct Parts {
    /// The use cases.
    pub(crate) engine: Engine,
    /// The settings.
    pub(crate) options: ServerOptions,
}

impl App {
    pub(crate) fn new(engine: Engine, options: ServerOptions) -> Self {
        Self(Arc::new(Parts { engine, options }))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
