"""How a row of a database shows that it is whole: a checksum of its bytes, of its place, and of the study that it belongs to.

A study's seal is made of its number and its first event, which no two studies share: a row that was copied from another study, in the
same place there, does not match. The first row carries the seal as well, by which a study is told from those of early versions, whose
rows know no study and stay as they are.
"""

from __future__ import annotations

import hashlib
import zlib

import msgspec

from ..errors import CorruptError, SchemaError
from ..journal import events as ev


def checksum(seq: int, op: str | None, body: bytes, seal: int = 0) -> int:
    """CRC-32 of the row's place, its operation and its bytes, so that a moved row is damage too, under its study's seal.

    Example:
        >>> checksum(1, None, b"x") == checksum(2, None, b"x")
        False
        >>> checksum(2, "op", b"x", 7)  # what databases hold already
        340210375
    """
    crc = zlib.crc32(body, seq & 0xFFFFFFFF)
    return (crc if op is None else zlib.crc32(op.encode(), crc)) ^ seal


def seal_of(study: int, first: bytes) -> int:
    """The seal of a new study, by its number and its first event: 32 bits, not all 0.

    Example:
        >>> seal_of(1, b"created") == seal_of(2, b"created"), seal_of(1, b"a") == seal_of(1, b"b")
        (False, False)
        >>> seal_of(1, b"created")  # what databases hold already
        3866064418
    """
    hashed = hashlib.blake2b(
        b"%d/%b" % (study, first), digest_size=4
    )  # of two CRCs the difference is the same for all contents
    return int.from_bytes(hashed.digest(), "big") or 1


def unsealed(place: object, study: int, first: bytes, plain: int, crc: int) -> int:
    """The seal of a study whose first row has this checksum, 0 for one of an early version.

    Args:
        place: the store, as it is called in sentences.
        study: its number.
        first: its first event.
        plain: the row's checksum without a seal.
        crc: the one that it has.

    Raises:
        CorruptError: when the row is damaged.
    """
    for seal in (seal_of(study, first), 0):
        if plain ^ seal == crc:
            return seal
    raise CorruptError(damaged(place, 1))


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
