-- Work on many accounts: what was asked for and how far it is, so that another process goes on with it. Times are
-- microseconds since 1970.
CREATE TABLE bulk_works (
    id           text COLLATE "C" PRIMARY KEY NOT NULL,
    environment  text COLLATE "C" NOT NULL,
    actor        text COLLATE "C" NOT NULL,
    user_id      text COLLATE "C",
    plan         text COLLATE "C" NOT NULL,
    progress     text COLLATE "C" NOT NULL,
    lease_until  bigint NOT NULL,
    version      bigint NOT NULL,
    began_at     bigint NOT NULL,
    ended_at     bigint
);
CREATE INDEX bulk_works_left ON bulk_works (lease_until) WHERE ended_at IS NULL;
CREATE INDEX bulk_works_actor ON bulk_works (actor, began_at);
CREATE INDEX bulk_works_ended ON bulk_works (ended_at) WHERE ended_at IS NOT NULL;
