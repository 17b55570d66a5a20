"""toolrec doctor"""

from pathlib import Path

import typer

from toolrec_cli.commands import model_options as llm
from toolrec_cli.commands import options


def doctor(
    ctx: typer.Context,
    model: llm.Model = None,
    base_url: llm.BaseUrl = None,
    server: llm.Server = None,
    api: llm.Api = None,
    server_setting: llm.ServerSettings = None,
    key_file: llm.KeyFile = None,
    timeout: llm.Timeout = 60.0,
    max_retries: llm.MaxRetries = 1,
    as_json: options.Json = False,
    workspace: options.Workspace = Path(),
) -> None:
    """What is installed and what is wrong in the workspace; or, by about eight tiny calls, what a model server really does.

    A server is asked when --base-url, --model or --server names it; without --model, its first model.

    [bold]toolrec doctor[/bold]
    [bold]toolrec doctor --base-url http://localhost:11434/v1[/bold]
    [bold]toolrec doctor --model gpt-4.1-mini --json[/bold]
    """
    import os

    from toolrec_cli.errors import CheckError, ProviderError
    from toolrec_cli.operations.doctoring import consult, examine
    from toolrec_cli.render.doctor import print_consultation, print_examination
    from toolrec_cli.render.progress import bars

    if base_url is None and model is None and server is None:
        found = examine(workspace)
        print_examination(found, as_json=as_json)
        if found.problems:
            raise typer.Exit(CheckError.exit_code)
        return
    with bars() as progress:
        consulted = consult(llm.model_options(ctx.params, workspace), os.environ, workspace, progress=progress)
    print_consultation(consulted, as_json=as_json)
    if consulted.protocol is None:
        raise typer.Exit(ProviderError.exit_code)
