-- Replicas of the version before wait with their writes until this is done.
LOCK TABLE accounts, events, executions IN SHARE ROW EXCLUSIVE MODE;

-- Lists by two of their filters, however many rows fit only one of them.
CREATE INDEX executions_by_connection_and_tool ON executions (connection, tool, id) WHERE tool IS NOT NULL;
CREATE INDEX executions_failed_by_account ON executions (account, id) WHERE status = 'FAILED';
CREATE INDEX executions_failed_by_connection ON executions (connection, id) WHERE status = 'FAILED';
CREATE INDEX events_by_account_and_kind ON events (account, kind, id) WHERE account IS NOT NULL;
CREATE INDEX events_by_connection_and_kind ON events (connection, kind, id) WHERE connection IS NOT NULL;
-- Few events have a cause.
CREATE INDEX events_by_account_and_code ON events (account, code, id) WHERE code IS NOT NULL AND account IS NOT NULL;
CREATE INDEX events_by_connection_and_code ON events (connection, code, id) WHERE code IS NOT NULL;
CREATE INDEX accounts_by_name ON accounts (environment, name, id) WHERE name <> '';

-- How many accounts are in each status. A row that every change of a status updates would have commits wait for each
-- other, and lock each other out: changes are only noted, and added up by the background.
CREATE TABLE account_counts (
    environment  text NOT NULL,
    status       text NOT NULL,
    accounts     bigint NOT NULL,
    PRIMARY KEY (environment, status)
);
CREATE TABLE account_count_changes (
    environment  text NOT NULL,
    status       text NOT NULL,
    change       bigint NOT NULL
);
CREATE FUNCTION note_account_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO valetkey.account_count_changes VALUES (OLD.environment, OLD.status, -1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO valetkey.account_count_changes VALUES (NEW.environment, NEW.status, 1);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER account_counts_insert AFTER INSERT OR DELETE ON accounts
FOR EACH ROW EXECUTE FUNCTION note_account_count();
CREATE TRIGGER account_counts_update AFTER UPDATE OF status ON accounts
FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION note_account_count();
INSERT INTO account_counts (environment, status, accounts)
SELECT environment, status, count(*) FROM accounts GROUP BY environment, status;

-- The search for accounts by a part of their text walks groups of three letters. The extension comes with PostgreSQL, and
-- whoever may create something in the database may add it; where it is missing or forbidden, every account is looked at.
DO $$
DECLARE
    home text;
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    SELECT nspname INTO STRICT home
    FROM pg_catalog.pg_extension JOIN pg_catalog.pg_namespace AS place ON place.oid = extnamespace
    WHERE extname = 'pg_trgm';
    EXECUTE format('CREATE INDEX accounts_by_text ON accounts USING gin (search_text %I.gin_trgm_ops)', home);
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'searches for accounts go without an index: %', SQLERRM;
END
$$;
