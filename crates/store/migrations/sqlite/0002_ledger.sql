-- The migration runs with foreign keys off, and they are checked before it is committed: dropping the old table of
-- accounts must not take along what refers to it.

-- Processes that work on the database. A number is never given twice.
CREATE TABLE instances (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    joined_at  INTEGER NOT NULL
) STRICT;

-- Several accounts of an identifier are told apart by name, and SQLite cannot change a constraint in place.
CREATE TABLE accounts_with_names (
    id                TEXT NOT NULL,
    environment       TEXT NOT NULL,
    connection        TEXT NOT NULL,
    identifier        TEXT NOT NULL,
    name              TEXT NOT NULL,
    organization_id   TEXT,
    user_id           TEXT,
    auth_type         TEXT NOT NULL,
    status            TEXT NOT NULL,
    scopes            TEXT NOT NULL,
    provider_subject  TEXT,
    label             TEXT,
    metadata          TEXT NOT NULL,
    api_config        TEXT NOT NULL,
    token_expires_at  INTEGER,
    refresh_at        INTEGER,
    degraded          TEXT,
    last_used_at      INTEGER,
    generation        INTEGER NOT NULL,
    cause             TEXT,
    version           INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    search_text       TEXT NOT NULL,
    UNIQUE (connection, identifier, name),
    FOREIGN KEY (connection, environment) REFERENCES connections (id, environment),
    PRIMARY KEY (id)
) STRICT;
INSERT INTO accounts_with_names (id, environment, connection, identifier, name, organization_id, user_id, auth_type,
    status, scopes, provider_subject, label, metadata, api_config, token_expires_at, last_used_at, generation, cause,
    version, created_at, updated_at, search_text)
SELECT id, environment, connection, identifier, '', organization_id, user_id, auth_type, status, scopes,
    provider_subject, label, metadata, api_config, token_expires_at, last_used_at, generation, cause, version,
    created_at, updated_at, search_text
FROM accounts ORDER BY rowid;
DROP TABLE accounts;
ALTER TABLE accounts_with_names RENAME TO accounts;
CREATE INDEX accounts_by_environment ON accounts (environment, id);
CREATE INDEX accounts_by_connection ON accounts (connection, id);
CREATE INDEX accounts_by_identifier ON accounts (environment, identifier, id);
CREATE INDEX accounts_by_organization ON accounts (environment, organization_id, id) WHERE organization_id IS NOT NULL;
CREATE INDEX accounts_by_user ON accounts (environment, user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX accounts_by_status ON accounts (environment, status, id);
CREATE INDEX accounts_by_subject ON accounts (connection, provider_subject, id) WHERE provider_subject IS NOT NULL;
CREATE INDEX accounts_due ON accounts (refresh_at, id) WHERE status = 'ACTIVE' AND refresh_at IS NOT NULL;

-- The ledger of refreshes. The primary key comes last, as above.
CREATE TABLE refreshes (
    id           TEXT NOT NULL,
    environment  TEXT NOT NULL,
    connection   TEXT NOT NULL,
    account      TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    fence        INTEGER NOT NULL,
    generation   INTEGER NOT NULL,
    holder       INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    started_at   INTEGER NOT NULL,
    lease_until  INTEGER NOT NULL,
    outcome      TEXT,
    code         TEXT,
    ended_at     INTEGER,
    UNIQUE (account, fence),
    PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX refreshes_open ON refreshes (account) WHERE outcome IS NULL;
CREATE INDEX refreshes_stale ON refreshes (started_at, id) WHERE outcome IS NULL;
CREATE INDEX refreshes_by_account ON refreshes (account, id);
CREATE INDEX refreshes_by_end ON refreshes (ended_at) WHERE outcome IS NOT NULL;

-- Revocations outlive the accounts that they are of: no foreign keys.
CREATE TABLE revocations (
    id           TEXT PRIMARY KEY NOT NULL,
    environment  TEXT NOT NULL,
    account      TEXT NOT NULL,
    connection   TEXT NOT NULL,
    identifier   TEXT NOT NULL,
    metadata     TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    sealed       BLOB NOT NULL,
    attempts     INTEGER NOT NULL,
    last_code    TEXT,
    next_at      INTEGER NOT NULL,
    give_up_at   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX revocations_by_environment ON revocations (environment, id);
CREATE INDEX revocations_by_account ON revocations (account, id);
CREATE INDEX revocations_due ON revocations (next_at, id);

ALTER TABLE connections ADD COLUMN identity_policy TEXT NOT NULL DEFAULT 'flag';

-- The process that began an execution.
ALTER TABLE executions ADD COLUMN instance INTEGER;

CREATE INDEX auth_requests_by_expiry ON auth_requests (expires_at);

-- frozen: the mark of a restored or copied database, as JSON. home: where the file is and a token that is renewed
-- together with the witness beside it, as JSON. is_copy: the file was written as a backup and nobody has joined it.
ALTER TABLE store_info ADD COLUMN frozen TEXT;
ALTER TABLE store_info ADD COLUMN home TEXT;
ALTER TABLE store_info ADD COLUMN is_copy INTEGER NOT NULL DEFAULT 0;
