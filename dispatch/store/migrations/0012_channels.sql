-- By which ways people are reached away from their screens, and whether each was tried.
-- compat: 12

-- One way out to a person: e-mail now; others need no more than another kind. A way counts as
-- working once a code that was sent by it came back, and until something couldn't be sent by it.
CREATE TABLE channels (
    account_id uuid NOT NULL REFERENCES accounts,
    -- by which adapter: mail
    kind text NOT NULL,
    -- where, as that adapter spells it
    address text NOT NULL,
    set_at timestamptz NOT NULL,
    -- who set it; NULL: the command line
    set_by uuid REFERENCES accounts,
    -- the code of the last test, as SHA-256; NULL: none waits for its answer
    code_hash bytea,
    code_sent_at timestamptz,
    -- answers that were wrong since; after a few the code is void
    wrong_codes smallint NOT NULL DEFAULT 0,
    -- when a code came back; NULL: never tried
    verified_at timestamptz,
    -- since when nothing gets out by it, and why; NULL: it does, as far as is known
    failed_at timestamptz,
    error text,
    PRIMARY KEY (account_id, kind),
    CHECK (kind IN ('mail')),
    CHECK (kind <> 'mail' OR address ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    CHECK ((code_hash IS NULL) = (code_sent_at IS NULL)),
    CHECK ((failed_at IS NULL) = (error IS NULL))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON channels TO crisis_worker;

INSERT INTO channels (account_id, kind, address, set_at)
SELECT account_id, 'mail', email, now()
FROM accounts
WHERE email IS NOT NULL;

ALTER TABLE accounts DROP COLUMN email;
