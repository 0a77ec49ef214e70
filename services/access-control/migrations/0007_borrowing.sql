-- Borrowing of copies of files, and the register of what is out (CF-9.2).

CREATE TABLE borrowing (
    approval_id   uuid PRIMARY KEY REFERENCES approval,
    justification text NOT NULL,
    -- The borrowing that this one prolongs.
    extends_id    uuid REFERENCES borrowing,
    -- When it was last written down or chased that something is overdue.
    chased_at     timestamptz,
    -- When that is due next; absent while nothing is out.
    chase_at      timestamptz,
    closed_at     timestamptz
);
CREATE INDEX borrowing_to_chase ON borrowing (chase_at) WHERE chase_at IS NOT NULL;

-- What was asked for, and what is left of it; the n-th copy is the n-th of each array.
CREATE TABLE borrowing_terms (
    approval_id  uuid NOT NULL REFERENCES borrowing,
    which        text NOT NULL CHECK (which IN ('requested', 'current')),
    customer_ids uuid[] NOT NULL,
    media        int2[] NOT NULL,
    labels       text[] NOT NULL,
    not_before   timestamptz,
    until        timestamptz NOT NULL,
    PRIMARY KEY (approval_id, which),
    CHECK (cardinality(customer_ids) = cardinality(media) AND cardinality(media) = cardinality(labels))
);
CREATE INDEX borrowing_terms_by_customer ON borrowing_terms USING gin (customer_ids);

-- A line for each copy that was handed out.
CREATE TABLE borrowing_line (
    approval_id  uuid NOT NULL REFERENCES borrowing,
    customer_id  uuid NOT NULL,
    medium       smallint NOT NULL,
    label        text NOT NULL,
    -- The label as it counts: however its letters and spaces were written.
    label_key    text NOT NULL,
    state        text NOT NULL CHECK (state IN ('out', 'back', 'damaged', 'lost', 'followed_up', 'renewed')),
    out_by       uuid NOT NULL REFERENCES employee,
    out_at       timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    inspected_by uuid REFERENCES employee,
    inspected_at timestamptz,
    condition    smallint,
    note         text NOT NULL,
    lost_by      uuid REFERENCES employee,
    lost_at      timestamptz,
    follow_up    text NOT NULL,
    follow_up_by uuid REFERENCES employee,
    follow_up_at timestamptz,
    PRIMARY KEY (approval_id, customer_id, medium, label_key),
    CHECK ((state IN ('back', 'damaged')) <= (inspected_by IS NOT NULL AND inspected_at IS NOT NULL)),
    CHECK ((state = 'followed_up') = (follow_up_by IS NOT NULL AND follow_up_at IS NOT NULL))
);
-- There is one of each copy on paper: what is out, or lost and not yet settled, is not
-- handed out again.
CREATE UNIQUE INDEX borrowing_line_out_once ON borrowing_line (customer_id, label_key)
    WHERE medium = 1 AND state IN ('out', 'lost');
