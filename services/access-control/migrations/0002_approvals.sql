-- Requests for approval and what comes of them (CF-6.2, CF-6.3, CF-9.1).

-- One request on its way, whatever it is for.
CREATE TABLE approval (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('share', 'borrowing')),
    applicant_id    uuid NOT NULL REFERENCES employee,
    department_id   uuid NOT NULL REFERENCES department,
    purpose         smallint NOT NULL,
    state           text NOT NULL CHECK (state IN ('draft', 'in_review', 'returned', 'approved', 'scheduled', 'active',
                                                   'ended', 'rejected', 'withdrawn', 'expired', 'revoked')),
    -- For filters by the contract's numbers.
    state_number    smallint NOT NULL,
    stage           smallint NOT NULL,
    stage_opened_at timestamptz NOT NULL,
    reminded        boolean NOT NULL,
    escalated       boolean NOT NULL,
    -- Who was to benefit when it was submitted.
    beneficiary_ids uuid[] NOT NULL,
    approved_at     timestamptz,
    starts_at       timestamptz,
    ends_at         timestamptz CHECK (ends_at > starts_at),
    -- When time does the next thing to it.
    next_at         timestamptz,
    revision        bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    CHECK ((state IN ('scheduled', 'active')) <= (ends_at IS NOT NULL))
);
CREATE INDEX approval_list_order ON approval (created_at, id);
CREATE INDEX approval_by_applicant ON approval (applicant_id);
CREATE INDEX approval_due ON approval (next_at) WHERE next_at IS NOT NULL;

-- Everything that happened to it, for ever.
CREATE TABLE approval_step (
    approval_id  uuid NOT NULL REFERENCES approval,
    seq          int NOT NULL,
    event        smallint NOT NULL,
    at           timestamptz NOT NULL,
    stage        smallint,
    -- Absent where time did it.
    actor_id     uuid REFERENCES employee,
    principal_id uuid REFERENCES employee,
    post         text,
    comment      text NOT NULL,
    -- The terms as they were afterwards: kefu.access.v1.ShareTerms.
    terms        bytea,
    PRIMARY KEY (approval_id, seq)
);
CREATE INDEX approval_step_by_actor ON approval_step (actor_id) WHERE actor_id IS NOT NULL;

-- Whom it concerns beside the applicant: who receives, accompanies, decides now, has decided.
CREATE TABLE approval_party (
    approval_id uuid NOT NULL REFERENCES approval,
    subject_id  uuid NOT NULL,
    PRIMARY KEY (subject_id, approval_id)
);
CREATE INDEX approval_party_of ON approval_party (approval_id);

CREATE TABLE share (
    approval_id       uuid PRIMARY KEY REFERENCES approval,
    mode              smallint NOT NULL,
    justification     text NOT NULL,
    accompanied_until timestamptz
);

-- What was asked for, and what is left of it.
CREATE TABLE share_terms (
    approval_id      uuid NOT NULL REFERENCES approval,
    which            text NOT NULL CHECK (which IN ('requested', 'current')),
    customer_ids     uuid[] NOT NULL,
    classes          int2[] NOT NULL,
    receiver_ids     uuid[] NOT NULL,
    not_before       timestamptz,
    until            timestamptz NOT NULL,
    duration_seconds bigint CHECK (duration_seconds > 0),
    companion_id     uuid REFERENCES employee,
    PRIMARY KEY (approval_id, which)
);
CREATE INDEX share_terms_by_customer ON share_terms USING gin (customer_ids);

-- Grants are part of the policy that gateways hold.
ALTER TABLE policy_change DROP CONSTRAINT policy_change_kind_check;
ALTER TABLE policy_change
    ADD CONSTRAINT policy_change_kind_check CHECK (kind IN ('department', 'employee', 'role', 'binding', 'grant'));
