"""Links that open one row. The row keeps a nonce and the token's hash; only who also holds SECRET_KEY can make the
token again, so nothing in the database opens the door, and a job or "Copy link" can still write the link."""

import base64
import hashlib
import hmac
import secrets
from uuid import UUID

from django.db import models
from django.utils.crypto import salted_hmac

LENGTH = 43  # 32 bytes in URL-safe base64


def token_for(purpose: str, row: UUID, nonce: str) -> str:
    """256 bits, the same each time for the same three."""
    mac = salted_hmac(f"cosell.tokens.{purpose}", f"{row}:{nonce}", algorithm="sha256")
    return base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Keyed(models.Model):
    """A row with one key at a time: `new_key` makes the old one worthless, `drop_key` all of them."""

    PURPOSE: str

    nonce = models.CharField(max_length=32, blank=True, editable=False)
    token_hash = models.CharField(max_length=64, blank=True, editable=False, db_index=True)

    class Meta:
        abstract = True

    @property
    def token(self) -> str:
        """For a link in a mail. Never to be stored, logged or handed to a job."""
        return token_for(self.PURPOSE, self.pk, self.nonce)

    def new_key(self) -> None:
        """Sets the fields; the caller saves."""
        self.nonce = secrets.token_urlsafe(24)
        self.token_hash = hash_of(self.token)

    def drop_key(self) -> None:
        """Sets the fields; the caller saves."""
        self.nonce = self.token_hash = ""

    def opens_with(self, token_hash: str) -> bool:
        return bool(self.token_hash) and hmac.compare_digest(self.token_hash, token_hash)

    new_key.alters_data = drop_key.alters_data = True
