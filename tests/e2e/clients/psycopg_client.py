# SPDX-License-Identifier: Apache-2.0
"""psycopg 3, or psycopg 2 where the snippet imports that: what is used here is the same in both."""
import scenario

connection = scenario.snippet()["connection"]


class Client:
    def migrate(self):
        with connection.cursor() as cursor:
            cursor.execute(scenario.CREATE_THINGS)
            cursor.execute(scenario.ADD_NOTE)
        connection.commit()

    def database(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            return cursor.fetchone()[0]

    def insert_each(self, names):
        try:
            with connection.cursor() as cursor:
                for name in names:  # more than psycopg 3's prepare_threshold
                    cursor.execute("INSERT INTO things (name) VALUES (%s)", (name,))
            connection.commit()
        except Exception:
            connection.rollback()
            raise

    def insert_batch(self, names):
        with connection.cursor() as cursor:
            rows = [(name,) for name in names]
            cursor.executemany("INSERT INTO things (name) VALUES (%s)", rows)
        connection.commit()

    def insert_big(self, name, body, blob):
        sql = "INSERT INTO things (name, body, blob) VALUES (%s, %s, %s)"
        with connection.cursor() as cursor:
            cursor.execute(sql, (name, body, blob))
        connection.commit()

    def read_big(self, name):
        with connection.cursor() as cursor:
            cursor.execute(scenario.BIG + "%s", (name,))
            return cursor.fetchone()

    def count(self, pattern):
        with connection.cursor() as cursor:
            cursor.execute(scenario.COUNT + "%s", (pattern,))
            return cursor.fetchone()[0]

    def cancelled(self):
        scenario.later(connection.cancel)
        try:
            with connection.cursor() as cursor:
                cursor.execute(scenario.SLEEP)
        finally:
            connection.rollback()

    def close(self):
        connection.close()


scenario.run(Client())
