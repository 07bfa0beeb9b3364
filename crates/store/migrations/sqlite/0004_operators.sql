-- People who use the dashboard. The address is kept in lower case. The primary key comes last, as above.
CREATE TABLE users (
    id             TEXT NOT NULL,
    email          TEXT NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    role           TEXT NOT NULL,
    password_hash  TEXT,
    sso_issuer     TEXT,
    sso_subject    TEXT,
    version        INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    disabled_at    INTEGER,
    UNIQUE (sso_issuer, sso_subject),
    PRIMARY KEY (id)
) STRICT;

-- One-time links by which a person sets a password: a new one, or (member) one that is there.
CREATE TABLE invitations (
    id          TEXT NOT NULL,
    link_hash   BLOB NOT NULL UNIQUE,
    role        TEXT NOT NULL,
    member      TEXT REFERENCES users (id) ON DELETE CASCADE,
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER,
    PRIMARY KEY (id)
) STRICT;

CREATE TABLE sessions (
    id          TEXT NOT NULL,
    member      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash  BLOB NOT NULL UNIQUE,
    browser     TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (id)
) STRICT;
CREATE INDEX sessions_by_member ON sessions (member, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The record of who did what. Each row carries the hash of the one before it; the head says which one is the last, so
-- that rows cut off at the end are missed too. Rows are only ever added.
CREATE TABLE audit (
    number       INTEGER PRIMARY KEY NOT NULL,
    at           INTEGER NOT NULL,
    environment  TEXT,
    actor        TEXT NOT NULL,
    action       TEXT NOT NULL,
    subject      TEXT,
    outcome      TEXT NOT NULL,
    request_id   TEXT,
    data         TEXT NOT NULL,
    former       BLOB NOT NULL,
    hash         BLOB NOT NULL
) STRICT;
CREATE TABLE audit_head (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    number  INTEGER NOT NULL,
    former  BLOB NOT NULL,
    hash    BLOB NOT NULL
) STRICT;

-- Few accounts are degraded: whoever counts them must not look at all that are active.
CREATE INDEX accounts_degraded ON accounts (environment, id) WHERE degraded IS NOT NULL;
