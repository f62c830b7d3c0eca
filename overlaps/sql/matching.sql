-- How matches are found again after a change, and what of them each side may see. Everything here runs as the match
-- role, called by the functions of doors.sql, which ask first whose connection it is. `a` is an account of the
-- connection's inviter, `b` one of its invitee.

-- What stands for the pair outside of these functions: it says nothing of the other account.
CREATE FUNCTION overlaps_pair_of(x uuid, y uuid) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT md5(least(x, y)::text || greatest(x, y))::uuid
$$;

-- By what a pair is known again when an account was deleted and imported anew.
CREATE FUNCTION overlaps_signature(account overlaps_account) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT hashtextextended(concat_ws('|', account.name_key, account.domain_key, account.country), 0)
$$;

-- What a partner sees of an account in these populations, by these rules: null fields where it sees nothing. Of several
-- rules each adds its fields, and the earliest end counts, so that no field outlives its own rule.
CREATE FUNCTION overlaps_shown(rules jsonb, populations text[])
RETURNS TABLE (population text, segments text[], fields text[], everybody boolean, until date)
LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(r.population) FILTER (WHERE r.population !~ '^c\d'), ''),
           coalesce(array_agg(r.population ORDER BY r.population) FILTER (WHERE r.population ~ '^c\d'), '{}'),
           (SELECT array_agg(DISTINCT field) FILTER (WHERE field IS NOT NULL) || '{name}'
              FROM jsonb_to_recordset(rules) AS s(population text, level text, fields text[], until date)
              LEFT JOIN unnest(s.fields) AS field ON true
             WHERE s.population = ANY (populations) AND s.level IN ('overlaps', 'all')),
           bool_or(r.level = 'all'),
           min(r.until)
      FROM jsonb_to_recordset(rules) AS r(population text, level text, fields text[], until date)
     WHERE r.population = ANY (populations) AND r.level IN ('overlaps', 'all')
    HAVING count(*) > 0
$$;

-- The rules of one workspace for one partner, without those that have ended.
CREATE FUNCTION overlaps_rules(owner uuid, partner uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'population', r.population, 'level', r.level, 'fields', r.fields, 'until', r.ends_on)), '[]')
      FROM partners_sharingrule r
     WHERE r.tenant_id = owner AND r.partner_id = partner AND r.level <> 'hidden'
       AND (r.ends_on IS NULL OR r.ends_on >= current_date)
$$;

-- The work table of one transaction. It is made, not found: a table of that name that somebody else left in the session
-- stops the match.
CREATE FUNCTION overlaps_begin() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMPORARY TABLE overlaps_now (
        a uuid, b uuid, rule text, confidence smallint, is_match boolean, PRIMARY KEY (a, b)
    ) ON COMMIT DROP;
END $$;

CREATE FUNCTION overlaps_done() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE overlaps_now;
END $$;

-- -- which pairs there are ------------------------------------------------------------------------------------------

