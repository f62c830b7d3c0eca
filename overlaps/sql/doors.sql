-- What the application may call. Each asks first in which workspace it is called, and whose connection it is.

-- Everything that changed in the list of this workspace since it was last matched. A connection that is being made at
-- this moment is not to be seen yet: the lock, which making one takes too, lets either the new connection find the
-- changed accounts or this function find the new connection. Paused ones are treated too. The order of ids keeps two
-- workspaces that import at once from waiting for each other.
CREATE FUNCTION overlaps_refresh_mine() RETURNS integer LANGUAGE plpgsql
SET work_mem = '64MB' AS $$
DECLARE
    here CONSTANT uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
    link partners_connection;
    touched uuid[];
    keyed integer;
    everything boolean;  -- of a long list: quicker from the ground up
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('overlaps:' || here, 0));
    SELECT count(*) FILTER (WHERE keys) INTO keyed FROM overlaps_touched WHERE tenant_id = here;
    touched := overlaps_take_touched(here);
    IF touched = '{}' THEN
        RETURN 0;
    END IF;
    everything := touched IS NULL;
    PERFORM overlaps_begin();
    FOR link IN
        SELECT * FROM partners_connection c
         WHERE here IN (c.inviter_id, c.invitee_id) AND c.state <> 'ended' ORDER BY c.id FOR UPDATE
    LOOP
        IF everything THEN
            PERFORM overlaps_rematch(link, NULL, NULL);
        ELSIF here = link.inviter_id THEN
            PERFORM overlaps_rematch(link, touched, '{}');
        ELSE
            PERFORM overlaps_rematch(link, '{}', touched);
        END IF;
        IF keyed > 0 THEN
            PERFORM overlaps_watch(link, here, touched);
        END IF;
    END LOOP;
    PERFORM overlaps_done();
    RETURN coalesce(cardinality(touched), -1);
END $$;

-- One connection from the ground up: for a change of settings, or to check.
CREATE FUNCTION overlaps_refresh(the_connection uuid) RETURNS void LANGUAGE plpgsql SET work_mem = '64MB' AS $$
DECLARE
    link partners_connection := overlaps_own_connection(the_connection);
BEGIN
    PERFORM overlaps_begin();
    PERFORM overlaps_rematch(link, NULL, NULL);
    PERFORM overlaps_done();
END $$;

-- This role sees every connection: whose it is must be asked here. "Not yours" and "not there" are one answer.
CREATE FUNCTION overlaps_own_connection(the_connection uuid) RETURNS partners_connection LANGUAGE plpgsql AS $$
DECLARE
    here CONSTANT uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
    link partners_connection;
BEGIN
    SELECT * INTO link FROM partners_connection c
     WHERE c.id = the_connection AND here IN (c.inviter_id, c.invitee_id) FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'No such connection in this workspace.' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN link;
END $$;

-- The clock: counts that were frozen more than a day ago, what a rule showed until yesterday, what a growth cap held
-- back, what was touched and never matched. How many connections were treated; 0 when none is left.
CREATE FUNCTION overlaps_refresh_stale(batch integer) RETURNS integer LANGUAGE plpgsql SET work_mem = '64MB' AS $$
DECLARE
    link partners_connection;
    treated integer := 0;
BEGIN
    FOR link IN
        SELECT * FROM partners_connection c
         WHERE c.state = 'active' AND EXISTS (
               SELECT FROM partners_partner p
                WHERE p.tenant_id IN (c.inviter_id, c.invitee_id) AND p.connection_id = c.id AND (
                      EXISTS (
                      SELECT FROM overlaps_overlapcount k
                       WHERE k.tenant_id = p.tenant_id AND k.partner_id = p.id AND (k.until < current_date OR
                             k.level = 'counts' AND k.taken_at <= now() - CASE
                                 WHEN overlaps_is_probing(c.id, p.tenant_id) THEN interval '7 days' ELSE interval '1 day' END))
                      OR EXISTS (
                      SELECT FROM overlaps_tally t
                       WHERE t.tenant_id = p.tenant_id AND t.partner_id = p.id AND t.until < current_date AND t.number > 0)
                      OR EXISTS (
                      SELECT FROM overlaps_alarm a
                       WHERE a.tenant_id = p.tenant_id AND a.partner_id = p.id AND a.kind = 'growth'
                         AND a.day = current_date - 1 AND NOT a.figures ? 'released')))
         ORDER BY c.id LIMIT batch FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM overlaps_disclose(link, link.inviter_id, NULL);
        PERFORM overlaps_disclose(link, link.invitee_id, NULL);
        UPDATE overlaps_alarm a SET figures = figures || '{"released": true}'
          FROM partners_partner p
         WHERE p.tenant_id IN (link.inviter_id, link.invitee_id) AND p.connection_id = link.id
           AND a.tenant_id = p.tenant_id AND a.partner_id = p.id AND a.kind = 'growth' AND a.day < current_date;
        treated := treated + 1;
    END LOOP;
    RETURN treated;
