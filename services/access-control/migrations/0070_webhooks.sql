-- Webhooks of other company systems: what they are told of, what they were sent, and what came of it.

CREATE TABLE webhook (
    id            uuid PRIMARY KEY,
    account_id    uuid NOT NULL REFERENCES employee,
    -- As in kefu.policy.v1.Purpose.
    purpose       smallint NOT NULL CHECK (purpose > 0),
    title         text NOT NULL,
    url           text NOT NULL,
    event_types   text[] NOT NULL CHECK (event_types <> '{}'),
    -- As in kefu.access.v1.WebhookPause; 0 is active.
    pause         smallint NOT NULL CHECK (pause BETWEEN 0 AND 4),
    -- From which entry of the audit log on it is told.
    since          bigint NOT NULL CHECK (since >= 0),
    secret_number int NOT NULL CHECK (secret_number >= 1),
    -- Since when no attempt has succeeded.
    failing_since timestamptz,
    created_by    uuid NOT NULL,
    created_at    timestamptz NOT NULL,
    deleted_at    timestamptz,
    revision      bigint NOT NULL CHECK (revision >= 1),
    CHECK ((pause = 3) = (deleted_at IS NOT NULL))
);
CREATE INDEX webhook_list_order ON webhook (created_at, id);

-- Each under a key of its own, wrapped, which goes with the row.
CREATE TABLE webhook_secret (
    id         uuid PRIMARY KEY,
    webhook_id uuid NOT NULL REFERENCES webhook,
    number     int NOT NULL CHECK (number >= 1),
    kek_id     text NOT NULL,
    wrapped    bytea NOT NULL,
    sealed     bytea NOT NULL,
    -- First moment at which it signs no more; another has taken its place.
    ends_at    timestamptz,
    UNIQUE (webhook_id, number)
);

CREATE TABLE webhook_delivery (
    id             uuid PRIMARY KEY,
    webhook_id     uuid NOT NULL REFERENCES webhook,
    -- The entry in the audit log; none of a ping.
    seq            bigint,
    service        text NOT NULL,
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    event_type     text NOT NULL,
    -- Type of the entry: `ticket.opened`.
    change         text NOT NULL,
    resource       text NOT NULL,
    event_at       timestamptz NOT NULL,
    -- As in kefu.access.v1.WebhookDeliveryState.
    state          smallint NOT NULL CHECK (state BETWEEN 1 AND 5),
    -- Attempts that failed since it was last begun with.
    failures       int NOT NULL CHECK (failures >= 0),
    -- All attempts.
    attempts       int NOT NULL CHECK (attempts >= 0),
    due_at         timestamptz NOT NULL,
    -- Who sends it counts these, so that nobody settles what another has taken up since.
    claim          int NOT NULL,
    claimed_until  timestamptz,
    created_at     timestamptz NOT NULL,
    settled_at     timestamptz,
    CHECK ((state = 1) = (settled_at IS NULL))
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, due_at, id) WHERE state = 1;
CREATE INDEX webhook_delivery_list_order ON webhook_delivery (created_at, id);
CREATE INDEX webhook_delivery_settled ON webhook_delivery (settled_at) WHERE settled_at IS NOT NULL;

CREATE TABLE webhook_attempt (
    delivery_id uuid NOT NULL REFERENCES webhook_delivery ON DELETE CASCADE,
    number      int NOT NULL CHECK (number >= 1),
    at          timestamptz NOT NULL,
    -- As in kefu.access.v1.WebhookOutcome.
    outcome     smallint NOT NULL CHECK (outcome BETWEEN 1 AND 5),
    status_code int NOT NULL,
    latency_ms  int NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

-- Up to which entry of the audit log it was looked what to send. Locked by whoever looks, and
-- moved in the transaction of what is to be sent.
CREATE TABLE webhook_cursor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next_seq bigint NOT NULL CHECK (next_seq >= 0)
);
INSERT INTO webhook_cursor (next_seq) SELECT size FROM audit_head;

-- What of a journal is sent anew: all from here on that is before the end.
CREATE TABLE webhook_replay (
    webhook_id     uuid NOT NULL REFERENCES webhook,
    service        text NOT NULL,
    start_at       timestamptz,
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    -- The size of the audit log when it was asked for.
    end_seq        bigint NOT NULL,
    PRIMARY KEY (webhook_id, service)
);
