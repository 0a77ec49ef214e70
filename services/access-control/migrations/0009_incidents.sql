-- Leaks (IH-5), and what was done about them.

CREATE TABLE incident (
    id           uuid PRIMARY KEY,
    alert_id     uuid REFERENCES alert,
    description  text NOT NULL,
    -- What is suspected; what is empty bounds nothing.
    subject_ids  uuid[] NOT NULL,
    customer_ids uuid[] NOT NULL,
    grant_id     uuid,
    export_id    uuid REFERENCES export,
    period_from  timestamptz NOT NULL,
    period_until timestamptz NOT NULL CHECK (period_until > period_from),
    -- As in kefu.access.v1.IncidentState and IncidentSeverity.
    state        smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
    severity     smallint NOT NULL CHECK (severity BETWEEN 0 AND 3),
    opened_by    uuid NOT NULL,
    opened_at    timestamptz NOT NULL,
    assess_by    timestamptz NOT NULL,
    report_by    timestamptz NOT NULL,
    -- Acts of which it was told that they are overdue, and when the next one will be.
    told         int2[] NOT NULL,
    next_at      timestamptz,
    -- Entries of the audit log when it was closed: what comes after is not looked at.
    closed_size  bigint,
    revision     bigint NOT NULL,
    CHECK (subject_ids <> '{}' OR customer_ids <> '{}' OR grant_id IS NOT NULL),
    CHECK ((state = 4) = (closed_size IS NOT NULL)),
    CHECK ((state = 1) = (severity = 0))
);
CREATE INDEX incident_newest_first ON incident (opened_at, id);
CREATE INDEX incident_due ON incident (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE incident_step (
    incident_id uuid NOT NULL REFERENCES incident,
    place       int NOT NULL,
    -- As in kefu.access.v1.IncidentAct.
    act         smallint NOT NULL,
    at          timestamptz NOT NULL,
    actor_id    uuid NOT NULL,
    severity    smallint NOT NULL,
    recipient   text NOT NULL,
    text        text NOT NULL,
    PRIMARY KEY (incident_id, place)
);
