-- Schemes by which staff is assessed (OP-4.2), version by version; number 0 is what is shipped,
-- and has no row.
CREATE TABLE assessment_rules_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.analytics.v1.AssessmentRulesDefinition.
    definition   bytea NOT NULL
);

-- First day of the month that is the next to be assessed: whoever moves it on has opened it.
CREATE TABLE assessment_schedule (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    first_day date NOT NULL
);

CREATE TABLE assessment (
    id                uuid PRIMARY KEY,
    -- Of all that were opened together.
    round_id          uuid NOT NULL,
    -- 1: the month was over; 2: somebody asked for it.
    origin            smallint NOT NULL CHECK (origin BETWEEN 1 AND 2),
    rules_version     integer NOT NULL,
    scheme            text NOT NULL,
    employee_id       uuid NOT NULL,
    -- Whose head is above them; of a head not their own. NULL: above the last.
    department_id     uuid,
    superior_id       uuid NOT NULL CHECK (superior_id <> employee_id),
    first_day         date NOT NULL,
    last_day          date NOT NULL CHECK (last_day >= first_day),
    opened_at         timestamptz NOT NULL,
    -- NULL: opened by itself.
    opened_by         uuid,
    score_until       timestamptz NOT NULL,
    -- docs/assessments.md: 1 collecting, 2 ready, 3 published, 4 appealed, 5 final, 6 withdrawn.
    state             smallint NOT NULL CHECK (state BETWEEN 1 AND 6),
    published_at      timestamptz,
    published_by      uuid,
    appeal_until      timestamptz,
    appealed_at       timestamptz,
    decided_at        timestamptz,
    decided_by        uuid,
    appeal_outcome    smallint NOT NULL DEFAULT 0,
    -- Who sees to what follows, until when, and when it was done; NULL: nothing follows.
    owner_id          uuid,
    due_day           date,
    completed_at      timestamptz,
    -- About somebody of the company; in no journal.
    note              text NOT NULL DEFAULT '',
    appeal_reason     text NOT NULL DEFAULT '',
    decision_reason   text NOT NULL DEFAULT '',
    completion_note   text NOT NULL DEFAULT '',
    withdrawal_reason text NOT NULL DEFAULT '',
    revision          bigint NOT NULL DEFAULT 1,
    CHECK ((published_at IS NOT NULL) = (state BETWEEN 3 AND 5)),
    CHECK (state <> 4 OR appealed_at IS NOT NULL),
    CHECK ((owner_id IS NULL) = (due_day IS NULL)),
    CHECK (decided_by IS DISTINCT FROM superior_id AND decided_by IS DISTINCT FROM employee_id),
    CHECK (decided_by IS NULL OR decided_by <> published_by)
);
-- One for each person and period, whoever asks for it how often.
CREATE UNIQUE INDEX assessment_once ON assessment (employee_id, scheme, first_day, last_day) WHERE state <> 6;
CREATE INDEX assessment_by_time ON assessment (opened_at, id);
CREATE INDEX assessment_by_department ON assessment (department_id, opened_at);
CREATE INDEX assessment_by_superior ON assessment (superior_id, opened_at);
CREATE INDEX assessment_collecting ON assessment (score_until) WHERE state = 1;
CREATE INDEX assessment_published ON assessment (appeal_until) WHERE state = 3;

-- What somebody is asked to score, and what they gave.
CREATE TABLE assessment_rating (
    id            uuid PRIMARY KEY,
    assessment_id uuid NOT NULL REFERENCES assessment (id),
    -- 1: the one above; 2: a colleague.
    kind          smallint NOT NULL CHECK (kind BETWEEN 1 AND 2),
    rater_id      uuid NOT NULL,
    asked_at      timestamptz NOT NULL,
    given_at      timestamptz,
    -- kefu.analytics.v1.AssessmentRating with nothing but its points; about somebody of the
    -- company, and in no journal.
    given         bytea NOT NULL DEFAULT '',
    revision      bigint NOT NULL DEFAULT 1,
    UNIQUE (assessment_id, rater_id)
);
CREATE INDEX assessment_rating_by_rater ON assessment_rating (rater_id, asked_at);

-- Results as they were counted, the last one stands; the service may neither change nor delete
-- them.
CREATE TABLE assessment_result (
    assessment_id uuid NOT NULL REFERENCES assessment (id),
    -- 1: as it was published; 2: as an appeal changed it.
    number        integer NOT NULL CHECK (number BETWEEN 1 AND 2),
    made_at       timestamptz NOT NULL,
    made_by       uuid NOT NULL,
    -- kefu.analytics.v1.AssessmentResult, and that: SHA-256.
    content       bytea NOT NULL,
    sha256        bytea NOT NULL,
    PRIMARY KEY (assessment_id, number)
);
