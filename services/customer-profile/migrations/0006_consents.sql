-- IH-2.1, CC-2.2: every statement of a customer about a purpose, as it was entered.
CREATE TABLE consent_statement (
    id            uuid PRIMARY KEY,
    customer_id   uuid NOT NULL REFERENCES customer,
    purpose       smallint NOT NULL,
    -- As in kefu.profile.v1.ConsentDecision.
    decision      smallint NOT NULL CHECK (decision BETWEEN 1 AND 3),
    channels      smallint[] NOT NULL,
    heard_channel smallint NOT NULL,
    said_at       timestamptz NOT NULL,
    -- Resource name of who entered it.
    recorder      text NOT NULL,
    recorded_at   timestamptz NOT NULL,
    sealed        bytea NOT NULL,
    -- Given with channels, and only then.
    CHECK ((decision = 1) = (cardinality(channels) > 0))
);
CREATE INDEX consent_statement_latest ON consent_statement
    (customer_id, purpose, said_at DESC, recorded_at DESC, id DESC);
CREATE INDEX consent_statement_newest_first ON consent_statement (recorded_at, id);

-- What counts now, for scopes: a row while the last statement is that it is given.
ALTER TABLE consent ADD COLUMN channels smallint[] NOT NULL DEFAULT '{}';
