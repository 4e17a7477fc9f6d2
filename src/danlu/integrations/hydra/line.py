"""How a job in another process speaks: a connection to the sweep, on which it names its number and gets its task.

Launchers such as joblib and submitit start jobs where they like. Frames are msgpack, never pickles, and both ends know a secret that
the sweep made up (``multiprocessing.connection`` checks it by HMAC).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, Listener

import msgspec

from ...contracts.messages import Message, Refused, Reply, Task
from ...errors import StoreError
from ...runtime.attempt import Attempt
from ...runtime.live import LiveTrial

_encoder = msgspec.msgpack.Encoder()
_task = msgspec.msgpack.Decoder(Task)
_message: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_reply: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)

ADDRESS = "DANLU_HYDRA"
"""The variable that tells jobs in other processes where the sweep listens."""

LOST = (OSError, EOFError)


class JobLine:
    """Listens for jobs.

    Args:
        task: the task of a trial that runs, by its number; None for any other.
        hear: answers what a job says.
        anywhere: whether jobs of other machines may call, or those of this one only.
    """

    def __init__(
        self, task: Callable[[int], Task | None], hear: Callable[[Message], Reply], *, anywhere: bool = False
    ) -> None:
        self._task, self._hear = task, hear
        key = secrets.token_bytes(32)
        self._listener = Listener(("0.0.0.0" if anywhere else "127.0.0.1", 0), backlog=64, authkey=key)  # noqa: S104
        host = socket.gethostname() if anywhere else "127.0.0.1"
        _, self._port = self._listener.address
        self._closed = False
        self._before = os.environ.get(ADDRESS)
        os.environ[ADDRESS] = f"{host}:{self._port}:{key.hex()}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        if self._closed:
            return
        self._closed = True
        os.environ.pop(ADDRESS, None)
        if self._before is not None:
            os.environ[ADDRESS] = self._before
        with contextlib.suppress(OSError):  # so that accept returns
            socket.create_connection(("127.0.0.1", self._port), timeout=5).close()
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        from multiprocessing import AuthenticationError

        while not self._closed:
            try:
                connection = self._listener.accept()
            except (*LOST, AuthenticationError):
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with connection, contextlib.suppress(*LOST, msgspec.MsgspecError):
            task = self._task(int(connection.recv_bytes(16)))
            connection.send_bytes(b"" if task is None else _encoder.encode(task))
            while task is not None:
                message = _message.decode(connection.recv_bytes())
                if (message.trial, message.attempt) == (task.trial, task.attempt):
                    reply = self._hear(message)
                else:
                    reply = Refused("a job speaks for its own trial only.", "Fenced")
                connection.send_bytes(_encoder.encode(reply))


def called(address: str, number: int) -> LiveTrial:
    """The trial of this number, spoken for from here.

    Raises:
        StoreError: when the sweep does not answer, or does not run this trial.
    """
    host, port, key = address.rsplit(":", 2)
    try:
        connection = Client((host, int(port)), authkey=bytes.fromhex(key))
        connection.send_bytes(str(number).encode())
        frame = connection.recv_bytes()
    except LOST as error:
        raise StoreError(
            f"the sweep that has started this job does not answer at {host}:{port}: {error}."
        ) from error
    if not frame:
        raise StoreError(
            f"the sweep that has started this job does not run a trial {number}. Start the job anew."
        )
    lock = threading.Lock()

    def say(message: Message) -> Reply:
        try:
            with lock:
                connection.send_bytes(_encoder.encode(message))
                return _reply.decode(connection.recv_bytes())
        except LOST as error:
            raise StoreError(f"the sweep that has started this job has ended: {error}.") from error

    return LiveTrial(Attempt(_task.decode(frame), say))
