-- How many accounts were in each status, day by day: events are forgotten after a while and do not tell it cheaply. `day`
-- counts days since 1970-01-01.
CREATE TABLE status_counts (
    environment  text COLLATE "C" NOT NULL REFERENCES environments (id),
    day          bigint NOT NULL,
    status       text COLLATE "C" NOT NULL,
    accounts     bigint NOT NULL,
    PRIMARY KEY (environment, day, status)
);

-- Where the time of a call went; nothing for calls from before it was noted.
ALTER TABLE executions ADD COLUMN phases text COLLATE "C";

-- Lists by two of their filters: without these, every account of a connection and every call of a tool is looked at to
-- find the few in a status.
CREATE INDEX accounts_by_connection_and_status ON accounts (connection, status, id);
CREATE INDEX executions_failed_by_tool ON executions (environment, tool, id) WHERE status = 'FAILED' AND tool IS NOT NULL;
