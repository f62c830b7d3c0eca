-- What a partner sees of our accounts, asked by us: the disclosed fields of its rows, each account once. Nothing of the
-- partner's own side: neither its account nor whether it has one, where all of ours are shown.
CREATE FUNCTION overlaps_seen_by(the_partner uuid, of_population text, begins text, first integer, size integer)
RETURNS TABLE (
    id uuid, population text, segments text[], name text, domain text, country text, owner_name text, stage text,
    amount numeric, currency text, company_number text, tags text[], extra jsonb, until date, number bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    here CONSTANT uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
    link partners_connection;
    viewer uuid;
    us uuid;  -- the viewer's record of us
BEGIN
    SELECT c.* INTO link FROM partners_partner p JOIN partners_connection c ON c.id = p.connection_id
     WHERE p.tenant_id = here AND p.id = the_partner AND here IN (c.inviter_id, c.invitee_id) AND c.state = 'active';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    viewer := CASE WHEN here = link.inviter_id THEN link.invitee_id ELSE link.inviter_id END;
    -- The rows say which of our accounts the partner has: that is for who is shown all its names, and nobody else.
    IF NOT overlaps_sees_all(link, here, viewer) THEN
        RETURN;
    END IF;
    SELECT p.id INTO us FROM partners_partner p WHERE p.tenant_id = viewer AND p.connection_id = link.id;
    RETURN QUERY
    SELECT s.*, count(*) OVER ()
      FROM (SELECT DISTINCT ON (o.their_account_id)
                   o.their_account_id AS id, o.their_population::text, o.their_segments::text[], o.name::text AS name,
                   o.domain::text, o.country::text, o.owner_name::text, o.stage::text, o.amount, o.currency::text,
                   o.company_number::text, o.tags::text[], o.extra, o.until
              FROM overlaps_overlap o
             WHERE o.tenant_id = viewer AND o.partner_id = us
               AND o.version = CASE WHEN here = link.inviter_id THEN link.inviter_version ELSE link.invitee_version END
               AND (o.until IS NULL OR o.until >= current_date)
               AND (of_population = '' OR o.their_population = of_population OR of_population = ANY (o.their_segments))
               AND (begins = '' OR starts_with(lower(o.name), lower(begins)) OR starts_with(o.domain, lower(begins)))
             ORDER BY o.their_account_id) AS s
     ORDER BY lower(s.name), s.id OFFSET first LIMIT size;
END $$;
