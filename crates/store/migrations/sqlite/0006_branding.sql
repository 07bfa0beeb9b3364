-- How the operator's name, colours and words stand on the pages for end users: one row, once something was set.
CREATE TABLE branding (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    product_name   TEXT,
    logo_hash      BLOB,
    logo_kind      TEXT,
    accent_light   TEXT,
    accent_dark    TEXT,
    support_url    TEXT,
    support_email  TEXT,
    privacy_url    TEXT,
    texts          TEXT NOT NULL,
    version        INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
) STRICT;

-- Pictures, by the SHA-256 of their content, apart from the row that every page reads.
CREATE TABLE branding_logos (
    hash        BLOB NOT NULL,
    kind        TEXT NOT NULL,
    content     BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (hash)
) STRICT;
