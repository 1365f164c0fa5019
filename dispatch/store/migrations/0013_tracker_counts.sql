-- What tracking apps and devices sent that couldn't be used: counted for the operator, who alone can
-- mend it, because the apps are answered that all is well and don't send it again.
-- compat: 8

CREATE TABLE tracker_counts (
    county_id integer NOT NULL,
    -- the session or token that it posts with, or the shift whose address it posts to
    tracker_id uuid NOT NULL,
    -- the team that it last spoke for; NULL: none
    team_id uuid,
    -- 'post' counts all posts, 'fix' what was kept; the others say what was wrong
    reason text NOT NULL CHECK (reason ~ '^[a-z_]{1,40}$'),
    times bigint NOT NULL CHECK (times > 0),
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (county_id, tracker_id, reason)
);
SELECT secure_county_table('tracker_counts', 'SELECT');
SELECT open_to_worker('tracker_counts', 'SELECT, INSERT, UPDATE, DELETE');
