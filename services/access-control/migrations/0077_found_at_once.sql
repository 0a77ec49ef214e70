-- Since when somebody is where they are, which trainings ask of everybody.
CREATE INDEX transfer_of_employee ON transfer (employee_id, applied_at);
-- What a webhook was sent.
CREATE INDEX webhook_delivery_by_webhook ON webhook_delivery (webhook_id, created_at, id);
