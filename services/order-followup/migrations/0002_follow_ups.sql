-- What is to be done for a customer, by whom and by when (OP-3.3, OP-3.4, IH-3.2).
CREATE TABLE follow_up (
    id            uuid PRIMARY KEY,
    -- Names the occasion: one is opened once for it, whatever became of it.
    cause         text NOT NULL UNIQUE,
    kind          smallint NOT NULL,
    state         smallint NOT NULL,
    customer_id   uuid NOT NULL,
    -- Resource name; empty: the customer.
    subject       text NOT NULL,
    department_id uuid NOT NULL,
    assignee_id   uuid,
    due_at        timestamptz NOT NULL,
    postponements smallint NOT NULL DEFAULT 0,
    escalation    smallint NOT NULL DEFAULT 0,
    -- When it is missed by the next step; none: closed, or escalated as far as that goes.
    escalates_at  timestamptz,
    -- What is to be done and what came of it, sealed under the customer's key.
    sealed        bytea NOT NULL,
    closer_id        uuid,
    closer_is_system boolean NOT NULL DEFAULT FALSE,
    closed_at     timestamptz,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    CHECK ((state = 1) = (closed_at IS NULL))
);
CREATE INDEX follow_up_by_time ON follow_up (due_at, id);
CREATE INDEX follow_up_by_department ON follow_up (department_id, due_at, id);
CREATE INDEX follow_up_by_assignee ON follow_up (assignee_id, due_at, id) WHERE assignee_id IS NOT NULL;
CREATE INDEX follow_up_by_customer ON follow_up (customer_id, due_at, id);
CREATE INDEX follow_up_open ON follow_up (subject, kind) WHERE state = 1;
CREATE INDEX follow_up_escalating ON follow_up (escalates_at) WHERE escalates_at IS NOT NULL;
