-- Whose customers are and of which tier (OP-3.3), from the journal of customer-profile; never
-- who they are. There is one for each who has a file.
CREATE TABLE customer_relation (
    customer_id   uuid PRIMARY KEY,
    department_id uuid NOT NULL,
    owner_id      uuid,
    -- As in kefu.profile.v1.Tier; 0: not known.
    tier          smallint NOT NULL,
    -- Served under this file: it is not part of another.
    active        boolean NOT NULL,
    known_at      timestamptz NOT NULL
);

-- What the journal told before there was a place for it is read once more: it says of each
-- customer what is so, however often it is read.
UPDATE consumer_cursor SET transaction_id = 0, position = 0 WHERE source = 'customer-profile';
