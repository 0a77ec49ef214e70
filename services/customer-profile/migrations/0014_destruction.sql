-- What is left of files that were destroyed (CF-10.2). State 6 of a customer: destroyed.

CREATE TABLE certificate (
    -- That of the destruction.
    id        uuid PRIMARY KEY,
    issued_at timestamptz NOT NULL,
    -- As kefu.profile.v1.Certificate encodes it: what was certified is never put together anew.
    body      bytea NOT NULL
);
CREATE INDEX certificate_newest_first ON certificate (issued_at, id);

CREATE TABLE tombstone (
    customer_id    uuid PRIMARY KEY REFERENCES customer,
    certificate_id uuid NOT NULL REFERENCES certificate,
    destroyed_at   timestamptz NOT NULL
);
CREATE INDEX tombstone_by_certificate ON tombstone (certificate_id);
