-- Times are integers: microseconds since 1970-01-01 UTC. Lists and maps are JSON text. Sealed values are bytea.
-- Ids sort by creation time, so an index that ends in the id also gives the order of every list. Text is compared by
-- its bytes (COLLATE "C"): the order must not depend on the locale of the server.

CREATE TABLE store_info (
    id      bigint PRIMARY KEY CHECK (id = 1),
    probes  bigint NOT NULL
);
INSERT INTO store_info (id, probes) VALUES (1, 0);

CREATE TABLE environments (
    id          text COLLATE "C" PRIMARY KEY NOT NULL,
    name        text COLLATE "C" NOT NULL UNIQUE,
    created_at  bigint NOT NULL
);

CREATE TABLE connections (
    id                      text COLLATE "C" NOT NULL,
    environment             text COLLATE "C" NOT NULL REFERENCES environments (id),
    name                    text COLLATE "C" NOT NULL,
    connector               text COLLATE "C" NOT NULL,
    client_id               text COLLATE "C",
    client_secret           bytea,
    use_shared_credentials  boolean NOT NULL,
    scopes                  text COLLATE "C" NOT NULL,
    overrides               text COLLATE "C" NOT NULL,
    variables               text COLLATE "C" NOT NULL,
    enabled                 boolean NOT NULL,
    fault                   text COLLATE "C",
    version                 bigint NOT NULL,
    created_at              bigint NOT NULL,
    updated_at              bigint NOT NULL,
    UNIQUE (environment, name),
    UNIQUE (id, environment),
    PRIMARY KEY (id)
);
CREATE INDEX connections_by_environment ON connections (environment, id);
CREATE INDEX connections_by_connector ON connections (environment, connector, id);

