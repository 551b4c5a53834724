"""The three measurements: speed (A), growth (B), what a process costs (C)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.contenders import Contender
from benchmarks.figures import Sample
from benchmarks.load import Talker, WrongAnswer, one_by_one, together

HALF = 10
"""A new conversation is looked at for twice as many turns: its tenth stands in the middle."""
BESIDE = 3
"""So many new conversations, one after the other, are held beside a late window; it is as long as all of them."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    members: int
    turns: int
    """Of each member, in each round: a conversation is no longer than that."""
    alone: int
    """Members one after the other at low load, with `turns` each."""
    ours_until: tuple[int, ...]
    stock_until: tuple[int, ...]
    """The turns at which growth is looked at."""

    @property
    def people(self) -> int:
        """The members of ours that all of it takes: nobody is measured twice."""
        return self.members + self.rounds * 3 * (self.members + self.alone) + 1 + BESIDE * len(self.ours_until)


QUICK = Effort(1, 20, 10, 5, (10, 100), (10, 70))
FULL = Effort(5, 20, 10, 10, (10, 100, 1000), (10, 100, 270))


@dataclass
class Speed:
    """Measurement A of one contender: a sample a round."""

    full: list[Sample] = field(default_factory=list)
    low: list[Sample] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Processor seconds a turn, of the full samples."""
    load_busy: float = 0.0
    """The largest share of a processor the load generator (and the sink) needed."""


async def warm_up(contender: Contender, effort: Effort) -> None:
    """The first 200 turns, which nobody counts (for a bot that has several contenders the first one's)."""
    await _sample(contender, await contender.talkers(effort.members), effort.turns)


async def speed(contenders: Sequence[Contender], effort: Effort) -> dict[str, Speed]:
    """Rounds in which every contender has its turn, so that what disturbs the machine disturbs all of them."""
    found = {contender.name: Speed() for contender in contenders}
    for _ in range(effort.rounds):
        for contender in contenders:
            result = found[contender.name]
            talkers = await contender.talkers(effort.members)
            busy, used = time.process_time(), contender.cpu
            sample = await _sample(contender, talkers, effort.turns)
            result.full.append(sample)
            result.cpu.append((contender.cpu - used) / len(sample.latencies))
            result.load_busy = max(result.load_busy, (time.process_time() - busy) / sample.seconds)
            result.low.append(await one_by_one(await contender.talkers(effort.alone), effort.turns))
    return found


async def _sample(contender: Contender, talkers: Sequence[Talker], turns: int) -> Sample:
    before = contender.sink.received if contender.sink else 0
    sample = await together(talkers, turns)
    contender.spoken += len(sample.latencies)
    if contender.sink and contender.sink.received - before != len(sample.latencies):
        raise WrongAnswer(f"{contender.name}: the number of messages is not that of the turns")
    return sample


@dataclass(frozen=True, slots=True)
class Growth:
    """Measurement B: medians of windows of one long conversation, in seconds, by their middle."""

    windows: dict[int, float]
    beside: dict[int, float]
    """At the same times: the first turns of a new conversation."""

    @property
    def ratio(self) -> float:
        """The last window to the first."""
        return self.windows[max(self.windows)] / self.windows[min(self.windows)]

    @property
    def ratio_beside(self) -> float:
        """The last window to a new conversation's, turn by turn beside it: what grows or is disturbed but the
        conversation is in both."""
        return self.windows[max(self.windows)] / self.beside[max(self.beside)]


async def growth(contender: Contender, middles: Sequence[int]) -> Growth:
    """One conversation as long as the last of the `middles` asks for; beside every window a new one."""
    [old] = await contender.talkers(1)
    windows: dict[int, float] = {}
    beside: dict[int, float] = {}
    spoken = 0
    for middle in middles:
        new_ones = await contender.talkers(BESIDE if middle > BESIDE * HALF else 1)
        while spoken < middle - HALF * len(new_ones):
            await old.turn()
            spoken += 1
        pairs = [(await old.turn(), await new.turn()) for new in new_ones for _ in range(2 * HALF)]
        spoken += len(pairs)
        windows[middle] = median(pair[0] for pair in pairs)
        beside[middle] = median(pair[1] for pair in pairs)
    return Growth(windows, beside)


def ratios(mine: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round, so that both sides of a ratio were measured next to each other."""
    return [one / other for one, other in zip(mine, theirs, strict=True)]
