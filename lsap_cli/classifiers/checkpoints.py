"""State dicts inside checkpoints: where training programs put them, and how their names differ from a network's."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from lsap_cli.errors import LsapError

WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "module", "network")
"""Keys of a checkpoint under which training programs put the state dict."""
PREFIXES = ("module.", "model.", "network.", "net.", "_orig_mod.")
"""That DataParallel, Lightning and torch.compile put before every name."""
NEAREST = 5
SHOWN = 4


def state_dict_of(checkpoint: Any, weights: str, key: str | None = None) -> dict[str, Tensor]:
    """The state dict in what a file holds.

    Args:
        checkpoint: as it was opened.
        weights: what the file is called, for the sentence.
        key: under which the state dict is, with dots between keys of several levels; None: one of `WRAPPERS`, as often
            as one holds a dict.

    Raises:
        LsapError: if there is none.
    """
    state = checkpoint
    if key is not None:
        state = _at_key(state, weights, key)
    else:
        while isinstance(state, Mapping) and (inner := _wrapped(state)) is not None:
            state = inner
    if not isinstance(state, Mapping):
        raise LsapError(f"the weights {weights} hold a {type(state).__name__}; a state dict is needed")
    if state and not any(isinstance(value, Tensor) for value in state.values()):
        raise LsapError(
            f"the weights {weights} have no tensor at their top level, only {_some([*map(str, state)])}; say in "
            "weights_key under which key the state dict is"
        )
    return dict(state)


def _at_key(state: Any, weights: str, key: str) -> Any:
    if isinstance(state, Mapping) and key in state:
        return state[key]
    for part in key.split("."):
        if not isinstance(state, Mapping) or part not in state:
            known = f"; there is {_some([*map(str, state)])}" if isinstance(state, Mapping) else ""
            raise LsapError(f"the weights {weights} have no '{part}' of weights_key = '{key}'{known}")
        state = state[part]
    return state


def _wrapped(state: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the first wrapper that is there holds, where it holds a dict."""
    return next((state[name] for name in WRAPPERS if isinstance(state.get(name), Mapping)), None)


def named_as(state: Mapping[str, Tensor], own: Mapping[str, Any], strip_prefix: str | None) -> dict[str, Tensor]:
    """A state dict without what training programs put before its names.

    Where all of a network's weights stand behind one prefix, in their shapes, what stands before or beside it is not
    the network's: the weights of a loss, an averaged copy.

    Args:
        state: as the file has it.
        own: the network's state dict.
        strip_prefix: that a card names: taken from all names that begin with it. None: each of `PREFIXES` that all
            names begin with and none of the network's does; else the one behind which the whole network stands.

    Raises:
        LsapError: if the whole network stands behind several.
    """
    if strip_prefix is not None:
        if strip_prefix in _whole_copies(state, own):
            return {name: state[strip_prefix + name] for name in own if strip_prefix + name in state}
        return {name.removeprefix(strip_prefix): value for name, value in state.items()}
    names = dict(state)
    while prefix := next((one for one in PREFIXES if _is_foreign(one, names, own)), None):
        names = {name.removeprefix(prefix): value for name, value in names.items()}
    copies = [] if names.keys() >= own.keys() else _whole_copies(names, own)
    if len(copies) > 1:
        raise LsapError(
            f"hold the network {len(copies)} times, behind {_some(copies)}; say in strip_prefix which one is meant"
        )
    return {name: names[copies[0] + name] for name in own if copies[0] + name in names} if copies else names


def _whole_copies(state: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """The prefixes behind which a state dict has every weight of a network, in its shape."""
    shapes = {name: tuple(value.shape) for name, value in own.items() if isinstance(value, Tensor)}
    first = next(iter(shapes), None)
    if first is None:
        return []
    prefixes = [name.removesuffix(first) for name in state if name.endswith(f".{first}")]
    return [
        prefix
        for prefix in prefixes
        if all(tuple(getattr(state.get(prefix + name), "shape", (-1,))) == shape for name, shape in shapes.items())
    ]


def beside(state: Mapping[str, Tensor], taken: Mapping[str, Tensor]) -> list[str]:
    """The names of a state dict whose tensors were not taken."""
    used = {id(value) for value in taken.values()}
    return [name for name, value in state.items() if id(value) not in used]


def _is_foreign(prefix: str, names: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    all_begin = bool(names) and all(name.startswith(prefix) for name in names)
    return all_begin and not any(name.startswith(prefix) for name in own)


def with_tied(state: dict[str, Tensor], own: Mapping[str, Any]) -> dict[str, Tensor]:
    """A state dict with the names that share a tensor with one that is there: safetensors keeps one of them."""
    places: dict[tuple[int, tuple[int, ...], tuple[int, ...]], list[str]] = {}
    for name, value in own.items():
        if isinstance(value, Tensor) and value.numel():
            places.setdefault((value.data_ptr(), tuple(value.shape), value.stride()), []).append(name)
    tied = {
        name: state[kept]
        for names in places.values()
        for name in names
        if name not in state and (kept := next((one for one in names if one in state), None)) is not None
    }
    return state | tied


def quantized(state: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
    """Says that a file has whole numbers for a network's floats, which would be copied without an error; else None."""
    whole = [
        name
        for name, value in state.items()
        if isinstance(value, Tensor)
        and isinstance(own.get(name), Tensor)
        and own[name].is_floating_point()
        and not value.is_floating_point()
    ]
    if not whole:
        return None
    kind = str(state[whole[0]].dtype).removeprefix("torch.")
    return f"it holds whole numbers ({kind}) for {_some(whole)}, as quantized networks do; save the weights as floats"


def misfit(state: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
    """What does not fit between a file's state dict and a network's, in words; None where everything does."""
    shapes = {name: tuple(getattr(value, "shape", ())) for name, value in state.items()}
    wanted = {name: tuple(value.shape) for name, value in own.items() if isinstance(value, Tensor)}
    lacking = [name for name in own if name not in shapes]
    surplus = [name for name in shapes if name not in own]
    other = [name for name, shape in wanted.items() if name in shapes and shapes[name] != shape]
    return misfit_text(lacking, surplus, {name: (shapes[name], wanted[name]) for name in other})


def misfit_text(
    lacking: Sequence[str], surplus: Sequence[str], other_shapes: Mapping[str, tuple[Sequence[int], Sequence[int]]]
) -> str | None:
    """The same from the names: of the network only, of the file only, of both (shape in the file, in the network)."""
    shaped = [f"{name} ({tuple(there)}, not {tuple(here)})" for name, (there, here) in other_shapes.items()]
    problems = {"it lacks": lacking, "the network has no": surplus, "another shape has": shaped}
    parts = [f"{what} {_some(names)}" for what, names in problems.items() if names]
    if not parts:
        return None
    for name, candidates in ((lacking[:1], surplus), (surplus[:1], lacking)):
        near = difflib.get_close_matches(name[0], candidates, NEAREST, 0.3) if name else []
        if near:
            where = "in the file" if candidates is surplus else "in the network"
            parts.append(f"nearest to {name[0]} {where}: {', '.join(near)}")
            break
    heads = {(tuple(there)[:1], tuple(here)[:1]) for there, here in other_shapes.values()}
    rest_is_equal = all(tuple(there)[1:] == tuple(here)[1:] for there, here in other_shapes.values())
    if len(heads) == 1 and rest_is_equal and not lacking:
        ((there, here),) = heads
        if there and here:
            parts.append(f"the file's head has {there[0]} classes where the network has {here[0]}")
    return "; ".join(parts)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