-- Into overlaps_now: the pairs of the touched accounts as they should be. NULL: of all accounts.
CREATE FUNCTION overlaps_find(link partners_connection, a_touched uuid[], b_touched uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    off text[];
    threshold integer;
BEGIN
    -- Of two workspaces' settings the stricter ones.
    SELECT coalesce(array_agg(DISTINCT rule), '{}') INTO off
      FROM overlaps_matchsettings s, unnest(s.rules_off) AS rule WHERE s.tenant_id IN (link.inviter_id, link.invitee_id);
    SELECT CASE WHEN count(*) FILTER (WHERE s.suggestions) = 2 THEN max(s.threshold) ELSE 85 END INTO threshold
      FROM overlaps_matchsettings s WHERE s.tenant_id IN (link.inviter_id, link.invitee_id);

    TRUNCATE overlaps_now;
    IF a_touched IS NULL THEN
        INSERT INTO overlaps_now
        SELECT mine_id, theirs_id, rule, confidence, confidence >= 85
          FROM overlaps_pairs(link.inviter_id, link.invitee_id, NULL, threshold) WHERE NOT rule = ANY (off);
        ANALYZE overlaps_now;
    ELSE
        INSERT INTO overlaps_now
        SELECT mine_id, theirs_id, rule, confidence, confidence >= 85
          FROM overlaps_pairs(link.inviter_id, link.invitee_id, a_touched, threshold) WHERE NOT rule = ANY (off)
        UNION
        SELECT theirs_id, mine_id, rule, confidence, confidence >= 85
          FROM overlaps_pairs(link.invitee_id, link.inviter_id, b_touched, threshold) WHERE NOT rule = ANY (off);
    END IF;
    PERFORM overlaps_obey(link, a_touched, b_touched);
END $$;

-- What people said: each pair that one side made by hand or both confirmed, whatever the rules find; and none against
-- which one side spoke.
CREATE FUNCTION overlaps_obey(link partners_connection, a_touched uuid[], b_touched uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO overlaps_now AS n
    SELECT x.id, y.id, 'manual', 100, true
      FROM overlaps_ruling r
      JOIN overlaps_account x ON x.tenant_id = link.inviter_id AND x.id IN (r.one, r.other)
      JOIN overlaps_account y ON y.tenant_id = link.invitee_id AND y.id IN (r.one, r.other)
     WHERE (2 IN (r.one_says, r.other_says) OR r.one_says > 0 AND r.other_says > 0)
       AND NOT x.is_private AND NOT y.is_private AND x.gone_at IS NULL AND y.gone_at IS NULL
       AND (a_touched IS NULL OR x.id = ANY (a_touched) OR y.id = ANY (b_touched))
        ON CONFLICT (a, b) DO UPDATE SET is_match = true;
    DELETE FROM overlaps_now n USING overlaps_ruling r
     WHERE r.one = least(n.a, n.b) AND r.other = greatest(n.a, n.b) AND -1 IN (r.one_says, r.other_says);
    -- The same two companies under new ids.
    IF EXISTS (SELECT FROM overlaps_ruling r WHERE -1 IN (r.one_says, r.other_says)) THEN
        DELETE FROM overlaps_now n
         USING overlaps_account x, overlaps_account y, overlaps_ruling r
         WHERE x.tenant_id = link.inviter_id AND x.id = n.a AND y.tenant_id = link.invitee_id AND y.id = n.b
           AND -1 IN (r.one_says, r.other_says)
           AND (r.one_signature, r.other_signature) IN (
                   (overlaps_signature(x), overlaps_signature(y)), (overlaps_signature(y), overlaps_signature(x)));
    END IF;
END $$;

-- -- matches, companies, cells --------------------------------------------------------------------------------------

-- Everything that hangs together with the touched accounts, by matches as they were or as they will be.
CREATE FUNCTION overlaps_gather(link uuid, touched uuid[]) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    gathered uuid[] := touched;
    latest uuid[] := touched;
BEGIN
    LOOP
        SELECT array_agg(DISTINCT near) INTO latest FROM (
            SELECT m.b AS near FROM unnest(latest) AS id CROSS JOIN LATERAL (
                   SELECT m.b FROM overlaps_match m WHERE m.connection_id = link AND m.a = id OFFSET 0) AS m
            UNION ALL
            SELECT m.a FROM unnest(latest) AS id CROSS JOIN LATERAL (
                   SELECT m.a FROM overlaps_match m WHERE m.connection_id = link AND m.b = id OFFSET 0) AS m
            UNION ALL
            SELECT n.b FROM overlaps_now n WHERE n.a = ANY (latest)
            UNION ALL
            SELECT n.a FROM overlaps_now n WHERE n.b = ANY (latest)) AS neighbours
         WHERE near <> ALL (gathered);
        EXIT WHEN latest IS NULL;
        gathered := gathered || latest;
    END LOOP;
    RETURN gathered;
END $$;

-- The matches of these accounts of either side, or (NULL) all of them. One look-up for each, whatever the planner thinks
-- of a table that has just grown.
CREATE FUNCTION overlaps_among(link uuid, scope uuid[]) RETURNS SETOF overlaps_match LANGUAGE sql STABLE AS $$
    SELECT * FROM overlaps_match m WHERE m.connection_id = link AND scope IS NULL
    UNION ALL
    SELECT m.* FROM unnest(scope) AS id CROSS JOIN LATERAL (
           SELECT * FROM overlaps_match m WHERE m.connection_id = link AND m.a = id OFFSET 0) AS m
$$;

-- Add what the gathered matches are in the cells, or (sign -1) take it away.
CREATE FUNCTION overlaps_count(link uuid, sign integer, scope uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH scope AS MATERIALIZED (
        SELECT m.a, m.b, m.company, m.a_amount, m.b_amount, ap, bp
          FROM overlaps_among(link, scope) AS m,
               unnest(m.a_populations) AS ap, unnest(m.b_populations) AS bp
         WHERE m.is_match
    ), of_a AS (
        SELECT ap, bp, count(*) AS accounts, coalesce(sum(amount), 0) AS amount
          FROM (SELECT ap, bp, a, max(a_amount) AS amount FROM scope GROUP BY ap, bp, a) AS each GROUP BY ap, bp
    ), of_b AS (
        SELECT ap, bp, count(*) AS accounts, coalesce(sum(amount), 0) AS amount
          FROM (SELECT ap, bp, b, max(b_amount) AS amount FROM scope GROUP BY ap, bp, b) AS each GROUP BY ap, bp
    ), companies AS (
        SELECT ap, bp, count(*) AS companies FROM (SELECT DISTINCT ap, bp, company FROM scope) AS each GROUP BY ap, bp
    )
    INSERT INTO overlaps_cell AS c (
           connection_id, a_population, b_population, a_accounts, b_accounts, companies, a_amount, b_amount)
    SELECT link, ap, bp, sign * of_a.accounts, sign * of_b.accounts, sign * companies,
           sign * of_a.amount, sign * of_b.amount
      FROM of_a JOIN of_b USING (ap, bp) JOIN companies USING (ap, bp)
        ON CONFLICT (connection_id, a_population, b_population) DO UPDATE
       SET a_accounts = c.a_accounts + excluded.a_accounts, b_accounts = c.b_accounts + excluded.b_accounts,
           companies = c.companies + excluded.companies, a_amount = c.a_amount + excluded.a_amount,
           b_amount = c.b_amount + excluded.b_amount;
END $$;

-- Accounts that hang together are one company: the least account of the inviter's gives it its id.
CREATE FUNCTION overlaps_label(link uuid, scope uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moved integer;
BEGIN
    UPDATE overlaps_match m SET company = m.a FROM overlaps_among(link, scope) AS g
     WHERE m.connection_id = link AND m.a = g.a AND m.b = g.b AND g.company <> g.a;
    LOOP
        WITH several AS (
            SELECT g.b, min(g.company::text)::uuid AS company FROM overlaps_among(link, scope) AS g
             WHERE g.is_match GROUP BY g.b HAVING count(*) > 1)
        UPDATE overlaps_match m SET company = s.company FROM several s
         WHERE m.connection_id = link AND m.b = s.b AND m.is_match AND m.company <> s.company;
        GET DIAGNOSTICS moved = ROW_COUNT;
        WITH several AS (
            SELECT g.a, min(g.company::text)::uuid AS company FROM overlaps_among(link, scope) AS g
             WHERE g.is_match GROUP BY g.a HAVING count(*) > 1)
        UPDATE overlaps_match m SET company = s.company FROM several s
         WHERE m.connection_id = link AND m.a = s.a AND m.is_match AND m.company <> s.company;
        EXIT WHEN moved = 0 AND NOT FOUND;
    END LOOP;
END $$;

-- One connection, brought up to date for these accounts of either side; NULL: from the ground up. The result is the
-- same as from the ground up, whatever happened before and in whatever order.
CREATE FUNCTION overlaps_rematch(link partners_connection, a_touched uuid[], b_touched uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    everything CONSTANT boolean := a_touched IS NULL;
    scope uuid[];
BEGIN
    PERFORM overlaps_find(link, a_touched, b_touched);
    IF everything THEN
        DELETE FROM overlaps_cell WHERE connection_id = link.id;
    ELSE
        scope := overlaps_gather(link.id, a_touched || b_touched);
        PERFORM overlaps_count(link.id, -1, scope);
    END IF;

    IF everything THEN
        DELETE FROM overlaps_match m
         WHERE m.connection_id = link.id
           AND NOT EXISTS (SELECT FROM overlaps_now n WHERE n.a = m.a AND n.b = m.b);
    ELSE
        DELETE FROM overlaps_match m
         WHERE m.connection_id = link.id AND m.a = ANY (a_touched)
           AND NOT EXISTS (SELECT FROM overlaps_now n WHERE n.a = m.a AND n.b = m.b);
        DELETE FROM overlaps_match m
         WHERE m.connection_id = link.id AND m.b = ANY (b_touched)
           AND NOT EXISTS (SELECT FROM overlaps_now n WHERE n.a = m.a AND n.b = m.b);
    END IF;
    INSERT INTO overlaps_match AS m (
           connection_id, a, b, company, a_populations, b_populations, a_amount, b_amount, rule, confidence,
           is_match, found_at)
    SELECT link.id, n.a, n.b, n.a, ARRAY[x.population] || x.segments, ARRAY[y.population] || y.segments,
           x.amount, y.amount, n.rule, n.confidence, n.is_match, now()
      FROM overlaps_now n
      JOIN overlaps_account x ON x.tenant_id = link.inviter_id AND x.id = n.a
      JOIN overlaps_account y ON y.tenant_id = link.invitee_id AND y.id = n.b
     ORDER BY n.a, n.b
        ON CONFLICT (connection_id, a, b) DO UPDATE
       SET a_populations = excluded.a_populations, b_populations = excluded.b_populations,
           a_amount = excluded.a_amount, b_amount = excluded.b_amount, rule = excluded.rule,
           confidence = excluded.confidence, is_match = excluded.is_match,
           found_at = CASE WHEN m.is_match = excluded.is_match THEN m.found_at ELSE excluded.found_at END
     WHERE (m.a_populations, m.b_populations, m.a_amount, m.b_amount, m.rule, m.confidence, m.is_match)
           IS DISTINCT FROM
           (excluded.a_populations, excluded.b_populations, excluded.a_amount, excluded.b_amount, excluded.rule,
            excluded.confidence, excluded.is_match);
    PERFORM overlaps_label(link.id, scope);
    PERFORM overlaps_count(link.id, 1, scope);
    DELETE FROM overlaps_cell c WHERE c.connection_id = link.id AND c.companies = 0;
    PERFORM overlaps_disclose(link, link.inviter_id, scope);
    PERFORM overlaps_disclose(link, link.invitee_id, scope);
END $$;
