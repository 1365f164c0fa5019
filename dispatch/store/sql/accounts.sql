-- name: create_account
-- A new account; violates username_taken if the name is in use.
-- role: worker
-- params: $1 account_id uuid, $2 kind text, $3 username text, $4 label text, $5 password_hash text,
--   $6 at timestamptz, $7 by_account_id uuid
WITH made AS (
    INSERT INTO accounts
        (account_id, kind, username, label, password_hash, password_changed_at, created_at)
    VALUES ($1, $2, $3, $4, $5, CASE WHEN $5::text IS NULL THEN NULL ELSE $6::timestamptz END, $6)
    RETURNING account_id
)
INSERT INTO account_log (what, account_id, by_account_id)
SELECT 'created', account_id, $7
FROM made
RETURNING log_id;

-- name: find_account
-- The account of a username or an id, with what a sign-in needs.
-- role: worker
-- params: $1 username text, $2 account_id uuid
SELECT account_id, kind, username, label, password_hash, disabled_at
FROM accounts
WHERE username = $1 OR account_id = $2;

-- name: list_accounts
-- All accounts with their grants, or those with a grant in one county.
-- role: worker
-- params: $1 county_id integer
SELECT
    a.account_id, a.kind, a.username, a.label, a.created_at, a.disabled_at,
    coalesce(
        (
            SELECT json_agg(json_build_object(
                'county_id', g.county_id, 'roles', g.roles,
                'agency_id', g.agency_id, 'responder_id', g.responder_id
            ) ORDER BY g.county_id)
            FROM account_grants g
            WHERE g.account_id = a.account_id
        ),
        '[]'
    ) AS grants
FROM accounts a
WHERE $1::integer IS NULL OR EXISTS (
    SELECT FROM account_grants g WHERE g.account_id = a.account_id AND g.county_id = $1
)
ORDER BY a.username;

-- name: label_accounts
-- How colleagues see these accounts.
-- role: worker
-- params: $1 account_ids uuid[]
SELECT account_id, label
FROM accounts
WHERE account_id = ANY($1);

-- name: set_password
-- A new password; ends the account's sessions but the one kept. No row: no such person.
-- role: worker
-- params: $1 account_id uuid, $2 password_hash text, $3 at timestamptz, $4 keep_session_id uuid,
--   $5 by_account_id uuid
WITH changed AS (
    UPDATE accounts
    SET password_hash = $2, password_changed_at = $3
    WHERE account_id = $1 AND kind = 'person'
    RETURNING account_id
), ended AS (
    UPDATE sessions
    SET revoked_at = $3
    WHERE account_id = (SELECT account_id FROM changed)
        AND revoked_at IS NULL
        AND session_id IS DISTINCT FROM $4
)
INSERT INTO account_log (what, account_id, by_account_id)
SELECT 'password_set', account_id, $5
FROM changed
RETURNING log_id;

-- name: upgrade_hash
-- The same password hashed with today's parameters, unless it was changed meanwhile.
-- role: worker
-- params: $1 account_id uuid, $2 old_hash text, $3 new_hash text
UPDATE accounts
SET password_hash = $3
WHERE account_id = $1 AND password_hash = $2;

-- name: disable_account
-- Nobody may use the account any more; ends all its sessions. No row: unknown, or it was so.
-- role: worker
-- params: $1 account_id uuid, $2 at timestamptz, $3 by_account_id uuid
WITH changed AS (
    UPDATE accounts
    SET disabled_at = $2
    WHERE account_id = $1 AND disabled_at IS NULL
    RETURNING account_id
), ended AS (
    UPDATE sessions
    SET revoked_at = $2
    WHERE account_id = $1 AND revoked_at IS NULL
)
INSERT INTO account_log (what, account_id, by_account_id)
SELECT 'disabled', account_id, $3
FROM changed
RETURNING log_id;

-- name: enable_account
-- The account may be used again; its old sessions stay ended. No row: unknown, or it was so.
-- role: worker
-- params: $1 account_id uuid, $2 by_account_id uuid
WITH changed AS (
    UPDATE accounts
    SET disabled_at = NULL
    WHERE account_id = $1 AND disabled_at IS NOT NULL
    RETURNING account_id
)
INSERT INTO account_log (what, account_id, by_account_id)
SELECT 'enabled', account_id, $2
FROM changed
RETURNING log_id;

