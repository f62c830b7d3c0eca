-- What a change of rules would do, in numbers, before it is decided. They count a partner's list against ours, so they
-- are exact only for who sees that list's names anyway; see docs/sharing.md.

-- Does this workspace see every match with the other one, each at the moment it is made? Asked of rules and settings,
-- never of the lists: else the answer itself would tell of them.
CREATE FUNCTION overlaps_sees_all(link partners_connection, looker uuid, other uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT link.state = 'active'
       AND (SELECT count(*) FROM partners_partner p
              JOIN jsonb_to_recordset(overlaps_rules(other, p.id)) AS r(population text, level text) ON true
             WHERE p.tenant_id = other AND p.connection_id = link.id AND r.level IN ('overlaps', 'all')
               AND r.population IN ('customers', 'open_opportunities', 'prospects')) = 3
       AND NOT EXISTS (SELECT FROM overlaps_matchsettings s WHERE s.tenant_id = other AND s.growth_cap IS NOT NULL)
$$;

-- How many accounts of our standard populations the partner has too: rounded down to fives, all three taken at one
-- moment, and the same for a day; for a week, where the asking list changes as if somebody were probing.
CREATE FUNCTION overlaps_freeze(link uuid, asker uuid, inviting boolean) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    stands CONSTANT interval := CASE WHEN overlaps_is_probing(link, asker) THEN '7 days' ELSE '1 day' END;
    taken timestamptz;
BEGIN
    -- Of two that ask at once, the second is told what the first one was.
    PERFORM pg_advisory_xact_lock(hashtextextended('overlaps:frozen:' || link || asker, 0));
    SELECT min(f.taken_at) INTO taken FROM overlaps_frozencount f WHERE f.connection_id = link AND f.tenant_id = asker;
    IF taken > now() - stands THEN
        RETURN taken;
    END IF;
    INSERT INTO overlaps_frozencount AS f (connection_id, tenant_id, population, accounts, taken_at)
    SELECT link, asker, s.population, coalesce(k.accounts, 0) / 5 * 5, now()
      FROM unnest(ARRAY['customers', 'open_opportunities', 'prospects']) AS s(population)
      LEFT JOIN (SELECT a.population, count(*) AS accounts FROM overlaps_account a
                  WHERE a.tenant_id = asker AND EXISTS (
                        SELECT FROM overlaps_match m WHERE m.connection_id = link AND m.is_match
                           AND CASE WHEN inviting THEN m.a = a.id ELSE m.b = a.id END)
                  GROUP BY a.population) AS k USING (population)
        ON CONFLICT (connection_id, tenant_id, population) DO UPDATE
       SET accounts = excluded.accounts, taken_at = excluded.taken_at;
    RETURN now();
END $$;

-- By population of ours, in accounts: how many the partner would newly see, would see no more, and would see with more
-- fields. Each is at least and at most; the two are one number where that is known, or no secret. `moving`: accounts that
-- enter or leave the population `mover`; then only of them.
CREATE FUNCTION overlaps_dry_run(the_partner uuid, proposed jsonb, moving uuid[], mover text)
RETURNS TABLE (population text, newly_least bigint, newly_most bigint, gone_least bigint, gone_most bigint,
               more_least bigint, more_most bigint, fields text[], is_exact boolean, counted_at timestamptz)
LANGUAGE plpgsql SET work_mem = '64MB' AS $$
DECLARE
    here CONSTANT uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
    link partners_connection;
    present CONSTANT jsonb := overlaps_rules(here, the_partner);
    viewer uuid;
    them uuid;
    inviting boolean;
    live boolean;   -- connected, and not paused: the partner sees something now
    exact boolean;
    frozen timestamptz;
BEGIN
    SELECT c.* INTO link FROM partners_connection c JOIN partners_partner p ON p.connection_id = c.id
     WHERE p.tenant_id = here AND p.id = the_partner AND here IN (c.inviter_id, c.invitee_id);
    inviting := here = link.inviter_id;
    viewer := CASE WHEN inviting THEN link.invitee_id ELSE link.inviter_id END;
    SELECT id INTO them FROM partners_partner p WHERE p.tenant_id = viewer AND p.connection_id = link.id;
    live := coalesce(link.state = 'active' AND NOT link.is_offline, false);
    exact := live AND overlaps_sees_all(link, here, viewer);
    IF live AND NOT exact THEN
        frozen := overlaps_freeze(link.id, here, inviting);
    END IF;
    RETURN QUERY
    WITH seen AS (
        SELECT DISTINCT o.their_account_id AS id FROM overlaps_overlap o
         WHERE o.tenant_id = viewer AND o.partner_id = them AND (o.until IS NULL OR o.until >= current_date)
    ), known AS (
        SELECT DISTINCT CASE WHEN inviting THEN m.a ELSE m.b END AS id FROM overlaps_match m
         WHERE m.connection_id = link.id AND m.is_match AND exact
    ), kinds AS (
        SELECT ARRAY[a.population::text] || a.segments::text[] AS populations,
               CASE WHEN v.id IS NULL THEN NULL
                    WHEN mover = ANY (a.segments) THEN array_remove(ARRAY[a.population::text] || a.segments::text[], mover)
                    ELSE ARRAY[a.population::text] || a.segments::text[] || mover END AS moved,
               s.id IS NOT NULL AS is_seen, k.id IS NOT NULL AS is_known, count(*) AS accounts
          FROM overlaps_account a LEFT JOIN seen s ON s.id = a.id LEFT JOIN known k ON k.id = a.id
          LEFT JOIN unnest(moving) AS v(id) ON v.id = a.id
         WHERE a.tenant_id = here AND NOT a.is_private AND a.gone_at IS NULL
         GROUP BY 1, 2, 3, 4
    ), judged AS (
        -- Is it seen then? NULL: we may not know. Where nothing is seen now, as if the partner had all that we have.
        SELECT k.accounts, k.populations, moving IS NULL OR k.moved IS NOT NULL AS counts,
               CASE WHEN live THEN k.is_seen ELSE b.fields IS NOT NULL END AS now,
               CASE WHEN n.fields IS NULL THEN false WHEN n.everybody OR NOT live THEN true WHEN exact THEN k.is_known
                    WHEN k.is_seen AND NOT b.everybody THEN true END AS after,
               k.is_seen AND NOT b.everybody AS is_no_secret,
               b.fields AS old_fields, n.fields AS new_fields
          FROM kinds k
          LEFT JOIN LATERAL overlaps_shown(present, k.populations) b ON true
          LEFT JOIN LATERAL overlaps_shown(proposed, coalesce(k.moved, k.populations)) n ON true
    ), told AS (
        SELECT p.name, coalesce(sum(j.accounts) FILTER (WHERE NOT j.now AND j.after), 0)::bigint AS newly,
               coalesce(sum(j.accounts) FILTER (WHERE NOT j.now AND j.after IS NULL), 0)::bigint AS maybe_newly,
               coalesce(sum(j.accounts) FILTER (WHERE j.now AND NOT j.after), 0)::bigint AS gone,
               coalesce(sum(j.accounts) FILTER (WHERE j.now AND j.after IS NULL), 0)::bigint AS maybe_gone,
               coalesce(sum(j.accounts) FILTER (WHERE j.now AND j.after AND NOT j.new_fields <@ j.old_fields), 0)::bigint AS more,
               coalesce(sum(j.accounts) FILTER (WHERE j.now AND j.after IS NULL AND NOT j.new_fields <@ j.old_fields), 0)::bigint
                   AS maybe_more,
               coalesce(sum(j.accounts) FILTER (WHERE j.is_no_secret), 0)::bigint AS no_secret,
               coalesce(sum(j.accounts) FILTER (WHERE j.is_no_secret IS NOT TRUE), 0)::bigint AS secret,
               (SELECT array_agg(DISTINCT f) FROM judged g, unnest(g.new_fields) AS f
                 WHERE p.name = ANY (g.populations) AND g.counts AND g.after IS NOT FALSE
                   AND NOT (g.now AND f = ANY (g.old_fields))) AS fields
          FROM judged j, unnest(j.populations) AS p(name) WHERE j.counts GROUP BY p.name
    ), bound AS (
        -- Of those that are a secret, so many does the partner have too, as the frozen count says; else any number of them.
        SELECT t.*, CASE WHEN f.accounts IS NOT NULL THEN greatest(0, f.accounts - t.no_secret) END AS at_least,
               CASE WHEN f.accounts IS NOT NULL THEN greatest(0, f.accounts + 4 - t.no_secret) END AS at_most
          FROM told t LEFT JOIN overlaps_frozencount f
            ON f.connection_id = link.id AND f.tenant_id = here AND f.population = t.name AND frozen IS NOT NULL
           AND moving IS NULL AND EXISTS (
               SELECT FROM jsonb_to_recordset(proposed) AS r(population text, level text)
                WHERE r.population = t.name AND r.level IN ('overlaps', 'all'))
    )
    SELECT b.name,
           CASE WHEN live THEN b.newly + least(b.maybe_newly, greatest(0, coalesce(b.at_least, 0) - (b.secret - b.maybe_newly)))
                ELSE 0 END,
           b.newly + least(b.maybe_newly, coalesce(b.at_most, b.maybe_newly)),
           CASE WHEN live THEN b.gone + b.maybe_gone - least(b.maybe_gone, coalesce(b.at_most, b.maybe_gone)) ELSE 0 END,
           b.gone + b.maybe_gone
               - least(b.maybe_gone, greatest(0, coalesce(b.at_least, 0) - (b.secret - b.maybe_gone))),
           CASE WHEN live THEN b.more ELSE 0 END, b.more + b.maybe_more,
           coalesce(b.fields, '{}'), exact, frozen
      FROM bound b ORDER BY b.name;
END $$;

CREATE FUNCTION overlaps_frozen_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM overlaps_frozencount f WHERE f.connection_id = OLD.id AND (TG_OP = 'DELETE' OR NEW.state = 'ended');
    RETURN NULL;
END $$;

CREATE TRIGGER overlaps_frozen_over AFTER DELETE OR UPDATE OF state ON partners_connection
FOR EACH ROW EXECUTE FUNCTION overlaps_frozen_over();
