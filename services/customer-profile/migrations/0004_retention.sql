-- How long files are kept, and what holds them (CF-5.2).

-- The day (UTC) of the last order or ticket; from when on a file's time is counted is the end
-- of that day, or of the day of the first contact.
ALTER TABLE customer ADD COLUMN last_business_on date;
-- Of tickets from before only the last change of the file is known, which keeps it longer.
UPDATE customer c SET last_business_on = (GREATEST(c.updated_at, (
    SELECT max(p.placed_at) FROM purchase p WHERE p.customer_id = c.id
)) AT TIME ZONE 'UTC')::date;
ALTER TABLE customer ADD COLUMN retained_from timestamptz NOT NULL GENERATED ALWAYS AS (
    (GREATEST(last_business_on, (COALESCE(contact_at, created_at) AT TIME ZONE 'UTC')::date) + 1)::timestamp
        AT TIME ZONE 'UTC'
) STORED;
CREATE INDEX customer_by_retention ON customer (retained_from, id);

-- What retention.toml says, as the service found it when it started.
CREATE TABLE retention_rule (
    tier   smallint PRIMARY KEY,
    months int NOT NULL CHECK (months > 0)
);

CREATE TABLE hold (
    id          uuid PRIMARY KEY,
    -- As in kefu.profile.v1.HoldKind.
    kind        smallint NOT NULL,
    title       text NOT NULL,
    reason      text NOT NULL,
    -- As in kefu.profile.v1.HoldState.
    state       smallint NOT NULL,
    -- The grave complaint that it comes from, where no person opened it.
    ticket_id   uuid UNIQUE,
    opener_id   uuid,
    opened_at   timestamptz NOT NULL,
    lifter_id   uuid,
    lifted_at   timestamptz,
    lift_reason text NOT NULL DEFAULT '',
    revision    bigint NOT NULL,
    CHECK ((ticket_id IS NULL) = (opener_id IS NOT NULL)),
    CHECK ((state = 2) = (lifted_at IS NOT NULL))
);
CREATE INDEX hold_newest_first ON hold (opened_at, id);

-- A row for each time that a file was in a hold.
CREATE TABLE hold_file (
    id          uuid PRIMARY KEY,
    hold_id     uuid NOT NULL REFERENCES hold,
    -- Whoever adds one locks the customer's row by it, and waits for a destruction under way.
    customer_id uuid NOT NULL REFERENCES customer,
    adder_id    uuid,
    added_at    timestamptz NOT NULL,
    remover_id  uuid,
    removed_at  timestamptz
);
CREATE UNIQUE INDEX hold_file_now ON hold_file (customer_id, hold_id) WHERE removed_at IS NULL;
CREATE INDEX hold_file_by_hold ON hold_file (hold_id, added_at, id);
CREATE INDEX hold_file_by_time ON hold_file (added_at, id);
