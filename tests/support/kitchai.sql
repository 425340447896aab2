-- KitchAI's sample database: a recipe app on Supabase, with data that is the same on every run.
--
--   psql -X -v ON_ERROR_STOP=1 -v rows=300000 -d DATABASE -f kitchai.sql
--
-- "rows" is about the number of rows in all, half of them in user_interactions. The database must be
-- empty, and the role a superuser. Needs PostgreSQL 13 or newer.
\if :{?rows}
\else
    \set rows 300000
\endif
\set QUIET on
SET client_min_messages = warning;
SET client_encoding = 'UTF8';
SET TimeZone = 'UTC';
SET jit = off;
SET maintenance_work_mem = '256MB';

-- The platform's roles belong to the server; two databases may be filled at once.
DO $$
DECLARE
    role text;
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(20250126);
    FOREACH role IN ARRAY ARRAY['anon', 'authenticated', 'service_role'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role);
        END IF;
    END LOOP;
    ALTER ROLE service_role BYPASSRLS;
END
$$;

BEGIN;

-- How many of each; "users" is at least 3, so that they can follow each other.
SELECT greatest(:rows::bigint * 2 / 100, 3) AS users, greatest(:rows::bigint * 8 / 100, 3) AS follows,
    greatest(:rows::bigint * 5 / 100, 3) AS recipes, greatest(:rows::bigint * 50 / 100, 3) AS interactions,
    greatest(:rows::bigint * 10 / 100, 3) AS saved, greatest(:rows::bigint * 10 / 100, 3) AS comments,
    greatest(:rows::bigint * 8 / 100, 3) AS stock, greatest(:rows::bigint * 3 / 100, 3) AS plans
\gset

