-- What of a list is known at each of its rows, and which rows to look at again. Statements are parted by a line "--;".

CREATE FUNCTION overlaps_hash(text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT CASE WHEN $1 <> '''' THEN hashtextextended($1, 0) END';
--;
-- Brings the facts up to date of all rows that have one of these domains, numbers or names (NULL: whichever), and
-- answers with the rows whose facts changed. Takes the whole list's lock: two who change one list go one by one.
CREATE FUNCTION overlaps_settle(list uuid, the_domains bigint[], the_numbers bigint[], the_names bigint[],
    the_cores bigint[])
RETURNS SETOF uuid LANGUAGE plpgsql SET jit = off SET work_mem = '64MB'
-- Right after an import the planner takes the list for a handful of rows, and its index for the way to group them.
SET enable_indexscan = off SET enable_indexonlyscan = off SET enable_sort = off AS $$
DECLARE
    many CONSTANT integer := 20000; -- from here on the whole list is looked through, not each key looked up
    changed uuid[];
    renamed bigint[];
    recored bigint[];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('overlaps:' || list, 0));
    IF the_numbers IS NULL OR cardinality(the_numbers) > many THEN
        SELECT array_agg(number_hash) INTO the_numbers FROM (
            SELECT number_hash FROM overlaps_matchkey WHERE tenant_id = list AND number_hash IS NOT NULL
             GROUP BY number_hash HAVING count(*) > 20 OR bool_or(number_shared)) n;
    END IF;
    WITH facts AS MATERIALIZED (
        SELECT k.number_hash, count(*) > 20 AS shared
          FROM overlaps_matchkey k WHERE k.tenant_id = list AND k.number_hash = ANY (the_numbers)
         GROUP BY k.number_hash
    ), written AS (
        UPDATE overlaps_matchkey k SET number_shared = f.shared FROM facts f
         WHERE k.tenant_id = list AND k.number_hash = f.number_hash AND k.number_shared <> f.shared
        RETURNING k.id
    )
    SELECT array_agg(id) INTO changed FROM written;
    RETURN QUERY SELECT unnest(changed);

    IF the_domains IS NULL OR cardinality(the_domains) > many THEN
        SELECT array_agg(domain_hash) INTO the_domains FROM (
            SELECT domain_hash FROM overlaps_matchkey WHERE tenant_id = list AND domain_hash IS NOT NULL
             GROUP BY domain_hash HAVING count(*) > 3 OR bool_or(domain_shared)) d;
    END IF;
    WITH facts AS MATERIALIZED (
        SELECT k.domain_hash, count(*) > 20 OR count(DISTINCT k.name_hash) > 3 AS shared
          FROM overlaps_matchkey k WHERE k.tenant_id = list AND k.domain_hash = ANY (the_domains)
         GROUP BY k.domain_hash
    ), written AS (
        UPDATE overlaps_matchkey k SET domain_shared = f.shared FROM facts f
         WHERE k.tenant_id = list AND k.domain_hash = f.domain_hash AND k.domain_shared <> f.shared
        RETURNING k.id, k.name_hash, k.core_hash
    )
    SELECT array_agg(id), array_agg(DISTINCT name_hash), array_agg(DISTINCT core_hash)
      INTO changed, renamed, recored FROM written;
    RETURN QUERY SELECT unnest(changed);

    IF the_names IS NULL OR cardinality(the_names) > many THEN
        SELECT array_agg(name_hash) INTO the_names FROM (
            SELECT name_hash FROM overlaps_matchkey WHERE tenant_id = list AND name_hash IS NOT NULL
             GROUP BY name_hash HAVING count(*) > 1 OR bool_or(of_name > 1)) n;
    END IF;
    -- Rows with one domain of their own are one company, of which the first is counted; any other row is one by itself.
    RETURN QUERY
    WITH bearers AS (
        SELECT k.id, k.name_hash, k.country, k.form,
               CASE WHEN k.domain_shared THEN NULL ELSE k.domain_hash END AS own
          FROM overlaps_matchkey k
         WHERE k.tenant_id = list AND k.name_hash = ANY (the_names || renamed)
    ), companies AS (
        SELECT *,
               own IS NULL OR 1 = row_number() OVER (PARTITION BY name_hash, own ORDER BY country, form, id) AS in_all,
               own IS NULL OR 1 = row_number() OVER (PARTITION BY name_hash, own, country ORDER BY form, id)
                   AS in_country,
               own IS NULL OR 1 = row_number() OVER (PARTITION BY name_hash, own, country, form ORDER BY id) AS in_form
          FROM bearers
    ), facts AS MATERIALIZED (
        SELECT id,
               least(count(*) FILTER (WHERE in_all) OVER (PARTITION BY name_hash), 100) AS of_name,
               least(count(*) FILTER (WHERE in_country) OVER (PARTITION BY name_hash, country), 100) AS of_country,
               least(count(*) FILTER (WHERE in_form) OVER (PARTITION BY name_hash, country, form), 100) AS of_form
          FROM companies
    )
    UPDATE overlaps_matchkey k SET of_name = f.of_name, of_country = f.of_country, of_form = f.of_form
      FROM facts f
     WHERE k.tenant_id = list AND k.id = f.id
       AND (k.of_name, k.of_country, k.of_form) IS DISTINCT FROM (f.of_name, f.of_country, f.of_form)
    RETURNING k.id;

    IF the_cores IS NULL OR cardinality(the_cores) > many THEN
        SELECT array_agg(core_hash) INTO the_cores FROM (
            SELECT core_hash FROM overlaps_matchkey WHERE tenant_id = list AND core_hash IS NOT NULL
             GROUP BY core_hash HAVING count(*) > 1 OR bool_or(of_core > 1)) n;
    END IF;
    RETURN QUERY
    WITH companies AS (
        SELECT id, core_hash, own,
               own IS NULL OR 1 = row_number() OVER (PARTITION BY core_hash, own ORDER BY id) AS in_core
          FROM (SELECT k.id, k.core_hash, CASE WHEN k.domain_shared THEN NULL ELSE k.domain_hash END AS own
                  FROM overlaps_matchkey k
                 WHERE k.tenant_id = list AND k.core_hash = ANY (the_cores || recored)) bearers
    ), facts AS MATERIALIZED (
        SELECT id, least(count(*) FILTER (WHERE in_core) OVER (PARTITION BY core_hash), 100) AS of_core FROM companies
    )
    UPDATE overlaps_matchkey k SET of_core = f.of_core
      FROM facts f
     WHERE k.tenant_id = list AND k.id = f.id AND k.of_core <> f.of_core
    RETURNING k.id;
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
