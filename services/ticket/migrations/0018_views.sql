-- Words that tickets are found by, and filters saved under a name (SG-5, CC-1.2).
ALTER TABLE ticket ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
-- Of those that have any: the others do not pay for it when they are opened.
CREATE INDEX ticket_by_tag ON ticket USING gin (tags) WHERE tags <> '{}';

-- Every tag that was ever used, as it was written first.
CREATE TABLE tag (
    -- In lower case.
    key           text PRIMARY KEY,
    written       text NOT NULL,
    first_used_at timestamptz NOT NULL
);

CREATE TABLE saved_view (
    id            uuid PRIMARY KEY,
    owner_id      uuid NOT NULL,
    -- Whose people see it as well.
    department_id uuid,
    title         text NOT NULL,
    filter        text NOT NULL,
    order_by      text NOT NULL,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE UNIQUE INDEX saved_view_title ON saved_view (owner_id, title);
CREATE INDEX saved_view_shared ON saved_view (department_id) WHERE department_id IS NOT NULL;
