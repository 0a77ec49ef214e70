-- Acting for somebody else, moving, agreements and trainings as they were, and
-- devices (CC-1.1, CF-8.1, OP-4.1, OP-6).

ALTER TABLE policy_change
    DROP CONSTRAINT policy_change_kind_check,
    ADD CONSTRAINT policy_change_kind_check CHECK (kind IN (
        'department', 'employee', 'role', 'binding', 'grant', 'delegation', 'transfer', 'qualification', 'device'
    ));

-- Who acts for whom in approvals. Only what was asked for stands here: who has
-- left meanwhile lends and borrows nothing, whatever the row says.
CREATE TABLE delegation (
    id            uuid PRIMARY KEY,
    delegator_id  uuid NOT NULL REFERENCES employee,
    delegate_id   uuid NOT NULL REFERENCES employee CHECK (delegate_id <> delegator_id),
    -- Only the posts over this department; absent: all of them.
    department_id uuid REFERENCES department,
    starts_at     timestamptz NOT NULL,
    ends_at       timestamptz NOT NULL CHECK (ends_at > starts_at),
    reason        text NOT NULL,
    revoked_at    timestamptz,
    created_at    timestamptz NOT NULL
);
CREATE INDEX delegation_by_delegator ON delegation (delegator_id);
CREATE INDEX delegation_by_delegate ON delegation (delegate_id);
CREATE INDEX delegation_list_order ON delegation (created_at, id);

-- Whom to ask about an account of another company system.
ALTER TABLE employee
    ADD COLUMN responsible_id uuid REFERENCES employee,
    ADD CONSTRAINT employee_responsible CHECK (responsible_id IS NULL OR system_account);

-- Moves to another department, each carried out once.
CREATE TABLE transfer (
    id            uuid PRIMARY KEY,
    employee_id   uuid NOT NULL REFERENCES employee,
    department_id uuid NOT NULL REFERENCES department,
    effective_at  timestamptz NOT NULL,
    applied_at    timestamptz,
    cancelled_at  timestamptz,
    ordered_by    uuid NOT NULL,
    created_at    timestamptz NOT NULL,
    CHECK (applied_at IS NULL OR cancelled_at IS NULL)
);
CREATE UNIQUE INDEX transfer_pending ON transfer (employee_id) WHERE applied_at IS NULL AND cancelled_at IS NULL;
CREATE INDEX transfer_due ON transfer (effective_at) WHERE applied_at IS NULL AND cancelled_at IS NULL;

-- Agreements signed (1) and trainings passed (2), every one of them.
CREATE TABLE qualification (
    id          uuid PRIMARY KEY,
    employee_id uuid NOT NULL REFERENCES employee,
    kind        smallint NOT NULL CHECK (kind IN (1, 2)),
    obtained_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL CHECK (valid_until > obtained_at),
    evidence    text NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX qualification_of_employee ON qualification (employee_id, kind, obtained_at);

-- Who uses which device, since when, and its state (OP-6): 1 in stock, 2 in use,
-- 3 in repair, 4 retired.
CREATE TABLE device (
    id            uuid PRIMARY KEY,
    asset_number  text NOT NULL UNIQUE,
    kind          text NOT NULL,
    title         text NOT NULL,
    state         smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
    holder_id     uuid REFERENCES employee,
    department_id uuid REFERENCES department,
    since         timestamptz NOT NULL,
    note          text NOT NULL,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    -- Held by somebody or by a department, not by both; in use by one of them.
    CHECK (holder_id IS NULL OR department_id IS NULL),
    CHECK ((state = 2) <= (holder_id IS NOT NULL OR department_id IS NOT NULL)),
    CHECK ((state IN (1, 4)) <= (holder_id IS NULL AND department_id IS NULL))
);
CREATE INDEX device_list_order ON device (created_at, id);
CREATE INDEX device_by_holder ON device (holder_id) WHERE holder_id IS NOT NULL;
