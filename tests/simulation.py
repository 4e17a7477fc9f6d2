"""A deterministic simulation of workers, journal, network and clocks, all from one seed.

The study's own code runs as it is: claims, responder, replica, history, schedulers, and the journal's terms. What is simulated is
what surrounds it: turns of workers, lost requests and lost replies, repeated messages, crashes, pauses longer than a lease,
clocks that jump, process namespaces that share a host name and cannot look into each other. A failing seed replays to the bit.
"""

import hashlib
import math
import random
import socket
from collections import Counter
from functools import partial
from unittest import mock

import danlu
from danlu.base import identity as life
from danlu.contracts.messages import Outcome, Refused, Report, Save, Verdict
from danlu.contracts.protocols import OVER, Terms
from danlu.errors import Conflict, DanluError, Fenced, StoreError
from danlu.journal import events as ev
from danlu.journal.events import Action, Cause, Status
from danlu.journal.history import History

SPACE = {"x": danlu.Float(0, 1)}
LEASE, STEPS, RETRIES = 10.0, 4, 2


class Violation(AssertionError):
    """A promise was broken."""


class World:
    """One seed's world: a journal, a clock, workers, and what they were told is safe."""

    def __init__(self, seed, *, workers=3, trials=8, faults=1.0):
        self.dice = random.Random(seed)
        self.now = 1000.0
        self.store = danlu.stores.MemoryStore(lease_seconds=LEASE, clock=lambda: self.now)
        self.trials, self.faults = trials, faults
        self.reopens = seed % 3 == 2  # in some worlds a person has trials that are over trained on
        self.poison = {number for number in range(trials) if self.dice.random() < 0.1}
        self.raises = {number for number in range(trials) if self.dice.random() < 0.1} - self.poison
        self.blobs, self.acknowledged, self.ended = {}, {}, {}
        self.processes, self.seer = {}, ""  # of every namespace; whose eyes look
        self.counts = Counter()
        self.readers = [(History(), []) for _ in range(2)]
        self.workers = [Worker(self, f"w{number}") for number in range(workers)]
        self.journal = self.store.journal("s")

    def chance(self, share):
        return self.dice.random() < share * self.faults

    def run(self, turns=400):
        with self.one_host():
            return self.live(turns)

    def one_host(self):
        """All workers have one host name and one boot; each sees the processes of its own namespace alone."""
        return mock.patch.multiple(
            life, boot=lambda: "boot", _namespace=lambda: self.seer,
            _started=lambda pid: self.processes.get((self.seer, pid), ""),
        )  # fmt: skip

    def live(self, turns):
        for _ in range(turns):
            self.turn()
        self.faults = 0.0
        for _ in range(4000):
            if all(worker.over for worker in self.workers):
                break
            self.turn()
        else:
            raise Violation("the study never ends")
        for reader in range(2):
            self.read(reader)
        self.check()
        return self

    def turn(self):
        self.now += self.dice.expovariate(2.0)
        worker = self.dice.choice([worker for worker in self.workers if not worker.busy])
        if worker.asleep > self.now:
            return
        worker.busy = True
        try:
            self.act(worker)
        finally:
            worker.busy = False
        for each in self.workers:
            held = [t for t, (_, owner, _) in self.journal._leases.items() if owner == each.identity]
            if len(held) > 1:
                raise Violation(f"{each.identity} holds {held}")

    def meanwhile(self):
        """A request is slow: the other workers go on before it arrives."""
        while self.chance(0.15) and sum(worker.busy for worker in self.workers) < len(self.workers):
            self.counts["overtaken"] += 1
            self.turn()

    def act(self, worker):
        worker.beat()
        if self.chance(0.02):
            self.counts["crash"] += 1
            worker.crash()
        elif self.chance(0.02):
            self.counts["pause"] += 1
            worker.asleep = self.now + self.dice.uniform(0, 4 * LEASE)
        elif self.chance(0.03):
            self.counts["clock jump"] += 1
            worker.skew = self.dice.uniform(-1e6, 1e6)
        elif self.reopens and self.chance(0.02):
            worker.reopen()
        else:
            worker.step()
        if self.chance(0.1) or not self.faults:
            self.read(self.dice.randrange(2))

    def healthy(self, held, journal):
        """A lease that runs is nobody's to end but of the namespace that has seen its worker die."""
        living = {worker.identity for worker in self.workers}
        for trial, lease in held.items():
            if lease is None or journal._leases[trial] == lease or lease[1] not in living:
                continue
            raise Violation(f"trial {trial} was taken from {lease[1]}, which lives and holds its lease")

    def read(self, which):
        """A reader that follows the journal by its cursor."""
        history, seen = self.readers[which]
        for entry in self.journal.read(history.seq):
            history.fold((entry,))
            seen.append(entry.seq)

    def check(self):
        entries = list(self.journal.read(0))
        for _, seen in self.readers:
            if seen != list(range(1, len(entries) + 1)):
                raise Violation("a reader missed or repeated an event")
        attempts, over, asked, steps, reopened = {}, {}, [], {}, set()
        for entry in entries:
            event = entry.event
            number = getattr(event, "trial", -1)
            if number < 0:
                continue
            if isinstance(event, ev.Asked):
                asked.append(number)
                attempts[number] = 1
                continue
            if isinstance(event, ev.Reopened):
                if number not in over or number in reopened:
                    raise Violation(f"trial {number} was reopened before it was over")
                reopened.add(number)
                continue
            if isinstance(event, ev.Resumed) and number in reopened:
                reopened.discard(number)
                del over[number]
            if number in over:
                raise Violation(f"trial {number} has {event} after {over[number]}")
            if isinstance(event, ev.Resumed):
                if event.attempt != attempts[number] + 1:
                    raise Violation(f"attempt {event.attempt} of trial {number} after {attempts[number]}")
                attempts[number] = event.attempt
            elif getattr(event, "attempt", attempts[number]) != attempts[number]:
                raise Violation(f"{event} under attempt {attempts[number]}")
            if isinstance(event, ev.Reported):
                if (event.attempt, event.step) in steps.setdefault(number, set()):
                    raise Violation(f"trial {number} reported step {event.step} twice in one attempt")
                steps[number].add((event.attempt, event.step))
            if isinstance(event, ev.Ended) or (
                isinstance(event, ev.Reported) and event.action is Action.STOP
            ):
                over[number] = event
        if asked != list(range(self.trials)):
            raise Violation(f"asked {asked}")
        history = self.readers[0][0]
        if set(over) != set(asked):
            raise Violation(f"{set(asked) - set(over)} never ended")
        for (number, step), value in self.acknowledged.items():
            curve = history.trials[number].curve
            if dict(zip(curve.steps, curve.metrics["loss"], strict=True)).get(step) != value:
                raise Violation(f"step {step} of trial {number} was acknowledged and is gone")
        for number, status in self.ended.items():
            if history.rows.of(number).status is not status:
                raise Violation(f"trial {number} was told to be {status!r}")
        for trial in history.trials:
            if trial.deaths > RETRIES + 1:
                raise Violation(f"trial {trial.number} killed {trial.deaths} workers")
            if trial.status is Status.DONE and trial.metrics["trained"] != STEPS:
                raise Violation(f"trial {trial.number} trained {trial.metrics['trained']} steps")
            if trial.status is Status.DONE and trial.curve.steps != tuple(range(1, STEPS + 1)):
                raise Violation(f"trial {trial.number} reported steps {trial.curve.steps}")
            if (
                trial.number in self.poison
                and trial.cause is not Cause.CRASHED
                and trial.status is not Status.STOPPED
            ):
                raise Violation(f"trial {trial.number} was not quarantined: {trial}")

    @property
    def bytes(self):
        return [(entry.op, ev.encode(entry.event)) for entry in self.journal.read(0)]


