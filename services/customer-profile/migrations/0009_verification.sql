-- SG-1.2, SG-1.3: every result of a check of a file, as it was entered.
CREATE TABLE verification (
    id          uuid PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES customer,
    -- As in kefu.profile.v1.VerificationCheck, VerificationMethod and VerificationOutcome.
    kind        smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    method      smallint NOT NULL CHECK (method BETWEEN 1 AND 5),
    outcome     smallint NOT NULL CHECK (outcome BETWEEN 1 AND 3),
    -- What it looked at, in which revision.
    fields      text[] NOT NULL,
    revision    bigint NOT NULL,
    -- Resource name of who entered it.
    verifier    text NOT NULL,
    checked_at  timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    sealed      bytea NOT NULL
);
CREATE INDEX verification_newest_first ON verification (recorded_at, id);
CREATE INDEX verification_by_customer ON verification (customer_id, recorded_at, id);

-- The last result of each check, and whether something that it looked at has changed since.
CREATE TABLE standing_check (
    customer_id     uuid NOT NULL REFERENCES customer,
    kind            smallint NOT NULL,
    verification_id uuid NOT NULL UNIQUE REFERENCES verification,
    stale           boolean NOT NULL,
    PRIMARY KEY (customer_id, kind)
);
