-- IH-2.1, IH-2.4: what customers ask for about their own data.
CREATE TABLE data_request (
    id             uuid PRIMARY KEY,
    customer_id    uuid NOT NULL REFERENCES customer,
    -- As in kefu.profile.v1.DataRequestKind, DataRequestState and IdentityProof.
    kind           smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    state          smallint NOT NULL CHECK (state BETWEEN 1 AND 5),
    channel        smallint NOT NULL,
    identity_proof smallint NOT NULL,
    received_at    timestamptz NOT NULL,
    due_at         timestamptz NOT NULL,
    -- Whether it is journaled that its time limit went by.
    overdue_noted  boolean NOT NULL DEFAULT false,
    assignee_id    uuid,
    -- Who proposed that it be refused.
    proposer_id    uuid,
    -- Resource name of who entered it.
    recorder       text NOT NULL,
    recorded_at    timestamptz NOT NULL,
    closed_at      timestamptz,
    revision       bigint NOT NULL,
    sealed         bytea NOT NULL,
    -- 4: fulfilled, 5: refused.
    CHECK ((closed_at IS NOT NULL) = (state IN (4, 5)))
);
CREATE INDEX data_request_newest_first ON data_request (recorded_at, id);
CREATE INDEX data_request_by_customer ON data_request (customer_id, recorded_at, id);
CREATE INDEX data_request_overdue ON data_request (due_at) WHERE closed_at IS NULL AND NOT overdue_noted;
