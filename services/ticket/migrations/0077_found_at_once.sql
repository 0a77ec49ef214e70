-- What goes with its customer is found by them (CF-10.2): tickets stand still meanwhile.
CREATE INDEX request_by_customer ON request (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX message_by_customer ON message (customer_id);
CREATE INDEX clock_by_customer ON clock (customer_id);
CREATE INDEX moved_message_by_customer ON moved_message (customer_id);

-- What waits and is worked on, among all the tickets that there ever were; what is looked for by state and counted for each page.
CREATE INDEX ticket_open ON ticket (department_id, received_at, id) WHERE state < 4;
CREATE INDEX ticket_by_state ON ticket (state, received_at, id);
CREATE INDEX offer_by_ticket ON offer (ticket_id, offered_at, id);
CREATE INDEX inspection_task_of_inspector ON inspection_task (inspector_id) WHERE inspector_id IS NOT NULL AND state = 1;
