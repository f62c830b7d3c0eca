-- What of a list is known at each of its rows, and which rows to look at again. Statements are parted by a line "--;".

CREATE FUNCTION overlaps_hash(text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT CASE WHEN $1 <> '''' THEN hashtextextended($1, 0) END';
--;
-- Brings the facts up to date of all rows that have one of these keys (NULL: whichever), and answers with the rows
-- whose facts changed. Who calls it holds the list's lock. Right after an import the planner knows nothing of the
-- list: so each key is looked up (OFFSET 0 keeps it from turning that around), and rows are written by their places.
CREATE FUNCTION overlaps_settle(
    list uuid, the_domains bigint[], the_numbers bigint[], the_names bigint[], the_cores bigint[]
) RETURNS SETOF uuid LANGUAGE plpgsql SET jit = off SET work_mem = '64MB' AS $$
DECLARE
    shared boolean;
    places tid[];
    renamed bigint[];
    recored bigint[];
    in_all integer;
    in_country integer;
    in_form integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('overlaps:' || list, 0));
    IF the_numbers IS NULL THEN
        the_numbers := ARRAY(
            SELECT number_hash FROM overlaps_matchkey WHERE tenant_id = list AND number_hash IS NOT NULL
             GROUP BY number_hash HAVING count(*) > 20 OR bool_or(number_shared));
    END IF;
    FOR shared, places IN
        SELECT f.shared, array_agg(f.place) FROM (
            SELECT r.place, r.number_shared, count(*) OVER (PARTITION BY key) > 20 AS shared
              FROM unnest(the_numbers) AS key
             CROSS JOIN LATERAL (
                   SELECT ctid AS place, number_shared FROM overlaps_matchkey
                    WHERE tenant_id = list AND number_hash = key OFFSET 0) r) f
         WHERE f.shared <> f.number_shared GROUP BY f.shared
    LOOP
        RETURN QUERY UPDATE overlaps_matchkey SET number_shared = shared
                      WHERE ctid = ANY (places) AND tenant_id = list RETURNING id;
    END LOOP;

    IF the_domains IS NULL THEN
        the_domains := ARRAY(
            SELECT domain_hash FROM overlaps_matchkey WHERE tenant_id = list AND domain_hash IS NOT NULL
             GROUP BY domain_hash HAVING count(*) > 3 OR bool_or(domain_shared));
    END IF;
    FOR shared, places, renamed, recored IN
        SELECT f.shared, array_agg(f.place), array_agg(f.name_hash), array_agg(f.core_hash) FROM (
            SELECT r.*, count(*) OVER (PARTITION BY key) > 20
                        OR count(r.name_hash) FILTER (WHERE r.is_first) OVER (PARTITION BY key) > 3 AS shared
              FROM (SELECT key, k.*, 1 = row_number() OVER (PARTITION BY key, k.name_hash) AS is_first
                      FROM unnest(the_domains) AS key
                     CROSS JOIN LATERAL (
                           SELECT ctid AS place, domain_shared, name_hash, core_hash FROM overlaps_matchkey
                            WHERE tenant_id = list AND domain_hash = key OFFSET 0) k) r) f
         WHERE f.shared <> f.domain_shared GROUP BY f.shared
    LOOP
        IF the_names IS NOT NULL THEN
            the_names := the_names || renamed;
            the_cores := the_cores || recored;
        END IF;
        RETURN QUERY UPDATE overlaps_matchkey SET domain_shared = shared
                      WHERE ctid = ANY (places) AND tenant_id = list RETURNING id;
    END LOOP;

    -- Rows with one domain of their own are one company, of which the first is counted; any other is one by itself.
    IF the_names IS NULL THEN
        the_names := ARRAY(
            SELECT name_hash FROM overlaps_matchkey WHERE tenant_id = list AND name_hash IS NOT NULL
             GROUP BY name_hash HAVING count(*) > 1 OR bool_or(of_name > 1));
    END IF;
    FOR in_all, in_country, in_form, places IN
        SELECT f.in_all, f.in_country, f.in_form, array_agg(f.place) FROM (
            SELECT r.place, r.of_name, r.of_country, r.of_form,
                   least(count(*) FILTER (WHERE r.first_of_all) OVER (PARTITION BY key), 100) AS in_all,
                   least(count(*) FILTER (WHERE r.first_of_country) OVER (PARTITION BY key, r.country), 100)
                       AS in_country,
                   least(count(*) FILTER (WHERE r.first_of_form) OVER (PARTITION BY key, r.country, r.form), 100)
                       AS in_form
              FROM (SELECT key, k.*,
                           own IS NULL OR 1 = row_number() OVER (PARTITION BY key, own) AS first_of_all,
                           own IS NULL OR 1 = row_number() OVER (PARTITION BY key, own, country) AS first_of_country,
                           own IS NULL OR 1 = row_number() OVER (PARTITION BY key, own, country, form) AS first_of_form
                      FROM (SELECT DISTINCT unnest(the_names) AS key) keys
                     CROSS JOIN LATERAL (
                           SELECT ctid AS place, country, form, of_name, of_country, of_form,
                                  CASE WHEN NOT domain_shared THEN domain_hash END AS own
                             FROM overlaps_matchkey WHERE tenant_id = list AND name_hash = key OFFSET 0) k) r) f
         WHERE (f.of_name, f.of_country, f.of_form) IS DISTINCT FROM (f.in_all, f.in_country, f.in_form)
         GROUP BY f.in_all, f.in_country, f.in_form
    LOOP
        RETURN QUERY UPDATE overlaps_matchkey SET of_name = in_all, of_country = in_country, of_form = in_form
                      WHERE ctid = ANY (places) AND tenant_id = list RETURNING id;
    END LOOP;

    IF the_cores IS NULL THEN
        the_cores := ARRAY(
            SELECT core_hash FROM overlaps_matchkey WHERE tenant_id = list AND core_hash IS NOT NULL
             GROUP BY core_hash HAVING count(*) > 1 OR bool_or(of_core > 1));
    END IF;
    FOR in_all, places IN
        SELECT f.in_all, array_agg(f.place) FROM (
            SELECT r.place, r.of_core,
                   least(count(*) FILTER (WHERE r.is_first) OVER (PARTITION BY key), 100) AS in_all
              FROM (SELECT key, k.*, own IS NULL OR 1 = row_number() OVER (PARTITION BY key, own) AS is_first
                      FROM (SELECT DISTINCT unnest(the_cores) AS key) keys
                     CROSS JOIN LATERAL (
                           SELECT ctid AS place, of_core, CASE WHEN NOT domain_shared THEN domain_hash END AS own
                             FROM overlaps_matchkey WHERE tenant_id = list AND core_hash = key OFFSET 0) k) r) f
         WHERE f.of_core <> f.in_all GROUP BY f.in_all
    LOOP
        RETURN QUERY UPDATE overlaps_matchkey SET of_core = in_all
                      WHERE ctid = ANY (places) AND tenant_id = list RETURNING id;
    END LOOP;
END $$;
--;
-- Two who change one list go one by one from here on, not only when they count: else each might wait for the other.
CREATE FUNCTION overlaps_matchkey_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('overlaps:' || current_setting('app.tenant_id', true), 0));
    RETURN NULL;
END $$;
--;
-- Whoever writes match keys: the facts are right when the statement ends, and what it touched is remembered.
CREATE FUNCTION overlaps_matchkey_changed() RETURNS trigger LANGUAGE plpgsql SET jit = off AS $$
DECLARE
    everything CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    list uuid;
    rows bigint;
    ids uuid[];
    domains bigint[];
    numbers bigint[];
    names bigint[];
    cores bigint[];
    others uuid[];
BEGIN
    FOR list, rows IN EXECUTE CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT tenant_id, count(*) FROM after GROUP BY tenant_id'
        WHEN 'DELETE' THEN 'SELECT tenant_id, count(*) FROM before GROUP BY tenant_id'
        -- Not what the function above writes: facts only.
        ELSE 'SELECT tenant_id, count(*) FROM before b JOIN after a USING (tenant_id, id) WHERE {keys_differ} '
             'GROUP BY tenant_id' END
    LOOP
        IF rows > 20000 THEN
            ids := CASE WHEN TG_OP <> 'DELETE' THEN ARRAY[everything] END;
            domains := NULL;
            numbers := NULL;
            names := NULL;
            cores := NULL;
        ELSE
            IF TG_OP = 'UPDATE' THEN
                SELECT array_agg(DISTINCT id), array_agg(DISTINCT domain_hash), array_agg(DISTINCT number_hash),
                       array_agg(DISTINCT name_hash), array_agg(DISTINCT core_hash)
                  INTO ids, domains, numbers, names, cores
                  FROM (SELECT a.id, unnest(ARRAY[b.domain_hash, a.domain_hash]) AS domain_hash,
                               unnest(ARRAY[b.number_hash, a.number_hash]) AS number_hash,
                               unnest(ARRAY[b.name_hash, a.name_hash]) AS name_hash,
                               unnest(ARRAY[b.core_hash, a.core_hash]) AS core_hash
                          FROM before b JOIN after a USING (tenant_id, id)
                         WHERE tenant_id = list AND {keys_differ}) changed;
            ELSIF TG_OP = 'INSERT' THEN
                SELECT array_agg(id), array_agg(DISTINCT domain_hash), array_agg(DISTINCT number_hash),
                       array_agg(DISTINCT name_hash), array_agg(DISTINCT core_hash)
                  INTO ids, domains, numbers, names, cores FROM after WHERE tenant_id = list;
            ELSE
                SELECT array_agg(DISTINCT domain_hash), array_agg(DISTINCT number_hash),
                       array_agg(DISTINCT name_hash), array_agg(DISTINCT core_hash)
                  INTO domains, numbers, names, cores FROM before WHERE tenant_id = list;
            END IF;
            domains := coalesce(domains, '{}');
            numbers := coalesce(numbers, '{}');
            names := coalesce(names, '{}');
            cores := coalesce(cores, '{}');
        END IF;
        SELECT array_agg(id) INTO others FROM overlaps_settle(list, domains, numbers, names, cores) AS id;
        INSERT INTO overlaps_touched (tenant_id, id)
        SELECT DISTINCT list, id FROM unnest(ids || others) AS id WHERE id IS NOT NULL
        ON CONFLICT (tenant_id, id) DO UPDATE SET keys = true;
    END LOOP;
    RETURN NULL;
END $$;
--;
CREATE TRIGGER overlaps_matchkey_begins BEFORE INSERT OR UPDATE OR DELETE ON overlaps_matchkey
FOR EACH STATEMENT EXECUTE FUNCTION overlaps_matchkey_begins();
--;
CREATE TRIGGER overlaps_matchkey_added AFTER INSERT ON overlaps_matchkey
REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION overlaps_matchkey_changed();
--;
CREATE TRIGGER overlaps_matchkey_changed AFTER UPDATE ON overlaps_matchkey
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION overlaps_matchkey_changed();
--;
CREATE TRIGGER overlaps_matchkey_removed AFTER DELETE ON overlaps_matchkey
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION overlaps_matchkey_changed();
--;
-- The keys go with their accounts: a foreign key would be asked a million times when a million rows come.
CREATE FUNCTION overlaps_account_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM overlaps_matchkey k USING before b WHERE k.tenant_id = b.tenant_id AND k.id = b.id;
    RETURN NULL;
END $$;
--;
CREATE TRIGGER overlaps_account_gone AFTER DELETE ON overlaps_account
REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION overlaps_account_gone();
--;
-- What is to be looked at again in a list; NULL: all of it. It is forgotten here, with the transaction.
CREATE FUNCTION overlaps_take_touched(list uuid) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    touched uuid[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('overlaps:' || list, 0));
    WITH taken AS (DELETE FROM overlaps_touched t WHERE t.tenant_id = list RETURNING t.id)
    SELECT coalesce(array_agg(id), '{}') INTO touched FROM taken;
    RETURN CASE WHEN touched @> ARRAY['00000000-0000-0000-0000-000000000000'::uuid] THEN NULL ELSE touched END;
END $$;
