"""The command line: one small module a verb, imported only when that verb runs."""

import sys
from importlib import import_module
from typing import Any

import click

from crossmargin import __version__
from crossmargin.cli import FILE
from crossmargin.errors import CrossMarginError, MissingDataError, UnsupportedError

__all__ = ["main"]

_VERBS = {
    # verb: (module, one line of help)
    "assess": ("assess", "Every margin figure of an account."),
    "modes": ("modes", "The same book in cross and in isolated mode, side by side."),
    "liq": ("liq", "Liquidation prices: each leg, a market move, two coins at once."),
    "what-if": ("what_if", "Before and after a list of changes."),
    "explain": ("explain", "The lines whose sum is a figure."),
    "compare": ("compare", "One book under the rules of every venue."),
    "reconcile": ("reconcile", "Our figures beside those that the venue reported."),
    "replay": ("replay", "An account through recorded or generated prices."),
    "fleet": ("fleet", "Many accounts at once: screen, watch, stress."),
    "scenario": ("scenario", "Stories in plain lines that the engine plays."),
    "journal": ("journal", "Journals of the engine: verify, show, rebuild, rerun."),
    "serve": ("serve", "A paper exchange that OKX clients trade on."),
    "market": ("market", "Move the prices of a generated market."),
    "keys": ("keys", "Accounts and API keys of a paper exchange."),
    "venues": ("venues", "Rulebooks, their sources and how sure each rule is."),
    "demo": ("demo", "A paper exchange with a day trader's book, ready to be traded on."),
}


class _Verbs(click.Group):
    """Loads the module of a verb when it is asked for."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - what the verb returns
        """Run a verb; data that the account file lacks are asked for by the file's name."""
        try:
            return super().invoke(ctx)
        except (MissingDataError, UnsupportedError) as error:
            file = ctx.meta.get(FILE)
            if file is None or " --" in str(error):  # what an option gives is not asked of the file
                raise
            raise type(error)(f"{file}: {error}") from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Verbs in the order of a user's journey."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in _VERBS:
            return None
        command = import_module(f"crossmargin.cli.{_VERBS[cmd_name][0]}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, text) for verb, (_, text) in _VERBS.items()])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="crossmargin")
def app() -> None:
    """Exact cross margin for crypto derivatives: what an account is worth, needs and risks.

    Example: crossmargin assess account.toml
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit status.

    0 safe, 1 bad usage or input (one line on stderr), 2 warning, 3 liquidation, 130 interrupted.
    """
    if not __debug__:
        _leave("crossmargin: assertions guard the money here: run Python without -O", 1)
    try:
        status: Any = app.main(args=arguments, prog_name="crossmargin", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        _leave(error.format_message(), 1)
    except click.ClickException as error:
        _leave(f"crossmargin: {' '.join(error.format_message().split())}", 1)
    except (click.Abort, KeyboardInterrupt):
        _leave("crossmargin: interrupted", 130)
    except CrossMarginError as error:
        _leave(f"crossmargin: {error}", 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    else:
        sys.exit(status if isinstance(status, int) else 0)


def _leave(line: str, status: int) -> None:
    click.echo(line, err=True)
    sys.exit(status)
