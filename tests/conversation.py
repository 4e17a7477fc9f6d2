"""A deterministic simulation of a pool and its workers: pipes, deaths, forks that hold pipes open, threads that speak late.

The pool's own code runs as it is (``Pool``, ``Slot``, ``Exchange``). What is simulated is what lies between: when a worker gets on, which
of its threads speaks, in which order replies arrive, when it dies, and whether something holds its pipe open afterwards.
"""

import random
from collections import Counter, deque
from unittest import mock

from danlu.contracts.messages import Drawn, Note, Outcome, Refused, Task
from danlu.engines.line import Exchange
from danlu.engines.pool import Pool
from danlu.engines.wire import Free, Ready, Run, Said, Told
from danlu.engines.worker_process import WorkerProcess
from danlu.problem.budget import AttemptLimits


class Violation(AssertionError):
    """A promise was broken."""


class Thread:
    """A thread of a trial: says something, and must hear the answer to this and nothing else."""

    def __init__(self, worker, trial, name):
        self.worker, self.trial, self.name = worker, trial, name
        self.number, self.heard, self.said = None, None, 0


class Worker:
    """A worker process as its pool sees it: frames in, frames out, and an end."""

    def __init__(self, world, process):
        self.world, self.process = world, process
        self.life = process.life
        self.inbox, self.threads, self.task, self.left = deque(), [], None, 0
        self.exchange, self.waiting = Exchange(), {}
        self.alive, self.ended, self.told = True, False, False

    def frame(self, frame):
        if not self.ended:
            self.process._hear(self.life, frame)

    def receive(self, frame):
        if self.alive:
            self.inbox.append(frame)

    def step(self):
        """One thing that the worker does."""
        dice, world = self.world.dice, self.world
        if self.inbox and dice.random() < 0.7:
            at = dice.randrange(len(self.inbox)) if dice.random() < 0.5 else 0  # replies overtake each other
            frame = self.inbox[at]
            del self.inbox[at]
            if isinstance(frame, Told):
                self.exchange.told(frame)
            else:
                self.begin(frame)
            return
        if self.task is None:
            self.speak()
        elif world.chance(0.03):
            world.counts["death at a trial"] += 1
            self.die()
        elif self.left:
            self.left -= 1
            self.speak()
        else:
            self.finish()

    def begin(self, frame):
        self.task = frame.task
        self.left, self.told = self.world.dice.randrange(1, 8), False
        own = [Thread(self, frame.task.trial, name) for name in range(self.world.dice.randrange(1, 4))]
        self.threads = [each for each in self.threads if self.world.chance(0.5)] + own

    def finish(self):
        """The objective has returned: the result is told first; what follows may still end the process."""
        task, self.task = self.task, None
        self.world.returned.add(task.trial)
        self.frame(Outcome(task.trial, task.attempt, 1.0, returned=float(task.trial)))
        if self.world.chance(0.08):
            self.world.counts["death after the result"] += 1
            self.die()
        else:
            self.frame(Free())

    def speak(self):
        """Some thread says something, perhaps of a trial that is over."""
        if not self.threads:
            return
        thread = self.world.dice.choice(self.threads)
        if thread.number is not None:
            self.listen(thread)
            return
        thread.said += 1
        text = f"{thread.trial}/{thread.name}/{thread.said}"
        late = self.task is None or thread.trial != self.task.trial
        self.world.counts["said late" if late else "said"] += 1

        def send(said):
            thread.number, thread.text, thread.late = said.number, text, late
            self.waiting[thread] = self.exchange._waiting[said.number]
            self.frame(Said(said.number, Note(thread.trial, 1, {"text": text})))
            raise InterruptedError  # the thread waits, and the simulation goes on

        numbers = self.exchange._waiting
        try:
            self.exchange.ask(None, send)
        except InterruptedError:
            numbers[thread.number] = self.waiting[thread]

    def listen(self, thread):
        """What a waiting thread has heard meanwhile."""
        queue = self.waiting[thread]
        if queue.empty():
            return
        reply = queue.get()
        if isinstance(reply, Drawn) and reply.value != thread.text:
            raise Violation(f"{thread.text} heard the answer to {reply.value}")
        if (
            isinstance(reply, Refused)
            and not thread.late
            and self.task is not None
            and self.task.trial == thread.trial
        ):
            raise Violation(f"{thread.text} was refused while its trial runs")
        del self.exchange._waiting[thread.number]
        thread.number = None

    def die(self):
        """The process ends; whatever it has forked may hold its pipe for ever, so nothing but its death is noticed."""
        self.alive = False
        if self.task is not None:
            self.world.died.add(self.task.trial)
        self.inbox.clear()
        self.world.dying.append(self)

    def noticed(self):
        self.frame(None)
        self.ended = True


