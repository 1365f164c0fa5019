-- Accounts, their grants, sessions and tokens, one-use tickets, and what was done to them.
-- compat: 1
--
-- Who signs in is known before any county is: these tables are opened to role crisis_worker, and
-- nothing but dispatch.store.accounts and web.sessions use that way in. The two that belong to a
-- county have row security like every other one.

CREATE TABLE accounts (
    account_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('person', 'integration')),
    -- NFKC, lower case, no spaces around
    username text NOT NULL CHECK (username = lower(username) AND length(username) BETWEEN 2 AND 100),
    -- how colleagues see the person; never a caller's name
    label text NOT NULL CHECK (length(label) BETWEEN 1 AND 100),
    -- where alerts go that must reach people away from their screens; NULL: nowhere
    email text CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    -- argon2id, encoded; NULL: nobody can sign in with a password
    password_hash text,
    password_changed_at timestamptz,
    created_at timestamptz NOT NULL,
    -- NULL: in use
    disabled_at timestamptz,
    CONSTRAINT username_taken UNIQUE (username),
    CHECK (kind = 'person' OR password_hash IS NULL)
);
GRANT SELECT, INSERT, UPDATE ON accounts TO crisis_worker;

-- What a person may act as in a county: the shape of crisis.roles.Actor, and thus one row.
CREATE TABLE account_grants (
    county_id integer NOT NULL REFERENCES counties,
    account_id uuid NOT NULL REFERENCES accounts,
    roles text[] NOT NULL CHECK (
        cardinality(roles) > 0
        -- system is the service itself; an integration's rights stand in token_scopes
        AND roles <@ ARRAY['call_taker', 'dispatcher', 'supervisor', 'on_call', 'responder',
            'remote_clinician', 'follow_up_worker', 'agency_manager', 'lead', 'compliance', 'admin']
    ),
    -- all of these roles end at this agency; NULL: the whole county
    agency_id uuid,
    -- the person's entry in the roster; NULL: not a responder
    responder_id uuid,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (county_id, account_id),
    CONSTRAINT grant_names_an_agency FOREIGN KEY (county_id, agency_id)
        REFERENCES agencies (county_id, agency_id),
    -- one person can't act as another one's entry in the roster
    CONSTRAINT responder_has_one_account UNIQUE (county_id, responder_id)
);
CREATE INDEX account_grants_account_id ON account_grants (account_id);
SELECT secure_county_table('account_grants', 'SELECT');
SELECT open_to_worker('account_grants', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE sessions (
    session_id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    -- sha256 of the secret, which is nowhere but with the client
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    purpose text NOT NULL CHECK (purpose IN ('cookie', 'bearer', 'integration')),
    device text NOT NULL CHECK (length(device) <= 100),
    created_at timestamptz NOT NULL,
    -- to within a minute: nodes write it in batches
    last_seen_at timestamptz NOT NULL,
    -- ends after so much time without a request; NULL: never for that reason
    idle_s double precision CHECK (idle_s > 0),
    expires_at timestamptz NOT NULL,
    -- NULL: not ended before its time
    revoked_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX sessions_account_id ON sessions (account_id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO crisis_worker;

-- What an integration's token may do in a county: types of commands and named views.
CREATE TABLE token_scopes (
    county_id integer NOT NULL REFERENCES counties,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    -- the token ends at this agency; NULL: the whole county
    agency_id uuid,
    PRIMARY KEY (county_id, session_id),
    CONSTRAINT token_names_an_agency FOREIGN KEY (county_id, agency_id)
        REFERENCES agencies (county_id, agency_id)
);
CREATE INDEX token_scopes_session_id ON token_scopes (session_id);
SELECT secure_county_table('token_scopes', 'SELECT');
SELECT open_to_worker('token_scopes', 'SELECT, INSERT, DELETE');

-- One use, half a minute: what a page shows when it opens its socket. A crash may empty it.
CREATE UNLOGGED TABLE socket_tickets (
    ticket_hash bytea PRIMARY KEY CHECK (length(ticket_hash) = 32),
    session_id uuid NOT NULL,
    expires_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, DELETE ON socket_tickets TO crisis_worker;

-- Attempts to sign in per username, per address, and per both; the key is a hash, because people
-- type passwords where the username belongs.
CREATE TABLE sign_in_attempts (
    key bytea PRIMARY KEY CHECK (length(key) = 32),
    -- since the last success, or since it was quiet for a while
    failures integer NOT NULL CHECK (failures >= 0),
    last_at timestamptz NOT NULL,
    -- of this username from this address; NULL: never
    succeeded_at timestamptz
) WITH (fillfactor = 80);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO crisis_worker;

-- Everything that was done to accounts and sessions. Nodes poll it to learn what ended.
CREATE TABLE account_log (
    log_id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    -- the server's clock: the poll looks back over a window of it
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    what text NOT NULL CHECK (what IN (
        'created', 'signed_in', 'sign_in_failed', 'session_ended', 'sessions_ended',
        'password_set', 'disabled', 'enabled', 'granted', 'grant_taken', 'token_issued'
    )),
    account_id uuid NOT NULL REFERENCES accounts,
    -- NULL: about the whole account
    session_id uuid,
    -- the account that did it; NULL: the command line
    by_account_id uuid REFERENCES accounts,
    facts jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX account_log_at ON account_log (at);
CREATE INDEX account_log_account_id ON account_log (account_id, log_id);
SELECT make_append_only('account_log');
GRANT SELECT, INSERT ON account_log TO crisis_worker;
