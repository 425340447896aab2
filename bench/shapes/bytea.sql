-- Large values outside of their table: bytes that do not shrink, 2 to 60 kB each, and text that TOAST has compressed; a row of each for 500.
CREATE TABLE pictures (id bigint, name text, bytes bytea, caption text);
INSERT INTO pictures
SELECT i, 'picture ' || i,
    (SELECT string_agg(sha512((i || ' ' || n)::bytea), '') FROM generate_series(1, 32 + (hashint8extended(i, 1) & 1023)::int - 64 * (i % 2)::int) AS n),
    (SELECT string_agg('Line ' || n || ' of what was said of picture ' || i || ', and of the one before.', E'\n') FROM generate_series(1, 20 + i % 300) AS n)
FROM generate_series(1, greatest(:rows::bigint / 500, 1)) AS i;
ALTER TABLE pictures ADD PRIMARY KEY (id);
