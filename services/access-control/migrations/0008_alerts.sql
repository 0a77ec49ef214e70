-- What of the audit log was told (IH-5).

-- Alerts are looked for by person and by when entries were recorded: they may be collected late.
CREATE INDEX audit_entry_by_actor_and_time ON audit_entry (actor_id, recorded_at) WHERE actor_id IS NOT NULL;

-- Up to which entry the rules of alerts.toml have looked. Locked by whoever looks, and
-- moved in the transaction of what is raised.
CREATE TABLE alert_cursor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next_seq bigint NOT NULL CHECK (next_seq >= 0)
);
INSERT INTO alert_cursor (next_seq) VALUES (0);

-- One for each rule, person and window; entries that come after it was raised make its
-- figures larger and raise nothing.
CREATE TABLE alert (
    id                 uuid PRIMARY KEY,
    -- As in kefu.access.v1.AlertRule.
    rule               smallint NOT NULL,
    subject_id         uuid NOT NULL,
    window_from        timestamptz NOT NULL,
    window_until       timestamptz NOT NULL CHECK (window_until > window_from),
    count              bigint NOT NULL CHECK (count > 0),
    -- What held when it was first raised.
    bound              bigint NOT NULL CHECK (bound >= 0),
    first_seq          bigint NOT NULL CHECK (first_seq >= 0),
    last_seq           bigint NOT NULL CHECK (last_seq >= first_seq),
    customer_ids       uuid[] NOT NULL,
    raised_at          timestamptz NOT NULL,
    grown_at           timestamptz,
    acknowledged_at    timestamptz,
    acknowledged_by    uuid,
    -- What it counted then.
    acknowledged_count bigint NOT NULL DEFAULT 0,
    note               text NOT NULL DEFAULT '',
    revision           bigint NOT NULL,
    UNIQUE (rule, subject_id, window_from, window_until),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL)),
    CHECK ((acknowledged_at IS NULL) = (note = ''))
);
CREATE INDEX alert_newest_first ON alert (raised_at, id);
