"""``danlu export`` and ``danlu import``: studies as JSON lines."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("store", type=click.Path(dir_okay=False))
@click.argument("name", required=False)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="File to write (default: stdout).")
def export(store: str, name: str | None, output: str | None) -> None:
    """Write study NAME of STORE as JSON lines with checksums."""
    from ..core.errors import CorruptError
    from ..stores.jsonlines import dump
    from .show import existing

    opened = existing(store)
    names = opened.studies()
    if name is None and len(names) != 1:
        raise click.ClickException(f"name one of the studies: {', '.join(names) or 'there is none'}.")
    chosen = name or names[0]
    count = -1
    with click.open_file(output or "-", "w", encoding="utf-8") as target:
        try:
            for line in dump(chosen, opened.journal(chosen).read(0)):
                target.write(line)
                count += 1
        except CorruptError as error:
            raise click.ClickException(f"{error} {count} events were written.") from error
    click.echo(f"{count} events of {chosen!r} written", err=True)


@click.command(name="import")
@click.argument("source", type=click.Path(dir_okay=False, exists=True))
@click.argument("store", type=click.Path(dir_okay=False))
@click.option("--name", help="Another name for the study.")
def import_(source: str, store: str, name: str | None) -> None:
    """Make a study in STORE of the JSON lines in SOURCE."""
    from ..stores.jsonlines import load
    from ..study.tune import open_store

    with Path(source).open(encoding="utf-8") as lines:
        loaded = load(lines, open_store(store), name)
    click.echo(f"{loaded.events} events of {loaded.name!r} read")
    if loaded.lost:
        click.echo(f"danlu: {source}: {loaded.lost}", err=True)
        raise click.exceptions.Exit(1)
