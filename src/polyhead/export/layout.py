"""Where the tokens of a batch lie: layers read the real ones alone, and only attention sees texts side by side."""

from dataclasses import dataclass

from polyhead.export.graph import Graph
from polyhead.runtime.names import MASK, TOKENS


@dataclass(frozen=True, slots=True)
class Layout:
    """Turns a batch with padding into its real tokens and back, so that no matrix is multiplied with padding.

    Values are packed, with one row a real token, or spread, with the first shape `(batch, tokens)`.

    Args:
        graph: the graph.
        real: place of each real token in the batch laid flat, shape `(real,)`.
        places: packed row of each place in the batch, shape `(batch, tokens)`; that of the token before at padding.
    """

    graph: Graph
    real: str
    places: str

    def pack(self, states: str) -> str:
        """Pack states of shape `(batch, tokens, width)`."""
        return self.graph.add("Gather", self.graph.add("Flatten", states, attributes={"axis": 2}), self.real)

    def pack_numbers(self, numbers: str) -> str:
        """Pack one number a token, shape `(batch, tokens)`."""
        return self.graph.add("Gather", self.graph.add("Reshape", numbers, self.graph.integers(-1)), self.real)

    def spread(self, states: str) -> str:
        """Spread packed states; what then stands at padding has no meaning."""
        return self.graph.add("Gather", states, self.places)

    def ids(self) -> str:
        """Return the packed token ids."""
        return self.pack_numbers(TOKENS)

    def positions(self) -> str:
        """Return the place of each real token in its text."""
        return self.graph.add("Mod", self.real, token_count(self.graph))


def laid_out(graph: Graph) -> Layout:
    """Append what finds the real tokens of a batch; each text begins with one."""
    flat = graph.add("Reshape", MASK, graph.integers(-1))
    real = graph.add("Squeeze", graph.add("NonZero", flat), graph.integers(0))
    places = graph.add("Sub", graph.add("CumSum", flat, graph.whole(0)), graph.whole(1))
    return Layout(graph, real, graph.add("Reshape", places, graph.add("Shape", TOKENS)))


def token_count(graph: Graph) -> str:
    """Return how many tokens a row of the batch has, padding included, as a vector of one number."""
    return graph.add("Shape", TOKENS, attributes={"start": 1, "end": 2})