class Network:
    """A journal behind a network that loses requests and replies; what it loses, the caller hears as a store error."""

    def __init__(self, world, inner, namespace):
        self.world, self.inner, self.namespace = world, inner, namespace

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def look(self):
        """End the leases of those who are known to be dead from here, as the stores do."""
        self.world.seer = self.namespace
        for trial, (attempt, owner, until) in self.inner._leases.items():
            if until < math.inf and life.dead(owner):
                self.world.counts["seen dead"] += 1
                self.inner._leases[trial] = (attempt, owner, -1.0)

    def orphans(self, running):
        self.look()
        return self.inner.orphans(running)

    def append(self, events, terms):
        self.world.meanwhile()
        held = {trial: self.inner._leases.get(trial) for trial, _ in terms.takes}
        self.look()
        self.world.healthy(held, self.inner)
        if self.world.chance(0.05):
            self.world.counts["lost request"] += 1
            raise StoreError("the request was lost")
        done = self.inner.append(events, terms)
        if self.world.chance(0.05):
            self.world.counts["lost reply"] += 1
            raise StoreError("the reply was lost")
        return done


class Behind:
    """A store whose journals are behind the network."""

    def __init__(self, world, namespace):
        self.world, self.namespace = world, namespace
        self.lease_seconds, self.blobs = world.store.lease_seconds, "unused"

    def studies(self):
        return self.world.store.studies()

    def create(self, name, event):
        return Network(self.world, self.world.store.create(name, event), self.namespace)

    def journal(self, name):
        return Network(self.world, self.world.store.journal(name), self.namespace)


