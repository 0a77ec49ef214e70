CREATE TABLE consumer_cursor (
    source         text PRIMARY KEY,
    transaction_id bigint NOT NULL,
    position       bigint NOT NULL
);
