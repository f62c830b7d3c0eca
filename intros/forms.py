from datetime import timedelta
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils import timezone

from core.models import Membership
from intros.models import Intro
from intros.moves import State
from intros.queries import IntroQuerySet
from overlaps.models import Overlap
from partners.models import Partner
from workspaces.forms.fields import OneLineField

DAYS_TO_ANSWER = 7


class TextField(forms.CharField):
    """Lines end as they were counted in the browser."""

    widget = forms.Textarea(attrs={"rows": 4})

    def to_python(self, value: Any) -> str:
        return super().to_python(value).replace("\r\n", "\n")


class AskForm(forms.Form):
    """What one asks of the partner. A draft is kept as typed; what is sent must be whole."""

    connector = OneLineField(
        label="Who could introduce us",
        max_length=200,
        required=False,
        help_text="Somebody at the partner, as far as you know.",
    )
    ask = TextField(
        label="Why now",
        max_length=2000,
        help_text="For the partner: what you want to reach there, and why they should help.",
    )
    forwardable = TextField(
        label="Text to pass on",
        max_length=4000,
        help_text="The partner can send this to the company as it is. Write it for a reader who does not know you.",
        widget=forms.Textarea(attrs={"rows": 9}),
    )
    due_on = forms.DateField(
        label="Answer wanted by",
        help_text="After this day the request expires by itself.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, sending: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sending = sending
        if not sending:
            for field in self.fields.values():
                field.required = False

    def clean_due_on(self) -> Any:
        due_on, today = self.cleaned_data["due_on"], timezone.localdate()
        if self.sending and due_on < today:
            raise forms.ValidationError("This day is over. Choose today or a later one.")
        if self.sending and due_on > today + timedelta(days=Intro.MOST_DAYS):
            raise forms.ValidationError(f"Choose a day within the next {Intro.MOST_DAYS} days.")
        return due_on

    @staticmethod
    def about(overlap: Overlap, by: Membership) -> dict[str, Any]:
        """What a new request starts with. It tells the partner nothing that they don't know."""
        return {
            "connector": overlap.owner_name,
            "forwardable": render_to_string("intros/forwardable.txt", {"overlap": overlap, "by": by}).strip(),
            "due_on": timezone.localdate() + timedelta(days=DAYS_TO_ANSWER),
        }

    @staticmethod
    def of(intro: Intro) -> dict[str, Any]:
        return {name: getattr(intro, name) for name in AskForm.base_fields}


# -- the moves that may carry words --------------------------------------------------------------------------


class MoveForm(forms.Form):
    """Hidden in it: the state that the person saw. Whoever answers an old page is told, and nothing happens."""

    seen = forms.ChoiceField(choices=State, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, intro: Intro, **kwargs: Any) -> None:
        super().__init__(*args, initial={"seen": intro.state}, **kwargs)

    def words(self) -> dict[str, Any]:
        return {name: self.cleaned_data.get(name, "") for name in self.fields if name != "seen"}


class AcceptForm(MoveForm):
    answer = TextField(label="A word to them", max_length=2000, required=False)


class IntroduceForm(MoveForm):
    answer = TextField(
        label="A word to them",
        max_length=2000,
        required=False,
        help_text="For example to whom you wrote, and when.",
    )


class DeclineForm(MoveForm):
    reason = forms.ChoiceField(label="Reason", choices=[("", "Choose a reason"), *Intro.Reason.choices])
    answer = TextField(label="A word to them", max_length=2000, required=False)

    def clean(self) -> None:
        other = self.cleaned_data.get("reason") == Intro.Reason.OTHER
        if other and not self.cleaned_data.get("answer") and "answer" not in self.errors:
            self.add_error("answer", "Say the reason in a few words.")


MOVE_FORMS = {"accept": AcceptForm, "decline": DeclineForm, "introduce": IntroduceForm}


# -- the list ------------------------------------------------------------------------------------------------


class IntroFilter(forms.Form):
    """The query string of the list; what it does not understand, it leaves out."""

    q = forms.CharField(label="Find an intro", required=False, max_length=100)
    side = forms.ChoiceField(
        choices=[("asked", "Asked by us"), ("received", "For us to answer")], required=False
    )
    state = forms.ChoiceField(choices=[("", "Any state"), *State.choices], required=False)
    view = forms.ChoiceField(choices=[("board", "Board"), ("list", "List")], required=False)
    partner = forms.ModelChoiceField(None, required=False)

    def __init__(self, *args: Any, member: Membership) -> None:
        super().__init__(*args)
        self.here = member.tenant
        self.fields["partner"].queryset = Partner.objects.visible_to(member)
        self.is_valid()
        self.chosen = {name: self.cleaned_data.get(name) or "" for name in self.fields}

    @property
    def narrows(self) -> bool:
        return any(value for name, value in self.chosen.items() if name != "view")

    def among(self, intros: IntroQuerySet) -> IntroQuerySet:
        chosen = self.chosen
        if chosen["q"]:
            intros = intros.matching(chosen["q"])
        if chosen["side"]:
            intros = (
                intros.asked_by(self.here) if chosen["side"] == "asked" else intros.received_by(self.here)
            )
        if chosen["state"]:
            intros = intros.filter(state=chosen["state"])
        if chosen["partner"]:
            intros = intros.with_record(chosen["partner"])
        return intros
