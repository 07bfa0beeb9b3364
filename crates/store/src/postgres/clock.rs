//! The database's own clock, and who is gone by it. Several processes on one database have several clocks; a lease and
//! a sign of life are judged by the one that they share.

/// The present instant in microseconds since 1970, as SQL. Not that of the transaction's begin: a transaction may have
/// waited.
macro_rules! now {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    };
}
pub(super) use now;

/// The numbers whose advisory lock a session holds, as SQL. The class is "vlt2".
macro_rules! held {
    () => {
        "(SELECT objid::bigint FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND classid = 1986819122
            AND objsubid = 2 AND granted
            AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))"
    };
}
pub(super) use held;

/// Whether the process with a number is gone, as SQL: nobody holds its lock, it has given no sign of life for a while
/// (`$stale` microseconds), and the one who asks (`$own`, its number or null) has been connected for as long without a
/// break. After a failover everybody has to connect anew: for that while nobody is taken for dead.
///
/// Every part is computed once, however many rows are looked at.
macro_rules! gone {
    ($number:literal, $own:literal, $stale:literal) => {
        concat!(
            "(",
            $number,
            " NOT IN ",
            $crate::postgres::clock::held!(),
            " AND ",
            $number,
            " NOT IN (SELECT number FROM instances WHERE heartbeat_at > ",
            $crate::postgres::clock::now!(),
            " - ",
            $stale,
            ")",
            " AND EXISTS (SELECT FROM instances WHERE number = ",
            $own,
            " AND number IN ",
            $crate::postgres::clock::held!(),
            " AND connected_at <= ",
            $crate::postgres::clock::now!(),
            " - ",
            $stale,
            "))"
        )
    };
}
pub(super) use gone;

/// Who asks whether others are gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observer {
    /// Its number; `None` if it has not joined. It knows of nobody then.
    pub(super) own: Option<i64>,
    /// After how many microseconds without a sign of life an instance may be gone.
    pub(super) stale: i64,
}