class World:
    """One seed's pool of two slots with its trials."""

    def __init__(self, seed, trials=12):
        self.dice = random.Random(seed)
        self.counts, self.workers, self.dying = Counter(), {}, []
        self.returned, self.died, self.ends, self.trials = set(), set(), {}, trials

    def chance(self, share):
        return self.dice.random() < share

    def run(self):
        with (
            mock.patch.object(WorkerProcess, "run", lambda process, setup, task: self.run_in(process, task)),
            mock.patch.object(
                WorkerProcess, "tell", lambda process, told: self.workers[process].receive(told)
            ),
            mock.patch.object(WorkerProcess, "end", lambda process: self.let_go(process)),
            mock.patch.object(WorkerProcess, "kill", lambda process: self.kill(process)),
            mock.patch("danlu.runtime.processes.is_dead", return_value=True),
        ):
            self.play()
        self.check()
        return self

    def run_in(self, process, task):
        if process.there:
            self.workers[process].receive(Run(task))
            return
        process._process = mock.Mock()
        worker = self.workers[process] = Worker(self, process)
        worker.frame(Ready())
        worker.begin(Run(task))

    def let_go(self, process):
        process._process = None
        process.life += 1
        return 1

    def kill(self, process):
        worker = self.workers.get(process)
        if worker is not None and worker.alive:
            worker.die()

    def play(self):
        pool = Pool(workers=2)
        pool.open("leaving:plain", self.answer)
        waiting = [Task(number, 1, {}, (), 0, "", limits=AttemptLimits()) for number in range(self.trials)]
        for _ in range(6000):
            running = sum(slot.task is not None for slot in pool._slots)
            if waiting and running < 2 and not pool._waiting:
                pool.start(waiting.pop(0))
            for worker in list(self.workers.values()):
                if worker.alive and self.chance(0.8):
                    worker.step()
            if self.dying and self.chance(0.3):
                self.dying.pop(self.dice.randrange(len(self.dying))).noticed()
            if self.chance(0.6) and not pool._inbox.empty():
                self.deliver(pool)
            if len(self.ends) == self.trials and not self.dying and pool._inbox.empty():
                return
        raise Violation(f"trials {set(range(self.trials)) - set(self.ends)} never end")

    def deliver(self, pool):
        slot, life, frame = pool._inbox.get()
        before = self.workers.get(slot.worker)
        pool._deliver(slot, life, frame)
        if frame is None and before is not None and before.alive and before.life == life:
            raise Violation("a worker that lives was taken for dead")

    def answer(self, message):
        if isinstance(message, Note):
            if message.trial in self.ends:
                raise Violation(f"trial {message.trial} spoke after its end")
            return Drawn(message.facts["text"])
        if message.trial in self.ends:
            raise Violation(f"trial {message.trial} ended twice")
        self.ends[message.trial] = message
        return Drawn(None)

    def check(self):
        for number in self.returned:
            if self.ends[number].returned != float(number):
                raise Violation(f"the result of trial {number} was lost: {self.ends[number]}")
        for number, outcome in self.ends.items():
            if outcome.cause is not None and number not in self.died:
                raise Violation(f"trial {number} ended with {outcome}, and no worker died of it")


def converse(seed):
    """Run one seed; raises ``Violation``."""
    return World(seed).run()
