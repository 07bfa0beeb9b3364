-- The tool beside the id: to look for one tool among very many calls of an account, the index is read and the rows are not.
DROP INDEX executions_by_account;
CREATE INDEX executions_by_account ON executions (account, id, tool);
