-- When the client secret of a connection ends, as its operator noted it, in microseconds since 1970.
ALTER TABLE connections ADD COLUMN client_secret_expires_at INTEGER;
