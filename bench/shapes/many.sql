-- Small tables, as many as :tables says (2,000), each with its key, that share the rows.
SELECT greatest(:rows::bigint / :tables, 1) AS each \gset
SELECT format('CREATE TABLE small_%s AS SELECT i AS id, i * 31 %% 977 AS n, md5(i::text) AS word, date ''2024-01-01'' + (i %% 700)::int AS day '
    'FROM generate_series(%s::bigint, %s) AS i', to_char(t, 'FM00000'), (t - 1) * :each + 1, t * :each)
FROM generate_series(1, :tables) AS t \gexec
SELECT format('ALTER TABLE small_%s ADD PRIMARY KEY (id)', to_char(t, 'FM00000')) FROM generate_series(1, :tables) AS t \gexec
