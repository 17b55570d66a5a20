"""The command line, and the one place where an error becomes a message and an exit code."""

import errno
import os
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from toolrec_cli.commands import (
    audit,
    datasets,
    doctor,
    evaluate,
    prep,
    pretrain,
    recommend,
    replay,
    report,
    runs,
    stress,
    train_encoder,
    tune,
)
from toolrec_cli.errors import InputError, Terminated, ToolRecError, UsageError
from toolrec_cli.render.console import say_error

INTERRUPTED, TERMINATED = 130, 143

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WORLD = _FULL | {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EIO}
"""What the disk, or a path that somebody typed, can be the cause of; any other OSError is our fault."""


class _Boundary(TyperGroup):
    """What the world did becomes a message with a hint; what we did stays a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ToolRecError as error:
            say_error(_with_notes(error, error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt as stopped:
            nothing = ToolRecError("Stopped.", hint="Nothing was finished, and nothing half-done is left behind.")
            say_error(_with_notes(ToolRecError("Stopped."), stopped) if _notes(stopped) else nothing)
            raise typer.Exit(TERMINATED if isinstance(stopped, Terminated) else INTERRUPTED) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None
        except OSError as error:
            if error.errno not in _WORLD:
                raise
            say_error(_with_notes(_about(error), error))
            raise typer.Exit(InputError.exit_code) from None

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Its help names only variables with a name of their own: every option has one, and saying so would hide the rest."""
        return _quiet_about_variables(super().get_command(ctx, cmd_name))


def _quiet_about_variables(command: Any) -> Any:
    if command is not None:
        for each in command.params:
            each.show_envvar = each.envvar is not None
        for within in getattr(command, "commands", {}).values():
            _quiet_about_variables(within)
    return command


def _notes(error: BaseException) -> list[str]:
    """What was said of an error on its way up: what of a run is kept, and how it goes on."""
    return getattr(error, "__notes__", [])


def _with_notes(shown: ToolRecError, error: BaseException) -> ToolRecError:
    shown.hint = " ".join([*([shown.hint] if shown.hint else []), *_notes(error)]) or None
    return shown


def _about(error: OSError) -> InputError:
    where = f" ({error.filename})" if error.filename else ""
    hint = "Make room or choose another --workspace" if error.errno in _FULL else "Choose another path or --workspace"
    left = "." if _notes(error) else "; nothing half-written is left behind."
    return InputError(f"{error.strerror}{where}.", hint=f"{hint}{left}")


app = typer.Typer(
    name="toolrec",
    cls=_Boundary,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "TOOLREC"},
)

app.command("prep")(prep.prep)
app.command("pretrain")(pretrain.pretrain)
app.command("train-encoder")(train_encoder.train_encoder)
app.command("tune")(tune.tune)
app.command("recommend")(recommend.recommend)
app.command("replay")(replay.replay)
app.command("eval")(evaluate.evaluate)
app.command("report")(report.report)
app.command("stress")(stress.stress)
app.command("audit")(audit.audit)
app.add_typer(datasets.app, name="datasets")
app.add_typer(runs.app, name="runs")
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        from toolrec_cli import __version__

        typer.echo(f"toolrec {__version__}")
        raise typer.Exit


@app.callback()
def entry(
    ctx: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            allow_from_autoenv=False,
            help="Show the version and leave.",
        ),
    ] = False,
) -> None:
    """A recommender that explores a catalogue attribute by attribute, and shows every step (ToolRec, arXiv 2405.15114).

    Start with [bold]toolrec recommend --user 42 --trace[/bold]: in an empty folder it makes a small sample ready and answers.

    Whatever is an option may be a variable of the environment: TOOLREC_EVAL_USERS=200 is toolrec eval --users 200.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ and ctx.invoked_subcommand != "pretrain":
        _one_process_only(str(ctx.invoked_subcommand))


def _one_process_only(verb: str) -> None:
    """Under torchrun every process would do the same, over one another; the first one says so."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return
    if os.environ.get("RANK") != "0":
        raise typer.Exit(UsageError.exit_code)
    raise UsageError(f"{verb} works in one process, pretrain alone in several.", hint=f"Type: toolrec {verb} …")


def _terminate(number: int, frame: Any) -> None:
    raise Terminated


def main() -> None:
    """The console script."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except Terminated:  # before the command line was made
        raise SystemExit(TERMINATED) from None
