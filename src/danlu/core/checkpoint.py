"""Turns models, optimisers, arrays and bytes into one safe byte string, and back in place.

The format is msgpack with two extensions, numpy array and torch tensor; nothing is pickled, so a
checkpoint from a stranger cannot run code. What can be saved: anything with ``state_dict`` and
``load_state_dict``, anything with ``get_state`` and ``set_state`` (torch generators), numpy arrays
and generators, dicts, lists, bytes, and None.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from .errors import SettingError

_ARRAY, _TENSOR, _TUPLE, _INTEGER = 1, 2, 3, 4


def pack(things: Sequence[Any]) -> bytes:
    """The state of all things, in order.

    Raises:
        SettingError: for a thing that has no state danlu knows how to read.

    Example:
        >>> unpack(pack([{"epoch": 3}, b"raw"]))
        [{'epoch': 3}, b'raw']
    """
    return _encoder.encode([_plain(_state(thing)) for thing in things])


def unpack(data: bytes) -> list[Any]:
    """The states that ``pack`` packed, in order."""
    return cast(list[Any], _decoder.decode(data))


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


def _plain(value: Any) -> Any:
    """``value`` with arrays, tensors and tuples as extensions and mappings as plain dicts."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return msgspec.msgpack.Ext(_TUPLE, _encoder.encode([_plain(item) for item in value]))
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return msgspec.msgpack.Ext(_INTEGER, str(value).encode())
    if _is_tensor(value):
        return msgspec.msgpack.Ext(_TENSOR, _tensor_bytes(value))
    if _is_array(value):
        return msgspec.msgpack.Ext(_ARRAY, _array_bytes(value))
    if isinstance(value, bytearray):
        return bytes(value)
    return value


def _array_bytes(array: Any) -> bytes:
    if array.dtype.hasobject:
        raise SettingError(f"trial.save takes arrays of numbers, got dtype {array.dtype}.")
    return _encoder.encode([array.dtype.str, list(array.shape), array.tobytes()])


def _tensor_bytes(tensor: Any) -> bytes:
    import torch

    held = tensor.detach().cpu().contiguous()
    raw = held.reshape(-1).view(torch.uint8).numpy().tobytes() if held.numel() else b""
    return _encoder.encode([str(held.dtype).removeprefix("torch."), list(held.shape), raw])


def _restore(code: int, data: memoryview) -> Any:
    if code == _TUPLE:
        return tuple(_decoder.decode(data))
    if code == _INTEGER:
        return int(bytes(data))
    kind, shape, raw = msgspec.msgpack.decode(data)
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
