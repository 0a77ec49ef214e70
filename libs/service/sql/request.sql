CREATE TABLE request (
    subject_id     uuid NOT NULL,
    request_id     uuid NOT NULL,
    method         text NOT NULL,
    digest         bytea NOT NULL,
    resource_id    uuid NOT NULL,
    customer_id    uuid,
    answer         bytea NOT NULL,
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (subject_id, request_id)
);
