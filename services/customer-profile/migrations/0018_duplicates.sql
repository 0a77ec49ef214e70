-- Files that may be of one customer (IH-2.2, CF-7.3).

-- What files are compared by: a keyed hash for each value that two files of one customer would share.
CREATE TABLE duplicate_key (
    customer_id uuid NOT NULL REFERENCES customer,
    blind       bytea NOT NULL,
    PRIMARY KEY (blind, customer_id)
);
CREATE INDEX duplicate_key_by_customer ON duplicate_key (customer_id);

-- Which files to compare, from when on: new ones and changed ones, whoever changes them.
CREATE TABLE duplicate_due (
    customer_id uuid PRIMARY KEY,
    due_at      timestamptz NOT NULL
);
CREATE INDEX duplicate_due_by_time ON duplicate_due (due_at);
CREATE FUNCTION compare_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO profile.duplicate_due (customer_id, due_at) VALUES (NEW.id, NEW.updated_at)
    ON CONFLICT (customer_id) DO UPDATE SET due_at = LEAST(duplicate_due.due_at, EXCLUDED.due_at);
    RETURN NULL;
END $$;
CREATE TRIGGER compare_again AFTER INSERT OR UPDATE OF revision, state ON customer FOR EACH ROW
    WHEN (NEW.state IN (2, 3, 4)) EXECUTE FUNCTION compare_again();
INSERT INTO duplicate_due (customer_id, due_at) SELECT id, updated_at FROM customer WHERE state IN (2, 3, 4);

CREATE TABLE duplicate (
    id             uuid PRIMARY KEY,
    one_id         uuid NOT NULL REFERENCES customer,
    other_id       uuid NOT NULL REFERENCES customer,
    -- As in kefu.profile.v1.DuplicateState and DuplicateSignalKind.
    state          smallint NOT NULL,
    signals        smallint[] NOT NULL,
    -- As in kefu.policy.v1.DataClass: the most sensitive class of what they share.
    class          int NOT NULL,
    found_at       timestamptz NOT NULL,
    dismisser      text NOT NULL DEFAULT '',
    dismissed_at   timestamptz,
    dismiss_reason text NOT NULL DEFAULT '',
    revision       bigint NOT NULL DEFAULT 1,
    CHECK (one_id < other_id),
    UNIQUE (one_id, other_id)
);
CREATE INDEX duplicate_newest_first ON duplicate (found_at, id);
CREATE INDEX duplicate_by_other ON duplicate (other_id);
