# SPDX-License-Identifier: Apache-2.0
"""asyncpg, by the URL of the .env snippet."""
import asyncio
import os

import asyncpg
import scenario

loop = asyncio.new_event_loop()


def wait(coroutine):
    return loop.run_until_complete(coroutine)


connection = wait(asyncpg.connect(os.environ["DATABASE_URL"]))


class Client:
    def migrate(self):
        wait(connection.execute(scenario.CREATE_THINGS))
        wait(connection.execute(scenario.ADD_NOTE))

    def database(self):
        return wait(connection.fetchval("SELECT current_database()"))

    def insert_each(self, names):
        async def insert():
            async with connection.transaction():
                for name in names:
                    await connection.execute("INSERT INTO things (name) VALUES ($1)", name)
        wait(insert())

    def insert_batch(self, names):
        rows = [(name,) for name in names]
        wait(connection.executemany("INSERT INTO things (name) VALUES ($1)", rows))

    def insert_big(self, name, body, blob):
        sql = "INSERT INTO things (name, body, blob) VALUES ($1, $2, $3)"
        wait(connection.execute(sql, name, body, blob))

    def read_big(self, name):
        return wait(connection.fetchrow(scenario.BIG + "$1", name))

    def count(self, pattern):
        return wait(connection.fetchval(scenario.COUNT + "$1", pattern))

    def cancelled(self):
        # The cancel request of a time-out goes out by itself; the caller sees only the time-out.
        try:
            wait(connection.execute(scenario.SLEEP, timeout=0.5))
        except asyncio.TimeoutError:
            error = asyncpg.QueryCanceledError()
            sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'" \
                " AND state = 'active' AND pid <> pg_backend_pid()"
            raise error if wait(connection.fetchval(sleeping)) == 0 else TimeoutError

    def close(self):
        wait(connection.close())


scenario.run(Client())
