"""unstuck resume."""

from typing import Annotated

from cyclopts import Parameter


def verb(run: str, /, *, record: int = 19, json: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Go on with a training that was interrupted or killed, to the same bits as if it never was.

    Parameters
    ----------
    run
        The run's folder.
    record
        Number of the training record whose outputs are drawn.
    json
        Print the result as JSON and nothing else.
    """
    from unstuck import api
    from unstuck.cli.progress import followed

    return followed(api.resume(run), record=record, json=json)
