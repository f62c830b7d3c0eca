"""Uploaded pictures: never served as they came."""

import io
from typing import IO

from PIL import Image, ImageOps, UnidentifiedImageError

SIDE = 256
FORMATS = ("PNG", "JPEG", "WEBP")
# Four bytes for each of them in memory: what a small file may grow to.
MAX_PIXELS = 16_000_000
TOO_LARGE = "This picture has more than 16 million pixels."


class NotAnImage(Exception):
    """It can't be made into a picture; the text says why, to the person who sent it."""


def square_png(file: IO[bytes]) -> bytes:
    """The picture drawn anew: 256 x 256, nothing of what else was in the file. Raises NotAnImage."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise NotAnImage(TOO_LARGE)
            image.draft("RGB", (SIDE, SIDE))
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except Image.DecompressionBombError as problem:
        raise NotAnImage(TOO_LARGE) from problem
    except UnidentifiedImageError as problem:
        raise NotAnImage("This is not a PNG, JPEG or WebP picture.") from problem
    except (OSError, ValueError, SyntaxError, MemoryError) as problem:
        raise NotAnImage("This picture is damaged.") from problem
    square = ImageOps.pad(upright, (SIDE, SIDE), color=(0, 0, 0, 0))
    square.info.clear()
    out = io.BytesIO()
    square.save(out, "PNG", optimize=True)
    return out.getvalue()
