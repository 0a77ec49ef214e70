-- Rules that select files, saved under a name (CF-6.2). Versions are added and never changed.
CREATE TABLE selection (
    id            uuid PRIMARY KEY,
    owner_id      uuid NOT NULL,
    department_id uuid NOT NULL,
    -- As in kefu.profile.v1.SelectionState.
    state         smallint NOT NULL,
    -- Of the last version.
    title         text NOT NULL,
    version       integer NOT NULL,
    created_at    timestamptz NOT NULL,
    archiver      text NOT NULL DEFAULT '',
    archived_at   timestamptz,
    revision      bigint NOT NULL DEFAULT 1,
    CHECK ((state = 2) = (archived_at IS NOT NULL))
);
CREATE UNIQUE INDEX selection_title ON selection (department_id, title) WHERE state = 1;
CREATE INDEX selection_newest_first ON selection (created_at, id);

CREATE TABLE selection_version (
    selection_id uuid NOT NULL REFERENCES selection,
    version      integer NOT NULL,
    title        text NOT NULL,
    description  text NOT NULL,
    comparisons  text[] NOT NULL,
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (selection_id, version)
);
