-- How files come in and are reviewed (CF-3.*), and every change of them (CF-7.2).

-- Drafts have no number yet.
ALTER TABLE customer
    ALTER COLUMN file_number DROP NOT NULL,
    ADD COLUMN intake_channel smallint NOT NULL DEFAULT 0,
    ADD COLUMN contact_at     timestamptz,
    ADD COLUMN entry_due_at   timestamptz,
    ADD COLUMN entered_at     timestamptz,
    -- Whether it is journaled that a draft's time limit went by.
    ADD COLUMN overdue_noted  boolean NOT NULL DEFAULT false;
ALTER TABLE customer ALTER COLUMN intake_channel DROP DEFAULT;
UPDATE customer SET entered_at = created_at;

-- State 1: draft.
CREATE INDEX customer_overdue ON customer (entry_due_at) WHERE state = 1 AND NOT overdue_noted;

-- The file as each change left it; what was before is the revision before.
CREATE TABLE revision (
    id              uuid PRIMARY KEY,
    customer_id     uuid NOT NULL REFERENCES customer,
    revision        bigint NOT NULL,
    act             smallint NOT NULL,
    actor_id        uuid,
    actor_is_system boolean NOT NULL,
    recorded_at     timestamptz NOT NULL,
    changed         text[] NOT NULL,
    state           smallint NOT NULL,
    tier            smallint NOT NULL,
    business_line   text NOT NULL,
    owner_id        uuid,
    file_number     text,
    -- As in customer: sealed by class under the customer's key, for the customer's row.
    sealed          bytea NOT NULL,
    UNIQUE (customer_id, revision)
);
CREATE INDEX revision_by_time ON revision (customer_id, recorded_at, id);

-- Act 8: as the file stood when revisions began to be kept.
INSERT INTO revision (id, customer_id, revision, act, actor_is_system, recorded_at, changed, state, tier,
                      business_line, owner_id, file_number, sealed)
SELECT id, id, revision, 8, false, updated_at, '{}', state, tier, business_line, owner_id, file_number, sealed
FROM customer;
