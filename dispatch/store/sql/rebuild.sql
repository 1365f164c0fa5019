-- name: write_models
-- Write rows of the read models, as the fold gave them.
-- params: $1 payload jsonb
SELECT write_models($1);

-- name: write_board_state
-- Write the board's few own fields.
-- params: $1 county_id integer, $2 board jsonb
UPDATE county_heads
SET board = $2
WHERE county_id = $1;
