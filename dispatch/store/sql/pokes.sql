-- name: send_pokes
-- Tell all listening nodes which counties' logs grew.
-- role: worker
-- params: $1 channel text, $2 payloads text[]
SELECT pg_notify($1, payload)
FROM unnest($2::text[]) AS payload;
