"""What `toolrec eval` is asked, and what its ablations take."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from toolrec_cli.commands import options

_PANEL = "Ablations"


@dataclass(frozen=True)
class Asked:
    """Who is scored, on what, against what."""

    users: options.UsersOrAll = "all"
    split: options.Split = "test"
    k: Annotated[list[str] | None, typer.Option("--k", metavar="K[,K…]", help="Cut-offs, up to 100. Default: 10.")] = (
        None
    )
    baselines: Annotated[
        str,
        typer.Option(
            metavar="all|none|A,B",
            help="What else to compare with; beside them every other backbone. all,llm: also --model without exploring.",
        ),
    ] = "all"
    groups: Annotated[
        bool, typer.Option("--groups", help="Also by history length, and by age and popularity of the held-out item.")
    ] = False


@dataclass(frozen=True)
class Ablation:
    """What is taken away, and the second model where two are set against each other."""

    ablate: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="What one thing is worth: rounds, attributes, memory, rank, tuned, parts, encoders; or models, two of them.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    noise: Annotated[
        list[str] | None,
        typer.Option(
            "--noise",
            metavar="N[,N…]",
            help="--ablate attributes: made-up ones added. Default: 1,2,4,8,16,32.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    against_model: Annotated[
        str | None,
        typer.Option(
            "--against-model", metavar="NAME", help="--ablate models: whom --model has to beat.", rich_help_panel=_PANEL
        ),
    ] = None
    against_base_url: Annotated[
        str | None,
        typer.Option(
            "--against-base-url", metavar="URL", help="Its server. Default: that of --model.", rich_help_panel=_PANEL
        ),
    ] = None
    against_server: Annotated[
        str | None,
        typer.Option("--against-server", metavar="NAME", help="What kind that is.", rich_help_panel=_PANEL),
    ] = None
    against_protocol: Annotated[
        Literal["json", "tools", "react"] | None,
        typer.Option("--against-protocol", help="How it acts. Default: as --model does.", rich_help_panel=_PANEL),
    ] = None
    against_key_file: Annotated[
        Path | None,
        typer.Option("--against-key-file", metavar="FILE", help="Holds its key.", rich_help_panel=_PANEL),
    ] = None
    against_price_input: Annotated[
        float | None,
        typer.Option("--against-price-input", min=0, help="$ per million input tokens.", rich_help_panel=_PANEL),
    ] = None
    against_price_output: Annotated[
        float | None,
        typer.Option("--against-price-output", min=0, help="$ per million output tokens.", rich_help_panel=_PANEL),
    ] = None

    def other_model(self, model: Any) -> Any:
        """The second `ModelPlan`: asked as the first one is but for what was typed; None without --against-model.

        What belongs to the first one's server (its kind, its settings, its key) stays there when the second has another.
        Raises UsageError for what says nothing without a second model.
        """
        from dataclasses import replace

        from toolrec_cli.errors import UsageError

        if self.ablate != "models" or self.against_model is None or model is None:
            if said := [name for name in _OF_THE_OTHER if getattr(self, name)]:
                raise UsageError(
                    f"--{said[0].replace('_', '-')} is about a second language model.",
                    hint="Type: --ablate models --model A --against-model B",
                )
            return None
        options = replace(
            model.options,
            model=self.against_model,
            price_input=self.against_price_input,
            price_output=self.against_price_output,
            key_file=self.against_key_file or model.options.key_file,
        )
        if self.against_base_url or self.against_server:
            options = replace(
                options,
                base_url=self.against_base_url,
                server=self.against_server,
                api=None,
                settings=(),
                key_file=self.against_key_file,
            )
        return replace(model, options=options, protocol=self.against_protocol or model.protocol)


_OF_THE_OTHER = [name for name in Ablation.__dataclass_fields__ if name.startswith("against_")]