END $$;

CREATE FUNCTION overlaps_connection_changed() RETURNS trigger LANGUAGE plpgsql SET work_mem = '64MB' AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM overlaps_match WHERE connection_id = OLD.id;
        DELETE FROM overlaps_cell WHERE connection_id = OLD.id;
        DELETE FROM overlaps_probeday WHERE connection_id = OLD.id;
        RETURN NULL;
    END IF;
    IF TG_OP = 'INSERT' THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('overlaps:' || least(NEW.inviter_id, NEW.invitee_id), 0));
        PERFORM pg_advisory_xact_lock(hashtextextended('overlaps:' || greatest(NEW.inviter_id, NEW.invitee_id), 0));
        PERFORM overlaps_begin();
        PERFORM overlaps_rematch(NEW, NULL, NULL);
        PERFORM overlaps_done();
    ELSE
        PERFORM overlaps_disclose(NEW, NEW.inviter_id, NULL);
        PERFORM overlaps_disclose(NEW, NEW.invitee_id, NULL);
    END IF;
    IF NEW.state = 'ended' THEN
        DELETE FROM overlaps_match WHERE connection_id = NEW.id;
        DELETE FROM overlaps_cell WHERE connection_id = NEW.id;
        DELETE FROM overlaps_probeday WHERE connection_id = NEW.id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER overlaps_connection_changed
AFTER INSERT OR DELETE OR UPDATE OF state, inviter_version, invitee_version ON partners_connection
FOR EACH ROW EXECUTE FUNCTION overlaps_connection_changed();

-- -- what people say --------------------------------------------------------------------------------------------------

