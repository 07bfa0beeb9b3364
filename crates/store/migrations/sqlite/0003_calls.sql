-- What calls brought, kept for who asks again: under the key of their caller, or by the id of the execution.
CREATE TABLE answers (
    execution    TEXT NOT NULL,
    environment  TEXT NOT NULL,
    account      TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    client       TEXT NOT NULL,
    key_hash     BLOB,
    input_hash   BLOB NOT NULL,
    detached     INTEGER NOT NULL,
    has_left     INTEGER NOT NULL,
    sealed       BLOB,
    keep_until   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    UNIQUE (environment, client, key_hash),
    PRIMARY KEY (execution)
) STRICT;
CREATE INDEX answers_by_account ON answers (account);
CREATE INDEX answers_by_end ON answers (keep_until);

-- The longest that a call through this connection may take, in milliseconds.
ALTER TABLE connections ADD COLUMN call_timeout_ms INTEGER;
