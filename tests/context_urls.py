"""Views of each kind that Django has, below a workspace: what each of them sees is tested in test_context.py."""

from django.http import HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from django.views.generic import ListView

from config.urls import urlpatterns as product
from core.tenancy import tenant_context
from overlaps.models import Account

LIST = "{% for account in accounts %}[{{ account }}]{% endfor %}"


def _template():
    return engines["django"].from_string(LIST)


def function(request):
    return HttpResponse("".join(f"[{account}]" for account in Account.objects.all()))


def template_response(request):
    return TemplateResponse(request, _template(), {"accounts": Account.objects.all()})


class ClassBased(ListView):
    context_object_name = "accounts"

    def get_queryset(self):
        return Account.objects.all()

    def get_template_names(self):
        return _template()


def tag(request):
    """Asked for while the page is made, by a tag that gets the model's manager and nothing else."""
    return TemplateResponse(request, _template(), {"accounts": lambda: Account.objects.all()})


async def asynchronous(request):
    return HttpResponse("".join([f"[{account}]" async for account in Account.objects.all()]))


def stream(request):
    def rows(tenant, membership):
        with tenant_context(tenant, by=membership):
            for account in Account.objects.all():
                yield f"[{account}]"

    return StreamingHttpResponse(rows(request.tenant, request.membership))


def naive_stream(request):
    return StreamingHttpResponse(f"[{account}]" for account in Account.objects.all().iterator())


def lazy_stream(request):
    def rows():
        for account in Account.objects.all():
            yield f"[{account}]"

    return StreamingHttpResponse(rows())


def write_and_fail(request):
    Account.objects.create(name="half done")
    raise RuntimeError("on purpose")


def write_and_answer_500(request):
    Account.objects.create(name="half done")
    return HttpResponse(status=500)


kinds = {
    "function": function,
    "template-response": template_response,
    "class-based": ClassBased.as_view(),
    "tag": tag,
    "async": asynchronous,
    "stream": stream,
}
others = {
    "naive-stream": naive_stream,
    "lazy-stream": lazy_stream,
    "write-and-fail": write_and_fail,
    "write-and-answer-500": write_and_answer_500,
}
urlpatterns = [path(f"w/<slug:slug>/test/{name}/", view) for name, view in (kinds | others).items()] + product
