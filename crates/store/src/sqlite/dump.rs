//! Dumps of a file, and files made from dumps.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags, Statement, TransactionBehavior, params_from_iter,
    types::{Value, ValueRef},
};
use valetkey_domain::{SealedBlob, StoreError, Time};

use super::{SqliteOptions, SqliteStore, home, keys, open};
use crate::dump::{
    Arrival, Cell, DumpError, DumpHead, DumpReader, DumpWriter, INSTANCE_COLUMNS, INSTANCES, Loaded, Part,
    Purpose, RowCounts, TABLES, check_counts, check_migrations, left,
};

/// Which database, for messages.
struct Place<'a>(&'a Path);

impl Place<'_> {
    fn failed(&self, reason: impl ToString) -> DumpError {
        DumpError::Database { place: self.0.display().to_string(), reason: reason.to_string() }
    }
}

impl SqliteStore {
    /// Writes everything in the database at `path`, in one snapshot, to what `begin` makes once it has looked at the
    /// head. A server may work on it meanwhile, except for [`Purpose::Move`]: then the caller has made sure that none
    /// does. `finish` makes what was written durable; only then a database is marked as left.
    ///
    /// # Errors
    /// [`DumpError`]; nothing is marked then.
    pub fn dump<W: Write>(
        path: impl AsRef<Path>,
        purpose: Purpose,
        at: Time,
        begin: impl FnOnce(&DumpHead) -> io::Result<W>,
        finish: impl FnOnce(W) -> io::Result<()>,
    ) -> Result<(DumpHead, RowCounts), DumpError> {
        let path = path.as_ref();
        let place = Place(path);
        let failed = |error: rusqlite::Error| place.failed(error);
        let mut connection = connect(path)?;
        let transaction = connection.transaction().map_err(failed)?;
        let head = DumpHead {
            purpose,
            made_at: at,
            database: "sqlite".into(),
            migrations: open::known(),
            frozen: home::frozen(&transaction).map_err(|error| place.failed(error))?,
            last_instance: last_instance(&transaction).map_err(failed)?,
            key_terms: key_terms(&transaction).map_err(|error| place.failed(error))?,
        };
        let mut writer = DumpWriter::begin(begin(&head)?, &head)?;
        for table in TABLES {
            let columns = columns(&transaction, table).map_err(failed)?;
            let columns: Vec<&str> = match *table {
                INSTANCES => INSTANCE_COLUMNS.to_vec(),
                _ => columns.iter().map(String::as_str).collect(),
            };
            writer.table(table, &columns)?;
            let sql = format!("SELECT {} FROM {table} ORDER BY rowid", columns.join(", "));
            let mut statement = transaction.prepare(&sql).map_err(failed)?;
            let mut rows = statement.query([]).map_err(failed)?;
            let mut cells = Vec::with_capacity(columns.len());
            while let Some(row) = rows.next().map_err(failed)? {
                cells.clear();
                for index in 0..columns.len() {
                    cells.push(
                        cell(row.get_ref(index).map_err(failed)?).map_err(|reason| place.failed(reason))?,
                    );
                }
                writer.row(&cells)?;
            }
            writer.end_table()?;
        }
        let (out, rows) = writer.end()?;
        transaction.finish().map_err(failed)?;
        finish(out)?;
        if purpose == Purpose::Move {
            home::leave(&connection, &left(at)).map_err(|error| place.failed(error))?;
        }
        connection.close().map_err(|(_, error)| failed(error))?;
        Ok((head, rows))
    }

    /// Makes the database at `path`, where there is none, from what [`SqliteStore::dump`] or
    /// [`PostgresStore::dump`](crate::PostgresStore::dump) has written. It is there when it is complete, and not before.
    ///
    /// # Errors
    /// [`DumpError`]; there is no database then.
    pub fn load(path: impl AsRef<Path>, input: impl Read, arrival: &Arrival) -> Result<Loaded, DumpError> {
        let path = path.as_ref();
        for rest in ["", "-wal", "-shm", "-journal"] {
            let there = beside(path, rest);
            if there.exists() {
                let reason =
                    "move it away first, together with the files beside it whose names begin so".into();
                return Err(DumpError::NotEmpty { place: there.display().to_string(), reason });
            }
        }
        let new = Building::begin(beside(path, ".loading"))?;
        let loaded = build(&new.0, input, arrival)?;
        new.finish(path)?;
        Ok(loaded)
    }
}

fn beside(path: &Path, rest: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(rest);
    name.into()
}

/// A file that is being made beside its place. Removed unless it is finished.
struct Building(PathBuf);

impl Building {
    fn begin(path: PathBuf) -> Result<Self, DumpError> {
        let this = Self(path);
        // What is left of an attempt that was cut off.
        this.remove()?;
        open::make_private(&this.0)?;
        Ok(this)
    }

