-- Tiers of customers, by which targets are chosen (IH-4): each from when on, by the journal of
-- customer-profile. None until something happens to the file.
CREATE TABLE customer_tier (
    customer_id uuid NOT NULL,
    since       timestamptz NOT NULL,
    -- As in kefu.profile.v1.Tier.
    tier        smallint NOT NULL,
    PRIMARY KEY (customer_id, since)
);

-- That of the attempt's beginning; 0: not known.
ALTER TABLE clock ADD COLUMN tier smallint NOT NULL DEFAULT 0;
