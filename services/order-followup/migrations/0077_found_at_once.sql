-- What goes with its customer is found by them (CF-10.2).
CREATE INDEX request_by_customer ON request (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX stage_promise_by_customer ON stage_promise (customer_id);
CREATE INDEX review_by_customer ON review (customer_id);
CREATE INDEX points_correction_by_customer ON points_correction (customer_id);
CREATE INDEX points_reversal_by_customer ON points_reversal (customer_id);

-- What is looked for by where it stands and counted for each page, and what belongs to an order or a case.
CREATE INDEX purchase_order_by_stage ON purchase_order (stage, placed_at, id);
CREATE INDEX purchase_order_by_confirmation ON purchase_order (confirmation, placed_at, id);
CREATE INDEX purchase_order_by_stock ON purchase_order (stock, placed_at, id);
CREATE INDEX follow_up_by_subject ON follow_up (subject, due_at, id);

-- The first in line that is due, without sorting the line for each.
CREATE INDEX back_order_in_line ON back_order (since, order_id);
