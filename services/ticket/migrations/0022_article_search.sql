-- What published articles are found by (OP-3.1). NULL in all other versions.
ALTER TABLE article_version
    -- Parts of the words of title, keywords and body (domain/article/words.rs).
    ADD COLUMN parts         text[],
    -- The same words as they are compared, with a space between any two.
    ADD COLUMN title_words   text,
    ADD COLUMN keyword_words text,
    ADD COLUMN body_words    text;
CREATE INDEX article_version_by_parts ON article_version USING gin (parts);
