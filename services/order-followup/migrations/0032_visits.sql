-- Plans by which customers are visited (OP-3.3), version by version (number 0 is what is
-- shipped, and has no row), and the visits (OP-3.3, IH-3.2, SG-4).
CREATE TABLE relation_plan_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.order.v1.RelationPlanDefinition.
    definition   bytea NOT NULL
);

ALTER TABLE customer_relation
    -- As in kefu.order.v1.Importance.
    ADD COLUMN importance   smallint NOT NULL DEFAULT 1,
    ADD COLUMN revision     bigint NOT NULL DEFAULT 1,
    -- When the last visit was over; none: never.
    ADD COLUMN visited_at   timestamptz,
    -- From when the next one is counted: then, or since the customer is known.
    ADD COLUMN counted_from timestamptz,
    -- By which version of the plans it was last looked at whether one is to be planned, and when
    -- to look again; none: not before something happens.
    ADD COLUMN plan_version integer NOT NULL DEFAULT 0,
    ADD COLUMN look_at      timestamptz;
UPDATE customer_relation SET counted_from = known_at, look_at = known_at;
ALTER TABLE customer_relation ALTER COLUMN counted_from SET NOT NULL;
CREATE INDEX customer_relation_by_time ON customer_relation (known_at, customer_id);
CREATE INDEX customer_relation_by_plan ON customer_relation (plan_version) WHERE active;
CREATE INDEX customer_relation_to_look_at ON customer_relation (look_at) WHERE look_at IS NOT NULL;

CREATE TABLE visit (
    id            uuid PRIMARY KEY,
    customer_id   uuid NOT NULL,
    -- As in kefu.order.v1.VisitState, VisitOrigin and VisitMethod.
    state         smallint NOT NULL,
    origin        smallint NOT NULL,
    method        smallint NOT NULL,
    department_id uuid NOT NULL,
    owner_id      uuid,
    due_at        timestamptz NOT NULL,
    plan_version  integer NOT NULL,
    -- Of one by plan, from when it was counted.
    period_from   timestamptz,
    moves         integer NOT NULL DEFAULT 0,
    visited_at    timestamptz,
    feedback_department_id uuid,
    next_visit_id uuid,
    closer_id        uuid,
    closer_is_system boolean NOT NULL DEFAULT false,
    -- What it is about and what came of it, sealed under the customer's key.
    sealed        bytea NOT NULL,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    -- The plan makes one for a customer, a version and a period, whoever looks how often.
    UNIQUE (customer_id, plan_version, period_from),
    CHECK ((origin = 1) = (period_from IS NOT NULL))
);
CREATE INDEX visit_by_time ON visit (due_at, id);
CREATE INDEX visit_by_department ON visit (department_id, due_at, id);
CREATE INDEX visit_by_customer ON visit (customer_id, due_at, id);
CREATE INDEX visit_by_owner ON visit (owner_id, due_at, id) WHERE owner_id IS NOT NULL;
CREATE INDEX visit_planned ON visit (customer_id) WHERE state = 1;
