-- After-sales cases (OP-3.4.6, IH-6, IH-4).

-- For people to say on the phone: C1000001.
CREATE SEQUENCE case_number AS bigint START WITH 1000001;

CREATE TABLE after_sales_case (
    id            uuid PRIMARY KEY,
    number        text COLLATE "C" NOT NULL UNIQUE DEFAULT 'C' || nextval('case_number'),
    customer_id   uuid NOT NULL,
    -- None: of goods that the customer has without an order here.
    order_id      uuid REFERENCES purchase_order,
    -- As in kefu.order.v1.
    kind          smallint NOT NULL,
    state         smallint NOT NULL,
    cover         smallint NOT NULL,
    rules_version integer NOT NULL,
    department_id uuid NOT NULL,
    assignee_id   uuid,
    -- Who has a step of it to do.
    worker_ids    uuid[] NOT NULL DEFAULT '{}',
    -- `employees/…` or `system-accounts/…`.
    registrar     text NOT NULL,
    cover_decider text NOT NULL,
    delivered_at  timestamptz,
    deadline      timestamptz,
    due_at        timestamptz,
    done_at       timestamptz,
    closed_at     timestamptz,
    plan_count    integer NOT NULL,
    reopen_count  integer NOT NULL,
    withdrawn     boolean NOT NULL,
    -- What it is about, what was said and done, and what is paid, sealed under the customer's key.
    sealed        bytea NOT NULL,
    revision      bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX after_sales_case_by_time ON after_sales_case (created_at, id);
CREATE INDEX after_sales_case_by_department ON after_sales_case (department_id, created_at, id);
CREATE INDEX after_sales_case_by_customer ON after_sales_case (customer_id, created_at, id);
CREATE INDEX after_sales_case_by_assignee ON after_sales_case (assignee_id, created_at, id) WHERE assignee_id IS NOT NULL;
CREATE INDEX after_sales_case_by_order ON after_sales_case (order_id, created_at) WHERE order_id IS NOT NULL;

-- What all cases of an order have taken back of each line: never more than there was.
CREATE TABLE line_account (
    order_id    uuid NOT NULL REFERENCES purchase_order,
    -- Place in the order, from 1.
    line        integer NOT NULL,
    customer_id uuid NOT NULL,
    -- Pieces.
    ordered     integer NOT NULL,
    taken       integer NOT NULL DEFAULT 0,
    -- Nanos of the order's currency.
    paid        numeric(38, 0) NOT NULL,
    refunded    numeric(38, 0) NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, line),
    CONSTRAINT pieces_once CHECK (taken BETWEEN 0 AND ordered),
    CONSTRAINT money_once CHECK (refunded BETWEEN 0 AND paid)
);
CREATE INDEX line_account_by_customer ON line_account (customer_id);

-- A payment is made once: no two of an order are under one reference of the payment system.
CREATE TABLE case_payment_reference (
    case_id     uuid NOT NULL REFERENCES after_sales_case,
    number      integer NOT NULL,
    customer_id uuid NOT NULL,
    -- SHA-256 of the reference.
    reference   bytea NOT NULL UNIQUE,
    PRIMARY KEY (case_id, number)
);
CREATE INDEX case_payment_reference_by_customer ON case_payment_reference (customer_id);

-- The company's rules after the sale, version by version. Number 0 is what is shipped, and has
-- no row.
CREATE TABLE after_sales_version (
    number       integer PRIMARY KEY,
    effective_at timestamptz NOT NULL,
    withdrawn    boolean NOT NULL DEFAULT false,
    author       text NOT NULL,
    recorded_at  timestamptz NOT NULL,
    reason       text NOT NULL,
    -- kefu.order.v1.AfterSalesDefinition.
    definition   bytea NOT NULL
);
