-- A database that uses as much of what belongs to tables as fits into one file: 70 tables in five schemas, and what they need.
-- Roles are the cluster's; a scenario makes them first: wide_owner, wide_reader, wide_writer, wide_auditor.

CREATE SCHEMA tools;
CREATE SCHEMA base;
CREATE SCHEMA shop AUTHORIZATION wide_owner;
CREATE SCHEMA "Odd schema";
CREATE SCHEMA logs;
COMMENT ON SCHEMA base IS 'what all of the others stand on';
GRANT USAGE ON SCHEMA base, shop, logs TO wide_reader, wide_writer;
GRANT CREATE ON SCHEMA shop TO wide_writer WITH GRANT OPTION;

CREATE EXTENSION citext SCHEMA tools;
CREATE EXTENSION hstore SCHEMA tools;
CREATE EXTENSION pg_trgm SCHEMA tools;
CREATE EXTENSION btree_gist SCHEMA tools;

-- Types, collations, domains, operators
CREATE COLLATION base.german (provider = icu, locale = 'de-u-co-phonebk');
CREATE COLLATION base.caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
COMMENT ON COLLATION base.caseless IS 'small and capital letters are the same';
CREATE TYPE base.mood AS ENUM ('sad', 'so-so', 'happy');
ALTER TYPE base.mood ADD VALUE 'curious' BEFORE 'happy';
COMMENT ON TYPE base.mood IS 'in the order of cheerfulness';
CREATE TYPE base.point3 AS (x double precision, y double precision, z double precision);
CREATE TYPE base.money_amount AS (amount numeric(20, 4), currency char(3));
COMMENT ON COLUMN base.money_amount.currency IS 'ISO 4217';
CREATE TYPE base.float_range AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE DOMAIN base.positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN base.email AS tools.citext CONSTRAINT looks_like_one CHECK (VALUE ~ '@') NOT NULL;
CREATE DOMAIN base.percentage AS numeric(5, 2) DEFAULT 0 CONSTRAINT at_most_all CHECK (VALUE BETWEEN 0 AND 100);
COMMENT ON DOMAIN base.percentage IS 'of the whole';
COMMENT ON CONSTRAINT at_most_all ON DOMAIN base.percentage IS 'more cannot be';
GRANT USAGE ON TYPE base.mood TO wide_reader;
REVOKE USAGE ON TYPE base.point3 FROM PUBLIC;

