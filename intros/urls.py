from django.urls import path

from intros import views
from intros.moves import MOVES, Side

# The clock has no address.
BY_PEOPLE = [name for name, move in MOVES.items() if move.side is not Side.CLOCK]

app_name = "intros"
urlpatterns = [
    path("w/<slug:slug>/search/", views.search, name="search"),
    path("w/<slug:slug>/intros/", views.index, name="list"),
    path("w/<slug:slug>/intros/ask/<uuid:pk>/", views.ask, name="ask"),
    path("w/<slug:slug>/intros/<uuid:pk>/", views.detail, name="detail"),
    path("w/<slug:slug>/intros/<uuid:pk>/edit/", views.edit, name="edit"),
    *[
        path(f"w/<slug:slug>/intros/<uuid:pk>/{name}/", views.move, {"name": name}, name=name)
        for name in BY_PEOPLE
    ],
]
