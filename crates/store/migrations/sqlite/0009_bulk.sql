-- Work on many accounts: what was asked for and how far it is, so that another process goes on with it. Times are
-- microseconds since 1970.
CREATE TABLE bulk_works (
    id           TEXT PRIMARY KEY NOT NULL,
    environment  TEXT NOT NULL,
    actor        TEXT NOT NULL,
    user_id      TEXT,
    plan         TEXT NOT NULL,
    progress     TEXT NOT NULL,
    lease_until  INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    began_at     INTEGER NOT NULL,
    ended_at     INTEGER
) STRICT;
CREATE INDEX bulk_works_left ON bulk_works (lease_until) WHERE ended_at IS NULL;
CREATE INDEX bulk_works_actor ON bulk_works (actor, began_at);
CREATE INDEX bulk_works_ended ON bulk_works (ended_at) WHERE ended_at IS NOT NULL;
