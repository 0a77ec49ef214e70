-- Messages of the customer after what a ticket was opened with (domain/fact). NULL: of before it was journaled.
ALTER TABLE fact ADD COLUMN messages integer;
