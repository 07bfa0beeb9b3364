-- Endpoints that are told what happens, and the messages to them: a message is written in the commit of what it tells.
-- Times are microseconds since 1970.
CREATE TABLE webhooks (
    id                TEXT PRIMARY KEY NOT NULL,
    environment       TEXT NOT NULL REFERENCES environments (id),
    url               TEXT NOT NULL,
    description       TEXT,
    event_types       TEXT NOT NULL,
    disabled          TEXT,
    failing_since     INTEGER,
    last_delivery_at  INTEGER,
    last_error        TEXT,
    version           INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;
CREATE INDEX webhooks_environment ON webhooks (environment, id);

CREATE TABLE webhook_secrets (
    webhook      TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    generation   INTEGER NOT NULL,
    sealed       BLOB NOT NULL,
    valid_until  INTEGER,
    PRIMARY KEY (webhook, generation)
) STRICT;

CREATE TABLE webhook_deliveries (
    id               TEXT NOT NULL,
    webhook          TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    environment      TEXT NOT NULL,
    event            TEXT NOT NULL,
    subject          TEXT,
    facts            TEXT NOT NULL,
    identifier       TEXT,
    connection_name  TEXT,
    outcome          TEXT NOT NULL,
    attempts         INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    next_attempt_at  INTEGER,
    ended_at         INTEGER,
    response_status  INTEGER,
    error            TEXT,
    evidence         TEXT,
    PRIMARY KEY (webhook, id)
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, next_attempt_at) WHERE outcome = 'pending';
CREATE INDEX webhook_deliveries_outcome ON webhook_deliveries (webhook, outcome, id);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (outcome, ended_at);

-- What a message says, sealed before it is sent the first time: it is the same whenever it is sent again. With the
-- answer of a call in it, it goes when the account goes.
CREATE TABLE webhook_bodies (
    webhook   TEXT NOT NULL,
    delivery  TEXT NOT NULL,
    account   TEXT REFERENCES accounts (id) ON DELETE CASCADE,
    sealed    BLOB NOT NULL,
    PRIMARY KEY (webhook, delivery),
    FOREIGN KEY (webhook, delivery) REFERENCES webhook_deliveries (webhook, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX webhook_bodies_account ON webhook_bodies (account) WHERE account IS NOT NULL;
