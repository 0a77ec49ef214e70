-- Rules by which exceptions are found (SG-7), version by version; number 0 is what is shipped, and
-- has no row.
CREATE TABLE exception_rules_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.analytics.v1.ExceptionRulesDefinition.
    definition   bytea NOT NULL
);

-- Which period of a rule is the next to be looked at: whoever moves it on has looked at it.
CREATE TABLE exception_schedule (
    rule      text PRIMARY KEY,
    first_day date NOT NULL,
    -- Not before then: it could not be looked at. NULL: at once.
    look_at   timestamptz
);

-- What figures of how things stand now were when a period was over: nothing else can tell later.
CREATE TABLE exception_figure (
    -- Metric, value of a dimension and cadence.
    figure        text NOT NULL,
    -- All zeroes: of the whole company.
    department_id uuid NOT NULL,
    first_day     date NOT NULL,
    count         bigint NOT NULL,
    value         double precision,
    PRIMARY KEY (figure, department_id, first_day)
);

CREATE TABLE exception (
    id            uuid PRIMARY KEY,
    rule          text NOT NULL,
    metric        text NOT NULL,
    -- NULL: of the whole company.
    department_id uuid,
    first_day     date NOT NULL,
    -- Number of a kefu.analytics.v1.ExceptionState.
    state         smallint NOT NULL,
    revision      bigint NOT NULL,
    found_at      timestamptz NOT NULL,
    -- kefu.analytics.v1.Exception.
    content       bytea NOT NULL
);
CREATE UNIQUE INDEX exception_once ON exception
    (rule, coalesce(department_id, '00000000-0000-0000-0000-000000000000'), first_day);
CREATE INDEX exception_by_time ON exception (found_at, id);
CREATE INDEX exception_by_department ON exception (department_id, found_at);
CREATE INDEX exception_open ON exception (state) WHERE state = 1;
