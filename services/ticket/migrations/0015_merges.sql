-- Tickets that are part of another (SG-5, OP-3.2, CC-1.4).

-- Since when; NULL: it is by itself.
ALTER TABLE ticket ADD COLUMN merged_at timestamptz;

CREATE TABLE merge (
    id              uuid PRIMARY KEY,
    source_id       uuid NOT NULL,
    target_id       uuid NOT NULL,
    customer_id     uuid NOT NULL,
    merged_by       uuid NOT NULL,
    merged_at       timestamptz NOT NULL,
    -- Revisions that it made.
    source_revision bigint NOT NULL,
    target_revision bigint NOT NULL,
    -- Where the source stood.
    from_state      smallint NOT NULL,
    waiting_for     smallint NOT NULL,
    -- The customer waited for an answer to it, and does so there from then on.
    waited          boolean NOT NULL,
    undone_at       timestamptz,
    -- Revision of the source that this made.
    undone_revision bigint
);
CREATE UNIQUE INDEX merge_standing ON merge (source_id) WHERE undone_at IS NULL;
CREATE INDEX merge_by_source ON merge (source_id);
CREATE INDEX merge_by_target ON merge (target_id);
