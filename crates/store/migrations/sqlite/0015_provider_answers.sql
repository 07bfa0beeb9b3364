-- What the provider answered to a tool call that failed: {request_id, body}, bounded and redacted.
ALTER TABLE executions ADD COLUMN provider_answer TEXT;
