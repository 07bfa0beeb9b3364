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

-- How many accounts are in each status, kept in the commit that changes it.
CREATE TABLE account_counts (
    environment  TEXT NOT NULL,
    status       TEXT NOT NULL,
    accounts     INTEGER NOT NULL,
    PRIMARY KEY (environment, status)
) STRICT;
INSERT INTO account_counts (environment, status, accounts)
SELECT environment, status, count(*) FROM accounts GROUP BY environment, status;

CREATE TRIGGER account_counts_insert AFTER INSERT ON accounts BEGIN
    INSERT INTO account_counts (environment, status, accounts) VALUES (new.environment, new.status, 1)
    ON CONFLICT (environment, status) DO UPDATE SET accounts = accounts + 1;
END;
CREATE TRIGGER account_counts_update AFTER UPDATE OF status ON accounts WHEN old.status <> new.status BEGIN
    UPDATE account_counts SET accounts = accounts - 1 WHERE environment = old.environment AND status = old.status;
    INSERT INTO account_counts (environment, status, accounts) VALUES (new.environment, new.status, 1)
    ON CONFLICT (environment, status) DO UPDATE SET accounts = accounts + 1;
END;
CREATE TRIGGER account_counts_delete AFTER DELETE ON accounts BEGIN
    UPDATE account_counts SET accounts = accounts - 1 WHERE environment = old.environment AND status = old.status;
END;

-- The search for accounts by a part of their text. Its index knows rows by number, and those of `accounts` have none that
-- stays (VACUUM may change it), so each gets one. The index holds three letters each, and no copy of the text: the view
-- brings it. Two separators at the end let the last letters be found like any others.
CREATE TABLE account_numbers (
    number   INTEGER PRIMARY KEY NOT NULL,
    account  TEXT NOT NULL UNIQUE
) STRICT;
CREATE VIEW account_texts AS
SELECT number, search_text || char(31, 31) AS text FROM account_numbers JOIN accounts ON accounts.id = account;
CREATE VIRTUAL TABLE account_search USING fts5 (
    text, content = 'account_texts', content_rowid = 'number', tokenize = 'trigram case_sensitive 1', detail = none
);
CREATE VIRTUAL TABLE account_search_terms USING fts5vocab (account_search, row);
-- What is removed from the index leaves no bytes behind (S37).
INSERT INTO account_search (account_search, rank) VALUES ('secure-delete', 1);
INSERT INTO account_numbers (account) SELECT id FROM accounts ORDER BY id;
INSERT INTO account_search (account_search) VALUES ('rebuild');

CREATE TRIGGER account_search_insert AFTER INSERT ON accounts BEGIN
    INSERT INTO account_numbers (account) VALUES (new.id);
    INSERT INTO account_search (rowid, text)
    SELECT number, new.search_text || char(31, 31) FROM account_numbers WHERE account = new.id;
END;
CREATE TRIGGER account_search_update AFTER UPDATE OF search_text ON accounts WHEN old.search_text <> new.search_text BEGIN
    INSERT INTO account_search (account_search, rowid, text)
    SELECT 'delete', number, old.search_text || char(31, 31) FROM account_numbers WHERE account = new.id;
    INSERT INTO account_search (rowid, text)
    SELECT number, new.search_text || char(31, 31) FROM account_numbers WHERE account = new.id;
END;
CREATE TRIGGER account_search_delete AFTER DELETE ON accounts BEGIN
    INSERT INTO account_search (account_search, rowid, text)
    SELECT 'delete', number, old.search_text || char(31, 31) FROM account_numbers WHERE account = old.id;
    DELETE FROM account_numbers WHERE account = old.id;
END;
