-- What an order comes to by the company's product categories, {"category": "amount"}; the rest is under "".
-- NULL: of before it was journaled.
ALTER TABLE fact ADD COLUMN products jsonb;
