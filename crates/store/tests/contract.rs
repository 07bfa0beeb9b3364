//! The storage contract, on a database file and on one in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod file {
    use std::sync::Arc;

    use valetkey_domain::Store;
    use valetkey_store::SqliteStore;

    async fn empty_store() -> (Arc<dyn Store>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("valetkey.db")).unwrap();
        (Arc::new(store), folder)
    }

    valetkey_testkit::store_contract_tests!(empty_store);
}

mod memory {
    use std::sync::Arc;

    use valetkey_domain::Store;
    use valetkey_store::SqliteStore;

    async fn empty_store() -> (Arc<dyn Store>, ()) {
        (Arc::new(SqliteStore::in_memory().unwrap()), ())
    }

    valetkey_testkit::store_contract_tests!(empty_store);
}

mod recalled {
    use std::sync::Arc;

    use valetkey_domain::Store;
    use valetkey_store::{Recall, SqliteStore};

    async fn empty_store() -> (Arc<dyn Store>, ()) {
        (Arc::new(Recall::new(Arc::new(SqliteStore::in_memory().unwrap()))), ())
    }

    valetkey_testkit::store_contract_tests!(empty_store);
}

/// What remembers says the same as what it stands before, also of what it hands through.
#[test]
fn random_operations_agree_with_and_without_memory() {
    use std::sync::Arc;

    use valetkey_domain::Store;
    use valetkey_store::{Recall, SqliteStore};

    valetkey_testkit::store_contract::random_operations_agree_in_both_stores(|| async {
        let plain: Arc<dyn Store> = Arc::new(SqliteStore::in_memory().unwrap());
        let recalled: Arc<dyn Store> = Arc::new(Recall::new(Arc::new(SqliteStore::in_memory().unwrap())));
        (plain, recalled, ())
    });
}