    fn remove(&self) -> io::Result<()> {
        for rest in ["", "-journal"] {
            match fs::remove_file(beside(&self.0, rest)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn finish(self, path: &Path) -> Result<(), DumpError> {
        File::open(&self.0)?.sync_all()?;
        // A witness of the database that was here before would contradict this one.
        match fs::remove_file(home::witness_path(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        fs::rename(&self.0, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        Ok(File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?)
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        // There is nobody to tell; the next attempt removes it.
        let _ = self.remove();
    }
}

/// The database, for reading. Its journal is read as well, so it must be possible to write beside it.
fn connect(path: &Path) -> Result<Connection, DumpError> {
    let place = Place(path);
    let failed = |error: rusqlite::Error| place.failed(error);
    if !path.exists() {
        return Err(place.failed("there is none"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    open::configure(&connection, &SqliteOptions::default()).map_err(failed)?;
    let known = open::known();
    match open::last_migration(&connection, path) {
        Ok(found) if found == known => Ok(connection),
        Ok(_) => Err(DumpError::Older { place: path.display().to_string() }),
        Err(open::OpenError::Newer { found, known, .. }) => {
            Err(DumpError::Newer { what: format!("the database {}", path.display()), found, known })
        }
        Err(error) => Err(place.failed(error)),
    }
}

fn last_instance(connection: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'instances'";
    connection.query_row(sql, [], |row| row.get(0))
}

fn key_terms(connection: &Connection) -> Result<Vec<(u32, SealedBlob)>, StoreError> {
    let terms = keys::terms(connection)?;
    Ok(terms.into_iter().map(|term| (term.term, term.sealed_key)).collect())
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

fn cell(value: ValueRef<'_>) -> Result<Cell, String> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Number(number),
        ValueRef::Text(bytes) => {
            Cell::Text(String::from_utf8(bytes.to_vec()).map_err(|_| "a text in it is not UTF-8")?)
        }
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
        ValueRef::Real(_) => return Err("there is a fraction in it, which no column holds".into()),
    })
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Number(number) => Value::Integer(number),
        Cell::Text(text) => Value::Text(text),
        Cell::Bytes(bytes) => Value::Blob(bytes),
    }
}

/// Fills an empty file.
fn build(path: &Path, input: impl Read, arrival: &Arrival) -> Result<Loaded, DumpError> {
    let place = Place(path);
    let failed = |error: rusqlite::Error| place.failed(error);
    let (mut reader, head) = DumpReader::begin(input)?;
    let known = open::known();
    check_migrations(&head, known)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    open::configure(&connection, &SqliteOptions::default()).map_err(failed)?;
    // It is made durable as a whole, at the end; a file that was begun is of no use to anybody.
    connection.pragma_update(None, "synchronous", "OFF").map_err(failed)?;
    open::migrate_to(&mut connection, path, head.migrations).map_err(|error| place.failed(error))?;
    connection.pragma_update(None, "foreign_keys", false).map_err(failed)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    fill(&transaction, &mut reader, &place)?;
    let mut rows = RowCounts::new();
    for table in reader.rows.keys() {
        let sql = format!("SELECT count(*) FROM {table}");
        let count: i64 = transaction.query_row(&sql, [], |row| row.get(0)).map_err(failed)?;
        rows.insert(table.clone(), count.unsigned_abs());
    }
    check_counts(&reader.rows, &rows)?;
    let astray = transaction.prepare("PRAGMA foreign_key_check").and_then(|mut check| check.exists([]));
    if astray.map_err(failed)? {
        return Err(DumpError::malformed("a row refers to one that is not there"));
    }
    transaction.commit().map_err(failed)?;
    open::migrate(&mut connection, path).map_err(|error| place.failed(error))?;
    advance_instances(&connection, head.last_instance).map_err(failed)?;
    if let Some(mark) = arrival.mark(&head) {
        home::freeze(&connection, mark).map_err(|error| place.failed(error))?;
    }
    open::integrity(&connection, "quick_check").map_err(|error| place.failed(error))?;
    connection.close().map_err(|(_, error)| failed(error))?;
    Ok(Loaded { head, rows })
}

fn fill<R: Read>(
    connection: &Connection,
    reader: &mut DumpReader<R>,
    place: &Place<'_>,
) -> Result<(), DumpError> {
    let failed = |error: rusqlite::Error| place.failed(error);
    let mut insert: Option<Statement<'_>> = None;
    loop {
        match reader.next()? {
            Part::Table(head) => {
                let known = columns(connection, &head.table).map_err(failed)?;
                if head.columns.iter().any(|column| !known.contains(column)) {
                    return Err(DumpError::malformed(format!("{} has unknown columns", head.table)));
                }
                let marks: Vec<_> = (1..=head.columns.len()).map(|number| format!("?{number}")).collect();
                let (columns, marks) = (head.columns.join(", "), marks.join(", "));
                let sql = format!("INSERT INTO {} ({columns}) VALUES ({marks})", head.table);
                insert = Some(connection.prepare(&sql).map_err(failed)?);
            }
            Part::Row(cells) => {
                if let Some(insert) = &mut insert {
                    insert.execute(params_from_iter(cells.into_iter().map(value))).map_err(failed)?;
                }
            }
            Part::EndTable => insert = None,
            Part::End => return Ok(()),
        }
    }
}

/// No number is given again.
fn advance_instances(connection: &Connection, last: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'instances'";
    if connection.execute(sql, [last])? == 0 {
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('instances', ?1)", [last])?;
    }
    Ok(())
}
