"""The last things that were found in some columns, for the next operator that asks for them.

The operators of a piece see the same columns one after the other, and several of them look for the
same in it, such as its words.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

Found = TypeVar("Found")


class Recent(Generic[Found]):
    """A few results by the Arrow arrays that they came from. Nobody may change a result.

    Arrays are known by where they lie in memory; they are kept beside the result, so that nothing
    else can lie there.

    Args:
        size: How many results are kept.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._known: OrderedDict[Any, tuple[Any, Found]] = OrderedDict()

    def get(self, *arrays: Any, find: Callable[[], Found], about: object = None) -> Found:
        """What was found in these arrays, or what `find` finds now.

        Args:
            arrays: Arrow arrays.
            find: Makes the result.
            about: What else the result depends on; it can be hashed.
        """
        key = (about, *map(_place, arrays))
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key][1]
        found = find()
        self._known[key] = (arrays, found)
        if len(self._known) > self.size:
            self._known.popitem(last=False)
        return found


def _place(array: Any) -> tuple[int, ...]:
    addresses = (buffer.address if buffer is not None else 0 for buffer in array.buffers())
    return (array.offset, len(array), *addresses)