-- Of an overlap that this workspace sees. Gives back the pair.
CREATE FUNCTION overlaps_judge(the_overlap uuid, says smallint, who text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    here CONSTANT uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
    seen overlaps_overlap;
BEGIN
    SELECT * INTO seen FROM overlaps_overlap o
     WHERE o.tenant_id = here AND o.id = the_overlap AND o.account_id IS NOT NULL;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN overlaps_decide(seen.partner_id, seen.account_id, seen.their_account_id, says, who);
END $$;

-- An account of ours, and one that a partner shows us and that we have not got so far.
CREATE FUNCTION overlaps_match_by_hand(the_overlap uuid, account uuid, who text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    here CONSTANT uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
    seen overlaps_overlap;
BEGIN
    SELECT * INTO seen FROM overlaps_overlap o
     WHERE o.tenant_id = here AND o.id = the_overlap AND o.account_id IS NULL;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM overlaps_account a WHERE a.tenant_id = here AND a.id = account) THEN
        RETURN NULL;
    END IF;
    RETURN overlaps_decide(seen.partner_id, account, seen.their_account_id, 2::smallint, who);
END $$;

CREATE FUNCTION overlaps_answer(the_suggestion uuid, says smallint, who text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    here CONSTANT uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
    seen overlaps_suggestion;
    theirs uuid;
BEGIN
    SELECT * INTO seen FROM overlaps_suggestion s WHERE s.tenant_id = here AND s.id = the_suggestion;
    SELECT CASE WHEN m.a = seen.account_id THEN m.b ELSE m.a END INTO theirs
      FROM overlaps_match m JOIN partners_partner p ON p.tenant_id = here AND p.id = seen.partner_id
     WHERE m.connection_id = p.connection_id AND seen.account_id IN (m.a, m.b)
       AND overlaps_pair_of(m.a, m.b) = the_suggestion;
    IF theirs IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN overlaps_decide(seen.partner_id, seen.account_id, theirs, says, who);
END $$;

-- What this workspace said of a pair of one of its accounts is unsaid.
CREATE FUNCTION overlaps_take_back(account uuid, pair uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    here CONSTANT uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
    said overlaps_ruling;
    link partners_connection;
BEGIN
    SELECT * INTO said FROM overlaps_ruling r
     WHERE account IN (r.one, r.other) AND overlaps_pair_of(r.one, r.other) = pair FOR UPDATE;
    IF NOT FOUND OR NOT EXISTS (
           SELECT FROM overlaps_verdict v WHERE v.tenant_id = here AND v.pair = overlaps_take_back.pair
              AND v.account_id = account) THEN
        RETURN false;
    END IF;
    UPDATE overlaps_ruling r
       SET one_says = CASE WHEN r.one = account THEN 0 ELSE r.one_says END,
           other_says = CASE WHEN r.other = account THEN 0 ELSE r.other_says END
     WHERE r.one = said.one AND r.other = said.other;
    PERFORM overlaps_begin();
    FOR link IN
        SELECT c.* FROM partners_connection c JOIN partners_partner p ON p.connection_id = c.id
          JOIN overlaps_verdict v ON v.tenant_id = p.tenant_id AND v.partner_id = p.id
         WHERE v.tenant_id = here AND v.pair = overlaps_take_back.pair AND c.state <> 'ended' FOR UPDATE OF c
    LOOP
        IF here = link.inviter_id THEN
            PERFORM overlaps_rematch(link, ARRAY[account], '{}');
        ELSE
            PERFORM overlaps_rematch(link, '{}', ARRAY[account]);
        END IF;
    END LOOP;
    PERFORM overlaps_done();
    RETURN true;
END $$;

CREATE FUNCTION overlaps_decide(the_partner uuid, mine uuid, theirs uuid, says smallint, who text) RETURNS uuid
LANGUAGE plpgsql AS $$
DECLARE
    here CONSTANT uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
    link partners_connection := overlaps_own_connection(
        (SELECT connection_id FROM partners_partner WHERE tenant_id = here AND id = the_partner));
    mine_first CONSTANT boolean := mine < theirs;
    my_signature bigint;
    their_signature bigint;
BEGIN
    SELECT overlaps_signature(a) INTO my_signature FROM overlaps_account a WHERE a.tenant_id = here AND a.id = mine;
    SELECT overlaps_signature(t) INTO their_signature FROM overlaps_account t
     WHERE t.tenant_id = CASE WHEN here = link.inviter_id THEN link.invitee_id ELSE link.inviter_id END AND t.id = theirs;
    INSERT INTO overlaps_ruling AS r (
           one, other, one_says, other_says, one_by, other_by, one_signature, other_signature)
    VALUES (least(mine, theirs), greatest(mine, theirs),
            CASE WHEN mine_first THEN says ELSE 0 END, CASE WHEN mine_first THEN 0 ELSE says END,
            CASE WHEN mine_first THEN who ELSE '' END, CASE WHEN mine_first THEN '' ELSE who END,
            CASE WHEN mine_first THEN my_signature ELSE their_signature END,
            CASE WHEN mine_first THEN their_signature ELSE my_signature END)
        ON CONFLICT (one, other) DO UPDATE
       SET one_says = CASE WHEN mine_first THEN says ELSE r.one_says END,
           other_says = CASE WHEN mine_first THEN r.other_says ELSE says END,
           one_by = CASE WHEN mine_first THEN who ELSE r.one_by END,
           other_by = CASE WHEN mine_first THEN r.other_by ELSE who END,
           one_signature = excluded.one_signature, other_signature = excluded.other_signature;
    PERFORM overlaps_begin();
    IF here = link.inviter_id THEN
        PERFORM overlaps_rematch(link, ARRAY[mine], '{}');
    ELSE
        PERFORM overlaps_rematch(link, '{}', ARRAY[mine]);
    END IF;
    PERFORM overlaps_done();
    RETURN overlaps_pair_of(mine, theirs);
END $$;

-- Accounts of this workspace are one from now on: what both sides said of any of them, and how they marked it, is said
-- of the one that stays, and a veto holds. Called when that one is written and the others are about to go.
CREATE FUNCTION overlaps_merge_rulings(keep uuid, gone uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    here CONSTANT uuid := NULLIF(current_setting('app.tenant_id', true), '')::uuid;
    merged CONSTANT uuid[] := array_append(gone, keep);
BEGIN
    IF EXISTS (SELECT FROM unnest(merged) AS m(id)
                WHERE NOT EXISTS (SELECT FROM overlaps_account a WHERE a.tenant_id = here AND a.id = m.id)) THEN
        RAISE EXCEPTION 'No such account in this workspace.' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM partners_connection c WHERE here IN (c.inviter_id, c.invitee_id) ORDER BY c.id FOR UPDATE;

    CREATE TEMPORARY TABLE overlaps_said ON COMMIT DROP AS
    SELECT mine, theirs, overlaps_pair_of(mine, theirs) AS pair, r.*
      FROM overlaps_ruling r
     CROSS JOIN LATERAL (SELECT CASE WHEN r.one = ANY (merged) THEN r.one ELSE r.other END AS mine,
                                CASE WHEN r.one = ANY (merged) THEN r.other ELSE r.one END AS theirs) AS sides
     WHERE r.one = ANY (merged) OR r.other = ANY (merged);
    DELETE FROM overlaps_ruling r USING overlaps_said s WHERE r.one = s.one AND r.other = s.other;
    INSERT INTO overlaps_ruling (one, other, one_says, other_says, one_by, other_by, one_signature, other_signature)
    SELECT least(keep, theirs), greatest(keep, theirs),
           CASE WHEN keep < theirs THEN we_say ELSE they_say END, CASE WHEN keep < theirs THEN they_say ELSE we_say END,
           CASE WHEN keep < theirs THEN by_us ELSE by_them END, CASE WHEN keep < theirs THEN by_them ELSE by_us END,
           CASE WHEN keep < theirs THEN ours ELSE their_signature END,
           CASE WHEN keep < theirs THEN their_signature ELSE ours END
      FROM (SELECT theirs,
                   CASE WHEN min(we_say) < 0 THEN -1 ELSE max(we_say) END AS we_say,
                   CASE WHEN min(they_say) < 0 THEN -1 ELSE max(they_say) END AS they_say,
                   (array_agg(by_us ORDER BY we_say < 0 DESC, we_say DESC, mine = keep DESC))[1] AS by_us,
                   (array_agg(by_them ORDER BY they_say < 0 DESC, they_say DESC, mine = keep DESC))[1] AS by_them,
                   max(their_signature) AS their_signature,
                   (SELECT overlaps_signature(a) FROM overlaps_account a WHERE a.tenant_id = here AND a.id = keep) AS ours
              FROM (SELECT s.mine, s.theirs, CASE WHEN one = s.mine THEN one_says ELSE other_says END AS we_say,
                           CASE WHEN one = s.mine THEN other_says ELSE one_says END AS they_say,
                           CASE WHEN one = s.mine THEN one_by ELSE other_by END AS by_us,
                           CASE WHEN one = s.mine THEN other_by ELSE one_by END AS by_them,
                           CASE WHEN one = s.mine THEN other_signature ELSE one_signature END AS their_signature
                      FROM overlaps_said s) AS sided
             GROUP BY theirs) AS said;

    -- Of several verdicts of one side on what is one pair now, the one that decides stays.
    WITH ranked AS (
        SELECT v.tenant_id, v.id,
               row_number() OVER (PARTITION BY v.tenant_id, s.theirs
                                      ORDER BY v.says < 0 DESC, v.says DESC, s.mine = keep DESC, v.at DESC) AS place
          FROM overlaps_said s JOIN overlaps_verdict v ON v.pair = s.pair)
    DELETE FROM overlaps_verdict v USING ranked r WHERE v.tenant_id = r.tenant_id AND v.id = r.id AND r.place > 1;
    UPDATE overlaps_verdict v
       SET pair = overlaps_pair_of(keep, s.theirs),
           account_id = CASE WHEN v.tenant_id = here THEN keep ELSE v.account_id END
      FROM overlaps_said s WHERE v.pair = s.pair;
    DROP TABLE overlaps_said;

    -- An overlap that is there has its own state; a mark is for one that comes.
    INSERT INTO overlaps_mark (tenant_id, id, partner_id, account_id, their_account_id, state)
    SELECT k.tenant_id, gen_random_uuid(), k.partner_id, keep, k.their_account_id, k.state
      FROM overlaps_mark k
     WHERE k.tenant_id = here AND k.account_id = ANY (gone) AND NOT EXISTS (
           SELECT FROM overlaps_overlap o
            WHERE o.tenant_id = here AND o.account_id = keep AND o.their_account_id = k.their_account_id)
     ORDER BY k.id
        ON CONFLICT DO NOTHING;
    DELETE FROM overlaps_mark k WHERE k.tenant_id = here AND k.account_id = ANY (gone);
    INSERT INTO overlaps_mark (tenant_id, id, partner_id, account_id, their_account_id, state)
    SELECT k.tenant_id, gen_random_uuid(), k.partner_id, k.account_id, keep, k.state
      FROM partners_connection c
      JOIN partners_partner p ON p.connection_id = c.id AND p.tenant_id <> here
      JOIN overlaps_mark k ON k.tenant_id = p.tenant_id AND k.partner_id = p.id AND k.their_account_id = ANY (gone)
     WHERE here IN (c.inviter_id, c.invitee_id) AND NOT EXISTS (
           SELECT FROM overlaps_overlap o
            WHERE o.tenant_id = k.tenant_id AND o.partner_id = k.partner_id AND o.their_account_id = keep
              AND o.account_id IS NOT DISTINCT FROM k.account_id)
     ORDER BY k.id
        ON CONFLICT DO NOTHING;
    DELETE FROM overlaps_mark k USING partners_connection c JOIN partners_partner p ON p.connection_id = c.id
     WHERE here IN (c.inviter_id, c.invitee_id) AND p.tenant_id <> here
       AND k.tenant_id = p.tenant_id AND k.partner_id = p.id AND k.their_account_id = ANY (gone);
    INSERT INTO overlaps_touched (tenant_id, id, keys) VALUES (here, keep, false) ON CONFLICT DO NOTHING;
END $$;
