-- How many of a day's orders were late once, kept like the rest of it (store/days.rs).
ALTER TABLE order_day ADD COLUMN late bigint NOT NULL DEFAULT 0;
-- Whether its days tell that; where not, they are counted anew.
ALTER TABLE generation ADD COLUMN days_late boolean NOT NULL DEFAULT false;
