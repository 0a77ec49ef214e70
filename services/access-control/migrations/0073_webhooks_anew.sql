-- What a webhook is sent anew goes after what is new, and a record that cannot be read is waited for from
-- when it was last begun with.

ALTER TABLE webhook_delivery
    -- Noted, asked for anew, or its webhook switched on again.
    ADD COLUMN begun_at timestamptz NOT NULL DEFAULT now(),
    -- By a replay.
    ADD COLUMN anew     boolean NOT NULL DEFAULT false;
-- Of what is pending nobody knows: from now on.
UPDATE webhook_delivery SET begun_at = created_at WHERE state <> 1;
CREATE INDEX webhook_delivery_order ON webhook_delivery (webhook_id, anew, due_at, id) WHERE state = 1;
-- What is under way is few, whatever waits.
CREATE INDEX webhook_delivery_claimed ON webhook_delivery (webhook_id, claimed_until)
    WHERE state = 1 AND claimed_until IS NOT NULL;

-- Noted while its webhook was being deleted.
UPDATE webhook_delivery d SET state = 5, settled_at = w.deleted_at
FROM webhook w WHERE w.id = d.webhook_id AND w.deleted_at IS NOT NULL AND d.state = 1;
