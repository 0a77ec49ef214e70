-- All journals of the suite in one log that shows when it was changed (libs/audit).

-- How far each journal has been collected, as libs/service/sql/cursor.sql has it.
CREATE TABLE consumer_cursor (
    source         text PRIMARY KEY,
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL
);

-- The leaves. The columns beside `leaf` are what it says, for looking for entries.
CREATE TABLE audit_entry (
    seq            bigint PRIMARY KEY CHECK (seq >= 0),
    service        text NOT NULL,
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    recorded_at    timestamptz NOT NULL,
    actor_id       uuid,
    purpose        smallint NOT NULL,
    kind           smallint NOT NULL,
    resource       text NOT NULL,
    customer_id    uuid,
    type           text NOT NULL,
    method         text NOT NULL,
    permission     text NOT NULL,
    -- Of refusals.
    reason         text NOT NULL,
    -- Classes shown in clear.
    cleared        int2[] NOT NULL,
    -- Grants by which it was shown.
    grant_ids      uuid[] NOT NULL,
    leaf           bytea NOT NULL,
    leaf_hash      bytea NOT NULL,
    UNIQUE (service, transaction_id, position)
);
CREATE INDEX audit_entry_by_time ON audit_entry (recorded_at, seq);
CREATE INDEX audit_entry_by_actor ON audit_entry (actor_id, seq) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_entry_by_customer ON audit_entry (customer_id, seq) WHERE customer_id IS NOT NULL;
CREATE INDEX audit_entry_by_grant ON audit_entry USING gin (grant_ids) WHERE grant_ids <> '{}';

-- Complete subtrees above the leaves.
CREATE TABLE audit_node (
    level smallint NOT NULL CHECK (level > 0),
    index bigint NOT NULL,
    hash  bytea NOT NULL,
    PRIMARY KEY (level, index)
);

-- One row, locked by whoever makes the log longer.
CREATE TABLE audit_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    size     bigint NOT NULL
);
INSERT INTO audit_head (size) VALUES (0);

-- Signed notes (c2sp.org/tlog-checkpoint).
CREATE TABLE audit_checkpoint (
    size      bigint PRIMARY KEY,
    note      text NOT NULL,
    signed_at timestamptz NOT NULL
);
