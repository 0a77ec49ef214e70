-- Files of the conversation (OP-3.1, CC-2.4). What they are lies sealed here, and what is in
-- them sealed by parts in the company's store of objects.
CREATE TABLE attachment (
    id               uuid PRIMARY KEY,
    ticket_id        uuid NOT NULL,
    customer_id      uuid NOT NULL,
    -- 1: it is coming in, 2: it is whole.
    state            smallint NOT NULL,
    author_id        uuid NOT NULL,
    author_is_system boolean NOT NULL,
    -- The reply that it belongs to.
    message_id       uuid,
    -- kefu.ticket.v1.Attachment, sealed under the customer's key.
    sealed           bytea NOT NULL,
    started_at       timestamptz NOT NULL,
    finished_at      timestamptz,
    -- Of the ticket when it was whole: a kept answer shows no later ones.
    revision         bigint NOT NULL
);
CREATE INDEX attachment_by_ticket ON attachment (ticket_id, finished_at, id);
CREATE INDEX attachment_by_customer ON attachment (customer_id);
CREATE INDEX attachment_coming_in ON attachment (started_at) WHERE state = 1;

CREATE TABLE attachment_part (
    attachment_id uuid NOT NULL,
    customer_id   uuid NOT NULL,
    -- From 0.
    seq           integer NOT NULL,
    -- In the store of objects.
    object        text NOT NULL,
    size_bytes    integer NOT NULL,
    PRIMARY KEY (attachment_id, seq)
);
CREATE INDEX attachment_part_by_customer ON attachment_part (customer_id);

-- Objects to be deleted, from then on. One that is about to be written stands here first, so
-- that whatever happens to its writer nothing is left behind.
CREATE TABLE object_due (
    object text PRIMARY KEY,
    due_at timestamptz NOT NULL
);
CREATE INDEX object_due_by_time ON object_due (due_at);
