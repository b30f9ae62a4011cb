"""What is in a file: compression and encoding, detected from its first bytes, and its content block by block."""

from __future__ import annotations

import codecs
import logging
import re
import zlib
from contextlib import contextmanager
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, cast

from airflow_provider_linkedin_capi.exceptions import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_log = logging.getLogger(__name__)

BLOCK_BYTES = 1 << 20
#: Bytes that are no text in the file's encoding, in what :func:`texts` yields.
UNDECODED = re.compile("[\udc80-\udcff]")

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}


def import_pyarrow(need: str, module: str = "pyarrow") -> Any:
    """Return a module of pyarrow, which is optional.

    :param need: what needs it, for the message.
    """
    try:
        return import_module(module)
    except ImportError:
        raise SourceError(
            f"{need}, which needs pyarrow: pip install 'airflow-provider-linkedin-capi[parquet]'.", permanent=True
        ) from None


def decompressed(raw: IO[bytes], name: str) -> IO[bytes]:
    """Return a stream of the content, whatever the file's name says about its compression.

    :param raw: seekable, at its start.
    :raises SourceError: zstd needs pyarrow.
    """
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        import gzip

        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if magic.startswith(b"BZh"):
        import bz2

        return bz2.BZ2File(raw)
    if magic == b"\xfd7zXZ\x00":
        import lzma

        return lzma.LZMAFile(raw)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        pyarrow = import_pyarrow(f"{name} is compressed with zstd")
        return cast("IO[bytes]", pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, "r"), "zstd"))
    return raw


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    """Turn what decompression raises for damaged files into a SourceError."""
    import lzma

    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        # gzip.BadGzipFile is an OSError without a number, as are those of bz2 and of pyarrow.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        # Not permanent: a retry may find all of it.
        raise SourceError(
            f"{name} cannot be decompressed: it is cut off or damaged. Is it still being written?"
        ) from None


def blocks(stream: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield the content in blocks of about a mebibyte."""
    while True:
        with _damage_told(name):
            block = stream.read(BLOCK_BYTES)
        if not block:
            return
        yield block


def texts(content: Iterable[bytes], encoding: str | None, name: str) -> Iterator[str]:
    """Yield the content as text. Bytes that the encoding does not know become lone surrogates.

    :param encoding: of the file; None detects it: a byte order mark, UTF-16 by its zeros, else UTF-8;
        where the first block with other letters than English ones is not UTF-8, Windows-1252.
    """
    decoder: codecs.IncrementalDecoder | None = None
    first = True
    for block in content:
        if decoder is None:
            known = encoding or (_encoding_by_mark(block) if first else None)
            if known is None and block.isascii():
                yield block.decode("ascii")
                first = False
                continue
            decoder = codecs.getincrementaldecoder(known or _utf_8_or_windows(block, name))("surrogateescape")
        text = _decoded(decoder, block, name)
        yield text.removeprefix("\ufeff") if first else text
        first = False
    if decoder is not None and (rest := _decoded(decoder, b"", name, final=True)):
        yield rest


def _decoded(decoder: codecs.IncrementalDecoder, block: bytes, name: str, *, final: bool = False) -> str:
    try:
        return decoder.decode(block, final)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{name} is not {error.encoding} text. Set the encoding of the file.", permanent=True
        ) from None


def _encoding_by_mark(block: bytes) -> str | None:
    for mark, encoding in _MARKS.items():
        if block.startswith(mark):
            return encoding
    # Text that is mostly English has a zero in every other byte.
    start = block[:4096]
    if start[1::2].count(0) * 3 > len(start):
        return "utf-16-le"
    return "utf-16-be" if start[::2].count(0) * 3 > len(start) else None


def _utf_8_or_windows(block: bytes, name: str) -> str:
    # The block may end within a letter, so its last line counts only when there is no other.
    *whole, last = block.split(b"\n")
    lines = [line for line in whole if not line.isascii()] or [last]
    if sum(map(_is_utf_8, lines)) * 2 >= len(lines):
        return "utf-8"
    _log.warning("%s is not UTF-8; reading it as Windows-1252. If that is wrong, set the encoding of the file.", name)
    return "cp1252"


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
