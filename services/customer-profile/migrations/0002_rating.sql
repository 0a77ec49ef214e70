-- Tier (CF-2.4) and credit (IH-8.2) by rules. Versions are added and never changed.
CREATE TABLE rating_rules (
    id           uuid PRIMARY KEY,
    version      integer NOT NULL UNIQUE,
    -- kefu.profile.v1.RatingDefinition.
    definition   bytea NOT NULL,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.profile.v1.RatingPreview, the last one.
    preview      bytea,
    effective_at timestamptz,
    enforcer     text NOT NULL DEFAULT '',
    revision     bigint NOT NULL DEFAULT 1
);

-- How each customer is rated, with the figures that tell why; the tier stands in the file.
CREATE TABLE rating (
    customer_id   uuid PRIMARY KEY,
    rules_version integer NOT NULL REFERENCES rating_rules (version),
    tier          smallint NOT NULL,
    credit        smallint NOT NULL,
    amount        bigint NOT NULL,
    orders        integer NOT NULL,
    loyalty_days  integer NOT NULL,
    paid          bigint NOT NULL,
    -- As in kefu.profile.v1.CreditCondition.
    conditions    smallint[] NOT NULL,
    evaluated_at  timestamptz NOT NULL
);

-- Whom to rate, from when on.
CREATE TABLE rating_due (
    customer_id uuid PRIMARY KEY,
    due_at      timestamptz NOT NULL
);
CREATE INDEX rating_due_by_time ON rating_due (due_at);
INSERT INTO rating_due (customer_id, due_at) SELECT id, updated_at FROM customer WHERE file_number IS NOT NULL;
