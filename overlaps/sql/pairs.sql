-- Which rows of two lists are one company. Statements are parted by a line "--;". A word in braces is put in by
-- migration 0002: `{name_rule}` and `{domain_rule}` from below, `{same_number}` and the like from the same place.

-- Two names that share a domain: a word, one inside the other, or the initials of the other.
CREATE FUNCTION overlaps_related(one text, other text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT string_to_array(one, ' ') && string_to_array(other, ' ')
        OR starts_with(replace(one, ' ', ''), replace(other, ' ', '')) AND other <> ''
        OR starts_with(replace(other, ' ', ''), replace(one, ' ', '')) AND one <> ''
        OR left(one, 5) = left(other, 5) AND length(one) >= 5
        OR length(other) > 1 AND regexp_replace(one, '(\S)\S*\s*', '\1', 'g') = other
        OR length(one) > 1 AND regexp_replace(other, '(\S)\S*\s*', '\1', 'g') = one
$$;
--;
CREATE FUNCTION overlaps_rule(verdict integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT (ARRAY['number', 'domain', 'name_country', 'name', 'domain_only', 'name_weak', 'name_several',
                  'domains_differ', 'similar_name'])[verdict / 1000]
$$;
--;
CREATE FUNCTION overlaps_name_verdict(
    m_country text, t_country text, m_bits smallint, t_bits smallint, one_word boolean,
    m_form integer, t_form integer, m_of_name smallint, t_of_name smallint, m_of_country smallint,
    t_of_country smallint, m_of_form smallint, t_of_form smallint, domains_differ boolean
) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN m_country = t_country AND m_country <> '' THEN CASE
            WHEN greatest(m_of_country, t_of_country) = 1 THEN CASE
                WHEN domains_differ THEN 8070
                WHEN least(m_bits, t_bits) < 8 THEN 6078
                WHEN one_word THEN 3090
                ELSE 3095 END
            WHEN greatest(m_of_country, t_of_country) > 3 OR domains_differ THEN NULL
            WHEN m_form = t_form AND greatest(m_of_form, t_of_form) = 1 THEN 7080
            WHEN m_of_country * t_of_country <= 2 THEN 7075 END
        ELSE CASE
            WHEN greatest(m_of_name, t_of_name) = 1 THEN CASE
                WHEN domains_differ THEN NULL
                WHEN least(m_bits, t_bits) < CASE WHEN one_word THEN 22 ELSE 14 END THEN 6078
                ELSE 4088 END
            WHEN greatest(m_of_name, t_of_name) > 3 OR domains_differ THEN NULL
            WHEN m_of_name * t_of_name <= 2 AND (m_form = t_form OR m_form = 0 OR t_form = 0) THEN 7075 END
        END
$$;
--;
-- All pairs of two whole lists. One join for each kind of key; at most twenty rows of a list have one domain or
-- number, and at most three companies one name, or they pair with nothing: no list can make a cross product.
CREATE FUNCTION overlaps_pairs_of_lists(mine uuid, theirs uuid, similar_too boolean)
RETURNS TABLE (mine_id uuid, theirs_id uuid, verdict integer) LANGUAGE plpgsql STABLE
SET enable_nestloop = off SET random_page_cost = 1.1 SET max_parallel_workers_per_gather = 0
SET work_mem = '256MB' SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT m.id, t.id, 1100
      FROM overlaps_matchkey m JOIN overlaps_matchkey t ON t.number_hash = m.number_hash
     WHERE m.tenant_id = mine AND t.tenant_id = theirs AND NOT m.number_shared AND NOT t.number_shared
       AND m.number_hash IS NOT NULL AND t.number_hash IS NOT NULL
    UNION ALL
    -- The names' texts are fetched for the few pairs that need them: they would double what the join carries.
    SELECT m.id, t.id, CASE WHEN {surely_related} OR (
               SELECT overlaps_related(a.name, b.name) FROM overlaps_matchkey a, overlaps_matchkey b
                WHERE a.tenant_id = mine AND a.id = m.id AND b.tenant_id = theirs AND b.id = t.id)
           THEN 2099 ELSE 5080 END
      FROM overlaps_matchkey m JOIN overlaps_matchkey t ON t.domain_hash = m.domain_hash
     WHERE m.tenant_id = mine AND t.tenant_id = theirs AND NOT m.domain_shared AND NOT t.domain_shared
       AND m.domain_hash IS NOT NULL AND t.domain_hash IS NOT NULL AND {numbers_allow}
    UNION ALL
    SELECT p.* FROM (
        SELECT m.id, t.id, {name_verdict} AS verdict
          FROM overlaps_matchkey m JOIN overlaps_matchkey t ON t.name_hash = m.name_hash
         WHERE m.tenant_id = mine AND t.tenant_id = theirs AND m.of_name <= 3 AND t.of_name <= 3
           AND {countries_allow} AND {not_by_domain} AND {numbers_allow}
    ) p WHERE p.verdict IS NOT NULL;
    RETURN QUERY
    SELECT p.* FROM overlaps_pairs_of_frequent_names(mine, theirs) p;
    IF similar_too THEN
        RETURN QUERY
        SELECT m.id, t.id, {core_verdict}
          FROM overlaps_matchkey m JOIN overlaps_matchkey t ON t.core_hash = m.core_hash
         WHERE m.tenant_id = mine AND t.tenant_id = theirs AND {cores_allow} AND {not_by_domain} AND {numbers_allow};
    END IF;
END $$;
--;
-- Names that more than three companies of one of the lists have: these are told apart by country only.
CREATE FUNCTION overlaps_pairs_of_frequent_names(mine uuid, theirs uuid)
RETURNS TABLE (mine_id uuid, theirs_id uuid, verdict integer) LANGUAGE plpgsql STABLE SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT p.* FROM (
        SELECT m.id, t.id, {name_verdict} AS verdict
          FROM overlaps_matchkey m
          JOIN overlaps_matchkey t ON t.name_hash = m.name_hash AND t.country = m.country
         WHERE m.tenant_id = mine AND t.tenant_id = theirs AND m.of_name > 3
           AND m.country <> '' AND m.of_country <= 3 AND t.of_country <= 3 AND {not_by_domain} AND {numbers_allow}
        UNION ALL
        SELECT m.id, t.id, {name_verdict}
          FROM overlaps_matchkey t
          JOIN overlaps_matchkey m ON m.name_hash = t.name_hash AND m.country = t.country
         WHERE m.tenant_id = mine AND t.tenant_id = theirs AND t.of_name > 3 AND m.of_name <= 3
           AND m.country <> '' AND m.of_country <= 3 AND t.of_country <= 3 AND {not_by_domain} AND {numbers_allow}
    ) p WHERE p.verdict IS NOT NULL;
END $$;
--;
-- The same for some rows of mine: look-ups by index, flat in the size of the lists.
CREATE FUNCTION overlaps_pairs_of_rows(mine uuid, theirs uuid, touched uuid[], similar_too boolean)
RETURNS TABLE (mine_id uuid, theirs_id uuid, verdict integer) LANGUAGE plpgsql STABLE
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET enable_material = off
SET jit = off SET max_parallel_workers_per_gather = 0 AS $$
BEGIN
    RETURN QUERY
    WITH ids AS MATERIALIZED (SELECT DISTINCT id FROM unnest(touched) AS id),
    rows AS MATERIALIZED (
        SELECT k.* FROM ids JOIN overlaps_matchkey k ON k.tenant_id = mine AND k.id = ids.id
    )
    SELECT m.id, t.id, 1100
      FROM rows m JOIN overlaps_matchkey t ON t.tenant_id = theirs AND t.number_hash = m.number_hash
     WHERE NOT m.number_shared AND NOT t.number_shared
    UNION ALL
    SELECT m.id, t.id, CASE WHEN {surely_related} OR overlaps_related(m.name, t.name) THEN 2099 ELSE 5080 END
      FROM rows m JOIN overlaps_matchkey t ON t.tenant_id = theirs AND t.domain_hash = m.domain_hash
     WHERE NOT m.domain_shared AND NOT t.domain_shared AND {numbers_allow}
    UNION ALL
    SELECT p.* FROM (
        SELECT m.id, t.id, {name_verdict} AS verdict
          FROM rows m
          JOIN overlaps_matchkey t ON t.tenant_id = theirs AND t.name_hash = m.name_hash AND t.country = m.country
         WHERE (m.of_name > 3 OR t.of_name > 3) AND m.country <> '' AND m.of_country <= 3 AND t.of_country <= 3
           AND {not_by_domain} AND {numbers_allow}
        UNION ALL
        SELECT m.id, t.id, {name_verdict}
          FROM rows m JOIN overlaps_matchkey t ON t.tenant_id = theirs AND t.name_hash = m.name_hash
         WHERE m.of_name <= 3 AND t.of_name <= 3 AND {countries_allow} AND {not_by_domain} AND {numbers_allow}
    ) p WHERE p.verdict IS NOT NULL
    UNION ALL
    SELECT m.id, t.id, {core_verdict}
      FROM rows m JOIN overlaps_matchkey t ON t.tenant_id = theirs AND t.core_hash = m.core_hash
     WHERE similar_too AND {cores_allow} AND {not_by_domain} AND {numbers_allow};
END $$;
--;
-- Every pair with at least this confidence (in percent; below 85 it is a suggestion); with `touched`, the pairs of
-- these rows of mine, no more, no less.
CREATE FUNCTION overlaps_pairs(mine uuid, theirs uuid, touched uuid[] DEFAULT NULL, least_confidence integer DEFAULT 70)
RETURNS TABLE (mine_id uuid, theirs_id uuid, rule text, confidence smallint) LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF touched IS NULL THEN
        RETURN QUERY
        SELECT p.mine_id, p.theirs_id, overlaps_rule(p.verdict), (p.verdict % 1000)::smallint
          FROM overlaps_pairs_of_lists(mine, theirs, least_confidence <= 80) p
         WHERE p.verdict % 1000 >= least_confidence;
    ELSE
        RETURN QUERY
        SELECT p.mine_id, p.theirs_id, overlaps_rule(p.verdict), (p.verdict % 1000)::smallint
          FROM overlaps_pairs_of_rows(mine, theirs, touched, least_confidence <= 80) p
         WHERE p.verdict % 1000 >= least_confidence;
    END IF;
END $$;
