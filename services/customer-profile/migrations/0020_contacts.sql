-- CF-2.4: how often the customer turned to us may count for the tier.
ALTER TABLE rating ADD COLUMN contacts integer NOT NULL DEFAULT 0;
ALTER TABLE rating ALTER COLUMN contacts DROP DEFAULT;
