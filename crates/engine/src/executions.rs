//! Reading executions.

use valetkey_domain::{Caller, Error, Execution, Page, PageRequest, store::ExecutionFilter};

use crate::Engine;

impl Engine {
    /// An execution by id. Needs `agent_logs:read`.
    ///
    /// # Errors
    /// `execution_not_found`.
    pub async fn get_execution(&self, _caller: &Caller, _id: &str) -> Result<Execution, Error> {
        Err(Error::internal("not written yet"))
    }

    /// Executions of the caller's environment, newest first. Needs `agent_logs:read`.
    ///
    /// # Errors
    /// `permission_denied`.
    pub async fn list_executions(
        &self,
        _caller: &Caller,
        _filter: &ExecutionFilter,
        _page: &PageRequest,
    ) -> Result<Page<Execution>, Error> {
        Err(Error::internal("not written yet"))
    }

    /// Marks the executions that an earlier process left running as of unknown outcome. Call it once at start, before
    /// the first request is taken on.
    ///
    /// # Errors
    /// `storage_unavailable`.
    pub async fn abandon_executions(&self) -> Result<(), Error> {
        Err(Error::internal("not written yet"))
    }
}
