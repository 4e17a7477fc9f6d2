"""How a row of a database shows that it is whole: a checksum of its bytes and of its place."""

from __future__ import annotations

import zlib


def checksum(seq: int, op: str | None, body: bytes) -> int:
    """CRC-32 of the row's place, its operation and its bytes, so that a moved row is damage too.

    Example:
        >>> checksum(1, None, b"x") == checksum(2, None, b"x")
        False
    """
    crc = zlib.crc32(body, seq & 0xFFFFFFFF)
    return crc if op is None else zlib.crc32(op.encode(), crc)


def damaged(where: object, seq: int) -> str:
    """What to say of the first row of a study that is not whole."""
    return (
        f"{where} is damaged at event {seq}: its checksum does not match. The {seq - 1} events "
        'before it are sound. Save them with "danlu export", which stops before the damage.'
    )
