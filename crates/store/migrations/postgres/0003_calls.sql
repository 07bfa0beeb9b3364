-- What the version before does not know may be empty: it goes on working while both run.

-- What calls brought, kept for who asks again: under the key of their caller, or by the id of the execution.
CREATE TABLE answers (
    execution    text COLLATE "C" PRIMARY KEY NOT NULL,
    environment  text COLLATE "C" NOT NULL,
    account      text COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    client       text COLLATE "C" NOT NULL,
    key_hash     bytea,
    input_hash   bytea NOT NULL,
    detached     boolean NOT NULL,
    has_left     boolean NOT NULL,
    sealed       bytea,
    keep_until   bigint NOT NULL,
    created_at   bigint NOT NULL,
    UNIQUE (environment, client, key_hash)
);
CREATE INDEX answers_by_account ON answers (account);
CREATE INDEX answers_by_end ON answers (keep_until);

-- The longest that a call through this connection may take, in milliseconds.
ALTER TABLE connections ADD COLUMN call_timeout_ms bigint;
