//! A fresh database for every test, on the PostgreSQL server that the tests were given.

#![expect(clippy::unwrap_used, reason = "for tests: a panic is the way to fail")]
#![expect(clippy::missing_panics_doc, reason = "for tests: a panic is the way to fail")]

use std::hash::{BuildHasher as _, RandomState};

use tokio_postgres::{NoTls, error::SqlState};

/// The variable with the URL of a server, of a role that may create databases.
pub const VARIABLE: &str = "TEST_POSTGRES_URL";

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// A new, empty database on the server that [`VARIABLE`] names. Fails the test if there is none.
    pub async fn create() -> Self {
        let Ok(server) = std::env::var(VARIABLE) else {
            panic!(
                "{VARIABLE} is not set. Run `./x test unit`, which starts a PostgreSQL server for the tests, or set it \
                 to the postgres:// URL of a server and role that may create databases \
                 (`scripts/postgres.sh start DIR` starts one and prints its URL)."
            );
        };
        Self::create_on(server).await
    }

    /// A new, empty database on a server.
    pub async fn create_on(server: String) -> Self {
        let name = new_name();
        run(&server, &format!("CREATE DATABASE {name}")).await;
        Self { server, name }
    }

    /// A copy of it on the same server. Everybody else who is connected to it is cut off.
    pub async fn copy(&self) -> Self {
        let (server, name) = (self.server.clone(), new_name());
        let client = connect(&server).await;
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        let copy = format!("CREATE DATABASE {name} TEMPLATE {}", self.name);
        for _ in 0..1000 {
            client.query(cut, &[&self.name]).await.unwrap();
            match client.batch_execute(&copy).await {
                Ok(()) => return Self { server, name },
                // Sessions end a moment after they are told to.
                Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) => {}
                Err(error) => panic!("{copy}: {error:?}"),
            }
        }
        panic!("{} stays in use", self.name);
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        let (base, query) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (scheme, rest) = base.split_once("://").unwrap();
        let host = rest.split('/').next().unwrap_or_default();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{host}/{}{separator}{query}", self.name)
    }

    /// A connection of the test's own, beside those under test.
    pub async fn connect(&self) -> tokio_postgres::Client {
        connect(&self.url()).await
    }
}

fn new_name() -> String {
    format!("valetkey_test_{:016x}", RandomState::new().hash_one(std::process::id()))
}

/// A connection without TLS.
async fn connect(url: &str) -> tokio_postgres::Client {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    // The driver's own parser knows no trust settings.
    let rest: Vec<_> = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("ssl")).collect();
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn run(server: &str, sql: &str) {
    connect(server).await.batch_execute(sql).await.unwrap();
}

impl Drop for Database {
    fn drop(&mut self) {
        // A thread of its own: the runtime of the test may be the one that drops this.
        let (server, sql) =
            (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&server, &sql));
        });
        // A server that is gone has taken the database along.
        drop(dropped.join());
    }
}
