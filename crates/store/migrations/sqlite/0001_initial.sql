-- Times are integers: microseconds since 1970-01-01 UTC. Lists and maps are JSON text. Sealed values are blobs.
-- Ids sort by creation time, so an index that ends in the id also gives the order of every list.

CREATE TABLE store_info (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    probes  INTEGER NOT NULL
) STRICT;
INSERT INTO store_info (id, probes) VALUES (1, 0);

CREATE TABLE environments (
    id          TEXT PRIMARY KEY NOT NULL,
    name        TEXT NOT NULL UNIQUE,
    created_at  INTEGER NOT NULL
) STRICT;

-- The primary key comes last where there are other unique keys: SQLite reports the one that was declared last.
CREATE TABLE connections (
    id                      TEXT NOT NULL,
    environment             TEXT NOT NULL REFERENCES environments (id),
    name                    TEXT NOT NULL,
    connector               TEXT NOT NULL,
    client_id               TEXT,
    client_secret           BLOB,
    use_shared_credentials  INTEGER NOT NULL,
    scopes                  TEXT NOT NULL,
    overrides               TEXT NOT NULL,
    variables               TEXT NOT NULL,
    enabled                 INTEGER NOT NULL,
    fault                   TEXT,
    version                 INTEGER NOT NULL,
    created_at              INTEGER NOT NULL,
    updated_at              INTEGER NOT NULL,
    UNIQUE (environment, name),
    UNIQUE (id, environment),
    PRIMARY KEY (id)
) STRICT;
CREATE INDEX connections_by_environment ON connections (environment, id);
CREATE INDEX connections_by_connector ON connections (environment, connector, id);

-- search_text: every searchable field in lower case, so that a search is one look at one column.
CREATE TABLE accounts (
    id                TEXT NOT NULL,
    environment       TEXT NOT NULL,
    connection        TEXT NOT NULL,
    identifier        TEXT NOT NULL,
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
    last_used_at      INTEGER,
    generation        INTEGER NOT NULL,
    cause             TEXT,
    version           INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    search_text       TEXT NOT NULL,
    UNIQUE (connection, identifier),
    FOREIGN KEY (connection, environment) REFERENCES connections (id, environment),
    PRIMARY KEY (id)
) STRICT;
CREATE INDEX accounts_by_environment ON accounts (environment, id);
CREATE INDEX accounts_by_connection ON accounts (connection, id);
CREATE INDEX accounts_by_identifier ON accounts (environment, identifier, id);
CREATE INDEX accounts_by_organization ON accounts (environment, organization_id, id) WHERE organization_id IS NOT NULL;
CREATE INDEX accounts_by_user ON accounts (environment, user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX accounts_by_status ON accounts (environment, status, id);

CREATE TABLE credentials (
    account     TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    generation  INTEGER NOT NULL,
    sealed      BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (account, generation)
) STRICT;

CREATE TABLE auth_requests (
    id               TEXT PRIMARY KEY NOT NULL,
    environment      TEXT NOT NULL,
    account          TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    connection       TEXT NOT NULL,
    link_hash        BLOB NOT NULL UNIQUE,
    state_hash       BLOB UNIQUE,
    browser_hash     BLOB,
    code_verifier    BLOB,
    scopes           TEXT NOT NULL,
    caller_state     TEXT,
    user_verify_url  TEXT,
    phase            TEXT NOT NULL,
    failure          TEXT,
    generation       INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    redirected_at    INTEGER
) STRICT;
CREATE INDEX auth_requests_by_account ON auth_requests (account, id);

-- Events and executions outlive what they are about: no foreign keys.
CREATE TABLE events (
    id           TEXT PRIMARY KEY NOT NULL,
    environment  TEXT NOT NULL,
    account      TEXT,
    connection   TEXT,
    kind         TEXT NOT NULL,
    actor        TEXT NOT NULL,
    code         TEXT,
    data         TEXT NOT NULL,
    at           INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_environment ON events (environment, id);
CREATE INDEX events_by_account ON events (account, id) WHERE account IS NOT NULL;
CREATE INDEX events_by_connection ON events (connection, id) WHERE connection IS NOT NULL;

CREATE TABLE executions (
    id                TEXT PRIMARY KEY NOT NULL,
    environment       TEXT NOT NULL,
    tool              TEXT,
    connector         TEXT NOT NULL,
    connection        TEXT NOT NULL,
    account           TEXT NOT NULL,
    identifier        TEXT NOT NULL,
    agent_run_id      TEXT,
    client            TEXT NOT NULL,
    source            TEXT NOT NULL,
    request_id        TEXT NOT NULL,
    upstream_request  TEXT,
    upstream_status   INTEGER,
    status            TEXT NOT NULL,
    error_code        TEXT,
    error_message     TEXT,
    started_at        INTEGER NOT NULL,
    duration_us       INTEGER
) STRICT;
CREATE INDEX executions_by_environment ON executions (environment, id);
CREATE INDEX executions_by_account ON executions (account, id);
CREATE INDEX executions_by_connection ON executions (connection, id);
CREATE INDEX executions_by_tool ON executions (environment, tool, id) WHERE tool IS NOT NULL;
-- Most executions succeed: a list of those is a walk along executions_by_environment.
CREATE INDEX executions_failed ON executions (environment, id) WHERE status = 'FAILED';
CREATE INDEX executions_running ON executions (environment, id) WHERE status = 'RUNNING';
CREATE INDEX executions_unknown ON executions (environment, id) WHERE status = 'UNKNOWN';

CREATE TABLE api_clients (
    id           TEXT PRIMARY KEY NOT NULL,
    environment  TEXT NOT NULL REFERENCES environments (id),
    name         TEXT NOT NULL,
    secret_hash  BLOB NOT NULL,
    permissions  TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    disabled_at  INTEGER
) STRICT;
CREATE INDEX api_clients_by_environment ON api_clients (environment, created_at, id);

CREATE TABLE api_tokens (
    id           TEXT PRIMARY KEY NOT NULL,
    environment  TEXT NOT NULL,
    client       TEXT NOT NULL REFERENCES api_clients (id),
    name         TEXT NOT NULL,
    token_hash   BLOB NOT NULL UNIQUE,
    hint         TEXT NOT NULL,
    permissions  TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER
) STRICT;
CREATE INDEX api_tokens_by_environment ON api_tokens (environment, created_at, id);
CREATE INDEX api_tokens_by_client ON api_tokens (client);

CREATE TABLE key_terms (
    term            INTEGER PRIMARY KEY NOT NULL,
    sealed_key      BLOB NOT NULL,
    seals_reserved  INTEGER NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE signing_keys (
    kid                 TEXT PRIMARY KEY NOT NULL,
    sealed_private_key  BLOB NOT NULL,
    public_jwk          TEXT NOT NULL,
    created_at          INTEGER NOT NULL
) STRICT;
CREATE INDEX signing_keys_by_age ON signing_keys (created_at, kid);
