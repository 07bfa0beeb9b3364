//! Dumps of a database, and databases filled from dumps.

use std::io::{self, Read, Write};

use bytes::BytesMut;
use secrecy::SecretString;
use tokio_postgres::{
    IsolationLevel, Row, Transaction,
    binary_copy::BinaryCopyInWriter,
    types::{IsNull, ToSql, Type, to_sql_checked},
};
use valetkey_domain::{SealedBlob, Time};

use super::{
    PostgresOpenError, PostgresOptions, PostgresStore,
    dedicated::{Access, Dedicated},
    home, instances, open,
    pool::Failure,
    row::words,
    settings::Target,
};
use crate::dump::{
    Arrival, Cell, DumpError, DumpHead, DumpReader, DumpWriter, INSTANCE_COLUMNS, INSTANCES, Loaded, Part,
    Purpose, RowCounts, TABLES, check_counts, check_migrations, left,
};

/// Rows that are fetched at once.
const BATCH: i32 = 500;
/// What a dump waits for is long: everything that is there.
const PATIENCE: &str = "SET LOCAL statement_timeout TO 0; SET LOCAL idle_in_transaction_session_timeout TO 0";

/// Which database, for messages.
struct Place(String);

impl Place {
    fn failed(&self, reason: impl ToString) -> DumpError {
        DumpError::Database { place: self.0.clone(), reason: reason.to_string() }
    }

    fn sql(&self) -> impl Fn(tokio_postgres::Error) -> DumpError + '_ {
        |error| self.failed(words(&error))
    }

    fn opening(&self, error: PostgresOpenError) -> DumpError {
        match error {
            PostgresOpenError::Newer { found, known, place } => {
                DumpError::Newer { what: format!("the database {place}"), found, known }
            }
            PostgresOpenError::Unusable { reason, .. } => self.failed(reason),
            other => self.failed(other),
        }
    }
}

async fn connect(url: &SecretString) -> Result<(Dedicated, Place), DumpError> {
    let options = PostgresOptions::default();
    let target = Target::parse(url, &options)
        .map_err(|reason| DumpError::Database { place: "of database_url".into(), reason })?;
    let place = Place(target.to_string());
    let session = Dedicated::connect(&Access { target, options }, |_| {}).await;
    let session = session.map_err(|failure: Failure| place.failed(failure))?;
    Ok((session, place))
}

impl PostgresStore {
    /// Writes everything in the database, in one snapshot, to what `begin` makes once it has looked at the head. Servers
    /// may work on it meanwhile, except for [`Purpose::Move`], which is refused then. `finish` makes what was written
    /// durable; only then a database is marked as left.
    ///
    /// # Errors
    /// [`DumpError`]; nothing is marked then.
    pub async fn dump<W: Write>(
        url: &SecretString,
        purpose: Purpose,
        at: Time,
        begin: impl FnOnce(&DumpHead) -> io::Result<W>,
        finish: impl FnOnce(W) -> io::Result<()>,
    ) -> Result<(DumpHead, RowCounts), DumpError> {
        let (mut session, place) = connect(url).await?;
        let transaction = session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
        let transaction = transaction.start().await.map_err(place.sql())?;
        transaction.batch_execute(PATIENCE).await.map_err(place.sql())?;
        if purpose == Purpose::Move {
            stop_joining(&transaction, &place).await?;
        }
        let migrations = open::known();
        let found = open::last_migration(&transaction, &open::Place(&place.0)).await;
        match found.map_err(|error| place.opening(error))? {
            None => return Err(place.failed("Valetkey has never worked on it")),
            Some(found) if found < migrations => return Err(DumpError::Older { place: place.0 }),
            Some(_) => {}
        }
        let head = DumpHead {
            purpose,
            made_at: at,
            database: "postgres".into(),
            migrations,
            frozen: frozen(&transaction, &place).await?,
            last_instance: last_instance(&transaction, &place).await?,
            key_terms: key_terms(&transaction, &place).await?,
        };
        let mut writer = DumpWriter::begin(begin(&head)?, &head)?;
        for table in TABLES {
            dump_table(&transaction, &place, table, &mut writer).await?;
        }
        let (out, rows) = writer.end()?;
        finish(out)?;
        if purpose == Purpose::Move {
            let mark = serde_json::to_string(&left(at)).map_err(io::Error::from)?;
            let sql = "UPDATE store_info SET frozen = $1";
            transaction.execute(sql, &[&mark]).await.map_err(place.sql())?;
        }
        transaction.commit().await.map_err(place.sql())?;
        Ok((head, rows))
    }

