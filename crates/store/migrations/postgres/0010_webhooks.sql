-- Endpoints that are told what happens, and the messages to them: a message is written in the commit of what it tells.
-- Times are microseconds since 1970.
CREATE TABLE webhooks (
    id                text COLLATE "C" PRIMARY KEY NOT NULL,
    environment       text COLLATE "C" NOT NULL REFERENCES environments (id),
    url               text COLLATE "C" NOT NULL,
    description       text COLLATE "C",
    event_types       text COLLATE "C" NOT NULL,
    disabled          text COLLATE "C",
    failing_since     bigint,
    last_delivery_at  bigint,
    last_error        text COLLATE "C",
    version           bigint NOT NULL,
    created_at        bigint NOT NULL,
    updated_at        bigint NOT NULL
);
CREATE INDEX webhooks_environment ON webhooks (environment, id);

CREATE TABLE webhook_secrets (
    webhook      text COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    generation   bigint NOT NULL,
    sealed       bytea NOT NULL,
    valid_until  bigint,
    PRIMARY KEY (webhook, generation)
);

CREATE TABLE webhook_deliveries (
    id               text COLLATE "C" NOT NULL,
    webhook          text COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    environment      text COLLATE "C" NOT NULL,
    event            text COLLATE "C" NOT NULL,
    subject          text COLLATE "C",
    facts            text COLLATE "C" NOT NULL,
    identifier       text COLLATE "C",
    connection_name  text COLLATE "C",
    outcome          text COLLATE "C" NOT NULL,
    attempts         bigint NOT NULL,
    created_at       bigint NOT NULL,
    next_attempt_at  bigint,
    ended_at         bigint,
    response_status  bigint,
    error            text COLLATE "C",
    evidence         text COLLATE "C",
    PRIMARY KEY (webhook, id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook, next_attempt_at) WHERE outcome = 'pending';
CREATE INDEX webhook_deliveries_outcome ON webhook_deliveries (webhook, outcome, id);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (outcome, ended_at);

-- What a message says, sealed before it is sent the first time: it is the same whenever it is sent again. With the
-- answer of a call in it, it goes when the account goes.
CREATE TABLE webhook_bodies (
    webhook   text COLLATE "C" NOT NULL,
    delivery  text COLLATE "C" NOT NULL,
    account   text COLLATE "C" REFERENCES accounts (id) ON DELETE CASCADE,
    sealed    bytea NOT NULL,
    PRIMARY KEY (webhook, delivery),
    FOREIGN KEY (webhook, delivery) REFERENCES webhook_deliveries (webhook, id) ON DELETE CASCADE
);
CREATE INDEX webhook_bodies_account ON webhook_bodies (account) WHERE account IS NOT NULL;
