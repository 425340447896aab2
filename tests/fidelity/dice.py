"""Choices out of a seed, the same with every version of Python: only getrandbits() is asked."""
import random


class Dice:
    def __init__(self, seed):
        self._bits = random.Random(seed).getrandbits

    def below(self, limit):
        """A number of at least 0 and less than limit."""
        return self._bits(48) % limit

    def between(self, least, most):
        return least + self.below(most - least + 1)

    def once_in(self, times):
        return self.below(times) == 0

    def pick(self, things):
        return things[self.below(len(things))]

    def some(self, things, count):
        """Up to count of them, each once, in an order of its own."""
        left, chosen = list(things), []
        while left and len(chosen) < count:
            chosen.append(left.pop(self.below(len(left))))
        return chosen

    def shuffled(self, things):
        return self.some(things, len(things))