-- name: set_grant
-- What the account may act as in a county, in place of what it could before.
-- role: worker
-- params: $1 county_id integer, $2 account_id uuid, $3 roles text[], $4 agency_id uuid,
--   $5 responder_id uuid, $6 at timestamptz, $7 by_account_id uuid
WITH changed AS (
    INSERT INTO account_grants (county_id, account_id, roles, agency_id, responder_id, granted_at)
    SELECT $1, account_id, $3, $4, $5, $6
    FROM accounts
    WHERE account_id = $2 AND kind = 'person'
    ON CONFLICT (county_id, account_id) DO UPDATE SET
        roles = excluded.roles,
        agency_id = excluded.agency_id,
        responder_id = excluded.responder_id,
        granted_at = excluded.granted_at
    RETURNING county_id, account_id, roles, agency_id, responder_id
)
INSERT INTO account_log (what, account_id, by_account_id, facts)
SELECT 'granted', account_id, $7, jsonb_build_object(
    'county_id', county_id, 'roles', roles, 'agency_id', agency_id, 'responder_id', responder_id
)
FROM changed
RETURNING log_id;

-- name: take_grant
-- Nothing in this county any more. No row: there was no grant.
-- role: worker
-- params: $1 county_id integer, $2 account_id uuid, $3 by_account_id uuid
WITH changed AS (
    DELETE FROM account_grants
    WHERE county_id = $1 AND account_id = $2
    RETURNING county_id, account_id
)
INSERT INTO account_log (what, account_id, by_account_id, facts)
SELECT 'grant_taken', account_id, $3, jsonb_build_object('county_id', county_id)
FROM changed
RETURNING log_id;

-- name: create_session
-- A session of an account in use. No row: there is no such account.
-- role: worker
-- params: $1 session_id uuid, $2 account_id uuid, $3 token_hash bytea, $4 purpose text,
--   $5 device text, $6 at timestamptz, $7 idle_s double precision, $8 expires_at timestamptz,
--   $9 what text, $10 by_account_id uuid
WITH made AS (
    INSERT INTO sessions (
        session_id, account_id, token_hash, purpose, device, created_at, last_seen_at, idle_s,
        expires_at
    )
    SELECT $1, account_id, $3, $4, $5, $6, $6, $7, $8
    FROM accounts
    WHERE account_id = $2 AND disabled_at IS NULL
    RETURNING session_id, account_id
)
INSERT INTO account_log (what, account_id, session_id, by_account_id)
SELECT $9, account_id, session_id, $10
FROM made
RETURNING log_id;

-- name: add_scopes
-- What a new token may do in a county.
-- role: worker
-- params: $1 county_id integer, $2 session_id uuid, $3 scopes text[], $4 agency_id uuid
INSERT INTO token_scopes (county_id, session_id, scopes, agency_id)
VALUES ($1, $2, $3, $4);

-- name: find_sessions
-- Sessions by the hash of their secret or by id, with what they may do; ended ones, too.
-- role: worker
-- params: $1 token_hash bytea, $2 session_ids uuid[]
SELECT
    s.session_id, s.account_id, a.label, s.purpose, s.device, s.last_seen_at, s.idle_s,
    s.expires_at,
    s.revoked_at IS NOT NULL OR a.disabled_at IS NOT NULL AS is_revoked,
    coalesce(
        CASE s.purpose
            WHEN 'integration' THEN (
                SELECT json_agg(json_build_object(
                    'county_id', t.county_id, 'roles', ARRAY['integration'],
                    'agency_id', t.agency_id, 'scopes', t.scopes
                ) ORDER BY t.county_id)
                FROM token_scopes t
                WHERE t.session_id = s.session_id
            )
            ELSE (
                SELECT json_agg(json_build_object(
                    'county_id', g.county_id, 'roles', g.roles,
                    'agency_id', g.agency_id, 'responder_id', g.responder_id
                ) ORDER BY g.county_id)
                FROM account_grants g
                WHERE g.account_id = s.account_id
            )
        END,
        '[]'
    ) AS grants
FROM sessions s
JOIN accounts a USING (account_id)
WHERE s.token_hash = $1 OR s.session_id = ANY($2::uuid[]);

-- name: list_sessions
-- An account's sessions that were not ended before their time, newest first.
-- role: worker
-- params: $1 account_id uuid
SELECT session_id, purpose, device, created_at, last_seen_at, idle_s, expires_at
FROM sessions
WHERE account_id = $1 AND revoked_at IS NULL
ORDER BY created_at DESC;

