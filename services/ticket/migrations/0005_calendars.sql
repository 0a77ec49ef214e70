-- Business calendars (IH-4, SG-2.1). Versions are added and never changed; one that was
-- not yet in force can be withdrawn.
CREATE TABLE calendar (
    id         uuid PRIMARY KEY,
    code       text NOT NULL UNIQUE,
    title      text NOT NULL,
    revision   bigint NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE calendar_version (
    calendar_id  uuid NOT NULL REFERENCES calendar,
    number       integer NOT NULL,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.ticket.v1.CalendarDefinition.
    definition   bytea NOT NULL,
    PRIMARY KEY (calendar_id, number)
);
