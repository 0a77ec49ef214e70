-- CF-2.4, IH-8.2: what people say about a customer's rating.
CREATE TABLE rating_statement (
    id              uuid PRIMARY KEY,
    customer_id     uuid NOT NULL REFERENCES customer,
    -- 1 a condition, 2 a tier, 3 a credit class; the value as the contract numbers it.
    kind            smallint NOT NULL,
    value           smallint NOT NULL,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz,
    recorder        text NOT NULL,
    recorded_at     timestamptz NOT NULL,
    -- Why, what was found, and where: a kefu.profile.v1.RatingStatement, sealed.
    texts           bytea NOT NULL,
    withdrawer      text NOT NULL DEFAULT '',
    withdrawn_at    timestamptz,
    withdraw_reason bytea,
    CHECK (ends_at > starts_at)
);
CREATE INDEX rating_statement_by_customer ON rating_statement (customer_id, recorded_at);

-- What the rules alone say; tier and credit are what counts.
ALTER TABLE rating
    ADD COLUMN computed_tier   smallint,
    ADD COLUMN computed_credit smallint;
UPDATE rating SET computed_tier = tier, computed_credit = credit;
ALTER TABLE rating
    ALTER COLUMN computed_tier SET NOT NULL,
    ALTER COLUMN computed_credit SET NOT NULL;