-- Functions, used by defaults, checks, generated columns, indexes, triggers, policies and each other
CREATE FUNCTION base.normalized(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT lower(btrim($1)) $$;
CREATE FUNCTION base.slug(title text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    BEGIN ATOMIC
        SELECT replace(base.normalized(title), ' ', '-');
    END;
CREATE FUNCTION base.hidden_helper(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT $1 * 2 $$;
CREATE FUNCTION base.doubled(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN base.hidden_helper($1);
END $$;
CREATE FUNCTION base.next_code() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN 'C' || nextval('base.codes');
END $$;
CREATE FUNCTION base.touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = base, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE FUNCTION base.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % only grows', TG_TABLE_NAME;
END $$;
CREATE FUNCTION base.may_see(owner text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT owner = current_user::text $$;
CREATE FUNCTION base.many(VARIADIC numbers integer[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT sum(n) FROM unnest(numbers) AS n $$;
CREATE PROCEDURE base.tidy(INOUT done integer DEFAULT 0) LANGUAGE plpgsql AS $$ BEGIN done := done + 1; END $$;
CREATE AGGREGATE base.product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE FUNCTION base.same_mood(base.mood, base.mood) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 = $2 $$;
CREATE OPERATOR base.=~ (LEFTARG = base.mood, RIGHTARG = base.mood, FUNCTION = base.same_mood, COMMUTATOR = OPERATOR(base.=~));
CREATE FUNCTION base.compare_backwards(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT btint4cmp($2, $1) $$;
CREATE OPERATOR CLASS base.backwards FOR TYPE integer USING btree AS
    OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 base.compare_backwards(integer, integer);
CREATE TEXT SEARCH DICTIONARY base.plain (TEMPLATE = simple, stopwords = english);
CREATE TEXT SEARCH CONFIGURATION base.search (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION base.search ALTER MAPPING FOR asciiword WITH base.plain;
COMMENT ON FUNCTION base.slug(text) IS 'for addresses';
REVOKE EXECUTE ON FUNCTION base.hidden_helper(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION base.hidden_helper(integer) TO wide_writer WITH GRANT OPTION;
GRANT EXECUTE ON PROCEDURE base.tidy(integer) TO wide_auditor;
ALTER FUNCTION base.may_see(text) OWNER TO wide_owner;

CREATE SEQUENCE base.codes START 100 INCREMENT 5 CACHE 1;
CREATE SEQUENCE base.countdown AS smallint START 1000 INCREMENT -7 MINVALUE -1000 MAXVALUE 1000 CYCLE;
CREATE SEQUENCE base.alone START 5;
COMMENT ON SEQUENCE base.codes IS 'shared by two tables';
GRANT USAGE ON SEQUENCE base.codes TO wide_writer;

-- Tables of base: columns of every kind
CREATE TABLE base.people (
    id bigint GENERATED ALWAYS AS IDENTITY (START 1000 INCREMENT 3) PRIMARY KEY,
    name text COLLATE base.german NOT NULL,
    mail base.email UNIQUE,
    nick text COLLATE base.caseless,
    feeling base.mood DEFAULT 'so-so',
    slug text GENERATED ALWAYS AS (base.slug(name)) STORED,
    place base.point3,
    extra tools.hstore DEFAULT ''::tools.hstore,
    owner text DEFAULT CURRENT_USER NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz,
    CONSTRAINT named CHECK (base.normalized(name) <> ''),
    CONSTRAINT mail_again UNIQUE (mail, nick)
);
ALTER TABLE base.people ALTER COLUMN name SET STATISTICS 500, ALTER COLUMN extra SET STORAGE EXTERNAL;
ALTER TABLE base.people SET (fillfactor = 80, autovacuum_enabled = false);
ALTER TABLE base.people CLUSTER ON people_pkey;
ALTER TABLE base.people REPLICA IDENTITY FULL;
COMMENT ON TABLE base.people IS 'who is known; it''s "quoted"';
COMMENT ON COLUMN base.people.mail IS 'unique,
over two lines';
COMMENT ON CONSTRAINT named ON base.people IS 'nobody is nameless';
CREATE INDEX people_slug ON base.people (base.slug(name) text_pattern_ops) WHERE feeling <> 'sad';
CREATE INDEX people_name_trgm ON base.people USING gin (name tools.gin_trgm_ops);
CREATE INDEX people_created ON base.people USING brin (created_at) WITH (pages_per_range = 16);
CREATE UNIQUE INDEX people_nick ON base.people (nick) INCLUDE (feeling);
COMMENT ON INDEX base.people_slug IS 'for addresses';
ALTER INDEX base.people_slug ALTER COLUMN 1 SET STATISTICS 200;
CREATE STATISTICS base.people_feelings (dependencies, ndistinct, mcv) ON feeling, owner FROM base.people;
CREATE STATISTICS base.people_lower ON (lower(name)) FROM base.people;
COMMENT ON STATISTICS base.people_feelings IS 'owners share moods';
ALTER STATISTICS base.people_feelings SET STATISTICS 300;
CREATE TRIGGER people_touch BEFORE UPDATE ON base.people FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION base.touch();
COMMENT ON TRIGGER people_touch ON base.people IS 'keeps updated_at';
CREATE TRIGGER people_off BEFORE DELETE ON base.people FOR EACH STATEMENT EXECUTE FUNCTION base.refuse();
ALTER TABLE base.people DISABLE TRIGGER people_off;
ALTER TABLE base.people ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON base.people USING (base.may_see(owner)) WITH CHECK (owner = CURRENT_USER);
CREATE POLICY readers ON base.people FOR SELECT TO wide_reader, wide_auditor USING (feeling <> 'sad');
CREATE POLICY never ON base.people AS RESTRICTIVE FOR DELETE TO PUBLIC USING (false);
COMMENT ON POLICY own ON base.people IS 'each their own';
GRANT SELECT (id, name), UPDATE (nick) ON base.people TO wide_reader;
GRANT SELECT, INSERT ON base.people TO wide_writer WITH GRANT OPTION;

CREATE TABLE base.kinds (code char(2) PRIMARY KEY, label text NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE base.coded (code text PRIMARY KEY DEFAULT base.next_code(), number integer DEFAULT nextval('base.codes'), kind char(2) REFERENCES base.kinds ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE);
CREATE TABLE base.counted (id smallint DEFAULT nextval('base.countdown') PRIMARY KEY, label varchar(20) DEFAULT 'none');
CREATE TABLE base.serials (id serial PRIMARY KEY, big bigserial, small smallserial, v base.positive CHECK (base.doubled(v) < 1000000));
CREATE TABLE base.identities (id integer GENERATED BY DEFAULT AS IDENTITY (MINVALUE -5 START -5 CYCLE MAXVALUE 32000), note text);
CREATE TABLE base.everything_default (a integer DEFAULT 1 + 2, b text[] DEFAULT ARRAY['x', 'y'], c jsonb DEFAULT '{"a": [1]}', d interval DEFAULT '1 day', e bytea DEFAULT '\xdeadbeef', f base.point3 DEFAULT ROW(1, 2, 3), g base.mood[] DEFAULT '{sad,happy}', h date DEFAULT CURRENT_DATE);
CREATE TABLE base.computed (w integer, h integer, area bigint GENERATED ALWAYS AS (w::bigint * h) STORED, twice integer GENERATED ALWAYS AS (base.doubled(w)) STORED);
CREATE TABLE base.amounts (id integer PRIMARY KEY, price base.money_amount, share base.percentage, EXCLUDE USING gist (id WITH =));
CREATE TABLE base.bookings (room integer, during tstzrange, CONSTRAINT no_overlap EXCLUDE USING gist (room WITH =, during WITH &&));
CREATE TABLE base.no_columns ();
CREATE TABLE base.dropped (a integer, b integer, c text);
ALTER TABLE base.dropped DROP COLUMN b, ADD COLUMN d numeric(10, 2) DEFAULT 3.5 NOT NULL;
CREATE TABLE base.xmls (id integer, doc xml, bits bit(7), more bit varying(9), tsv tsvector, q tsquery, j json, jp jsonpath, ip inet, mac macaddr, lsn pg_lsn);
CREATE TABLE base.ranges (r int4range, m int8multirange, f base.float_range, fm base.float_multirange);
CREATE TABLE base.searched (id integer PRIMARY KEY, body text, found tsvector GENERATED ALWAYS AS (to_tsvector('base.search'::regconfig, body)) STORED);
CREATE INDEX searched_found ON base.searched USING gin (found);
CREATE TABLE base.ordered (n integer);
CREATE INDEX ordered_backwards ON base.ordered USING btree (n base.backwards);
CREATE TABLE base.not_valid (n integer);
INSERT INTO base.not_valid VALUES (-1);
ALTER TABLE base.not_valid ADD CONSTRAINT later CHECK (n > 0) NOT VALID;
CREATE UNLOGGED TABLE base.unlogged (id integer PRIMARY KEY, v text);
CREATE TABLE base.typed OF base.money_amount (PRIMARY KEY (currency), amount WITH OPTIONS DEFAULT 0);
CREATE TABLE base.compressed (v text COMPRESSION pglz, w text);
ALTER TABLE base.compressed ALTER COLUMN w SET STORAGE MAIN;
CREATE TABLE base.replicated (id integer NOT NULL, other integer NOT NULL);
CREATE UNIQUE INDEX replicated_other ON base.replicated (other);
ALTER TABLE base.replicated REPLICA IDENTITY USING INDEX replicated_other;
CREATE TABLE base.rows_of_people (p base.people, ps base.people[]);
CREATE TABLE base.same (LIKE base.counted INCLUDING ALL);
CREATE TABLE base.ruled (id integer PRIMARY KEY, v text);
CREATE RULE keep AS ON DELETE TO base.ruled DO INSTEAD NOTHING;
COMMENT ON RULE keep ON base.ruled IS 'nothing goes';
CREATE TABLE base.forced (id integer PRIMARY KEY, owner text DEFAULT CURRENT_USER);
ALTER TABLE base.forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE TABLE base.closed (id integer PRIMARY KEY);
ALTER TABLE base.closed ENABLE ROW LEVEL SECURITY;
CREATE TABLE base.subqueries (id integer PRIMARY KEY, who bigint);
ALTER TABLE base.subqueries ENABLE ROW LEVEL SECURITY;
CREATE POLICY through ON base.subqueries USING (EXISTS (SELECT FROM base.people p WHERE p.id = who));

-- Two that refer to each other, one to itself
CREATE TABLE base.husbands (id integer PRIMARY KEY, wife integer);
CREATE TABLE base.wives (id integer PRIMARY KEY, husband integer REFERENCES base.husbands DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE base.husbands ADD FOREIGN KEY (wife) REFERENCES base.wives DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE base.tree (id integer PRIMARY KEY, parent integer REFERENCES base.tree ON DELETE CASCADE);
CREATE TABLE base.pairs (a integer, b integer, UNIQUE (a, b));
CREATE TABLE base.of_pairs (x integer, y integer);
ALTER TABLE base.of_pairs ADD CONSTRAINT full_match FOREIGN KEY (x, y) REFERENCES base.pairs (a, b) MATCH FULL NOT VALID;

-- Inheritance
CREATE TABLE base.cities (name text PRIMARY KEY, population integer CHECK (population >= 0), altitude integer CHECK (altitude < 9000) NO INHERIT);
CREATE TABLE base.capitals (state char(2) NOT NULL, PRIMARY KEY (name)) INHERITS (base.cities);
CREATE TABLE base.sights (since date);
CREATE TABLE base.famous_capitals (rank integer DEFAULT 7) INHERITS (base.capitals, base.sights);
ALTER TABLE base.famous_capitals ALTER COLUMN population SET DEFAULT 1000000;

-- Partitions, by range, list and hash, over two levels and two schemas
CREATE TABLE logs.events (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, kind text NOT NULL, body jsonb, PRIMARY KEY (at, id, kind)) PARTITION BY RANGE (at);
CREATE TABLE logs.events_2024 PARTITION OF logs.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE logs.events_2025 PARTITION OF logs.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (kind);
CREATE TABLE logs.events_2025_click PARTITION OF logs.events_2025 (CONSTRAINT has_body CHECK (body IS NOT NULL)) FOR VALUES IN ('click', 'tap');
CREATE TABLE logs.events_2025_rest PARTITION OF logs.events_2025 DEFAULT;
CREATE TABLE shop.events_old (at timestamptz NOT NULL, kind text NOT NULL DEFAULT 'old', body jsonb, id bigint NOT NULL);
ALTER TABLE logs.events ATTACH PARTITION shop.events_old FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE logs.events_default PARTITION OF logs.events DEFAULT;
CREATE INDEX events_kind ON logs.events (kind);
CREATE INDEX events_2024_only ON logs.events_2024 (body);
COMMENT ON INDEX logs.events_kind IS 'on every partition';
ALTER TABLE logs.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_events ON logs.events FOR SELECT TO wide_auditor USING (true);
CREATE TRIGGER events_stay BEFORE DELETE ON logs.events FOR EACH ROW EXECUTE FUNCTION base.refuse();
GRANT SELECT ON logs.events, logs.events_2024 TO wide_auditor;
CREATE TABLE logs.hashed (k integer PRIMARY KEY, v text) PARTITION BY HASH (k);
CREATE TABLE logs.hashed_0 PARTITION OF logs.hashed FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE logs.hashed_1 PARTITION OF logs.hashed FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE logs.hashed_2 PARTITION OF logs.hashed FOR VALUES WITH (MODULUS 3, REMAINDER 2);
CREATE TABLE logs.of_events (at timestamptz, id bigint, kind text, note text, FOREIGN KEY (at, id, kind) REFERENCES logs.events);
CREATE TABLE logs.by_expression (n integer, t text) PARTITION BY LIST (base.normalized(t));
CREATE TABLE logs.by_expression_a PARTITION OF logs.by_expression FOR VALUES IN ('a');

-- A shop, of another owner
SET SESSION AUTHORIZATION wide_owner;
CREATE TABLE shop.products (id serial PRIMARY KEY, title text NOT NULL, price numeric(12, 2) CHECK (price >= 0), tags text[], UNIQUE (title));
CREATE TABLE shop.customers (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
CREATE TABLE shop.orders (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, customer integer NOT NULL REFERENCES shop.customers ON DELETE RESTRICT, at timestamptz DEFAULT now());
CREATE TABLE shop.items ("order" bigint REFERENCES shop.orders ON DELETE CASCADE, line integer, product integer REFERENCES shop.products, amount integer DEFAULT 1, PRIMARY KEY ("order", line));
CREATE TABLE shop.stock (product integer PRIMARY KEY REFERENCES shop.products, amount integer NOT NULL DEFAULT 0);
CREATE TABLE shop.audit (id bigserial PRIMARY KEY, what text, before jsonb, after jsonb);
CREATE FUNCTION shop.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO shop.audit (what, before, after) VALUES (TG_OP, to_jsonb(OLD), to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.note();
CREATE CONSTRAINT TRIGGER note_later AFTER INSERT ON shop.items DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop.note();
CREATE TRIGGER note_all AFTER UPDATE ON shop.items REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION shop.note();
GRANT SELECT ON shop.products TO wide_reader, PUBLIC;
GRANT ALL ON shop.orders, shop.items TO wide_writer;
GRANT USAGE ON SEQUENCE shop.products_id_seq TO wide_writer;
REVOKE ALL ON shop.stock FROM wide_owner;
CREATE VIEW shop.totals AS SELECT o.id, sum(i.amount * p.price) AS total FROM shop.orders o JOIN shop.items i ON i."order" = o.id JOIN shop.products p ON p.id = i.product GROUP BY o.id;
CREATE VIEW shop.cheap WITH (security_barrier = true) AS SELECT * FROM shop.products WHERE price < 10 WITH LOCAL CHECK OPTION;
COMMENT ON VIEW shop.totals IS 'what each order costs';
COMMENT ON COLUMN shop.totals.total IS 'without taxes';
GRANT SELECT ON shop.totals TO wide_reader;
CREATE MATERIALIZED VIEW shop.best AS SELECT product, sum(amount) AS sold FROM shop.items GROUP BY product;
CREATE UNIQUE INDEX best_product ON shop.best (product);
CREATE MATERIALIZED VIEW shop.best_of_all AS SELECT max(sold) AS most FROM shop.best;
CREATE MATERIALIZED VIEW shop.by_key AS SELECT id, title, count(*) AS many FROM shop.products GROUP BY id;
CREATE VIEW shop.of_by_key AS SELECT count(*) AS many FROM shop.by_key;
COMMENT ON MATERIALIZED VIEW shop.by_key IS 'needs the primary key';
CREATE MATERIALIZED VIEW shop.empty_on_purpose AS SELECT 1 AS one WITH NO DATA;
CREATE FUNCTION shop.on_cheap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER on_cheap INSTEAD OF INSERT ON shop.cheap FOR EACH ROW EXECUTE FUNCTION shop.on_cheap();
CREATE FUNCTION shop.costs(shop.products) RETURNS numeric LANGUAGE sql STABLE AS $$ SELECT $1.price $$;
CREATE FUNCTION shop.dear() RETURNS SETOF shop.totals LANGUAGE sql STABLE AS $$ SELECT * FROM shop.totals WHERE total > 100 $$;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO wide_reader;
RESET SESSION AUTHORIZATION;

-- Names that need care
CREATE TABLE "Odd schema"."Table ""quoted""" ("Column 1" integer PRIMARY KEY, "select" text, "ünïcode" text DEFAULT 'ä''b"c\d');
CREATE TABLE "Odd schema"."order" ("user" integer REFERENCES "Odd schema"."Table ""quoted""", "new
line" integer);
CREATE TABLE "Odd schema".a23456789012345678901234567890123456789012345678901234567890123 (b23456789012345678901234567890123456789012345678901234567890123 integer);
CREATE INDEX "Index; DROP" ON "Odd schema"."order" ("user" DESC NULLS LAST);
COMMENT ON TABLE "Odd schema"."order" IS E'--\n-- Name: false; Type: TABLE; Schema: -; Owner: -\n--';
CREATE TABLE public.plain (id integer PRIMARY KEY, v text);
CREATE TABLE public.more (id integer PRIMARY KEY REFERENCES public.plain, k tools.citext);

-- Publications
SET client_min_messages = error;
CREATE PUBLICATION of_some FOR TABLE base.kinds (code), base.replicated, shop.products WHERE (id > 0) WITH (publish = 'insert, update');
CREATE PUBLICATION of_logs FOR TABLES IN SCHEMA logs WITH (publish_via_partition_root = true);
CREATE PUBLICATION of_all FOR ALL TABLES;
COMMENT ON PUBLICATION of_some IS 'to the warehouse';

RESET client_min_messages;

-- Rows
SELECT setseed(0.5);
INSERT INTO base.people (name, mail, nick, feeling, place, extra) SELECT 'Name ' || i, 'm' || i || '@example.org', 'nick' || i, (enum_range(NULL::base.mood))[1 + i % 4], ROW(i, i / 2.0, -i::float8)::base.point3, tools.hstore('k', i::text) FROM generate_series(1, 300) AS i;
INSERT INTO base.kinds SELECT chr(65 + i) || chr(65 + i), 'kind ' || i FROM generate_series(0, 20) AS i;
INSERT INTO base.coded (kind) SELECT code FROM base.kinds;
INSERT INTO base.counted (label) SELECT 'c' || i FROM generate_series(1, 30) AS i;
INSERT INTO base.serials (v) SELECT i FROM generate_series(1, 40) AS i;
INSERT INTO base.identities (note) SELECT 'i' || i FROM generate_series(1, 9) AS i;
INSERT INTO base.everything_default DEFAULT VALUES;
INSERT INTO base.computed SELECT i, i + 1 FROM generate_series(1, 20) AS i;
INSERT INTO base.amounts SELECT i, ROW((i * 1.25)::numeric(20, 4), 'EUR'::char(3))::base.money_amount, i FROM generate_series(1, 20) AS i;
INSERT INTO base.bookings SELECT i, tstzrange('2025-01-01'::timestamptz + i * interval '1 day', '2025-01-02'::timestamptz + i * interval '1 day') FROM generate_series(1, 20) AS i;
INSERT INTO base.no_columns DEFAULT VALUES;
INSERT INTO base.dropped (a, c) SELECT i, 'c' FROM generate_series(1, 5) AS i;
INSERT INTO base.xmls VALUES (1, '<a/>', B'1010101', B'1', to_tsvector('simple', 'a b'), 'a & b', '{"x":  1}', '$.a', '::1/64', '08:00:2b:01:02:03', '16/B374D848');
INSERT INTO base.ranges VALUES ('[1,5)', '{[1,2),[5,9)}', '[0.5,1.5]', '{[1,2)}');
INSERT INTO base.searched (id, body) SELECT i, 'The quick fox ' || i FROM generate_series(1, 20) AS i;
INSERT INTO base.ordered SELECT generate_series(1, 50);
INSERT INTO base.unlogged SELECT i, 'u' || i FROM generate_series(1, 10) AS i;
INSERT INTO base.typed VALUES (1.5, 'EUR'), (2, 'USD');
INSERT INTO base.compressed SELECT repeat('x', 5000), repeat('y', 9000) FROM generate_series(1, 5);
INSERT INTO base.replicated SELECT i, i FROM generate_series(1, 5) AS i;
INSERT INTO base.rows_of_people SELECT p, ARRAY[p] FROM base.people p WHERE id < 1020;
INSERT INTO base.ruled VALUES (1, 'r');
INSERT INTO base.forced VALUES (1);
INSERT INTO base.subqueries SELECT i, 1000 + 3 * i FROM generate_series(1, 10) AS i;
BEGIN;
INSERT INTO base.husbands SELECT i, i FROM generate_series(1, 10) AS i;
INSERT INTO base.wives SELECT i, i FROM generate_series(1, 10) AS i;
COMMIT;
INSERT INTO base.tree SELECT i, nullif(i / 2, 0) FROM generate_series(1, 50) AS i;
INSERT INTO base.pairs SELECT i, i + 1 FROM generate_series(1, 10) AS i;
INSERT INTO base.of_pairs SELECT a, b FROM base.pairs;
INSERT INTO base.cities VALUES ('Mariposa', 2000, 600);
INSERT INTO base.capitals VALUES ('Madison', 250000, 250, 'WI');
INSERT INTO base.famous_capitals (name, altitude, state) VALUES ('Sacramento', 9, 'CA');
INSERT INTO logs.events (at, kind, body) SELECT '2023-06-01'::timestamptz + i * interval '3 days', (ARRAY['click', 'tap', 'view'])[1 + i % 3], jsonb_build_object('i', i) FROM generate_series(1, 500) AS i;
INSERT INTO logs.hashed SELECT i, 'v' || i FROM generate_series(1, 100) AS i;
INSERT INTO logs.of_events SELECT at, id, kind, 'note' FROM logs.events LIMIT 20;
INSERT INTO logs.by_expression VALUES (1, 'a'), (2, 'A ');
INSERT INTO shop.products (title, price, tags) SELECT 'product ' || i, i * 1.5, ARRAY['t' || i % 3] FROM generate_series(1, 40) AS i;
INSERT INTO shop.customers (name) SELECT 'customer ' || i FROM generate_series(1, 10) AS i;
INSERT INTO shop.orders (customer) SELECT 1 + i % 10 FROM generate_series(1, 60) AS i;
INSERT INTO shop.items SELECT 1 + i % 60, i, 1 + i % 40, i % 5 FROM generate_series(1, 200) AS i;
INSERT INTO shop.stock SELECT id, id * 10 FROM shop.products;
REFRESH MATERIALIZED VIEW shop.best;
REFRESH MATERIALIZED VIEW shop.by_key;
REFRESH MATERIALIZED VIEW shop.best_of_all;
INSERT INTO "Odd schema"."Table ""quoted""" ("Column 1", "select") SELECT i, 's' || i FROM generate_series(1, 5) AS i;
INSERT INTO "Odd schema"."order" SELECT 1 + i % 5, i FROM generate_series(1, 20) AS i;
INSERT INTO public.plain SELECT i, 'p' || i FROM generate_series(1, 10) AS i;
INSERT INTO public.more SELECT i, 'K' || i FROM generate_series(1, 10) AS i;
SELECT nextval('base.alone'), nextval('base.alone');