    /// Fills an empty database from what [`PostgresStore::dump`] or [`SqliteStore::dump`](crate::SqliteStore::dump) has
    /// written, in one transaction.
    ///
    /// # Errors
    /// [`DumpError`]; the database is as it was then.
    pub async fn load(url: &SecretString, input: impl Read, arrival: &Arrival) -> Result<Loaded, DumpError> {
        let (mut session, place) = connect(url).await?;
        let at = open::Place(&place.0);
        let opening = |error: PostgresOpenError| place.opening(error);
        open::check_server(&session.client, &at).await.map_err(opening)?;
        let transaction = session.client.transaction().await.map_err(place.sql())?;
        transaction.batch_execute(PATIENCE).await.map_err(place.sql())?;
        open::lock(&transaction, &at).await.map_err(opening)?;
        if open::last_migration(&transaction, &at).await.map_err(opening)?.is_some() {
            let reason =
                "Valetkey has worked on it; use a new database, or drop its schema `valetkey`".into();
            return Err(DumpError::NotEmpty { place: format!("the database {}", place.0), reason });
        }
        let (mut reader, head) = DumpReader::begin(input)?;
        check_migrations(&head, open::known())?;
        open::advance(&transaction, &at, None, head.migrations).await.map_err(opening)?;
        fill(&transaction, &place, &mut reader).await?;
        let mut rows = RowCounts::new();
        for table in reader.rows.keys() {
            let sql = format!("SELECT count(*) FROM {table}");
            let count: i64 = number(&transaction, &place, &sql).await?;
            rows.insert(table.clone(), count.unsigned_abs());
        }
        check_counts(&reader.rows, &rows)?;
        open::advance(&transaction, &at, Some(head.migrations), open::known()).await.map_err(opening)?;
        if head.last_instance > 0 {
            // No number is given again.
            let sql = "SELECT setval(pg_get_serial_sequence('instances', 'number'), $1)";
            transaction.query_one(sql, &[&head.last_instance]).await.map_err(place.sql())?;
        }
        if let Some(mark) = arrival.mark(&head) {
            let mark = serde_json::to_string(mark).map_err(io::Error::from)?;
            transaction.execute(home::FREEZE, &[&mark]).await.map_err(place.sql())?;
        }
        transaction.commit().await.map_err(place.sql())?;
        Ok(Loaded { head, rows })
    }
}

/// Makes sure that no process works on the database, and that none begins to before this transaction is over.
async fn stop_joining(transaction: &Transaction<'_>, place: &Place) -> Result<(), DumpError> {
    // Whoever joins writes there. The lock is taken before the snapshot.
    let lock = "LOCK TABLE instances IN SHARE ROW EXCLUSIVE MODE";
    transaction.batch_execute(lock).await.map_err(place.sql())?;
    let working = transaction.query_one(instances::ANY_AT_WORK, &[&instances::LOCK_CLASS]).await;
    let working = working.and_then(|row| row.try_get::<_, bool>(0)).map_err(place.sql())?;
    if working { Err(DumpError::InUse { place: place.0.clone() }) } else { Ok(()) }
}

async fn number(transaction: &Transaction<'_>, place: &Place, sql: &str) -> Result<i64, DumpError> {
    let row = transaction.query_one(sql, &[]).await;
    row.and_then(|row| row.try_get(0)).map_err(place.sql())
}

async fn frozen(
    transaction: &Transaction<'_>,
    place: &Place,
) -> Result<Option<valetkey_domain::refresh::Frozen>, DumpError> {
    let row = transaction.query_one("SELECT frozen FROM store_info", &[]).await.map_err(place.sql())?;
    let mark: Option<String> = row.try_get(0).map_err(place.sql())?;
    let mark = mark.map(|text| serde_json::from_str(&text)).transpose();
    mark.map_err(|error| place.failed(format!("the mark in store_info: {error}")))
}

async fn key_terms(
    transaction: &Transaction<'_>,
    place: &Place,
) -> Result<Vec<(u32, SealedBlob)>, DumpError> {
    let rows = transaction.query("SELECT term, sealed_key FROM key_terms ORDER BY term", &[]).await;
    let term = |row: &Row| {
        let (term, sealed): (i64, Vec<u8>) =
            (row.try_get(0).map_err(place.sql())?, row.try_get(1).map_err(place.sql())?);
        Ok((u32::try_from(term).map_err(|error| place.failed(error))?, SealedBlob(sealed)))
    };
    rows.map_err(place.sql())?.iter().map(term).collect()
}

