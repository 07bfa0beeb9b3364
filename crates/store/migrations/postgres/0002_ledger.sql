-- What the version before does not know has a default or may be empty: it goes on working while both run.

-- Processes that work on the database. heartbeat_at and connected_at are by the database's own clock: when the process
-- last said that it is there, and since when its session has been there without a break. beats counts how often it said
-- so: a process that finds an older count, or no row, knows that the database went back. Therefore a row that is
-- forgotten stays for a while. Numbers are drawn at random: after a restore none is given out twice.
CREATE TABLE instances (
    number        bigint PRIMARY KEY NOT NULL CHECK (number BETWEEN 1 AND 2147483647),
    joined_at     bigint NOT NULL,
    heartbeat_at  bigint NOT NULL,
    connected_at  bigint NOT NULL,
    beats         bigint NOT NULL DEFAULT 0,
    forgotten     boolean NOT NULL DEFAULT false
);

-- The ledger of refreshes. lease_until is by the database's own clock, every other time by the process that wrote it.
CREATE TABLE refreshes (
    id           text COLLATE "C" PRIMARY KEY NOT NULL,
    environment  text COLLATE "C" NOT NULL,
    connection   text COLLATE "C" NOT NULL,
    account      text COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    fence        bigint NOT NULL,
    generation   bigint NOT NULL,
    holder       bigint NOT NULL,
    reason       text COLLATE "C" NOT NULL,
    started_at   bigint NOT NULL,
    lease_until  bigint NOT NULL,
    outcome      text COLLATE "C",
    code         text COLLATE "C",
    ended_at     bigint,
    UNIQUE (account, fence)
);
CREATE UNIQUE INDEX refreshes_open ON refreshes (account) WHERE outcome IS NULL;
CREATE INDEX refreshes_stale ON refreshes (started_at, id) WHERE outcome IS NULL;
CREATE INDEX refreshes_by_account ON refreshes (account, id);
CREATE INDEX refreshes_by_end ON refreshes (ended_at) WHERE outcome IS NOT NULL;

-- Revocations outlive the accounts that they are of: no foreign keys.
CREATE TABLE revocations (
    id           text COLLATE "C" PRIMARY KEY NOT NULL,
    environment  text COLLATE "C" NOT NULL,
    account      text COLLATE "C" NOT NULL,
    connection   text COLLATE "C" NOT NULL,
    identifier   text COLLATE "C" NOT NULL,
    metadata     text COLLATE "C" NOT NULL,
    generation   bigint NOT NULL,
    sealed       bytea NOT NULL,
    attempts     bigint NOT NULL,
    last_code    text COLLATE "C",
    next_at      bigint NOT NULL,
    give_up_at   bigint NOT NULL,
    created_at   bigint NOT NULL
);
CREATE INDEX revocations_by_environment ON revocations (environment, id);
CREATE INDEX revocations_by_account ON revocations (account, id);
CREATE INDEX revocations_due ON revocations (next_at, id);

-- The wider constraint takes the place of the narrower one: several accounts of an identifier are told apart by name.
ALTER TABLE accounts
    ADD COLUMN name text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN refresh_at bigint,
    ADD COLUMN degraded text COLLATE "C",
    ADD UNIQUE (connection, identifier, name),
    DROP CONSTRAINT accounts_connection_identifier_key;
CREATE INDEX accounts_due ON accounts (refresh_at, id) WHERE status = 'ACTIVE' AND refresh_at IS NOT NULL;

ALTER TABLE connections ADD COLUMN identity_policy text COLLATE "C" NOT NULL DEFAULT 'flag';

ALTER TABLE executions ADD COLUMN instance bigint;

-- What is removed by age. Events and executions are found along their ids.
CREATE INDEX auth_requests_by_expiry ON auth_requests (expires_at);

-- The mark of a restored or copied database, as JSON.
ALTER TABLE store_info ADD COLUMN frozen text COLLATE "C";

-- Where the database was when a process first worked on it: the identifier of the server's data (where we may ask for
-- it), the number of the database on it, and that of this table. A copy has another one of them.
CREATE TABLE store_home (
    id        bigint PRIMARY KEY CHECK (id = 1),
    system    text COLLATE "C",
    database  bigint NOT NULL,
    relation  bigint NOT NULL
);
