-- The company's calendars as the journal of ticket says them: working time is measured by them. Of no generation, as
-- the last entry says all there is to one.
CREATE TABLE calendar (
    id       uuid PRIMARY KEY,
    -- In the journal.
    position bigint NOT NULL,
    -- kefu.journal.v1.CalendarChanged.
    said     bytea NOT NULL
);
