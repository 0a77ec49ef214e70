-- Rules by which reports are made (OP-3.2, SG-7), version by version; number 0 is what is shipped,
-- and has no row.
CREATE TABLE report_rules_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.analytics.v1.ReportRulesDefinition.
    definition   bytea NOT NULL
);

-- Which period of a report is the next to be seen to: whoever moves it on has done so.
CREATE TABLE report_schedule (
    report    text PRIMARY KEY,
    first_day date NOT NULL
);

-- Reports of periods that are over, and that are still to be made: whoever takes one away has
-- made it.
CREATE TABLE report_due (
    id            uuid PRIMARY KEY,
    report        text NOT NULL,
    -- Of the rules.
    version       integer NOT NULL,
    -- NULL: of the whole company.
    department_id uuid,
    first_day     date NOT NULL,
    -- When the period was over.
    over_at       timestamptz NOT NULL,
    -- Not before then: it could not be made.
    look_at       timestamptz NOT NULL
);
CREATE INDEX report_due_in_order ON report_due (over_at, id);

-- As they were made; the service may neither change nor delete them.
CREATE TABLE report (
    id            uuid PRIMARY KEY,
    report        text NOT NULL,
    department_id uuid,
    first_day     date NOT NULL,
    run           integer NOT NULL,
    made_at       timestamptz NOT NULL,
    -- kefu.analytics.v1.Report without its digest, and that: SHA-256.
    content       bytea NOT NULL,
    sha256        bytea NOT NULL
);
CREATE UNIQUE INDEX report_once ON report
    (report, coalesce(department_id, '00000000-0000-0000-0000-000000000000'), first_day, run);
CREATE INDEX report_by_time ON report (made_at, id);
CREATE INDEX report_by_department ON report (department_id, made_at);
