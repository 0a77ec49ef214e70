-- Tickets that have to do with each other (SG-5, OP-3.2).
CREATE TABLE link (
    id          uuid PRIMARY KEY,
    -- As in kefu.ticket.v1.LinkKind.
    kind        smallint NOT NULL,
    from_id     uuid NOT NULL,
    to_id       uuid NOT NULL,
    -- Of the first ticket.
    customer_id uuid NOT NULL,
    -- `employees/…` or `system-accounts/…`.
    author      text NOT NULL,
    created_at  timestamptz NOT NULL,
    UNIQUE (from_id, to_id, kind)
);
CREATE INDEX link_by_second ON link (to_id);
