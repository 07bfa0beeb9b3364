//! The bytes of a dump.
//!
//! ```text
//! 13 "valetkey dump" │ 1 format │ text: the head, JSON │ parts
//! part:   "T" text: name of a table and its columns, JSON      begins a table
//!         "R" a value per column                               a row of it
//!         "E" 8 rows of the table                              ends it
//!         "Z" 8 rows of all tables                             ends the dump
//! text:   4 length │ UTF-8
//! value:  0 │ 1, 8 number │ 2, text │ 3, 4 length, bytes
//! ```
//!
//! Numbers are big-endian. Nothing here protects the content: archives are sealed around it.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::{DumpError, DumpHead, RowCounts};

const MAGIC: &[u8; 13] = b"valetkey dump";
const FORMAT: u8 = 1;
/// No value that the server stores comes near it.
const MAX_LENGTH: u32 = 256 << 20;

/// A value of a row. Truth values are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A table and its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableHead {
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
}

impl TableHead {
    /// The names go into statements.
    fn check(&self) -> Result<(), DumpError> {
        let plain = |name: &String| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        if plain(&self.table) && !self.columns.is_empty() && self.columns.iter().all(plain) {
            return Ok(());
        }
        Err(DumpError::malformed("a table or a column has an impossible name"))
    }
}

/// Writes a dump.
pub(crate) struct DumpWriter<W> {
    out: W,
    rows: RowCounts,
    columns: usize,
    table: String,
}

impl<W: Write> DumpWriter<W> {
    pub(crate) fn begin(mut out: W, head: &DumpHead) -> Result<Self, DumpError> {
        out.write_all(MAGIC)?;
        out.write_all(&[FORMAT])?;
        let mut this = Self { out, rows: RowCounts::new(), columns: 0, table: String::new() };
        this.bytes(&serde_json::to_vec(head).map_err(io::Error::from)?)?;
        Ok(this)
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), DumpError> {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= MAX_LENGTH);
        let length =
            length.ok_or_else(|| DumpError::malformed(format!("a value of {} is too long", self.table)))?;
        self.out.write_all(&length.to_be_bytes())?;
        Ok(self.out.write_all(bytes)?)
    }

    pub(crate) fn table(&mut self, table: &str, columns: &[&str]) -> Result<(), DumpError> {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let head = TableHead { table: table.to_owned(), columns };
        head.check()?;
        self.out.write_all(b"T")?;
        self.bytes(&serde_json::to_vec(&head).map_err(io::Error::from)?)?;
        self.columns = head.columns.len();
        self.rows.insert(head.table.clone(), 0);
        self.table = head.table;
        Ok(())
    }

    pub(crate) fn row(&mut self, cells: &[Cell]) -> Result<(), DumpError> {
        if cells.len() != self.columns {
            return Err(DumpError::malformed(format!("a row of {} has other columns", self.table)));
        }
        self.out.write_all(b"R")?;
        for cell in cells {
            match cell {
                Cell::Null => self.out.write_all(&[0])?,
                Cell::Number(number) => {
                    self.out.write_all(&[1])?;
                    self.out.write_all(&number.to_be_bytes())?;
                }
                Cell::Text(text) => {
                    self.out.write_all(&[2])?;
                    self.bytes(text.as_bytes())?;
                }
                Cell::Bytes(bytes) => {
                    self.out.write_all(&[3])?;
                    self.bytes(bytes)?;
                }
            }
        }
        if let Some(rows) = self.rows.get_mut(&self.table) {
            *rows += 1;
        }
        Ok(())
    }

    pub(crate) fn end_table(&mut self) -> Result<(), DumpError> {
        let rows = self.rows.get(&self.table).copied().unwrap_or(0);
        self.out.write_all(b"E")?;
        Ok(self.out.write_all(&rows.to_be_bytes())?)
    }

    pub(crate) fn end(mut self) -> Result<(W, RowCounts), DumpError> {
        let rows: u64 = self.rows.values().sum();
        self.out.write_all(b"Z")?;
        self.out.write_all(&rows.to_be_bytes())?;
        Ok((self.out, self.rows))
    }
}