-- Data by hashes: no clock, and the same in every version. Row i's choice for the purpose `salt`,
-- from 0 to n - 1; and one that prefers small numbers, as people prefer few recipes.
CREATE FUNCTION pg_temp.pick(i bigint, salt bigint, n bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT (hashint8extended(i, salt) & 9223372036854775807) % n $$;
CREATE FUNCTION pg_temp.skewed(i bigint, salt bigint, n bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT ((hashint8extended(i, salt) & 1048575) * (hashint8extended(i, salt + 1000) & 1048575)
        * (n::float8 / 1099511627776))::bigint % n $$;
CREATE FUNCTION pg_temp.user_id(k bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('user ' || k)::uuid $$;
CREATE FUNCTION pg_temp.recipe_id(k bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT md5('recipe ' || k)::uuid $$;
CREATE FUNCTION pg_temp.moment(i bigint, n bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT timestamp '2023-03-01 06:00:00' AT TIME ZONE 'UTC'
        + i * (interval '680 days' / n) + pg_temp.pick(i, 99, 60000000) * interval '1 microsecond' $$;
CREATE FUNCTION pg_temp.food(k bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT (ARRAY['tomatoes', 'crème fraîche', 'red lentils', 'spring onions', 'jalapeños', 'rice', '豆腐',
        'pak choi', 'eggs', 'Gruyère', 'cannellini beans', 'basil', 'lemon', 'smoked paprika', 'chicken thighs',
        'oat milk', 'za''atar', 'kimchi', 'Brötchen', 'молоко', 'dark chocolate', 'mussels', 'tahini',
        'half & half'])[1 + k % 24] $$;
CREATE FUNCTION pg_temp.diet_tags(i bigint, salt bigint) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE pg_temp.pick(i, salt, 12)
        WHEN 0 THEN NULL WHEN 1 THEN '{}'::text[] WHEN 2 THEN ARRAY['vegan', NULL]
        WHEN 3 THEN ARRAY['NULL', 'nut-free'] WHEN 4 THEN ARRAY['low carb', 'say "cheese"', 'a\b', '{x,y}']
        WHEN 5 THEN ARRAY['halal'] WHEN 6 THEN ARRAY['vegetarian', 'gluten-free']
        ELSE (ARRAY['vegan', 'nut-free', 'dairy-free', 'keto'])[1:1 + pg_temp.pick(i, salt + 1, 3)::int] END $$;
-- A sentence, and now and then what is hard to carry: nothing, the empty string, COPY's own marks.
CREATE FUNCTION pg_temp.words(i bigint, salt bigint) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE pg_temp.pick(i, salt, 40)
        WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN '\N' WHEN 3 THEN E'One\nline\r\nand another\tone'
        WHEN 4 THEN 'C:\recipes\new; "quoted", it''s' WHEN 5 THEN E'\\.' WHEN 6 THEN 'とても美味しい 😋🍜'
        ELSE (ARRAY['I made this with', 'Next time more', 'Can I leave out the', 'My children love the',
                'Bake it with', 'Never again without', 'So good! Who needs', 'Swap the cream for'])
                [1 + pg_temp.pick(i, salt + 1, 8)]
            || ' ' || pg_temp.food(pg_temp.pick(i, salt + 2, 24)) || ' and ' || pg_temp.food(pg_temp.pick(i, salt + 3, 24))
            || (ARRAY['.', '!', ', for ' || pg_temp.pick(i, salt + 4, 50) || ' minutes.',
                ' – about ' || pg_temp.pick(i, salt + 4, 900) || ' g.', E'.\nThanks!', '?'])
                [1 + pg_temp.pick(i, salt + 5, 6)] END $$;

CREATE SCHEMA auth;
COMMENT ON SCHEMA auth IS 'owned by the platform';

CREATE TABLE auth.users (
    id uuid NOT NULL,
    email text,
    encrypted_password text,
    raw_user_meta_data jsonb,
    created_at timestamptz,
    last_sign_in_at timestamptz
);
CREATE TABLE auth.identities (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    provider text NOT NULL,
    provider_id text NOT NULL,
    user_id uuid NOT NULL,
    identity_data jsonb NOT NULL,
    email text GENERATED ALWAYS AS (lower(identity_data ->> 'email')) STORED,
    created_at timestamptz
);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;

CREATE TYPE public.storage_location AS ENUM
    ('refrigerator', 'freezer', 'cupboard', 'condiments', 'fridge', 'pantry');

CREATE TABLE public.profiles (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    username text NOT NULL,
    bio text,
    avatar_url text,
    role text NOT NULL DEFAULT 'user',
    tier text NOT NULL DEFAULT 'FREEMIUM',
    onboarded boolean NOT NULL DEFAULT false,
    diet_tags text[] DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT profiles_role_check CHECK (role IN ('user', 'creator')),
    CONSTRAINT profiles_tier_check CHECK (tier IN ('FREEMIUM', 'PREMIUM'))
);
CREATE TABLE public.user_follows (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    follower_id uuid NOT NULL,
    followed_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_follows_not_self CHECK (follower_id <> followed_id)
);
CREATE TABLE public.recipe_uploads (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    title text NOT NULL,
    video_url text,
    description text,
    ingredients jsonb NOT NULL DEFAULT '[]',
    diet_tags text[] DEFAULT '{}',
    preparation_steps jsonb NOT NULL DEFAULT '[]',
    prep_time_minutes integer,
    cook_time_minutes integer,
    total_time_minutes integer GENERATED ALWAYS AS (prep_time_minutes + cook_time_minutes) STORED,
    servings integer,
    is_public boolean NOT NULL DEFAULT true,
    comments_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.user_interactions (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    recipe_id uuid NOT NULL,
    type text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_interactions_type_check CHECK (type IN ('like', 'view', 'share', 'save'))
);
CREATE TABLE public.saved_recipe_videos (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    recipe_id uuid NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.recipe_comments (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    recipe_id uuid NOT NULL,
    user_id uuid NOT NULL,
    comment_text text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.user_stock (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL,
    item_name text NOT NULL,
    quantity numeric NOT NULL DEFAULT 1,
    unit text,
    description text,
    storage_location public.storage_location NOT NULL DEFAULT 'pantry',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE public.meal_plans (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id uuid NOT NULL,
    plan_date date NOT NULL,
    meals jsonb NOT NULL DEFAULT '{}',
    calories double precision,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.profiles IS 'One per user; what others see of them.';
COMMENT ON TABLE public.recipe_uploads IS 'Recipes; the video lies in the platform''s storage.';
COMMENT ON COLUMN public.recipe_uploads.comments_count IS 'Kept by the trigger "comments_count".';
COMMENT ON COLUMN public.user_stock.storage_location IS E'"fridge" is an old app''s word for "refrigerator".\nBoth stay.';
COMMENT ON TYPE public.storage_location IS 'Where a user keeps food';

-- The data comes before indexes, keys and triggers, which is quicker.
INSERT INTO auth.users
SELECT pg_temp.user_id(i), 'cook' || i || '@' || (ARRAY['example.org', 'example.com', 'kitchai.example'])[1 + pg_temp.pick(i, 1, 3)],
    '$2a$10$' || left(md5('salt ' || i) || md5('password ' || i), 53),
    CASE WHEN pg_temp.pick(i, 2, 5) = 0 THEN NULL
        ELSE jsonb_build_object('full_name', 'Cook N° ' || i, 'locale', (ARRAY['en', 'de', 'ja', 'pt-BR'])[1 + pg_temp.pick(i, 3, 4)]) END,
    pg_temp.moment(i, :users),
    CASE WHEN pg_temp.pick(i, 4, 9) > 0 THEN pg_temp.moment(i, :users) + interval '3 hours' END
FROM generate_series(0, :users - 1) AS i;

INSERT INTO auth.identities (id, provider, provider_id, user_id, identity_data, created_at)
SELECT md5('identity ' || i)::uuid, (ARRAY['email', 'google', 'apple'])[1 + pg_temp.pick(i, 5, 3)], md5('provider ' || i),
    pg_temp.user_id(i), jsonb_build_object('email', 'Cook' || i || '@Example.org', 'verified', pg_temp.pick(i, 6, 2) = 0),
    pg_temp.moment(i, :users)
FROM generate_series(0, :users - 1) AS i;

INSERT INTO public.profiles
SELECT md5('profile ' || i)::uuid, pg_temp.user_id(i),
    (ARRAY['chef', 'Zoë', 'o''neil', '料理人', 'foodie', 'back\slash'])[1 + pg_temp.pick(i, 10, 6)] || '_' || i,
    pg_temp.words(i, 11),
    CASE WHEN pg_temp.pick(i, 12, 3) > 0 THEN 'https://cdn.example.org/avatars/' || md5('avatar ' || i) || '.webp' END,
    CASE WHEN pg_temp.pick(i, 13, 10) = 0 THEN 'creator' ELSE 'user' END,
    CASE WHEN pg_temp.pick(i, 14, 8) = 0 THEN 'PREMIUM' ELSE 'FREEMIUM' END,
    pg_temp.pick(i, 15, 5) > 0, pg_temp.diet_tags(i, 16), pg_temp.moment(i, :users),
    pg_temp.moment(i, :users) + pg_temp.pick(i, 18, 1000) * interval '1 hour'
FROM generate_series(0, :users - 1) AS i;

-- Each user in turn follows the ones behind them at distances that never repeat for the same user.
INSERT INTO public.user_follows
SELECT md5('follow ' || i)::uuid, pg_temp.user_id(i % :users), pg_temp.user_id((i % :users + 1 + i / :users) % :users),
    pg_temp.moment(i, :follows)
FROM generate_series(0, least(:follows, :users::bigint * (:users - 1)) - 1) AS i;

INSERT INTO public.recipe_comments
SELECT md5('comment ' || i)::uuid, pg_temp.recipe_id(pg_temp.skewed(i, 20, :recipes)), pg_temp.user_id(pg_temp.skewed(i, 21, :users)),
    pg_temp.words(i, 22), pg_temp.moment(i, :comments),
    pg_temp.moment(i, :comments) + CASE WHEN pg_temp.pick(i, 28, 6) = 0 THEN interval '17 minutes' ELSE interval '0' END
FROM generate_series(0, :comments - 1) AS i;

INSERT INTO public.recipe_uploads (id, user_id, title, video_url, description, ingredients, diet_tags, preparation_steps,
    prep_time_minutes, cook_time_minutes, servings, is_public, comments_count, created_at)
SELECT pg_temp.recipe_id(i), pg_temp.user_id(pg_temp.skewed(i, 30, :users)),
    initcap(pg_temp.food(pg_temp.pick(i, 31, 24))) || ' with ' || pg_temp.food(pg_temp.pick(i, 32, 24)) || ' No. ' || i,
    CASE WHEN pg_temp.pick(i, 33, 4) > 0 THEN 'https://cdn.example.org/videos/' || md5('video ' || i) || '.mp4' END,
    pg_temp.words(i, 34),
    jsonb_build_array(
        jsonb_build_object('name', pg_temp.food(pg_temp.pick(i, 40, 24)), 'grams', pg_temp.pick(i, 41, 800)),
        jsonb_build_object('name', pg_temp.food(pg_temp.pick(i, 42, 24)), 'grams', NULL, 'note', E'a "pinch"\nor \\ two')),
    pg_temp.diet_tags(i, 43),
    jsonb_build_array('Chop the ' || pg_temp.food(pg_temp.pick(i, 40, 24)), pg_temp.words(i, 45), 'Serve.'),
    pg_temp.pick(i, 52, 60), CASE WHEN pg_temp.pick(i, 53, 7) > 0 THEN pg_temp.pick(i, 54, 180) END,
    1 + pg_temp.pick(i, 55, 8), pg_temp.pick(i, 56, 10) > 0, coalesce(c.n, 0), pg_temp.moment(i, :recipes)
FROM generate_series(0, :recipes - 1) AS i
LEFT JOIN (SELECT recipe_id, count(*) AS n FROM public.recipe_comments GROUP BY recipe_id) AS c
    ON c.recipe_id = pg_temp.recipe_id(i);

INSERT INTO public.user_interactions
SELECT md5('interaction ' || i)::uuid, pg_temp.user_id(pg_temp.skewed(i, 60, :users)), pg_temp.recipe_id(pg_temp.skewed(i, 61, :recipes)),
    (ARRAY['view', 'view', 'view', 'like', 'like', 'save', 'share'])[1 + pg_temp.pick(i, 62, 7)], pg_temp.moment(i, :interactions)
FROM generate_series(0, :interactions - 1) AS i;

INSERT INTO public.saved_recipe_videos
SELECT md5('saved ' || i)::uuid, pg_temp.user_id(pg_temp.skewed(i, 65, :users)), pg_temp.recipe_id(pg_temp.skewed(i, 66, :recipes)),
    pg_temp.moment(i, :saved)
FROM generate_series(0, :saved - 1) AS i;

INSERT INTO public.user_stock
SELECT md5('stock ' || i)::uuid, pg_temp.user_id(pg_temp.pick(i, 70, :users)), pg_temp.food(pg_temp.pick(i, 71, 24)),
    CASE pg_temp.pick(i, 72, 30) WHEN 0 THEN 'NaN' WHEN 1 THEN 0.000000000000000000001 WHEN 2 THEN 12345678901234567890.5
        ELSE pg_temp.pick(i, 73, 100000) / 100.0 END,
    (ARRAY['g', 'ml', 'pieces', '½ cup', NULL, ''])[1 + pg_temp.pick(i, 74, 6)],
    CASE WHEN pg_temp.pick(i, 75, 3) = 0 THEN pg_temp.words(i, 76) END,
    (enum_range(NULL::public.storage_location))[1 + pg_temp.pick(i, 82, 6)], pg_temp.moment(i, :stock),
    pg_temp.moment(i, :stock) + pg_temp.pick(i, 83, 400) * interval '1 hour'
FROM generate_series(0, :stock - 1) AS i;

INSERT INTO public.meal_plans (user_id, plan_date, meals, calories, created_at)
SELECT pg_temp.user_id(pg_temp.pick(i, 90, :users)), pg_temp.moment(i, :plans)::date + 1,
    jsonb_build_object('breakfast', pg_temp.food(pg_temp.pick(i, 91, 24)), 'dinner',
        jsonb_build_object('recipe', pg_temp.recipe_id(pg_temp.pick(i, 92, :recipes)), 'people', 1 + pg_temp.pick(i, 93, 6))),
    CASE pg_temp.pick(i, 94, 25) WHEN 0 THEN NULL WHEN 1 THEN 'NaN' WHEN 2 THEN '-0' WHEN 3 THEN 'Infinity'
        ELSE 900 + pg_temp.pick(i, 95, 2100000) / 1000.0::float8 END,
    pg_temp.moment(i, :plans)
FROM generate_series(0, :plans - 1) AS i;
-- The identity has gone beyond the last row, as it does after an insert that was rolled back.
SELECT nextval('public.meal_plans_id_seq') \g /dev/null

ALTER TABLE auth.users ADD PRIMARY KEY (id), ADD UNIQUE (email);
ALTER TABLE auth.identities ADD PRIMARY KEY (id), ADD UNIQUE (provider_id, provider),
    ADD FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE;
ALTER TABLE public.profiles ADD PRIMARY KEY (id), ADD UNIQUE (user_id), ADD UNIQUE (username),
    ADD FOREIGN KEY (user_id) REFERENCES auth.users (id);
ALTER TABLE public.user_follows ADD PRIMARY KEY (id), ADD UNIQUE (follower_id, followed_id),
    ADD FOREIGN KEY (follower_id) REFERENCES auth.users (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (followed_id) REFERENCES auth.users (id) ON DELETE CASCADE;
ALTER TABLE public.recipe_uploads ADD PRIMARY KEY (id), ADD FOREIGN KEY (user_id) REFERENCES auth.users (id);
ALTER TABLE public.user_interactions ADD PRIMARY KEY (id);
ALTER TABLE public.saved_recipe_videos ADD PRIMARY KEY (id);
ALTER TABLE public.recipe_comments ADD PRIMARY KEY (id),
    ADD FOREIGN KEY (recipe_id) REFERENCES public.recipe_uploads (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (user_id) REFERENCES auth.users (id);
ALTER TABLE public.user_stock ADD PRIMARY KEY (id);
ALTER TABLE public.meal_plans ADD PRIMARY KEY (id);

CREATE INDEX profiles_username_lower_idx ON public.profiles (lower(username));
CREATE INDEX recipe_uploads_user_id_idx ON public.recipe_uploads (user_id);
CREATE INDEX recipe_uploads_created_at_idx ON public.recipe_uploads (created_at DESC);
CREATE INDEX recipe_uploads_diet_tags_idx ON public.recipe_uploads USING gin (diet_tags) WHERE is_public;
CREATE INDEX user_interactions_recipe_id_idx ON public.user_interactions (recipe_id);
CREATE INDEX recipe_comments_recipe_id_idx ON public.recipe_comments (recipe_id);
CREATE INDEX user_stock_user_id_idx ON public.user_stock (user_id) INCLUDE (item_name);

CREATE FUNCTION public.count_comments() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    UPDATE public.recipe_uploads
    SET comments_count = comments_count + CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END
    WHERE id = CASE TG_OP WHEN 'INSERT' THEN NEW.recipe_id ELSE OLD.recipe_id END;
    RETURN NULL;
END
$$;
CREATE FUNCTION public.touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
CREATE TRIGGER comments_count AFTER INSERT OR DELETE ON public.recipe_comments
    FOR EACH ROW EXECUTE FUNCTION public.count_comments();
CREATE TRIGGER updated_at BEFORE UPDATE ON public.profiles FOR EACH ROW EXECUTE FUNCTION public.touch_updated_at();
CREATE TRIGGER updated_at BEFORE UPDATE ON public.recipe_comments FOR EACH ROW EXECUTE FUNCTION public.touch_updated_at();
CREATE TRIGGER updated_at BEFORE UPDATE ON public.user_stock FOR EACH ROW EXECUTE FUNCTION public.touch_updated_at();

CREATE VIEW public.recipe_feed AS
SELECT r.id, r.title, r.total_time_minutes, r.comments_count, p.username, r.created_at
FROM public.recipe_uploads AS r JOIN public.profiles AS p USING (user_id)
WHERE r.is_public;

-- Everybody may read public things; the rest belongs to its user.
ALTER TABLE public.profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.user_follows ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.recipe_uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.user_interactions ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.saved_recipe_videos ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.recipe_comments ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.user_stock ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.meal_plans ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Profiles are seen by everyone" ON public.profiles FOR SELECT USING (true);
CREATE POLICY "A profile is its user's" ON public.profiles FOR UPDATE TO authenticated USING (auth.uid() = user_id);
CREATE POLICY "Follows are seen by everyone" ON public.user_follows FOR SELECT USING (true);
CREATE POLICY "Users follow for themselves" ON public.user_follows FOR INSERT TO authenticated WITH CHECK (auth.uid() = follower_id);
CREATE POLICY "Public recipes are seen by everyone" ON public.recipe_uploads FOR SELECT USING (is_public);
CREATE POLICY "Users upload their own recipes" ON public.recipe_uploads FOR INSERT TO authenticated WITH CHECK (auth.uid() = user_id);
CREATE POLICY "Users add their own interactions" ON public.user_interactions FOR INSERT TO authenticated WITH CHECK (auth.uid() = user_id);
CREATE POLICY "Users see their own interactions" ON public.user_interactions FOR SELECT TO authenticated USING (auth.uid() = user_id);
CREATE POLICY "Saved videos are their user's" ON public.saved_recipe_videos TO authenticated
    USING (auth.uid() = user_id) WITH CHECK (auth.uid() = user_id);
CREATE POLICY "Comments on public recipes are seen by everyone" ON public.recipe_comments FOR SELECT
    USING (EXISTS (SELECT FROM public.recipe_uploads AS r WHERE r.id = recipe_id AND r.is_public));
CREATE POLICY "Users write their own comments" ON public.recipe_comments FOR INSERT TO authenticated WITH CHECK (auth.uid() = user_id);
CREATE POLICY "Stock is its user's" ON public.user_stock TO authenticated USING (auth.uid() = user_id);
CREATE POLICY "Plans are their user's" ON public.meal_plans TO authenticated USING (auth.uid() = user_id);

GRANT USAGE ON SCHEMA public, auth TO anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION auth.uid() TO anon, authenticated, service_role;
GRANT SELECT ON public.profiles, public.recipe_uploads, public.recipe_comments, public.recipe_feed TO anon;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO authenticated;
REVOKE UPDATE ON public.profiles FROM authenticated;
GRANT UPDATE (username, bio, avatar_url, diet_tags, onboarded) ON public.profiles TO authenticated;
GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO authenticated, service_role;
COMMIT;

ANALYZE;