-- search_text: every searchable field in lower case, so that a search is one look at one column.
CREATE TABLE accounts (
    id                text COLLATE "C" NOT NULL,
    environment       text COLLATE "C" NOT NULL,
    connection        text COLLATE "C" NOT NULL,
    identifier        text COLLATE "C" NOT NULL,
    organization_id   text COLLATE "C",
    user_id           text COLLATE "C",
    auth_type         text COLLATE "C" NOT NULL,
    status            text COLLATE "C" NOT NULL,
    scopes            text COLLATE "C" NOT NULL,
    provider_subject  text COLLATE "C",
    label             text COLLATE "C",
    metadata          text COLLATE "C" NOT NULL,
    api_config        text COLLATE "C" NOT NULL,
    token_expires_at  bigint,
    last_used_at      bigint,
    generation        bigint NOT NULL,
    cause             text COLLATE "C",
    version           bigint NOT NULL,
    created_at        bigint NOT NULL,
    updated_at        bigint NOT NULL,
    search_text       text COLLATE "C" NOT NULL,
    UNIQUE (connection, identifier),
    FOREIGN KEY (connection, environment) REFERENCES connections (id, environment),
    PRIMARY KEY (id)
);
CREATE INDEX accounts_by_environment ON accounts (environment, id);
CREATE INDEX accounts_by_connection ON accounts (connection, id);
CREATE INDEX accounts_by_identifier ON accounts (environment, identifier, id);
CREATE INDEX accounts_by_organization ON accounts (environment, organization_id, id) WHERE organization_id IS NOT NULL;
CREATE INDEX accounts_by_user ON accounts (environment, user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX accounts_by_status ON accounts (environment, status, id);

CREATE TABLE credentials (
    account     text COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    generation  bigint NOT NULL,
    sealed      bytea NOT NULL,
    created_at  bigint NOT NULL,
    PRIMARY KEY (account, generation)
);

CREATE TABLE auth_requests (
    id               text COLLATE "C" PRIMARY KEY NOT NULL,
    environment      text COLLATE "C" NOT NULL,
    account          text COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    connection       text COLLATE "C" NOT NULL,
    link_hash        bytea NOT NULL UNIQUE,
    state_hash       bytea UNIQUE,
    browser_hash     bytea,
    code_verifier    bytea,
    scopes           text COLLATE "C" NOT NULL,
    caller_state     text COLLATE "C",
    user_verify_url  text COLLATE "C",
    phase            text COLLATE "C" NOT NULL,
    failure          text COLLATE "C",
    generation       bigint NOT NULL,
    version          bigint NOT NULL,
    created_at       bigint NOT NULL,
    expires_at       bigint NOT NULL,
    redirected_at    bigint
);
CREATE INDEX auth_requests_by_account ON auth_requests (account, id);

-- Events and executions outlive what they are about: no foreign keys.
CREATE TABLE events (
    id           text COLLATE "C" PRIMARY KEY NOT NULL,
    environment  text COLLATE "C" NOT NULL,
    account      text COLLATE "C",
    connection   text COLLATE "C",
    kind         text COLLATE "C" NOT NULL,
    actor        text COLLATE "C" NOT NULL,
    code         text COLLATE "C",
    data         text COLLATE "C" NOT NULL,
    at           bigint NOT NULL
);
CREATE INDEX events_by_environment ON events (environment, id);
CREATE INDEX events_by_account ON events (account, id) WHERE account IS NOT NULL;
CREATE INDEX events_by_connection ON events (connection, id) WHERE connection IS NOT NULL;

CREATE TABLE executions (
    id                text COLLATE "C" PRIMARY KEY NOT NULL,
    environment       text COLLATE "C" NOT NULL,
    tool              text COLLATE "C",
    connector         text COLLATE "C" NOT NULL,
    connection        text COLLATE "C" NOT NULL,
    account           text COLLATE "C" NOT NULL,
    identifier        text COLLATE "C" NOT NULL,
    agent_run_id      text COLLATE "C",
    client            text COLLATE "C" NOT NULL,
    source            text COLLATE "C" NOT NULL,
    request_id        text COLLATE "C" NOT NULL,
    upstream_request  text COLLATE "C",
    upstream_status   bigint,
    status            text COLLATE "C" NOT NULL,
    error_code        text COLLATE "C",
    error_message     text COLLATE "C",
    started_at        bigint NOT NULL,
    duration_us       bigint
);
CREATE INDEX executions_by_environment ON executions (environment, id);
CREATE INDEX executions_by_account ON executions (account, id);
CREATE INDEX executions_by_connection ON executions (connection, id);
CREATE INDEX executions_by_tool ON executions (environment, tool, id) WHERE tool IS NOT NULL;
-- Most executions succeed: a list of those is a walk along executions_by_environment.
CREATE INDEX executions_failed ON executions (environment, id) WHERE status = 'FAILED';
CREATE INDEX executions_running ON executions (environment, id) WHERE status = 'RUNNING';
CREATE INDEX executions_unknown ON executions (environment, id) WHERE status = 'UNKNOWN';

CREATE TABLE api_clients (
    id           text COLLATE "C" PRIMARY KEY NOT NULL,
    environment  text COLLATE "C" NOT NULL REFERENCES environments (id),
    name         text COLLATE "C" NOT NULL,
    secret_hash  bytea NOT NULL,
    permissions  text COLLATE "C" NOT NULL,
    created_at   bigint NOT NULL,
    disabled_at  bigint
);
CREATE INDEX api_clients_by_environment ON api_clients (environment, created_at, id);

CREATE TABLE api_tokens (
    id           text COLLATE "C" PRIMARY KEY NOT NULL,
    environment  text COLLATE "C" NOT NULL,
    client       text COLLATE "C" NOT NULL REFERENCES api_clients (id),
    name         text COLLATE "C" NOT NULL,
    token_hash   bytea NOT NULL UNIQUE,
    hint         text COLLATE "C" NOT NULL,
    permissions  text COLLATE "C" NOT NULL,
    created_at   bigint NOT NULL,
    expires_at   bigint,
    revoked_at   bigint
);
CREATE INDEX api_tokens_by_environment ON api_tokens (environment, created_at, id);
CREATE INDEX api_tokens_by_client ON api_tokens (client);

CREATE TABLE key_terms (
    term            bigint PRIMARY KEY NOT NULL,
    sealed_key      bytea NOT NULL,
    seals_reserved  bigint NOT NULL,
    created_at      bigint NOT NULL
);

CREATE TABLE signing_keys (
    kid                 text COLLATE "C" PRIMARY KEY NOT NULL,
    sealed_private_key  bytea NOT NULL,
    public_jwk          text COLLATE "C" NOT NULL,
    created_at          bigint NOT NULL
);
CREATE INDEX signing_keys_by_age ON signing_keys (created_at, kid);