-- name: end_session
-- End one session now. No row: there is none, or it was ended.
-- role: worker
-- params: $1 session_id uuid, $2 at timestamptz, $3 by_account_id uuid
WITH ended AS (
    UPDATE sessions
    SET revoked_at = $2
    WHERE session_id = $1 AND revoked_at IS NULL
    RETURNING session_id, account_id
)
INSERT INTO account_log (what, account_id, session_id, by_account_id)
SELECT 'session_ended', account_id, session_id, $3
FROM ended
RETURNING log_id;

-- name: end_sessions
-- End all sessions of an account but the one kept.
-- role: worker
-- params: $1 account_id uuid, $2 at timestamptz, $3 keep_session_id uuid, $4 by_account_id uuid
WITH ended AS (
    UPDATE sessions
    SET revoked_at = $2
    WHERE account_id = $1 AND revoked_at IS NULL AND session_id IS DISTINCT FROM $3
    RETURNING account_id
)
INSERT INTO account_log (what, account_id, by_account_id)
SELECT DISTINCT 'sessions_ended', account_id, $4::uuid
FROM ended
RETURNING log_id;

-- name: devices_of_responders
-- Where people of the roster are signed in, by name; ended and run out sessions are not.
-- role: worker
-- params: $1 county_id int, $2 responder_ids uuid[], $3 at timestamptz
SELECT g.responder_id, a.label, s.device, s.last_seen_at
FROM account_grants g
JOIN accounts a USING (account_id)
JOIN sessions s USING (account_id)
WHERE g.county_id = $1 AND g.responder_id = ANY($2::uuid[])
    AND s.purpose <> 'integration' AND s.revoked_at IS NULL AND s.expires_at > $3
ORDER BY a.label, s.last_seen_at DESC;

-- name: end_sessions_of_responder
-- End all sessions of somebody in the roster, those that ran out too: their devices forget.
-- role: worker
-- params: $1 county_id int, $2 responder_id uuid, $3 at timestamptz, $4 by_account_id uuid
WITH ended AS (
    UPDATE sessions s
    SET revoked_at = $3
    FROM account_grants g
    WHERE g.county_id = $1 AND g.responder_id = $2
        AND s.account_id = g.account_id AND s.revoked_at IS NULL
    RETURNING s.session_id, s.account_id
)
INSERT INTO account_log (what, account_id, session_id, by_account_id)
SELECT 'session_ended', account_id, session_id, $4
FROM ended
RETURNING log_id;

