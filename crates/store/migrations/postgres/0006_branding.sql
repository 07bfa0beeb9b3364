-- How the operator's name, colours and words stand on the pages for end users: one row, once something was set.
CREATE TABLE branding (
    id             bigint PRIMARY KEY CHECK (id = 1),
    product_name   text COLLATE "C",
    logo_hash      bytea,
    logo_kind      text COLLATE "C",
    accent_light   text COLLATE "C",
    accent_dark    text COLLATE "C",
    support_url    text COLLATE "C",
    support_email  text COLLATE "C",
    privacy_url    text COLLATE "C",
    texts          text COLLATE "C" NOT NULL,
    version        bigint NOT NULL,
    updated_at     bigint NOT NULL
);

-- Pictures, by the SHA-256 of their content, apart from the row that every page reads.
CREATE TABLE branding_logos (
    hash        bytea PRIMARY KEY NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    content     bytea NOT NULL,
    created_at  bigint NOT NULL
);
