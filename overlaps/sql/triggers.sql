-- What follows every change of an account, whoever makes it: its match keys, the note that it is to be matched again,
-- and the sizes of the populations. They run as their caller, under the policies.

CREATE FUNCTION overlaps_account_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO overlaps_populationsize AS s (tenant_id, id, population, accounts, shareable)
    SELECT n.tenant_id, gen_random_uuid(), p, count(*), count(*) FILTER (WHERE NOT n.is_private AND n.gone_at IS NULL)
      FROM added n, unnest(ARRAY[n.population] || n.segments) AS p GROUP BY n.tenant_id, p ORDER BY n.tenant_id, p
        ON CONFLICT (tenant_id, population) DO UPDATE
       SET accounts = s.accounts + excluded.accounts, shareable = s.shareable + excluded.shareable;
    INSERT INTO overlaps_matchkey (tenant_id, id, {COLUMNS})
    SELECT tenant_id, id, {VALUES}
      FROM (SELECT tenant_id, id, name_key AS name, name_form AS form, name_bits AS bits, name_core AS core,
                   name_is_core AS is_core, country, domain_key AS domain, names_domain, number_key AS number
              FROM added WHERE NOT is_private AND gone_at IS NULL) AS staged;
    PERFORM overlaps_touch(array_agg(id), tenant_id) FROM added GROUP BY tenant_id;
    RETURN NULL;
END $$;

CREATE FUNCTION overlaps_account_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE overlaps_populationsize s
       SET accounts = s.accounts - d.accounts, shareable = s.shareable - d.shareable
      FROM (SELECT o.tenant_id, p AS population, count(*) AS accounts,
                   count(*) FILTER (WHERE NOT o.is_private AND o.gone_at IS NULL) AS shareable
              FROM removed o, unnest(ARRAY[o.population] || o.segments) AS p GROUP BY o.tenant_id, p) AS d
     WHERE s.tenant_id = d.tenant_id AND s.population = d.population;
    INSERT INTO overlaps_touched (tenant_id, id) SELECT tenant_id, id FROM removed ORDER BY tenant_id, id
        ON CONFLICT (tenant_id, id) DO UPDATE SET keys = true;
    RETURN NULL;
END $$;

CREATE FUNCTION overlaps_account_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH moved AS (
        SELECT n.tenant_id, p AS population, 1 AS accounts,
               CASE WHEN NOT n.is_private AND n.gone_at IS NULL THEN 1 ELSE 0 END AS shareable
          FROM after n JOIN before o USING (tenant_id, id), unnest(ARRAY[n.population] || n.segments) AS p
         WHERE (n.population, n.segments, n.is_private, n.gone_at IS NULL)
               IS DISTINCT FROM (o.population, o.segments, o.is_private, o.gone_at IS NULL)
        UNION ALL
        SELECT o.tenant_id, p, -1, CASE WHEN NOT o.is_private AND o.gone_at IS NULL THEN -1 ELSE 0 END
          FROM after n JOIN before o USING (tenant_id, id), unnest(ARRAY[o.population] || o.segments) AS p
         WHERE (n.population, n.segments, n.is_private, n.gone_at IS NULL)
               IS DISTINCT FROM (o.population, o.segments, o.is_private, o.gone_at IS NULL)
    )
    INSERT INTO overlaps_populationsize AS s (tenant_id, id, population, accounts, shareable)
    SELECT tenant_id, gen_random_uuid(), population, sum(accounts), sum(shareable) FROM moved
     GROUP BY tenant_id, population HAVING sum(accounts) <> 0 OR sum(shareable) <> 0 ORDER BY tenant_id, population
        ON CONFLICT (tenant_id, population) DO UPDATE
       SET accounts = s.accounts + excluded.accounts, shareable = s.shareable + excluded.shareable;
    INSERT INTO overlaps_matchkey AS k (tenant_id, id, {COLUMNS})
    SELECT tenant_id, id, {VALUES}
      FROM (SELECT n.tenant_id, n.id, n.name_key AS name, n.name_form AS form, n.name_bits AS bits,
                   n.name_core AS core, n.name_is_core AS is_core, n.country, n.domain_key AS domain, n.names_domain, n.number_key AS number
              FROM after n JOIN before o USING (tenant_id, id)
             WHERE NOT n.is_private AND n.gone_at IS NULL
               AND (n.name_key, n.name_form, n.country, n.domain_key, n.number_key, false, true)
                   IS DISTINCT FROM
                   (o.name_key, o.name_form, o.country, o.domain_key, o.number_key, o.is_private, o.gone_at IS NULL)
           ) AS staged
        ON CONFLICT (tenant_id, id) DO UPDATE SET ({COLUMNS}) = ({EXCLUDED});
    DELETE FROM overlaps_matchkey k USING after n
     WHERE k.tenant_id = n.tenant_id AND k.id = n.id AND (n.is_private OR n.gone_at IS NOT NULL);
    PERFORM overlaps_touch(array_agg(id), tenant_id)
       FROM after n JOIN before o USING (tenant_id, id)
      WHERE (n.name, n.domain, n.population, n.segments, n.owner_name, n.stage, n.amount, n.currency,
             n.company_number, n.tags, n.extra, n.is_private, n.gone_at IS NULL)
            IS DISTINCT FROM
            (o.name, o.domain, o.population, o.segments, o.owner_name, o.stage, o.amount, o.currency,
             o.company_number, o.tags, o.extra, o.is_private, o.gone_at IS NULL)
      GROUP BY tenant_id;
    RETURN NULL;
