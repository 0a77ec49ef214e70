-- Points for what customers buy (OP-3.3): rules and rewards version by version (number 0 is what
-- is shipped, and has no row), accounts and their postings.
CREATE TABLE loyalty_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.order.v1.LoyaltyDefinition.
    definition   bytea NOT NULL
);

-- Both sides of an entry in one row: what the customer's account gains is lost by the company's
-- account of its kind. Each goes on where the one before it ended, and says so to the
-- database, so that a balance is the sum of its postings and cannot be anything else.
CREATE TABLE points_posting (
    id             uuid PRIMARY KEY,
    customer_id    uuid NOT NULL,
    number         bigint NOT NULL CHECK (number > 0),
    -- As in kefu.order.v1.PointsKind.
    kind           smallint NOT NULL,
    points         bigint NOT NULL CHECK (points <> 0),
    balance_before bigint NOT NULL,
    balance        bigint NOT NULL CHECK (balance >= 0),
    previous       bigint GENERATED ALWAYS AS (nullif(number - 1, 0)) STORED,
    order_id       uuid,
    -- Of the catalogue.
    reward         text NOT NULL,
    -- When the points that it brought end.
    expires_at     timestamptz,
    rules_version  integer NOT NULL,
    -- Why it was corrected, sealed under the customer's key.
    sealed         bytea NOT NULL,
    poster_id        uuid,
    poster_is_system boolean NOT NULL,
    posted_at      timestamptz NOT NULL,
    UNIQUE (customer_id, number),
    UNIQUE (customer_id, number, balance),
    CHECK (balance = balance_before + points),
    CHECK (number > 1 OR balance_before = 0),
    FOREIGN KEY (customer_id, previous, balance_before) REFERENCES points_posting (customer_id, number, balance)
);
CREATE INDEX points_posting_by_time ON points_posting (posted_at, id);
-- An order earns once (kind EARNED, 1).
CREATE UNIQUE INDEX points_posting_by_order ON points_posting (order_id) WHERE kind = 1;

CREATE TABLE points_account (
    customer_id uuid PRIMARY KEY,
    -- Of its last posting; 0: there is none.
    number      bigint NOT NULL DEFAULT 0,
    balance     bigint NOT NULL DEFAULT 0,
    last_number bigint GENERATED ALWAYS AS (nullif(number, 0)) STORED,
    -- What had been spent before the order that brought it came to nothing; it is taken of what
    -- is earned next.
    owed        bigint NOT NULL DEFAULT 0 CHECK (owed >= 0),
    -- When the next points end.
    expires_at  timestamptz,
    revision    bigint NOT NULL DEFAULT 0,
    updated_at  timestamptz NOT NULL,
    CHECK (number > 0 OR balance = 0),
    FOREIGN KEY (customer_id, last_number, balance) REFERENCES points_posting (customer_id, number, balance)
);
CREATE INDEX points_account_by_time ON points_account (updated_at, customer_id);
CREATE INDEX points_account_expiring ON points_account (expires_at) WHERE expires_at IS NOT NULL;

-- Orders that came to nothing after they had earned, or to less: what goes back, once for each
-- occasion, and never more than was earned.
CREATE TABLE points_reversal (
    -- `cancelled:{order}`
    occasion    text PRIMARY KEY,
    order_id    uuid NOT NULL,
    customer_id uuid NOT NULL,
    points      bigint NOT NULL CHECK (points >= 0)
);
CREATE INDEX points_reversal_by_order ON points_reversal (order_id);

-- By hand, which takes two people; one at a time waits for the second.
CREATE TABLE points_correction (
    id          uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    points      bigint NOT NULL CHECK (points <> 0),
    asker_id    uuid NOT NULL,
    asked_at    timestamptz NOT NULL,
    decider_id  uuid,
    decided_at  timestamptz,
    approved    boolean,
    -- Why, sealed under the customer's key.
    sealed      bytea NOT NULL,
    CHECK (decider_id IS NULL OR decider_id <> asker_id)
);
CREATE UNIQUE INDEX points_correction_waiting ON points_correction (customer_id) WHERE decided_at IS NULL;

-- How far this service has read its own journal for what earns points.
INSERT INTO consumer_cursor (source, transaction_id, position) VALUES ('points', 0, 0);
