"""Turns models, optimizers, arrays and bytes into one safe byte string, and back in place.

The format is msgpack with two extensions, numpy array and torch tensor; nothing is pickled, so a
checkpoint from a stranger cannot run code. What can be saved: anything with ``state_dict`` and
``load_state_dict``, anything with ``get_state`` and ``set_state`` (torch generators), numpy arrays
and generators, dicts, lists, bytes, and None.

msgpack holds nothing of 4 GiB or more, so what is large lies behind it: ``C1`` (a byte that begins no msgpack), the number of
parts and the length of each, eight bytes little-endian, then the msgpack, then the parts.
"""

from __future__ import annotations

import itertools
import struct
import sys
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from ..errors import SettingError

_ARRAY, _TENSOR, _TUPLE, _INTEGER, _PART = 1, 2, 3, 4, 5
_PARTED = b"\xc1"

LARGE = 2**26
"""Bytes from which on an array, a tensor or bytes lie behind the msgpack."""


def pack(things: Sequence[Any]) -> bytes:
    """The state of all things, in order.

    Raises:
        SettingError: for a thing that has no state danlu knows how to read.

    Example:
        >>> unpack(pack([{"epoch": 3}, b"raw"]))
        [{'epoch': 3}, b'raw']
    """
    parts: list[Any] = []
    packed = _encoder.encode([_plain(_state(thing), parts) for thing in things])
    if not parts:
        return packed
    lengths = [len(packed), *map(len, parts)]
    head = struct.pack(f"<{1 + len(lengths)}Q", len(parts), *lengths)
    return b"".join([_PARTED, head, packed, *parts])


def unpack(data: bytes) -> list[Any]:
    """The states that ``pack`` packed, in order."""
    if data[:1] != _PARTED:
        return cast(list[Any], _decoder.decode(data))
    view = memoryview(data)
    (count,) = struct.unpack_from("<Q", view, 1)
    lengths = struct.unpack_from(f"<{count + 1}Q", view, 9)
    ends = list(itertools.accumulate(lengths, initial=17 + 8 * count))
    packed, *parts = [view[start:end] for start, end in itertools.pairwise(ends)]
    decoder = msgspec.msgpack.Decoder(ext_hook=lambda code, held: _restore(code, held, parts))
    return cast(list[Any], decoder.decode(packed))


def load(states: Sequence[Any], things: Sequence[Any]) -> None:
    """Put each state back into its thing.

    Raises:
        SettingError: when there are more or fewer things than states, or a thing cannot be changed
            in place (bytes: read ``trial.saved`` instead).
    """
    if len(states) != len(things):
        raise SettingError(
            f"restore needs the things that were saved, in order: {len(states)} were saved, "
            f"{len(things)} given."
        )
    for state, thing in zip(states, things, strict=True):
        _put(state, thing)


def _state(thing: Any) -> Any:
    if hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict"):
        return thing.state_dict()
    if hasattr(thing, "get_state") and hasattr(thing, "set_state"):
        return thing.get_state()
    if hasattr(thing, "bit_generator"):
        return thing.bit_generator.state
    if thing is None or isinstance(thing, dict | list | bytes | bytearray) or _is_array(thing):
        return thing
    raise SettingError(
        "trial.save takes things with state_dict and load_state_dict, numpy arrays, dicts, lists and "
        f"bytes, got {thing!r}. Save thing.__dict__ or bytes of your own."
    )


def _put(state: Any, thing: Any) -> None:
    if hasattr(thing, "load_state_dict"):
        thing.load_state_dict(state)
    elif hasattr(thing, "set_state"):
        thing.set_state(state)
    elif hasattr(thing, "bit_generator"):
        thing.bit_generator.state = state
    elif _is_array(thing):
        thing[...] = state
    elif isinstance(thing, list | bytearray):
        thing[:] = state
    elif isinstance(thing, dict):
        thing.clear()
        thing.update(state)
    elif thing is not None:
        raise SettingError(
            f"{type(thing).__name__} cannot be restored in place. Read it from trial.saved instead."
        )


def _is_array(thing: Any) -> bool:
    kind = type(thing)
    return kind.__module__ == "numpy" and hasattr(thing, "dtype") and hasattr(thing, "shape")


def _is_tensor(thing: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(thing, torch.Tensor)


def _plain(value: Any, parts: list[Any]) -> Any:
    """``value`` with arrays, tensors and tuples as extensions and mappings as plain dicts; what is large goes to ``parts``."""
    if isinstance(value, dict):
        return {key: _plain(item, parts) for key, item in value.items()}
    if isinstance(value, tuple):
        items = [_plain(item, parts) for item in value]
        return msgspec.msgpack.Ext(_TUPLE, _encoder.encode(items))
    if isinstance(value, list):
        return [_plain(item, parts) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return msgspec.msgpack.Ext(_INTEGER, b"0x%x" % value if value >= 0 else b"-0x%x" % -value)
    if _is_tensor(value):
        return msgspec.msgpack.Ext(_TENSOR, _tensor_bytes(value, parts))
    if _is_array(value):
        return msgspec.msgpack.Ext(_ARRAY, _array_bytes(value, parts))
    if isinstance(value, bytearray):
        value = bytes(value)
    return _behind(value, parts) if isinstance(value, bytes) else value


def _behind(raw: bytes, parts: list[Any]) -> Any:
    """Bytes as they are, or the number of the part that they are when they are large."""
    if len(raw) < LARGE:
        return raw
    parts.append(raw)
    return msgspec.msgpack.Ext(_PART, str(len(parts) - 1).encode())


def _array_bytes(array: Any, parts: list[Any]) -> bytes:
    if array.dtype.hasobject:
        raise SettingError(f"trial.save takes arrays of numbers, got dtype {array.dtype}.")
    return _encoder.encode([array.dtype.str, list(array.shape), _behind(array.tobytes(), parts)])


def _tensor_bytes(tensor: Any, parts: list[Any]) -> bytes:
    import torch

    held = tensor.detach().cpu().contiguous()
    raw = held.reshape(-1).view(torch.uint8).numpy().tobytes() if held.numel() else b""
    return _encoder.encode([str(held.dtype).removeprefix("torch."), list(held.shape), _behind(raw, parts)])


def _restore(code: int, data: memoryview, parts: Sequence[memoryview] = ()) -> Any:
    def inner(code: int, held: memoryview) -> Any:
        return _restore(code, held, parts)

    if code == _TUPLE:
        return tuple(msgspec.msgpack.Decoder(ext_hook=inner).decode(data))
    if code == _INTEGER:
        return int(bytes(data), 0)  # early ones are decimal
    if code == _PART:
        return bytes(parts[int(bytes(data))])
    kind, shape, raw = msgspec.msgpack.Decoder(ext_hook=inner).decode(data)
    if code == _ARRAY:
        import numpy as np

        return np.frombuffer(raw, dtype=np.dtype(kind)).reshape(shape).copy()
    import torch

    dtype = getattr(torch, kind)
    if not raw:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(raw), dtype=dtype).reshape(shape)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ext_hook=_restore)