END $$;

-- What may be shown of them changed. Past some number one row, of nobody's id, says "everything".
CREATE FUNCTION overlaps_touch(ids uuid[], tenant uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO overlaps_touched AS t (tenant_id, id, keys)
    SELECT tenant, id, false
      FROM unnest(CASE WHEN cardinality(ids) > 20000 THEN ARRAY['00000000-0000-0000-0000-000000000000'::uuid] ELSE ids END) AS id
     ORDER BY id
        ON CONFLICT DO NOTHING
$$;

CREATE TRIGGER overlaps_account_added AFTER INSERT ON overlaps_account
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION overlaps_account_added();
CREATE TRIGGER overlaps_account_removed AFTER DELETE ON overlaps_account
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION overlaps_account_removed();
CREATE TRIGGER overlaps_account_changed AFTER UPDATE ON overlaps_account
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION overlaps_account_changed();

-- -- how many overlaps there are of a kind: as the match role, whoever changes them ---------------------------------

CREATE FUNCTION overlaps_tally_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO overlaps_tally AS t (
           tenant_id, id, partner_id, my_population, their_population, is_greenfield, state, version, until, number)
    SELECT tenant_id, gen_random_uuid(), partner_id, my_population, their_population, account_id IS NULL, state,
           version, until, count(*)
      FROM added GROUP BY 1, 3, 4, 5, 6, 7, 8, 9 ORDER BY 1, 3, 4, 5, 6, 7, 8, 9
        ON CONFLICT (tenant_id, partner_id, my_population, their_population, is_greenfield, state, version, until)
        DO UPDATE SET number = t.number + excluded.number;
    RETURN NULL;
END $$;

CREATE FUNCTION overlaps_tally_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH less AS (
        SELECT tenant_id, partner_id, my_population, their_population, account_id IS NULL AS is_greenfield, state,
               version, until, count(*) AS number
          FROM removed GROUP BY 1, 2, 3, 4, 5, 6, 7, 8)
    UPDATE overlaps_tally t SET number = t.number - less.number FROM less
     WHERE (t.tenant_id, t.partner_id, t.my_population, t.their_population, t.is_greenfield, t.state, t.version)
         = (less.tenant_id, less.partner_id, less.my_population, less.their_population, less.is_greenfield,
            less.state, less.version)
       AND t.until IS NOT DISTINCT FROM less.until;
    DELETE FROM overlaps_tally t USING removed o
     WHERE t.tenant_id = o.tenant_id AND t.partner_id = o.partner_id AND t.number = 0;
    RETURN NULL;
END $$;

CREATE FUNCTION overlaps_tally_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH moved AS (
        SELECT tenant_id, partner_id, my_population, their_population, account_id IS NULL AS is_greenfield, state,
               version, until, 1 AS number FROM after
        UNION ALL
        SELECT tenant_id, partner_id, my_population, their_population, account_id IS NULL, state, version, until, -1
          FROM before)
    INSERT INTO overlaps_tally AS t (
           tenant_id, id, partner_id, my_population, their_population, is_greenfield, state, version, until, number)
    SELECT tenant_id, gen_random_uuid(), partner_id, my_population, their_population, is_greenfield, state, version,
           until, sum(number)
      FROM moved GROUP BY 1, 3, 4, 5, 6, 7, 8, 9 HAVING sum(number) <> 0 ORDER BY 1, 3, 4, 5, 6, 7, 8, 9
        ON CONFLICT (tenant_id, partner_id, my_population, their_population, is_greenfield, state, version, until)
        DO UPDATE SET number = t.number + excluded.number;
    DELETE FROM overlaps_tally t USING (SELECT DISTINCT tenant_id, partner_id FROM after) AS a
     WHERE t.tenant_id = a.tenant_id AND t.partner_id = a.partner_id AND t.number = 0;
    RETURN NULL;
END $$;

CREATE TRIGGER overlaps_tally_added AFTER INSERT ON overlaps_overlap
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION overlaps_tally_added();
CREATE TRIGGER overlaps_tally_removed AFTER DELETE ON overlaps_overlap
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION overlaps_tally_removed();
CREATE TRIGGER overlaps_tally_changed AFTER UPDATE ON overlaps_overlap
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION overlaps_tally_changed();
