-- Schema `access`: who is who, and what they may do (CC-1.1, CF-8.1, OP-7.2).

-- The journal, as libs/journal/journal.sql has it.
CREATE TABLE journal (
    position       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    recorded_at    timestamptz NOT NULL,
    actor_id       uuid,
    purpose        smallint NOT NULL,
    request_id     text NOT NULL,
    kind           smallint NOT NULL,
    resource       text NOT NULL,
    customer_id    uuid,
    type           text NOT NULL,
    event          bytea NOT NULL
);
CREATE INDEX journal_reading_order ON journal (transaction_id, position);
CREATE INDEX journal_by_customer ON journal (customer_id, position) WHERE customer_id IS NOT NULL;

-- Requests and their answers, as libs/service/sql/request.sql has it.
CREATE TABLE request (
    subject_id     uuid NOT NULL,
    request_id     uuid NOT NULL,
    method         text NOT NULL,
    digest         bytea NOT NULL,
    resource_id    uuid NOT NULL,
    customer_id    uuid,
    answer         bytea NOT NULL,
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (subject_id, request_id)
);

CREATE TABLE department (
    id                    uuid PRIMARY KEY,
    code                  text NOT NULL UNIQUE,
    title                 text NOT NULL,
    parent_id             uuid REFERENCES department CHECK (parent_id <> id),
    head_id               uuid,
    supervising_leader_id uuid,
    revision              bigint NOT NULL,
    created_at            timestamptz NOT NULL
);

CREATE TABLE employee (
    id                    uuid PRIMARY KEY,
    login                 text NOT NULL UNIQUE,
    title                 text NOT NULL,
    department_id         uuid REFERENCES department,
    system_account        boolean NOT NULL,
    agreement_valid_until timestamptz,
    training_valid_until  timestamptz,
    joins_at              timestamptz,
    leaves_at             timestamptz CHECK (leaves_at > joins_at),
    revision              bigint NOT NULL,
    created_at            timestamptz NOT NULL,
    -- Only accounts of other systems belong to no department.
    CHECK (system_account OR department_id IS NOT NULL)
);
CREATE INDEX employee_list_order ON employee (created_at, id);

ALTER TABLE department
    ADD FOREIGN KEY (head_id) REFERENCES employee,
    ADD FOREIGN KEY (supervising_leader_id) REFERENCES employee;

CREATE TABLE role (
    id text PRIMARY KEY
);

-- `place` keeps the order of the file the rules come from.
CREATE TABLE role_rule (
    role_id        text NOT NULL REFERENCES role,
    rule_id        text NOT NULL,
    place          int NOT NULL,
    permissions    text[] NOT NULL,
    scope          text NOT NULL CHECK (scope IN ('all', 'departments', 'owner', 'duty')),
    classes        int2[] NOT NULL,
    purposes       int2[] NOT NULL,
    consented_only boolean NOT NULL,
    PRIMARY KEY (role_id, rule_id)
);

CREATE TABLE binding (
    id             uuid PRIMARY KEY,
    subject_id     uuid NOT NULL REFERENCES employee,
    role_id        text NOT NULL REFERENCES role,
    department_ids uuid[] NOT NULL,
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz CHECK (ends_at > starts_at),
    revoked_at     timestamptz,
    created_at     timestamptz NOT NULL
);
CREATE INDEX binding_by_subject ON binding (subject_id);
CREATE INDEX binding_list_order ON binding (created_at, id);

-- One row, locked by every change: revisions have no gaps and come in the order
-- of their commits, so that a reader of revision n has seen everything up to n.
CREATE TABLE policy_revision (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    revision bigint NOT NULL
);
INSERT INTO policy_revision (revision) VALUES (0);

-- What each revision changed: deltas are built from `kind` and `key`, and the row
-- before and after is the history of the register, kept for ever.
CREATE TABLE policy_change (
    revision    bigint NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('department', 'employee', 'role', 'binding')),
    key         text NOT NULL,
    before      jsonb,
    after       jsonb NOT NULL,
    -- Absent where the suite itself did it: shipped roles, a seeded company.
    actor_id    uuid,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (revision, kind, key)
);
CREATE INDEX policy_change_of_record ON policy_change (kind, key, revision);

-- Refusals that are in the journal, so that none gets there twice.
CREATE TABLE refusal (
    id uuid PRIMARY KEY
);