/// A part of a dump.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Table(TableHead),
    Row(Vec<Cell>),
    EndTable,
    End,
}

/// Reads a dump. What was read counts only when [`Part::End`] has come.
pub(crate) struct DumpReader<R> {
    input: R,
    table: Option<TableHead>,
    /// Rows of the tables so far.
    pub(crate) rows: RowCounts,
}

impl<R: Read> DumpReader<R> {
    pub(crate) fn begin(mut input: R) -> Result<(Self, DumpHead), DumpError> {
        let mut beginning = [0; MAGIC.len() + 1];
        input.read_exact(&mut beginning)?;
        if &beginning[..MAGIC.len()] != MAGIC {
            return Err(DumpError::malformed("it is no dump of a database"));
        }
        if beginning[MAGIC.len()] != FORMAT {
            return Err(DumpError::malformed("it has a format that this version of Valetkey does not know"));
        }
        let mut this = Self { input, table: None, rows: RowCounts::new() };
        let head = this.json()?;
        Ok((this, head))
    }

    fn exactly<const N: usize>(&mut self) -> Result<[u8; N], DumpError> {
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, DumpError> {
        let length = u32::from_be_bytes(self.exactly()?);
        if length > MAX_LENGTH {
            return Err(DumpError::malformed("a value is too long"));
        }
        let mut bytes = Vec::with_capacity((length as usize).min(64 << 10));
        (&mut self.input).take(u64::from(length)).read_to_end(&mut bytes)?;
        if bytes.len() != length as usize {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(bytes)
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, DumpError> {
        serde_json::from_slice(&self.bytes()?).map_err(|error| DumpError::malformed(error.to_string()))
    }

    fn cell(&mut self) -> Result<Cell, DumpError> {
        Ok(match self.exactly()? {
            [0] => Cell::Null,
            [1] => Cell::Number(i64::from_be_bytes(self.exactly()?)),
            [2] => Cell::Text(
                String::from_utf8(self.bytes()?).map_err(|_| DumpError::malformed("a text is not UTF-8"))?,
            ),
            [3] => Cell::Bytes(self.bytes()?),
            [kind] => return Err(DumpError::malformed(format!("a value is of unknown kind {kind}"))),
        })
    }

    fn count(&mut self) -> Result<u64, DumpError> {
        Ok(u64::from_be_bytes(self.exactly()?))
    }

    pub(crate) fn next(&mut self) -> Result<Part, DumpError> {
        let [part] = self.exactly()?;
        match (part, self.table.take()) {
            (b'T', None) => {
                let head: TableHead = self.json()?;
                head.check()?;
                if self.rows.insert(head.table.clone(), 0).is_some() {
                    return Err(DumpError::malformed(format!("{} comes twice", head.table)));
                }
                self.table = Some(head.clone());
                Ok(Part::Table(head))
            }
            (b'R', Some(head)) => {
                let mut cells = Vec::with_capacity(head.columns.len());
                for _ in &head.columns {
                    cells.push(self.cell()?);
                }
                if let Some(rows) = self.rows.get_mut(&head.table) {
                    *rows += 1;
                }
                self.table = Some(head);
                Ok(Part::Row(cells))
            }
            (b'E', Some(head)) => {
                let rows = self.count()?;
                if self.rows.get(&head.table) != Some(&rows) {
                    return Err(DumpError::malformed(format!("{} has not {rows} rows", head.table)));
                }
                Ok(Part::EndTable)
            }
            (b'Z', None) => {
                let rows = self.count()?;
                if self.rows.values().sum::<u64>() != rows {
                    return Err(DumpError::malformed(format!("it has not {rows} rows")));
                }
                // An archive is authentic only as far as it was read: to its very end.
                if self.input.read(&mut [0])? != 0 {
                    return Err(DumpError::malformed("something follows its end"));
                }
                Ok(Part::End)
            }
            _ => Err(DumpError::malformed("its parts are in disorder")),
        }
    }
}
