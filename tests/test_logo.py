import io
import struct
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from PIL import Image, PngImagePlugin

from audit.models import AuditEvent
from core.models import Tenant
from core.tenancy import tenant_context
from workspaces import images
from workspaces.models import WorkspaceLogo

LOGO = "/w/acme/settings/logo/"
SECRET = b"geo:48.1,11.5"


def picture(kind: str = "PNG", size=(400, 100), color="red", **options) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA" if kind != "JPEG" else "RGB", size, color).save(out, kind, **options)
    return out.getvalue()


def with_metadata(kind: str) -> bytes:
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET.decode())
        return picture(pnginfo=text)
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    return picture(kind, exif=exif)


def bomb(side: int) -> bytes:
    """A few bytes that say they are a picture of side x side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def upload(client, data: bytes, name="logo.png"):
    return client.post(LOGO, {"logo": SimpleUploadedFile(name, data, "image/png")})


def version(acme) -> str:
    with tenant_context(acme):
        return Tenant.objects.get().logo_version


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_drawn_anew_as_a_square_without_what_else_was_in_the_file(log_in, ada, acme, kind):
    data = with_metadata(kind)
    assert SECRET in data
    client = log_in(ada)

    assert upload(client, data).status_code == 302

    answer = client.get(f"/w/acme/logo/{version(acme)}.png")
    assert SECRET not in answer.content
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (256, 256), "RGBA")
        assert image.getpixel((128, 128))[0] > 200
        assert image.getpixel((128, 4))[3] == 0


def test_it_is_served_to_be_kept_by_the_browser_of_a_member_only(log_in, ada, vera, mallory, acme, client):
    upload(log_in(ada), picture())
    path = f"/w/acme/logo/{version(acme)}.png"

    answer = log_in(vera).get(path)
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer["Cache-Control"]
    assert "immutable" in answer["Cache-Control"]
    assert log_in(mallory).get(path).status_code == 404
    assert log_in(mallory).get(path.replace("acme", "initech")).status_code == 404
    assert client.get(path).url.startswith("/accounts/login/")


def test_it_stands_where_the_initials_were(log_in, ada, acme):
    client = log_in(ada)
    upload(client, picture())

    assert f'src="/w/acme/logo/{version(acme)}.png"' in client.get("/w/acme/settings/").content.decode()


def test_a_new_one_takes_its_place_and_is_recorded(log_in, ada, acme):
    client = log_in(ada)
    upload(client, picture(color="red"))
    first = version(acme)
    upload(client, picture(color="blue"))

    assert version(acme) != first
    assert client.get(f"/w/acme/logo/{first}.png").status_code == 404
    with tenant_context(acme):
        assert WorkspaceLogo.objects.count() == 1
        assert AuditEvent.objects.filter(action="workspace.logo_changed").count() == 2


def test_it_can_be_removed(log_in, ada, acme):
    client = log_in(ada)
    upload(client, picture())
    last = version(acme)

    assert client.post("/w/acme/settings/logo/remove/").status_code == 302

    assert version(acme) == ""
    assert client.get(f"/w/acme/logo/{last}.png").status_code == 404
    with tenant_context(acme):
        assert not WorkspaceLogo.objects.exists()
        assert AuditEvent.objects.filter(action="workspace.logo_changed").count() == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello", "not a PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "not a PNG"),
        (picture("GIF"), "not a PNG"),
        (picture("BMP"), "not a PNG"),
        (picture("TIFF"), "not a PNG"),
        (picture()[:60], "damaged"),
        (picture("JPEG", (900, 900))[:900], "damaged"),
        (bomb(4001), "16 million"),
        (bomb(65_000), "16 million"),
        (picture() + b"\0" * 2 * 1024 * 1024, "larger than 2 MB"),
    ],
    ids=["empty", "text", "svg", "gif", "bmp", "tiff", "cut png", "cut jpeg", "large", "bomb", "heavy"],
)
def test_what_is_no_proper_picture_is_refused_beside_the_field(log_in, ada, acme, data, words):
    response = upload(log_in(ada), data)

    assert response.status_code == 422
    assert words in str(response.context["logo"].errors["logo"])
    assert version(acme) == ""


def test_no_file_at_all(log_in, ada, acme):
    response = log_in(ada).post(LOGO)

    assert response.status_code == 422
    assert response.context["logo"].errors.keys() == {"logo"}


def test_a_turned_photograph_is_turned_back():
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.new("RGB", (200, 100), "red")
    photo.paste("blue", (0, 0, 100, 100))
    out = io.BytesIO()
    photo.save(out, "JPEG", exif=exif)

    with Image.open(io.BytesIO(images.square_png(io.BytesIO(out.getvalue())))) as image:
        assert image.getpixel((128, 20))[2] > 200  # the left half came to the top
        assert image.getpixel((128, 235))[0] > 200


def test_the_database_keeps_one_logo_apart_from_another(acme, globex):
    with tenant_context(acme):
        WorkspaceLogo.objects.create(version="a", png=b"a")
        with pytest.raises(DatabaseError), transaction.atomic():
            WorkspaceLogo.objects.create(version="b", png=b"b")
    with tenant_context(globex):
        assert not WorkspaceLogo.across_tenants.exists()
