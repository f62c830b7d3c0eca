"""What arrives as a file: counted while it comes in, and kept only as far as anybody takes files."""

from tempfile import SpooledTemporaryFile
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

IN_MEMORY = 2 * 1024 * 1024


class CountingUploadHandler(FileUploadHandler):
    """Past the limit, for all files of a request together, nothing is kept but the size: the form tells the person.

    What the request's headers say of the size is not asked.
    """

    total = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  the UploadedFile closes it
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.received += len(raw_data)
        self.total += len(raw_data)
        if self.total <= settings.UPLOAD_MAX_BYTES:
            self.file.write(raw_data)
        else:
            self.file.seek(0)
            self.file.truncate()

    def file_complete(self, file_size: int) -> UploadedFile:
        self.file.seek(0)
        return UploadedFile(
            self.file, self.file_name, self.content_type, self.received, self.charset, self.content_type_extra
        )

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
