"""``danlu note``, ``danlu tag`` and ``danlu archive``: what a person writes on trials and studies, also when they are long over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .echo import echo

if TYPE_CHECKING:
    from ..study.result import Result


@click.command()
@click.argument("store")
@click.argument("text")
@click.option("--trial", type=int, help="The trial to keep it with [default: the study].")
@click.option("--study", "name", help="The study's name, where STORE has several.")
@click.option("--actor", help="Who says so, for the record [default: the user].")
def note(store: str, text: str, trial: int | None, name: str | None, actor: str | None) -> None:
    """Keep the remark TEXT with a study of STORE, or with one of its trials."""
    from ..errors import SettingError
    from .show import controlled

    if not text.strip():
        raise SettingError("a note needs text, and this one has none.")
    result, control = controlled(store, name, actor)
    control.note(text.strip(), -1 if trial is None else trial)
    echo(f"note: kept with {_of(result, trial)}")


@click.command()
@click.argument("store")
@click.argument("tags", nargs=-1, required=True)
@click.option(
    "--trial", "trials", type=int, multiple=True, help="A trial to tag; repeatable [default: the study]."
)
@click.option("--study", "name", help="The study's name, where STORE has several.")
@click.option("--remove", is_flag=True, help="Take the tags off instead.")
@click.option("--actor", help="Who says so, for the record [default: the user].")
def tag(
    store: str,
    tags: tuple[str, ...],
    trials: tuple[int, ...],
    name: str | None,
    remove: bool,
    actor: str | None,
) -> None:
    """Put TAGS on trials of a study of STORE, or on the study: words by which they are found again.

    The page's filter takes them, tag: good.
    """
    from .show import controlled

    result, control = controlled(store, name, actor)
    for trial in trials:
        result.history.rows.of(trial)
    for trial in trials or (-1,):
        (control.untag if remove else control.tag)(*tags, trial=trial)
    done = "taken off" if remove else "put on"
    told = [_of(result, each) for each in trials] or [_of(result, None)]
    echo(f"tag: {', '.join(tags)} {done} {', '.join(told)}")


@click.command()
@click.argument("store")
@click.argument("studies", nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Bring them back into the lists.")
@click.option("--actor", help="Who says so, for the record [default: the user].")
def archive(store: str, studies: tuple[str, ...], undo: bool, actor: str | None) -> None:
    """Leave STUDIES of STORE out of the lists of danlu show and of the page, until somebody asks for them.

    Nothing of them is deleted, and they can be gone on with; they have the tag "archived".
    """
    from ..journal.tags import ARCHIVED
    from .show import controlled

    controls = [controlled(store, each, actor)[1] for each in studies]
    for control in controls:
        (control.untag if undo else control.tag)(ARCHIVED)
    echo(f"archive: {', '.join(studies)} {'are back in the lists' if undo else 'are left out of the lists'}")


def _of(result: Result, trial: int | None) -> str:
    name = result.study.name
    return f"study {name!r}" if trial is None else f"trial {trial} of {name!r}"
