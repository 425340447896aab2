-- Wide text: eight columns of sentences, about 1.6 kB a row, which stay in the table; a twentieth of the rows.
CREATE TEMPORARY TABLE sentences AS
SELECT i, (SELECT string_agg((ARRAY['stir', 'the', 'rice', 'with', 'a', 'wooden', 'spoon', 'until', 'butter', 'melts', 'crème', 'and', 'serve',
    'while', 'onions', 'are', 'golden', 'add', 'half', 'of', 'lemon', 'juice', 'simmer', 'gently', 'über', 'slowly', 'twice', 'before',
    'guests', 'arrive', 'tomatoes', 'basil'])[1 + (hashint8extended(i, word) & 31)::int], ' ') FROM generate_series(1, 35) AS word) AS sentence
FROM generate_series(0, 4095) AS i;
ANALYZE sentences;
CREATE TABLE articles (id bigint, title text, lead text, one text, two text, three text, four text, five text, six text);
INSERT INTO articles
SELECT n, initcap(left(a.sentence, 60)) || ' ' || n, a.sentence, b.sentence, c.sentence, d.sentence, e.sentence, f.sentence, g.sentence
FROM generate_series(1, greatest(:rows::bigint / 20, 1)) AS n
JOIN sentences AS a ON a.i = (hashint8extended(n, 1) & 4095) JOIN sentences AS b ON b.i = (hashint8extended(n, 2) & 4095)
JOIN sentences AS c ON c.i = (hashint8extended(n, 3) & 4095) JOIN sentences AS d ON d.i = (hashint8extended(n, 4) & 4095)
JOIN sentences AS e ON e.i = (hashint8extended(n, 5) & 4095) JOIN sentences AS f ON f.i = (hashint8extended(n, 6) & 4095)
JOIN sentences AS g ON g.i = (hashint8extended(n, 7) & 4095);
ALTER TABLE articles ADD PRIMARY KEY (id);
CREATE INDEX ON articles (title);
