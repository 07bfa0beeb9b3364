-- People who use the dashboard. The address is kept in lower case.
CREATE TABLE users (
    id             text COLLATE "C" PRIMARY KEY NOT NULL,
    email          text COLLATE "C" NOT NULL UNIQUE,
    name           text COLLATE "C" NOT NULL,
    role           text COLLATE "C" NOT NULL,
    password_hash  text COLLATE "C",
    sso_issuer     text COLLATE "C",
    sso_subject    text COLLATE "C",
    version        bigint NOT NULL,
    created_at     bigint NOT NULL,
    disabled_at    bigint,
    UNIQUE (sso_issuer, sso_subject)
);

-- One-time links by which a person sets a password: a new one, or (member) one that is there.
CREATE TABLE invitations (
    id          text COLLATE "C" PRIMARY KEY NOT NULL,
    link_hash   bytea NOT NULL UNIQUE,
    role        text COLLATE "C" NOT NULL,
    member      text COLLATE "C" REFERENCES users (id) ON DELETE CASCADE,
    created_by  text COLLATE "C" NOT NULL,
    created_at  bigint NOT NULL,
    expires_at  bigint NOT NULL,
    used_at     bigint
);

CREATE TABLE sessions (
    id          text COLLATE "C" PRIMARY KEY NOT NULL,
    member      text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash  bytea NOT NULL UNIQUE,
    browser     text COLLATE "C" NOT NULL,
    created_at  bigint NOT NULL,
    seen_at     bigint NOT NULL,
    expires_at  bigint NOT NULL
);
CREATE INDEX sessions_by_member ON sessions (member, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The record of who did what. Each row carries the hash of the one before it; the head says which one is the last, so
-- that rows cut off at the end are missed too. Rows are only ever added.
CREATE TABLE audit (
    number       bigint PRIMARY KEY NOT NULL,
    at           bigint NOT NULL,
    environment  text COLLATE "C",
    actor        text COLLATE "C" NOT NULL,
    action       text COLLATE "C" NOT NULL,
    subject      text COLLATE "C",
    outcome      text COLLATE "C" NOT NULL,
    request_id   text COLLATE "C",
    data         text COLLATE "C" NOT NULL,
    former       bytea NOT NULL,
    hash         bytea NOT NULL
);
CREATE TABLE audit_head (
    id      bigint PRIMARY KEY CHECK (id = 1),
    number  bigint NOT NULL,
    former  bytea NOT NULL,
    hash    bytea NOT NULL
);

-- Few accounts are degraded: whoever counts them must not look at all that are active.
CREATE INDEX accounts_degraded ON accounts (environment, id) WHERE degraded IS NOT NULL;
