-- Destruction of customer files (CF-10.1, CF-10.2).

ALTER TABLE approval DROP CONSTRAINT approval_kind_check;
ALTER TABLE approval ADD CONSTRAINT approval_kind_check CHECK (kind IN ('share', 'borrowing', 'destruction'));

CREATE TABLE destruction (
    approval_id     uuid PRIMARY KEY REFERENCES approval,
    justification   text NOT NULL,
    early           boolean NOT NULL,
    -- As the flow had it when the form was written.
    cooling_seconds bigint NOT NULL CHECK (cooling_seconds > 0)
);

-- What was asked for, and what is left of it.
CREATE TABLE destruction_terms (
    approval_id  uuid NOT NULL REFERENCES destruction,
    which        text NOT NULL CHECK (which IN ('requested', 'current')),
    customer_ids uuid[] NOT NULL,
    PRIMARY KEY (approval_id, which)
);
CREATE INDEX destruction_terms_by_customer ON destruction_terms USING gin (customer_ids);
