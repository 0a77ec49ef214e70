-- Greetings on festivals and birthdays (OP-3.3): only to who agreed to it, by the channel that
-- they agreed to (CC-2.2).

-- What customers said last about the purposes that take consent, from the journal of
-- customer-profile: by which channels; none: no longer, or never.
CREATE TABLE customer_consent (
    customer_id uuid NOT NULL,
    -- As in kefu.policy.v1.Purpose.
    purpose     smallint NOT NULL,
    -- As in kefu.common.v1.Channel.
    channels    smallint[] NOT NULL,
    PRIMARY KEY (customer_id, purpose)
);
UPDATE consumer_cursor SET transaction_id = 0, position = 0 WHERE source = 'customer-profile';

-- A festival of a year, and how far it was gone through the customers.
CREATE TABLE greeting_round (
    -- `spring:2027-02-06`
    occasion text PRIMARY KEY,
    after    uuid NOT NULL,
    done     boolean NOT NULL DEFAULT false
);
