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

-- Work tables of one transaction. They are made, not found: a table of that name that somebody else left in the session
-- stops the match.
CREATE FUNCTION overlaps_begin() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMPORARY TABLE overlaps_now (
        a uuid, b uuid, rule text, confidence smallint, is_match boolean, confirmed boolean NOT NULL DEFAULT false,
        a_populations text[], b_populations text[], a_amount numeric, b_amount numeric, PRIMARY KEY (a, b)
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE overlaps_node (id uuid PRIMARY KEY, step integer) ON COMMIT DROP;
END $$;

CREATE FUNCTION overlaps_done() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE overlaps_now, overlaps_node;
END $$;

-- -- which pairs there are ------------------------------------------------------------------------------------------

-- Into overlaps_now: the pairs of the touched accounts as they should be. NULL: of all accounts.
CREATE FUNCTION overlaps_find(link partners_connection, a_touched uuid[], b_touched uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    off text[];
    threshold integer;
BEGIN
    SELECT coalesce(array_agg(DISTINCT rule), '{}') INTO off
      FROM overlaps_matchsettings s, unnest(s.rules_off) AS rule WHERE s.tenant_id IN (link.inviter_id, link.invitee_id);
    SELECT CASE WHEN count(*) FILTER (WHERE s.suggestions) = 2 THEN max(s.threshold) ELSE 85 END INTO threshold
      FROM overlaps_matchsettings s WHERE s.tenant_id IN (link.inviter_id, link.invitee_id);

    TRUNCATE overlaps_now;
    IF a_touched IS NULL THEN
        INSERT INTO overlaps_now (a, b, rule, confidence)
        SELECT mine_id, theirs_id, rule, confidence
          FROM overlaps_pairs(link.inviter_id, link.invitee_id, NULL, threshold);
    ELSE
        INSERT INTO overlaps_now (a, b, rule, confidence)
        SELECT mine_id, theirs_id, rule, confidence
          FROM overlaps_pairs(link.inviter_id, link.invitee_id, a_touched, threshold)
        UNION
        SELECT theirs_id, mine_id, rule, confidence
          FROM overlaps_pairs(link.invitee_id, link.inviter_id, b_touched, threshold);
    END IF;
    ANALYZE overlaps_now;

    PERFORM overlaps_obey(link, a_touched, b_touched);
    UPDATE overlaps_now SET is_match = confirmed OR confidence >= 85 AND NOT rule = ANY (off);
    DELETE FROM overlaps_now WHERE NOT is_match AND rule = ANY (off);
    UPDATE overlaps_now n
       SET a_populations = ARRAY[a.population::text] || a.segments::text[], a_amount = a.amount,
           b_populations = ARRAY[b.population::text] || b.segments::text[], b_amount = b.amount
      FROM overlaps_account a, overlaps_account b
     WHERE a.tenant_id = link.inviter_id AND a.id = n.a AND b.tenant_id = link.invitee_id AND b.id = n.b;
END $$;

-- What people said: no pair against which one side spoke; each pair that one side made, or both confirmed.
CREATE FUNCTION overlaps_obey(link partners_connection, a_touched uuid[], b_touched uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO overlaps_now (a, b, rule, confidence, confirmed)
    SELECT a.id, b.id, 'manual', 100, true
      FROM overlaps_ruling r
      JOIN overlaps_account a ON a.tenant_id = link.inviter_id AND a.id IN (r.one, r.other)
      JOIN overlaps_account b ON b.tenant_id = link.invitee_id AND b.id IN (r.one, r.other)
     WHERE 2 IN (r.one_says, r.other_says)
       AND NOT a.is_private AND NOT b.is_private AND a.gone_at IS NULL AND b.gone_at IS NULL
       AND (a_touched IS NULL OR a.id = ANY (a_touched) OR b.id = ANY (b_touched))
    ON CONFLICT (a, b) DO UPDATE SET rule = 'manual', confidence = 100, confirmed = true;
    UPDATE overlaps_now n SET confirmed = true
      FROM overlaps_ruling r
     WHERE r.one = least(n.a, n.b) AND r.other = greatest(n.a, n.b) AND r.one_says > 0 AND r.other_says > 0;
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
CREATE FUNCTION overlaps_gather(link uuid, touched uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    turn integer := 0;
BEGIN
    TRUNCATE overlaps_node;
    INSERT INTO overlaps_node SELECT DISTINCT id, 0 FROM unnest(touched) AS id;
    LOOP
        ANALYZE overlaps_node;
        INSERT INTO overlaps_node
        SELECT m.b, turn + 1 FROM overlaps_node n JOIN overlaps_match m ON m.connection_id = link AND m.a = n.id WHERE n.step = turn
        UNION
        SELECT m.a, turn + 1 FROM overlaps_node n JOIN overlaps_match m ON m.connection_id = link AND m.b = n.id WHERE n.step = turn
        UNION
        SELECT w.b, turn + 1 FROM overlaps_node n JOIN overlaps_now w ON w.a = n.id WHERE n.step = turn
        UNION
        SELECT w.a, turn + 1 FROM overlaps_node n JOIN overlaps_now w ON w.b = n.id WHERE n.step = turn
        ON CONFLICT DO NOTHING;
        EXIT WHEN NOT FOUND;
        turn := turn + 1;
    END LOOP;
END $$;

-- Add what the gathered matches are in the cells, or (sign -1) take it away.
CREATE FUNCTION overlaps_count(link uuid, sign integer, everything boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH scope AS MATERIALIZED (
        SELECT m.a, m.b, m.company, m.a_amount, m.b_amount, ap, bp
          FROM overlaps_match m, unnest(m.a_populations) AS ap, unnest(m.b_populations) AS bp
         WHERE m.connection_id = link AND m.is_match
           AND (everything OR m.a = ANY (ARRAY(SELECT id FROM overlaps_node)))
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
CREATE FUNCTION overlaps_label(link uuid, everything boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    moved integer;
BEGIN
    UPDATE overlaps_match m SET company = m.a
     WHERE m.connection_id = link AND m.company <> m.a
       AND (everything OR m.a = ANY (ARRAY(SELECT id FROM overlaps_node)));
    LOOP
        WITH least_of_b AS (
            SELECT m.b, min(m.company::text)::uuid AS company FROM overlaps_match m
             WHERE m.connection_id = link AND m.is_match
               AND (everything OR m.a = ANY (ARRAY(SELECT id FROM overlaps_node)))
             GROUP BY m.b HAVING count(DISTINCT m.company) > 1)
        UPDATE overlaps_match m SET company = l.company FROM least_of_b l
         WHERE m.connection_id = link AND m.b = l.b AND m.is_match AND m.company <> l.company;
        GET DIAGNOSTICS moved = ROW_COUNT;
        WITH least_of_a AS (
            SELECT m.a, min(m.company::text)::uuid AS company FROM overlaps_match m
             WHERE m.connection_id = link AND m.is_match
               AND (everything OR m.a = ANY (ARRAY(SELECT id FROM overlaps_node)))
             GROUP BY m.a HAVING count(DISTINCT m.company) > 1)
        UPDATE overlaps_match m SET company = l.company FROM least_of_a l
         WHERE m.connection_id = link AND m.a = l.a AND m.is_match AND m.company <> l.company;
        EXIT WHEN moved = 0 AND NOT FOUND;
    END LOOP;
END $$;

-- One connection, brought up to date for these accounts of either side; NULL: from the ground up. The result is the
-- same as from the ground up, whatever happened before and in whatever order.
CREATE FUNCTION overlaps_rematch(link partners_connection, a_touched uuid[], b_touched uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    everything CONSTANT boolean := a_touched IS NULL;
BEGIN
    PERFORM overlaps_find(link, a_touched, b_touched);
    IF everything THEN
        TRUNCATE overlaps_node;
        DELETE FROM overlaps_cell WHERE connection_id = link.id;
    ELSE
        PERFORM overlaps_gather(link.id, a_touched || b_touched);
        PERFORM overlaps_count(link.id, -1, false);
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
    SELECT link.id, n.a, n.b, n.a, n.a_populations, n.b_populations, n.a_amount, n.b_amount, n.rule, n.confidence,
           n.is_match, now()
      FROM overlaps_now n ORDER BY n.a, n.b
        ON CONFLICT (connection_id, a, b) DO UPDATE
       SET a_populations = excluded.a_populations, b_populations = excluded.b_populations,
           a_amount = excluded.a_amount, b_amount = excluded.b_amount, rule = excluded.rule,
           confidence = excluded.confidence, is_match = excluded.is_match,
           found_at = CASE WHEN m.is_match = excluded.is_match THEN m.found_at ELSE excluded.found_at END
     WHERE (m.a_populations, m.b_populations, m.a_amount, m.b_amount, m.rule, m.confidence, m.is_match)
           IS DISTINCT FROM
           (excluded.a_populations, excluded.b_populations, excluded.a_amount, excluded.b_amount, excluded.rule,
            excluded.confidence, excluded.is_match);
    PERFORM overlaps_label(link.id, everything);
    PERFORM overlaps_count(link.id, 1, everything);
    DELETE FROM overlaps_cell c WHERE c.connection_id = link.id AND c.companies = 0;
    PERFORM overlaps_disclose(link, link.inviter_id, everything);
    PERFORM overlaps_disclose(link, link.invitee_id, everything);
END $$;