-- name: touch_sessions
-- Note when sessions were last used; rows that another node is writing are left to it.
-- role: worker
-- params: $1 session_ids uuid[], $2 seen_ats timestamptz[]
WITH free AS (
    SELECT session_id
    FROM sessions
    WHERE session_id = ANY($1)
    ORDER BY session_id
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE sessions s
SET last_seen_at = seen.at
FROM unnest($1::uuid[], $2::timestamptz[]) AS seen (session_id, at), free
WHERE s.session_id = seen.session_id
    AND free.session_id = seen.session_id
    AND s.last_seen_at < seen.at;

-- name: recent_changes
-- What ended or changed rights in the last minute, by the server's clock. A change shows only once
-- it is committed, which may be later than its time: the window covers that.
-- role: worker
SELECT log_id, account_id, session_id
FROM account_log
WHERE at > clock_timestamp() - interval '60 seconds'
    AND what IN (
        'session_ended', 'sessions_ended', 'password_set', 'disabled', 'granted', 'grant_taken'
    );

-- name: note_failure
-- An attempt failed; logged if the account exists. It writes in any case, so that the time until
-- the answer doesn't tell whether it does.
-- role: worker
-- params: $1 account_id uuid, $2 key bytea
WITH noted AS (
    INSERT INTO account_log (what, account_id)
    SELECT 'sign_in_failed', account_id
    FROM accounts
    WHERE account_id = $1
)
UPDATE sign_in_attempts
SET failures = failures
WHERE key = $2;

-- name: lock_attempts
-- The counters of these keys, locked in one order for all; new ones begin at 0.
-- role: worker
-- params: $1 keys bytea[], $2 at timestamptz
INSERT INTO sign_in_attempts (key, failures, last_at)
SELECT key, 0, $2
FROM unnest($1::bytea[]) AS key
ORDER BY key
ON CONFLICT (key) DO UPDATE SET failures = sign_in_attempts.failures
RETURNING key, failures, last_at, succeeded_at;

-- name: count_attempts
-- Set the locked counters.
-- role: worker
-- params: $1 keys bytea[], $2 failures integer[], $3 at timestamptz
UPDATE sign_in_attempts a
SET failures = n.failures, last_at = $3
FROM unnest($1::bytea[], $2::integer[]) AS n (key, failures)
WHERE a.key = n.key;

-- name: uncount_attempts
-- Take an attempt back from the locked counters.
-- role: worker
-- params: $1 keys bytea[]
UPDATE sign_in_attempts
SET failures = greatest(failures - 1, 0)
WHERE key = ANY($1);

-- name: note_success
-- This username signed in from this address.
-- role: worker
-- params: $1 key bytea, $2 at timestamptz
UPDATE sign_in_attempts
SET failures = 0, succeeded_at = $2
WHERE key = $1;

-- name: forget_attempts
-- Begin anew with these keys.
-- role: worker
-- params: $1 keys bytea[]
DELETE FROM sign_in_attempts
WHERE key = ANY($1);

-- name: create_ticket
-- A ticket for one socket.
-- role: worker
-- params: $1 ticket_hash bytea, $2 session_id uuid, $3 expires_at timestamptz
INSERT INTO socket_tickets (ticket_hash, session_id, expires_at)
VALUES ($1, $2, $3);

-- name: redeem_ticket
-- Use a ticket up. No row: there is none, or it was used.
-- role: worker
-- params: $1 ticket_hash bytea
DELETE FROM socket_tickets
WHERE ticket_hash = $1
RETURNING session_id, expires_at;

-- name: purge_tickets
-- Drop tickets that nobody used.
-- role: worker
-- params: $1 before timestamptz
DELETE FROM socket_tickets
WHERE expires_at < $1;

-- name: purge_attempts
-- Drop counters that no longer matter.
-- role: worker
-- params: $1 last_before timestamptz, $2 succeeded_before timestamptz
DELETE FROM sign_in_attempts
WHERE last_at < $1 AND coalesce(succeeded_at < $2, true);

-- name: purge_sessions
-- Drop sessions that ended long ago; the account log keeps that they were.
-- role: worker
-- params: $1 expired_before timestamptz
DELETE FROM sessions
WHERE expires_at < $1;

-- name: list_tokens
-- The tokens in use that may do anything in a county, with all that each may do, newest first.
-- role: worker
-- params: $1 county_id integer
SELECT
    s.session_id, s.account_id, a.username, a.label, s.device, s.created_at, s.last_seen_at,
    s.expires_at,
    (
        SELECT json_agg(json_build_object(
            'county_id', t.county_id, 'roles', ARRAY['integration'],
            'agency_id', t.agency_id, 'scopes', t.scopes
        ) ORDER BY t.county_id)
        FROM token_scopes t
        WHERE t.session_id = s.session_id
    ) AS grants
FROM sessions s
JOIN accounts a USING (account_id)
WHERE s.purpose = 'integration'
    AND s.revoked_at IS NULL
    AND a.disabled_at IS NULL
    AND EXISTS (
        SELECT FROM token_scopes t WHERE t.session_id = s.session_id AND t.county_id = $1
    )
ORDER BY s.created_at DESC, s.session_id;

-- name: list_at_desk
-- Who may work a county's desk and is signed in, with when they were last heard of.
-- role: worker
-- params: $1 county_id integer, $2 desk_roles text[], $3 now timestamptz
SELECT a.account_id, a.label, g.roles, max(s.last_seen_at) AS seen_at
FROM account_grants g
JOIN accounts a USING (account_id)
JOIN sessions s USING (account_id)
WHERE g.county_id = $1
    AND g.roles && $2
    AND g.agency_id IS NULL
    AND a.disabled_at IS NULL
    AND s.revoked_at IS NULL
    AND s.expires_at > $3
    AND (s.idle_s IS NULL OR s.last_seen_at + make_interval(secs => s.idle_s) > $3)
GROUP BY a.account_id, a.label, g.roles
ORDER BY a.label, a.account_id;

-- name: list_absent
-- Which of these people can't act at a county's desk: no session in use, or no such role any more.
-- role: worker
-- params: $1 county_id integer, $2 account_ids uuid[], $3 desk_roles text[], $4 now timestamptz
SELECT a.account_id
FROM accounts a
WHERE a.account_id = ANY($2)
    AND a.kind = 'person'
    AND NOT (
        a.disabled_at IS NULL
        AND EXISTS (
            SELECT FROM account_grants g
            WHERE g.county_id = $1 AND g.account_id = a.account_id AND g.roles && $3
        )
        AND EXISTS (
            SELECT FROM sessions s
            WHERE s.account_id = a.account_id
                AND s.revoked_at IS NULL
                AND s.expires_at > $4
                AND (s.idle_s IS NULL OR s.last_seen_at + make_interval(secs => s.idle_s) > $4)
        )
    );
