"""The product's pages, and beside each the bare page it is compared with."""

from django.urls import path

from benchmarks.bare import bare
from config.urls import urlpatterns as product

urlpatterns = [path("bare/<slug:name>/", bare), *product]
