from django.urls import path

from overlaps.views import (
    accounts,
    alarms,
    bulk,
    exports,
    hygiene,
    imports,
    marks,
    matchsettings,
    overlaps,
    populations,
    savedviews,
    seenby,
    sharing,
    verdicts,
)

app_name = "overlaps"
urlpatterns = [
    path("w/<slug:slug>/overlaps/", overlaps.overlap_list, name="list"),
    path("w/<slug:slug>/overlaps/<uuid:pk>/", overlaps.overlap_detail, name="detail"),
    path("w/<slug:slug>/overlaps/export/", exports.overlaps_export, name="export"),
    path("w/<slug:slug>/overlaps/mark/", marks.mark, name="mark"),
    path("w/<slug:slug>/overlaps/mark/undo/", marks.undo, name="mark_undo"),
    path("w/<slug:slug>/overlaps/<uuid:pk>/veto/", verdicts.veto, name="veto"),
    path("w/<slug:slug>/overlaps/<uuid:pk>/match/", verdicts.match, name="match"),
    path("w/<slug:slug>/overlaps/<uuid:pk>/take/", verdicts.take, name="take"),
    path("w/<slug:slug>/overlaps/verdicts/", verdicts.verdict_list, name="verdicts"),
    path("w/<slug:slug>/overlaps/verdicts/<uuid:pk>/back/", verdicts.take_back, name="verdict_back"),
    path("w/<slug:slug>/overlaps/suggestions/", verdicts.suggestion_list, name="suggestions"),
    path(
        "w/<slug:slug>/overlaps/suggestions/<uuid:pk>/", verdicts.suggestion_answer, name="suggestion_answer"
    ),
    path("w/<slug:slug>/accounts/", accounts.account_list, name="accounts"),
    path("w/<slug:slug>/accounts/new/", accounts.account_new, name="account_new"),
    path("w/<slug:slug>/accounts/filter/", accounts.account_filter, name="account_filter"),
    path("w/<slug:slug>/accounts/change/", bulk.accounts_change, name="accounts_change"),
    path("w/<slug:slug>/accounts/delete/", bulk.accounts_delete, name="accounts_delete"),
    path("w/<slug:slug>/accounts/merge/", bulk.accounts_merge, name="accounts_merge"),
    path("w/<slug:slug>/accounts/export/", exports.accounts_export, name="accounts_export"),
    path("w/<slug:slug>/accounts/<uuid:pk>/", accounts.account_detail, name="account"),
    path("w/<slug:slug>/accounts/<uuid:pk>/edit/", accounts.account_edit, name="account_edit"),
    path("w/<slug:slug>/accounts/<uuid:pk>/delete/", accounts.account_delete, name="account_delete"),
    path("w/<slug:slug>/populations/", populations.population_list, name="populations"),
    path("w/<slug:slug>/populations/new/", populations.population_new, name="population_new"),
    path("w/<slug:slug>/populations/preview/", populations.population_preview, name="population_preview"),
    path("w/<slug:slug>/populations/<uuid:pk>/", populations.population_edit, name="population_edit"),
    path(
        "w/<slug:slug>/populations/<uuid:pk>/remove/", populations.population_remove, name="population_remove"
    ),
    path("w/<slug:slug>/hygiene/", hygiene.hygiene_overview, name="hygiene"),
    path("w/<slug:slug>/hygiene/apart/", hygiene.hygiene_apart, name="hygiene_apart"),
    path("w/<slug:slug>/hygiene/<slug:check>/", hygiene.hygiene_check, name="hygiene_check"),
    path("w/<slug:slug>/hygiene/<slug:check>/fix/", hygiene.hygiene_fix, name="hygiene_fix"),
    path(
        "w/<slug:slug>/partners/<uuid:pk>/alarms/<uuid:alarm>/dismiss/", alarms.dismiss, name="alarm_dismiss"
    ),
    path("w/<slug:slug>/partners/<uuid:pk>/seen/", seenby.seen_by, name="seen_by"),
    path("w/<slug:slug>/settings/matching/", matchsettings.match_settings, name="match_settings"),
    path("w/<slug:slug>/partners/<uuid:pk>/sharing/", sharing.sharing, name="sharing"),
    path(
        "w/<slug:slug>/partners/<uuid:pk>/sharing/confirm/", sharing.sharing_confirm, name="sharing_confirm"
    ),
    path("w/<slug:slug>/settings/sharing/", sharing.defaults, name="sharing_defaults"),
    path(
        "w/<slug:slug>/settings/sharing/confirm/", sharing.defaults_confirm, name="sharing_defaults_confirm"
    ),
    path("w/<slug:slug>/settings/sharing/fields/new/", sharing.preset_new, name="preset_new"),
    path("w/<slug:slug>/settings/sharing/fields/<uuid:pk>/", sharing.preset_edit, name="preset_edit"),
    path(
        "w/<slug:slug>/settings/sharing/fields/<uuid:pk>/remove/", sharing.preset_remove, name="preset_remove"
    ),
    path("w/<slug:slug>/views/new/", savedviews.view_new, name="view_new"),
    path("w/<slug:slug>/views/<uuid:pk>/remove/", savedviews.view_remove, name="view_remove"),
    path("w/<slug:slug>/imports/", imports.import_list, name="imports"),
    path("w/<slug:slug>/imports/new/", imports.import_new, name="import"),
    path("w/<slug:slug>/imports/template.csv", imports.import_template, name="import_template"),
    path("w/<slug:slug>/imports/<uuid:pk>/", imports.import_detail, name="import_detail"),
    path("w/<slug:slug>/imports/<uuid:pk>/columns/", imports.import_columns, name="import_columns"),
    path("w/<slug:slug>/imports/<uuid:pk>/read/", imports.import_read, name="import_read"),
    path("w/<slug:slug>/imports/<uuid:pk>/rows/", imports.import_rows, name="import_rows"),
    path("w/<slug:slug>/imports/<uuid:pk>/repair/", imports.import_repair, name="import_repair"),
    path(
        "w/<slug:slug>/imports/<uuid:pk>/repairs/drop/",
        imports.import_repairs_drop,
        name="import_repairs_drop",
    ),
    path("w/<slug:slug>/imports/<uuid:pk>/cancel/", imports.import_cancel, name="import_cancel"),
    path("w/<slug:slug>/imports/<uuid:pk>/undo/", imports.import_undo, name="import_undo"),
    path("w/<slug:slug>/imports/<uuid:pk>/rejected.csv", imports.import_rejects, name="import_rejects"),
    path("w/<slug:slug>/partners/<uuid:pk>/list/", imports.partner_import, name="partner_import"),
]