async fn last_instance(transaction: &Transaction<'_>, place: &Place) -> Result<i64, DumpError> {
    // A sequence that nothing was taken from has no last value.
    let sql = "SELECT greatest(coalesce(pg_sequence_last_value(
        pg_get_serial_sequence('instances', 'number')::regclass), 0), (SELECT coalesce(max(number), 0) FROM instances))";
    number(transaction, place, sql).await
}

async fn dump_table<W: Write>(
    transaction: &Transaction<'_>,
    place: &Place,
    table: &str,
    writer: &mut DumpWriter<W>,
) -> Result<(), DumpError> {
    let columns = transaction.prepare(&format!("SELECT * FROM {table}")).await.map_err(place.sql())?;
    let columns: Vec<&str> = match table {
        INSTANCES => INSTANCE_COLUMNS.to_vec(),
        _ => columns.columns().iter().map(tokio_postgres::Column::name).collect(),
    };
    writer.table(table, &columns)?;
    let sql = format!("SELECT {} FROM {table}", columns.join(", "));
    let portal = transaction.bind(&sql, &[]).await.map_err(place.sql())?;
    loop {
        let rows = transaction.query_portal(&portal, BATCH).await.map_err(place.sql())?;
        if rows.is_empty() {
            return writer.end_table();
        }
        for row in &rows {
            writer.row(&cells(row).map_err(place.sql())?)?;
        }
    }
}

fn cells(row: &Row) -> Result<Vec<Cell>, tokio_postgres::Error> {
    let cell = |(index, column): (usize, &tokio_postgres::Column)| {
        Ok(match *column.type_() {
            Type::BOOL => row.try_get::<_, Option<bool>>(index)?.map(|it| Cell::Number(i64::from(it))),
            Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index)?.map(Cell::Bytes),
            Type::INT8 => row.try_get::<_, Option<i64>>(index)?.map(Cell::Number),
            // Any other type is refused by the driver here.
            _ => row.try_get::<_, Option<String>>(index)?.map(Cell::Text),
        }
        .unwrap_or(Cell::Null))
    };
    row.columns().iter().enumerate().map(cell).collect()
}

impl ToSql for Cell {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (self, kind) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Number(number), &Type::BOOL) => (*number != 0).to_sql(kind, out),
            (Self::Number(number), &Type::INT8) => number.to_sql(kind, out),
            (Self::Text(text), &Type::TEXT) => text.to_sql(kind, out),
            (Self::Bytes(bytes), &Type::BYTEA) => bytes.to_sql(kind, out),
            _ => Err(format!("a value does not fit a column of type {kind}").into()),
        }
    }

    fn accepts(kind: &Type) -> bool {
        [Type::BOOL, Type::INT8, Type::TEXT, Type::BYTEA].contains(kind)
    }

    to_sql_checked!();
}

async fn fill<R: Read>(
    transaction: &Transaction<'_>,
    place: &Place,
    reader: &mut DumpReader<R>,
) -> Result<(), DumpError> {
    loop {
        let head = match reader.next()? {
            Part::Table(head) => head,
            Part::End => return Ok(()),
            Part::Row(_) | Part::EndTable => return Err(DumpError::malformed("a row is of no table")),
        };
        let mut columns = head.columns;
        // A process that is not there has given its last sign of life long ago.
        let rest: &[&str] = if head.table == INSTANCES { &["heartbeat_at", "connected_at"] } else { &[] };
        columns.extend(rest.iter().map(|name| (*name).to_owned()));
        let columns = columns.join(", ");
        let kinds = transaction.prepare(&format!("SELECT {columns} FROM {}", head.table)).await;
        let kinds = kinds.map_err(|error| {
            DumpError::malformed(format!("{} cannot take these columns: {}", head.table, words(&error)))
        })?;
        let kinds: Vec<_> = kinds.columns().iter().map(|column| column.type_().clone()).collect();
        let copy = format!("COPY {} ({columns}) FROM STDIN (FORMAT binary)", head.table);
        let sink = transaction.copy_in(&copy).await.map_err(place.sql())?;
        let mut rows = std::pin::pin!(BinaryCopyInWriter::new(sink, &kinds));
        loop {
            match reader.next()? {
                Part::Row(mut cells) => {
                    cells.extend(rest.iter().map(|_| Cell::Number(0)));
                    let values: Vec<_> = cells.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
                    rows.as_mut().write(&values).await.map_err(place.sql())?;
                }
                Part::EndTable => break,
                Part::Table(_) | Part::End => return Err(DumpError::malformed("a table has no end")),
            }
        }
        rows.finish().await.map_err(place.sql())?;
    }
}
