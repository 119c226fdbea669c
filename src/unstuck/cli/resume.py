"""unstuck resume."""

from typing import Annotated

from cyclopts import Parameter


def verb(
    run: str,
    /,
    *,
    record: int = 19,
    log: Annotated[list[str] | None, Parameter(negative="")] = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Go on with a training that was interrupted or killed, to the same bits as if it never was.

    Parameters
    ----------
    run
        The run's folder.
    record
        Number of the training record whose outputs are drawn.
    log
        Also log for tensorboard, mlflow or wandb (offline), into a folder beside the run's; may be repeated.
    set_
        model=package.module:function again, where the model is code of your own; short: --model ….
    json
        Print the result as JSON and nothing else.
    """
    from unstuck import api
    from unstuck.cli.processes import together
    from unstuck.cli.progress import followed
    from unstuck.cli.source import only_model
    from unstuck.trackers.following import check

    check(log or [])
    with together() as live:
        training = api.resume(run, model=only_model(set_ or []), live=live)
        return followed(training, record=record, json=json, log=log or [])
