-- Files of one customer become one (IH-2.2, CF-7.3). State 7 of a customer: part of another.

-- The file that it is part of, however many merges lie between.
ALTER TABLE customer
    ADD COLUMN merged_into uuid REFERENCES customer,
    ADD CHECK (merged_into IS NULL OR state = 7);
CREATE INDEX customer_merged ON customer (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE merge (
    id                 uuid PRIMARY KEY,
    survivor_id        uuid NOT NULL REFERENCES customer,
    absorbed_id        uuid NOT NULL REFERENCES customer,
    -- The absorbed file, and those that had become part of it before.
    members            uuid[] NOT NULL,
    -- As in kefu.profile.v1.MergeState.
    state              smallint NOT NULL,
    -- Of the survivor as the merge left it; what was before is the revision before.
    survivor_revision  bigint NOT NULL,
    changed            text[] NOT NULL,
    -- The survivor's last business before the merge, and with it.
    business_before    date,
    business_merged    date,
    -- Results of checks of the survivor that were up to date until the merge changed what they had looked at.
    outdated           uuid[] NOT NULL,
    merger             text NOT NULL,
    merged_at          timestamptz NOT NULL,
    reason             text NOT NULL,
    undoer             text NOT NULL DEFAULT '',
    undone_at          timestamptz,
    undo_reason        text NOT NULL DEFAULT '',
    kept               text[] NOT NULL DEFAULT '{}',
    revision           bigint NOT NULL DEFAULT 1,
    CHECK ((state = 2) = (undone_at IS NOT NULL))
);
CREATE INDEX merge_newest_first ON merge (merged_at, id);
CREATE INDEX merge_by_survivor ON merge (survivor_id);
CREATE INDEX merge_by_absorbed ON merge (absorbed_id);

-- What hangs on a file moves with it; here is where it goes back to.
ALTER TABLE consent_statement ADD COLUMN origin_id uuid;
ALTER TABLE verification      ADD COLUMN origin_id uuid;
ALTER TABLE data_request      ADD COLUMN origin_id uuid;
ALTER TABLE rating_statement  ADD COLUMN origin_id uuid;
ALTER TABLE duty              ADD COLUMN origin_id uuid;
ALTER TABLE purchase          ADD COLUMN origin_id uuid;
ALTER TABLE timeline          ADD COLUMN origin_id uuid;
ALTER TABLE file_number       ADD COLUMN origin_id uuid;
ALTER TABLE hold_file         ADD COLUMN origin_id uuid;
CREATE INDEX file_number_by_customer ON file_number (customer_id);

-- What a merge says for the customer: a refusal in one of the files counts for both.
ALTER TABLE consent_statement ADD COLUMN merge_id uuid REFERENCES merge;

-- What other services still say of a file that is part of another is the other's. Who writes has locked the file's
-- row before, so that no merge comes between.
CREATE FUNCTION to_survivor() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE survivor uuid;
BEGIN
    SELECT merged_into INTO survivor FROM profile.customer WHERE id = NEW.customer_id;
    IF survivor IS NOT NULL THEN
        NEW.origin_id := NEW.customer_id;
        NEW.customer_id := survivor;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER to_survivor BEFORE INSERT ON duty FOR EACH ROW EXECUTE FUNCTION to_survivor();
CREATE TRIGGER to_survivor BEFORE INSERT ON purchase FOR EACH ROW EXECUTE FUNCTION to_survivor();
CREATE TRIGGER to_survivor BEFORE INSERT ON timeline FOR EACH ROW EXECUTE FUNCTION to_survivor();
CREATE TRIGGER to_survivor BEFORE INSERT ON hold_file FOR EACH ROW EXECUTE FUNCTION to_survivor();

CREATE FUNCTION survivor_due() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.customer_id := coalesce((SELECT merged_into FROM profile.customer WHERE id = NEW.customer_id), NEW.customer_id);
    RETURN NEW;
END $$;
CREATE TRIGGER survivor_due BEFORE INSERT ON rating_due FOR EACH ROW EXECUTE FUNCTION survivor_due();
