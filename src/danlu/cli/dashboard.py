"""``danlu dashboard``: studies in a browser, as they run."""

from __future__ import annotations

import click

from .echo import echo


@click.command()
@click.argument("store")
@click.option("--open", "open_", is_flag=True, help="Open it in the browser.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="[default: 8642, or a free one when that is taken]"
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Interface to listen on; others need --allow-host."
)
@click.option(
    "--allow-host", "hosts", multiple=True, help="A further NAME:PORT browsers may use; repeatable."
)
@click.option("--read-only", is_flag=True, help="Show, and take no orders.")
@click.option("--actor", help="In whose name orders are given [default: the user].")
def dashboard(
    store: str,
    open_: bool,
    port: int | None,
    host: str,
    hosts: tuple[str, ...],
    read_only: bool,
    actor: str | None,
) -> None:
    """Show the studies of STORE, a file or a URL, in a browser until Ctrl-C.

    The address that is printed holds a token that lets one browser in, once. Studies may run meanwhile, here or anywhere:
    the page reads their journals and never holds them up.
    """
    from ..dashboard.serve import serve
    from ..study.said import user
    from .show import existing

    opened = existing(store)
    place = str(getattr(opened, "place", store))
    ready = _open if open_ else None
    try:
        serve(
            opened, place=place, host=host, port=port, hosts=hosts, actions=not read_only, actor=actor or user(),
            say=click.echo, ready=ready,
        )  # fmt: skip
    except KeyboardInterrupt:
        echo("the page is closed; studies go on.", err=True)
    finally:
        opened.close()


def _open(address: str) -> None:
    click.launch(address)
