-- What is promised of an order's stages, and which orders are late or stuck (OP-3.4.4).
ALTER TABLE purchase_order
    -- When it is to be judged next: somebody told something of it, or a time goes by. NULL: never.
    ADD COLUMN look_at     timestamptz,
    -- What was promised for then has not come to pass; NULL: it is not late.
    ADD COLUMN late_at     timestamptz,
    ADD COLUMN late_stage  smallint NOT NULL DEFAULT 0,
    -- When something was last heard of it; NULL: it is not stuck.
    ADD COLUMN stuck_at    timestamptz;
CREATE INDEX purchase_order_to_look_at ON purchase_order (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX purchase_order_late ON purchase_order (late_at, id) WHERE late_at IS NOT NULL;
CREATE INDEX purchase_order_stuck ON purchase_order (stuck_at, id) WHERE stuck_at IS NOT NULL;

-- Orders of before are looked at once.
UPDATE purchase_order SET look_at = updated_at WHERE stage NOT IN (8, 9);

-- Stages before delivery that were promised otherwise than by the rules.
CREATE TABLE stage_promise (
    order_id    uuid NOT NULL REFERENCES purchase_order,
    customer_id uuid NOT NULL,
    stage       smallint NOT NULL,
    promised_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, stage)
);

-- The company's rules, version by version. Number 0 is what is shipped, and has no row.
CREATE TABLE promise_rules_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.order.v1.PromiseDefinition.
    definition   bytea NOT NULL
);
