from django.db import migrations

from core.operations import PERSON, DefinerFunction

# A partner that is restricted exists for admins, owners and people with a grant. The same rule as
# `Partner.objects.visible_to`; `m` is the membership of the person who looks.
MAY_SEE = """
    (NOT p.is_restricted OR m.role IN ('owner', 'admin') OR EXISTS (
        SELECT FROM partners_partnergrant g
         WHERE g.tenant_id = m.tenant_id AND g.user_id = m.user_id AND g.content_object_id = p.id))
"""
MINE = """
    core_membership m JOIN core_tenant t ON t.id = m.tenant_id AND t.is_active
"""
ME = f"m.user_id = {PERSON} AND m.is_active AND m.tenant_id = ANY (wanted)"

# How large some of the person's own workspaces are and what waits in them; `whole` counts the overlaps too.
FIGURES = f"""
CREATE FUNCTION intros_my_figures(wanted uuid[], whole boolean)
RETURNS TABLE (workspace uuid, people bigint, partners bigint, overlaps bigint, waiting bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT m.tenant_id,
           (SELECT count(*) FROM core_membership c WHERE c.tenant_id = m.tenant_id AND c.is_active),
           (SELECT count(*) FROM partners_partner p
             WHERE p.tenant_id = m.tenant_id AND p.state IN ('connected', 'paused') AND {MAY_SEE}),
           CASE WHEN whole THEN
               (SELECT count(DISTINCT o.account_id)
                  FROM partners_partner p
                  JOIN partners_connection c ON c.id = p.connection_id AND c.state = 'active'
                  JOIN overlaps_overlap o ON o.tenant_id = m.tenant_id AND o.partner_id = p.id AND o.version =
                       CASE m.tenant_id WHEN c.inviter_id THEN c.invitee_version ELSE c.inviter_version END
                 WHERE p.tenant_id = m.tenant_id AND {MAY_SEE})
           END,
           CASE WHEN m.role = 'viewer' THEN 0 ELSE
               (SELECT count(*)
                  FROM intros_intro i
                  JOIN partners_partner p ON p.tenant_id = m.tenant_id AND p.id = i.receiver_partner
                 WHERE i.receiver_id = m.tenant_id AND i.state = 'requested' AND {MAY_SEE})
           END
      FROM {MINE}
     WHERE {ME};
END $$
"""
# The requests that wait for the person's answer in these workspaces, the most urgent first.
WORK = f"""
CREATE FUNCTION intros_my_work(wanted uuid[], most integer)
RETURNS TABLE (workspace uuid, intro uuid, company text, partner text, asked_by text, due_on date)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT m.tenant_id, i.id, i.company::text, p.name::text, i.asked_by::text, i.due_on
      FROM {MINE}
      JOIN intros_intro i ON i.receiver_id = m.tenant_id AND i.state = 'requested'
      JOIN partners_partner p ON p.tenant_id = m.tenant_id AND p.id = i.receiver_partner
     WHERE {ME} AND m.role <> 'viewer' AND {MAY_SEE}
     ORDER BY i.due_on, i.company, i.id
     LIMIT most;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("intros", "0001_initial"), ("overlaps", "0001_initial"), ("partners", "0001_initial")]

    operations = [
        DefinerFunction("intros_my_figures(uuid[], boolean)", FIGURES),
        DefinerFunction("intros_my_work(uuid[], integer)", WORK),
    ]
