"""A network as blocks: one for each layer with weights or that changes the shape, from the input to the output."""

from dataclasses import dataclass
from typing import NamedTuple, Self

from unstuck.network.network import Network
from unstuck.network.outline import cost, outline
from unstuck.network.shapes import Shape
from unstuck.report.wording import grouped


class Block(NamedTuple):
    """What one block shows."""

    label: str
    shape: Shape
    """Of what it puts out, for one row."""
    parameters: int
    then: tuple[str, ...]
    """What follows without a change of shape: activation, normalization, dropout."""


@dataclass(frozen=True, kw_only=True)
class NetworkView:
    """A network's blocks, the first its input."""

    name: str
    blocks: tuple[Block, ...]
    parameters: int
    operations: int

    @classmethod
    def of(cls, name: str, network: Network, shape: Shape) -> Self:
        """The view of a network for rows of a shape."""
        blocks = [Block("input", shape, 0, ())]
        for line in outline(network):
            if line.layer in ("picture", "sequence", "flatten"):  # the same numbers in another order
                continue
            if line.shape == blocks[-1].shape and not line.operations:
                blocks[-1] = blocks[-1]._replace(then=(*blocks[-1].then, line.layer))
            else:
                blocks.append(Block(line.layer, line.shape, line.parameters, ()))
        total = cost(network)
        return cls(name=name, blocks=tuple(blocks), parameters=total.parameters, operations=total.operations)

    @property
    def title(self) -> str:
        """The network in a sentence."""
        return (
            f"{self.name}: {grouped(self.parameters)} parameters, {grouped(self.operations)} multiply-adds a row"
        )
