-- How long answers and solutions may take (IH-4, SG-2.1), version by version. Number 0 is
-- what is shipped, and has no row.
CREATE TABLE targets_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.ticket.v1.TargetsDefinition.
    definition   bytea NOT NULL
);

-- The attempts of each ticket that have a target, from the ticket's own record. One that
-- has stopped is not read anew.
CREATE TABLE clock (
    ticket_id       uuid NOT NULL,
    customer_id     uuid NOT NULL,
    -- As in kefu.ticket.v1.ClockMetric.
    metric          smallint NOT NULL,
    attempt         integer NOT NULL,
    started_at      timestamptz NOT NULL,
    stopped_at      timestamptz,
    target_seconds  bigint NOT NULL,
    targets_version integer NOT NULL,
    calendar_id     uuid,
    -- What it read when it stopped.
    used_seconds    bigint NOT NULL,
    -- None while it is paused before it is near, or due.
    warn_at         timestamptz,
    due_at          timestamptz,
    -- Whether it is journaled.
    warned          boolean NOT NULL DEFAULT false,
    breach_noted    boolean NOT NULL DEFAULT false,
    PRIMARY KEY (ticket_id, metric, attempt)
);
CREATE INDEX clock_to_warn ON clock (warn_at) WHERE stopped_at IS NULL AND NOT warned;
CREATE INDEX clock_to_note ON clock (due_at) WHERE stopped_at IS NULL AND NOT breach_noted;

-- Tickets whose clocks are to be read anew, as targets or a calendar changed.
CREATE TABLE clock_to_read (
    ticket_id uuid PRIMARY KEY
);

-- How far this service has read its own journal for them.
INSERT INTO consumer_cursor (source, transaction_id, position) VALUES ('clocks', 0, 0);
