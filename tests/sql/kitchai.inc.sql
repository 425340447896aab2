-- A sample project: the tables of KitchAI as they stand on Supabase, with some rows. Run by a superuser.

CREATE SCHEMA auth AUTHORIZATION supabase_auth_admin;
GRANT USAGE ON SCHEMA auth TO postgres, anon, authenticated, service_role;
SET ROLE supabase_auth_admin;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
GRANT SELECT, REFERENCES ON auth.users TO postgres;
INSERT INTO auth.users SELECT md5('user' || g)::uuid, 'user' || g || '@example.org' FROM generate_series(1, 60) g;

SET ROLE postgres;
CREATE TYPE storage_location AS ENUM ('refrigerator', 'freezer', 'cupboard', 'condiments', 'fridge', 'pantry');
CREATE TABLE profiles (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid UNIQUE REFERENCES auth.users (id),
    username text UNIQUE NOT NULL,
    bio text,
    avatar_url text,
    role text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'creator')),
    tier text NOT NULL DEFAULT 'FREEMIUM' CHECK (tier IN ('FREEMIUM', 'PREMIUM')),
    onboarded boolean DEFAULT false,
    diet_tags text[],
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE TABLE user_follows (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    follower_id uuid REFERENCES auth.users (id) ON DELETE CASCADE,
    followed_id uuid REFERENCES auth.users (id) ON DELETE CASCADE,
    created_at timestamptz DEFAULT now(),
    UNIQUE (follower_id, followed_id),
    CHECK (follower_id <> followed_id)
);
CREATE TABLE recipe_uploads (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES auth.users (id),
    title text,
    video_url text,
    description text,
    ingredients jsonb,
    diet_tags text[],
    preparation_steps jsonb,
    prep_time_minutes integer,
    cook_time_minutes integer,
    servings integer,
    is_public boolean DEFAULT true,
    comments_count integer DEFAULT 0,
    created_at timestamptz DEFAULT now()
);
CREATE INDEX ON recipe_uploads (user_id);
CREATE INDEX ON recipe_uploads (created_at DESC);
CREATE TABLE user_interactions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid,
    recipe_id uuid,
    interaction_type text CHECK (interaction_type IN ('like', 'view', 'share', 'save')),
    created_at timestamptz DEFAULT now()
);
CREATE TABLE saved_recipe_videos (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid,
    recipe_id uuid,
    saved_at timestamptz DEFAULT now()
);
CREATE TABLE recipe_comments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    recipe_id uuid REFERENCES recipe_uploads ON DELETE CASCADE,
    user_id uuid REFERENCES auth.users (id),
    comment_text text,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE TABLE user_stock (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid,
    item_name text,
    quantity numeric,
    unit text,
    description text,
    storage_location storage_location,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
CREATE TABLE meal_plans (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid,
    plan_date date,
    meals jsonb,
    calories double precision,
    created_at timestamptz DEFAULT now()
);

INSERT INTO profiles (id, user_id, username, bio, diet_tags)
    SELECT md5('profile' || g)::uuid, md5('user' || g)::uuid, 'cook' || g, 'bio ' || g, ARRAY['vegan', NULL, 'NULL']
    FROM generate_series(1, 60) g;
INSERT INTO user_follows (follower_id, followed_id)
    SELECT md5('user' || g)::uuid, md5('user' || g + 1)::uuid FROM generate_series(1, 13) g;
INSERT INTO recipe_uploads (id, user_id, title, ingredients, is_public)
    SELECT md5('recipe' || g)::uuid, md5('user' || g)::uuid, 'recipe ' || g, '[{"name": "salt"}]', g % 2 = 0
    FROM generate_series(1, 20) g;
INSERT INTO recipe_comments (recipe_id, user_id, comment_text)
    SELECT md5('recipe' || 1 + g % 20)::uuid, md5('user' || g)::uuid, 'comment ' || g FROM generate_series(1, 30) g;
INSERT INTO user_interactions (user_id, recipe_id, interaction_type)
    SELECT md5('user' || g)::uuid, md5('recipe' || 1 + g % 20)::uuid, 'like' FROM generate_series(1, 50) g;
INSERT INTO saved_recipe_videos (user_id, recipe_id)
    SELECT md5('user' || g)::uuid, md5('recipe' || g)::uuid FROM generate_series(1, 10) g;
INSERT INTO user_stock (user_id, item_name, quantity, storage_location)
    SELECT md5('user' || g)::uuid, 'item ' || g, g / 3.0, 'pantry' FROM generate_series(1, 15) g;
INSERT INTO meal_plans (user_id, plan_date, calories)
    SELECT md5('user' || g)::uuid, date '2025-01-01' + g, 'NaN' FROM generate_series(1, 12) g;

CREATE FUNCTION count_comments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE recipe_uploads r
    SET comments_count = (SELECT count(*) FROM recipe_comments c WHERE c.recipe_id = r.id)
    WHERE r.id IN (SELECT coalesce(NEW.recipe_id, OLD.recipe_id));
    RETURN NULL;
END
$$;
CREATE TRIGGER count_comments AFTER INSERT OR DELETE ON recipe_comments FOR EACH ROW EXECUTE FUNCTION count_comments();
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER touch BEFORE UPDATE ON profiles FOR EACH ROW EXECUTE FUNCTION touch();

DO $$
DECLARE
    t text;
BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('GRANT ALL ON %I TO anon, authenticated, service_role', t);
    END LOOP;
END
$$;
CREATE POLICY "public recipes" ON recipe_uploads FOR SELECT USING (is_public);
CREATE POLICY "own profile" ON profiles FOR ALL TO authenticated
    USING (auth.uid() = user_id) WITH CHECK (auth.uid() = user_id);
RESET ROLE;
