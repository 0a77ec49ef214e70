-- What goes with its customer is found by them (CF-10.2), and holds of before move with a merged file.
CREATE INDEX request_by_customer ON request (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX hold_file_by_customer ON hold_file (customer_id);

-- Duties are listed by time, and by what they are for also when they are over.
CREATE INDEX duty_by_time ON duty (started_at, id);
CREATE INDEX duty_for_resource ON duty (resource, started_at, id);
