"""How parameters answer what they do not know: settings of other tools' parameters with danlu's own words."""

from __future__ import annotations

from typing import Any

import msgspec

from ..base.foreign import missing_setting
from ..errors import ArgumentError, DanluError


class Answering(msgspec.StructMeta):
    """Parameters answer settings that other tools' parameters have with danlu's own words.

    What is made by hand passes here, what is read from a journal does not.
    """

    def __call__(cls, *given: Any, **settings: Any) -> Any:  # noqa: N805 - of a class
        """Make one.

        Raises:
            ArgumentError: for settings that it does not have or lacks.
        """
        wrong = missing_setting(cls.__name__, settings, cls.__struct_fields__)
        if wrong is not None:
            raise wrong
        try:
            return super().__call__(*given, **settings)
        except TypeError as error:
            if isinstance(error, DanluError):
                raise
            raise ArgumentError(
                f"{cls.__name__} needs {_HOW[cls.__name__]}, got {len(given)} positional: {error}."
            ) from None


_HOW = {
    "Float": "Float(low, high, log=..., step=..., prior=...)",
    "Int": "Int(low, high, log=..., step=..., prior=...)",
    "Choice": "Choice([...], ordered=..., prior=...)",
}
