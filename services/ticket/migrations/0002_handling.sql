-- How tickets of each kind are handled (OP-3.2, SG-2.2, CC-2.3): the call, the check of a
-- request, the analysis of a complaint, and its closed loop.
ALTER TABLE ticket
    ADD COLUMN call_started_at     timestamptz,
    ADD COLUMN call_ended_at       timestamptz,
    ADD COLUMN legitimacy          smallint NOT NULL DEFAULT 0,
    ADD COLUMN nature              smallint NOT NULL DEFAULT 0,
    ADD COLUMN gravity             smallint NOT NULL DEFAULT 0,
    -- As in kefu.ticket.v1.ComplaintStage.
    ADD COLUMN stage               smallint NOT NULL DEFAULT 0,
    ADD COLUMN result_answer       smallint NOT NULL DEFAULT 0,
    ADD COLUMN escalated_at        timestamptz,
    -- `employees/…` or `system-accounts/…`.
    ADD COLUMN closing_asked_by    text NOT NULL DEFAULT '',
    ADD COLUMN closing_approved_by text NOT NULL DEFAULT '';
CREATE INDEX ticket_escalated ON ticket (department_id, escalated_at) WHERE escalated_at IS NOT NULL;

-- Complaints of before: by their state, and by whether they were reopened.
UPDATE ticket SET stage = CASE state WHEN 5 THEN 9 WHEN 4 THEN 4 WHEN 1 THEN 1 ELSE 3 END WHERE kind = 2;

-- The company's rules of handling, version by version. Number 0 is what is shipped, and has
-- no row.
CREATE TABLE handling_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.ticket.v1.HandlingDefinition.
    definition   bytea NOT NULL
);
