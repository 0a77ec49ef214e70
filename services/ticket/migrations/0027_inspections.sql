-- Quality inspection (OP-5, SG-3, SG-7): sheets and sampling version by version (number 0 is
-- what is shipped, and has no row), what was drawn, and how it was scored.
CREATE TABLE inspection_rules_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.ticket.v1.InspectionDefinition.
    definition   bytea NOT NULL
);

-- Periods that were drawn from, end to end. Whoever writes one has drawn it.
CREATE TABLE inspection_draw (
    start_at        timestamptz PRIMARY KEY,
    end_at          timestamptz NOT NULL,
    seed            bytea NOT NULL,
    rules_version   integer NOT NULL,
    candidate_count integer NOT NULL,
    sample_count    integer NOT NULL,
    drawn_at        timestamptz NOT NULL
);

CREATE TABLE inspection (
    id             uuid PRIMARY KEY,
    -- No ticket is drawn twice.
    ticket_id      uuid NOT NULL UNIQUE,
    customer_id    uuid NOT NULL,
    department_id  uuid NOT NULL,
    agent_id       uuid NOT NULL,
    rules_version  integer NOT NULL,
    sheet          text NOT NULL,
    -- Whether two inspect it.
    two            boolean NOT NULL,
    -- As in kefu.ticket.v1.InspectionState: from 3 on there is a result.
    state          smallint NOT NULL,
    score          integer NOT NULL,
    passed         boolean NOT NULL,
    -- Points and knock-outs: a kefu.ticket.v1.InspectionResult without comments.
    answers        bytea NOT NULL,
    final_at       timestamptz,
    appeal_until   timestamptz,
    appealed_at    timestamptz,
    appeal_outcome smallint NOT NULL,
    -- Comments and reasons, sealed under the customer's key.
    sealed         bytea NOT NULL,
    revision       bigint NOT NULL,
    created_at     timestamptz NOT NULL
);
CREATE INDEX inspection_by_time ON inspection (final_at, id) WHERE state >= 3;
CREATE INDEX inspection_by_agent ON inspection (agent_id, final_at, id) WHERE state >= 3;
CREATE INDEX inspection_by_department ON inspection (department_id, final_at, id) WHERE state >= 3;
CREATE INDEX inspection_by_customer ON inspection (customer_id);

CREATE TABLE inspection_task (
    id             uuid PRIMARY KEY,
    inspection_id  uuid NOT NULL,
    customer_id    uuid NOT NULL,
    -- As in kefu.ticket.v1.InspectionTaskKind and InspectionTaskState.
    kind           smallint NOT NULL,
    state          smallint NOT NULL,
    -- Nobody until it is given to somebody.
    inspector_id   uuid,
    -- From whom it was taken.
    released_by    uuid[] NOT NULL,
    due_at         timestamptz NOT NULL,
    done_at        timestamptz,
    score          integer NOT NULL,
    passed         boolean NOT NULL,
    answers        bytea NOT NULL,
    appeal_outcome smallint NOT NULL,
    sealed         bytea NOT NULL,
    revision       bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    UNIQUE (inspection_id, inspector_id)
);
CREATE INDEX inspection_task_by_inspector ON inspection_task (inspector_id, due_at, id) WHERE inspector_id IS NOT NULL;
CREATE INDEX inspection_task_to_give ON inspection_task (id) WHERE inspector_id IS NULL;
CREATE INDEX inspection_task_by_customer ON inspection_task (customer_id);

-- What was resolved in a period.
CREATE INDEX ticket_resolved ON ticket (resolved_at) WHERE resolved_at IS NOT NULL;
