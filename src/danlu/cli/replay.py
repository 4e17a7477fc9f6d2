"""``danlu replay``: what another scheduler would have saved."""

from __future__ import annotations

import json
from typing import Any

import click

from ..base.plain import as_json
from .echo import echo, echo_json
from .show import existing, table

USUAL = ("auto", "asha", "median", "extrapolation", "none")


@click.command()
@click.argument("store")
@click.argument("name", required=False)
@click.option(
    "--scheduler", "names", multiple=True, help="By name; may be repeated. The usual ones by default."
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the scheduler, in JSON."
)
@click.option("--workers", default=1, show_default=True, help="Virtual workers.")
@click.option("--json", "json_", is_flag=True, help="Machine-readable output.")
def replay(
    store: str, name: str | None, names: tuple[str, ...], settings: tuple[str, ...], workers: int, json_: bool
) -> None:
    """Run study NAME of STORE once more under other schedulers, with its recorded curves."""
    from ..base.names import SCHEDULERS, find
    from ..study.replay import replay as run

    opened = existing(store)
    studies = opened.studies()
    if name is None and len(studies) != 1:
        raise click.UsageError(f"which study? There are: {', '.join(studies) or 'none'}.")
    journal = opened.journal(name or studies[0])
    given = _settings(settings)
    found = [
        run(journal, _made(find(SCHEDULERS, "scheduler", each), given), workers=workers)
        for each in names or USUAL
    ]
    rows = [
        {
            "scheduler": each.scheduler,
            "steps": each.steps,
            "saved": f"{each.saved:.0%}",
            "seconds": round(each.seconds, 1),
            "best": each.best,
            "in trial": each.trial,
        }
        for each in found
    ]
    if json_:
        echo_json(as_json(rows))
        return
    whole = found[0]
    echo(
        f"as recorded: {whole.trials} trials, {whole.whole_steps} steps, {whole.whole_seconds:.1f} s on {workers} "
        f"worker{'s' if workers > 1 else ''}, best {whole.whole_best:.6g} in trial {whole.whole_trial}"
    )
    echo(table(rows))
    if whole.short:
        echo(
            f"{whole.short} of the {whole.trials} trials were cut short in the recording; "
            "what they would have come to is not known, so they end where they ended."
        )


def _settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        try:
            found[key] = json.loads(value)
        except ValueError:
            sign = ""
        if not sign:
            raise click.UsageError(f"--set needs KEY=VALUE with a value in JSON, got {pair!r}.")
    return found


def _made(kind: Any, settings: dict[str, Any]) -> Any:
    try:
        return kind(**settings)
    except TypeError as error:
        raise click.UsageError(f"{kind.__name__} cannot be made with {settings!r}: {error}.") from None
