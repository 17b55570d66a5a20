"""toolrec doctor"""

from pathlib import Path
from typing import Annotated

import typer

from toolrec_cli.commands import options


def doctor(
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", metavar="URL", help="A language-model server to ask what it can do: http://host/v1."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Default: the first model that the server lists.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME", help="Ask at the preset's own address: ollama, vllm, openai, …"),
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="Holds the key; readable by its owner only.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds that one answer may take.")] = 60.0,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """What is installed and what is wrong in the workspace; or, about eight tiny calls, what a model server really does.

    [bold]toolrec doctor[/bold]
    [bold]toolrec doctor --base-url http://localhost:11434/v1[/bold]
    [bold]toolrec doctor --model gpt-4.1-mini --json[/bold]
    """
    import os

    from toolrec_cli.errors import CheckError, ProviderError
    from toolrec_cli.operations.doctoring import consult, examine
    from toolrec_cli.render.doctor import print_consultation, print_examination
    from toolrec_cli.render.progress import bars

    if base_url is None and model is None and preset is None:
        found = examine(workspace)
        print_examination(found, as_json=as_json)
        if found.problems:
            raise typer.Exit(CheckError.exit_code)
        return
    from toolrec_cli.llm.stack import ModelOptions

    asked = ModelOptions(
        model or "", base_url, preset, key_file=key_file, timeout=timeout, max_retries=1, concurrency=1
    )
    with bars() as progress:
        consulted = consult(asked, os.environ, workspace, progress=progress)
    print_consultation(consulted, as_json=as_json)
    if consulted.protocol is None:
        raise typer.Exit(ProviderError.exit_code)
