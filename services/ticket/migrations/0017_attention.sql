-- Who follows a ticket, and who is mentioned in one (SG-3). Neither is looked at by any scope.
CREATE TABLE watcher (
    employee_id uuid NOT NULL,
    ticket_id   uuid NOT NULL,
    customer_id uuid NOT NULL,
    watched_at  timestamptz NOT NULL,
    PRIMARY KEY (employee_id, ticket_id)
);
CREATE INDEX watcher_by_customer ON watcher (customer_id);

CREATE TABLE mention (
    id           uuid PRIMARY KEY,
    ticket_id    uuid NOT NULL,
    customer_id  uuid NOT NULL,
    message_id   uuid NOT NULL,
    employee_id  uuid NOT NULL,
    -- None for what a system wrote.
    author_id    uuid,
    mentioned_at timestamptz NOT NULL,
    read_at      timestamptz
);
CREATE INDEX mention_by_employee ON mention (employee_id, mentioned_at, id);
CREATE INDEX mention_by_message ON mention (message_id);
CREATE INDEX mention_by_customer ON mention (customer_id);
