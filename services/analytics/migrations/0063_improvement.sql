-- Improvement (SG-8): what was suggested, who carries it out by when, and whether its figure moved.
CREATE TABLE improvement (
    id            uuid PRIMARY KEY,
    -- NULL: of the whole company.
    department_id uuid,
    proposer_id   uuid NOT NULL,
    -- Who carries it out, once it was agreed to.
    owner_id      uuid,
    -- Number of a kefu.analytics.v1.ImprovementState.
    state         smallint NOT NULL,
    due_at        timestamptz,
    -- That it is overdue stands in the journal.
    overdue_noted boolean NOT NULL DEFAULT false,
    -- The figure afterwards is still to be counted, not before then; NULL: it is not.
    look_at       timestamptz,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    -- kefu.analytics.v1.Improvement.
    content       bytea NOT NULL
);
CREATE INDEX improvement_by_time ON improvement (created_at, id);
CREATE INDEX improvement_by_department ON improvement (department_id, created_at);
CREATE INDEX improvement_by_proposer ON improvement (proposer_id);
CREATE INDEX improvement_by_owner ON improvement (owner_id);
CREATE INDEX improvement_due ON improvement (due_at) WHERE state IN (2, 3) AND NOT overdue_noted;
CREATE INDEX improvement_to_measure ON improvement (look_at) WHERE look_at IS NOT NULL;
