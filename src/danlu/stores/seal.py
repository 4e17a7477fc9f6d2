"""How a row of a database shows that it is whole: a checksum of its bytes and of its place."""

from __future__ import annotations

import zlib

import msgspec

from ..errors import SchemaError
from ..journal import events as ev


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


def counted(head: object, otherwise: int = 0) -> int:
    """How many events a study's row tells of; ``otherwise`` without a row, more than there can be in one that is damaged."""
    if head is None:
        return otherwise
    return head if type(head) is int else 2**63


def opened(where: object, seq: int, body: bytes) -> ev.Event:
    """The event in a row whose checksum is right.

    Raises:
        SchemaError: when it is none that this danlu knows.
    """
    try:
        return ev.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise SchemaError(
            f"event {seq} in {where} is none that this danlu knows ({error}): a newer one wrote it. Upgrade danlu. The "
            f"{seq - 1} events before it are sound."
        ) from error


def busy(name: str, held: int) -> str:
    """Why a study is not deleted while workers may be alive."""
    return (
        f"{held} trial{'s' if held > 1 else ''} of the study {name!r} may still run: a lease is in force. Stop its workers, or wait "
        "until their leases are over. Force it if you know that nothing runs; a worker that does will be refused."
    )


def twice(op: str | None) -> str:
    """What to say of an operation that a whole journal holds two times."""
    return f"the operation {op!r} is in the journal twice, and can have been done once alone."
