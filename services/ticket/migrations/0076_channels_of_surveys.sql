-- By which channel the link was sent last: what is said of an answer says it. 0: it was not, or before this was kept.
ALTER TABLE survey ADD COLUMN sent_channel smallint NOT NULL DEFAULT 0;
