-- What trends are drawn from: for each partner, how its overlaps stand today. Done once an hour, the last time counts.
CREATE FUNCTION overlaps_take_day_figures() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    taken integer;
BEGIN
    WITH link AS (
        SELECT p.tenant_id, p.id, CASE WHEN c.inviter_id = p.tenant_id THEN c.invitee_version ELSE c.inviter_version END AS version
          FROM partners_partner p JOIN partners_connection c ON c.id = p.connection_id
         WHERE c.state = 'active'
    ), told AS (
        SELECT t.tenant_id, t.partner_id, sum(t.number) AS found,
               sum(t.number) FILTER (WHERE t.my_population = 'open_opportunities' AND t.their_population = 'customers') AS asks,
               sum(t.number) FILTER (WHERE t.my_population = 'customers' AND t.their_population = 'open_opportunities') AS offers
          FROM overlaps_tally t JOIN link l ON l.tenant_id = t.tenant_id AND l.id = t.partner_id AND l.version = t.version
         WHERE t.state = 'open' AND NOT t.is_greenfield AND (t.until IS NULL OR t.until >= current_date)
         GROUP BY t.tenant_id, t.partner_id
    ), worth AS (
        SELECT k.tenant_id, k.partner_id, sum(k.amount) AS amount
          FROM overlaps_overlapcount k JOIN link l ON l.tenant_id = k.tenant_id AND l.id = k.partner_id AND l.version = k.version
         WHERE k.my_population = 'open_opportunities' AND k.their_population !~ '^c\d'
           AND (k.until IS NULL OR k.until >= current_date)
         GROUP BY k.tenant_id, k.partner_id
    )
    INSERT INTO overlaps_dayfigure AS d (tenant_id, id, partner_id, day, found, asks, offers, amount)
    SELECT l.tenant_id, gen_random_uuid(), l.id, current_date, coalesce(t.found, 0), coalesce(t.asks, 0),
           coalesce(t.offers, 0), coalesce(w.amount, 0)
      FROM link l
      LEFT JOIN told t ON t.tenant_id = l.tenant_id AND t.partner_id = l.id
      LEFT JOIN worth w ON w.tenant_id = l.tenant_id AND w.partner_id = l.id
     ORDER BY l.tenant_id, l.id
        ON CONFLICT (tenant_id, partner_id, day) DO UPDATE
       SET found = excluded.found, asks = excluded.asks, offers = excluded.offers, amount = excluded.amount
     WHERE (d.found, d.asks, d.offers, d.amount)
           IS DISTINCT FROM (excluded.found, excluded.asks, excluded.offers, excluded.amount);
    GET DIAGNOSTICS taken = ROW_COUNT;
    DELETE FROM overlaps_dayfigure WHERE day < current_date - 400;
    RETURN taken;
END $$;

-- Overlaps by the beginning of the partner's name for the company: LIKE and lower() are not leakproof, so that under the
-- policies no index would serve them. Of the workspace at hand and with these partners; which of them may be seen now, who asks must ask.
CREATE FUNCTION overlaps_named(words text, partners uuid[]) RETURNS SETOF uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT o.id FROM overlaps_overlap o
     WHERE o.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
       AND o.partner_id = ANY (partners)
       AND lower(o.name) COLLATE "C" >= lower(words) COLLATE "C"
       AND lower(o.name) COLLATE "C" < (lower(words) || U&'\+10FFFF') COLLATE "C"
     ORDER BY lower(o.name) COLLATE "C" LIMIT 100;
END $$;
