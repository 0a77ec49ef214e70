-- How good files are, what is to be mended, and that they are gone through (CF-7.1, CF-7.3).

-- The last measurement of each file: paths of fields, never what is in them.
CREATE TABLE quality (
    customer_id    uuid PRIMARY KEY,
    -- In per cent; none where it is not measured.
    completeness   smallint CHECK (completeness BETWEEN 0 AND 100),
    validity       smallint CHECK (validity BETWEEN 0 AND 100),
    freshness      smallint CHECK (freshness BETWEEN 0 AND 100),
    overall        smallint CHECK (overall BETWEEN 0 AND 100),
    missing_fields text[] NOT NULL,
    invalid_fields text[] NOT NULL,
    revision       bigint NOT NULL,
    measured_at    timestamptz NOT NULL,
    confirmed_at   timestamptz NOT NULL,
    reviewed_at    timestamptz,
    review_due_at  timestamptz NOT NULL
);
CREATE INDEX quality_by_confirmation ON quality (confirmed_at, customer_id);

-- Which files to measure, from when on.
CREATE TABLE quality_due (
    customer_id uuid PRIMARY KEY,
    due_at      timestamptz NOT NULL
);
CREATE INDEX quality_due_by_time ON quality_due (due_at);

-- The rules that the measurements are by: others measure everything anew.
CREATE TABLE quality_rules (
    one   boolean PRIMARY KEY CHECK (one),
    rules text NOT NULL
);

CREATE TABLE quality_finding (
    id              uuid PRIMARY KEY,
    customer_id     uuid NOT NULL,
    -- As in kefu.profile.v1.QualityFindingKind and QualityFindingState.
    kind            smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    state           smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    -- Path of the field; empty where it is about the whole file.
    field           text NOT NULL,
    -- Of the field, as in kefu.policy.v1.DataClass; who is not cleared does not learn of it.
    class           smallint NOT NULL CHECK (class BETWEEN 1 AND 8),
    assignee_id     uuid,
    -- Who handed it to them; nobody where it is theirs because the file is.
    assigner_id     uuid,
    found_at        timestamptz NOT NULL,
    due_at          timestamptz NOT NULL,
    -- Whether it is journaled that its time went by.
    overdue_noted   boolean NOT NULL DEFAULT false,
    closed_at       timestamptz,
    closer_id       uuid,
    reason          text NOT NULL DEFAULT '',
    dismissed_until timestamptz,
    revision        bigint NOT NULL,
    CHECK ((state = 1) = (closed_at IS NULL)),
    CHECK ((state = 3) = (dismissed_until IS NOT NULL)),
    CHECK ((kind IN (1, 2)) = (field <> ''))
);
CREATE UNIQUE INDEX quality_finding_open ON quality_finding (customer_id, kind, field) WHERE state = 1;
CREATE INDEX quality_finding_by_customer ON quality_finding (customer_id, found_at, id);
CREATE INDEX quality_finding_by_time ON quality_finding (found_at, id);
CREATE INDEX quality_finding_by_assignee ON quality_finding (assignee_id) WHERE state = 1;
CREATE INDEX quality_finding_overdue ON quality_finding (due_at) WHERE state = 1 AND NOT overdue_noted;

-- CF-7.1: a row for each time that a file was gone through.
CREATE TABLE file_review (
    id          uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    -- Of the file that was read.
    revision    bigint NOT NULL,
    -- As in kefu.profile.v1.FileReviewOutcome and FileReviewEvidence.
    outcome     smallint NOT NULL CHECK (outcome BETWEEN 1 AND 2),
    evidence    smallint NOT NULL CHECK (evidence BETWEEN 1 AND 4),
    reference   text NOT NULL,
    reviewer_id uuid NOT NULL,
    reviewed_at timestamptz NOT NULL
);
CREATE INDEX file_review_by_customer ON file_review (customer_id, reviewed_at);
CREATE INDEX file_review_newest_first ON file_review (reviewed_at, id);

-- Whoever changes what is measured need not think of it. The customer's row is locked by all
-- of them before the place on the list.
CREATE FUNCTION file_to_measure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO profile.quality_due (customer_id, due_at) VALUES (NEW.id, '-infinity')
    ON CONFLICT (customer_id) DO UPDATE SET due_at = excluded.due_at;
    RETURN NULL;
END
$$;
CREATE FUNCTION file_of_it_to_measure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO profile.quality_due (customer_id, due_at) VALUES (NEW.customer_id, '-infinity')
    ON CONFLICT (customer_id) DO UPDATE SET due_at = excluded.due_at;
    RETURN NULL;
END
$$;
-- States 2, 3 and 4: archived, in review, returned.
CREATE TRIGGER file_entered AFTER INSERT ON customer
    FOR EACH ROW WHEN (NEW.state IN (2, 3, 4)) EXECUTE FUNCTION file_to_measure();
CREATE TRIGGER file_changed AFTER UPDATE OF revision ON customer
    FOR EACH ROW WHEN (NEW.state IN (2, 3, 4)) EXECUTE FUNCTION file_to_measure();
CREATE TRIGGER file_checked AFTER INSERT OR UPDATE ON standing_check
    FOR EACH ROW EXECUTE FUNCTION file_of_it_to_measure();
CREATE TRIGGER file_gone_through AFTER INSERT ON file_review
    FOR EACH ROW EXECUTE FUNCTION file_of_it_to_measure();

INSERT INTO quality_due (customer_id, due_at) SELECT id, '-infinity' FROM customer WHERE state IN (2, 3, 4);
