-- How many accounts were in each status, day by day: events are forgotten after a while and do not tell it cheaply. `day`
-- counts days since 1970-01-01. The primary key comes last, as above.
CREATE TABLE status_counts (
    environment  TEXT NOT NULL REFERENCES environments (id),
    day          INTEGER NOT NULL,
    status       TEXT NOT NULL,
    accounts     INTEGER NOT NULL,
    PRIMARY KEY (environment, day, status)
) STRICT;

-- Where the time of a call went; nothing for calls from before it was noted.
ALTER TABLE executions ADD COLUMN phases TEXT;

-- Lists by two of their filters: without these, every account of a connection and every call of a tool is looked at to
-- find the few in a status.
CREATE INDEX accounts_by_connection_and_status ON accounts (connection, status, id);
CREATE INDEX executions_failed_by_tool ON executions (environment, tool, id) WHERE status = 'FAILED' AND tool IS NOT NULL;
