-- What a token that an agent holds is bounded to, as JSON; NULL if it is not.
ALTER TABLE api_tokens ADD COLUMN bounds TEXT;