class Worker:
    """One process: opens the study, takes trials, trains them step by step; each ``step`` is one turn."""

    def __init__(self, world, name):
        self.world, self.name, self.number = world, name, int(name[1:])
        self.life, self.asleep, self.skew, self.over, self.busy = 0, 0.0, 0.0, False, False
        self.open()

    def open(self):
        if self.life:
            del self.world.processes[self.namespace, self.pid]
        self.life += 1
        self.world.processes[self.namespace, self.pid] = str(self.life)
        self.identity = (
            f"{socket.gethostname()}/boot/{self.namespace}/{self.pid}/{self.life}/{self.name}.{self.life}"
        )
        self.study = danlu.open_study(
            SPACE, minimize="loss", trials=self.world.trials, seed=1, sampler="random", trial_limits=danlu.TrialLimits(retries=RETRIES),
            scheduler=danlu.schedulers.Patience(reports=3), store=Behind(self.world, self.namespace), name="s",
            clock=lambda: self.world.now + self.skew,
        )  # fmt: skip
        self.study.session.worker = self.study.session.claims._worker = self.identity
        self.study.session.replica.files.blobs = Forgetting()
        self.work = self.live()

    @property
    def namespace(self):
        """Every second worker is a container, another one each time it is started; the others share the machine's own."""
        return f"{self.name}.{self.life}" if self.number % 2 else "machine"

    @property
    def pid(self):
        """Small numbers, given again: every container has a process 1."""
        return 1 if self.number % 2 else 1 + self.life % 2 + self.number

    def crash(self):
        self.open()

    def beat(self):
        """The heart of a process that runs."""
        self.study.session.replica.journal.renew(self.identity)

    def reopen(self):
        """A person wants a trial that is over trained longer; others may want so at the same time."""
        history = self.study.session.replica.history
        over = [
            number
            for number, row in enumerate(history.rows)
            if row.status in (Status.DONE, Status.STOPPED) and row.usable()
        ]
        if self.over or not over:
            return
        number = self.world.dice.choice(over)
        event = ev.Reopened(number, history.rows.of(number).attempt, "more", self.world.now)
        try:
            self.study.session.replica.append(
                [(None, event)], Terms(holds=((number, OVER),), drops=(number,))
            )
            self.world.counts["reopened"] += 1
        except (Conflict, StoreError):
            self.study.session.replica._doubt = True

    def step(self):
        if self.over:
            return
        try:
            next(self.work)
        except StopIteration:
            self.over = True
        except StoreError:
            self.crash()  # a driver ends with its store's error, and is started again

    def patiently(self, act):
        """Repeat what the network lost; the same words mean the same."""
        while True:
            try:
                return act()
            except StoreError:
                self.world.counts["repeated"] += 1
                yield

    def say(self, message):
        reply = yield from self.patiently(lambda: self.study.session.responder.answer(message))
        if self.world.chance(0.08):
            self.world.counts["duplicate"] += 1
            again = yield from self.patiently(lambda: self.study.session.responder.answer(message))
            if isinstance(message, Report) and reply == Verdict() != again and not isinstance(again, Refused):
                raise Violation(f"{message} was answered {reply}, then {again}")
        return reply

    def live(self):
        asks = 0
        while True:
            self.study.session.claims._looked = -1e9
            number = self.study.session.claims.old()
            if number is None:
                asks += 1
                try:
                    fresh = yield from self.patiently(
                        partial(self.study.session.claims.new, 1, f"{self.identity}/{asks}")
                    )
                except Fenced:
                    continue  # its trial was taken over while the answer was lost
                number = fresh[0] if fresh else None
            if number is None:
                history = self.study.session.replica.history
                if not history.rows.live[Status.RUNNING] and not history.rows.live[Status.WAITING]:
                    return
                yield
                continue
            task = self.study.session.claims.task(
                number
            )  # at once, as the driver does: what is read later may be another's attempt
            yield
            yield from self.train(task)

    def train(self, task):
        world, number, attempt = self.world, task.trial, task.attempt
        started = world.now
        kept = task.checkpoints[0] if task.checkpoints else None
        trained = list(world.blobs[kept.digest]) if kept else []
        for step in range((kept.step if kept else 0) + 1, STEPS + 1):
            yield
            if number in world.poison and step == 3:
                world.counts["poisoned"] += 1
                self.crash()
                yield
                return
            if number in world.raises and step == 2:
                yield from self.end(
                    Outcome(number, attempt, 1.0, cause=Cause.RAISED, reason="on purpose"), Status.FAILED
                )
                return
            trained.append(step)
            digest = hashlib.sha256(repr((number, attempt, step)).encode()).hexdigest()
            world.blobs[digest] = tuple(trained)
            reply = yield from self.say(Save(number, attempt, step, digest, 1))
            if isinstance(reply, Refused):
                return
            yield
            loss = task.params["x"] + 1 / step
            metrics = {"loss": loss, "trained": float(len(trained))}
            reply = yield from self.say(Report(number, attempt, step, metrics, world.now - started))
            if isinstance(reply, Refused):
                return
            world.acknowledged[number, step] = loss
            if reply.action is not Action.GO:
                return
        yield from self.end(Outcome(number, attempt, world.now - started), Status.DONE)

    def end(self, outcome, status):
        reply = yield from self.say(outcome)
        if not isinstance(reply, Refused):
            row = self.study.session.replica.history.rows.of(outcome.trial)
            if row.attempt == outcome.attempt:
                self.world.ended[outcome.trial] = status


class Forgetting:
    """Blobs that need no place: the world keeps what they hold."""

    place = ""

    def drop(self, names):
        pass


def simulate(seed, **how):
    """Run one seed; raises ``Violation``, or whatever else goes wrong."""
    try:
        return World(seed, **how).run()
    except (DanluError, KeyError, IndexError, RecursionError) as error:
        raise Violation(f"{type(error).__name__}: {error}") from error
