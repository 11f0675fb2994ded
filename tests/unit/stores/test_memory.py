"""MemoryStore: the contract, and what it alone promises."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import Deferred

from chatcomet.core.message import Draft
from chatcomet.core.rulings import Ruling
from chatcomet.core.store import Retain, Store, keep_all
from chatcomet.stores import memory
from chatcomet.stores.memory import MemoryStore
from tests.unit.stores import contract, erasing_contract, retention_contract, rulings_contract

T = TypeVar("T")


class MemoryCase(contract.StoreCase):
    """A store that answers before it returns."""

    def make(self, retain: Retain = keep_all) -> Store:
        store = MemoryStore(lambda: self.now, retain)
        self.successResultOf(store.open())
        return store

    def wait_for(self, fired: Deferred[T]) -> None:
        pass


class MemoryRulingsTests(MemoryCase, rulings_contract.RulingsContract):
    """Rulings in memory."""

    def test_those_that_are_over_do_not_stay(self) -> None:
        self.patch(memory, "CROWD", 10)
        store = MemoryStore(lambda: self.now)
        for number in range(1_000):
            self.now = float(number)
            store.rule(Ruling("ended", "", str(number), self.now + 5, "ada", self.now))
        self.assertLessEqual(len(store._rulings), 11)


class MemoryErasingTests(MemoryCase, erasing_contract.ErasingContract):
    """Erasing in memory."""


class MemoryRetentionTests(MemoryCase, retention_contract.RetentionContract):
    """Retention in memory."""


class MemoryStoreTests(MemoryCase, contract.StoreContract):
    """Messages in memory."""

    def test_an_epoch_can_be_given(self) -> None:
        self.assertEqual(MemoryStore(lambda: self.now, epoch="k3v9").epoch, "k3v9")

    def test_each_store_has_an_epoch_of_its_own(self) -> None:
        self.assertNotEqual(self.make().epoch, self.make().epoch)

    def test_a_fault_in_an_append_reaches_its_poster_and_stops_nothing(self) -> None:
        times = iter([5.0])
        store = MemoryStore(lambda: next(times))
        self.successResultOf(store.append("lobby", Draft("ada", "a")))
        self.failureResultOf(store.append("lobby", Draft("ada", "b")), StopIteration)
        self.failureResultOf(store.append("lobby", Draft("ada", "c")), StopIteration)
