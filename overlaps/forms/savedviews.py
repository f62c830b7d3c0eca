from typing import Any

from django import forms
from django.http import QueryDict

from core.models import Membership
from overlaps import savedviews
from overlaps.models import SavedView
from workspaces.forms.fields import OneLineField


class SavedViewForm(forms.Form):
    name = OneLineField(max_length=60, help_text="It becomes a tab above the list.")
    for_all = forms.BooleanField(required=False, label="For all members of this workspace")
    place = forms.ChoiceField(choices=SavedView.Place, widget=forms.HiddenInput)
    query = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        if not savedviews.may_share(by):
            del self.fields["for_all"]

    def clean_query(self) -> str:
        """Nothing but an address's own: whatever stands there, the list can answer it."""
        return QueryDict(self.cleaned_data["query"]).urlencode()

    def succeeds(self) -> bool:
        """False: the form now says why not."""
        if not self.is_valid():
            return False
        try:
            savedviews.save(by=self.by, **{"for_all": False, **self.cleaned_data})
        except savedviews.NameTaken:
            self.add_error("name", "There is a view of this name already.")
        except savedviews.TooMany:
            self.add_error(None, f"There are {savedviews.MOST} views of this list. Remove one first.")
        return not self.errors
