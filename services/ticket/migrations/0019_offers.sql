-- Tickets offered to other departments (SG-3, CC-1.2).
CREATE TABLE offer (
    id                 uuid PRIMARY KEY,
    ticket_id          uuid NOT NULL,
    customer_id        uuid NOT NULL,
    from_department_id uuid NOT NULL,
    to_department_id   uuid NOT NULL,
    -- As in kefu.ticket.v1.OfferState.
    state              smallint NOT NULL,
    offerer_id         uuid NOT NULL,
    offerer_is_system  boolean NOT NULL,
    offered_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    answerer_id        uuid,
    answered_at        timestamptz,
    -- Both reasons, sealed under the customer's key.
    sealed             bytea NOT NULL,
    revision           bigint NOT NULL
);
-- It is offered to one department at a time.
CREATE UNIQUE INDEX offer_pending ON offer (ticket_id) WHERE state = 1;
CREATE INDEX offer_to_lapse ON offer (expires_at) WHERE state = 1;
CREATE INDEX offer_by_time ON offer (offered_at, id);
CREATE INDEX offer_received ON offer (to_department_id, offered_at, id);
CREATE INDEX offer_by_customer ON offer (customer_id);
