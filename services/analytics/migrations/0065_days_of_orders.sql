-- Orders of a day told together (store/days.rs): what figures over long periods are counted of, kept with every
-- change of an order's fact, in its transaction.
CREATE TABLE order_day (
    generation    integer NOT NULL,
    -- When the day begins, in the generation's zone.
    at            timestamptz NOT NULL,
    department_id uuid,
    state         smallint,
    currency      text,
    orders        bigint NOT NULL,
    -- Of these with an amount, and what they come to.
    priced        bigint NOT NULL,
    amount        numeric NOT NULL,
    CONSTRAINT order_day_once UNIQUE NULLS NOT DISTINCT (generation, at, department_id, state, currency)
);

-- In which zone its days are; none: they are not kept yet.
ALTER TABLE generation ADD COLUMN days_zone text;
