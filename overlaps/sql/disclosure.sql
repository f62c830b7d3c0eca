-- What one side (viewer) sees of the other, written so that it is what the rules say now: of the accounts in scope, of
-- either side, or (NULL) of all. Only the match role may call these: in anybody else's hands they would see one workspace's rows.

CREATE FUNCTION overlaps_disclose(link partners_connection, viewer uuid, scope uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    inviting CONSTANT boolean := viewer = link.inviter_id;
    discloser CONSTANT uuid := CASE WHEN inviting THEN link.invitee_id ELSE link.inviter_id END;
    present_version CONSTANT integer := CASE WHEN inviting THEN link.invitee_version ELSE link.inviter_version END;
    them uuid;  -- the viewer's record of the discloser
    us uuid;    -- the discloser's record of the viewer
    rules jsonb;
BEGIN
    SELECT id INTO them FROM partners_partner WHERE tenant_id = viewer AND connection_id = link.id;
    SELECT id INTO us FROM partners_partner WHERE tenant_id = discloser AND connection_id = link.id;
    IF link.state <> 'active' OR us IS NULL THEN
        DELETE FROM overlaps_overlap o WHERE o.tenant_id = viewer AND o.partner_id = them;
        DELETE FROM overlaps_suggestion s WHERE s.tenant_id = viewer AND s.partner_id = them;
        -- Frozen counts stay through a pause, unseen: else whoever pauses and resumes gets new ones at will.
        DELETE FROM overlaps_overlapcount c
         WHERE c.tenant_id = viewer AND c.partner_id = them AND (c.level <> 'counts' OR link.state = 'ended');
        RETURN;
    END IF;
    IF them IS NULL THEN
        RETURN;
    END IF;
    rules := overlaps_rules(discloser, us);
    IF scope IS NULL THEN
        PERFORM overlaps_show_all(link.id, inviting, viewer, discloser, them, us, rules, present_version);
    ELSE
        PERFORM overlaps_show(link.id, inviting, viewer, discloser, them, us, rules, present_version, scope);
    END IF;
    PERFORM overlaps_suggest(link.id, inviting, viewer, discloser, them, us, rules, present_version, scope);
    PERFORM overlaps_tell_counts(link.id, inviting, viewer, them, rules, present_version);
END $$;

CREATE FUNCTION overlaps_show(
    link uuid, inviting boolean, viewer uuid, discloser uuid, them uuid, us uuid, rules jsonb, present_version integer,
    scope uuid[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    everybody CONSTANT text[] := ARRAY(
        SELECT population FROM jsonb_to_recordset(rules) AS r(population text, level text) WHERE level = 'all');
    allowance CONSTANT bigint := overlaps_allowance(viewer, discloser, link);
    added bigint;
BEGIN
    CREATE TEMPORARY TABLE overlaps_wanted ON COMMIT DROP AS
    WITH pairs AS (
        SELECT CASE WHEN inviting THEN m.a ELSE m.b END AS mine, CASE WHEN inviting THEN m.b ELSE m.a END AS id,
               CASE WHEN inviting THEN m.b_populations ELSE m.a_populations END AS populations,
               m.company, m.rule, m.confidence, m.found_at
          FROM overlaps_among(link, scope) AS m WHERE m.is_match
        UNION ALL
        SELECT nobody, t.id, ARRAY[t.population::text] || t.segments::text[], NULL, '', NULL, now()
          FROM overlaps_account t
         WHERE t.tenant_id = discloser AND NOT t.is_private AND t.gone_at IS NULL AND everybody <> '{}'
           AND (t.population = ANY (everybody) OR t.segments && everybody::varchar[])
           AND (scope IS NULL OR t.id = ANY (scope))
           AND NOT (inviting AND EXISTS (
               SELECT FROM overlaps_match m WHERE m.connection_id = link AND m.is_match AND m.b = t.id))
           AND NOT (NOT inviting AND EXISTS (
               SELECT FROM overlaps_match m WHERE m.connection_id = link AND m.is_match AND m.a = t.id))
    ), shown AS MATERIALIZED (
        SELECT p.populations, s.* FROM (SELECT DISTINCT populations FROM pairs) AS p, overlaps_shown(rules, p.populations) AS s
    )
    SELECT p.mine, p.id, p.company, coalesce(m.population, '') AS my_population,
           coalesce(m.segments, '{}') AS my_segments, s.population AS their_population,
           s.segments::varchar[] AS their_segments, t.name,
           CASE WHEN 'domain' = ANY (s.fields) THEN t.domain ELSE '' END AS domain,
           CASE WHEN 'country' = ANY (s.fields) THEN t.country ELSE '' END AS country,
           CASE WHEN 'owner_name' = ANY (s.fields) THEN t.owner_name ELSE '' END AS owner_name,
           CASE WHEN 'stage' = ANY (s.fields) THEN t.stage ELSE '' END AS stage,
           CASE WHEN 'amount' = ANY (s.fields) THEN t.amount END AS amount,
           CASE WHEN 'amount' = ANY (s.fields) THEN t.currency ELSE '' END AS currency,
           CASE WHEN 'company_number' = ANY (s.fields) THEN t.company_number ELSE '' END AS company_number,
           CASE WHEN 'tags' = ANY (s.fields) THEN t.tags ELSE '{}' END AS tags,
           CASE WHEN t.extra = '{}' THEN t.extra ELSE (
               SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(t.extra)
                WHERE 'extra:' || key = ANY (s.fields)) END AS extra,
           p.rule, p.confidence, p.found_at, s.until,
           CASE p.rule WHEN 'number' THEN m.number_key WHEN 'domain' THEN m.domain_key
                       WHEN 'domain_only' THEN m.domain_key ELSE coalesce(m.name_key, '') END AS my_key,
           CASE WHEN p.rule = '' THEN ''
                WHEN p.rule = 'number' THEN
                     CASE WHEN 'company_number' = ANY (s.fields) THEN t.number_key ELSE '' END
                WHEN p.rule IN ('domain', 'domain_only') THEN
                     CASE WHEN 'domain' = ANY (s.fields) THEN t.domain_key ELSE '' END
                ELSE t.name_key END AS their_key,
           CASE WHEN r.one = p.mine THEN r.one_by WHEN r.other = p.mine THEN r.other_by ELSE '' END AS confirmed_by,
           there.id AS row
      FROM pairs p
      JOIN shown s ON s.populations = p.populations
      JOIN overlaps_account t ON t.tenant_id = discloser AND t.id = p.id
      LEFT JOIN overlaps_account m ON m.tenant_id = viewer AND m.id = p.mine
      LEFT JOIN overlaps_ruling r ON r.one = least(p.mine, p.id) AND r.other = greatest(p.mine, p.id)
      LEFT JOIN overlaps_overlap there
        ON there.tenant_id = viewer AND there.partner_id = them AND there.their_account_id = p.id
       AND coalesce(there.account_id, nobody) = p.mine;
    ANALYZE overlaps_wanted;

    DELETE FROM overlaps_overlap o
     USING (SELECT overlaps_rows_of(viewer, them, scope) AS id EXCEPT SELECT row FROM overlaps_wanted) AS gone
     WHERE o.tenant_id = viewer AND o.id = gone.id;
    UPDATE overlaps_overlap o
       SET company = w.company, my_population = w.my_population, my_segments = w.my_segments,
           their_population = w.their_population, their_segments = w.their_segments, name = w.name,
           domain = w.domain, country = w.country, owner_name = w.owner_name, stage = w.stage, amount = w.amount,
           currency = w.currency, company_number = w.company_number, tags = w.tags, extra = w.extra, rule = w.rule,
           confidence = w.confidence, my_key = w.my_key, their_key = w.their_key, confirmed_by = w.confirmed_by,
           until = w.until, version = present_version
      FROM overlaps_wanted w
     WHERE o.tenant_id = viewer AND o.id = w.row
       AND (o.company, o.my_population, o.my_segments, o.their_population, o.their_segments, o.name, o.domain,
            o.country, o.owner_name, o.stage, o.amount, o.currency, o.company_number, o.tags, o.extra, o.rule,
            o.confidence, o.my_key, o.their_key, o.confirmed_by, o.until, o.version)
           IS DISTINCT FROM
           (w.company, w.my_population, w.my_segments, w.their_population, w.their_segments, w.name, w.domain,
            w.country, w.owner_name, w.stage, w.amount, w.currency, w.company_number, w.tags, w.extra, w.rule,
            w.confidence, w.my_key, w.their_key, w.confirmed_by, w.until, present_version);
    INSERT INTO overlaps_overlap (
           tenant_id, id, partner_id, account_id, their_account_id, company, my_population, my_segments,
           their_population, their_segments, name, domain, country, owner_name, stage, amount, currency,
           company_number, tags, extra, rule, confidence, my_key, their_key, confirmed_by, state, version, until,
           found_at, shown_at)
    SELECT viewer, gen_random_uuid(), them, nullif(w.mine, nobody), w.id, w.company, w.my_population, w.my_segments,
           w.their_population, w.their_segments, w.name, w.domain, w.country, w.owner_name, w.stage, w.amount,
           w.currency, w.company_number, w.tags, w.extra, w.rule, w.confidence, w.my_key, w.their_key,
           w.confirmed_by, coalesce(k.state, 'open'), present_version, w.until, w.found_at, now()
      FROM overlaps_wanted w
      LEFT JOIN overlaps_mark k
        ON k.tenant_id = viewer AND k.partner_id = them AND k.their_account_id = w.id
       AND k.account_id IS NOT DISTINCT FROM nullif(w.mine, nobody)
     WHERE w.row IS NULL
     ORDER BY w.found_at, w.id LIMIT allowance;
    GET DIAGNOSTICS added = ROW_COUNT;
    IF allowance IS NOT NULL AND added > 0 THEN
        INSERT INTO overlaps_probeday AS p (connection_id, tenant_id, day, small_edits, accounts, hits, shown)
        VALUES (link, viewer, current_date, 0, 0, 0, added)
            ON CONFLICT (connection_id, tenant_id, day) DO UPDATE SET shown = p.shown + excluded.shown;
    END IF;
    IF added > 10000 THEN
        PERFORM overlaps_analyse();
    END IF;
    IF added = allowance THEN
        PERFORM overlaps_raise(discloser, us, 'growth', jsonb_build_object('shown today', allowance));
    END IF;
    DROP TABLE overlaps_wanted;
END $$;

-- The same for all accounts: by hash joins, also where the planner takes a list that has just come for a handful of rows.
CREATE FUNCTION overlaps_show_all(
    link uuid, inviting boolean, viewer uuid, discloser uuid, them uuid, us uuid, rules jsonb, present_version integer
) RETURNS void LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    PERFORM overlaps_show(link, inviting, viewer, discloser, them, us, rules, present_version, NULL);
END $$;

-- The viewer's rows about this partner that speak of these accounts, its own or theirs; NULL: all of them.
CREATE FUNCTION overlaps_rows_of(viewer uuid, them uuid, scope uuid[]) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
    SELECT o.id FROM overlaps_overlap o WHERE o.tenant_id = viewer AND o.partner_id = them AND scope IS NULL
    UNION
    SELECT there.id FROM unnest(scope) AS s CROSS JOIN LATERAL (
           SELECT o.id FROM overlaps_overlap o
            WHERE o.tenant_id = viewer AND o.account_id = s AND o.partner_id = them OFFSET 0) AS there
    UNION
    SELECT there.id FROM unnest(scope) AS s CROSS JOIN LATERAL (
           SELECT o.id FROM overlaps_overlap o
            WHERE o.tenant_id = viewer AND o.partner_id = them AND o.their_account_id = s OFFSET 0) AS there
$$;

-- How many accounts this viewer may newly see today, because its list grew; NULL: as many as there are. What the
-- discloser itself does is never held back. What was shown today and has gone since counts: else one account after the
-- other could be looked up.
CREATE FUNCTION overlaps_allowance(viewer uuid, discloser uuid, link uuid) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT greatest(0, s.growth_cap - coalesce((
                   SELECT p.shown FROM overlaps_probeday p
                    WHERE p.connection_id = link AND p.tenant_id = viewer AND p.day = current_date), 0))
          FROM overlaps_matchsettings s
         WHERE s.tenant_id = discloser AND s.growth_cap IS NOT NULL
           AND discloser IS DISTINCT FROM NULLIF(current_setting('app.tenant_id', true), '')::uuid);
END $$;

-- Of the viewer's accounts, those that may be one of theirs: only where both show each other the names of both accounts,
-- so that neither learns of a thing that it would not be shown.
CREATE FUNCTION overlaps_suggest(
    link uuid, inviting boolean, viewer uuid, discloser uuid, them uuid, us uuid, rules jsonb, present_version integer,
    scope uuid[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    our_rules CONSTANT jsonb := overlaps_rules(viewer, them);
BEGIN
    DELETE FROM overlaps_suggestion s
     WHERE s.tenant_id = viewer AND s.partner_id = them AND (scope IS NULL OR s.account_id = ANY (scope));
    INSERT INTO overlaps_suggestion (
           tenant_id, id, partner_id, account_id, rule, confidence, we_say, version, until, found_at)
    SELECT viewer, overlaps_pair_of(m.a, m.b), them, mine.account, m.rule, m.confidence,
           coalesce(CASE WHEN r.one = mine.account THEN r.one_says ELSE r.other_says END, 0),
           present_version, least(theirs_shown.until, ours_shown.until), m.found_at
      FROM overlaps_among(link, scope) AS m
     CROSS JOIN LATERAL (SELECT CASE WHEN inviting THEN m.a ELSE m.b END AS account,
                                CASE WHEN inviting THEN m.a_populations ELSE m.b_populations END AS our_populations,
                                CASE WHEN inviting THEN m.b_populations ELSE m.a_populations END AS their_populations) AS mine
     CROSS JOIN LATERAL overlaps_shown(rules, mine.their_populations) AS theirs_shown
     CROSS JOIN LATERAL overlaps_shown(our_rules, mine.our_populations) AS ours_shown
      LEFT JOIN overlaps_ruling r ON r.one = least(m.a, m.b) AND r.other = greatest(m.a, m.b)
     WHERE NOT m.is_match;
END $$;

-- The viewer's cells of the matrix.
CREATE FUNCTION overlaps_tell_counts(
    link uuid, inviting boolean, viewer uuid, them uuid, rules jsonb, present_version integer
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    stands CONSTANT interval := CASE WHEN overlaps_is_probing(link, viewer) THEN '7 days' ELSE '1 day' END;
BEGIN
    CREATE TEMPORARY TABLE overlaps_told ON COMMIT DROP AS
    WITH cells AS (
        SELECT CASE WHEN inviting THEN a_population ELSE b_population END AS mine,
               CASE WHEN inviting THEN b_population ELSE a_population END AS theirs,
               CASE WHEN inviting THEN a_accounts ELSE b_accounts END AS my_accounts,
               CASE WHEN inviting THEN b_accounts ELSE a_accounts END AS their_accounts,
               companies, CASE WHEN inviting THEN a_amount ELSE b_amount END AS amount
          FROM overlaps_cell WHERE connection_id = link
    ), standard AS (
        SELECT unnest(ARRAY['customers', 'open_opportunities', 'prospects']) AS mine
    ), wanted AS (
        SELECT s.mine, r.population AS theirs, r.level, r.until
          FROM jsonb_to_recordset(rules) AS r(population text, level text, until date) CROSS JOIN standard s
        UNION
        -- Populations of our own making only where names are shown: who makes them at will could count one account.
        SELECT c.mine, r.population, r.level, r.until
          FROM jsonb_to_recordset(rules) AS r(population text, level text, until date)
          JOIN cells c ON c.theirs = r.population WHERE r.level <> 'counts'
    )
    SELECT w.mine, w.theirs, w.level, w.until, coalesce(c.my_accounts, 0) AS my_accounts,
           coalesce(c.their_accounts, 0) AS their_accounts, coalesce(c.companies, 0) AS companies,
           CASE WHEN w.level <> 'counts' THEN coalesce(c.amount, 0) END AS amount
      FROM wanted w LEFT JOIN cells c ON c.mine = w.mine AND c.theirs = w.theirs;

    DELETE FROM overlaps_overlapcount c
     WHERE c.tenant_id = viewer AND c.partner_id = them AND NOT EXISTS (
           SELECT FROM overlaps_told t WHERE t.mine = c.my_population AND t.theirs = c.their_population);
    INSERT INTO overlaps_overlapcount AS c (
           tenant_id, id, partner_id, my_population, their_population, level, mine, theirs, companies, amount,
           version, until, taken_at)
    SELECT viewer, gen_random_uuid(), them, t.mine, t.theirs, t.level,
           CASE WHEN t.level = 'counts' THEN t.my_accounts / 5 * 5 ELSE t.my_accounts END,
           CASE WHEN t.level = 'counts' THEN t.their_accounts / 5 * 5 ELSE t.their_accounts END,
           CASE WHEN t.level = 'counts' THEN t.companies / 5 * 5 ELSE t.companies END,
           t.amount, present_version, t.until, now()
      FROM overlaps_told t
        ON CONFLICT (tenant_id, partner_id, my_population, their_population) DO UPDATE
       SET level = excluded.level, version = excluded.version, until = excluded.until, amount = excluded.amount,
           mine = CASE WHEN c.level = 'counts' AND excluded.level = 'counts' AND c.taken_at > now() - stands
                       THEN c.mine ELSE excluded.mine END,
           theirs = CASE WHEN c.level = 'counts' AND excluded.level = 'counts' AND c.taken_at > now() - stands
                         THEN c.theirs ELSE excluded.theirs END,
           companies = CASE WHEN c.level = 'counts' AND excluded.level = 'counts' AND c.taken_at > now() - stands
                            THEN c.companies ELSE excluded.companies END,
           taken_at = CASE WHEN c.level = 'counts' AND excluded.level = 'counts' AND c.taken_at > now() - stands
                           THEN c.taken_at ELSE excluded.taken_at END;
    DROP TABLE overlaps_told;
END $$;

-- -- alarms ---------------------------------------------------------------------------------------------------------

CREATE FUNCTION overlaps_raise(owner uuid, partner uuid, what text, facts jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO overlaps_alarm (tenant_id, id, partner_id, kind, figures, day, at, dismissed_by)
    VALUES (owner, gen_random_uuid(), partner, what, facts, current_date, now(), '')
        ON CONFLICT (tenant_id, partner_id, kind, day) DO UPDATE SET figures = excluded.figures
$$;

-- Many small changes of its list within a week: then counts stand still for a week, too.
CREATE FUNCTION overlaps_is_probing(link uuid, prober uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(small_edits), 0) > 100 FROM overlaps_probeday
     WHERE connection_id = link AND tenant_id = prober AND day > current_date - 7
$$;

-- After a change of its list: is this workspace finding out what stands in the other one?
CREATE FUNCTION overlaps_watch(link partners_connection, prober uuid, touched uuid[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    changed integer := cardinality(touched);
    hits integer;
    owner CONSTANT uuid := CASE WHEN prober = link.inviter_id THEN link.invitee_id ELSE link.inviter_id END;
    us uuid;
    today overlaps_probeday;
    before record;
BEGIN
    IF touched IS NULL THEN
        SELECT sum(accounts) INTO changed FROM overlaps_populationsize WHERE tenant_id = prober AND population !~ '^c\d';
    END IF;
    IF prober = link.inviter_id THEN
        SELECT count(DISTINCT m.a) INTO hits FROM overlaps_match m
         WHERE m.connection_id = link.id AND m.is_match AND (touched IS NULL OR m.a = ANY (touched));
    ELSE
        SELECT count(DISTINCT m.b) INTO hits FROM overlaps_match m
         WHERE m.connection_id = link.id AND m.is_match AND (touched IS NULL OR m.b = ANY (touched));
    END IF;
    INSERT INTO overlaps_probeday AS p (connection_id, tenant_id, day, small_edits, accounts, hits)
    VALUES (link.id, prober, current_date, CASE WHEN changed <= 20 THEN 1 ELSE 0 END, changed, hits)
        ON CONFLICT (connection_id, tenant_id, day) DO UPDATE
       SET small_edits = p.small_edits + excluded.small_edits, accounts = p.accounts + excluded.accounts,
           hits = p.hits + excluded.hits
    RETURNING * INTO today;
    SELECT id INTO us FROM partners_partner WHERE tenant_id = owner AND connection_id = link.id;
    IF us IS NULL OR overlaps_rules(owner, us) = '[]' THEN
        RETURN;
    END IF;
    IF overlaps_is_probing(link.id, prober) THEN
        PERFORM overlaps_raise(owner, us, 'small_edits', jsonb_build_object('changes today', today.small_edits));
    END IF;
    SELECT coalesce(sum(accounts), 0) AS accounts, coalesce(sum(p.hits), 0) AS hits INTO before
      FROM overlaps_probeday p WHERE connection_id = link.id AND tenant_id = prober AND day < current_date;
    IF changed >= 50 AND before.accounts >= 200 AND hits > changed * 0.3
       AND hits::float / changed > 3 * greatest(before.hits::float / before.accounts, 0.01) THEN
        PERFORM overlaps_raise(owner, us, 'hit_rate', jsonb_build_object(
            'changed accounts', changed, 'of them in your list', round(hits::numeric / 5) * 5));
    END IF;
    IF changed >= 5000 AND NOT EXISTS (
           SELECT FROM overlaps_account a WHERE a.tenant_id = prober
              AND (a.owner_name <> '' OR a.stage <> '' OR a.amount IS NOT NULL) LIMIT 1) THEN
        PERFORM overlaps_raise(owner, us, 'directory', jsonb_build_object('accounts', changed));
    END IF;
END $$;
