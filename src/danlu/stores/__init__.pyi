# The stores, and what one of your own keeps.
from .base import Journal as Journal
from .base import Store as Store
from .memory import MemoryStore as MemoryStore
from .postgres import PostgresStore as PostgresStore
from .sqlite import SqliteStore as SqliteStore
